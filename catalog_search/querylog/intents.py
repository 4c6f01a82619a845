"""Intents: keystrokes, pages and filters of one search count as one, and who searched is forgotten at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ..conf import settings
from ..models import QueryLog
from ..searching import cache


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the log and whose it is: a keyed digest that is never written down."""

    row: QueryLog
    visitor: str


def save(alias: str, entries: Sequence[Entry]) -> Sequence[Entry]:
    """Write entries, each joined to the intent that it goes on with; returns them.

    Of an intent, the text that it came to counts, and its first page. The last search of a visitor is remembered in
    the shared cache for INTENT_SECONDS; where the cache is down, every first page counts. Each process writes its own
    part of the log, so that a search may come after those that followed it.
    """
    rows: dict[str, QueryLog] = {}
    superseded: set[str] = set()
    last: dict[str, tuple[str, str, str, datetime]] = {}
    for entry in entries:
        row, key = entry.row, cache.named("intent", entry.visitor)
        row.intent, row.counted = row.pk, row.page == 1
        known = last.get(key) or (_kept(key) if entry.visitor else None)
        counted, asked, at = str(row.pk) if row.counted else "", _question(row), row.created_at
        if known and goes_on(known[2], known[3], row):
            row.intent = uuid.UUID(known[1])
            late = row.created_at < known[3]
            if (known[2] == asked and known[0]) or (known[2] != asked and late):
                row.counted, counted = False, known[0]
            elif known[2] != asked:
                superseded.add(known[0])
            if late:
                asked, at = known[2:]
        rows[str(row.pk)] = row
        if entry.visitor:
            last[key] = (counted, str(row.intent), asked, at)
    superseded.discard("")
    for pk in superseded & rows.keys():
        rows[pk].counted = False
    with transaction.atomic(using=alias):
        QueryLog.objects.using(alias).bulk_create(rows.values(), ignore_conflicts=True)
        if elsewhere := superseded - rows.keys():
            QueryLog.objects.using(alias).filter(pk__in=elsewhere).update(counted=False)
    for key, (counted, intent, asked, at) in last.items():
        # As any cache's serializer takes it.
        cache.put(key, [counted, intent, asked, at.isoformat()], settings.INTENT_SECONDS)
    return entries


def _kept(key: str) -> tuple[str, str, str, datetime] | None:
    if not (found := cache.get(key)):
        return None
    counted, intent, asked, at = found
    return counted, intent, asked, datetime.fromisoformat(at)


def goes_on(asked: str, at: datetime, row: QueryLog) -> bool:
    """Does a search go on with an earlier one: typed further, taken back, paged, filtered or sorted?"""
    now = _question(row)
    # Typing takes away as well as adds; the line between index and text holds them apart.
    related = now.startswith(asked) or asked.startswith(now)
    return related and abs((row.created_at - at).total_seconds()) <= settings.INTENT_SECONDS


def _question(row: QueryLog) -> str:
    return f"{row.index}\n{row.kind}\n{row.language}\n{row.text}"
