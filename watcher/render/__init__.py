"""Clean pixels to PNG."""

from watcher.render.image import Rendered, render

__all__ = ["Rendered", "render"]
