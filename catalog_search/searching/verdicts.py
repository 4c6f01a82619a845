"""Verdicts: what a reranker said of a query and a document is kept, since people ask the same things."""

from __future__ import annotations

from collections.abc import Sequence

from ..backends.base import Reranker
from ..backends.configuration import identity
from ..conf import settings
from ..content import Content
from . import cache


def score(setting: str, reranker: Reranker, query: Content, documents: Sequence[Content]) -> tuple[list[float], int]:
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
