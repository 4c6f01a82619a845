"""Ranking: the lanes' matches become one ordered set of candidates, in which one of a family stands for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..fusion import Background, linear
from .bm25 import WordMatch
from .lanes import IdentifierMatch
from .results import Why
from .scope import Scope

# A similarity this many deviations above the query's background counts as a full match: the range that real
# catalogues show for the best product of a good query.
FULL_MATCH_DEVIATIONS = 8.0
# An identifier lifts its product by as much as a lane can, the whole query as one by as much as all of them.
IDENTIFIER_BOOSTS = {"exact": 1.0, "prefix": 0.5, "word": 0.5}


class Candidate(NamedTuple):
    """A product in the result set with its score so far, and what made it, flat: there are a thousand in a search.

    Where products are grouped, ``family`` is what it shares with its variants, and ``variants`` how many are found.
    The other fields are those of ``Why``.
    """

    key: str
    score: float
    family: str = ""
    variants: int = 1
    lanes: Mapping[str, tuple[int, float]] = MappingProxyType({})
    fused: float = 0.0
    rerank: float | None = None
    matched: str = ""
    penalty: float = 0.0
    boost: float = 0.0
    rules: tuple[str, ...] = ()

    # ``_replace`` takes three times as long, a thousand times a search.

    def of(self, family: str) -> Candidate:
        """Return it as one of a family."""
        return Candidate(self.key, self.score, family, *self[3:])

    def lifted(self, share: float) -> Candidate:
        """Return it with so much of its score added by boosts."""
        return Candidate(self.key, self.score * (1 + share), *self[2:9], share, *self[10:])

    @property
    def why(self) -> Why:
        """Why it stands where it does, as hits tell it."""
        return Why(dict(self.lanes), self.fused, self.rerank, self.matched, self.penalty, self.boost, rules=self.rules)

    @property
    def unit(self) -> str:
        """What it counts as: its family, or itself where products are not grouped."""
        return self.family or self.key

    @property
    def pinned(self) -> bool:
        """Does an identifier put it above everything else?"""
        return self.matched in ("exact", "prefix")


def order(candidate: Candidate) -> tuple[bool, bool, float]:
    """The sort key of candidates: whole identifiers, their beginnings, then scores; equals stay as they stand."""
    return (*_rank(candidate.matched), -candidate.score)


def _rank(matched: str) -> tuple[bool, bool]:
    return (matched != "exact", matched != "prefix")


@dataclass(frozen=True, slots=True)
class Fusion:
    """What the lanes found of a query, on one fixed scale: a lane that does not know a product counts as background.

    ``members`` are the keys that the vector lane admits; ``vectors`` holds similarities of other lanes' finds too.
    ``vector_share`` is the share of the vector lane beside that of words.
    Identifiers matched whole come first, then the rest by score; ties are broken by similarity, which tells also
    below the background what is nearer, then by key, so order is stable.
    """

    identifiers: Sequence[IdentifierMatch]
    words: Sequence[WordMatch]
    vectors: Mapping[str, float]
    members: Sequence[str]
    background: Background
    vector_share: float = 1.0

    def best(self, number: int) -> list[str]:
        """Return the keys of the first few, at a fraction of what ranking all of them takes."""
        return self._ordered(self._fused(self._scores()), _descending(self.vectors))[:number]

    def ranked(self, limit: int) -> list[Candidate]:
        """Return the first candidates in order, each with its place in every lane."""
        scores, nearest = self._scores(), _descending(self.vectors)
        fused, matched = self._fused(scores), self._matched
        keys = self._ordered(fused, nearest)[:limit]
        lanes: dict[str, dict[str, tuple[int, float]]] = {key: {} for key in keys}
        for lane, found in {"words": _descending(scores["words"]), "vectors": nearest}.items():
            for place, key in enumerate(found, start=1):
                if key in lanes:
                    lanes[key][lane] = place, scores[lane][key]
        for place, key in enumerate(matched, start=1):
            if key in lanes:
                lanes[key]["identifiers"] = place, 1.0
        return [Candidate(key, fused[key], "", 1, lanes[key], fused[key], None, matched.get(key, "")) for key in keys]

    def _scores(self) -> dict[str, dict[str, float]]:
        similar = np.fromiter(self.vectors.values(), float, len(self.vectors))
        return {
            "words": {match.key: word_score(match) for match in self.words},
            "vectors": dict(zip(self.vectors, vector_scores(similar, self.background).tolist(), strict=True)),
        }

    def _fused(self, scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        weights = {"words": 1.0 - self.vector_share, "vectors": self.vector_share}
        linearly = linear({lane: found for lane, found in scores.items() if found}, weights)
        matched = self._matched
        fused = {key: linearly.get(key, 0.0) for key in (*matched, *scores["words"], *self.members)}
        for key, kind in matched.items():
            fused[key] += IDENTIFIER_BOOSTS[kind]
        return fused

    def _ordered(self, fused: Mapping[str, float], nearest: Sequence[str]) -> list[str]:
        # Sorting is stable: of equals, the nearer is first.
        keys = [key for key in nearest if key in fused] + sorted(fused.keys() - self.vectors.keys())
        keys.sort(key=fused.__getitem__, reverse=True)
        if matched := self._matched:
            keys.sort(key=lambda key: _rank(matched.get(key, "")))
        return keys

    @property
    def _matched(self) -> dict[str, str]:
        return {match.key: match.kind for match in self.identifiers}


def _descending(scores: Mapping[str, float]) -> list[str]:
    """Return keys, that of the highest score first, equals by themselves."""
    return sorted(sorted(scores), key=scores.__getitem__, reverse=True)


def word_score(match: WordMatch) -> float:
    """Map a word match to 0..1: by how many of the words it holds, and how prominently."""
    return match.coverage * match.rank


def vector_scores(similarities: NDArray[np.float64], background: Background) -> NDArray[np.float64]:
    """Map similarities to 0..1 by how far they stand out from the query's background."""
    return np.clip(background.deviations(similarities) / FULL_MATCH_DEVIATIONS, 0.0, 1.0)


def blend(candidates: Sequence[Candidate], judged: Mapping[str, tuple[str, float]], share: float) -> list[Candidate]:
    """Reorder what was judged, (kind of document, score) by key, by a mix of its own score and the reranker's.

    Only the slots of what was judged change. Both scores are taken as they are: the reranker's lie between 0 and 1,
    the fused ones are brought there by the highest possible score, not by the best of this query.
    """
    aligned = _aligned([one for one in candidates if one.key in judged], judged)
    mixed = [
        candidate._replace(
            score=(1 - share) * candidate.score + share * aligned[candidate.key],
            rerank=judged[candidate.key][1],
        )
        for candidate in candidates
        if candidate.key in judged
    ]
    best = iter(sorted(mixed, key=order))
    return [next(best) if candidate.key in judged else candidate for candidate in candidates]


def _aligned(candidates: Sequence[Candidate], judged: Mapping[str, tuple[str, float]]) -> dict[str, float]:
    """Return the reranker's scores on one scale.

    A reranker scores a text, a photo and both on scales of their own. Where one list has several kinds, each kind's
    scores are exchanged for the retrieval scores of the same products in the reranker's order: within a kind the
    reranker decides, between kinds retrieval does.
    """
    kinds = sorted({judged[one.key][0] for one in candidates})
    if len(kinds) < 2:
        return {one.key: judged[one.key][1] for one in candidates}
    aligned: dict[str, float] = {}
    for kind in kinds:
        own = [one for one in candidates if judged[one.key][0] == kind]
        places = sorted((one.score for one in own), reverse=True)
        ordered = sorted(own, key=lambda one: (-judged[one.key][1], -one.score))
        aligned |= {one.key: place for one, place in zip(ordered, places, strict=True)}
    return aligned


def with_families(scope: Scope, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates with their families, the best of each family first, then the others.

    So the time of the reranker goes to what can be shown; which of a family is shown is decided after arranging.
    """
    facts = scope.facts(one.key for one in candidates)
    known = [one.of(str(facts[one.key][0]) if one.key in facts else one.key) for one in candidates]
    best = {one.family: one for one in reversed(known)}
    return sorted(known, key=lambda one: best[one.family] is not one)


def shown(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the first candidate of each family with how many there are of it; all where none has a family."""
    units: dict[str, list[Candidate]] = {}
    for one in candidates:
        units.setdefault(one.unit, []).append(one)
    return [own[0]._replace(variants=len(own)) if len(own) > 1 else own[0] for own in units.values()]
