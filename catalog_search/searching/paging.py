"""Paging: the ranking of page one is frozen for a while, so that page two neither repeats nor skips."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..conf import settings
from . import cache
from .asking import Ask
from .ranking import Candidate
from .results import FacetResult, Hit, Why
from .scope import Scope


@dataclass(frozen=True, slots=True)
class Page:
    """What was found, as ``Results`` names it."""

    hits: tuple[Hit, ...] = ()
    total: int = 0
    facets: Mapping[str, FacetResult] = field(default_factory=dict)
    reranked: int = 0
    near: tuple[Hit, ...] = ()
    exact: bool = True
    barren: bool = False
    """Does nothing answer the query, whatever facets are chosen?"""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Members of a result in their order; ``total`` counts more than these where they are only a part."""

    candidates: Sequence[Candidate]
    reranked: int = 0
    exact: bool = True
    total: int = 0


def ranking_key(scope: Scope, ask: Ask, part: int = 0) -> str:
    """Return the key of a ranking: everything that decides it, visibility and filters by their SQL.

    Which generation serves does not: pages go on as they began when another takes over.
    """
    decided = [ask.query.digest, ask.sort, ask.cutoff, ask.rerank, ask.lanes, ask.admitted, ask.guidance, ask.grouped]
    parts = [scope.index.label, ask.generation, *scope.identity, *decided, part, ask.vector_weight]
    return "ranking:" + hashlib.blake2b(repr(parts).encode(), digest_size=20).hexdigest()


def freeze(key: str, ranking: Ranking) -> None:
    """Keep a ranking for the next pages."""
    rows = [
        [one.key, one.score, one.family, one.variants, dict(why.lanes), why.rules, *rest]
        for one in ranking.candidates
        for why in [one.why]
        for rest in [(why.fused, why.rerank, why.matched, why.penalty, why.boost)]
    ]
    kept = {"reranked": ranking.reranked, "exact": ranking.exact, "total": ranking.total, "rows": rows}
    cache.put(key, json.dumps(kept), settings.PAGING_SECONDS)


def frozen(key: str) -> Ranking | None:
    """Return a kept ranking, or None."""
    kept = cache.get(key)
    if not isinstance(kept, str):
        return None
    ranking: Mapping[str, Any] = json.loads(kept)
    found = [
        Candidate(key, score, Why(_ranks(lanes), *why, rules=tuple(rules)), *family)
        for key, score, *family, lanes, rules, fused, rerank, matched, penalty, boost in ranking["rows"]
        for why in [(fused, rerank, matched, penalty, boost)]
    ]
    return Ranking(found, int(ranking["reranked"]), bool(ranking["exact"]), int(ranking["total"]))


def _ranks(lanes: Mapping[str, Any]) -> dict[str, tuple[int, float]]:
    return {lane: (rank, score) for lane, (rank, score) in lanes.items()}
