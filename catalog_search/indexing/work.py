"""The work of a worker: claim changes, read the products, embed what differs, write it, let the changes go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from django.db import transaction

from .. import embedding
from ..backends import embedder_of
from ..conf import settings
from ..content import Content
from ..exceptions import CatalogSearchError, ConfigurationError, Unavailable
from ..fusion import Vector
from ..models import Document, Generation
from ..registry import registry
from ..routers import reading_what_was_written
from . import changes, documents
from .documents import Draft, Reading
from .reading import OUTAGES, draft, read

logger = logging.getLogger(__name__)

QUICK_SECONDS = 0.5
LARGEST_BATCH = 1_000

Embedded = tuple[dict[str, Vector], dict[str, str]]
"""Vectors, and the reasons of those that failed, both by content digest."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A claim whose products were read, their contents in the hands of the model."""

    claimed: changes.Claim
    generation: Generation
    found: frozenset[str]
    """The keys of products that are there."""
    drafts: list[Draft]
    unread: dict[str, str]
    """The reasons of products that could not be read."""
    known: dict[str, Vector]
    """Vectors on record by content digest."""
    embedded: Future[Embedded]


@reading_what_was_written()
def drain(alias: str = "default", seconds: float | None = None, done: Callable[[int], object] | None = None) -> bool:
    """Work off changes until none is due, or the time is up; returns whether some are left.

    While the model is busy with one batch the next is read and its pictures decoded. All of the database is this
    thread's. ``done`` is called after each batch with the number of products worked.
    """
    end = None if seconds is None else time.monotonic() + seconds
    size = settings.BATCH_SIZE
    claimed: changes.Claim | None = None
    batch: Batch | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="catalog-search-model") as model:
        try:
            while True:
                begun = time.monotonic()
                in_time = end is None or begun < end
                claimed = changes.claim(alias, size) if in_time else None
                if not (claimed or batch):
                    return not in_time
                ahead = _begin(alias, claimed, model) if claimed else None
                if batch:
                    _finish(alias, batch)
                    if done:
                        done(len(batch.claimed.keys))
                batch = ahead
                # Where vectors are on record, or the model is fast, what each batch costs by itself would dominate.
                quick = time.monotonic() - begun < QUICK_SECONDS
                size = min(2 * size, _largest(batch)) if quick else max(size // 2, settings.BATCH_SIZE)
        except BaseException:  # who is told to stop leaves no claim that others would have to wait for
            for left in (claimed, batch.claimed if batch else None):
                if left:
                    changes.release(alias, left)
            raise


def _largest(batch: Batch | None) -> int:
    """Return how many products may be claimed at once: should all have to be embedded, while the batch before is with
    the model, the lease must not end.
    """
    rate = batch.generation.measured.get("rate") if batch else None
    in_time = int(rate * settings.LEASE_SECONDS / 4) if rate else LARGEST_BATCH
    return max(settings.BATCH_SIZE, min(in_time, LARGEST_BATCH))


def _begin(alias: str, claimed: changes.Claim, model: ThreadPoolExecutor) -> Batch | None:
    """Read the products of a claim and hand to the model what differs; None where reading failed (noted)."""
    try:
        generation = Generation.objects.using(alias).get(pk=claimed.generation_id)
        index = registry.get(generation.index)
        readings, unread = read(alias, index, claimed.keys)
        drafts = draft(_changed(alias, generation, readings))
        contents = {one.content.digest: one.content for one in drafts}
        known = documents.known_vectors(alias, generation, list(contents)) if contents else {}
        missing = {digest: content for digest, content in contents.items() if digest not in known}
        embedded = model.submit(_embed, generation, missing)
        found = frozenset(one.key for one in readings)
        return Batch(claimed, generation, found, drafts, unread, known, embedded)
    except Exception as error:
        _give_back(alias, claimed, claimed.keys, error)
        return None


def _finish(alias: str, batch: Batch) -> None:
    """Write what the model made of a batch. What failed is given back with its reason."""
    claimed = batch.claimed
    try:
        vectors, errors = batch.embedded.result()
    except Exception as error:  # models are foreign code
        _give_back(alias, claimed, claimed.keys, error)
        return
    refused = {one.key: errors[one.content.digest] for one in batch.drafts if one.content.digest in errors}
    failures = batch.unread | refused
    _settle(alias, batch, [key for key in claimed.keys if key not in failures], batch.known | vectors)
    changes.fail(alias, claimed, failures)


def _settle(alias: str, batch: Batch, keys: Sequence[str], vectors: dict[str, Vector]) -> None:
    """Write documents and let their changes go; what the database refuses is split until the bad one stands alone."""
    claimed = batch.claimed
    try:
        with transaction.atomic(using=alias):
            owned = changes.still_owned(alias, claimed).intersection(keys)
            ready = [one for one in batch.drafts if one.key in owned]
            documents.write(alias, batch.generation, ready, vectors)
            documents.remove(alias, batch.generation, owned - batch.found)
            # A text-only document stands; its change stays, to look for the pictures again.
            lacking = {one.key: one.picture_error for one in ready if one.picture_error}
            changes.complete(alias, claimed, owned - lacking.keys())
            changes.fail(alias, claimed, lacking, pictures=True)
    except OUTAGES as error:
        _give_back(alias, claimed, keys, error)
    except Exception as error:
        if len(keys) == 1:
            _give_back(alias, claimed, keys, error)
        for some in (keys[: len(keys) // 2], keys[len(keys) // 2 :]) if len(keys) > 1 else ():
            _settle(alias, batch, some, vectors)


def _give_back(alias: str, claimed: changes.Claim, keys: Sequence[str], error: Exception) -> None:
    if isinstance(error, OUTAGES):
        logger.error("%d changes wait for what they need: %s", len(keys), error)
        changes.release(alias, claimed, str(error), max(settings.RETRY_SECONDS, 1))
        return
    logger.error("%d changes failed.", len(keys), exc_info=error)
    changes.fail(alias, claimed, dict.fromkeys(keys, f"{type(error).__name__}: {error}"))


def _changed(alias: str, generation: Generation, readings: Sequence[Reading]) -> list[Reading]:
    """Keep what differs from what is on record, and what lacks its pictures: they may be back."""
    known = documents.known_documents(alias, generation, [one.key for one in readings])
    failed = Document.Pictures.FAILED
    return [
        one
        for one in readings
        if (found := known.get((one.key, one.language))) is None or found.stamp != one.stamp or found.pictures == failed
    ]


def _embed(generation: Generation, contents: dict[str, Content]) -> Embedded:
    """Embed contents by digest; a batch that fails is split until the poisonous content stands alone."""
    if not contents:
        return {}, {}
    embedder = embedder_of(generation.definition["embedder"])
    if embedder.dimensions != generation.dimensions:
        raise ConfigurationError(
            f"The model makes vectors of {embedder.dimensions} dimensions, {generation} holds {generation.dimensions}: "
            'it became another one under the same name. Give its OPTIONS another "revision", then manage.py '
            "rebuild_search_index."
        )
    try:
        vectors = embedding.embed(embedder, list(contents.values()), "document", generation.mean_vectors)
        return dict(zip(contents, vectors, strict=True)), {}
    except Unavailable:
        raise  # no content is to blame
    except CatalogSearchError as error:
        if len(contents) == 1:
            return {}, dict.fromkeys(contents, str(error))
        items, half = list(contents.items()), len(contents) // 2
        vectors_of_one, errors = _embed(generation, dict(items[:half]))
        vectors_of_other, more = _embed(generation, dict(items[half:]))
        return vectors_of_one | vectors_of_other, errors | more
