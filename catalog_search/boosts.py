"""Boosts: what lifts a product among those that answer a query about as well - popularity, freshness, stock.

A boost never takes a product past one that answers clearly better: between what all boosts together give to one product
and to another lies at most the share BOOST_LIMIT of a score. What that costs at worst was measured: docs/facets.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db.models import Case, Q, When
from django.utils import timezone

from .conf import settings
from .moments import kept

if TYPE_CHECKING:
    from .searching.asking import Ask
    from .searching.ranking import Candidate
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
        return self.by.replace(".", "__") if isinstance(self.by, str) else Case(When(self.by, then=1), default=0)

    def strengths(self, values: Sequence[Any]) -> list[float]:
        """Map the values of products to 0..1; without a value, 0."""
        if isinstance(self.by, Q):
            return [float(value or 0) for value in values]
        if self.half_life:
            # By the hour, so that a ranking asked for again is the same one.
            now = timezone.now().replace(minute=0, second=0, microsecond=0)
            ages = (None if value is None else max(now - _moment(value), timedelta(0)) for value in values)
            return [0.0 if age is None else 0.5 ** (age / self.half_life) for age in ages]
        levels = sorted({value for value in values if value is not None})
        places = {value: number / max(len(levels) - 1, 1) for number, value in enumerate(levels)}
        return [places.get(value, 0.0) for value in values]


def boosted(scope: Scope, ask: Ask, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
    """Reorder candidates by their boosted score: a step of ARRANGE.

    Identifiers matched whole, what a reranker judged and the rest keep the places that they have as groups. Where
    nothing was asked for, ``browse_order`` decides.
    """
    if not (scope.index.boosts and ask.query and candidates):
        return candidates
    gained = gains(scope, [one.key for one in candidates])
    kinds = [(one.matched if one.pinned else "", one.rerank is None) for one in candidates]
    alike: dict[tuple[str, bool], list[Candidate]] = {kind: [] for kind in kinds}
    for kind, one in zip(kinds, candidates, strict=True):
        alike[kind].append(one.lifted(gained.get(one.key, 0.0)))
    ordered = {kind: iter(sorted(ones, key=lambda one: -one.score)) for kind, ones in alike.items()}
    return [next(ordered[kind]) for kind in kinds]


def gains(scope: Scope, keys: Sequence[str]) -> dict[str, float]:
    """Return by key the share of its score that each product gains, at most BOOST_LIMIT; negative where it loses."""
    boosts = scope.index.boosts
    total = sum(abs(boost.weight) for boost in boosts) or 1.0
    facts = scope.facts(keys)
    gained = np.zeros(len(facts))
    for number, boost in enumerate(boosts, start=1):
        most = settings.BOOST_LIMIT * boost.weight / total
        gained += most * np.array(boost.strengths([values[number] for values in facts.values()]))
    return dict(zip(facts, gained.tolist(), strict=True))


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime):
        value = datetime.combine(value if isinstance(value, date) else date.min, time.min, UTC)
    return kept(value)
