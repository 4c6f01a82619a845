"""Memory: what each process keeps of the shop's rules and words, and reads anew once somebody changed them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import transaction

from . import cache

T = TypeVar("T")

LOOK_SECONDS = 1.0
"""How often a process looks whether something changed: one read of the shared cache."""
RELOAD_SECONDS = 60.0
"""After this everything is read anew whatever the cache says: it may be down, or each process's own."""
STAMP_SECONDS = 30 * 24 * 3600


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    stamp: str | None
    read_at: float
    looked_at: float


class Memory(Generic[T]):
    """Values by key, so that a search asks the database nothing for them; a stamp in the shared cache tells changes."""

    def __init__(self, name: str) -> None:
        self._stamp = f"stamp:{name}"
        self._kept: dict[Hashable, _Kept[T]] = {}

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return what is kept under a key, or what ``read`` returns where that is nothing or too old."""
        now, kept = time.monotonic(), self._kept.get(key)
        if kept and now - kept.looked_at < LOOK_SECONDS:
            return kept.value
        stamp = cache.get(self._stamp)
        if kept and stamp == kept.stamp and now - kept.read_at < RELOAD_SECONDS:
            kept.looked_at = now
            return kept.value
        # Read after the stamp: what changes in between is read once more, never missed.
        found = self._kept[key] = _Kept(read(), stamp, now, now)
        return found.value

    def changed(self, using: str) -> None:
        """Let this process read everything anew at once, and the others within LOOK_SECONDS of the commit."""
        self.forget()
        transaction.on_commit(self._spread, using=using)

    def forget(self) -> None:
        """Forget what this process keeps."""
        self._kept.clear()

    def _spread(self) -> None:
        self.forget()
        cache.put(self._stamp, uuid.uuid4().hex, STAMP_SECONDS)
