"""Generations: complete snapshots of an index, built beside the one that serves."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from ..backends import embedder_of
from ..backends.base import Embedder, identity, place
from ..conf import settings
from ..content import Content
from ..embedding import embed, modality_means, needs_means
from ..exceptions import CatalogSearchError
from ..fusion import Vector
from ..indexes import SearchIndex
from ..languages import PARSING, text_config
from ..models import Change, Document, Generation
from ..registry import registry
from ..routers import reading_what_was_written
from ..sql import compile_keys, execute, write_alias
from . import ann, doorbell
from .reading import draft, read
from .statistics import measure
from .vocabulary import count_words

_CHANGES = Change._meta.db_table
_DOCUMENTS = Document._meta.db_table

MEANS_SAMPLE = 200
RATE_SAMPLE = 32
MANY = 1_000


def definition(index: SearchIndex) -> dict[str, Any]:
    """Return everything that decides the documents of an index, as JSON keeps it."""
    return {
        **index.definition(),
        "configs": [text_config(language) for language in index.language_codes],
        "parsing": PARSING,
        "embedder": _as_json(identity(settings.EMBEDDER)),
        "image_size": settings.IMAGE_SIZE,
        "quantization": settings.QUANTIZATION,
    }


def _as_json(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


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
    generation = planned(index)
    generation.save(using=write_alias(index.model))
    return generation


def planned(index: SearchIndex) -> Generation:
    """Return the generation that today's definition asks for, not saved: for estimates and comparisons."""
    described = definition(index)
    return Generation(
        index=index.label,
        fingerprint=_fingerprint(described),
        model_fingerprint=_fingerprint([described["embedder"], described["image_size"]]),
        # With its place: it is asked there while it serves, even when the settings name another model.
        definition=described | {"embedder": _as_json(place(settings.EMBEDDER))},
    )


def differences(generation: Generation) -> tuple[str, ...]:
    """Name what of a generation's definition is another today: "text", "embedder", "image_size" and so on."""
    now = planned(registry.get(generation.index))
    if now.fingerprint == generation.fingerprint:
        return ()
    names = [name for name in now.definition if now.definition[name] != generation.definition.get(name)]
    moved = now.model_fingerprint == generation.model_fingerprint
    return tuple(name for name in names if not (moved and name == "embedder"))


@reading_what_was_written()
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
        generation.measured = {name: value for name, value in earlier.measured.items() if name != "gate"}
    else:
        contents, generation.measured = _measure(generation)
        generation.mean_vectors = _means(embedder, contents) if needs_means(embedder) else {}
    generation.state = Generation.State.BUILDING
    generation.save(using=alias, update_fields=["dimensions", "definition", "means", "measured", "state"])


def _means(embedder: Embedder, contents: list[Content]) -> dict[str, Vector]:
    try:
        return modality_means(embedder, contents)
    except CatalogSearchError:
        # One poisonous product must not keep a generation from being built.
        return modality_means(embedder, _accepted(embedder, contents))


def _accepted(embedder: Embedder, contents: list[Content]) -> list[Content]:
    """Leave out what a model refuses."""
    try:
        embed(embedder, contents, "document", {})
    except CatalogSearchError:
        half = len(contents) // 2
        return _accepted(embedder, contents[:half]) + _accepted(embedder, contents[half:]) if half else []
    return contents


def _measure(generation: Generation) -> tuple[list[Content], dict[str, float]]:
    """Return a sample of contents, and what an estimate needs: products a second, and pictures of a product."""
    index = registry.get(generation.index)
    sample = index.index_queryset().using(generation.alias).order_by("?").values_list("pk", flat=True)[:MEANS_SAMPLE]
    keys = [str(key) for key in sample]
    start = time.perf_counter()
    contents, found = _contents(index, generation.alias, keys)
    loading = time.perf_counter() - start
    measured = {"pictures": found / len(keys)} if keys else {}
    timed = contents[:RATE_SAMPLE]
    embedder = embedder_of(generation.definition["embedder"])
    try:
        if timed:
            embed(embedder, timed[:1], "document", {})  # the first call of a model takes longer
            start = time.perf_counter()
            embed(embedder, timed, "document", {})
            each = loading / len(keys) + (time.perf_counter() - start) / len(timed)
            measured["rate"] = 1 / max(each, 1e-6)
    except CatalogSearchError:
        pass  # a product in the sample that the model refuses: the build finds and names it
    return contents, measured


def _contents(index: SearchIndex, alias: str, keys: list[str]) -> tuple[list[Content], int]:
    """Return what is there to embed of some products, the first picture of each, and how many pictures they have."""
    readings, _ = read(alias, index, keys)
    own = [one for one in readings if one.language == index.language_codes[0]]
    contents = [Content(one.content.text, one.content.image) for one in draft(own)]
    return [one for one in contents if one], sum(len(one.files) for one in own)


def backfill(generation: Generation, mend: bool = True) -> tuple[int, int]:
    """Queue products without a document, and documents without a product; returns how many of each there were.

    Those with a change are left: it waits for a worker, or for a person. Without ``mend`` the others are only counted.
    """
    index = registry.get(generation.index)
    alias = write_alias(index.model)
    statement, parameters = compile_keys(index.index_queryset().using(alias))
    insert = f"INSERT INTO {_CHANGES} (generation_id, object_key, priority)" if mend else ""
    with transaction.atomic(using=alias):
        missing, orphaned = execute(
            alias,
            f"""
            WITH differing AS (
                SELECT DISTINCT key, document.key IS NULL AS missing
                FROM (SELECT found.key::text FROM ({statement}) found(key)) product(key)
                FULL JOIN (SELECT object_key FROM {_DOCUMENTS} WHERE generation_id = %s) document(key) USING (key)
                WHERE (product.key IS NULL OR document.key IS NULL) AND NOT EXISTS (
                    SELECT 1 FROM {_CHANGES} change
                    WHERE change.generation_id = %s AND change.object_key = key
                      AND (document.key IS NULL OR NOT change.set_aside))
            ), queued AS ({insert} SELECT %s, key, {int(Change.Priority.BACKFILL)} FROM differing)
            SELECT count(*) FILTER (WHERE missing), count(*) FILTER (WHERE NOT missing) FROM differing
            """,
            (*parameters, generation.pk, generation.pk, generation.pk),
        )[0]
        if mend and missing + orphaned:
            transaction.on_commit(doorbell.ring, using=alias, robust=True)
        if mend and missing + orphaned >= MANY:
            # Workers ask for the first of them at once; planned for an empty queue, that sorts all each time.
            execute(alias, f"ANALYZE {_CHANGES}")
    return missing, orphaned


def finish(generation: Generation) -> None:
    """Complete a loaded generation: sample its background, build the HNSW index where it pays, mark it ready."""
    alias = generation.alias
    measure(generation)
    count_words(generation)
    if not generation.ann_index:
        ann.build(generation)
    generation.state = Generation.State.READY
    if generation.built_at is None:
        generation.built_at = Now()
    generation.save(using=alias, update_fields=["background", "statistics", "state", "ann_index", "built_at", "error"])
    generation.refresh_from_db()


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a generation stands: products waiting for a worker, those in its hands, and those that failed last.

    Those that only lack a picture did not fail.
    """

    waiting: int
    in_work: int
    failed: int
    reason: str = ""
    """What the failure of one of them says."""


def last_change(generation: Generation) -> int:
    """Return the id of the newest change of a generation: under constant writes, what is left never reaches zero."""
    statement = f"SELECT coalesce(max(id), 0) FROM {_CHANGES} WHERE generation_id = %s"
    return int(execute(generation.alias, statement, (generation.pk,))[0][0])


def progress(generation: Generation, until: int | None = None) -> Progress:
    """Count what is left to do in a generation; ``until`` leaves out changes with a higher id."""
    alias = generation.alias
    rows = execute(
        alias,
        f"""
        SELECT count(DISTINCT object_key) FILTER (WHERE error = ''),
               count(DISTINCT object_key) FILTER (WHERE leased_until >= statement_timestamp()),
               count(DISTINCT object_key) FILTER (WHERE error <> '' AND priority <> {int(Change.Priority.PICTURES)}),
               max(error) FILTER (WHERE priority <> {int(Change.Priority.PICTURES)})
        FROM {_CHANGES} WHERE generation_id = %s AND (%s::bigint IS NULL OR id <= %s::bigint)
        """,
        (generation.pk, until, until),
    )
    waiting, in_work, failed, reason = rows[0]
    return Progress(waiting, in_work, failed, reason or "")
