"""Verbs for people."""
