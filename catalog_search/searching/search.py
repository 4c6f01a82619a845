"""search(): scope, demand, lanes, fusion, rerank, facets, hydration, in this order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import EllipsisType
from typing import IO, Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from ..conf import settings
from ..exceptions import CatalogSearchError
from ..facets import Facet
from ..images import Picture, read_picture
from ..indexes import SearchIndex
from ..models import Generation
from ..sql import read_alias
from . import paging, steps
from .asking import Ask
from .encoding import query_meaning
from .explaining import explained
from .hydration import hydrate
from .lanes import LANES
from .query import Query, query_language
from .ranking import Candidate
from .reranking import rerank
from .results import FacetResult, Hit, Results, Why
from .retrieval import Demand, candidates, demand, nearest
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)

ALTERNATIVES = 8
"""Products shown, marked as such, where nothing matches."""


def search(
    index: SearchIndex,
    text: str = "",
    *,
    image: Picture | bytes | IO[bytes] | None = None,
    like: Sequence[Any] = (),
    unlike: Sequence[Any] = (),
    terms: Sequence[tuple[str, float]] = (),
    queryset: QuerySet[Any] | None = None,
    visible: QuerySet[Any] | None = None,
    facets: Mapping[str, Sequence[Any]] | None = None,
    sort: str | None = None,
    page: int = 1,
    page_size: int | None = None,
    rerank: bool = True,
    facet_counts: bool = True,
    cutoff: float | EllipsisType | None = ...,
    lanes: Collection[str] = LANES,
    language: str = "",
    exact: bool = False,
    generation: Generation | None = None,
    explain: bool = False,
    request: HttpRequest | None = None,
    rewrite: Sequence[steps.Rewrite] | None = None,
    arrange: Sequence[steps.Arrange] | None = None,
) -> Results:
    """Search an index and return one page of results.

    ``text`` and ``image`` are asked for together; ``like`` adds products (or their keys) to resemble, ``unlike`` those
    not to; both are left out themselves. ``terms`` are (words, weight) beside the text: ``("floral", -0.5)`` takes
    half the score of what is floral. Nothing asked means browsing. ``queryset`` narrows to some products; ``visible``
    replaces ``index.queryset(request)`` where other rules decide who sees what, as in the admin. ``facets`` maps names
    to chosen values, ``sort`` names one of ``index.sorts``. ``facet_counts=False`` spares the time of counting.
    ``cutoff`` overrides the setting; None admits every product to the vector lane. ``lanes`` names those
    that retrieve, to compare them: "identifiers", "words", "vectors". ``exact`` searches for the words as they are
    typed, however they are spelt. ``generation`` asks another than the serving one.
    ``explain`` tells for each hit of the page how much of its likeness came from its text and from its pictures
    (``why.shares``), at the price of embedding it anew. ``rewrite`` and ``arrange`` are steps that run instead of those
    of the settings of these names: see ``searching.steps``.

    A model that fails degrades the results openly (``results.degraded``). Raises ImageError on a broken picture and
    CatalogSearchError on an unknown facet, sort or lane, or where a query only says what is not wanted.
    """
    chosen = {name: values for name, values in (facets or {}).items() if values}
    _refuse_unknown("facet", chosen, [facet.name for facet in index.facets], index)
    _refuse_unknown("sort", [sort] if sort else [], list(index.sorts), index)
    _refuse_unknown("lane", lanes, LANES, index)
    picture = image if image is None or isinstance(image, Picture) else read_picture(image)
    liked, unliked = _keys(like), _keys(unlike)
    weighted = tuple((words.replace("\x00", " "), float(weight)) for words, weight in terms if words.strip())
    text = text.replace("\x00", " ")
    query = Query(text, picture, liked, query_language(index, language), unliked, weighted)
    if not query and (query.unlike or query.avoided):
        raise CatalogSearchError("Say what is wanted too: unlike= and negative terms only take away.")
    ask = Ask(
        query=query,
        chosen=chosen,
        sort=sort or "",
        page=max(1, page),
        size=page_size or settings.PAGE_SIZE,
        cutoff=cutoff,
        rerank=rerank,
        facet_counts=facet_counts,
        lanes=tuple(lane for lane in LANES if lane in lanes),
        exact=exact,
        arrange=arrange,
    )
    trace = Trace()
    with trace.stage("total"):
        products = index.queryset(request) if visible is None else visible
        if queryset is not None:
            products = products.filter(pk__in=queryset.order_by().values("pk"))
        if liked or unliked:
            products = products.exclude(pk__in=[*liked, *unliked])
        scope = Scope(index, generation or _active_generation(index, trace), query.language, products)
        answer = _answered(scope, ask, trace, rewrite)
        if not answer.page.total and answer.ask.guidance.did_you_mean:
            answer = _other_words(scope, ask, answer, trace, rewrite)
        scope, ask, found = answer.scope, answer.ask, answer.page
        hits = explained(scope, ask.query, found.hits, trace) if explain else found.hits
    return Results(
        hits=hits,
        near=found.near,
        total=found.total,
        total_is_exact=not ask.query or found.total < settings.MAX_CANDIDATES,
        page=ask.page,
        page_size=ask.size,
        facets=found.facets,
        sort=ask.sort,
        kind=query.kind,
        reranked=found.reranked,
        degraded=tuple(trace.degraded),
        guidance=ask.guidance,
        timings=trace.timings,
    )


@dataclass(frozen=True, slots=True)
class Page:
    """What was found, as ``Results`` names it."""

    hits: tuple[Hit, ...] = ()
    total: int = 0
    facets: Mapping[str, FacetResult] = field(default_factory=dict)
    reranked: int = 0
    near: tuple[Hit, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked in the end, among which products, and the page that came of it."""

    scope: Scope
    ask: Ask
    page: Page


def _answered(scope: Scope, ask: Ask, trace: Trace, rewrite: Sequence[steps.Rewrite] | None) -> Answer:
    ask = steps.rewritten(scope, ask, trace, rewrite)
    scope = scope.under(*ask.conditions)
    return Answer(scope, ask, (_ranked if ask.query else _browsed)(scope, ask, trace))


def _other_words(
    scope: Scope, asked: Ask, nothing: Answer, trace: Trace, rewrite: Sequence[steps.Rewrite] | None
) -> Answer:
    """Search for the words that a step proposed, where those that were typed found nothing."""
    words = nothing.ask.guidance.did_you_mean
    other = replace(asked, query=replace(asked.query, text=words), exact=True)
    answer = _answered(scope, other, trace, rewrite)
    if not answer.page.total:
        return nothing
    guidance = replace(answer.ask.guidance, instead_of=asked.query.text, searched=words)
    return replace(answer, ask=replace(answer.ask, guidance=guidance))


def _browsed(scope: Scope, ask: Ask, trace: Trace) -> Page:
    """Answer an empty query: all products in scope, in the order asked for or else the index's first."""
    narrowed = scope.narrowed(ask.chosen)
    with trace.stage("browse"):
        order = scope.index.sorts.get(ask.sort) or next(iter(scope.index.sorts.values()), "-pk")
        keys = narrowed.products.order_by(order, "pk").values_list("pk", flat=True)
        total = keys.count()
        if ask.sort:
            shown = [str(key) for key in keys[ask.window]]
        else:
            # The order of all is the database's; among the first of them, and what is admitted, steps may choose.
            admitted = narrowed.admitted(ask.admitted)
            keys = keys.exclude(pk__in=admitted)
            head = [*admitted, *map(str, keys[: settings.MAX_CANDIDATES])]
            first = steps.arranged(narrowed, ask, [Candidate(key, 0.0, Why()) for key in head], trace)
            window = ask.window
            shown = [one.key for one in first[window]]
            rest = slice(max(window.start, len(head)) - len(admitted), window.stop - len(admitted))
            if rest.stop > rest.start and len(shown) < ask.size:
                shown += map(str, keys[rest])
    with trace.stage("hydrate"):
        hits = hydrate(narrowed, [Candidate(key, 0.0, Why()) for key in shown])
    with trace.stage("facets"):
        facets = _count(scope, ask, lambda facet: scope.narrowed(ask.chosen, without=facet.name).products)
    return Page(hits, total, facets)


def _ranked(scope: Scope, ask: Ask, trace: Trace) -> Page:
    """Answer a query: rows, total, facets and sort all read one set of members."""
    if scope.generation.pk is None or scope.is_empty:
        return Page(facets=_count(scope, ask, lambda _: scope.products.none()))
    meaning = query_meaning(scope, ask.query, trace) if "vectors" in ask.lanes else None
    demanded = demand(scope, ask, meaning, trace)
    narrowed = scope.narrowed(ask.chosen)
    members, reranked = _ranking(narrowed, ask, demanded, trace)
    with trace.stage("hydrate"):
        hits = hydrate(narrowed, members[ask.window])
        near = () if members else hydrate(narrowed, nearest(narrowed, demanded, ALTERNATIVES))
    with trace.stage("facets"):

        def counted(facet: Facet) -> QuerySet[Any]:
            # Without its own choice, so that a visitor sees what another value would bring.
            if facet.name not in ask.chosen:
                return narrowed.among(member.key for member in members)
            wider = scope.narrowed(ask.chosen, without=facet.name)
            return wider.among(member.key for member in candidates(wider, demanded, trace))

        facets = _count(scope, ask, counted)
    return Page(hits, len(members), facets, reranked, near)


def _ranking(scope: Scope, ask: Ask, demanded: Demand, trace: Trace) -> tuple[list[Candidate], int]:
    """Return the members in order and how many were reranked; page one's order is frozen for the next pages."""
    if scope.is_empty:  # a facet value that no product can have
        return [], 0
    key = paging.ranking_key(scope, ask)
    kept = paging.frozen(key) if ask.page > 1 else None
    if kept:
        return kept
    members, reranked = candidates(scope, demanded, trace), 0
    if ask.sort:
        with trace.stage("sort"):
            members = _sorted(scope, members, scope.index.sorts[ask.sort])
    else:
        if ask.rerank:
            with trace.stage("rerank"):
                spent = trace.timings.get("encode", 0.0) / 1000
                members, reranked, failed = rerank(scope, ask.query, members, spent)
                if failed:
                    trace.degrade("reranker")
        members = steps.arranged(scope, ask, members, trace)
    if len(members) > ask.size and not trace.degraded and ask.arrange is None:
        paging.freeze(key, members, reranked)
    return members, reranked


def _sorted(scope: Scope, members: Sequence[Candidate], order: str) -> list[Candidate]:
    by_key = {candidate.key: candidate for candidate in members}
    keys = scope.among(by_key).order_by(order, "pk").values_list("pk", flat=True)
    return [by_key[str(key)] for key in keys]


def _count(scope: Scope, ask: Ask, products: Callable[[Facet], QuerySet[Any]]) -> dict[str, FacetResult]:
    return {
        facet.name: FacetResult(facet, facet.count(products(facet), ask.chosen.get(facet.name, ())))
        for facet in scope.index.facets
        if ask.facet_counts
    }


def _active_generation(index: SearchIndex, trace: Trace) -> Generation:
    found = Generation.objects.using(read_alias(index.model)).active(index.label)
    if found is None:
        logger.error("%r has no active generation; run manage.py rebuild_search_index.", index)
        trace.degrade("index")
    return found or Generation(index=index.label)


def _keys(products: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(one.pk if isinstance(one, Model) else one) for one in products)


def _refuse_unknown(kind: str, asked: Iterable[str], known: Sequence[str], index: SearchIndex) -> None:
    for name in asked:
        if name not in known:
            raise CatalogSearchError(f'{index!r} has no {kind} "{name}"; it has: {", ".join(known) or "none"}.')
