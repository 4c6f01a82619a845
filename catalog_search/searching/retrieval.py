"""Retrieval: which products belong to the result, and how the lanes rank them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..conf import settings
from ..fusion import Background
from . import composition, lanes
from .composition import SMALL_SAMPLE_SHARE, Composition
from .encoding import Meaning
from .lanes import Words
from .query import Query
from .ranking import Candidate, rank
from .scope import Scope
from .trace import Trace

# Beyond these, a word match's own rank says enough; asking for the similarity of thousands would not.
SCORED_BY_BOTH = 300


@dataclass(frozen=True, slots=True)
class Demand:
    """What a product must meet to belong to the result: decided once, before facets narrow anything.

    It belongs when an identifier matches, or enough of the words, or its similarity reaches the floor.
    """

    query: Query
    words: Words
    words_demanded: int
    asked: Composition | None
    background: Background
    floor: float
    lanes: Collection[str]


def demand(
    scope: Scope, query: Query, meaning: Meaning | None, cutoff: float | None, chosen: Collection[str], trace: Trace
) -> Demand:
    """Read the query against the whole scope: stemmed words, how many are demanded, the similarity demanded."""
    with trace.stage("read query"):
        words = lanes.parse_words(scope.alias, query, scope.language)
        demanded = lanes.words_demanded(scope, words)
        asked = composition.compose(scope, meaning) if meaning else None
        background = asked.background if asked else Background(0.0, 1.0)
        if cutoff is None:
            # Of a handful of products none can stand out far: most of what is possible must do.
            cutoff = min(settings.CUTOFF, SMALL_SAMPLE_SHARE * background.reach)
        return Demand(query, words, demanded, asked, background, background.at(cutoff), chosen)


def candidates(scope: Scope, demand: Demand, trace: Trace) -> list[Candidate]:
    """Return the members of a scope, best first, at most MAX_CANDIDATES."""
    limit = settings.MAX_CANDIDATES
    if scope.is_empty:
        return []
    with trace.stage("identifiers"):
        by_identifier = lanes.identifiers(scope, demand.query) if "identifiers" in demand.lanes else []
    with trace.stage("words"):
        by_words = lanes.words(scope, demand.words, demand.words_demanded, limit) if "words" in demand.lanes else []
    similar: dict[str, float] = {}
    members: list[str] = []
    if demand.asked:
        with trace.stage("vectors"):
            similar = dict(lanes.vectors(scope, demand.asked.vector, demand.floor, limit))
            members = list(similar)
            others = [match.key for match in by_identifier] + [match.key for match in by_words[:SCORED_BY_BOTH]]
            similar |= lanes.similarities(scope, demand.asked.vector, [key for key in others if key not in similar])
            similar = composition.similarities(scope, demand.asked, similar)
    with trace.stage("fusion"):
        excluded = set(lanes.excluded(scope, demand.words, members)) if demand.words.excluded else set()
        members = [key for key in members if key not in excluded]
        ranked = rank(by_identifier, by_words, similar, members, demand.background, limit)
        return composition.penalise(scope, demand.asked, ranked) if demand.asked else ranked
