"""Reranking: a CrossEncoder reads the query beside the best candidates, as many as the time allows."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar

from ..backends import get_reranker, reranker_setting, worker
from ..backends.base import Reranker
from ..backends.configuration import identity
from ..conf import settings
from ..content import Content
from ..contexts import holding
from ..exceptions import ImageError, ModelError
from ..sql import ends_transaction
from . import cache
from .candidates import Candidates
from .documents import Documents
from .hydration import contents
from .query import Query
from .ranking import blend
from .scope import Scope

logger = logging.getLogger(__name__)

TASK = "catalog_search.rerank"
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
        held = _held.get()
        seconds = self._seconds if held is None else held.setdefault(self, self._seconds)
        return min(settings.RERANK_DEPTH, int(settings.RERANK_SECONDS / seconds))

    def note(self, pairs: int, seconds: float) -> None:
        """Learn from a call. One slow call (a model warming up) moves the average by a third at most."""
        with self._lock:
            taken = min(seconds / max(pairs, 1), 10 * self._seconds)
            self._seconds += 0.3 * (max(taken, 1e-5) - self._seconds)


paces: defaultdict[str, Pace] = defaultdict(Pace)
"""By the setting that names the reranker."""

_held: ContextVar[dict[Pace, float] | None] = ContextVar("catalog_search_held_pace", default=None)


def steady() -> AbstractContextManager[None]:
    """Let the searches inside, in this thread, rerank at one pace: what is learned meanwhile sets none apart."""
    return holding(_held, {})


Judged = tuple[str, float]
"""What a reranker says of a product: which kind of document it read ("text", "image+text"), the score."""


def rerank(scope: Scope, query: Query, candidates: Candidates, spent: float) -> tuple[Candidates, int, bool]:
    """Let the reranker reorder the first candidates; returns (candidates, pairs scored, whether it failed).

    ``spent`` are the seconds that this search has waited for models already.
    Failure leaves the order as it was. A machine too slow for a handful of pairs within the time counts as failure.
    """
    setting = reranker_setting(query.content)
    if getattr(settings, setting) is None or len(candidates) < 2 or not query.content:
        return candidates, 0, False
    pace = paces[setting]
    depth = min(pace.depth(), len(candidates))
    if depth < min(FEWEST_PAIRS, len(candidates), settings.RERANK_DEPTH):
        pace.note(1, FIRST_GUESS_SECONDS)  # try again some day: the machine may only have been busy
        return candidates, 0, True
    place = (*scope.documents, list(candidates.keys[:depth]))
    start = time.perf_counter()
    try:
        if worker.elsewhere(getattr(settings, setting)["BACKEND"]):
            packed = query.content.packed()
            judged, asked = worker.ask(TASK, *place, packed, seconds=settings.MODEL_SECONDS - spent)
        else:
            get_reranker(setting)
            start = time.perf_counter()  # loading it is not its pace
            judged, asked = score(*place, query.content)
    except Exception as error:  # a model is foreign code; a search must answer all the same
        if ends_transaction(error, scope.alias):
            raise
        logger.error("Reranking failed, results keep the order of retrieval: %s", error)
        if (taken := time.perf_counter() - start) > settings.RERANK_SECONDS:
            pace.note(depth, taken)  # fewer might have been done in time
        return candidates, 0, True
    if asked:
        pace.note(asked, time.perf_counter() - start)
    # What is not wanted stays so, however well the reranker finds that it answers the rest.
    lost = candidates.penalty
    judged = {key: (kind, value * (1.0 - lost.get(key, 0.0))) for key, (kind, value) in judged.items()}
    return blend(candidates, judged, settings.RERANK_BLEND), len(judged), False


def score(
    alias: str, generation_id: int, language: str, keys: Sequence[str], query: Content
) -> tuple[dict[str, Judged], int]:
    """Return how well these products answer a query, by their indexed text and their thumbnail, and how many were new.

    What the reranker cannot read is left out; a query that it cannot read whole leaves out everything, since an
    order by half of what was asked is none. Raises ModelError, Unavailable where the thumbnails take too long.
    """
    setting = reranker_setting(query)
    reranker = get_reranker(setting)
    if reranker is None:
        raise ModelError("No reranker is configured here.")
    if reranker.readable(query).modalities != query.modalities:
        return {}, 0
    seconds = settings.RERANK_SECONDS if "image" in reranker.modalities else None
    found = contents(Documents(alias, generation_id, language), keys, seconds)
    read = {key: document for key, one in found.items() if (document := reranker.readable(one, query))}
    try:
        scores, asked = _scored(setting, reranker, query, list(read.values()))
    except ImageError:
        read = {key: document for key, one in read.items() if (document := _undamaged(one))}
        scores, asked = _scored(setting, reranker, query, list(read.values()))
    kinds = ["+".join(document.modalities) for document in read.values()]
    return dict(zip(read, zip(kinds, scores, strict=True), strict=True)), asked


def _scored(setting: str, reranker: Reranker, query: Content, documents: Sequence[Content]) -> tuple[list[float], int]:
    """Return a relevance for each document and how many of them the reranker of a setting had to be asked for.

    Kept by model, digest of the query and digest of the document: a product that changes is read again.
    """
    asked = repr(identity(getattr(settings, setting))), query.digest
    keys = [cache.named("verdict", (*asked, document.digest)) for document in documents]
    kept = cache.get_many(keys)
    missing = [number for number, key in enumerate(keys) if key not in kept]
    if missing:
        scores = reranker.score(query, [documents[number] for number in missing])
        fresh = {keys[number]: float(one) for number, one in zip(missing, scores, strict=True)}
        cache.put_many(fresh, settings.QUERY_CACHE_SECONDS)
        kept |= fresh
    return [kept[key] for key in keys], len(missing)


def _undamaged(document: Content) -> Content:
    """Leave out a picture that cannot be decoded; asked for only where one could not: looking costs decoding twice."""
    try:
        if document.image:
            document.image.open()
    except ImageError as error:
        logger.warning("A product is judged without its photo: %s", error)
        return Content(document.text)
    return document
