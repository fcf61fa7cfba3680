"""Burned-in text: device regions, reading, redaction, and a verdict on every Instance."""

from watcher.scrub.pixels.judge import PixelJudge, PixelVerdict

__all__ = ["PixelJudge", "PixelVerdict"]
