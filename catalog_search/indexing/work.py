"""The work of a worker: claim changes, read the products, embed what differs, write it, let the changes go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import translation

from .. import embedding
from ..backends import embedder_of
from ..conf import settings
from ..content import Content
from ..exceptions import CatalogSearchError, Unavailable
from ..fusion import Vector
from ..indexes import SearchIndex, registry
from ..languages import normalise_identifier
from ..models import Document, Generation
from . import changes, documents, pictures
from .documents import Draft

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
    products: dict[str, Any]
    drafts: list[Draft]
    known: dict[str, Vector]
    """Vectors on record by content digest."""
    embedded: Future[Embedded]


def drain(alias: str = "default", seconds: float | None = None, done: Callable[[int], object] | None = None) -> bool:
    """Work off changes until none is due, or the time is up; returns whether some are left.

    While the model is busy with one batch the next is read and its pictures decoded. All of the database is this
    thread's. ``done`` is called after each batch with the number of products worked.
    """
    end = None if seconds is None else time.monotonic() + seconds
    size = settings.BATCH_SIZE
    claimed: changes.Claim | None = None
    batch: Batch | None = None
    with (
        ThreadPoolExecutor(settings.PICTURE_THREADS, thread_name_prefix="catalog-search-pictures") as pool,
        ThreadPoolExecutor(1, thread_name_prefix="catalog-search-model") as model,
    ):
        try:
            while True:
                begun = time.monotonic()
                in_time = end is None or begun < end
                claimed = changes.claim(alias, size) if in_time else None
                if not (claimed or batch):
                    return not in_time
                ahead = _begin(alias, claimed, pool, model) if claimed else None
                if batch:
                    _finish(alias, batch)
                    if done:
                        done(len(batch.claimed.keys))
                batch = ahead
                # Where vectors are on record, or the model is fast, what each batch costs by itself would dominate.
                quick = time.monotonic() - begun < QUICK_SECONDS
                size = min(2 * size, max(LARGEST_BATCH, size)) if quick else settings.BATCH_SIZE
        except BaseException:  # who is told to stop leaves no claim that others would have to wait for
            for left in (claimed, batch.claimed if batch else None):
                if left:
                    changes.release(alias, left)
            raise


def _begin(alias: str, claimed: changes.Claim, pool: ThreadPoolExecutor, model: ThreadPoolExecutor) -> Batch | None:
    """Read the products of a claim and hand to the model what differs; None where reading failed (noted)."""
    try:
        generation = Generation.objects.using(alias).get(pk=claimed.generation_id)
        index = registry.get(generation.index)
        products = _fetch(alias, index, claimed.keys)
        drafts = draft(alias, index, generation, products, pool)
        contents = {one.content.digest: one.content for one in drafts}
        known = documents.known_vectors(alias, generation, list(contents)) if contents else {}
        missing = {digest: content for digest, content in contents.items() if digest not in known}
        embedded = model.submit(_embed, generation, missing)
        return Batch(claimed, generation, products, drafts, known, embedded)
    except Exception as error:  # a declaration's callables and storages are foreign code
        _give_back(alias, claimed, error)
        return None


def _finish(alias: str, batch: Batch) -> None:
    """Write what the model made of a batch. What failed is given back with its reason."""
    claimed = batch.claimed
    try:
        vectors, errors = batch.embedded.result()
        failures = {one.key: errors[one.content.digest] for one in batch.drafts if one.content.digest in errors}
        with transaction.atomic(using=alias):
            owned = changes.still_owned(alias, claimed) - failures.keys()
            ready = [one for one in batch.drafts if one.key in owned]
            documents.write(alias, batch.generation, ready, batch.known | vectors)
            documents.remove(alias, owned - batch.products.keys(), [batch.generation.pk])
            changes.complete(alias, claimed, owned)
    except Exception as error:  # models are foreign code
        _give_back(alias, claimed, error)
        return
    if failures:
        changes.fail(alias, claimed, failures)


def _give_back(alias: str, claimed: changes.Claim, error: Exception) -> None:
    if isinstance(error, Unavailable):  # an outage is no product's fault, however long it lasts
        logger.error("%d changes wait for their model: %s", len(claimed.keys), error)
        changes.release(alias, claimed, str(error), max(settings.RETRY_SECONDS, 1))
        return
    logger.error("A batch of %d changes failed.", len(claimed.keys), exc_info=error)
    changes.fail(alias, claimed, dict.fromkeys(claimed.keys, f"{type(error).__name__}: {error}"))


def draft(
    alias: str, index: SearchIndex, generation: Generation, products: dict[str, Any], pool: ThreadPoolExecutor
) -> list[Draft]:
    """Return the documents that differ from what is on record, their pictures loaded."""
    known = documents.known_stamps(alias, generation, list(products))
    stamped = pictures.stamp_all([index.picture_files(product) for product in products.values()], pool)
    files = dict(zip(products, stamped, strict=True))
    changed: list[tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...], str]] = []
    for key, product in products.items():
        identifiers = tuple(dict.fromkeys(filter(None, map(normalise_identifier, index.identifier_values(product)))))
        for language in index.language_codes:
            with translation.override(language):
                parts, keywords = index.text_parts(product), index.keyword_parts(product)
            stamp = documents.make_stamp(parts + keywords, identifiers, [file.stamp for file in files[key]])
            if known.get((key, language)) != stamp:
                changed.append((key, language, parts, keywords, identifiers, stamp))
    loaded = pictures.load((file for key in {one[0] for one in changed} for file in files[key]), pool)
    return [_draft(*one, [loaded[file.stamp] for file in files[one[0]]]) for one in changed]


def _draft(
    key: str,
    language: str,
    parts: tuple[str, ...],
    keywords: tuple[str, ...],
    identifiers: tuple[str, ...],
    stamp: str,
    loaded: Sequence[pictures.LoadedPicture],
) -> Draft:
    seen = [one for one in loaded if one.picture]
    errors = "; ".join(one.error for one in loaded if one.error)
    state = Document.Pictures.FAILED if errors else Document.Pictures.OK if seen else Document.Pictures.NONE
    first, *others = [one.picture for one in seen] or [None]
    return Draft(
        key=key,
        language=language,
        parts=parts,
        keywords=keywords,
        identifiers=identifiers,
        stamp=stamp,
        content=Content(documents.document_text(parts), first, tuple(filter(None, others))),
        thumbnail=seen[0].thumbnail if seen else "",
        pictures=state,
        picture_error=errors,
    )


def _fetch(alias: str, index: SearchIndex, keys: Sequence[str]) -> dict[str, Any]:
    to_python = index.model._meta.pk.to_python
    found = index.index_queryset().using(alias).filter(pk__in=[to_python(key) for key in keys])
    return {str(product.pk): product for product in found}


def _embed(generation: Generation, contents: dict[str, Content]) -> Embedded:
    """Embed contents by digest; a batch that fails is split until the poisonous content stands alone."""
    if not contents:
        return {}, {}
    embedder = embedder_of(generation.definition["embedder"])
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
