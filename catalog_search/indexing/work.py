"""The work of a worker: claim changes, read the products, embed what differs, write it, let the changes go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import transaction
from django.utils import translation

from .. import embedding
from ..backends import embedder_of
from ..conf import settings
from ..content import Content
from ..exceptions import CatalogSearchError
from ..fusion import Vector
from ..indexes import SearchIndex, registry
from ..languages import normalise_identifier
from ..models import Document, Generation
from . import changes, documents, pictures
from .documents import Draft

logger = logging.getLogger(__name__)


def drain(alias: str = "default", seconds: float | None = None, done: Callable[[int], object] | None = None) -> bool:
    """Work off changes until none is due, or the time is up; returns whether some are left.

    ``done`` is called after each batch with the number of products worked.
    """
    end = None if seconds is None else time.monotonic() + seconds
    with ThreadPoolExecutor(settings.PICTURE_THREADS, thread_name_prefix="catalog-search-pictures") as pool:
        while end is None or time.monotonic() < end:
            claimed = changes.claim(alias, settings.BATCH_SIZE)
            if claimed is None:
                return False
            work(alias, claimed, pool)
            if done:
                done(len(claimed.keys))
    return True


def work(alias: str, claimed: changes.Claim, pool: ThreadPoolExecutor) -> None:
    """Bring the documents of one claim up to date. What fails is given back with its reason, the rest is written."""
    failures: dict[str, str] = {}
    try:
        generation = Generation.objects.using(alias).get(pk=claimed.generation_id)
        index = registry.get(generation.index)
        products = _fetch(alias, index, claimed.keys)
        drafts = draft(alias, index, generation, products, pool)
        vectors = _vectors(alias, generation, drafts, failures)
        ready = [one for one in drafts if one.key not in failures]
        with transaction.atomic(using=alias):
            owned = changes.still_owned(alias, claimed) - failures.keys()
            documents.write(alias, generation, [one for one in ready if one.key in owned], vectors)
            documents.remove(alias, owned - products.keys(), [generation.pk])
            changes.complete(alias, claimed, owned)
    except Exception as error:  # a declaration's callables, storages and models are foreign code
        logger.exception("A batch of %d changes failed.", len(claimed.keys))
        failures = dict.fromkeys(claimed.keys, f"{type(error).__name__}: {error}")
    if failures:
        changes.fail(alias, claimed, failures)


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


def _vectors(
    alias: str, generation: Generation, drafts: Sequence[Draft], failures: dict[str, str]
) -> dict[str, Vector]:
    """Return vectors by content digest: those on record, and for the rest what the model says."""
    contents = {one.content.digest: one.content for one in drafts}
    vectors = documents.known_vectors(alias, generation, list(contents)) if contents else {}
    missing = {digest: content for digest, content in contents.items() if digest not in vectors}
    if missing:
        errors: dict[str, str] = {}
        vectors |= _embed(generation, missing, errors)
        failures |= {one.key: errors[one.content.digest] for one in drafts if one.content.digest in errors}
    return vectors


def _embed(generation: Generation, contents: dict[str, Content], errors: dict[str, str]) -> dict[str, Vector]:
    """Embed a batch; one that fails is split until the poisonous content stands alone."""
    embedder = embedder_of(generation.definition["embedder"])
    try:
        vectors = embedding.embed(embedder, list(contents.values()), "document", generation.mean_vectors)
        return dict(zip(contents, vectors, strict=True))
    except CatalogSearchError as error:
        if len(contents) == 1:
            errors[next(iter(contents))] = str(error)
            return {}
        items = list(contents.items())
        half = len(items) // 2
        return _embed(generation, dict(items[:half]), errors) | _embed(generation, dict(items[half:]), errors)
