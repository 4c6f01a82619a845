"""Vectors to search among, made up or real, which of them are nearest in truth, and who finds those how fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .report import KEPT, in_turns, milliseconds, quantile

KEPT_VECTORS = KEPT / "minilm.npz"
CHUNK = 20_000
WARM_UP = 10

Vectors = NDArray[np.float32]
Ask = Callable[[Vectors], list[str]]
"""Returns the keys of products, the nearest to a vector first."""


def clustered(rows: int, dimensions: int, seed: int) -> Vectors:
    """Draw unit vectors around 500 centres of uneven popularity. Real catalogues are less tidy: recall flatters."""
    centres = np.random.default_rng(0).standard_normal((500, dimensions), dtype=np.float32)
    draw = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, 501)
    chosen = draw.choice(500, size=rows, p=popularity / popularity.sum())
    points = np.empty((rows, dimensions), dtype=np.float32)
    for first in range(0, rows, CHUNK):
        some = centres[chosen[first : first + CHUNK]]
        points[first : first + CHUNK] = some + 0.7 * draw.standard_normal(some.shape, dtype=np.float32)
    return _units(points)


def real(rows: int, queries: int) -> tuple[Vectors, Vectors] | None:
    """Return MiniLM's vectors of real products, and of others as queries; None where benchmarks.kept has none.

    There are only some 19,000: each comes several times, a little moved.
    """
    if not KEPT_VECTORS.is_file():
        return None
    with np.load(KEPT_VECTORS) as kept:
        own = _units(np.asarray(kept["vectors"], dtype=np.float32))
    draw = np.random.default_rng(0)
    own = own[draw.permutation(len(own))]
    asked, own = own[:queries], own[queries:]
    repeated = own[np.arange(rows) % len(own)]
    repeated[len(own) :] += draw.normal(0, 0.01, repeated[len(own) :].shape).astype(np.float32)
    return _units(repeated), asked


def worlds(rows: int, queries: int, dimensions: int = 512) -> dict[str, tuple[Vectors, Vectors]]:
    """Return products and queries by name: made up, and real where there are any."""
    made = {f"synthetic, {dimensions}": (clustered(rows, dimensions, 1), clustered(queries, dimensions, 2))}
    found = real(rows, queries)
    return made | ({f"MiniLM of real products, {found[0].shape[1]}": found} if found else {})


def similarities(queries: Vectors, vectors: Vectors) -> Vectors:
    """Return cosines, shape (queries, vectors), of vectors as they are kept: in a tie, rounding decides who is near."""
    kept_queries, kept = (_units(one.astype(np.float16).astype(np.float32)) for one in (queries, vectors))
    return kept_queries @ kept.T


def nearest(similar: Vectors, keys: NDArray[np.int64], among: NDArray[np.bool_] | None = None) -> list[set[str]]:
    """Return the keys of the ten nearest to each query, of all or of those among."""
    masked = similar if among is None else np.where(among, similar, -np.inf)
    places = np.argpartition(-masked, 10, axis=1)[:, :10]
    return [{str(key) for key in keys[row[masked[number, row] > -np.inf]]} for number, row in enumerate(places)]


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one way to ask, query by query, and the share of the ten truly nearest among its first ten."""

    milliseconds: list[float]
    recall: float

    @property
    def median(self) -> float:
        """The time of the middle query."""
        return quantile(self.milliseconds, 0.5)


def interleaved(ways: Mapping[str, Ask], queries: Vectors, truth: Sequence[set[str]]) -> dict[str, Timing]:
    """Ask every query in every way, in changing order."""
    found: dict[str, list[float]] = {name: [] for name in ways}

    def asked(name: str, number: int) -> float:
        keys: list[str] = []
        taken = milliseconds(lambda: keys.extend(ways[name](queries[number])))
        found[name].append(len(truth[number] & set(keys[:10])) / max(len(truth[number]), 1))
        return taken

    for ask in ways.values():
        for vector in queries[:WARM_UP]:
            ask(vector)
    taken = in_turns({name: lambda number, name=name: asked(name, number) for name in ways}, len(queries))
    return {name: Timing(taken[name], float(np.mean(found[name]))) for name in ways}


def _units(points: Vectors) -> Vectors:
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points
