"""Retrieval: which products belong to the result, and how the lanes rank them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import EllipsisType

from ..conf import settings
from ..fusion import Background, Vector
from . import lanes
from .query import Query
from .ranking import Candidate, rank
from .scope import Scope
from .trace import Trace
from .words import WordMatch, Words, broadened, parse_words
from .words import words as matching_words

# Beyond these, a word match's own rank says enough; asking for the similarity of thousands would not.
SCORED_BY_BOTH = 300
SMALL_SAMPLE_SHARE = 0.75
PARTIAL_DEVIATIONS = 1.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What a product must meet to belong to the result: decided once, before facets narrow anything.

    It belongs when an identifier matches, or all words do, or its similarity reaches the floor; where few products
    hold all words, also when most words match and it is similar enough not to do so by chance.
    """

    query: Query
    words: Words
    vector: Vector | None
    background: Background
    floor: float
    partial_floor: float
    lanes: Collection[str]


def demand(
    scope: Scope,
    query: Query,
    vector: Vector | None,
    cutoff: float | EllipsisType | None,
    chosen: Collection[str],
    trace: Trace,
) -> Demand:
    """Read the query against the whole scope: stemmed words, how they are taken, the similarity demanded.

    ``cutoff`` is in deviations above the query's background; None demands no similarity at all, and only ``...``
    (CUTOFF) also that the query comes as near as those that the catalogue means: see ``indexing.statistics``.
    """
    with trace.stage("read query"):
        words = broadened(scope, parse_words(scope.alias, query, scope.language))
        background, floor, partial_floor = Background(0.0, 1.0), -math.inf, -math.inf
        if vector is not None:
            background = lanes.background(scope.alias, scope.generation, vector)
            near = -1.0
            if isinstance(cutoff, EllipsisType):
                # Of a handful of products none can stand out far: most of what is possible must do.
                cutoff = min(settings.CUTOFF, SMALL_SAMPLE_SHARE * background.reach)
                # It was measured with words: pictures come nearer.
                near = scope.generation.nearness if query.text.strip() and not query.image else near
            if cutoff is not None:
                floor = max(background.at(cutoff), near)
                partial_floor = max(background.at(min(cutoff, PARTIAL_DEVIATIONS)), near)
        return Demand(query, words, vector, background, floor, partial_floor, chosen)


def candidates(scope: Scope, demand: Demand, trace: Trace) -> list[Candidate]:
    """Return the members of a scope, best first, at most MAX_CANDIDATES."""
    limit = settings.MAX_CANDIDATES
    if scope.is_empty:
        return []
    with trace.stage("identifiers"):
        by_identifier = lanes.identifiers(scope, demand.query) if "identifiers" in demand.lanes else []
    with trace.stage("words"):
        by_words = matching_words(scope, demand.words, limit) if "words" in demand.lanes else []
    similar: dict[str, float] = {}
    members: list[str] = []
    if demand.vector is not None:
        with trace.stage("vectors"):
            similar = dict(lanes.vectors(scope, demand.vector, demand.floor, limit))
            members = list(similar)
            others = [match.key for match in by_identifier] + [match.key for match in by_words[:SCORED_BY_BOTH]]
            similar |= lanes.similarities(scope, demand.vector, [key for key in others if key not in similar])
            by_words = [match for match in by_words if _belongs(match, similar, demand)]
    with trace.stage("fusion"):
        barred = set(lanes.excluded(scope, demand.words.excluded, members)) if demand.words.excluded else set()
        members = [key for key in members if key not in barred]
        return rank(demand.query, by_identifier, by_words, similar, members, demand.background, limit)


def nearest(scope: Scope, demand: Demand, limit: int) -> list[Candidate]:
    """Return what comes nearest to a query that nothing matches: alternatives, not members."""
    if demand.vector is None or scope.is_empty:
        return []
    similar = dict(lanes.vectors(scope, demand.vector, -math.inf, limit))
    return rank(demand.query, [], [], similar, list(similar), demand.background, limit)


def _belongs(match: WordMatch, similar: Mapping[str, float], demand: Demand) -> bool:
    return match.coverage >= 1.0 or similar.get(match.key, -math.inf) >= demand.partial_floor
