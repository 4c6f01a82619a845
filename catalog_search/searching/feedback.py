"""Feedback: what the best candidates have in common tells better what a query means than its few words do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..fusion import mean_direction
from . import lanes
from .composition import Composition
from .scope import Scope

# How many of the best are taken for what is meant, and how much they count beside the query itself.
# Chosen on judged queries: docs/relevance.md.
BEST, SHARE = 5, 0.4


def refined(scope: Scope, asked: Composition, best: Sequence[str]) -> Composition:
    """Return the query moved towards the products that it finds best (Rocchio's feedback, which nobody had to give)."""
    vectors = lanes.document_vectors(scope, best)
    if not vectors:
        return asked
    vector = mean_direction([asked.vector, mean_direction(vectors)], [1 - SHARE, SHARE])
    return replace(asked, vector=vector, background=lanes.background(scope, vector))
