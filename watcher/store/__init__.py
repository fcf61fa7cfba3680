"""Ledger (SQLite) and spool (files): what survives a crash."""
