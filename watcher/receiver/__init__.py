"""The reference backend, for first runs and tests."""
