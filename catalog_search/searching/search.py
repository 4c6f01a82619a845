"""search(): scope, demand, lanes, fusion, rerank, facets, hydration, in this order."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import EllipsisType
from typing import IO, Any

from django.db.models import QuerySet
from django.http import HttpRequest

from ..conf import settings
from ..exceptions import CatalogSearchError
from ..facets import Facet
from ..images import Picture
from ..indexes import SearchIndex
from ..models import Generation
from ..sql import unordered
from . import arguments, paging, steps
from .asking import Arrange, Ask, Rewrite
from .browsing import browsed
from .counting import Keys, count
from .encoding import query_meaning
from .explaining import explained
from .hydration import hydrate
from .lanes import LANES
from .marking import marked
from .paging import Ranking
from .query import Query, query_language
from .ranking import with_families
from .reranking import rerank
from .results import Hit, Results
from .retrieval import Demand, Membership, demand, nearest
from .scope import Scope
from .trace import Trace
from .visibility import of_one_database
from .visibility import visible as visible_to
from .words import without_excluded

logger = logging.getLogger(__name__)

LAST_PAGE = 10**9
"""Beyond any list, and a place in it that the database can count to."""
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
    facet_counts: bool | Collection[str] = True,
    more: str = "",
    within: str = "",
    group_by: bool | None = None,
    cutoff: float | EllipsisType | None = ...,
    vector_weight: float | None = None,
    lanes: Collection[str] = LANES,
    language: str = "",
    exact: bool = False,
    generation: Generation | None = None,
    explain: bool = False,
    mark: bool = False,
    request: HttpRequest | None = None,
    rewrite: Sequence[Rewrite] | None = None,
    arrange: Sequence[Arrange] | None = None,
) -> Results:
    """Search an index and return one page of results.

    ``text`` and ``image`` are asked for together; ``like`` adds products (or their keys) to resemble, ``unlike`` those
    not to; both are left out themselves. ``terms`` are (words, weight) beside the text: ``("floral", -0.5)`` takes half
    the score of what is floral. Nothing asked means browsing; "-floral" alone, all that does not say so. ``queryset``
    narrows to some products; ``visible`` replaces ``index.queryset(request)`` where other rules decide who sees what,
    as in the admin. ``facets`` maps names to chosen values, ``sort`` names one of ``index.sorts``.
    ``facet_counts=False`` spares the time of counting, and names count only those facets; ``more`` names one whose
    values are all wanted, beyond its limit, ``within`` a text that they hold. ``group_by`` overrides
    ``index.group_by``: one product of each family, or every one. ``cutoff`` overrides the setting; None admits every
    product to the vector lane. ``vector_weight`` overrides VECTOR_WEIGHTS for this query, whatever its class. ``lanes``
    names those that retrieve, to compare them: "identifiers", "words", "vectors". ``exact`` searches for the words as
    they are typed, however they are spelt. ``generation`` asks another than the serving one. ``explain`` tells for each
    hit of the page how much of its likeness came from its text and from its pictures (``why.shares``), at the price of
    embedding it anew. ``mark`` marks the words that match (``marked``, ``excerpt``). ``rewrite`` and ``arrange`` are
    steps that run instead of those of the settings of these names: see ``searching.steps``.

    A model that fails degrades the results openly (``results.degraded``). Raises ImageError on a broken picture and
    CatalogSearchError on an unknown facet, sort or lane, or where a query only says what is not wanted.
    """
    chosen, names = arguments.chosen(index, facets), [facet.name for facet in index.facets]
    arguments.known("facet", [more] if more else [], names, index)
    arguments.known("facet", [] if isinstance(facet_counts, bool) else facet_counts, names, index)
    arguments.known("sort", [sort] if sort else [], list(index.sorts), index)
    arguments.known("lane", lanes, LANES, index)
    picture = arguments.picture(image)
    liked, unliked = arguments.keys(index, "like", like), arguments.keys(index, "unlike", unlike)
    if cutoff is not None and cutoff is not ...:
        arguments.number("cutoff", cutoff)
    if vector_weight is not None:
        arguments.number("vector_weight", vector_weight, 0, 1)
    if generation is not None and not isinstance(generation, Generation):
        raise CatalogSearchError(f"generation= takes a Generation, not {generation!r}.")
    visible, queryset = arguments.visible(index, visible), arguments.products(index, "queryset", queryset)
    text, weighted = arguments.words(text), arguments.terms(terms)
    query = Query(text, picture, liked, query_language(index, language), unliked, weighted)
    if not query and (query.unlike or query.terms):
        raise CatalogSearchError("Say what is wanted too: unlike= and negative terms only take away.")
    ask = Ask(
        query=query,
        chosen=chosen,
        sort=sort or "",
        page=min(max(1, arguments.whole("page", page)), LAST_PAGE),
        size=arguments.whole("page_size", page_size or 0, 0) or settings.PAGE_SIZE,
        cutoff=cutoff,
        vector_weight=vector_weight,
        generation=generation.pk if generation else None,
        rerank=rerank,
        facet_counts=facet_counts,
        lanes=tuple(lane for lane in LANES if lane in lanes),
        grouped=bool(index.variants) and (index.group_by if group_by is None else group_by),
        more=more,
        within=within,
        exact=exact,
        rewrite=rewrite,
        arrange=arrange,
    )

    def page_of(ask: Ask) -> Results:
        trace = Trace()
        with trace.stage("total"):
            products = visible_to(index, request) if visible is None else of_one_database(visible)
            if queryset is not None:
                products = products.filter(pk__in=unordered(queryset).values("pk"))
            if liked or unliked:
                products = products.exclude(pk__in=index.keys([*liked, *unliked]).values())
            serving = generation or _active_generation(index, products.db, trace)
            scope = Scope(index, serving, serving.language_for(query.language), products)
            answer = _answered(scope, ask, trace)
            if answer.is_barren and answer.ask.guidance.did_you_mean:
                answer = _other_words(scope, ask, answer, trace)
            hits = answer.results.hits
            hits = explained(answer.scope, answer.ask.query, hits, trace) if explain else hits
            hits = marked(answer.scope, answer.ask.query, hits, trace) if mark else hits
        return replace(
            answer.results,
            hits=hits,
            page=ask.page,
            page_size=ask.size,
            sort=answer.ask.sort,
            kind=query.kind,
            degraded=tuple(trace.degraded),
            guidance=answer.ask.guidance,
            timings=trace.timings,
            elsewhere=lambda page, size: page_of(replace(ask, page=page, size=size)),
        )

    return page_of(ask)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked in the end, among which products, and what was found."""

    scope: Scope
    ask: Ask
    results: Results
    is_barren: bool = False
    """Does nothing answer the query, whatever facets are chosen?"""


def _answered(scope: Scope, ask: Ask, trace: Trace) -> Answer:
    ask = steps.rewritten(scope, ask, trace)
    scope = scope.under(*ask.conditions)
    if ask.query:
        return _ranked(scope, ask, trace)
    scope = scope.under(*without_excluded(scope, ask.query))
    return Answer(scope, ask, browsed(scope, ask, trace))


def _other_words(scope: Scope, asked: Ask, nothing: Answer, trace: Trace) -> Answer:
    """Search for the words that a step proposed, where those that were typed found nothing."""
    words = nothing.ask.guidance.did_you_mean
    other = replace(asked, query=replace(asked.query, text=words), exact=True)
    answer = _answered(scope, other, trace)
    if not answer.results.total:
        return nothing
    guidance = replace(answer.ask.guidance, instead_of=asked.query.text, searched=words)
    return replace(answer, ask=replace(answer.ask, guidance=guidance))


def _ranked(scope: Scope, ask: Ask, trace: Trace) -> Answer:
    """Answer a query: rows, total, facets and sort all read one set of members."""
    if scope.generation.pk is None or scope.is_empty:
        return Answer(scope, ask, Results(facets=count(scope, ask, lambda _: ((), True))))
    meaning = query_meaning(scope, ask.query, trace) if "vectors" in ask.lanes else None
    membership = Membership(demand(scope, ask, meaning, trace), trace)
    narrowed = scope.narrowed(ask.chosen)
    ranking = _ranking(narrowed, ask, membership, trace)
    listed = ranking.candidates.shown()
    with trace.stage("hydrate"):
        hits = hydrate(narrowed, listed[ask.window])
        near = () if listed else _alternatives(narrowed, ask, membership.demand)
    with trace.stage("facets"):

        def counted(facet: Facet) -> Keys:
            if facet.name not in ask.chosen:
                return ranking.candidates.keys, ranking.exact
            if membership.is_known:  # counting leaves out what the other choices leave out
                return membership.whole.candidates.keys, True
            wider = membership.under(scope.narrowed(ask.chosen, without=facet.name))
            return wider.candidates.keys, wider.complete

        facets = count(scope, ask, counted)
    # Decided before facets, as which words are searched is: a choice must not bring up what another search finds.
    is_barren = not (listed or membership.whole.candidates)
    found = Results(hits, near, len(listed), ranking.exact, facets=facets, reranked=ranking.reranked)
    return Answer(scope, ask, found, is_barren)


def _ranking(scope: Scope, ask: Ask, membership: Membership, trace: Trace) -> Ranking:
    """Return the members in order; page one's order is frozen for the next pages."""
    key = "" if scope.is_empty else paging.ranking_key(scope, ask)
    kept = paging.frozen(key) if ask.page > 1 else None
    if kept:
        return kept
    found, reranked = membership.under(scope), 0
    members = found.candidates
    if ask.grouped:
        with trace.stage("group"):
            members = with_families(scope, members)
    if ask.sort:
        with trace.stage("sort"):
            members = members.in_order(_sorted(scope, members.keys, ask.sort))
    else:
        if ask.rerank:
            with trace.stage("rerank"):
                spent = trace.timings.get("encode", 0.0) / 1000
                members, reranked, failed = rerank(scope, ask.query, members, spent)
                if failed:
                    trace.degrade("reranker")
        members = steps.arranged(scope, ask, members, trace)
    ranking = Ranking(members, reranked, found.complete)
    if len(members) > ask.size and not trace.degraded:
        with trace.stage("freeze"):
            paging.freeze(key, ranking)
    return ranking


def _alternatives(scope: Scope, ask: Ask, demand: Demand) -> tuple[Hit, ...]:
    found = nearest(scope, demand, ALTERNATIVES)
    return hydrate(scope, (with_families(scope, found) if ask.grouped else found).shown())


def _sorted(scope: Scope, keys: Sequence[str], sort: str) -> list[str]:
    ordered = scope.among(keys).order_by(*scope.index.order(sort))
    return [str(key) for key in ordered.values_list("pk", flat=True)]


def _active_generation(index: SearchIndex, alias: str, trace: Trace) -> Generation:
    found = Generation.objects.serving(index, alias)
    if found is None:
        logger.error("%r has no active generation; run manage.py rebuild_search_index.", index)
        trace.degrade("index")
    return found or Generation(index=index.label)
