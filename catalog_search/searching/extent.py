"""Extent: how many products a scope has in a large catalogue, and which, where they are few.

Each lane joins the scope's products, and would evaluate its filters anew: those that keep few are read once for all.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..conf import settings
from ..models import Generation

if TYPE_CHECKING:
    from .scope import Scope

# Comparing with so great a share of a catalogue takes as long as walking past all that reach a floor.
FEW_SHARE = 0.05

# A scope that shrinks meanwhile is searched by the index for so long, at worst.
REMEMBERED, REMEMBERED_SECONDS = 1000, 60.0
_sizes: dict[tuple[Any, ...], tuple[int, float]] = {}


@dataclass(frozen=True, slots=True)
class Extent:
    """How many products a scope has, at least; of few also their keys, as PostgreSQL writes an array."""

    size: int = 0
    keys: str | None = None


def crossing(generation: Generation, limit: int) -> int:
    """Return from how many products in scope on an HNSW index finds so many of them in passing fewer than these.

    A walk passes limit / share documents where a scope keeps a share of them.
    """
    return max(settings.ANN_EXACT_ROWS, math.isqrt(limit * generation.size))


def extent(scope: Scope) -> Extent:
    """Measure a scope; one that proves wide is not measured again for a while: most visitors see the same products.

    Where there is no HNSW index the catalogue is small, and nothing would be gained.
    """
    generation = scope.generation
    if not generation.ann_index:
        return Extent()
    name = scope.alias, generation.pk, repr(scope.identity)
    size, until = _sizes.get(name, (0, 0.0))
    if until > time.monotonic():
        return Extent(size)
    counted = crossing(generation, settings.MAX_CANDIDATES)
    few = max(settings.ANN_EXACT_ROWS, min(counted, int(FEW_SHARE * generation.size)))
    keys, parameters = scope.keys
    ((size, few_keys),) = scope.execute(
        f"""
        SELECT count(*), CASE WHEN count(*) < {int(few)} THEN coalesce(array_agg(key)::text, '{{}}') END
        FROM (SELECT * FROM ({keys} LIMIT {int(counted)}) bounded) product(key)
        """,
        parameters,
    )
    if few_keys is None:
        if len(_sizes) >= REMEMBERED:
            _sizes.clear()
        _sizes[name] = size, time.monotonic() + REMEMBERED_SECONDS
    return Extent(size, few_keys)
