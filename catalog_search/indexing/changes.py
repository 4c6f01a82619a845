"""Changes: recorded in the product's own transaction, to wait for a worker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Max, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from ..conf import settings
from ..contexts import holding
from ..indexes import SearchIndex
from ..models import Change, Generation
from ..models.changes import IN_WORK, WAITING, products_with
from ..sql import compile_keys, execute, write_alias
from . import doorbell

_CHANGES = Change._meta.db_table
_GENERATIONS = Generation._meta.db_table
DUE = (
    "NOT set_aside AND due_at <= statement_timestamp() AND (claim IS NULL OR leased_until < statement_timestamp()) "
    # An array and no join: those that wait are to be read in their order, the first of them only.
    f"AND generation_id = ANY(ARRAY(SELECT id FROM {_GENERATIONS} WHERE state IN ('building', 'ready')))"
)
"""What a worker could take now."""
_paused: ContextVar[bool] = ContextVar("catalog_search_paused", default=False)


def paused() -> AbstractContextManager[None]:
    """Record no changes inside the block: for fixtures, bulk loads and tests. Rebuild or reconcile afterwards."""
    return holding(_paused, True)


def recording() -> bool:
    """Tell whether changes are recorded here and now."""
    return settings.INDEXING and not _paused.get()


def append(index: SearchIndex, products: QuerySet[Any]) -> int:
    """Record that the products of a queryset may have changed, in every live generation; returns the rows added.

    One INSERT ... SELECT however many they are. Workers are woken after the transaction commits.
    """
    try:
        statement, parameters = compile_keys(products)
    except EmptyResultSet:  # Django sees before asking that there are none
        return 0
    return _insert(index, f"({statement})", parameters)


def append_to(generation: Generation, keys: Sequence[str]) -> None:
    """Record that products may differ from their documents in one generation; what visitors wait for goes before."""
    execute(
        generation.alias,
        f"INSERT INTO {_CHANGES} (generation_id, object_key, priority) "
        f"SELECT %s, unnest(%s::text[]), {int(Change.Priority.BACKFILL)}",
        (generation.pk, list(keys)),
    )
    doorbell.ring_on_commit(generation.alias)


def append_keys(index: SearchIndex, keys: Iterable[Any]) -> int:
    """Record that products with these primary keys, however they are written, may have changed, or gone."""
    connection, key_field = connections[write_alias(index.model)], index.model._meta.pk
    wanted = [str(key_field.get_db_prep_value(key, connection)) for key in keys]
    kind = key_field.rel_db_type(connection)
    return _insert(index, f"(SELECT unnest(%s::{kind}[]))", (wanted,)) if wanted else 0


def _insert(index: SearchIndex, keys: str, parameters: tuple[Any, ...]) -> int:
    alias = write_alias(index.model)
    rows = execute(
        alias,
        f"""
        INSERT INTO {_CHANGES} (generation_id, object_key)
        SELECT generation.id, product.key::text
        FROM {_GENERATIONS} generation, (SELECT DISTINCT key FROM {keys} found(key)) product
        WHERE generation.index = %s AND generation.state <> 'retired'
        RETURNING 1
        """,
        (*parameters, index.label),
    )
    if rows:
        doorbell.ring_on_commit(alias)
    return len(rows)


def retry(chosen: QuerySet[Change]) -> int:
    """Let workers try changes again at once, however often they failed; returns how many. Those in work are left."""
    resting = chosen.filter(Q(claim=None) | Q(leased_until__lt=Now()))
    count = resting.update(set_aside=False, attempts=0, error="", due_at=Now(), claim=None, leased_until=None)
    doorbell.ring_on_commit(resting.db)
    return count


def due(alias: str) -> bool:
    """Tell whether any change waits that a worker could take now."""
    return bool(execute(alias, f"SELECT 1 FROM {_CHANGES} WHERE {DUE} LIMIT 1"))


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a generation stands: products that wait, those in the hands of workers, and those that failed last.

    They wait for a worker, or for a model or a database that does not answer. Those that only lack a picture did not
    fail.
    """

    waiting: int
    in_work: int
    failed: int
    reason: str = ""
    """What one of those that failed says; where none did, what one of the others waits for."""


def last_change(generation: Generation) -> int:
    """Return the id of the newest change of a generation: under constant writes, what is left never reaches zero."""
    return generation.own(Change).aggregate(last=Max("pk"))["last"] or 0


def progress(generation: Generation, until: int | None = None) -> Progress:
    """Count what is left to do in a generation; ``until`` leaves out changes with a higher id."""
    changes = generation.own(Change) if until is None else generation.own(Change).filter(pk__lte=until)
    failed = ~WAITING & ~Q(priority=Change.Priority.PICTURES)
    found = changes.aggregate(
        waiting=products_with(WAITING),
        in_work=products_with(IN_WORK),
        failed=products_with(failed),
        reason=Coalesce(Max("error", filter=failed), Max("error", default="")),
    )
    return Progress(**found)
