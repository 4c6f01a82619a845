"""Encoding: the vector of a query, from the cache or from the model that the generation was built with."""

from __future__ import annotations

import logging

import numpy as np

from ..backends import embedder_of
from ..conf import settings
from ..embedding import embed
from ..fusion import Vector, mean_direction
from . import cache, lanes
from .query import Query
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)


def query_vector(scope: Scope, query: Query, trace: Trace) -> Vector | None:
    """Return the unit vector of a query, or None where the model failed (noted) or nothing is left to embed.

    Products in ``like`` weigh as much as words and picture together.
    """
    with trace.stage("encode"):
        try:
            asked = [_encoded(scope, query)] if query.content else []
            if query.like:
                asked += [mean_direction(found)] if (found := lanes.document_vectors(scope, query.like)) else []
        except Exception as error:  # a model is foreign code; words and identifiers still find something
            logger.error("The query could not be embedded, only words and identifiers are searched: %s", error)
            trace.degrade("embedder")
            return None
        return mean_direction(asked) if asked else None


def _encoded(scope: Scope, query: Query) -> Vector:
    generation = scope.generation
    means = generation.fingerprint if generation.definition.get("means") else ""
    key = f"vector:{generation.model_fingerprint}:{means}:{query.content.digest}"
    kept = cache.get(key)
    if isinstance(kept, bytes) and len(kept) == 4 * (generation.dimensions or 0):
        return np.frombuffer(kept, dtype="<f4")
    embedder = embedder_of(generation.definition["embedder"])
    (vector,) = embed(embedder, [query.content], "query", generation.mean_vectors)
    cache.put(key, vector.astype("<f4").tobytes(), settings.QUERY_CACHE_SECONDS)
    return vector
