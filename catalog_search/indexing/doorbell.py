"""The doorbell: wakes a worker after a commit, from a background thread, so that no save waits for a broker.

A ring that gets lost loses nothing: the changes wait in the database until the sweep finds them.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading

from celery import current_app
from django.db import transaction

from ..conf import settings

logger = logging.getLogger(__name__)

TASK = "catalog_search.index_changes"
# Many saves in a row need one worker woken, not one each.
QUIET_SECONDS = 0.05
EXIT_SECONDS = 2.0
# A ring that no worker heard is worth nothing once the sweep has rung again: they must not pile up.
EXPIRE_SECONDS = 300


class _Bell(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="catalog-search-doorbell", daemon=True)
        self.pressed = threading.Event()
        self.silent = threading.Event()
        self.silent.set()

    def press(self) -> None:
        self.silent.clear()
        self.pressed.set()

    def run(self) -> None:
        while True:
            self.pressed.wait()
            self.pressed.clear()
            _send()
            if not self.pressed.wait(QUIET_SECONDS):
                self.silent.set()


_bells: dict[int, _Bell] = {}
_lock = threading.Lock()


def ring() -> None:
    """Ask for a worker, soon and without waiting; where Celery does all tasks at once (task_always_eager), work."""
    if current_app.conf.task_always_eager:
        current_app.loader.import_default_modules()  # only workers have done so
        current_app.tasks[TASK].apply_async()
        return
    with _lock:
        bell = _bells.get(os.getpid())  # threads do not survive a fork
        if bell is None or not bell.is_alive():
            bell = _bells[os.getpid()] = _Bell()
            bell.start()
    bell.press()


def ring_on_commit(alias: str) -> None:
    """Ask for a worker once the transaction commits: before, it would find nothing."""
    transaction.on_commit(ring, using=alias, robust=True)


def _send() -> None:
    try:
        queue = settings.QUEUE or None
        current_app.send_task(TASK, queue=queue, expires=EXPIRE_SECONDS, ignore_result=True, serializer="json")
    except Exception as error:  # every transport has exceptions of its own
        logger.warning("No worker could be woken (%s); the sweep will find the changes.", error)


@atexit.register
def _finish() -> None:
    """Let a short-lived process (a command, a shell) send its last ring, but wait no longer than it takes."""
    bell = _bells.get(os.getpid())
    if bell is not None and bell.is_alive():
        bell.silent.wait(EXIT_SECONDS)


os.register_at_fork(after_in_child=lambda: globals().update(_lock=threading.Lock()))
