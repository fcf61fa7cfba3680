"""Does a backend's own OpenAPI document take what we send? Compared at the start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from jsonschema import Draft4Validator, Draft202012Validator, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from watcher.deliver import contract
from watcher.errors import ConfigError
from watcher.model import ImageFields, SpoolFile, StudyFields
from watcher.options import DeliverOptions

_Node = Mapping[str, Any]
# The smallest PNG: one black pixel.
_DATA = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def check(options: DeliverOptions, *, lossless: bool) -> list[str]:
    """The breaking differences of the configured document, if any is configured.

    Raises ConfigError when there are any and `contract_check` is "refuse", or when the file is not
    an OpenAPI document.
    """
    if options.contract is None:
        return []
    found = differences(_read(options.contract), options, lossless=lossless)
    if found and options.contract_check == "refuse":
        raise ConfigError(
            "contract: the backend's document does not take what we send: " + "; ".join(found)
        )
    return found


def differences(document: _Node, options: DeliverOptions, *, lossless: bool) -> list[str]:
    """Each difference that would make the backend refuse us or us misread it, by its place."""
    found = _Document(document)
    operation = found.operation(options.path)
    if operation is None:
        return [f"paths: no POST {options.path}"]
    try:
        return [
            *_request(found, operation, lossless=lossless),
            *_answer(found, operation),
            *_asked_for(found, operation, options),
        ]
    except Unresolvable:
        return ["$ref: leads to nothing inside the document"]


def _read(path: Path) -> _Node:
    try:
        parsed = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        raise ConfigError(f"contract: cannot read {path}") from None
    if not isinstance(parsed, dict) or not re.match(r"3\.[01]\.", str(parsed.get("openapi"))):
        raise ConfigError(f"contract: {path} is not an OpenAPI 3.0 or 3.1 document")
    return parsed


class _Document:
    """An OpenAPI document with its references followed."""

    def __init__(self, root: _Node) -> None:
        self.root = root
        # OpenAPI 3.0 has a JSON schema of draft 4's kind, and 3.1 has 2020-12 itself.
        modern = str(root.get("openapi", "")).startswith("3.1")
        self._kind = Draft202012Validator if modern else Draft4Validator

    def follow(self, node: Any) -> _Node:
        """A node that may be a reference into this document. Raises Unresolvable."""
        while isinstance(node, dict) and "$ref" in node:
            node = self._at(str(node["$ref"]))
        return node if isinstance(node, dict) else {}

    def _at(self, pointer: str) -> Any:
        node: Any = self.root
        for step in pointer.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(node, dict) or name not in node:
                raise Unresolvable(ref=pointer)
            node = node[name]
        return node

    def operation(self, path: str) -> _Node | None:
        """The POST at `path`, which may include the path of one of the servers."""
        servers = [urlsplit(str(s.get("url", ""))).path for s in self.root.get("servers") or [{}]]
        for base in {"", *(s.rstrip("/") for s in servers)}:
            for name, item in (self.root.get("paths") or {}).items():
                if base + name == path and "post" in self.follow(item):
                    return self.follow(self.follow(item)["post"])
        return None

    def errors(self, schema: Any, instance: object) -> Iterator[str]:
        """Places where an instance breaks a schema of this document."""
        # No registry but an empty one: nothing is fetched from anywhere.
        validator = self._kind({**self.root, "allOf": [schema]}, registry=Registry())
        for error in validator.iter_errors(instance):
            place = ".".join(str(step) for step in error.absolute_path if not isinstance(step, int))
            yield f"{place or 'body'}: {error.validator}{_missing(error)}"


def _request(document: _Document, operation: _Node, *, lossless: bool) -> list[str]:
    body = document.follow(operation.get("requestBody"))
    media = document.follow((body.get("content") or {}).get("application/json"))
    if not media:
        return ["requestBody: no application/json"]
    schema = media.get("schema", {})
    found = (e for sample in samples(lossless=lossless) for e in document.errors(schema, sample))
    return list(dict.fromkeys(found))


def _answer(document: _Document, operation: _Node) -> list[str]:
    responses = {str(k): v for k, v in (operation.get("responses") or {}).items()}
    if "200" not in responses:
        return ["responses: no 200"]
    media = (document.follow(responses["200"]).get("content") or {}).get("application/json")
    if not media:
        return ["responses.200: no application/json"]
    schema = document.follow(media).get("schema", {})
    return [f"responses.200.{e}" for e in document.errors(schema, {"success": "ok"})]


def _asked_for(document: _Document, operation: _Node, options: DeliverOptions) -> Iterator[str]:
    """What every request must carry besides its body."""
    for node in operation.get("parameters") or []:
        parameter = document.follow(node)
        if parameter.get("required") and parameter.get("name") != "Idempotency-Key":
            yield f"parameters.{parameter.get('name')}: required"
    security = operation.get("security", document.root.get("security"))
    if security and {} not in security and options.auth == "none":
        yield "security: required"


def samples(*, lossless: bool) -> list[dict[str, Any]]:
    """Requests that between them hold every kind of value we send in this mode."""
    uid = "2.25.340282366920938463463374607431768211455"
    study = StudyFields(uid, uid, "A" * 16, "P" * 16)
    none = SpoolFile("", 0, "")
    grey = ImageFields(
        uid, "1.2.840.10008.5.1.4.1.1.2", 1, 1, 1, 0, "MONOCHROME2", 1, 8, 8, 7, none, none
    )
    images = [
        grey,
        replace(grey, photometric_interpretation="RGB", samples_per_pixel=3),
        replace(grey, frame_number=2),
    ]
    if lossless:
        deep = replace(grey, bits_allocated=16, bits_stored=12, high_bit=11)
        images += [
            replace(deep, rescale_slope=0.5, rescale_intercept=-1024.5),
            replace(deep, photometric_interpretation="MONOCHROME1"),
        ]
    ages = (None, "000Y", "042Y", "090Y")
    made = [_sample(replace(study, patient_age=age), grey) for age in ages]
    return made + [_sample(study, image) for image in images]


def _sample(study: StudyFields, image: ImageFields) -> dict[str, Any]:
    upload = contract.Upload(
        study=contract.study_of(study),
        series=contract.series_of(study),
        images=(contract.image_of(image, 3),),
    )
    sample = upload.model_dump(mode="json", by_alias=True, exclude_none=True)
    sample["images"][0]["data"] = _DATA
    return sample


def _missing(error: ValidationError) -> str:
    """Which fields they want and we do not send; names out of their own document."""
    if error.validator != "required":
        return ""
    wanted: Any = error.validator_value
    sent: Any = error.instance
    return " " + ", ".join(name for name in wanted if name not in sent)
