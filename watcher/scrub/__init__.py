"""Take PHI out of header and pixels, and prove it; `scrubber` is the door."""
