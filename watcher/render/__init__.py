"""Clean pixels to PNG."""
