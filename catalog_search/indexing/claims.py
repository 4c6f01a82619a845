"""Claims: changes in the hands of one worker, by a lease; let go when their documents stand, given back where not."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..conf import settings
from ..models import Change, Generation
from ..sql import execute, read_committed
from .changes import DUE

_CHANGES = Change._meta.db_table
_GENERATIONS = Generation._meta.db_table
_CLAIM_LOCK = 0x6361_7461  # any number that no one else locks: "cata"

SILENT_SECONDS = 30
"""After what silence PostgreSQL ends a worker's transaction: it would keep the locks of a machine that died for hours.
Alive, a worker gives one statement after the other."""

BEGINNING_SECONDS = 60.0
"""Far longer than it takes until everybody sees a generation that was begun."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The changes of one generation that one worker owns until its lease ends.

    Whatever is done by it afterwards leaves alone what another worker took over.
    """

    alias: str
    token: uuid.UUID
    generation_id: int
    changes: dict[str, list[int]]
    """Change ids by object key."""
    attempts: dict[str, int]

    @property
    def keys(self) -> list[str]:
        """The object keys claimed."""
        return list(self.changes)

    def lock(self) -> set[str]:
        """Lock its changes and return the keys that nobody took over meanwhile; call in a transaction."""
        _do_not_outlive(self.alias)
        statement = f"SELECT object_key FROM {_CHANGES} WHERE claim = %s ORDER BY id FOR UPDATE"
        return {key for (key,) in execute(self.alias, statement, (self.token,))}

    def complete(self, keys: Iterable[str]) -> None:
        """Delete the changes of these products; those that came in meanwhile stay and are worked later."""
        done = [change_id for key in keys for change_id in self.changes[key]]
        execute(self.alias, f"DELETE FROM {_CHANGES} WHERE id = ANY(%s::bigint[]) AND claim = %s", (done, self.token))

    def fail(self, reasons: dict[str, str], pictures: bool = False) -> None:
        """Give products back with the reason: retried after a wait that doubles, set aside after too many attempts.

        One change is kept for each. ``pictures`` says that only its pictures failed: all else goes before them.
        """
        if not reasons:
            return
        tries = [self.attempts[key] for key in reasons]
        kept = [max(self.changes[key]) for key in reasons]
        others = {change_id for key in reasons for change_id in self.changes[key]} - set(kept)
        execute(
            self.alias,
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
                *(list(others), self.token, settings.MAX_ATTEMPTS, pictures, float(settings.RETRY_SECONDS)),
                *(kept, [reason[:2000] for reason in reasons.values()], tries, self.token),
            ),
        )

    def release(self, reason: str = "", seconds: float = 0.0) -> None:
        """Give back what nothing is wrong with, to be taken again after a while; the attempt does not count."""
        execute(
            self.alias,
            f"""
            UPDATE {_CHANGES}
            SET claim = NULL, leased_until = NULL, attempts = attempts - 1, error = %s,
                due_at = statement_timestamp() + make_interval(secs => %s)
            WHERE claim = %s
            """,
            (reason[:2000], seconds, self.token),
        )


def claim(alias: str, limit: int, without: Collection[int] = ()) -> Claim | None:
    """Take the most urgent changes for this worker, or None when nothing is due; ``without`` passes generations over.

    A product is never in two hands at once: claiming is serialised by an advisory lock held for milliseconds,
    and a product that another worker owns is passed over. So the content read last is the content written last.
    Changes of it that were set aside are taken along: it has changed since, so they begin anew.

    A transaction that was open when a younger generation began told that one nothing of what it had written: it is
    told now, of every change from before it or hardly after.

    What a worker left whose lease ended is claimed in ever smaller numbers, for one of them may have killed it; at last
    that one is alone, and set aside.
    """
    token = uuid.uuid4()
    with read_committed(alias):
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
                WHERE {DUE} AND generation_id <> ALL(%s::bigint[]) AND (generation_id, object_key) NOT IN (
                    SELECT generation_id, object_key FROM {_CHANGES}
                    WHERE claim IS NOT NULL AND leased_until >= statement_timestamp())
                ORDER BY priority, id LIMIT %s
            ), first AS (SELECT * FROM due ORDER BY priority, id LIMIT 1), taken AS (
                UPDATE {_CHANGES} change
                SET claim = %s, attempts = attempts + 1,
                    -- What it had to wait for does not speak against it.
                    error = CASE WHEN attempts = 0 THEN '' ELSE error END,
                    leased_until = statement_timestamp() + make_interval(secs => %s)
                WHERE (change.generation_id, change.object_key) IN (
                    SELECT due.generation_id, due.object_key FROM due, first
                    WHERE due.generation_id = first.generation_id AND due.left_over = first.left_over
                    ORDER BY due.priority, due.id
                    LIMIT (SELECT CASE WHEN left_over THEN greatest(1, %s >> least(2 * attempts, 30)) ELSE %s END
                           FROM first))
                RETURNING change.*
            ), told AS (
                INSERT INTO {_CHANGES} (generation_id, object_key, priority)
                SELECT DISTINCT younger.id, taken.object_key, taken.priority
                FROM taken JOIN {_GENERATIONS} own ON own.id = taken.generation_id
                JOIN {_GENERATIONS} younger ON younger.index = own.index AND younger.id > own.id
                    AND younger.state <> 'retired' AND younger.created_at > taken.created_at - make_interval(secs => %s)
                -- Once: what was given back, without a fault of its own, is due later than it was recorded.
                WHERE taken.attempts = 1 AND taken.due_at = taken.created_at AND NOT EXISTS (
                    SELECT 1 FROM {_CHANGES} other
                    WHERE other.generation_id = younger.id AND other.object_key = taken.object_key
                      AND other.claim IS NULL AND NOT other.set_aside)
            )
            SELECT id, generation_id, object_key, CASE WHEN set_aside THEN 1 ELSE attempts END FROM taken
            """,
            (list(without), limit, token, settings.LEASE_SECONDS, limit, limit, BEGINNING_SECONDS),
        )
    if not rows:
        return None
    changes: dict[str, list[int]] = {}
    attempts: dict[str, int] = {}
    for change_id, _, key, tries in rows:
        changes.setdefault(key, []).append(change_id)
        attempts[key] = max(tries, attempts.get(key, 0))
    return Claim(alias, token, rows[0][1], changes, attempts)


def take_turn(alias: str) -> None:
    """Wait until no other worker claims; call in a transaction, which is the turn."""
    _do_not_outlive(alias)
    execute(alias, f"SELECT pg_advisory_xact_lock({_CLAIM_LOCK})")


def _do_not_outlive(alias: str) -> None:
    """Have PostgreSQL end this transaction, and free what it locked, when its worker falls silent."""
    limit = f"{SILENT_SECONDS}s"
    execute(alias, "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", (limit,))
