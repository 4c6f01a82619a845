"""Changes: recorded in the product's own transaction, claimed by workers, deleted when their documents stand."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from ..conf import settings
from ..indexes import SearchIndex
from ..models import Change, Generation
from ..sql import compile_keys, execute, write_alias
from . import doorbell

_CHANGES = Change._meta.db_table
_GENERATIONS = Generation._meta.db_table
_DUE = (
    "NOT set_aside AND due_at <= statement_timestamp() AND (claim IS NULL OR leased_until < statement_timestamp()) "
    # An array and no join: those that wait are to be read in their order, the first of them only.
    f"AND generation_id = ANY(ARRAY(SELECT id FROM {_GENERATIONS} WHERE state IN ('building', 'ready')))"
)
"""What a worker could take now."""
_CLAIM_LOCK = 0x6361_7461  # any number that no one else locks: "cata"

SILENT_SECONDS = 30
"""After what silence PostgreSQL ends a worker's transaction: it would keep the locks of a machine that died for hours.
Alive, a worker gives one statement after the other."""

BEGINNING_SECONDS = 60.0
"""Far longer than it takes until everybody sees a generation that was begun."""

_paused: ContextVar[bool] = ContextVar("catalog_search_paused", default=False)


@contextmanager
def paused() -> Iterator[None]:
    """Record no changes inside the block: for fixtures, bulk loads and tests. Rebuild or reconcile afterwards."""
    token = _paused.set(True)
    try:
        yield
    finally:
        _paused.reset(token)


def recording() -> bool:
    """Tell whether changes are recorded here and now."""
    return settings.INDEXING and not _paused.get()


def append(index: SearchIndex, products: QuerySet[Any], priority: int = Change.Priority.CHANGED) -> int:
    """Record that the products of a queryset may have changed, in every live generation; returns the rows added.

    One INSERT ... SELECT however many they are. Workers are woken after the transaction commits.
    """
    try:
        statement, parameters = compile_keys(products)
    except EmptyResultSet:  # Django sees before asking that there are none
        return 0
    return _insert(index, f"({statement})", parameters, priority)


def append_to(generation: Generation, keys: Sequence[str]) -> None:
    """Record that products may differ from their documents in one generation; what visitors wait for goes before."""
    execute(
        generation.alias,
        f"INSERT INTO {_CHANGES} (generation_id, object_key, priority) "
        f"SELECT %s, unnest(%s::text[]), {int(Change.Priority.BACKFILL)}",
        (generation.pk, list(keys)),
    )
    transaction.on_commit(doorbell.ring, using=generation.alias, robust=True)


def append_keys(index: SearchIndex, keys: Iterable[Any], priority: int = Change.Priority.CHANGED) -> int:
    """Record that products with these primary keys may have changed, or gone."""
    wanted = [str(key) for key in keys]
    return _insert(index, "(SELECT unnest(%s::text[]))", (wanted,), priority) if wanted else 0


def _insert(index: SearchIndex, keys: str, parameters: tuple[Any, ...], priority: int) -> int:
    alias = write_alias(index.model)
    rows = execute(
        alias,
        f"""
        INSERT INTO {_CHANGES} (generation_id, object_key, priority)
        SELECT generation.id, product.key::text, {int(priority)}
        FROM {_GENERATIONS} generation, (SELECT DISTINCT key FROM {keys} found(key)) product
        WHERE generation.index = %s AND generation.state <> 'retired'
        RETURNING 1
        """,
        (*parameters, index.label),
    )
    if rows:
        transaction.on_commit(doorbell.ring, using=alias, robust=True)
    return len(rows)


@dataclass(frozen=True, slots=True)
class Claim:
    """The changes of one generation that one worker owns until its lease ends."""

    token: uuid.UUID
    generation_id: int
    changes: dict[str, list[int]]
    """Change ids by object key."""
    attempts: dict[str, int]

    @property
    def keys(self) -> list[str]:
        """The object keys claimed."""
        return list(self.changes)


def claim(alias: str, limit: int) -> Claim | None:
    """Take the most urgent changes for this worker, or None when nothing is due.

    A product is never in two hands at once: claiming is serialised by an advisory lock held for milliseconds,
    and a product that another worker owns is passed over. So the content read last is the content written last.
    Changes of it that were set aside are taken along: it has changed since, so they begin anew.

    A transaction that was open when a younger generation began told that one nothing of what it had written: it is
    told now, of every change from before it or hardly after.

    What a worker left whose lease ended is claimed in ever smaller numbers, for one of them may have killed it; at last
    that one is alone, and set aside.
    """
    token = uuid.uuid4()
    with transaction.atomic(using=alias):
        take_turn(alias)
        execute(
            alias,
            f"UPDATE {_CHANGES} SET set_aside = true, claim = NULL, error = %s "
            "WHERE claim IS NOT NULL AND leased_until < statement_timestamp() AND attempts >= %s",
            ("Workers that had it in hand ended again and again.", settings.MAX_ATTEMPTS),
        )
        rows = execute(
            alias,
            f"""
            WITH due AS (
                SELECT generation_id, object_key, priority, id, claim IS NOT NULL AS left_over, attempts
                FROM {_CHANGES}
                WHERE {_DUE} AND (generation_id, object_key) NOT IN (
                    SELECT generation_id, object_key FROM {_CHANGES}
                    WHERE claim IS NOT NULL AND leased_until >= statement_timestamp())
                ORDER BY priority, id LIMIT %s
            ), first AS (SELECT * FROM due ORDER BY priority, id LIMIT 1), taken AS (
                UPDATE {_CHANGES} change
                SET claim = %s, attempts = attempts + 1,
                    leased_until = statement_timestamp() + make_interval(secs => %s)
                WHERE (change.generation_id, change.object_key) IN (
                    SELECT due.generation_id, due.object_key FROM due, first
                    WHERE due.generation_id = first.generation_id AND due.left_over = first.left_over
                    ORDER BY due.priority, due.id
                    LIMIT (SELECT CASE WHEN left_over THEN greatest(1, %s >> (2 * attempts)) ELSE %s END FROM first))
                RETURNING change.*
            ), told AS (
                INSERT INTO {_CHANGES} (generation_id, object_key, priority)
                SELECT DISTINCT younger.id, taken.object_key, taken.priority
                FROM taken JOIN {_GENERATIONS} own ON own.id = taken.generation_id
                JOIN {_GENERATIONS} younger ON younger.index = own.index AND younger.id > own.id
                    AND younger.state <> 'retired' AND younger.created_at > taken.created_at - make_interval(secs => %s)
                WHERE taken.attempts = 1 AND NOT EXISTS (
                    SELECT 1 FROM {_CHANGES} other
                    WHERE other.generation_id = younger.id AND other.object_key = taken.object_key
                      AND other.claim IS NULL AND NOT other.set_aside)
            )
            SELECT id, generation_id, object_key, CASE WHEN set_aside THEN 1 ELSE attempts END FROM taken
            """,
            (limit, token, settings.LEASE_SECONDS, limit, limit, BEGINNING_SECONDS),
        )
    if not rows:
        return None
    changes: dict[str, list[int]] = {}
    attempts: dict[str, int] = {}
    for change_id, _, key, tries in rows:
        changes.setdefault(key, []).append(change_id)
        attempts[key] = max(tries, attempts.get(key, 0))
    return Claim(token, rows[0][1], changes, attempts)


def take_turn(alias: str) -> None:
    """Wait until no other worker claims; call in a transaction, which is the turn."""
    _do_not_outlive(alias)
    execute(alias, f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})")


def still_owned(alias: str, claimed: Claim) -> set[str]:
    """Lock the changes of a claim and return the keys that nobody took over meanwhile; call in a transaction."""
    _do_not_outlive(alias)
    rows = execute(
        alias, f"SELECT object_key FROM {_CHANGES} WHERE claim = %s ORDER BY id FOR UPDATE", (claimed.token,)
    )
    return {key for (key,) in rows}


def _do_not_outlive(alias: str) -> None:
    """Have PostgreSQL end this transaction, and free what it locked, when its worker falls silent."""
    limit = f"{SILENT_SECONDS}s"
    execute(alias, "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", (limit,))


def complete(alias: str, claimed: Claim, keys: Iterable[str]) -> None:
    """Delete the claimed changes of these products; those that came in meanwhile stay and are worked later."""
    done = [change_id for key in keys for change_id in claimed.changes[key]]
    execute(alias, f"DELETE FROM {_CHANGES} WHERE id = ANY(%s::bigint[]) AND claim = %s", (done, claimed.token))


def fail(alias: str, claimed: Claim, reasons: dict[str, str], pictures: bool = False) -> None:
    """Give changes back with the reason: retried after a wait that doubles, set aside after too many attempts.

    One change is kept for each product. ``pictures`` says that only its pictures failed: all else goes before them.
    """
    if not reasons:
        return
    tries = [claimed.attempts[key] for key in reasons]
    kept = [max(claimed.changes[key]) for key in reasons]
    others = {change_id for key in reasons for change_id in claimed.changes[key]} - set(kept)
    execute(
        alias,
        f"""
        WITH merged AS (DELETE FROM {_CHANGES} WHERE id = ANY(%s::bigint[]) AND claim = %s)
        UPDATE {_CHANGES} change
        SET claim = NULL, leased_until = NULL, attempts = failed.tries, error = failed.reason,
            set_aside = failed.tries >= %s,
            priority = CASE WHEN %s THEN {int(Change.Priority.PICTURES)}
                            ELSE least(priority, {int(Change.Priority.BACKFILL)}) END,
            due_at = statement_timestamp() + make_interval(secs => least(%s * 2 ^ (failed.tries - 1), 86400))
        FROM unnest(%s::bigint[], %s::text[], %s::int[]) AS failed(id, reason, tries)
        WHERE change.id = failed.id AND claim = %s
        """,
        (
            *(list(others), claimed.token, settings.MAX_ATTEMPTS, pictures, float(settings.RETRY_SECONDS)),
            *(kept, [reason[:2000] for reason in reasons.values()], tries, claimed.token),
        ),
    )


def release(alias: str, claimed: Claim, reason: str = "", seconds: float = 0.0) -> None:
    """Give a claim back that nothing is wrong with, to be taken again after a while; the attempt does not count."""
    execute(
        alias,
        f"""
        UPDATE {_CHANGES}
        SET claim = NULL, leased_until = NULL, attempts = attempts - 1, error = %s,
            due_at = statement_timestamp() + make_interval(secs => %s)
        WHERE claim = %s
        """,
        (reason[:2000], seconds, claimed.token),
    )


def retry(chosen: QuerySet[Change]) -> int:
    """Let workers try changes again at once, however often they failed; returns how many. Those in work are left."""
    resting = chosen.filter(Q(claim=None) | Q(leased_until__lt=Now()))
    count = resting.update(set_aside=False, attempts=0, error="", due_at=Now(), claim=None, leased_until=None)
    transaction.on_commit(doorbell.ring, using=chosen.db, robust=True)
    return count


def due(alias: str) -> bool:
    """Tell whether any change waits that a worker could take now."""
    return bool(execute(alias, f"SELECT 1 FROM {_CHANGES} WHERE {_DUE} LIMIT 1"))
