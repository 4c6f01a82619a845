"""Generations: complete snapshots of an index, built beside the one that serves and switched by one row update."""

from __future__ import annotations

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.models.functions import Now

from ..backends import embedder_of
from ..backends.base import identity
from ..conf import settings
from ..content import Content
from ..embedding import modality_means, needs_means
from ..indexes import SearchIndex, registry
from ..languages import text_config
from ..models import Change, Document, Generation
from ..sql import compile_keys, execute, write_alias
from . import documents, doorbell, pictures
from .statistics import measure

logger = logging.getLogger(__name__)

_CHANGES = Change._meta.db_table
_DOCUMENTS = Document._meta.db_table

MEANS_SAMPLE = 200
HALFVEC_LIMIT = 4000  # dimensions that an HNSW index takes as halfvec (pgvector README)


def definition(index: SearchIndex) -> dict[str, Any]:
    """Return everything that decides the documents of an index, as JSON keeps it."""
    return {
        **index.definition(),
        "configs": [text_config(language) for language in index.language_codes],
        "embedder": json.loads(json.dumps(identity(settings.EMBEDDER), default=str)),
        "image_size": settings.IMAGE_SIZE,
    }


def _fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def current_generation(index: SearchIndex) -> Generation | None:
    """Return the newest live generation that matches the code and the settings as they are now."""
    live = Generation.objects.using(write_alias(index.model)).of(index.label).live()
    return live.filter(fingerprint=_fingerprint(definition(index))).order_by("-id").first()


def is_outdated(index: SearchIndex) -> bool:
    """Tell whether the serving generation was built from another declaration, model or setting."""
    active = Generation.objects.active(index.label)
    return active is not None and active.fingerprint != _fingerprint(definition(index))


def start_generation(index: SearchIndex, fresh: bool = False) -> Generation:
    """Return the generation to build: one that was begun for today's definition, or a new one."""
    found = None if fresh else current_generation(index)
    if found:
        return found
    described = definition(index)
    return Generation.objects.using(write_alias(index.model)).create(
        index=index.label,
        fingerprint=_fingerprint(described),
        model_fingerprint=_fingerprint([described["embedder"], described["image_size"]]),
        definition=described,
    )


def prepare(generation: Generation) -> None:
    """Load the model, note its dimensions, measure the modality means; the generation then takes documents.

    Means are taken over from an earlier generation of the same model, so that its vectors can be reused.
    """
    if generation.state != Generation.State.PREPARING:
        return
    embedder = embedder_of(generation.definition["embedder"])
    alias = generation.alias
    earlier = (
        Generation.objects.using(alias)
        .filter(model_fingerprint=generation.model_fingerprint, dimensions=embedder.dimensions)
        .order_by("-id")
        .first()
    )
    generation.dimensions = embedder.dimensions
    if earlier:
        generation.mean_vectors = earlier.mean_vectors
    else:
        generation.mean_vectors = modality_means(embedder, _sample(generation)) if needs_means(embedder) else {}
    generation.state = Generation.State.BUILDING
    generation.save(using=alias, update_fields=["dimensions", "definition", "means", "state"])


def _sample(generation: Generation) -> list[Content]:
    index = registry.get(generation.index)
    products = list(index.index_queryset().using(generation.alias).order_by("?")[:MEANS_SAMPLE])
    with ThreadPoolExecutor(settings.PICTURE_THREADS) as pool:
        files = pictures.stamp_all([index.picture_files(product) for product in products], pool)
        loaded = pictures.load((file for own in files for file in own[:1]), pool)
    contents = []
    for product, own in zip(products, files, strict=True):
        text = documents.document_text(index.text_parts(product))
        content = Content(text, next((loaded[file.stamp].picture for file in own[:1]), None))
        contents += [content] if content else []
    return contents


def backfill(generation: Generation) -> int:
    """Queue every product that has neither a document nor a change waiting; returns how many there were."""
    index = registry.get(generation.index)
    alias = write_alias(index.model)
    statement, parameters = compile_keys(index.index_queryset().using(alias))
    with transaction.atomic(using=alias):
        rows = execute(
            alias,
            f"""
            INSERT INTO {_CHANGES} (generation_id, object_key, priority)
            SELECT %s, product.key, {int(Change.Priority.BACKFILL)}
            FROM (SELECT DISTINCT found.key::text FROM ({statement}) found(key)) product(key)
            WHERE NOT EXISTS (SELECT 1 FROM {_DOCUMENTS} document
                              WHERE document.generation_id = %s AND document.object_key = product.key)
              AND NOT EXISTS (SELECT 1 FROM {_CHANGES} change
                              WHERE change.generation_id = %s AND change.object_key = product.key)
            RETURNING 1
            """,
            (generation.pk, *parameters, generation.pk, generation.pk),
        )
        transaction.on_commit(doorbell.ring, using=alias, robust=True)
    return len(rows)


def finish(generation: Generation) -> None:
    """Complete a loaded generation: sample its background, build the HNSW index where it pays, mark it ready."""
    alias = generation.alias
    measure(generation)
    generation.state = Generation.State.READY
    if not generation.ann_index:
        generation.ann_index = _build_ann_index(generation, alias)
    if generation.built_at is None:
        generation.built_at = Now()
    generation.save(using=alias, update_fields=["background", "statistics", "state", "ann_index", "built_at", "error"])
    generation.refresh_from_db()


def _build_ann_index(generation: Generation, alias: str) -> str:
    """Build the partial HNSW index of a large generation and return its name; "" means exact search."""
    rows = execute(alias, f"SELECT count(*) FROM {_DOCUMENTS} WHERE generation_id = %s", (generation.pk,))
    dimensions = generation.dimensions or 0
    if rows[0][0] < settings.ANN_MIN_DOCUMENTS or dimensions > HALFVEC_LIMIT:
        return ""
    name = f"catalog_search_hnsw_{generation.pk}"
    concurrently = "" if connections[alias].in_atomic_block else "CONCURRENTLY"
    execute(alias, f"DROP INDEX {concurrently} IF EXISTS {name}")
    execute(
        alias,
        f"""
        CREATE INDEX {concurrently} {name} ON {_DOCUMENTS}
        USING hnsw ((embedding::halfvec({dimensions})) halfvec_cosine_ops) WHERE generation_id = {generation.pk}
        """,
    )
    valid = execute(alias, "SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (name,))
    if not valid or not valid[0][0]:
        execute(alias, f"DROP INDEX {concurrently} IF EXISTS {name}")
        generation.error = "The HNSW index could not be built; searches are exact."
        logger.error("%s: %s", generation, generation.error)
        return ""
    execute(alias, f"ANALYZE {_DOCUMENTS}")
    return name


def activate(generation: Generation) -> None:
    """Let a ready generation serve from now on: one row update. Activating an older one is the rollback."""
    alias = generation.alias
    Generation.objects.using(alias).filter(pk=generation.pk, state=Generation.State.READY).update(activated_at=Now())
    generation.refresh_from_db()
    keep = list(
        Generation.objects.using(alias)
        .of(generation.index)
        .filter(state=Generation.State.READY, activated_at__isnull=False)
        .order_by("-activated_at")
        .values_list("pk", flat=True)[:2]
    )
    for old in Generation.objects.using(alias).of(generation.index).live().exclude(pk__in=keep):
        if old.pk < generation.pk:
            retire(old)


def retire(generation: Generation) -> None:
    """Stop a generation and drop its documents, changes and HNSW index."""
    alias = generation.alias
    Generation.objects.using(alias).filter(pk=generation.pk).update(state=Generation.State.RETIRED, ann_index="")
    concurrently = "" if connections[alias].in_atomic_block else "CONCURRENTLY"
    execute(alias, f"DROP INDEX {concurrently} IF EXISTS catalog_search_hnsw_{generation.pk}")
    execute(alias, f"DELETE FROM {_CHANGES} WHERE generation_id = %s", (generation.pk,))
    execute(alias, f"DELETE FROM {_DOCUMENTS} WHERE generation_id = %s", (generation.pk,))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a generation stands: products waiting for a worker, and products whose last attempt failed."""

    waiting: int
    failed: int
    reason: str = ""
    """What the failure of one of them says."""


def progress(generation: Generation) -> Progress:
    """Count what is left to do in a generation."""
    alias = generation.alias
    rows = execute(
        alias,
        f"""
        SELECT count(DISTINCT object_key) FILTER (WHERE error = ''),
               count(DISTINCT object_key) FILTER (WHERE error <> ''), max(error)
        FROM {_CHANGES} WHERE generation_id = %s
        """,
        (generation.pk,),
    )
    waiting, failed, reason = rows[0]
    return Progress(waiting, failed, reason or "")
