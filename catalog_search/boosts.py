"""Boosts: what lifts a product among those that answer a query about as well - popularity, freshness, stock.

A boost never takes a product past one that answers clearly better: between what all boosts together give to one product
and to another lies at most the share BOOST_LIMIT of a score. What that costs at worst was measured: docs/facets.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Case, FloatField, Func, Q, When
from django.utils import timezone
from numpy.typing import NDArray

from .conf import settings

if TYPE_CHECKING:
    from .searching.asking import Ask
    from .searching.candidates import Candidates
    from .searching.scope import Scope


@dataclass(frozen=True)
class Boost:
    """Lifts products by a number, a date or a condition; by their ``weight``, boosts share what there is to gain.

    ``Boost("popularity")``: by the place of its number among the products found, so that no unit matters.
    ``Boost("created", half_life=timedelta(days=30))``: wholly on its day, by half after each half-life.
    ``Boost(Q(stock__gt=0))``: wholly where the condition holds. A negative weight takes score.
    """

    by: str | Q
    weight: float = 1.0
    half_life: timedelta | None = None

    @property
    def column(self) -> Any:
        """What it reads of a product, as the ORM writes it."""
        if isinstance(self.by, Q):
            return Case(When(self.by, then=1), default=0)
        path = self.by.replace(".", "__")
        return _Seconds(path) if self.half_life else path

    def strengths(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Map what ``column`` holds of products to 0..1; without a value, 0."""
        if isinstance(self.by, Q):
            return np.array(values, float)
        if self.half_life:
            # By the hour, so that a ranking asked for again is the same one.
            now = timezone.now().replace(minute=0, second=0, microsecond=0).timestamp()
            ages = np.maximum(now - np.array(values, float), 0)
            return np.nan_to_num(0.5 ** (ages / self.half_life.total_seconds()))
        told = np.array([value is not None for value in values], bool)
        levels, places = np.unique([value for value in values if value is not None], return_inverse=True)
        strengths = np.zeros(len(values))
        strengths[told] = places / max(len(levels) - 1, 1)
        return strengths


class _Seconds(Func):
    """A date or a time in seconds since 1970, whatever the time zone."""

    template = "EXTRACT(EPOCH FROM %(expressions)s)::float8"
    output_field = FloatField()


def boosted(scope: Scope, ask: Ask, candidates: Candidates) -> Candidates:
    """Reorder candidates by their boosted score: a step of ARRANGE.

    Identifiers matched whole, what a reranker judged and the rest keep the places that they have as groups. Where
    nothing was asked for, ``browse_order`` decides.
    """
    if not (scope.index.boosts and ask.query and candidates):
        return candidates
    gained = gains(scope, candidates.keys)
    score = {key: candidates.score[key] * (1 + gained.get(key, 0.0)) for key in candidates.keys}
    sure = candidates.sure
    kind = {key: (sure.get(key), key in candidates.rerank) for key in (*sure, *candidates.rerank)}.get
    alike: dict[tuple[int | None, bool] | None, list[str]] = defaultdict(list)
    for key in candidates.keys:
        alike[kind(key)].append(key)
    ordered = {kind: iter(sorted(keys, key=score.__getitem__, reverse=True)) for kind, keys in alike.items()}
    return replace(candidates, keys=[next(ordered[kind(key)]) for key in candidates.keys], score=score, boost=gained)


def gains(scope: Scope, keys: Sequence[str]) -> dict[str, float]:
    """Return by key the share of its score that each product gains, at most BOOST_LIMIT; negative where it loses."""
    boosts = scope.index.boosts
    total = sum(abs(boost.weight) for boost in boosts) or 1.0
    facts = scope.facts(keys)
    gained = np.zeros(len(facts))
    for number, boost in enumerate(boosts, start=1):
        most = settings.BOOST_LIMIT * boost.weight / total
        gained += most * boost.strengths([values[number] for values in facts.values()])
    return dict(zip(facts, gained.tolist(), strict=True))
