"""Judging one upload: the JSON against our document, each image against its own PNG."""

from __future__ import annotations

import base64
import binascii
import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from watcher.deliver import contract
from watcher.receiver import png
from watcher.receiver.scanner import Scanner


class RejectedError(Exception):
    """Not acceptable: `status`, and a message that names a place, never a value."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message


@functools.cache
def _validator() -> Validator:
    document = contract.document()
    return Draft202012Validator({**document, "$ref": "#/components/schemas/Upload"})


def judge(scanner: Scanner, work: Path, *, inflate: bool) -> dict[str, Any]:
    """The request's body, its data replaced by the names of the PNGs, which are in `work`.

    Raises RejectedError(400 | 422), OSError.
    """
    body = _parsed(scanner.skeleton())
    errors = sorted(_validator().iter_errors(body), key=lambda e: list(map(str, e.path)))
    if errors:
        places = [f"{'.'.join(map(str, e.path)) or 'body'}: {e.validator}" for e in errors[:5]]
        raise RejectedError(400, ", ".join(places))
    for number, image in enumerate(body["images"]):
        image["data"] = _image(image, number, scanner, work, inflate=inflate)
    for blob in work.glob("blob-*"):  # long strings that nobody asked for
        blob.unlink()
    parsed: dict[str, Any] = body
    return parsed


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RejectedError(400, "body: not JSON") from None


def _image(
    fields: dict[str, Any], number: int, scanner: Scanner, work: Path, *, inflate: bool
) -> str:
    path = work / f"{number + 1}.png"
    blob = scanner.blob(fields["data"])
    if blob is None:
        _decode(fields["data"], path, number)
    elif blob.sound:
        blob.path.rename(path)
    else:
        raise RejectedError(400, f"images.{number}.data: not base64")
    try:
        png.check(path, fields, inflate=inflate)
    except png.BadImageError as error:
        raise RejectedError(422, f"images.{number}.{error}") from None
    return path.name


def _decode(text: str, path: Path, number: int) -> None:
    try:
        path.write_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        raise RejectedError(400, f"images.{number}.data: not base64") from None
