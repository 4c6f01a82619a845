"""Similar products: the strip on a product's page."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ..exceptions import CatalogSearchError
from ..indexes import SearchIndex
from ..sql import unordered
from . import arguments
from .results import Hit, Results
from .search import search
from .visibility import is_fixed, visible

REACH = 4
"""Among so many times the products wanted, those that ``first`` prefers go first: nearness still decides the rest."""


def similar(index: SearchIndex, product: Any, **options: Any) -> tuple[Hit, ...]:
    """Return the hits of ``resembling``, which has the same options."""
    return resembling(index, product, **options).hits


def resembling(
    index: SearchIndex,
    product: Any,
    *,
    size: int = 10,
    first: Q | None = None,
    queryset: QuerySet[Any] | None = None,
    request: HttpRequest | None = None,
) -> Results:
    """Find the products nearest to one, without itself and its variants (``SearchIndex.variants``); of each other
    family one, where the index groups. Tells how that went, too (``degraded``, ``timings``).

    ``first`` puts products before others that are about as near: ``Q(stock__gt=0)``, also by what ``index.queryset()``
    annotates. A product that is not indexed
    yet has nothing similar.
    """
    if not isinstance(product, index.model):
        raise CatalogSearchError(f"similar() takes a {index.model.__name__}, not {product!r}.")
    others = arguments.products(index, "queryset", queryset)
    if others is None or is_fixed(others):
        everything = index.model._base_manager.all()
        others = everything if others is None else everything.filter(pk__in=unordered(others).values("pk"))
    results = search(
        index,
        like=[product],
        queryset=others.exclude(pk__in=index.family(product).order_by().values("pk")),
        page_size=size if first is None else REACH * size,
        cutoff=None,  # the nearest there are, however near
        rerank=False,
        facet_counts=False,
        request=request,
    )
    hits = results.hits
    if first is not None:
        keys = [hit.object.pk for hit in hits]
        preferred = set(visible(index, request).filter(first, pk__in=keys).values_list("pk", flat=True))
        hits = tuple(sorted(hits, key=lambda hit: hit.object.pk not in preferred))
    return replace(results, hits=hits[:size])
