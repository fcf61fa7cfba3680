"""Take PHI out of header and pixels, and prove it."""

from watcher.scrub.scrubber import Scrubber

__all__ = ["Scrubber"]
