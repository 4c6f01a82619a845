"""Ranking: the lanes' matches become one ordered set of candidates, in which one of a family stands for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..fusion import Background, linear
from .bm25 import WordMatch
from .candidates import Candidates
from .lanes import IdentifierMatch
from .scope import Scope

# A similarity this many deviations above the query's background counts as a full match: the range that real
# catalogues show for the best product of a good query.
FULL_MATCH_DEVIATIONS = 8.0
# An identifier lifts its product by as much as a lane can, the whole query as one by as much as all of them.
IDENTIFIER_BOOSTS = {"exact": 1.0, "prefix": 0.5, "word": 0.5}


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

    def best(self, number: int) -> Sequence[str]:
        """Return the keys of the first few, at a fraction of what ranking all of them takes."""
        return self._ordered(self._words, self._vectors).keys[:number]

    def ranked(self, limit: int) -> Candidates:
        """Return the first candidates in order, each with its place in every lane."""
        words, vectors = self._words, self._vectors
        found = self._ordered(words, vectors)[:limit]
        lanes = {"words": _placed(_descending(words)), "vectors": _placed(vectors)}
        lanes["identifiers"] = {key: (place, 1.0) for place, key in enumerate(found.matched, start=1)}
        return replace(found, fused=found.score, lanes=lanes)

    @property
    def _words(self) -> dict[str, float]:
        """What the lane of words says."""
        return {match.key: word_score(match) for match in self.words}

    @property
    def _vectors(self) -> dict[str, float]:
        """What the lane of vectors says, the nearest first, also of those that it says nothing good of."""
        nearest = _descending(self.vectors)
        similar = np.fromiter(nearest.values(), float, len(nearest))
        return dict(zip(nearest, vector_scores(similar, self.background).tolist(), strict=True))

    def _ordered(self, words: Mapping[str, float], vectors: Mapping[str, float]) -> Candidates:
        """Fuse the lanes. Sorting is stable: of equals, the nearer is first."""
        matched = {match.key: match.kind for match in self.identifiers}
        members = {*matched, *words, *self.members}
        keys = [key for key in vectors if key in members]
        keys += sorted(members.difference(vectors))
        shares = {"words": 1.0 - self.vector_share, "vectors": self.vector_share}
        score = linear(keys, {"words": words, "vectors": vectors}, shares)
        for key, kind in matched.items():
            score[key] += IDENTIFIER_BOOSTS[kind]
        return Candidates(keys, score, matched=matched).best_first()


def _descending(scores: Mapping[str, float]) -> dict[str, float]:
    """Sort by score, that of the highest first, equals by their keys."""
    return {key: scores[key] for key in sorted(sorted(scores), key=scores.__getitem__, reverse=True)}


def _placed(scores: Mapping[str, float]) -> dict[str, tuple[int, float]]:
    return {key: (place, score) for place, (key, score) in enumerate(scores.items(), start=1)}


def word_score(match: WordMatch) -> float:
    """Map a word match to 0..1: by how many of the words it holds, and how prominently."""
    return match.coverage * match.rank


def vector_scores(similarities: NDArray[np.float64], background: Background) -> NDArray[np.float64]:
    """Map similarities to 0..1 by how far they stand out from the query's background."""
    return np.clip(background.deviations(similarities) / FULL_MATCH_DEVIATIONS, 0.0, 1.0)


def blend(candidates: Candidates, judged: Mapping[str, tuple[str, float]], share: float) -> Candidates:
    """Reorder what was judged, (kind of document, score) by key, by a mix of its own score and the reranker's.

    Only the slots of what was judged change. Both scores are taken as they are: the reranker's lie between 0 and 1,
    the fused ones are brought there by the highest possible score, not by the best of this query.
    """
    own = candidates.in_order([key for key in candidates.keys if key in judged])
    mixed = {
        key: (1 - share) * candidates.score[key] + share * aligned for key, aligned in _aligned(own, judged).items()
    }
    verdicts = {key: judged[key][1] for key in own.keys}
    changed = replace(own, score={**candidates.score, **mixed}, rerank=verdicts)
    best = iter(changed.best_first().keys)
    return changed.in_order([next(best) if key in judged else key for key in candidates.keys])


def _aligned(candidates: Candidates, judged: Mapping[str, tuple[str, float]]) -> dict[str, float]:
    """Return the reranker's scores on one scale.

    A reranker scores a text, a photo and both on scales of their own. Where one list has several kinds, each kind's
    scores are exchanged for the retrieval scores of the same products in the reranker's order: within a kind the
    reranker decides, between kinds retrieval does.
    """
    kinds = sorted({judged[key][0] for key in candidates.keys})
    if len(kinds) < 2:
        return {key: judged[key][1] for key in candidates.keys}
    aligned: dict[str, float] = {}
    for kind in kinds:
        own = [key for key in candidates.keys if judged[key][0] == kind]
        places = sorted((candidates.score[key] for key in own), reverse=True)
        ordered = sorted(own, key=lambda key: (-judged[key][1], -candidates.score[key]))
        aligned |= dict(zip(ordered, places, strict=True))
    return aligned


def with_families(scope: Scope, candidates: Candidates) -> Candidates:
    """Return the candidates with their families, the best of each family first, then the others.

    So the time of the reranker goes to what can be shown; which of a family is shown is decided after arranging.
    """
    facts = scope.facts(candidates.keys)
    family = {key: str(facts[key][0]) if key in facts else key for key in candidates.keys}
    best = {family[key]: key for key in reversed(candidates.keys)}
    return replace(candidates, family=family).preferring({*best.values()})
