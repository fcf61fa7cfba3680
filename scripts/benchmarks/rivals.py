"""What the gateway is held against: the bare floor, the original script, a plain pipeline."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip_lib
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset, dcmread


def floor(paths: list[Path], folder: Path, url: str) -> None:
    """Read, sha256, pydicom read and write, decode, window, fast PNG, base64, write, one POST."""
    for path in paths:
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        dataset = dcmread(io.BytesIO(data))
        dataset.save_as(folder / "floor.dcm")
        for number, frame in enumerate(_frames(dataset)):
            png = _png(_windowed(dataset, frame))
            text = base64.b64encode(png)
            (folder / "floor.png").write_bytes(png)
            (folder / "floor.txt").write_bytes(text)
            if number == 0:
                _post(url, text)


def script(paths: list[Path], folder: Path) -> None:
    """The first version of the idea: DicomCleaner detect, clean, save_png, save_dicom, base64."""
    from deid.dicom import DicomCleaner
    from deid.logger import bot

    folder.mkdir()
    bot.level = 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for path in paths:
            cleaner = DicomCleaner(output_folder=str(folder))
            cleaner.detect(str(path))
            cleaner.clean()
            cleaner.save_dicom()
            base64.b64encode(Path(cleaner.save_png()).read_bytes())


def plain(paths: list[Path], folder: Path, url: str) -> None:
    """What one would write today: deid's header and pixel rules, Pillow's PNG, one POST a file.

    DicomParser with deid's own recipe, its result saved; DicomCleaner on it with deid's own
    filters; each frame windowed as the floor does, saved by Pillow at its default level; base64 and
    a JSON body that the backend accepts. The parser comes first: it needs the file as it was sent.
    """
    from deid.dicom import DicomCleaner
    from deid.dicom.parser import DicomParser
    from deid.logger import bot

    folder.mkdir()
    bot.level = 0
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for path in paths:
            parser = DicomParser(str(path))
            parser.parse(remove_private=True)
            header = folder / path.name
            parser.dicom.save_as(header)
            cleaner = DicomCleaner(output_folder=str(folder))
            cleaner.detect(str(header))
            pixels = cleaner.clean()
            dataset = dcmread(header)
            images = []
            for frame in _split(dataset, pixels):
                png = io.BytesIO()
                Image.fromarray(_windowed(dataset, frame)).save(png, "PNG")
                images.append(_entry(dataset, frame, base64.b64encode(png.getvalue()).decode()))
            _post(url, json.dumps(_body(images, path.stem)).encode())


def _entry(dataset: Dataset, frame: NDArray[Any], text: str) -> dict[str, Any]:
    return {
        "imageInstanceUid": str(dataset.get("SOPInstanceUID", "1.2.3")),
        "sopClassUid": str(dataset.get("SOPClassUID", "1.2.3")),
        "height": frame.shape[0],
        "width": frame.shape[1],
        "rescaleSlope": 1,
        "rescaleIntercept": 0,
        "photometricInterpretation": "RGB" if frame.ndim == 3 else "MONOCHROME2",
        "samplesPerPixel": 3 if frame.ndim == 3 else 1,
        "bitsAllocated": 8,
        "bitsStored": 8,
        "highBit": 7,
        "data": text,
    }


def _body(images: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return {
        "study": {"studyInstanceUid": "1.2.4", "accessionNumber": name, "patientId": name},
        "series": {"seriesInstanceUid": "1.2.5"},
        "images": images,
    }


def _frames(dataset: Dataset) -> NDArray[np.generic]:
    return _split(dataset, dataset.pixel_array)


def _split(dataset: Dataset, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    many = int(getattr(dataset, "NumberOfFrames", 1)) > 1
    return pixels if many else pixels[None]


def _windowed(dataset: Dataset, frame: NDArray[np.generic]) -> NDArray[np.uint8]:
    if "WindowCenter" not in dataset:
        return frame.astype(np.uint8)
    slope, intercept = (
        float(dataset.get("RescaleSlope", 1)),
        float(dataset.get("RescaleIntercept", 0)),
    )
    low = float(dataset.WindowCenter) - float(dataset.WindowWidth) / 2
    bits = 1 << int(dataset.BitsAllocated)
    values = np.arange(bits, dtype=np.float32)
    values[bits // 2 :] -= bits if dataset.PixelRepresentation else 0
    shown = (values * slope + intercept - low) / float(dataset.WindowWidth) * 255
    table = np.clip(shown, 0, 255).astype(np.uint8)
    return np.take(table, frame.view(np.uint16))


def _png(image: NDArray[np.uint8]) -> bytes:
    rows = image.reshape(image.shape[0], -1)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return bytes(igzip_lib.compress(filtered.tobytes(), level=3, flag=igzip_lib.COMP_ZLIB))


def _post(url: str, text: bytes) -> None:
    """One request with these bytes; the answer is read, also a 400 for what is no contract body."""
    request = urllib.request.Request(  # noqa: S310
        f"{url}/v1/images/upload",
        data=text,
        method="POST",
        headers={"Content-Type": "application/json"},
    )
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:  # noqa: S310
        answer.read()
