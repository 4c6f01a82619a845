"""Explaining: how much of a product's likeness to the query came from its text, and how much from its picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..backends import embedder_of
from ..content import Content
from ..embedding import embed
from . import lanes
from .composition import Composition, compose
from .encoding import query_meaning
from .hydration import contents
from .query import Query
from .results import Hit
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)


def explained(scope: Scope, query: Query, hits: Sequence[Hit], trace: Trace) -> tuple[Hit, ...]:
    """Return hits with ``why.shares``: how much of the likeness came from the text, how much from the picture.

    Each product is embedded anew without its picture and without its text. The share of a part is the mean of what it
    brings alone and what it adds to the other (Shapley's value of two players). The shown picture stands for all of
    them. Where the model fails, the hits stay as they are, and the trace says so.
    """
    if not hits or scope.generation.pk is None or (meaning := query_meaning(scope, query, trace)) is None:
        return tuple(hits)
    with trace.stage("explain"):
        try:
            asked = compose(scope, meaning)
            keys = [str(hit.object.pk) for hit in hits]
            whole = lanes.similarities(scope, asked.vector, keys)
            shares = _shares(scope, asked, whole, contents(scope, list(whole), with_pictures=True))
        except Exception as error:  # a model is foreign code, and an explanation is not worth a search
            logger.error("The hits could not be explained: %s", error)
            trace.degrade("explanation")
            return tuple(hits)
    return tuple(
        replace(hit, why=replace(hit.why, shares=shares.get(key, {}))) for hit, key in zip(hits, keys, strict=True)
    )


def _shares(
    scope: Scope, asked: Composition, whole: Mapping[str, float], products: Sequence[Content]
) -> dict[str, dict[str, float]]:
    generation = scope.generation
    embedder = embedder_of(generation.definition["embedder"])
    shares: dict[str, dict[str, float]] = {}
    both: dict[str, Content] = {}
    for key, content in zip(whole, products, strict=True):
        read = [part for part in content.modalities if part in embedder.modalities]
        if len(read) == 2:
            both[key] = content
        shares[key] = dict.fromkeys(read, 1.0)
    if not both:
        return shares
    alone = [part for one in both.values() for part in (Content(one.text), Content(image=one.image))]
    vectors = embed(embedder, alone, "document", generation.mean_vectors)
    for key, by_text, by_image in zip(both, vectors[::2], vectors[1::2], strict=True):
        text, image = float(by_text @ asked.vector), float(by_image @ asked.vector)
        nothing = asked.background.mean
        gained = {
            "text": max((text - nothing) + (whole[key] - image), 0.0),
            "image": max((image - nothing) + (whole[key] - text), 0.0),
        }
        total = sum(gained.values())
        shares[key] = {part: one / total if total else 0.5 for part, one in gained.items()}
    return shares
