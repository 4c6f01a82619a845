"""Encoding: what a query means as vectors, from the cache or from the model that the generation was built with."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as kept_for_ever

import numpy as np

from ..backends import worker
from ..backends.batching import Batcher, together
from ..backends.configuration import configuration_of
from ..conf import settings
from ..content import Content
from ..embedding import embed
from ..exceptions import message_of
from ..fusion import Vector, mean_direction
from ..models import Generation
from . import cache, lanes
from .query import Query
from .scope import Scope
from .trace import Trace

logger = logging.getLogger(__name__)

TASK = "catalog_search.encode_query"

PHRASING_SHARE = 0.5
"""What a query in other words counts beside the words that were typed."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query as unit vectors."""

    wanted: tuple[Vector, ...]
    """One for each way of asking: words, picture, liked products. A good product answers all of them."""
    avoided: tuple[tuple[Vector, float], ...] = ()
    """What is not wanted, with weights from 0 to 1."""
    in_words: bool = False
    """Is the first of those wanted what the words mean?"""


def query_meaning(scope: Scope, query: Query, trace: Trace) -> Meaning | None:
    """Return the vectors of a query, or None where the model failed (noted) or nothing is left to embed.

    Words and picture are encoded apart even by a model that could take both at once: it would weigh them as it was
    trained to, here each has its say. What the model cannot read is left out (noted), the rest is searched.
    """
    phrasings = [(text, PHRASING_SHARE) for text in query.phrasings]
    words = [(query.positive_text, 1.0), *phrasings] if query.positive_text else []
    words += query.positive_terms
    picture = Content(image=query.image) if query.image else Content()
    contents = {one.digest: one for one in (*(Content(text) for text, _ in (*words, *query.avoided)), picture) if one}
    with trace.stage("encode"):
        liked, unliked = (lanes.document_vectors(scope, keys) for keys in (query.like, query.unlike))
        try:
            found = _vectors(scope.generation, contents)
        except Exception as error:  # a model is foreign code; words and identifiers still find something
            logger.error("The query could not be embedded, only words and identifiers are searched: %s", error)
            trace.degrade("embedder")
            return None
    if len(found) < len(contents):
        trace.degrade("embedder")

    def weighted(texts: Sequence[tuple[str, float]]) -> list[tuple[Vector, float]]:
        return [(found[key], weight) for text, weight in texts if (key := Content(text).digest) in found]

    wanted = []
    if said := weighted(words):
        wanted.append(mean_direction([vector for vector, _ in said], [weight for _, weight in said]))
    if picture.digest in found:
        wanted.append(found[picture.digest])
    if liked:
        wanted.append(mean_direction(liked))
    avoided = (*weighted(query.avoided), *((vector, 1.0) for vector in unliked))
    return Meaning(tuple(wanted), avoided, bool(said)) if wanted else None


def _vectors(generation: Generation, contents: Mapping[str, Content]) -> dict[str, Vector]:
    """Return vectors by the digests of their contents; what the model could not read is left out and logged."""
    kinds = generation.definition.get("means")
    means = f"{generation.fingerprint}:{'+'.join(kinds)}" if kinds else ""
    names = {digest: f"vector:{generation.model_fingerprint}:{means}:{digest}" for digest in contents}
    kept = cache.get_many(list(names.values()))
    size = 4 * (generation.dimensions or 0)
    found = {
        digest: np.frombuffer(one, dtype="<f4")
        for digest, name in names.items()
        if isinstance(one := kept.get(name), bytes) and len(one) == size
    }
    missing = [digest for digest in contents if digest not in found]
    if missing:
        for digest, answer in zip(missing, _encoded(generation, [contents[one] for one in missing]), strict=True):
            if isinstance(answer, bytes) and len(answer) == size:
                found[digest] = np.frombuffer(answer, dtype="<f4")
            else:
                other = f"its vectors are not of the index's {size // 4} dimensions"
                reason = other if isinstance(answer, bytes) else answer
                logger.error("A part of the query could not be embedded: %s", reason)
        cache.put_many(
            {names[digest]: found[digest].tobytes() for digest in missing if digest in found},
            settings.QUERY_CACHE_SECONDS,
        )
    return found


def _encoded(generation: Generation, contents: Sequence[Content]) -> list[bytes | str]:
    built_with = generation.definition["embedder"]
    if worker.elsewhere(configuration_of(built_with)["BACKEND"]):
        packed = [one.packed() for one in contents]
        answers: list[bytes | str] = worker.ask(TASK, generation.alias, generation.pk, packed)
        return answers
    return _as_answers(together(_model(generation), contents))


def encode(alias: str, generation_id: int, contents: Sequence[Content]) -> list[bytes | str]:
    """Return each content of a query as little-endian float32, or why that failed, for who asked this worker.

    Queries that come in while the model is busy go through it together.
    """
    return _as_answers(_batcher(os.getpid(), alias, generation_id)(contents))


def _as_answers(found: Sequence[Vector | Exception]) -> list[bytes | str]:
    return [message_of(one) if isinstance(one, Exception) else one.astype("<f4").tobytes() for one in found]


@kept_for_ever
def _batcher(process: int, alias: str, generation_id: int) -> Batcher[Content, Vector]:
    # By process: a forked child has none of its parent's threads.
    return Batcher(_model(Generation.objects.using(alias).get(pk=generation_id)))


def _model(generation: Generation) -> Callable[[Sequence[Content]], list[Vector]]:
    embedder, means = generation.embedder, generation.mean_vectors
    return lambda contents: embed(embedder, contents, "query", means)
