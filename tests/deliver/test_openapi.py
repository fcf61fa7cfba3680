"""Our OpenAPI document is valid, and the models say the same as it does."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from watcher.deliver import contract

SCHEMAS: dict[str, Any] = contract.document()["components"]["schemas"]


def test_a_published_validator_accepts_the_document() -> None:
    """OpenAPI 3.1, as its own JSON schema and cross-checks define it."""
    validate(contract.document())


def _plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """A property's schema without references, words, and the None that stands for absence."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        schema = next(s for s in schema["anyOf"] if s != {"type": "null"})
    if "const" in schema:
        schema = {**schema, "enum": [schema["const"]]}
    rules = {"type", "pattern", "enum", "minimum", "maximum", "minLength", "maxLength", "minItems"}
    plain = {k: v for k, v in schema.items() if k in rules}
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions).get("type")
    return plain


@pytest.mark.parametrize(
    "model", [contract.Upload, contract.Study, contract.Series, contract.Image]
)
def test_a_model_mirrors_its_schema_field_by_field(model: Any) -> None:
    """Names, required fields, types, bounds, patterns and enumerations are the same."""
    ours = model.model_json_schema(by_alias=True)
    theirs = SCHEMAS[model.__name__]
    assert set(ours["properties"]) == set(theirs["properties"])
    assert set(ours["required"]) == set(theirs["required"])
    for name, schema in theirs["properties"].items():
        expected = _plain(schema, SCHEMAS)
        if name == "data":  # elided in the model, spliced in by the body
            expected.pop("minLength")
        assert _plain(ours["properties"][name], ours.get("$defs", {})) == expected, name


def test_every_answer_the_gateway_knows_is_in_the_document() -> None:
    """The statuses of issue and contract have a written meaning."""
    answers = contract.document()["paths"]["/v1/images/upload"]["post"]["responses"]
    wanted = "200 400 401 403 408 409 413 415 422 425 429 500 503"
    assert set(answers) == set(wanted.split())
