"""Take PHI out of header and pixels, and prove it."""
