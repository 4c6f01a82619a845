"""Checks of the shape of a declaration: a text where a list is wanted would be read letter by letter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from ..boosts import Boost
from ..extras import hinted
from ..facets import Facet
from ..indexes import SearchIndex
from ..languages import CONFIGS
from ..models import Document
from ..searching.visibility import is_fixed, shape_problem

LISTS: dict[str, tuple[type, str]] = {
    "text": (object, '["name", "description"]'),  # paths, and what takes a product
    "keywords": (object, '["specifications"]'),
    "identifiers": (object, '["sku"]'),
    "facets": (Facet, '[Facet("brand.name")]'),
    "boosts": (Boost, '[Boost("popularity")]'),
    "follow": (str, '["brand"]'),
    "languages": (str, '["en", "de"]'),
}
"""What lists have in them, and how one is written."""
TAKEN = {"events", "suggest", "picture", "facets"}
"""Addresses below that of the page of results."""
LANGUAGE_CODE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")
"""The shape of "en", "pt-br" and "zh-hans" (RFC 5646): longer first parts are not in use."""
LONGEST_CODE = Document._meta.get_field("language").max_length or 0
CODES = {name: code for code, name in CONFIGS.items()}


def check_index(index: SearchIndex) -> Iterator[CheckMessage]:
    """Check that each attribute is of the kind that is read."""
    for attribute, (kind, example) in LISTS.items():
        value = getattr(index, attribute)
        if not isinstance(value, list | tuple) or not all(isinstance(one, kind) for one in value):
            meant = f'["{value}"]' if isinstance(value, str) and kind in (object, str) else example
            yield _error(index, f"{attribute} cannot be {value!r}", f"{attribute} = {meant}")
        elif attribute == "languages":
            for code in filter(lambda one: not LANGUAGE_CODE.fullmatch(one) or len(one) > LONGEST_CODE, value):
                meant = CODES.get(code.lower(), "en")
                problem = f'languages cannot hold "{code}", no language code of up to {LONGEST_CODE} characters'
                yield _error(index, problem, f'languages = ["{meant}"]')
    if not _is_sorts(index.sorts):
        yield _error(index, f"sorts cannot be {index.sorts!r}", 'sorts = {"price": "price", "newest": "-created"}')
    if "/" in index.name or index.name in TAKEN:
        yield _error(index, f'name is "{index.name}", which no address can have', 'name = "articles"')
    if isinstance(index.serializer, str):
        try:
            import_string(index.serializer)
        except ImportError as error:
            yield _error(
                index, f"serializer cannot be imported: {hinted(error)}", 'serializer = "shop.api.ProductSerializer"'
            )
    yield from _querysets(index, index.queryset, "def queryset(self, request=None):", (None,))
    yield from _querysets(index, index.index_queryset, "def index_queryset(self):")


def _querysets(index: SearchIndex, method: Any, written: str, *given: tuple[Any, ...]) -> Iterator[CheckMessage]:
    try:
        for arguments in ((), *given):
            inspect.signature(method).bind(*arguments)
    except TypeError as error:
        yield _error(index, f"{method.__name__}() cannot be called: {error}", written)
        return
    if problem := shape_problem(found := method()):
        yield _error(index, f"{method.__name__}() returns {problem}", written)
    elif not given and is_fixed(found):
        meant = "return self.model.objects.filter(pk__in=[...])"
        kind = found.query.combinator or ("slice" if found.query.is_sliced else "DISTINCT ON")
        yield _error(index, f"{method.__name__}() returns a {kind}, which cannot be filtered and sorted further", meant)


def _is_sorts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(one, str) for pair in value.items() for one in pair)


def _error(index: SearchIndex, problem: str, hint: str) -> CheckMessage:
    return Error(f"{type(index).__name__}.{problem}.", hint=hint, id="catalog_search.E009")
