"""The header engine, its recipe and its keys."""
