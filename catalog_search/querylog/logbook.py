"""The logbook: a bounded buffer that a background thread writes down, so that no request waits for it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import InternalError, ProgrammingError, connections, transaction

from ..bisection import bisect
from ..conf import settings
from ..models import QueryEvent, QueryLog
from ..sql import DATABASE_DOWN, write_alias
from . import intents

logger = logging.getLogger(__name__)

# Entries of a few seconds go down in one statement.
WRITE_SECONDS = 2.0
EXIT_SECONDS = 2.0
NO_ENTRYS_FAULT = (*DATABASE_DOWN, InternalError, ProgrammingError)
"""What is raised where the database is away, only read, or not migrated yet."""

Noted = intents.Entry | QueryEvent


class Logbook:
    """Keeps what is noted until it is written. Where the database is mute, the oldest give way to the newest."""

    def __init__(self) -> None:
        self._noted: deque[tuple[str, Noted]] = deque()
        self._lock = threading.Lock()
        self._wake, self._hurry = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._process = 0
        self.dropped = 0

    def add(self, noted: Noted) -> None:
        """Note something for the thread to write; costs microseconds."""
        database = _database(write_alias(QueryLog))
        with self._lock:
            self._noted.append((database, noted))
            self._bound()
            if self._process != os.getpid():  # threads do not survive a fork
                self._process = os.getpid()
                self._thread = threading.Thread(target=self._run, name="catalog-search-log", daemon=True)
                self._thread.start()
        self._wake.set()

    def write(self) -> int:
        """Write what is noted and return how many that were; what cannot be written is kept for the next time.

        One that the database refuses is dropped: it would hold up all that comes after it.
        What was noted in another database is dropped: a shop's tests have one of their own, which is gone by then.
        """
        alias = write_alias(QueryLog)
        database = _database(alias)
        with self._lock:
            noted = [one for where, one in self._noted if where == database]
            self._noted.clear()
        searches = [one for one in noted if isinstance(one, intents.Entry)]
        events = [one for one in noted if isinstance(one, QueryEvent)]
        try:
            outcomes: list[Any] = [
                *bisect(partial(intents.save, alias), searches, NO_ENTRYS_FAULT),
                *bisect(partial(_save_events, alias), events, NO_ENTRYS_FAULT),
            ]
        except Exception as error:  # a log is not worth anything that a shop does
            logger.warning("The query log could not be written: %s", error)
            with self._lock:
                self._noted.extendleft((database, one) for one in reversed(noted))
                self._bound()
            return 0
        refused = [one for one in outcomes if isinstance(one, Exception)]
        for reason in refused:
            logger.warning("An entry of the query log was refused, and is dropped: %s", reason)
        return len(outcomes) - len(refused)

    def finish(self) -> None:
        """Let a process that ends write its last entries, but wait no longer than it takes."""
        if self._process == os.getpid() and self._thread is not None and self._noted:
            self._hurry.set()
            self._wake.set()
            self._thread.join(EXIT_SECONDS)

    def _bound(self) -> None:
        while len(self._noted) > settings.QUERY_LOG_BUFFER:
            self._noted.popleft()
            self.dropped += 1

    def _run(self) -> None:
        while not self._hurry.is_set():
            self._wake.wait()
            self._hurry.wait(WRITE_SECONDS)
            self._wake.clear()
            self.write()
            connections.close_all()  # those of this thread


def _save_events(alias: str, events: Sequence[QueryEvent]) -> Sequence[QueryEvent]:
    with transaction.atomic(using=alias):
        QueryEvent.objects.using(alias).bulk_create(events, ignore_conflicts=True)
    return events


def _database(alias: str) -> str:
    return str(connections.settings[alias]["NAME"])


logbook = Logbook()
atexit.register(lambda: logbook.finish())
os.register_at_fork(after_in_child=lambda: globals().update(logbook=Logbook()))
