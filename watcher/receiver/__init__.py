"""The reference backend: the contract seen from the other side, for first runs and tests."""
