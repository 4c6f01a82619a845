"""Encoding: the vector of a query, from the cache or from the model that the generation was built with."""

from __future__ import annotations

import logging
import os
from functools import cache as kept_for_ever

import numpy as np

from ..backends import configuration_of, embedder_of, worker
from ..conf import settings
from ..content import Content
from ..embedding import embed
from ..exceptions import ModelError
from ..fusion import Vector, mean_direction
from ..models import Generation
from . import cache, lanes
from .query import Query
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)

TASK = "catalog_search.encode_query"


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
    built_with = generation.definition["embedder"]
    if worker.elsewhere(configuration_of(built_with)["BACKEND"]):
        answer = worker.ask(TASK, generation.alias, generation.pk, *worker.packed(query.content))
        vector = np.frombuffer(answer, dtype="<f4")
    else:
        (vector,) = embed(embedder_of(built_with), [query.content], "query", generation.mean_vectors)
    if len(vector) != generation.dimensions:
        raise ModelError(f"The model gives {len(vector)} dimensions, the index has {generation.dimensions}.")
    cache.put(key, vector.astype("<f4").tobytes(), settings.QUERY_CACHE_SECONDS)
    return vector


def encode(alias: str, generation_id: int, content: Content) -> bytes:
    """Return the vector of a query as little-endian float32, for who asked this worker; raises ModelError.

    Queries that come in while the model is busy go through it together.
    """
    return _batcher(os.getpid(), alias, generation_id)(content).astype("<f4").tobytes()


@kept_for_ever
def _batcher(process: int, alias: str, generation_id: int) -> worker.Batcher[Content, Vector]:
    # By process: a forked child has none of its parent's threads.
    generation = Generation.objects.using(alias).defer("background").get(pk=generation_id)
    embedder, means = embedder_of(generation.definition["embedder"]), generation.mean_vectors
    return worker.Batcher(lambda contents: embed(embedder, contents, "query", means))
