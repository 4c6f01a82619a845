"""Encoding: what a query means as vectors, from the cache or from the model that the generation was built with."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from ..backends import embedder_of
from ..conf import settings
from ..content import Content
from ..embedding import embed
from ..exceptions import ModelError
from ..fusion import Vector, mean_direction
from . import cache, lanes
from .query import Query
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query as unit vectors."""

    wanted: tuple[Vector, ...]
    """One for each way of asking: words, picture, liked products. A good product answers all of them."""
    avoided: tuple[tuple[Vector, float], ...] = ()
    """What is not wanted, with weights from 0 to 1."""


def query_meaning(scope: Scope, query: Query, trace: Trace) -> Meaning | None:
    """Return the vectors of a query, or None where the model failed (noted) or nothing is left to embed.

    Words and picture are encoded apart even by a model that could take both at once: it would weigh them as it was
    trained to, here each has its say.
    """
    with trace.stage("encode"):
        try:
            wanted = _wanted(scope, query, trace)
            if not wanted:
                return None
            unwanted = [(_encoded(scope, Content(text)), weight) for text, weight in query.avoided]
            unwanted += [(vector, 1.0) for vector in lanes.document_vectors(scope, query.unlike)]
        except Exception as error:  # a model is foreign code; words and identifiers still find something
            logger.error("The query could not be embedded, only words and identifiers are searched: %s", error)
            trace.degrade("embedder")
            return None
        return Meaning(tuple(wanted), tuple(unwanted))


def _wanted(scope: Scope, query: Query, trace: Trace) -> list[Vector]:
    texts = [(query.positive_text, 1.0)] if query.positive_text else []
    texts += query.positive_terms
    wanted = []
    if texts:
        weights = [weight for _, weight in texts]
        wanted = [mean_direction([_encoded(scope, Content(text)) for text, _ in texts], weights)]
    if query.image:
        try:
            wanted.append(_encoded(scope, Content(image=query.image)))
        except ModelError as error:
            if not wanted:
                raise
            logger.error("The picture of the query could not be embedded, only its words are searched: %s", error)
            trace.degrade("embedder")
    liked = lanes.document_vectors(scope, query.like) if query.like else []
    return [*wanted, mean_direction(liked)] if liked else wanted


def _encoded(scope: Scope, content: Content) -> Vector:
    generation = scope.generation
    means = generation.fingerprint if generation.definition.get("means") else ""
    key = f"vector:{generation.model_fingerprint}:{means}:{content.digest}"
    kept = cache.get(key)
    if isinstance(kept, bytes) and len(kept) == 4 * (generation.dimensions or 0):
        return np.frombuffer(kept, dtype="<f4")
    embedder = embedder_of(generation.definition["embedder"])
    (vector,) = embed(embedder, [content], "query", generation.mean_vectors)
    cache.put(key, vector.astype("<f4").tobytes(), settings.QUERY_CACHE_SECONDS)
    return vector
