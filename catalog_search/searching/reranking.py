"""Reranking: a CrossEncoder reads the query beside the best candidates, as many as the time allows."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence

from ..backends import get_reranker
from ..conf import settings
from . import verdicts
from .hydration import contents
from .query import Query
from .ranking import Candidate, blend
from .scope import Scope

logger = logging.getLogger(__name__)

# Before anything was measured, a pair is taken to cost this much: a small CrossEncoder on one CPU core.
FIRST_GUESS_SECONDS = 0.012
FEWEST_PAIRS = 5


class Pace:
    """How long one pair takes on this machine, learned from what it took: a moving average."""

    def __init__(self) -> None:
        self._seconds = FIRST_GUESS_SECONDS
        self._lock = threading.Lock()

    def depth(self) -> int:
        """Return how many pairs fit into RERANK_SECONDS, at most RERANK_DEPTH."""
        return min(settings.RERANK_DEPTH, int(settings.RERANK_SECONDS / self._seconds))

    def note(self, pairs: int, seconds: float) -> None:
        """Learn from a call. One slow call (a model warming up) moves the average by a third at most."""
        with self._lock:
            taken = min(seconds / max(pairs, 1), 10 * self._seconds)
            self._seconds += 0.3 * (max(taken, 1e-5) - self._seconds)


pace = Pace()


def rerank(scope: Scope, query: Query, candidates: Sequence[Candidate]) -> tuple[list[Candidate], int, bool]:
    """Let the reranker reorder the first candidates; returns (candidates, pairs scored, whether it failed).

    Failure leaves the order as it was. A machine too slow for a handful of pairs within the time counts as failure.
    """
    try:
        reranker = get_reranker()
        if reranker is None or len(candidates) < 2:
            return list(candidates), 0, False
        depth = min(pace.depth(), len(candidates))
        if depth < min(FEWEST_PAIRS, len(candidates), settings.RERANK_DEPTH):
            pace.note(1, FIRST_GUESS_SECONDS)  # try again some day: the machine may only have been busy
            return list(candidates), 0, True
        head = candidates[:depth]
        documents = contents(scope, [candidate.key for candidate in head], "image" in reranker.modalities)
        start = time.perf_counter()
        scores, asked = verdicts.score(reranker, query.content, documents)
        if asked:
            pace.note(asked, time.perf_counter() - start)
    except Exception as error:  # a model is foreign code; a search must answer all the same
        logger.error("Reranking failed, results keep the order of retrieval: %s", error)
        return list(candidates), 0, True
    # What is not wanted stays so, however well the reranker finds that it answers the rest.
    scores = [score * (1.0 - one.why.penalty) for score, one in zip(scores, head, strict=True)]
    return blend(candidates, scores, settings.RERANK_BLEND), len(scores), False
