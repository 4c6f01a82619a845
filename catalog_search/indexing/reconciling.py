"""Reconciling: the whole index compared with the whole shop, for what no signal and no trigger told of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.core.exceptions import EmptyResultSet
from django.db import transaction

from ..indexes import SearchIndex
from ..models import Change, Document, Generation
from ..registry import registry
from ..routers import reading_what_was_written
from ..sql import compile_keys, execute, read_committed, write_alias
from . import changes, documents, doorbell
from .generations import definition
from .reading import draft, read

_CHANGES = Change._meta.db_table
_DOCUMENTS = Document._meta.db_table

CHUNK = 500
"""Products in memory at once."""
MANY = 1_000
"""Changes after which PostgreSQL is told how many they are."""


@dataclass(frozen=True, slots=True)
class Drift:
    """How many products differ from their documents in one generation; those whose change waits are not counted."""

    missing: int
    orphaned: int
    stale: int
    after: str = ""
    """The key of the last product that was compared, where time ran out."""

    def __bool__(self) -> bool:
        return bool(self.missing or self.orphaned or self.stale)


@reading_what_was_written()
def reconcile(
    generation: Generation,
    deep: bool = False,
    mend: bool = True,
    after: str = "",
    seconds: float | None = None,
    done: Callable[[int], object] | None = None,
) -> Drift:
    """Compare keys, then the stamps of all products, or (``deep``) the digests of all that their models see.

    What differs gets a change, unless ``mend`` is false. A generation of another declaration is compared by its keys
    only: its documents say other things. With ``seconds`` it stops in time; ``after`` goes on from there. ``done`` is
    called with the number of products of each chunk.
    """
    end = None if seconds is None else time.monotonic() + seconds
    missing, orphaned = (0, 0) if after else backfill(generation, mend)
    index, stale = registry.get(generation.index), 0
    if not _comparable(index, generation):
        return Drift(missing, orphaned, 0)
    for chunk in _chunks(index, generation.alias, after):
        keys = _stale(generation, chunk, deep)
        if keys and mend:
            with read_committed(generation.alias):
                if deep:  # let workers look at contents whose stamps did not change
                    generation.own(Document).filter(object_key__in=keys).update(stamp="")
                changes.append_to(generation, keys)
        stale += len(keys)
        if done:
            done(len(chunk))
        if end is not None and time.monotonic() > end:
            return Drift(missing, orphaned, stale, chunk[-1])
    return Drift(missing, orphaned, stale)


def backfill(generation: Generation, mend: bool = True) -> tuple[int, int]:
    """Queue products without a document, and documents without a product; returns how many of each there were.

    Those with a change are left: it waits for a worker, or for a person. Without ``mend`` the others are only counted.
    """
    index = registry.get(generation.index)
    alias = write_alias(index.model)
    try:
        statement, parameters = compile_keys(index.index_queryset().using(alias))
    except EmptyResultSet:  # Django sees before asking that there are none
        statement, parameters = "SELECT NULL WHERE false", ()
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
            doorbell.ring_on_commit(alias)
        if mend and missing + orphaned >= MANY:
            # Workers ask for the first of them at once; planned for an empty queue, that sorts all each time.
            execute(alias, f"ANALYZE {_CHANGES}")
    return missing, orphaned


def _comparable(index: SearchIndex, generation: Generation) -> bool:
    """Tell whether documents of a generation would say the same today; which model embedded them does not matter."""
    now, then = definition(index), generation.definition
    return all(now[name] == then.get(name) for name in now.keys() - {"embedder", "quantization"})


def _chunks(index: SearchIndex, alias: str, after: str) -> Iterator[list[str]]:
    """Yield the keys of products in their order: each chunk a short query that needs no open cursor."""
    keys = index.index_queryset().using(alias).order_by("pk").values_list("pk", flat=True)
    last = index.model._meta.pk.to_python(after) if after else None
    while chunk := list((keys if last is None else keys.filter(pk__gt=last))[:CHUNK]):
        last = chunk[-1]
        yield [str(key) for key in chunk]


def _stale(generation: Generation, keys: list[str], deep: bool) -> list[str]:
    readings, _ = read(generation, keys)
    drafts = {(one.key, one.reading.language): one for one in draft(readings, fresh=True)} if deep else {}
    recorded = documents.recorded_documents(generation, keys)
    stale = set()
    for one in readings:
        place = (one.key, one.language)
        if (found := recorded.get(place)) is None:
            continue  # counted as missing before, or made just now
        drawn = drafts.get(place)
        lacking = drawn.picture_error if drawn else any(file.error for file in one.files)
        if lacking and found.pictures == Document.Pictures.OK:
            # While a storage is down, documents with good pictures are better left as they are.
            differs = found.text != one.text
        else:
            differs = found.stamp != one.stamp or (drawn is not None and found.digest != drawn.content.digest)
        if differs:
            stale.add(one.key)
    return sorted(stale - _waiting(generation, stale))


def _waiting(generation: Generation, keys: set[str]) -> set[str]:
    """Return the keys with a change: it waits, or failed for another reason than pictures, which may be back."""
    rows = generation.own(Change).filter(object_key__in=keys)
    return set(rows.exclude(set_aside=True, priority=Change.Priority.PICTURES).values_list("object_key", flat=True))
