"""Breaker: what did not answer a few times in a row is left alone for a while, so that nobody waits for it."""

from __future__ import annotations

import logging
import threading
import time
from types import TracebackType

from .exceptions import Unavailable

logger = logging.getLogger(__name__)


class Breaker:
    """Guards calls to something outside this process: ``with breaker: call()``.

    After ``failures`` in a row the block is refused with Unavailable for ``seconds``; then one caller tries again
    while the others are still refused. Each process has its own; threads share it and never wait for one another
    (the libraries for this either hold a lock over the call or let everybody try at once).
    """

    def __init__(self, name: str, failures: int = 3, seconds: float = 10.0) -> None:
        self._name, self._limit, self._seconds = name, failures, seconds
        self._lock = threading.Lock()
        self._failures, self._retry_at = 0, 0.0

    def __enter__(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._failures >= self._limit:
                if now < self._retry_at:
                    raise Unavailable(f"{self._name} did not answer lately and is left alone for a moment.")
                self._retry_at = now + self._seconds

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._lock:
            if error is None:
                self._failures = 0
            elif isinstance(error, Exception):
                self._failures += 1
                self._retry_at = time.monotonic() + self._seconds
                if self._failures == self._limit:
                    logger.error("%s is left alone for %g s: %s", self._name, self._seconds, error)
