"""Paging: the ranking of page one is frozen for a while, so that page two neither repeats nor skips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..conf import settings
from . import cache
from .asking import Ask
from .ranking import Candidate
from .results import Why
from .scope import Scope


def ranking_key(scope: Scope, ask: Ask) -> str:
    """Return the key of a ranking: everything that decides it, visibility and filters by their SQL."""
    decided = [ask.query.digest, ask.sort, ask.cutoff, ask.rerank, ask.lanes, ask.admitted, ask.guidance]
    parts = [scope.generation.pk, *scope.keys, *decided]
    return "ranking:" + hashlib.blake2b(repr(parts).encode(), digest_size=20).hexdigest()


def freeze(key: str, candidates: Sequence[Candidate], reranked: int) -> None:
    """Keep a ranking for the next pages."""
    rows = [
        [one.key, one.score, why.fused, why.rerank, why.matched, why.penalty, dict(why.lanes), why.rules]
        for one in candidates
        for why in [one.why]
    ]
    cache.put(key, json.dumps({"reranked": reranked, "rows": rows}), settings.PAGING_SECONDS)


def frozen(key: str) -> tuple[list[Candidate], int] | None:
    """Return a kept ranking as (candidates, how many were reranked), or None."""
    kept = cache.get(key)
    if not isinstance(kept, str):
        return None
    ranking: Mapping[str, Any] = json.loads(kept)
    found = [
        Candidate(key, score, Why(_ranks(lanes), fused, rerank, matched, penalty, rules=tuple(rules)))
        for key, score, fused, rerank, matched, penalty, lanes, rules in ranking["rows"]
    ]
    return found, int(ranking["reranked"])


def _ranks(lanes: Mapping[str, Any]) -> dict[str, tuple[int, float]]:
    return {lane: (rank, score) for lane, (rank, score) in lanes.items()}
