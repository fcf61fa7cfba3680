"""The verdict on one Instance's pixels: cleared by rule, redacted, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from watcher.dicom.part10 import Part10
from watcher.dicom.scrubbed import Box, Frames
from watcher.errors import RefusedError
from watcher.model import Reason
from watcher.options import PixelOptions
from watcher.scrub.pixels.classes import why_suspect
from watcher.scrub.pixels.high_bits import has_high_bits
from watcher.scrub.pixels.recipe import Rule, read_rules
from watcher.scrub.pixels.regions import apply_rules, as_rectangles

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class PixelVerdict:
    """How an Instance's pixels were cleared.

    `verdict` is a word for the ledger, `boxes` what must be filled, `clear_high_bits` whether bits
    outside of Bits Stored carry something and must be cleared (an overlay, PS3.5 8.1.1).
    """

    verdict: str
    boxes: tuple[Box, ...]
    clear_high_bits: bool


@dataclass(frozen=True, slots=True)
class PixelJudge:
    """The device rules, read once; judges one Instance after the other and keeps nothing."""

    rules: tuple[Rule, ...]

    @classmethod
    def load(cls, options: PixelOptions) -> PixelJudge:
        """Read our rules, deid's, and the site's on top. Raises ConfigError."""
        rules = read_rules(HERE / "house.recipe", strict=True)
        rules += read_rules(bundled_recipe(), strict=False)
        if options.recipe is not None:
            rules += read_rules(options.recipe, strict=True)
        return cls(rules)

    def judge(self, part: Part10, frames: Frames, words: frozenset[str]) -> PixelVerdict:
        """Say what must be masked, or raise RefusedError(BURNED_IN) when that is not certain."""
        dataset = part.dataset
        regions = apply_rules(self.rules, dataset, frames.rows, frames.columns)
        suspect = why_suspect(dataset)
        if suspect and not regions.known_device and not regions.masked.any():
            raise RefusedError(Reason.BURNED_IN, f"unknown device, suspect by {suspect}")
        boxes = tuple((0, *box) for box in as_rectangles(regions.masked))
        verdict = "regions" if boxes else "clean-by-rule"
        return PixelVerdict(verdict, boxes, has_high_bits(dataset, frames))


def bundled_recipe() -> Path:
    """deid's own `deid.dicom`, found without importing deid (which imports matplotlib)."""
    spec = find_spec("deid")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return Path(folders[0] if folders else "deid") / "data" / "deid.dicom"
