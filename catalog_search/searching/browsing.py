"""Browsing: all products in scope, or those under filters, where nothing is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db.models import Case, When, Window
from django.db.models.functions import RowNumber

from ..conf import settings
from ..sql import compile_keys, execute
from . import cache, paging, steps
from .asking import Ask
from .candidates import Candidate, Candidates
from .counting import count
from .hydration import hydrate
from .paging import Ranking
from .results import Results
from .scope import Scope
from .trace import Trace

FROZEN_PARTS = 10
"""Parts of a long list, MAX_CANDIDATES each, that are left out of the next one by name: what moved is not repeated."""


def browsed(scope: Scope, ask: Ask, trace: Trace) -> Results:
    """Answer an empty query, in the order asked for or else the index's own.

    The list is read in parts of MAX_CANDIDATES products, each frozen when it is first shown. Steps arrange the first.
    """
    narrowed = scope.narrowed(ask.chosen)
    with trace.stage("browse"):
        length, window = settings.MAX_CANDIDATES, ask.window
        number = start = window.start // length
        read = [] if narrowed.is_empty else [_part(narrowed, ask, number, trace)]
        while read and (number + 1) * length < min(window.stop, read[0].total):
            number += 1
            read.append(_part(narrowed, ask, number, trace))
        first = window.start - start * length
        listed = [one for part in read for one in part.candidates][first : first + ask.size]
    with trace.stage("hydrate"):
        hits = hydrate(narrowed, listed)
    with trace.stage("facets"):
        facets = count(scope, ask)
    return Results(hits, total=read[0].total if read else 0, facets=facets)


def _part(scope: Scope, ask: Ask, number: int, trace: Trace) -> Ranking:
    known = paging.frozen(paging.ranking_key(scope, ask, number)) if ask.page > 1 else None
    if known:
        return known
    before = [paging.frozen(paging.ranking_key(scope, ask, one)) for one in range(min(number, FROZEN_PARTS))]
    total = before[0].total if before and before[0] else _total(scope, ask)
    length = settings.MAX_CANDIDATES
    shown = [unit for part in before if part for unit in part.candidates.units]
    if number > FROZEN_PARTS or not all(before):
        candidates = _listed(scope, ask, slice(number * length, (number + 1) * length))
    else:
        candidates = _listed(scope, ask, slice(0, length), without=shown)
    if number == 0 and not ask.sort:
        candidates = steps.arranged(scope, ask, candidates, trace)
    ranking = Ranking(candidates, total=total)
    if total > ask.size and not trace.degraded:
        paging.freeze(paging.ranking_key(scope, ask, number), ranking)
    return ranking


def _total(scope: Scope, ask: Ask) -> int:
    products = scope.products
    if ask.grouped:  # not count(DISTINCT): it sorts
        products = products.order_by().values_list(scope.index.family_key()).distinct()
    return cache.costly("total", (scope.index.label, scope.identity, ask.grouped), products.count)


def _listed(scope: Scope, ask: Ask, window: slice, without: Sequence[str] = ()) -> Candidates:
    """Return the products, or the first of each family, in a window of the order."""
    admitted = [] if ask.sort else scope.admitted(ask.admitted)
    read = partial(_window_rows, scope, ask, window, without, admitted)
    decided = scope.index.label, scope.identity, ask.sort, ask.grouped, window, without, admitted
    rows = cache.costly("listed", decided, read)
    return Candidates.of(Candidate(key, 0.0, family, variants) for key, family, variants in rows)


def _window_rows(
    scope: Scope, ask: Ask, window: slice, without: Sequence[str], admitted: Sequence[str]
) -> list[tuple[str, str, int]]:
    """Return (key, family, how many variants) of what is listed; what is admitted goes first."""
    order: list[Any] = scope.index.order(ask.sort)
    if admitted:
        order.insert(0, Case(When(pk__in=admitted, then=0), default=1).asc())
    if not ask.grouped:
        products = scope.products.exclude(pk__in=without) if without else scope.products
        return [(str(key), "", 1) for key in products.order_by(*order).values_list("pk", flat=True)[window]]
    products = scope.products.annotate(catalog_search_family=scope.index.family_key())
    if without:
        products = products.exclude(catalog_search_family__in=without)
    place = Window(RowNumber(), order_by=order)
    # What DISTINCT takes together has places of its own.
    variants = "count(DISTINCT key)" if products.query.distinct else "count(*)"
    inner, parameters = compile_keys(products, "catalog_search_family", place)
    statement = f"""
        WITH product(key, family, place) AS MATERIALIZED ({inner})
        SELECT product.key::text, product.family::text, best.variants
        FROM (SELECT min(place) AS place, {variants} AS variants FROM product
              GROUP BY family ORDER BY 1 OFFSET %s LIMIT %s) best JOIN product USING (place) ORDER BY place
    """
    return execute(scope.alias, statement, (*parameters, window.start, window.stop - window.start))
