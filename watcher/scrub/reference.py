"""The recipe run by deid's own DicomParser: slow, for comparison with the header engine only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from watcher.dicom import charset, dictionary
from watcher.dicom.names import Dataset, FileDataset, Sequence, quiet
from watcher.scrub.elements import charset_terms, text
from watcher.scrub.functions import Function
from watcher.scrub.recipe import Recipe


def through_deid(
    dataset: FileDataset, recipe: Recipe, functions: Mapping[str, Function]
) -> FileDataset:
    """Apply the recipe to the data set, in place, with `functions` as its `func:` functions.

    What the recipe's language cannot say (see the head of base.recipe) is not done here.
    """
    with quiet():
        from deid.dicom.fields import _get_fields_inner  # noqa: PLC0415 - imports matplotlib
        from deid.dicom.parser import DicomParser  # noqa: PLC0415
    terms = charset_terms(dataset.get_item(0x00080005) if 0x00080005 in dataset else None)
    parser = DicomParser(dataset, recipe=recipe.deid, disable_skip=True)
    for name, function in functions.items():
        parser.define(name, _as_deid(function, charset.codecs(terms)))
    try:
        parser.parse()
    finally:
        _get_fields_inner.cache_clear()  # it would hold every data set for ever
    return dataset


def _as_deid(function: Function, encodings: tuple[str, ...]) -> Callable[..., Any]:
    def call(dicom: Dataset, value: str, field: Any, item: Any) -> Any:
        del dicom, value, item
        element = field.element
        if element.VR == "SQ":
            return Sequence([_dummy_item()])
        keyword = dictionary.label(int(element.tag))
        return function(text(element, element.VR, encodings), element.VR, keyword)

    return call


def _dummy_item() -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "ANON", "99ANON", "ANON"
    return item
