"""A backend's own document is compared with what we send, before anything is sent."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from watcher.deliver import compare, contract
from watcher.errors import ConfigError
from watcher.options import DeliverOptions

Edit = Callable[[dict[str, Any]], object]
UPLOAD = "/v1/images/upload"


def theirs() -> dict[str, Any]:
    """A backend's document: OpenAPI 3.0, inline, with the narrow slope."""
    image = {
        "type": "object",
        "required": ["imageInstanceUid", "data"],
        "properties": {
            "imageInstanceUid": {"type": "string"},
            "rescaleSlope": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
            "photometricInterpretation": {"enum": ["MONOCHROME1", "MONOCHROME2", "RGB"]},
            "data": {"type": "string"},
        },
    }
    return {
        "openapi": "3.0.3",
        "info": {"title": "x", "version": "1"},
        "servers": [{"url": "https://backend.example/base"}],
        "paths": {
            UPLOAD: {
                "post": {
                    "parameters": [{"name": "X-Trace", "in": "header", "required": False}],
                    "requestBody": {
                        "content": {
                            "application/json": {
                                "schema": {
                                    "type": "object",
                                    "required": ["study", "series", "images"],
                                    "properties": {
                                        "study": {"$ref": "#/components/schemas/Study"},
                                        "images": {"type": "array", "items": image},
                                    },
                                }
                            }
                        }
                    },
                    "responses": {
                        200: {
                            "content": {
                                "application/json": {
                                    "schema": {"properties": {"success": {"type": "string"}}}
                                }
                            }
                        }
                    },
                }
            }
        },
        "components": {
            "schemas": {
                "Study": {
                    "type": "object",
                    "properties": {"patientAge": {"type": "string", "pattern": r"^\d+Y$"}},
                }
            }
        },
    }


def post(document: dict[str, Any]) -> dict[str, Any]:
    """Its operation."""
    found: dict[str, Any] = document["paths"][UPLOAD]["post"]
    return found


def schema(document: dict[str, Any]) -> dict[str, Any]:
    """Its request schema."""
    found: dict[str, Any] = post(document)["requestBody"]["content"]["application/json"]["schema"]
    return found


def image(document: dict[str, Any]) -> dict[str, Any]:
    """Its image schema."""
    found: dict[str, Any] = schema(document)["properties"]["images"]["items"]
    return found


def differences(document: dict[str, Any], *, lossless: bool = False, **options: Any) -> list[str]:
    """What the comparison says."""
    return compare.differences(document, DeliverOptions(**options), lossless=lossless)


@pytest.mark.parametrize("lossless", [False, True])
def test_our_own_document_takes_what_we_send(lossless: bool) -> None:
    """In both modes."""
    assert differences(contract.document(), lossless=lossless) == []


def test_a_narrow_slope_matters_in_lossless_mode_only() -> None:
    """In the default mode the slope is 1."""
    assert differences(theirs()) == []
    assert differences(theirs(), lossless=True) == ["images.rescaleSlope: type"]


def test_the_path_may_include_a_servers_own() -> None:
    """`url` and `path` are joined as the site likes."""
    assert differences(theirs(), path="/base" + UPLOAD) == []
    assert differences(theirs(), path="/v2/images") == ["paths: no POST /v2/images"]


BREAKING: list[tuple[str, Edit]] = [
    ("paths: no POST", lambda d: d["paths"].clear()),
    ("paths: no POST", lambda d: d["paths"][UPLOAD].update(put=d["paths"][UPLOAD].pop("post"))),
    ("requestBody", lambda d: post(d).pop("requestBody")),
    ("requestBody", lambda d: post(d)["requestBody"].update(content={"image/png": {}})),
    ("body: required order", lambda d: schema(d)["required"].append("order")),
    ("images: required laterality", lambda d: image(d)["required"].append("laterality")),
    ("images: additionalProperties", lambda d: image(d).update(additionalProperties=False)),
    ("images: maxItems", lambda d: schema(d)["properties"]["images"].update(maxItems=0)),
    (
        "images.photometricInterpretation: enum",
        lambda d: image(d)["properties"]["photometricInterpretation"]["enum"].remove("RGB"),
    ),
    (
        "images.rescaleSlope: type",
        lambda d: image(d)["properties"]["rescaleSlope"].update(type="string"),
    ),
    (
        "images.data: format",
        lambda d: image(d)["properties"]["data"].update({"maxLength": 10}),
    ),
    (
        "study.patientAge: pattern",
        lambda d: d["components"]["schemas"]["Study"]["properties"]["patientAge"].update(
            pattern="^[1-9][0-9]*Y$"
        ),
    ),
    ("responses: no 200", lambda d: post(d)["responses"].pop(200)),
    ("responses.200", lambda d: post(d)["responses"].update({200: {"description": "none"}})),
    (
        "responses.200.success: enum",
        lambda d: post(d)["responses"][200]["content"]["application/json"]["schema"]["properties"][
            "success"
        ].update(enum=["yes"]),
    ),
    ("parameters.X-Trace", lambda d: post(d)["parameters"][0].update(required=True)),
    ("security", lambda d: d.update(security=[{"key": []}])),
    ("security", lambda d: post(d).update(security=[{"key": []}])),
    ("$ref", lambda d: d["components"].clear()),
    ("$ref", lambda d: schema(d)["properties"]["study"].update({"$ref": "other.yaml#/Study"})),
    (
        "$ref",
        lambda d: schema(d)["properties"]["study"].update({"$ref": "http://127.0.0.1:9/x"}),
    ),
]


@pytest.mark.parametrize(("place", "edit"), BREAKING)
def test_a_breaking_difference_is_named(place: str, edit: Edit) -> None:
    """By its place. References are followed inside the document, and nowhere else."""
    document = copy.deepcopy(theirs())
    edit(document)
    found = differences(document)
    assert found
    assert any(f.startswith(place.replace("format", "maxLength")) for f in found)


def test_what_does_not_break_is_not_named() -> None:
    """More answers, more optional fields, security that we fulfil or that is optional."""
    document = theirs()
    document["security"] = [{"key": []}, {}]
    image(document)["properties"]["laterality"] = {"type": "string"}
    post(document)["responses"]["429"] = {"description": "slow down"}
    assert differences(document) == []
    document["security"] = [{"key": []}]
    assert differences(document, auth="api-key", secret="env:X") == []


def test_a_breaking_difference_refuses_the_start(tmp_path: Path) -> None:
    """Unless told otherwise."""
    path = tmp_path / "theirs.yaml"
    path.write_text(yaml.safe_dump(theirs()))
    refuse = DeliverOptions(contract=path)
    assert compare.check(refuse, lossless=False) == []
    with pytest.raises(ConfigError, match="rescaleSlope"):
        compare.check(refuse, lossless=True)
    warn = DeliverOptions(contract=path, contract_check="warn")
    assert compare.check(warn, lossless=True) == ["images.rescaleSlope: type"]
    assert compare.check(DeliverOptions(), lossless=True) == []


@pytest.mark.parametrize("text", ["", "[]", "swagger: '2.0'", "openapi: 4.0.0", "a: b: c", "\0"])
def test_what_is_no_openapi_document_refuses_the_start(tmp_path: Path, text: str) -> None:
    """Swagger 2 is another format."""
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError):
        compare.check(DeliverOptions(contract=path), lossless=False)
    with pytest.raises(ConfigError):
        compare.check(DeliverOptions(contract=tmp_path / "none"), lossless=False)
