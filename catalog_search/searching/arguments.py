"""Arguments: what callers of a search hand over, taken as it is meant or refused with what would be right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

from ..exceptions import CatalogSearchError
from ..indexes import SearchIndex

MAX_WEIGHT = 1000.0


def keys(index: SearchIndex, name: str, products: Iterable[Any]) -> tuple[str, ...]:
    """Return the primary keys, as text, of products that are given themselves or by their keys."""
    field = index.model._meta.pk
    try:
        found = [_key(index, name, one) if isinstance(one, Model) else one for one in products]
        if None in found:
            raise CatalogSearchError(f"{name}= holds a product that was never saved.")
        return tuple(str(field.to_python(one)) for one in found)
    except TypeError as error:
        raise CatalogSearchError(f"{name}= takes a list of products or of their primary keys.") from error
    except ValidationError as error:
        raise CatalogSearchError(f"{name}= takes products or their primary keys: {' '.join(error.messages)}") from error


def _key(index: SearchIndex, name: str, row: Model) -> Any:
    if not isinstance(row, index.model._meta.concrete_model or index.model):
        raise CatalogSearchError(f"{name}= takes a {index.model.__name__}, not {row!r}.")
    return row.pk


def values(facets: Mapping[str, Iterable[Any] | None]) -> dict[str, tuple[Any, ...]]:
    """Return the facets of which some values are chosen."""
    for name, chosen in facets.items():
        if isinstance(chosen, str) or not isinstance(chosen, Iterable | None):
            raise CatalogSearchError(f'facets["{name}"] takes a list of values, not {chosen!r}.')
    return {name: values for name, chosen in facets.items() if (values := tuple(chosen or ()))}


def terms(given: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Return weighted words, without those that say nothing."""
    try:
        pairs = [(words.replace("\x00", " "), float(weight)) for words, weight in given]
    except (AttributeError, TypeError, ValueError) as error:
        raise CatalogSearchError('terms= takes pairs of words and a weight: [("summer dress", 1)].') from error
    for words, weight in pairs:
        if not abs(weight) <= MAX_WEIGHT:
            raise CatalogSearchError(f'The weight of "{words}" must lie between {-MAX_WEIGHT:g} and {MAX_WEIGHT:g}.')
    return tuple((words, weight) for words, weight in pairs if words.strip() and weight)


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse what is no number, or none in this range."""
    if not isinstance(value, int | float) or not low <= value <= high:
        between = f" between {low:g} and {high:g}" if math.isfinite(high) else f" from {low:g}" if low > -high else ""
        raise CatalogSearchError(f"{name}= takes a number{between}, not {value!r}.")
