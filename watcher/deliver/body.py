"""The JSON body of one request, read from the text files piece by piece, never in memory whole."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from watcher.deliver import contract
from watcher.deliver.encode import create
from watcher.deliver.parcel import Parcel
from watcher.digest import Fingerprint
from watcher.errors import DeferredError
from watcher.model import ImageFields, Reason, SpoolFile, StudyFields

_PIECE = 1 << 20
_TAIL = b'"}'  # closes `data`, the last field of an image, and the image


class Body:
    """One request's body: its exact `size` in bytes, and its bytes.

    All parcels are of one Study and Series. Raises RefusedError(MISSING_ATTRIBUTE) when a field
    does not follow the contract. `lost` becomes the key of a parcel whose text is not what it was.
    """

    def __init__(self, parcels: Sequence[Parcel]) -> None:
        self.lost: str | None = None
        self._parts = list(_parts(parcels))
        self.size = sum(p.size if isinstance(p, _Text) else len(p) for p in self._parts)

    def skeleton(self) -> bytes:
        """The body with every `data` empty: all that leaves besides the images' own bytes."""
        return b"".join(part for part in self._parts if isinstance(part, bytes))

    def pieces(self) -> Iterator[bytes]:
        """The body. The end of a text comes only after its hash is known to be right.

        Raises DeferredError(SPOOL_LOST).
        """
        for part in self._parts:
            if isinstance(part, bytes):
                yield part
                continue
            try:
                yield from part.read()
            except (OSError, ValueError):
                self.lost = part.key
                raise DeferredError(Reason.SPOOL_LOST, "text") from None

    async def stream(self) -> AsyncIterator[bytes]:
        """`pieces`, read on a thread; small ones are joined, for each hop costs a tenth of a ms."""
        pieces, sent = self.pieces(), 0
        while sent < self.size:
            joined = await asyncio.to_thread(_joined, pieces)
            sent += len(joined)
            yield joined

    def check(self) -> None:
        """Look, cheaply, whether every text is there in its length; DeferredError(SPOOL_LOST)."""
        for part in self._parts:
            if isinstance(part, _Text) and not part.present():
                self.lost = part.key
                raise DeferredError(Reason.SPOOL_LOST, "text")


def skeleton(study: StudyFields, images: Sequence[ImageFields]) -> bytes:
    """All bytes that leave for one whole Instance, besides the images' own; for the guard."""
    return Body([Parcel("", study, tuple(images), Path())]).skeleton()


def write_body(
    path: Path, study: StudyFields, images: Sequence[ImageFields], folder: Path
) -> SpoolFile:
    """Write the request for one whole Instance to the new file `path`, as it would be sent.

    Raises RefusedError(MISSING_ATTRIBUTE), DeferredError(SPOOL_LOST), OSError.
    """
    body = Body([Parcel("", study, tuple(images), folder)])
    digest = Fingerprint()
    with create(path) as write:
        for piece in body.pieces():
            digest.update(piece)
            write(piece)
    return SpoolFile(path.name, body.size, str(digest))


class _Text:
    """One text file inside the body."""

    def __init__(self, key: str, path: Path, file: SpoolFile) -> None:
        self.key = key
        self.size = file.size
        self._path = path
        self._digest = file.digest

    def present(self) -> bool:
        try:
            return self._path.stat(follow_symlinks=False).st_size == self.size
        except OSError:
            return False

    def read(self) -> Iterator[bytes]:
        """Yield the text, one piece behind; ValueError before the last one if the hash differs."""
        digest = Fingerprint(self._digest)
        held = b""
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            left = self.size
            while left and (piece := os.read(descriptor, min(_PIECE, left))):
                digest.update(piece)
                left -= len(piece)
                if held:
                    yield held
                held = piece
        finally:
            os.close(descriptor)
        if left or str(digest) != self._digest:
            raise ValueError
        yield held


def _joined(pieces: Iterator[bytes]) -> bytes:
    """The next pieces, until they are worth a hop."""
    taken: list[bytes] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size >= _PIECE:
            break
    return b"".join(taken)


def _parts(parcels: Sequence[Parcel]) -> Iterator[bytes | _Text]:
    """Fixed JSON and text files in turn; the same parcels give the same bytes."""
    fields = parcels[0].study
    study = contract.study_of(fields).model_dump_json(by_alias=True, exclude_none=True)
    series = contract.series_of(fields).model_dump_json(by_alias=True)
    glue = f'{{"study":{study},"series":{series},"images":['.encode()
    for parcel in parcels:
        for image in parcel.images:
            entry = contract.image_of(image, parcel.number_of_frames)
            text = entry.model_dump_json(by_alias=True, exclude_none=True).encode()
            yield glue + text.removesuffix(_TAIL)
            yield _Text(parcel.key, parcel.folder / image.text.name, image.text)
            glue = _TAIL + b","
    yield _TAIL + b"]}"
