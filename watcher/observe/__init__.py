"""Logs, metrics and the status of the house."""
