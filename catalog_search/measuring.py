"""Measuring: judged queries, searched in several ways as a visitor would, and scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .conf import settings
from .evaluation import RELEVANT, Evaluation, Judgements, Outcome, evaluate, has_answer, read_judgements, run
from .exceptions import CatalogSearchError, NotReady
from .indexes import SearchIndex
from .models import Generation, Judgement
from .searching import Results, search
from .searching.query import query_language
from .searching.visibility import visible

KEPT = "admin"
"""Instead of a file: the judgements made in the admin. A folder of that name is ./admin/ then."""

WAYS: Mapping[str, Mapping[str, Any]] = {
    "lexical": {"lanes": ("identifiers", "words"), "rerank": False},
    "vector": {"lanes": ("vectors",), "rerank": False},
    "hybrid": {"rerank": False},
    "reranked": {"rerank": True},
}
"""The options of ``search`` by the name of a way to search."""


def serving(index: SearchIndex) -> Generation:
    """Return the generation that answers searches. Raises NotReady where there is none to measure."""
    found = Generation.objects.serving(index)
    if found is None:
        raise NotReady
    return found


def chosen_ways(names: str = "") -> list[str]:
    """Return the ways named, in that order, or all. Raises CatalogSearchError on one that cannot be had."""
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in WAYS:
            raise CatalogSearchError(f'There is no configuration "{name}"; there are {", ".join(WAYS)}.')
    if "reranked" in chosen and not settings.RERANKER:
        raise CatalogSearchError(
            'There is no reranker to measure: set CATALOG_SEARCH["RERANKER"], or leave "reranked" out.'
        )
    return chosen or [name for name in WAYS if name != "reranked" or settings.RERANKER]


def judged_products(index: SearchIndex, path: Path, key: str, limit: int | None = None) -> tuple[Judgements, int]:
    """Return judgements by primary key, and how many were left out: their products are not in this catalogue.

    They come from a file, or from the admin where the path is "admin". Raises CatalogSearchError where nothing of them
    can be measured.
    """
    if str(path) == KEPT:
        read, key = Judgement.objects.by_query(index.label, query_language(index)), "pk"
        if not read:
            raise CatalogSearchError(f"Nobody judged a query of {index.label} in the admin yet; give a file instead.")
    else:
        read = read_judgements(path)
    if limit:
        read = dict(list(read.items())[:limit])
    keys = index.keys_by(key, {product for grades in read.values() for product in grades}, visible(index))
    judgements = {
        query: {keys[product]: grade for product, grade in grades.items() if product in keys}
        for query, grades in read.items()
    }
    judgements = {query: grades for query, grades in judgements.items() if grades}
    if not judgements:
        raise CatalogSearchError(
            f'No judged product is in {index.label} by its field "{key}". '
            "Name the field that the judgements mean with --key, for instance --key sku."
        )
    if not any(has_answer(grades) for grades in judgements.values()):
        raise CatalogSearchError(f"No query has a product graded {RELEVANT} or higher: nothing to measure.")
    missing = sum(len(grades) for grades in read.values()) - sum(len(grades) for grades in judgements.values())
    return judgements, missing


def measured(
    index: SearchIndex,
    way: str,
    judgements: Judgements,
    generation: Generation | None = None,
    queries: Iterable[str] | None = None,
) -> tuple[Evaluation, list[str]]:
    """Search for the judged queries, which may come from a progress bar; returns how good what is found is, and for
    each search that went without something, what.

    The time is that of the page that a visitor gets. The ranking is asked for once more and whole, since the judged
    products of a condensed list may lie deep.
    """
    degraded: list[str] = []

    def outcome(query: str) -> Outcome:
        page = search(index, query, generation=generation, group_by=False, **WAYS[way])
        degraded.extend(page.degraded[:1])
        found = whole(index, query, way, generation)
        return Outcome([hit.key for hit in found], found.total, page.timings)

    name = str(generation) if generation else way
    return evaluate(name, judgements, run(outcome, judgements if queries is None else queries)), degraded


def whole(index: SearchIndex, query: str, way: str, generation: Generation | None = None) -> Results:
    """Return everything that a query finds in one way to search as one page."""
    size = settings.MAX_CANDIDATES
    # Judgements name single products.
    usual: dict[str, Any] = {"page_size": size, "facet_counts": False, "group_by": False, "generation": generation}
    return search(index, query, **usual, **WAYS[way])
