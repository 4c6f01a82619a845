"""Composition: how well a product answers a query that asks in several ways, and how much of it is unwanted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..fusion import Background, Vector, unit
from . import lanes
from .candidates import Candidates
from .encoding import Meaning
from .ranking import FULL_MATCH_DEVIATIONS
from .scope import Scope

# A product this many deviations nearer to something unwanted than products in general begins to lose score, and has
# lost all of it at the second. Chosen on the demo shop: docs/searching.md.
UNWANTED_FROM, UNWANTED_FULLY = 1.0, 3.0
SMALL_SAMPLE_SHARE = 0.75
# How many deviations above its background a product that says the words must come to a photo, or to liked products,
# beside them: those that say "green" are not yet an answer to "this, but in green". Chosen on the demo shop.
BESIDE_WORDS = 0.5


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way in which a query asks, with the background that tells how near is near."""

    vector: Vector
    background: Background
    in_words: bool = False


@dataclass(frozen=True, slots=True)
class Composition:
    """A query as retrieval and scoring take it.

    ``vector`` is what products are retrieved by: the sum of the aspects, each divided by the spread of its own
    similarities, so that a picture does not outvote a word because all its similarities are larger.
    """

    vector: Vector
    background: Background
    aspects: tuple[Aspect, ...]
    avoided: tuple[tuple[Aspect, float], ...]


def compose(scope: Scope, meaning: Meaning) -> Composition:
    """Measure the vectors of a query against the background of its generation."""

    def measured(vector: Vector, in_words: bool = False) -> Aspect:
        return Aspect(vector, lanes.background(scope, vector), in_words)

    aspects = tuple(measured(one, meaning.in_words and not place) for place, one in enumerate(meaning.wanted))
    avoided = tuple((measured(vector), weight) for vector, weight in meaning.avoided)
    whole = aspects[0]
    if len(aspects) > 1:
        whole = measured(unit(np.sum([one.vector / one.background.spread for one in aspects], axis=0)))
    return Composition(whole.vector, whole.background, aspects, avoided)


def answering(scope: Scope, asked: Composition, keys: Collection[str]) -> set[str]:
    """Return those of these products, found by words, that answer what else is asked for at least a little."""
    there = set(keys)
    for aspect in asked.aspects:
        if not aspect.in_words and there:
            floor = aspect.background.at(BESIDE_WORDS)
            near = lanes.similarities(scope, aspect.vector, list(there))
            there = {key for key, similarity in near.items() if similarity >= floor}
    return there


def similarities(
    scope: Scope, asked: Composition, found: Mapping[str, float], said: Mapping[str, float], vector_share: float
) -> dict[str, float]:
    """Return the similarity of products found, reckoned so that they must answer every aspect.

    In deviations above the background, the softest minimum over the aspects: one that is a little short in both
    beats one that is perfect in one and a stranger in the other. What the words lane says, ``said`` from 0 to 1, has
    its share in the aspect that is in words, and in no other: what is called green is not yet like the picture.
    """
    keys = list(found)
    deviations = []
    for aspect in asked.aspects:
        near = lanes.similarities(scope, aspect.vector, keys)
        own = aspect.background.deviations(np.array([near.get(key, aspect.background.mean) for key in keys]))
        if aspect.in_words and said:
            own = vector_share * own + (1 - vector_share) * FULL_MATCH_DEVIATIONS * np.array(
                [said.get(key, 0.0) for key in keys]
            )
        deviations.append(own)
    together = soft_minimum(np.array(deviations))
    return {key: asked.background.at(float(value)) for key, value in zip(keys, together, strict=True)}


def soft_minimum(values: np.ndarray) -> np.ndarray:
    """Return the soft minimum over the first axis, shape (aspects, products) to (products,); of equals, their value."""
    lowest = values.min(axis=0)
    soft: np.ndarray = lowest - np.log(np.exp(lowest - values).mean(axis=0))
    return soft


def penalise(scope: Scope, asked: Composition, candidates: Candidates) -> Candidates:
    """Take score from candidates that are near to what is not wanted; they stay in the set, further down."""
    if not asked.avoided or not candidates:
        return candidates
    penalty = dict.fromkeys(candidates.keys, 0.0)
    for aspect, weight in asked.avoided:
        for key, similarity in lanes.similarities(scope, aspect.vector, candidates.keys).items():
            penalty[key] = max(penalty[key], weight * unwanted(aspect.background, similarity))
    score = {key: candidates.score[key] * (1.0 - lost) for key, lost in penalty.items()}
    return replace(candidates, score=score, penalty=penalty).best_first()


def unwanted(background: Background, similarity: float) -> float:
    """Map the similarity to something unwanted to the share of the score that it costs, 0 to 1."""
    # Of a handful of products none can stand out far: there, most of what is possible costs everything.
    scale = min(1.0, SMALL_SAMPLE_SHARE * background.reach / UNWANTED_FULLY)
    low, high = UNWANTED_FROM * scale, UNWANTED_FULLY * scale
    return min(max((background.deviations(similarity) - low) / (high - low), 0.0), 1.0)
