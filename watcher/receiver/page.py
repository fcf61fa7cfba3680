"""What the receiver holds, as one page to look at."""

from __future__ import annotations

import html
from typing import Any

from watcher.receiver.shelf import Shelf

POLICY = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
_NEWEST = 50
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
section { border-top: 1px solid #ccc; padding: 1rem 0; overflow-wrap: anywhere }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top }
img { background: #000; display: block; height: 12rem; max-width: 20rem; object-fit: contain }
figcaption, small { color: #555; font-size: 12px }
"""


def render(shelf: Shelf) -> str:
    """The newest requests first, each with its images."""
    newest = [(name, shelf.record(name)) for name in shelf.requests(_NEWEST)]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Reference receiver</title>'
        f"<style>{_STYLE}</style><h1>Reference receiver</h1>"
        f"<p>{len(shelf)} accepted requests. The newest:</p>"
        + "".join(_request(name, record) for name, record in newest)
        + "</html>"
    )


def _request(name: str, record: dict[str, Any]) -> str:
    study = record["body"]["study"]
    figures = "".join(_figure(name, image) for image in record["body"]["images"][:24])
    return (
        f"<section><p>{_text(study['patientId'])} &middot; {_text(study['accessionNumber'])}<br>"
        f"<small>{_text(record['received'])} &middot; study {_text(study['studyInstanceUid'])}"
        f"</small></p>{figures}</section>"
    )


def _figure(name: str, image: dict[str, Any]) -> str:
    frame = f", frame {image['frameNumber']}" if "frameNumber" in image else ""
    words = f"{image['width']} x {image['height']}, {image['bitsStored']} bits{frame}"
    source = f"/accepted/{name}/{_text(image['data'])}"
    return (
        f'<figure><a href="{source}"><img loading="lazy" alt="" src="{source}"></a>'
        f"<figcaption>{_text(image['photometricInterpretation'])}, {_text(words)}</figcaption>"
        "</figure>"
    )


def _text(value: object) -> str:
    return html.escape(str(value))
