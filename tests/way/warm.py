"""Preloaded by the fork server of the tests: recipes and models, loaded once for all workers."""

from __future__ import annotations

import functools
from typing import Any

from watcher import prepare
from watcher.options import PixelOptions, ScrubOptions
from watcher.scrub.pixels import PixelJudge

judge: Any = PixelJudge
judge.load = functools.cache(PixelJudge.load)
prepare.verify([(ScrubOptions(), PixelOptions())])
