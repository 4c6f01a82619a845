"""Counting: every facet of the set that is shown, in one statement over the live products."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import F, QuerySet

from ..facets import Facet
from ..facets.base import Row, as_parameter
from ..sql import execute
from . import cache
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
    asked = ask.facet_counts
    facets = [one for one in scope.index.facets if asked is True or (asked and one.name in asked)]
    exact: dict[str, bool] = {}
    bases: dict[str, _Base] = {}
    for facet in facets:
        # Facets count the same products but for their own choice, and one whose values spread has rows of its own.
        own = facet.name if facet.name in ask.chosen or facet.spreads(scope.index.model) else ""
        if keys is not None:
            listed, exact[facet.name] = keys(facet)
        if own not in bases:
            narrowed = scope.narrowed(ask.chosen, without=facet.name)
            bases[own] = _Base(narrowed.products if keys is None else narrowed.among(listed))
        bases[own].facets.append(facet)
    read = partial(_tallies, scope, ask, list(bases.values()))
    if keys is None and not scope.is_empty:  # all that there is, and not the thousand products that a query finds
        decided = scope.index.label, scope.identity, facets, ask.chosen, ask.more, ask.within, ask.grouped
        rows = cache.costly("counts", decided, read)
    else:
        rows = read()
    rows |= _lost(scope, ask, facets, rows)
    found: dict[str, FacetResult] = {}
    for facet in facets:
        chosen, more = ask.chosen.get(facet.name, ()), facet.name == ask.more
        counted = facet.read(rows.get(facet.name, []), chosen, scope.index.model, more, ask.within if more else "")
        found[facet.name] = FacetResult(facet, *counted, exact.get(facet.name, True))
    return found


def _lost(scope: Scope, ask: Ask, facets: Sequence[Facet], rows: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """Return the rows of facets with those of chosen values that nothing found has, but another product in scope.

    Only of what names other rows: the name of one that no visible product leads to is not for everybody.
    """
    lost: dict[str, list[str]] = {}
    for facet in facets:
        if facet.name in ask.chosen and facet.names_rows(scope.index.model):
            counted = {value for value, *_ in rows.get(facet.name, ())}
            wanted = map(as_parameter, ask.chosen[facet.name])
            if missing := [one for one in wanted if one not in counted]:
                lost[facet.name] = missing
    bases = [_Base(scope.narrowed({one.name: lost[one.name]}).products, [one]) for one in facets if one.name in lost]
    return {
        name: [*rows.get(name, ()), *((value, None, None, 0) for value, *_ in held if value in lost[name])]
        for name, held in _tallies(scope, ask, bases).items()
    }


def everywhere(scope: Scope, facet: Facet, grouped: bool) -> dict[str, int]:
    """Return what every value of a facet finds among all products in scope; of a hierarchy, those of all levels."""
    ask = Ask(grouped=grouped, more=facet.name, within="*")
    return {value: found for value, _, _, found in _tallies(scope, ask, [_Base(scope.products, [facet])])[facet.name]}


@dataclass(frozen=True, slots=True)
class _Base:
    """Products, and the facets that are counted over them."""

    products: QuerySet[Any]
    facets: list[Facet] = field(default_factory=list)


def _tallies(scope: Scope, ask: Ask, bases: Sequence[_Base]) -> dict[str, list[Row]]:
    """Return what is counted, by the facet's name. Each base is read once, whatever is counted over it."""
    model = scope.index.model
    unit = scope.index.family_key() if ask.grouped else F("pk")
    read: list[str] = []
    branches: list[str] = []
    parameters: list[Any] = []
    tallied: list[Any] = []
    for number, base in enumerate(bases):
        products, spreads = base.products, base.facets[0].spreads(model)
        if spreads:
            # Apart from the joins of the queryset, which may have narrowed the very relation that is counted.
            products = model._base_manager.filter(pk__in=products.order_by().values("pk"))
        columns = products.order_by().values_list(unit, *(facet.value(model) for facet in base.facets))
        try:
            statement, own = columns.query.get_compiler(using=scope.alias).as_sql()
        except EmptyResultSet:  # nothing can be found, whatever the rows
            continue
        names = [f"value{place}" for place in range(len(base.facets))]
        read.append(f"base{number}(unit, {', '.join(names)}) AS MATERIALIZED ({statement})")
        parameters += own
        for facet, name in zip(base.facets, names, strict=True):
            distinct = spreads or ask.grouped
            within = ask.within if facet.name == ask.more else ""
            tally, others = facet.tally(model, ask.chosen.get(facet.name, ()), distinct, within)
            pairs = f"SELECT {'DISTINCT' if distinct else ''} {name}, unit FROM base{number}"
            branches.append(
                f"SELECT %s::text, tally.* FROM (WITH RECURSIVE pair(value, unit) AS ({pairs}) {tally})"
                " tally(value, first, second, number)"
            )
            tallied += [facet.name, *others]
    rows: dict[str, list[Row]] = defaultdict(list)
    if branches:
        statement = f"WITH {', '.join(read)} {' UNION ALL '.join(branches)}"
        for name, *row in execute(scope.alias, statement, [*parameters, *tallied]):
            rows[name].append(tuple(row))
    return rows
