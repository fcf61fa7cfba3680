"""Renew the shipped recipe from the table."""

from watcher.options import ScrubOptions
from watcher.scrub.profile.generate import SHIPPED, recipe_text

SHIPPED.write_text(recipe_text(ScrubOptions()), encoding="utf-8")
