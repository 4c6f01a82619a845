"""Arguments: what callers of a search hand over, taken as it is meant or refused with what would be right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from ..exceptions import CatalogSearchError
from ..facets import RangeFacet
from ..images import Picture, read_picture
from ..indexes import SearchIndex
from ..languages import legible
from .visibility import narrowable, shape_problem

MAX_WEIGHT = 1000.0


def words(given: str) -> str:
    """Return the text of a search without what nobody sees."""
    if not isinstance(given, str):
        raise CatalogSearchError(f'text= takes words, "" for none, not {given!r}.')
    return legible(given.replace("\x00", " "))


def picture(given: Picture | bytes | IO[bytes] | None) -> Picture | None:
    """Return a picture that can be searched by. Raises ImageError where it is broken."""
    if given is None or isinstance(given, Picture):
        return given
    if not (isinstance(given, bytes) or hasattr(given, "read")):
        raise CatalogSearchError(f"image= takes an open file, bytes or a Picture, not {given!r}.")
    return read_picture(given)


def chosen(index: SearchIndex, given: Mapping[str, Sequence[Any]] | None) -> dict[str, Sequence[Any]]:
    """Return the chosen values by facet, of those facets that any is chosen of."""
    if not isinstance(given or {}, Mapping):
        raise CatalogSearchError('facets= takes values by name: {"colour": ["red"]}.')
    found = {name: values for name, values in (given or {}).items() if values}
    known("facet", found, [facet.name for facet in index.facets], index)
    for name, values in found.items():
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise CatalogSearchError(f'facets= takes a list of values of each: {{"{name}": [{values!r}]}}.')
    found = {name: tuple(values) for name, values in found.items()}
    for facet in index.facets:
        if isinstance(facet, RangeFacet) and len(found.get(facet.name, (None, None))) < 2:
            raise CatalogSearchError(f'facets= takes the bounds of a range: {{"{facet.name}": bounds(10, 50)}}.')
    return found


def known(kind: str, asked: Iterable[str], there: Sequence[str], index: SearchIndex) -> None:
    """Refuse names of what an index does not have."""
    for name in asked:
        if name not in there:
            raise CatalogSearchError(f'{index.label} has no {kind} "{name}"; it has: {", ".join(there) or "none"}.')


def products(index: SearchIndex, name: str, given: QuerySet[Any] | None) -> QuerySet[Any] | None:
    """Return a queryset of an index's products, or None."""
    if given is None:
        return None
    if not isinstance(given, QuerySet) or not _related(given.model, index):
        raise CatalogSearchError(f"{name}= takes a queryset of {index.model.__name__}, not {type(given).__name__}.")
    if given.query.is_sliced and given.query.combinator:  # Django selects what it is sorted by, too
        raise CatalogSearchError(f"{name}= takes no slice of a {given.query.combinator}; filter by its primary keys.")
    return given


def visible(index: SearchIndex, given: QuerySet[Any] | None) -> QuerySet[Any] | None:
    """Return the products that a visitor may see by other rules than the index's own, or None."""
    if (found := products(index, "visible", given)) is None:
        return None
    if problem := shape_problem(found):
        raise CatalogSearchError(f"visible= cannot be {problem}.")
    return narrowable(found)


def _related(model: type[Model], index: SearchIndex) -> bool:
    """Have two models the same keys: as proxies, parents or children of each other?"""
    own = index.model._meta.concrete_model or index.model
    return issubclass(model, own) or issubclass(own, model)


def keys(index: SearchIndex, name: str, products: Iterable[Any]) -> tuple[str, ...]:
    """Return the primary keys, as text, of products that are given themselves or by their keys."""
    field = index.model._meta.pk
    if isinstance(products, str | bytes):
        raise CatalogSearchError(f"{name}= takes a list of products or of their primary keys, not {products!r}.")
    try:
        products = list(products)
        for one in products:
            if isinstance(one, Model) and not _related(type(one), index):
                raise CatalogSearchError(f"{name}= takes products of {index.label}, not {one!r}.")
        found = [one.pk if isinstance(one, Model) else one for one in products]
        if None in found:
            raise CatalogSearchError(f"{name}= holds a product that was never saved.")
        return tuple(str(field.to_python(one)) for one in found)
    except TypeError as error:
        raise CatalogSearchError(f"{name}= takes a list of products or of their primary keys.") from error
    except ValidationError as error:
        raise CatalogSearchError(f"{name}= takes products or their primary keys: {' '.join(error.messages)}") from error


def terms(given: Iterable[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Return weighted words, without those that say nothing."""
    try:
        pairs = [(words(text), float(weight)) for text, weight in given]
    except (CatalogSearchError, TypeError, ValueError) as error:
        raise CatalogSearchError('terms= takes pairs of words and a weight: [("summer dress", 1)].') from error
    for text, weight in pairs:
        if not abs(weight) <= MAX_WEIGHT:
            raise CatalogSearchError(f'The weight of "{text}" must lie between {-MAX_WEIGHT:g} and {MAX_WEIGHT:g}.')
    return tuple((text, weight) for text, weight in pairs if text.strip() and weight)


def whole(name: str, value: Any, low: int | None = None) -> int:
    """Return a whole number. Refuse what is none, or less than that."""
    if not isinstance(value, int) or (low is not None and value < low):
        raise CatalogSearchError(f"{name}= takes a whole number{'' if low is None else f' from {low}'}, not {value!r}.")
    return value


def number(name: str, value: Any, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse what is no number, or none in this range."""
    if not isinstance(value, int | float) or not low <= value <= high:
        between = f" between {low:g} and {high:g}" if math.isfinite(high) else f" from {low:g}" if low > -high else ""
        raise CatalogSearchError(f"{name}= takes a number{between}, not {value!r}.")
