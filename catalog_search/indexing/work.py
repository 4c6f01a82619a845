"""The work of a worker: claim changes, read the products, embed what differs, write it, let the changes go."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import embedding
from ..bisection import bisect
from ..conf import settings
from ..content import Content
from ..exceptions import CatalogSearchError, Unavailable, reason_of
from ..fusion import Vector
from ..models import Document, Generation
from ..routers import reading_what_was_written
from ..sql import read_committed, telling_slow
from . import documents
from .claims import Claim, claim
from .documents import Draft, Reading
from .reading import OUTAGES, draft, read

logger = logging.getLogger(__name__)

QUICK_SECONDS = 0.5
LARGEST_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Batch:
    """A claim whose products were read, their contents in the hands of the model."""

    claimed: Claim
    generation: Generation
    found: frozenset[str]
    """The keys of products that are there."""
    drafts: list[Draft]
    unread: dict[str, str]
    """The reasons of products that could not be read."""
    recorded: dict[str, Vector]
    """Vectors on record by content digest."""
    embedded: Future[dict[str, Vector | Exception]]
    """Vectors by content digest, or why there are none."""


@reading_what_was_written()
def drain(alias: str = "default", seconds: float | None = None) -> bool:
    """Work off changes until none is due, or the time is up; returns whether some are left.

    While the model is busy with one batch the next is read and its pictures decoded. All of the database is this
    thread's. Generations whose model does not answer are left for another time.
    """
    end = None if seconds is None else time.monotonic() + seconds
    size = settings.BATCH_SIZE
    silent: set[int] = set()
    claimed: Claim | None = None
    batch: Batch | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="catalog-search-model") as model:
        try:
            while True:
                begun = time.monotonic()
                in_time = end is None or begun < end
                claimed = None
                try:
                    claimed = claim(alias, size, silent) if in_time else None
                except OUTAGES:
                    if not batch:  # which has cost something, and is written first
                        raise
                if not (claimed or batch):
                    return not in_time
                ahead = None
                if claimed:
                    with _giving_back(claimed, silent):
                        ahead = _begin(claimed, model)
                if batch:
                    with _giving_back(batch.claimed, silent):
                        _finish(batch)
                batch = ahead
                # Where vectors are on record, or the model is fast, what each batch costs by itself would dominate.
                quick = time.monotonic() - begun < QUICK_SECONDS
                size = min(2 * size, _largest(batch)) if quick else max(size // 2, settings.BATCH_SIZE)
        except BaseException:  # who is told to stop leaves no claim that others would have to wait for
            for left in (claimed, batch.claimed if batch else None):
                if left:
                    left.release()
            raise


@contextmanager
def _giving_back(claimed: Claim, silent: set[int]) -> Iterator[None]:
    """Give back what is left of a claim where its work fails; notes whose model or database did not answer."""
    try:
        yield
    except OUTAGES as error:
        logger.error("%d changes wait for what they need: %s", len(claimed.keys), error)
        silent.add(claimed.generation_id)
        claimed.release(reason_of(error), max(settings.RETRY_SECONDS, 1))
    except Exception as error:  # models and declarations are foreign code
        logger.error("%d changes failed.", len(claimed.keys), exc_info=error)
        claimed.fail(dict.fromkeys(claimed.keys, reason_of(error)))


def _largest(batch: Batch | None) -> int:
    """Return how many products may be claimed at once: should all have to be embedded, while the batch before is with
    the model, the lease must not end.
    """
    rate = batch.generation.measured.get("rate") if batch else None
    in_time = int(rate * settings.LEASE_SECONDS / 4) if rate else LARGEST_BATCH
    return max(settings.BATCH_SIZE, min(in_time, LARGEST_BATCH))


def _begin(claimed: Claim, model: ThreadPoolExecutor) -> Batch:
    """Read the products of a claim and hand to the model what differs."""
    generation = Generation.objects.using(claimed.alias).get(pk=claimed.generation_id)
    readings, unread = read(generation, claimed.keys)
    drafts = draft(_changed(generation, readings))
    contents = {one.content.digest: one.content for one in drafts}
    recorded = documents.recorded_vectors(generation, list(contents)) if contents else {}
    missing = {digest: content for digest, content in contents.items() if digest not in recorded}
    embedded = model.submit(_embed, generation, missing)
    return Batch(claimed, generation, frozenset(one.key for one in readings), drafts, unread, recorded, embedded)


def _finish(batch: Batch) -> None:
    """Write what the model made of a batch. What failed by itself is given back with its reason."""
    embedded = batch.embedded.result()
    vectors = batch.recorded | {digest: one for digest, one in embedded.items() if not isinstance(one, Exception)}
    refused = {digest: reason_of(one) for digest, one in embedded.items() if isinstance(one, Exception)}
    reasons = {one.key: refused[one.content.digest] for one in batch.drafts if one.content.digest in refused}
    reasons |= batch.unread
    keys = [key for key in batch.claimed.keys if key not in reasons]
    for key, outcome in zip(keys, bisect(partial(_write, batch, vectors), keys, OUTAGES), strict=True):
        if isinstance(outcome, Exception):
            logger.error("%s of %s cannot be written.", key, batch.generation, exc_info=outcome)
            reasons[key] = reason_of(outcome)
    batch.claimed.fail(reasons)


@telling_slow()
def _write(batch: Batch, vectors: dict[str, Vector], keys: Sequence[str]) -> Sequence[str]:
    """Write the documents of some products and let their changes go; returns the keys."""
    with read_committed(batch.claimed.alias):
        owned = batch.claimed.lock().intersection(keys)
        ready = [one for one in batch.drafts if one.key in owned]
        documents.write(batch.generation, ready, vectors)
        documents.remove(batch.generation, owned - batch.found)
        # A text-only document stands; its change stays, to look for the pictures again.
        lacking = {one.key: one.picture_error for one in ready if one.picture_error}
        batch.claimed.complete(owned - lacking.keys())
        batch.claimed.fail(lacking, pictures=True)
    return keys


def _changed(generation: Generation, readings: Sequence[Reading]) -> list[Reading]:
    """Keep what differs from what is on record, and what lacks its pictures: they may be back."""
    recorded = documents.recorded_documents(generation, [one.key for one in readings])
    failed = Document.Pictures.FAILED
    return [
        one
        for one in readings
        if (found := recorded.get((one.key, one.language))) is None
        or found.stamp != one.stamp
        or found.pictures == failed
    ]


def _embed(generation: Generation, contents: dict[str, Content]) -> dict[str, Vector | Exception]:
    """Embed contents by digest. Raises Unavailable where the model does not answer, or cannot be loaded.

    What the model can read nothing of points nowhere: by its number and its keywords the product is found all the same.
    """
    if not contents:
        return {}
    try:
        embedder = generation.embedder
    except CatalogSearchError as error:
        raise Unavailable(str(error)) from error
    means = generation.mean_vectors
    blank = {digest for digest, content in contents.items() if embedding.is_blank(embedder, content)}
    nowhere = dict.fromkeys(blank, np.zeros(generation.dimensions or 0, np.float32))
    contents = {digest: content for digest, content in contents.items() if digest not in blank}
    vectors = bisect(lambda some: embedding.embed(embedder, some, "document", means), list(contents.values()))
    other = {len(one) for one in vectors if not isinstance(one, Exception)} - {generation.dimensions}
    if other:
        raise Unavailable(
            f"The model makes vectors of {other.pop()} dimensions, {generation} holds {generation.dimensions}: it "
            'became another one under the same name. Give its OPTIONS another "revision", then manage.py '
            "rebuild_search_index."
        )
    return nowhere | dict(zip(contents, vectors, strict=True))
