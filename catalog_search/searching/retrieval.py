"""Retrieval: from a query to the one set of members that rows, total, facets and sort all read."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import EllipsisType

from ..conf import settings
from ..fusion import Background
from . import composition, lanes
from .asking import Ask
from .bm25 import WordMatch, broadened, matches_of, relaxed
from .bm25 import matches as matching_words
from .candidates import Candidates
from .composition import SMALL_SAMPLE_SHARE, Composition
from .encoding import Meaning
from .feedback import BEST, refined
from .lanes import IdentifierMatch
from .ranking import Fusion, word_score
from .scope import Scope
from .silence import is_foreign
from .trace import Trace
from .words import Words, parse_words

# Beyond these, a word match's own rank says enough; asking for the similarity of thousands would not.
SCORED_BY_BOTH = 300
# By how much a product that holds only some of the words must stand out.
PARTIAL_DEVIATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What a product must show to be a member, settled before facets: they narrow a set, they never widen it.

    ``floor`` is the cosine similarity that the vector lane demands, ``partial_floor`` the one that is demanded of
    products that hold only some of the words.
    """

    scope: Scope
    ask: Ask
    words: Words
    asked: Composition | None
    nearest: tuple[tuple[str, float], ...]
    """What the vector lane finds in the whole scope: (key, similarity), most similar first."""
    floor: float
    partial_floor: float


def demand(scope: Scope, ask: Ask, meaning: Meaning | None, trace: Trace) -> Demand:
    """Read the query against the whole scope: stemmed words, how they are taken, the similarity demanded.

    ``ask.cutoff`` is in deviations above the query's background; None demands no similarity at all, and only ``...``
    (CUTOFF) also that the query is about what the shop has: see ``silence``. Where it is not there are no members.
    A catalogue too small to tell near from far takes those with some of the words, too.
    """
    query, cutoff = ask.query, ask.cutoff
    with trace.stage("read query"):
        words = broadened(scope, parse_words(scope, query))
        if meaning is None:
            return Demand(scope, ask, relaxed(scope, words), None, (), -math.inf, -math.inf)
    with trace.stage("vectors"):
        asked = composition.compose(scope, meaning)
        deviations = cutoff
        if isinstance(deviations, EllipsisType):
            # Of a handful of products none can stand out far: most of what is possible must do.
            deviations = min(settings.CUTOFF, SMALL_SAMPLE_SHARE * asked.background.reach)
        floor = -math.inf if deviations is None else asked.background.at(deviations)
        partial_floor = -math.inf
        # It was measured with words; pictures come nearer.
        nearness = scope.generation.nearness if isinstance(cutoff, EllipsisType) and query.kind == "text" else None
        if nearness is not None:
            # Where most of what a shop has is of one kind, none of it stands out: what is near is enough.
            floor, partial_floor = (min(one, nearness) for one in (floor, asked.background.at(PARTIAL_DEVIATIONS)))
        found = lanes.vectors(scope, asked.vector, floor, settings.MAX_CANDIDATES)
        if nearness is not None and is_foreign(scope, query, words, found[0][1] if found else floor):
            found, floor, partial_floor = [], math.inf, math.inf
    return Demand(scope, ask, words, asked, tuple(found), floor, partial_floor)


@dataclass(frozen=True, slots=True)
class Members:
    """Members in order of their fused score; ``complete`` where no lane came to its bound, so that these are all."""

    candidates: Candidates
    complete: bool = True


class Membership:
    """The members of one search, under any choice of facets.

    Where all members are known, a choice only leaves some out: what a facet counts is then exactly what choosing finds.
    Where there are more than are kept, each choice is searched for anew, for it may bring up what was left out.
    """

    def __init__(self, demand: Demand, trace: Trace) -> None:
        self.demand, self._trace = demand, trace

    @cached_property
    def whole(self) -> Members:
        """The members where nothing is chosen."""
        return candidates(self.demand.scope, self.demand, self._trace)

    @property
    def is_known(self) -> bool:
        """Are all members known?"""
        return len(self.demand.nearest) < settings.MAX_CANDIDATES and self.whole.complete

    def under(self, scope: Scope) -> Members:
        """Return the members within the scope of a choice."""
        if scope.is_empty:  # a facet value that no product can have
            return Members(Candidates())
        if scope is self.demand.scope:
            return self.whole
        if not self.is_known:
            return candidates(scope, self.demand, self._trace)
        whole = self.whole.candidates
        return Members(whole.in_order(scope.admitted(whole.keys)))


def candidates(scope: Scope, demand: Demand, trace: Trace) -> Members:
    """Return the members of the set in a scope, at most MAX_CANDIDATES."""
    limit, asked_lanes = settings.MAX_CANDIDATES, demand.ask.lanes
    with trace.stage("identifiers"):
        by_identifier = lanes.identifiers(scope, demand.ask.query) if "identifiers" in asked_lanes else []
    with trace.stage("words"):
        by_words = matching_words(scope, demand.words, limit) if "words" in asked_lanes else []
    with trace.stage("vectors"):
        near = dict(_near(scope, demand, limit))
    complete = max(len(by_identifier), len(by_words), len(near)) < limit
    with trace.stage("fusion"):
        found = {*near, *(match.key for match in by_identifier)}  # no product of the lane of words holds them
        excluded = demand.words.excluded
        barred = set(lanes.excluded(scope, excluded, list(found))) if excluded else set()
        by_identifier = [match for match in by_identifier if match.key not in barred]
        members = [key for key in near if key not in barred]
        ranked = _fused(scope, demand, by_identifier, by_words, near, members).ranked(limit)
        if demand.asked:
            ranked = composition.penalise(scope, demand.asked, ranked)
    return Members(ranked.joined_by(scope.admitted(demand.ask.admitted)), complete and len(ranked) < limit)


def _fused(
    scope: Scope,
    demand: Demand,
    by_identifier: Sequence[IdentifierMatch],
    by_words: Sequence[WordMatch],
    near: Mapping[str, float],
    members: Sequence[str],
) -> Fusion:
    """Let each lane tell of what the others found, and what answers in one way only answer in the others, too."""
    asked, query, share = demand.asked, demand.ask.query, demand.ask.vector_share
    if asked is None:
        return Fusion(by_identifier, by_words, {}, members, Background(0.0, 1.0), share)
    others = [match.key for match in by_identifier] + [match.key for match in by_words[:SCORED_BY_BOTH]]
    similar = {**near, **lanes.similarities(scope, asked.vector, [key for key in others if key not in near])}
    if len(by_words) >= settings.MAX_CANDIDATES:  # more products hold the words than the lane tells of
        told = {match.key for match in by_words}
        by_words = [*by_words, *matches_of(scope, demand.words, [key for key in near if key not in told])]
    by_words = [match for match in by_words if _belongs(match, similar, demand)]
    if len(asked.aspects) > 1:
        if demand.floor > -math.inf:
            said_alone = {match.key for match in by_words} - set(near)
            strangers = said_alone - composition.answering(scope, asked, said_alone)
            by_words = [match for match in by_words if match.key not in strangers]
        said = {match.key: word_score(match) for match in by_words}
        similar = composition.similarities(scope, asked, similar, said, share)
        share = 1.0
    fusion = Fusion(by_identifier, by_words, similar, members, asked.background, share)
    if not by_words or query.kind != "text":
        return fusion
    closer = refined(scope, asked, fusion.best(BEST))
    similar = lanes.similarities(scope, closer.vector, list(similar))
    return replace(fusion, vectors=similar, background=closer.background)


def nearest(scope: Scope, demand: Demand, limit: int) -> Candidates:
    """Return what comes nearest to a query that nothing matches: alternatives, not members."""
    asked = demand.asked
    if asked is None or scope.is_empty:
        return Candidates()
    similar = dict(lanes.vectors(scope, asked.vector, asked.background.mean, limit))
    fusion = Fusion([], [], similar, list(similar), asked.background)
    return composition.penalise(scope, asked, fusion.ranked(limit))


def _near(scope: Scope, demand: Demand, limit: int) -> Collection[tuple[str, float]]:
    if scope is demand.scope:
        return demand.nearest
    if demand.asked is None or demand.floor == math.inf:
        return ()
    return lanes.vectors(scope, demand.asked.vector, demand.floor, limit)


def _belongs(match: WordMatch, similar: Mapping[str, float], demand: Demand) -> bool:
    return match.coverage >= 1.0 or similar.get(match.key, -math.inf) >= demand.partial_floor
