"""Pure maths: unit vectors and their means, and how the scores of several lanes become one."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Key = TypeVar("Key", bound=Hashable)
Measure = TypeVar("Measure", float, NDArray[np.float64])


def unit(vector: Vector) -> Vector:
    """Scale to length one; a zero vector stays zero."""
    length = math.sqrt(float(vector @ vector))  # a third of the time that numpy's norm takes
    return vector if length == 0.0 else (vector / length).astype(np.float32)


def mean_direction(vectors: Sequence[Vector], weights: Sequence[float] | None = None) -> Vector:
    """Return the unit vector of the (weighted) mean of the vectors' directions.

    Where they cancel out exactly, the first direction stands.
    """
    if len(vectors) == 1:
        return unit(vectors[0])
    units = np.stack([unit(vector) for vector in vectors])
    mean = np.average(units, axis=0, weights=weights).astype(np.float32)
    return unit(mean) if float(np.linalg.norm(mean)) > 1e-6 else units[0]


@dataclass(frozen=True, slots=True)
class Background:
    """How similar a query is to products in general: the mean and spread over a fixed sample of the index."""

    mean: float
    spread: float
    reach: float = math.inf
    """How many deviations one of so few can stand out at most (Samuelson, JASA 1968)."""

    @classmethod
    def of(cls, similarities: NDArray[np.floating]) -> Background:
        """Measure a background from the similarities of one query to the sample."""
        if similarities.size == 0:
            return cls(0.0, 1.0)
        size = similarities.size
        return cls(float(similarities.mean()), max(float(similarities.std()), 1e-3), math.sqrt(size - 1))

    def at(self, deviations: float) -> float:
        """Return the similarity that lies so many standard deviations above the mean."""
        return self.mean + deviations * self.spread

    def deviations(self, similarity: Measure) -> Measure:
        """Return how many standard deviations above the mean a similarity, or each of several, lies."""
        return (similarity - self.mean) / self.spread


def odds_to_unit(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Map log-odds to 0..1 and keep their order, in double precision: halves would make all sure answers one."""
    return 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -700, 700)))


def linear(
    keys: Iterable[Key], lanes: Mapping[str, Mapping[Key, float]], weights: Mapping[str, float]
) -> dict[Key, float]:
    """Fuse scores that already lie on a common 0..1 scale; a key that a lane lacks has background there: zero.

    A lane that found nothing at all leaves its weight to the others.
    """
    found = [(scores, weights[lane]) for lane, scores in lanes.items() if scores]
    total = sum(weight for _, weight in found) or 1.0
    fused = dict.fromkeys(keys, 0.0)
    for scores, weight in found:
        share = weight / total
        for key, score in scores.items():
            if key in fused:
                fused[key] += share * score
    return fused
