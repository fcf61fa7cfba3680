"""Our requests against a published mock server that validates them: Stoplight's Prism.

Needs `prism` (npm package @stoplight/prism-cli) on the PATH or its path in PRISM; nothing is
downloaded here.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.deliver.parcels import MakeParcel, study_fields
from tests.deliver.test_body import FACTS
from watcher.deliver.client import Destination
from watcher.deliver.outcomes import Verdict
from watcher.deliver.parcel import Parcel
from watcher.options import DeliverOptions

PRISM = os.environ.get("PRISM") or shutil.which("prism")
pytestmark = pytest.mark.skipif(
    PRISM is None, reason="no prism on this machine (npm install -g @stoplight/prism-cli)"
)


@asynccontextmanager
async def prism(document: Path) -> AsyncIterator[str]:
    """A mock server for this document; violations are answered with 422."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["mock", "--errors", "-h", "127.0.0.1", "-p", str(port), str(document)]
    process = await asyncio.create_subprocess_exec(
        str(PRISM),
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await asyncio.wait_for(_listening(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        await writer.wait_closed()
        return


def default_mode(make_parcel: MakeParcel) -> list[list[Parcel]]:
    """One image, a batch, a multi-frame, one without an age, and colour."""
    study = study_fields()
    colour = make_parcel(study)
    rgb = replace(colour.images[0], photometric_interpretation="RGB", samples_per_pixel=3)
    ageless = replace(study, patient_age=None)
    return [
        [make_parcel(study)],
        [make_parcel(study, width=300, height=200) for _ in range(5)],
        [make_parcel(study, frames=3)],
        [make_parcel(ageless)],
        [replace(colour, images=(rgb,))],
    ]


def lossless_mode(make_parcel: MakeParcel) -> list[list[Parcel]]:
    """12 bits in 16, with a fractional slope."""
    parcel = make_parcel()
    image = replace(
        parcel.images[0],
        bits_allocated=16,
        bits_stored=12,
        high_bit=11,
        rescale_slope=0.25,
        rescale_intercept=-1024.5,
    )
    return [[replace(parcel, images=(image,))]]


async def verdicts(url: str, requests: list[list[Parcel]]) -> set[Verdict]:
    """What the requests come to."""
    async with Destination(DeliverOptions(url=url)) as destination:
        return {(await destination.send(parcels)).verdict for parcels in requests}


async def posted(url: str, data: dict[str, Any]) -> int:
    """The status that a hand-made request gets."""
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/v1/images/upload", json=data) as answer,
    ):
        return answer.status


async def test_our_own_document(make_parcel: MakeParcel) -> None:
    """Both modes are taken, and what is wrong is not."""
    with resources.as_file(resources.files("watcher.deliver") / "openapi.yaml") as document:
        async with prism(document) as url:
            requests = default_mode(make_parcel) + lossless_mode(make_parcel)
            assert await verdicts(url, requests) == {Verdict.DELIVERED}
            assert await posted(url, {"study": {}}) == 422


async def test_the_facts_of_the_interface(make_parcel: MakeParcel, tmp_path: Path) -> None:
    """The default mode is taken by a backend that knows nothing of our decisions."""
    document = {
        "openapi": "3.0.3",
        "info": {"title": "facts", "version": "1"},
        "paths": {
            "/v1/images/upload": {
                "post": {
                    "requestBody": {
                        "required": True,
                        "content": {"application/json": {"schema": FACTS}},
                    },
                    "responses": {
                        "200": {
                            "description": "accepted",
                            "content": {
                                "application/json": {
                                    "schema": {
                                        "type": "object",
                                        "properties": {
                                            "success": {"type": "string", "example": "ok"}
                                        },
                                    }
                                }
                            },
                        }
                    },
                }
            }
        },
    }
    (tmp_path / "facts.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(document))))
    async with prism(tmp_path / "facts.yaml") as url:
        assert await verdicts(url, default_mode(make_parcel)) == {Verdict.DELIVERED}
        refused = await verdicts(url, lossless_mode(make_parcel))
        assert refused != {Verdict.DELIVERED}
