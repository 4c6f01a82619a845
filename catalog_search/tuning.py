"""Tuning: which weights suit judged queries, told by queries that they were not chosen on.

Nothing is searched again: a page of results holds the scores of its lanes, and these are weighted anew. Pure, like
``evaluation``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from .conf import settings
from .evaluation import CONDENSED, JUDGED, JUDGED_ENOUGH, NDCG, Evaluation, Judgements, Outcome, evaluate, interval
from .searching.candidates import Candidates
from .searching.query import Query
from .searching.ranking import IDENTIFIER_BOOSTS, blend
from .searching.results import Hit, Why

SHARES = tuple(round(step * 0.05, 2) for step in range(21))
FOLDS = 5
FEWEST_QUERIES = 20
"""Under so many queries of a class, which weight wins is chance."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What judged queries say of one weight: what it is, what suits them best, and what that would gain.

    The gain is cross-validated: each query is scored with the weight that suits the *other* folds.
    """

    name: str
    queries: int
    present: float
    best: float
    score: float
    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def refused(self) -> bool:
        """Are there too few queries to say anything?"""
        return self.queries < FEWEST_QUERIES

    @property
    def holds(self) -> bool:
        """Would the change pay on queries that it was not chosen on?"""
        return not self.refused and self.low > 0 and self.best != self.present


def measure_of(plain: Evaluation) -> str:
    """Return the measure to tune by: nDCG@10, condensed where too few of the first ten are judged.

    Otherwise the weights would learn which engine the judged products were found by.
    """
    return NDCG if plain.means.get(JUDGED, 0.0) >= JUDGED_ENOUGH else CONDENSED


def tune_weights(judgements: Judgements, found: Mapping[str, Sequence[Hit]], measure: str) -> list[Tuned]:
    """Tune VECTOR_WEIGHTS by class of query, on the members that each query found without reranking."""
    classes: dict[str, list[str]] = defaultdict(list)
    for query in judgements:
        classes[Query(query).query_class].append(query)
    return [
        _tuned(
            f'VECTOR_WEIGHTS["{name}"]',
            settings.VECTOR_WEIGHTS[name],
            {query: judgements[query] for query in classes[name]},
            lambda query, share: _weighted(found[query], share),
            measure,
        )
        for name in settings.VECTOR_WEIGHTS
        if name in classes
    ]


def tune_blend(judgements: Judgements, found: Mapping[str, Sequence[Hit]], measure: str) -> Tuned:
    """Tune RERANK_BLEND, on the members that each query found with reranking."""
    return _tuned(
        "RERANK_BLEND",
        settings.RERANK_BLEND,
        judgements,
        lambda query, share: _blended(found[query], share),
        measure,
    )


def _tuned(
    name: str,
    present: float,
    judgements: Judgements,
    ranked: Callable[[str, float], Sequence[str]],
    measure: str,
) -> Tuned:
    shares = sorted({*SHARES, present})
    columns = []
    for share in shares:
        outcomes = {query: Outcome(keys, len(keys)) for query in judgements for keys in [ranked(query, share)]}
        columns.append(evaluate(name, judgements, outcomes).scores)
    queries = sorted(columns[0])
    # One row for each query, one column for each share.
    scores = np.array([[column[query][measure] for column in columns] for query in queries]).reshape(-1, len(shares))
    here = shares.index(present)
    if len(queries) < FEWEST_QUERIES:
        return Tuned(name, len(queries), present, present, float(scores[:, here].mean()) if queries else 0.0)
    gains = np.empty(len(queries))
    for fold in range(FOLDS):
        held_out = np.arange(len(queries)) % FOLDS == fold
        gains[held_out] = scores[held_out, _best(scores[~held_out], shares, present)] - scores[held_out, here]
    low, high = interval(gains)
    best = shares[_best(scores, shares, present)]
    return Tuned(name, len(queries), present, best, float(scores[:, here].mean()), float(gains.mean()), low, high)


def _best(scores: NDArray[np.float64], shares: Sequence[float], present: float) -> int:
    """Return the column of the best mean; of equals the nearest to what is set."""
    means = scores.mean(axis=0).round(6)
    return max(range(len(shares)), key=lambda place: (means[place], -abs(shares[place] - present)))


def _weighted(hits: Sequence[Hit], share: float) -> Sequence[str]:
    def weighted(why: Why) -> float:
        words, vectors = (why.lanes.get(lane, (0, 0.0))[1] for lane in ("words", "vectors"))
        return (1 - share) * words + share * vectors + IDENTIFIER_BOOSTS.get(why.matched, 0.0)

    return _ranked(hits, weighted).keys


def _blended(hits: Sequence[Hit], share: float) -> Sequence[str]:
    judged = {hit.key: ("", hit.why.rerank) for hit in hits if hit.why.rerank is not None}
    return blend(_ranked(hits, attrgetter("fused")), judged, share).keys


def _ranked(hits: Sequence[Hit], score: Callable[[Why], float]) -> Candidates:
    scores = {hit.key: score(hit.why) * (1 - hit.why.penalty) for hit in hits}
    return Candidates(list(scores), scores, matched={hit.key: hit.why.matched for hit in hits}).best_first()
