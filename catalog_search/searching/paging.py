"""Paging: the ranking of page one is frozen for a while, so that page two neither repeats nor skips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson  # json takes twenty times as long, as long as a lane
from numpy.typing import NDArray

from ..conf import settings
from . import cache
from .asking import Ask
from .candidates import Candidates
from .scope import Scope

DIGITS = 6
"""Scores are kept to so many decimals."""
NUMBERS = ("score", "fused", "boost", "penalty")
SPARSE = ("variants", "rerank", "matched", "rules")
"""Columns that say something of few candidates."""


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
        kept = _packed(ranking.candidates), ranking.reranked, ranking.exact, ranking.total
        cache.put(key, orjson.dumps(kept, option=orjson.OPT_SERIALIZE_NUMPY), settings.PAGING_SECONDS)


def frozen(key: str) -> Ranking | None:
    """Return a kept ranking, or None."""
    kept = cache.get(key) if key else None
    if not isinstance(kept, bytes):
        return None
    packed, *others = orjson.loads(kept)
    return Ranking(_unpacked(packed), *others)


def _packed(candidates: Candidates) -> dict[str, Any]:
    """Write columns by place and numbers as exactly as they are shown, a third of what they are by key."""
    keys = candidates.keys

    def numbers(column: Mapping[str, float]) -> NDArray[np.float64]:
        return np.array([column.get(key, 0.0) for key in keys], float).round(DIGITS)

    lanes = {
        lane: (
            [found[key][0] if key in found else 0 for key in keys],
            numbers({key: one for key, (_, one) in found.items()}),
        )
        for lane, found in candidates.lanes.items()
    }
    dense: dict[str, Any] = {name: numbers(column) for name in NUMBERS if (column := getattr(candidates, name))}
    if candidates.family:
        dense["family"] = candidates.units
    sparse = {name: column for name in SPARSE if (column := getattr(candidates, name))}
    return {"keys": keys, "lanes": lanes, "dense": dense, "sparse": sparse}


def _unpacked(packed: Mapping[str, Any]) -> Candidates:
    keys = packed["keys"]
    lanes = {
        lane: {key: (place, score) for key, place, score in zip(keys, *told, strict=True) if place}
        for lane, told in packed["lanes"].items()
    }
    dense = {name: dict(zip(keys, column, strict=True)) for name, column in packed["dense"].items()}
    return Candidates(keys, lanes=lanes, **dense, **packed["sparse"])
