"""The tools side by side: ours through its own command, the others as their manuals run them."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom

Tool = Callable[[Path, Path], None]


def ours(planted: Path, out: Path) -> dict[str, Path | None]:
    """`watcher scrub` over the folder; refused and excluded files map to None."""
    command = [sys.executable, "-m", "watcher", "scrub", str(planted), "--out", str(out)]
    subprocess.run(command, check=False, capture_output=True)
    outputs: dict[str, Path | None] = {}
    for line in (out / "manifest.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        staged = row["outcome"] == "staged"
        outputs[Path(row["source"]).name] = out / row["files"]["dcm"] if staged else None
    return outputs


def refusals(out: Path) -> dict[str, str]:
    """Planted file name to the reason why it was not staged."""
    rows = map(json.loads, (out / "manifest.jsonl").read_text("utf-8").splitlines())
    return {Path(r["source"]).name: r["reason"] for r in rows if r["outcome"] != "staged"}


def stock(name: str, planted: list[Path], out: Path) -> dict[str, Path | None]:
    """One of `STOCK` over the files; a file on which it raises is missing."""
    outputs: dict[str, Path | None] = {}
    logging.disable(logging.CRITICAL)
    for number, path in enumerate(planted):
        target = out / f"{number:04d}.dcm"  # not the planted name, which holds a patient's
        quiet = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(quiet):
            warnings.simplefilter("ignore")
            with contextlib.redirect_stderr(quiet):
                try:
                    STOCK[name](path, target)
                except (Exception, SystemExit):  # noqa: BLE001, S112 - its failure counts
                    continue
        outputs[path.name] = target
    logging.disable(logging.NOTSET)
    return outputs


def installed() -> list[str]:
    """The stock tools that are there."""
    needs = {"dicognito": "dicognito", "dicom-anonymizer": "dicomanonymizer"}
    return [n for n in STOCK if n not in needs or importlib.util.find_spec(needs[n])]


def _nothing(path: Path, target: Path) -> None:
    shutil.copyfile(path, target)


def _everything(path: Path, target: Path) -> None:
    """All that could be deleted is: the other end of what the key must tell apart."""
    dataset = pydicom.dcmread(path)
    kept = pydicom.Dataset()
    kept.file_meta = pydicom.dataset.FileMetaDataset()
    kept.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    kept.SOPClassUID, kept.SOPInstanceUID = dataset.SOPClassUID, pydicom.uid.generate_uid()
    kept.save_as(target, enforce_file_format=True)


def _deid_header(path: Path, target: Path) -> None:
    from deid.dicom import get_identifiers, replace_identifiers

    identifiers = get_identifiers([str(path)])
    replace_identifiers([str(path)], ids=identifiers, save=False)[0].save_as(target)


def _deid_cleaner(path: Path, target: Path) -> None:
    from deid.dicom import DicomCleaner

    cleaner = DicomCleaner(output_folder=str(target.parent))
    cleaner.detect(str(path))
    cleaner.clean()
    Path(cleaner.save_dicom()).rename(target)


def _deid_parser(path: Path, target: Path) -> None:
    from deid.dicom.parser import DicomParser

    try:
        parser = DicomParser(str(path))
        parser.parse(strip_sequences=True, remove_private=True)
    except KeyError:  # its strip_sequences loses its way in nested ones: the next best it can do
        parser = DicomParser(str(path))
        parser.parse(remove_private=True)
    parser.dicom.save_as(target)


def _dicognito(path: Path, target: Path) -> None:
    from dicognito.anonymizer import Anonymizer

    dataset = pydicom.dcmread(path)
    _ANONYMIZER.append(_ANONYMIZER[0] if _ANONYMIZER else Anonymizer(seed="bench"))
    _ANONYMIZER[0].anonymize(dataset)
    dataset.save_as(target)


def _dicom_anonymizer(path: Path, target: Path) -> None:
    from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file

    anonymize_dicom_file(str(path), str(target))


_ANONYMIZER: list[Any] = []
STOCK: dict[str, Tool] = {
    "nothing": _nothing,
    "delete all": _everything,
    "deid DicomCleaner": _deid_cleaner,
    "deid header": _deid_header,
    "deid DicomParser": _deid_parser,
    "dicognito": _dicognito,
    "dicom-anonymizer": _dicom_anonymizer,
}
