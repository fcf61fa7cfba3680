"""The request of `openapi.yaml` as models; the only way in which fields become JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from watcher.errors import RefusedError
from watcher.model import ImageFields, Reason, StudyFields


@functools.cache
def document() -> dict[str, Any]:
    """Our own OpenAPI document, parsed."""
    text = resources.files(__package__).joinpath("openapi.yaml").read_text("utf-8")
    parsed: dict[str, Any] = yaml.safe_load(text)
    return parsed


def _whole(value: float) -> float:
    """Write 1.0 as 1: a backend that reads an integer can read ours in the default mode."""
    return int(value) if float(value).is_integer() else value


def _not_zero(value: float) -> float:
    if value == 0:
        raise ValueError("zero")
    return value


_UID = r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*$"
Uid = Annotated[str, Field(max_length=64, pattern=_UID)]
Pseudonym = Annotated[str, Field(min_length=1, max_length=64)]
Number = Annotated[
    float, Field(allow_inf_nan=False), PlainSerializer(_whole, return_type=int | float)
]
Slope = Annotated[Number, AfterValidator(_not_zero)]
Photometric = Literal[
    "MONOCHROME1",
    "MONOCHROME2",
    "PALETTE COLOR",
    "RGB",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_422",
    "YBR_PARTIAL_420",
    "YBR_ICT",
    "YBR_RCT",
]


class _Object(BaseModel):
    # No input in errors: a value must not reach a log by way of a message.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


_T = TypeVar("_T", bound=_Object)


class Study(_Object):
    """`study`: pseudonyms and an age."""

    study_instance_uid: Uid
    accession_number: Pseudonym
    patient_id: Pseudonym
    patient_age: str | None = Field(None, pattern=r"^0([0-8][0-9]|90)Y$")


class Series(_Object):
    """`series`: a pseudonym."""

    series_instance_uid: Uid


class Image(_Object):
    """One of `images`: what the bytes in `data` are. `data` stays the last field (see `body`)."""

    image_instance_uid: Uid
    sop_class_uid: Uid
    frame_number: int | None = Field(None, ge=1)
    number_of_frames: int | None = Field(None, ge=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    rescale_slope: Slope
    rescale_intercept: Number
    photometric_interpretation: Photometric
    samples_per_pixel: Literal[1, 3]
    bits_allocated: Literal[8, 16]
    bits_stored: int = Field(ge=2, le=16)
    high_bit: int = Field(ge=1, le=15)
    data: str

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """What a JSON schema cannot say: that the fields fit each other (PS3.3 C.7.6.3.1)."""
        if self.bits_stored > self.bits_allocated or self.high_bit != self.bits_stored - 1:
            raise ValueError("bits")
        one = self.photometric_interpretation in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
        if one != (self.samples_per_pixel == 1):
            raise ValueError("samples")
        if (self.frame_number is None) != (self.number_of_frames is None):
            raise ValueError("frames")
        if (self.frame_number or 0) > (self.number_of_frames or 0):
            raise ValueError("frame")
        return self


class Upload(_Object):
    """One request: images of one Series of one Study."""

    study: Study
    series: Series
    images: tuple[Image, ...] = Field(min_length=1)


def study_of(fields: StudyFields) -> Study:
    """Raises RefusedError(MISSING_ATTRIBUTE) with the places that do not follow the contract."""
    return _made(Study, {name: getattr(fields, name) for name in Study.model_fields})


def series_of(fields: StudyFields) -> Series:
    """Raises RefusedError(MISSING_ATTRIBUTE)."""
    return _made(Series, {name: getattr(fields, name) for name in Series.model_fields})


def image_of(fields: ImageFields, frames: int) -> Image:
    """The entry of one image, its data elided; `frames` is the Instance's Number of Frames.

    Raises RefusedError(MISSING_ATTRIBUTE).
    """
    own = {"number_of_frames": None if fields.frame_number is None else frames, "data": ""}
    shared = Image.model_fields.keys() - own.keys()
    return _made(Image, own | {name: getattr(fields, name) for name in shared})


def _made(model: type[_T], values: Mapping[str, object]) -> _T:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        places = _places(model.__name__.lower(), error.errors(include_url=False))
    raise RefusedError(Reason.MISSING_ATTRIBUTE, places)


def _places(part: str, errors: Sequence[Any]) -> str:
    """Field names and kinds of rule, never a value."""
    places = {".".join([part, *map(str, e["loc"])]) + f": {e['type']}" for e in errors}
    return ", ".join(sorted(places))
