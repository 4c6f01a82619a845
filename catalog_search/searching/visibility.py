"""Visibility: the products that a visitor may see, by the shop's own queryset, whatever kind of queryset that is."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from ..exceptions import ConfigurationError
from ..indexes import SearchIndex
from ..sql import unordered


def visible(index: SearchIndex, request: HttpRequest | None = None) -> QuerySet[Any]:
    """Return the products of ``index.queryset(request)``, which may be filtered and sorted further.

    Raises ConfigurationError where they are none: checks see what it returns without a visitor only.
    """
    products = index.queryset(request)
    if problem := shape_problem(products):
        raise ConfigurationError(f"{type(index).__name__}.queryset() returns {problem}, for this visitor at least.")
    return of_one_database(narrowable(products))


def of_one_database(products: QuerySet[Any]) -> QuerySet[Any]:
    """Return a queryset that keeps to one database: a router may choose among replicas anew for each statement, and of
    two one may not have yet what the other told of.
    """
    return products.using(products.db)


def shape_problem(products: Any) -> str:
    """Say what something is that cannot show products to visitors, "" where it can."""
    if not isinstance(products, QuerySet):
        return f"a {type(products).__name__}, not a QuerySet"
    if getattr(products, "_fields", None) is not None:
        return "values, not products"
    combinator = products.query.combinator
    if combinator and products.query.is_sliced:  # Django selects what it is sorted by, too
        return f"a slice of a {combinator}: filter by its primary keys"
    if combinator and products.query.annotations:
        return f"a {combinator} of what is annotated ({', '.join(products.query.annotations)}): filter by a Q instead"
    return ""


def is_fixed(products: QuerySet[Any]) -> bool:
    """Would other products be in a queryset that is filtered further, if it can be?"""
    query = products.query
    return bool(query.is_sliced or query.combinator or query.distinct_fields)


def narrowable(products: QuerySet[Any]) -> QuerySet[Any]:
    """Return a queryset of the same products that can be filtered and sorted further; itself where it can be.

    A slice and DISTINCT ON keep what they annotate; a union, whose parts may differ, does not.
    """
    if not is_fixed(products):
        return products
    if products.query.combinator:
        wider = products.model._base_manager.using(products.db)
    else:
        wider = products.all()
        wider.query.clear_limits()
        wider.query.distinct_fields = ()
    return wider.filter(pk__in=unordered(products).values("pk"))
