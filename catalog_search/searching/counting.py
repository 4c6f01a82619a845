"""Counting: every facet of the set that is shown, in one statement over the live products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import F
from django.db.models.expressions import RawSQL

from ..facets import Facet
from ..sql import execute
from .asking import Ask
from .results import FacetResult
from .scope import Scope

Keys = tuple[Sequence[str], bool]
"""Keys of products, and whether they are all there are."""


def count(scope: Scope, ask: Ask, keys: Callable[[Facet], Keys] | None = None) -> dict[str, FacetResult]:
    """Count the facets that are asked for, each without its own choice: what would another value bring?

    ``keys`` names the products that a facet counts where they stand out from the others in scope by more than filters.
    Counted are products, or families where results are grouped.
    """
    facets = [
        facet
        for facet in scope.index.facets
        if ask.facet_counts is True or (ask.facet_counts and facet.name in ask.facet_counts)
    ]
    unit = scope.index.family_key() if ask.grouped else F("pk")
    branches: list[str] = []
    parameters: list[Any] = []
    exact: dict[str, bool] = {}
    for position, facet in enumerate(facets):
        products = scope.narrowed(ask.chosen, without=facet.name).products
        if keys is not None:
            listed, exact[facet.name] = keys(facet)
            products = products.filter(pk__in=_among(scope, listed))
        try:
            pairs, own = facet.pairs(products, unit).query.get_compiler(using=scope.alias).as_sql()
        except EmptyResultSet:  # nothing can be found, whatever the rows
            continue
        tally, others = facet.tally(scope.index.model)
        branches.append(
            f"SELECT {position}, tally.* FROM (WITH RECURSIVE pair(value, unit) AS ({pairs}) {tally})"
            " tally(value, first, second, number)"
        )
        parameters += [*own, *others]
    rows: dict[int, list[Any]] = defaultdict(list)
    for position, *row in execute(scope.alias, " UNION ALL ".join(branches), parameters) if branches else ():
        rows[position].append(tuple(row))
    found: dict[str, FacetResult] = {}
    for position, facet in enumerate(facets):
        chosen, more = ask.chosen.get(facet.name, ()), facet.name == ask.more
        counted = facet.read(rows[position], chosen, scope.index.model, more, ask.within if more else "")
        found[facet.name] = FacetResult(facet, counted, exact.get(facet.name, True))
    return found


def _among(scope: Scope, keys: Sequence[str]) -> RawSQL:
    key = scope.index.model._meta.pk
    kind = key.rel_db_type(connections[scope.alias])
    return RawSQL(f"SELECT unnest(%s::{kind}[])", [[key.to_python(one) for one in keys]])  # noqa: S611 - a column type
