"""Paging: the ranking of page one is frozen for a while, so that page two neither repeats nor skips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson  # json takes twenty times as long, as long as a lane

from ..conf import settings
from . import cache
from .asking import Ask
from .candidates import Candidates
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Ranking:
    """Members of a result in their order; ``total`` counts more than these where they are only a part."""

    candidates: Candidates
    reranked: int = 0
    exact: bool = True
    total: int = 0


def ranking_key(scope: Scope, ask: Ask, part: int = 0) -> str:
    """Return the key of a ranking: everything that decides it, visibility and filters by their SQL.

    Which generation serves does not: pages go on as they began when another takes over. Where a caller brings steps
    that arrange, "": nobody else is shown that order, nor they that of others.
    """
    if ask.arrange is not None:
        return ""
    decided = [ask.query.digest, ask.sort, ask.cutoff, ask.rerank, ask.lanes, ask.admitted, ask.guidance, ask.grouped]
    parts = [scope.index.label, ask.generation, *scope.identity, *decided, part, ask.vector_weight]
    return cache.named("candidates", parts)


def freeze(key: str, ranking: Ranking) -> None:
    """Keep a ranking for the next pages, where it has a key."""
    if key:
        # A step may score by other numbers.
        cache.put(key, orjson.dumps(ranking, default=float), settings.PAGING_SECONDS)


def frozen(key: str) -> Ranking | None:
    """Return a kept ranking, or None."""
    kept = cache.get(key) if key else None
    if not isinstance(kept, bytes):
        return None
    told: dict[str, Any] = orjson.loads(kept)
    return Ranking(Candidates(**told.pop("candidates")), **told)
