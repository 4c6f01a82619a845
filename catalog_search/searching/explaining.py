"""Explaining: how much of a product's likeness to the query came from its text, and how much from its picture."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..backends import worker
from ..backends.configuration import configuration_of
from ..content import Content
from ..embedding import embed
from ..models import Generation
from ..sql import ends_transaction
from . import lanes
from .composition import Composition, compose
from .documents import Documents
from .encoding import query_meaning
from .hydration import contents
from .query import Query
from .results import Hit
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)

TASK = "catalog_search.explain"
EXPLAIN_SECONDS = 10.0
"""How long a worker may take over the products of a page: whoever asks for an explanation waits for it."""


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
            keys = [hit.key for hit in hits]
            whole = lanes.similarities(scope, asked.vector, keys)
            shares = _shares(asked, whole, _parts(scope, list(whole)))
        except Exception as error:  # a model is foreign code, and an explanation is not worth a search
            if ends_transaction(error, scope.alias):
                raise
            logger.error("The hits could not be explained: %s", error)
            trace.degrade("explanation")
            return tuple(hits)
    return tuple(
        replace(hit, why=replace(hit.why, shares=shares.get(key, {}))) for hit, key in zip(hits, keys, strict=True)
    )


def _shares(
    asked: Composition, whole: Mapping[str, float], parts: Mapping[str, Mapping[str, bytes]]
) -> dict[str, dict[str, float]]:
    nothing = asked.background.mean
    shares: dict[str, dict[str, float]] = {}
    for key, vectors in parts.items():
        if len(vectors) < 2:
            shares[key] = dict.fromkeys(vectors, 1.0)
            continue
        text, image = (float(np.frombuffer(vectors[part], "<f4") @ asked.vector) for part in ("text", "image"))
        gained = {
            "text": max((text - nothing) + (whole[key] - image), 0.0),
            "image": max((image - nothing) + (whole[key] - text), 0.0),
        }
        total = sum(gained.values())
        shares[key] = {part: one / total if total else 0.5 for part, one in gained.items()}
    return shares


def _parts(scope: Scope, keys: Sequence[str]) -> dict[str, dict[str, bytes]]:
    place = (*scope.documents, keys)
    if worker.elsewhere(configuration_of(scope.generation.definition["embedder"])["BACKEND"]):
        answer: dict[str, dict[str, bytes]] = worker.ask(TASK, *place, seconds=EXPLAIN_SECONDS)
        return answer
    return parts(*place)


def parts(alias: str, generation_id: int, language: str, keys: Sequence[str]) -> dict[str, dict[str, bytes]]:
    """Return what is read of products, by key: their "text" and their "image" as vectors of their own.

    Little-endian float32; empty where a product has only one of them, which then brings all of its likeness.
    """
    generation = Generation.objects.using(alias).get(pk=generation_id)
    embedder = generation.embedder
    found: dict[str, dict[str, bytes]] = {}
    views: list[tuple[str, str, Content]] = []
    for key, content in contents(Documents(alias, generation_id, language), keys, EXPLAIN_SECONDS).items():
        read = [part for part in content.modalities if part in embedder.modalities]
        found[key] = dict.fromkeys(read, b"")
        if len(read) > 1:
            views += [(key, "text", Content(content.text)), (key, "image", Content(image=content.image))]
    vectors = embed(embedder, [view for *_, view in views], "document", generation.mean_vectors)
    for (key, part, _), vector in zip(views, vectors, strict=True):
        found[key][part] = vector.astype("<f4").tobytes()
    return found
