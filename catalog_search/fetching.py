"""Fetching: a storage asked for many files at once, none of which may hold up the others for ever."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import connections

from .conf import settings

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")

MOST_LOST = 32
"""Threads left behind after which a storage is not asked: a process may not have any number of them."""
REST_SECONDS = 900.0
"""How long it is left alone then, unless one of them comes back: some never do, whether or not the storage is well."""


class _Lost:
    """The threads of this process that were left behind and did not come back yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads, self._latest = 0, 0.0

    def leave(self) -> None:
        with self._lock:
            self._threads += 1
            self._latest = time.monotonic()

    def come_back(self) -> None:
        with self._lock:
            self._threads -= 1

    def too_many(self) -> bool:
        with self._lock:
            return self._threads >= MOST_LOST and time.monotonic() < self._latest + REST_SECONDS


_lost = _Lost()


def fetch(
    ask: Callable[[Asked], Answer],
    items: Sequence[Asked],
    give_up: Callable[[Asked], Answer],
    seconds: float = math.inf,
) -> list[Answer]:
    """Return the answers for all items in order, from a few threads; ``ask`` raises nothing.

    An item that takes longer than PICTURE_TIMEOUT gets the answer of ``give_up``, and so does all that waits once as
    many as there are threads took too long, or once ``seconds`` are over for all of them. What hangs cannot be stopped:
    its thread is left behind, a daemon, so that no worker waits for it to end. Once MOST_LOST are, nothing is asked for
    a while.
    """
    if _lost.too_many():
        return [give_up(item) for item in items]
    todo = deque(enumerate(items))
    begun: dict[int, float] = {}
    answers: dict[int, Answer] = {}
    answered = threading.Condition()

    def next_one() -> bool:
        with answered:
            if not todo:
                return False
            position, item = todo.popleft()
            begun[position] = time.monotonic()
        answer = ask(item)
        with answered:
            if begun.pop(position, None) is None:
                _lost.come_back()
                return False  # given up meanwhile, and another thread started
            answers[position] = answer
            answered.notify()
        return True

    def work() -> None:
        try:
            while next_one():
                pass
        finally:
            connections.close_all()  # of this thread, which a storage may have asked: a pool would miss them

    def start() -> None:
        threading.Thread(target=work, name="catalog-search-pictures", daemon=True).start()

    for _ in range(min(settings.PICTURE_THREADS, len(items))):
        start()
    late, end = 0, time.monotonic() + seconds
    with answered:
        while len(answers) < len(items):
            now = time.monotonic()
            deadline = now - settings.PICTURE_TIMEOUT if now < end else now
            for position in [one for one, since in begun.items() if since <= deadline]:
                del begun[position]
                answers[position] = give_up(items[position])
                _lost.leave()
                late += 1
                start()
            if late >= settings.PICTURE_THREADS or now >= end:
                answers.update((position, give_up(item)) for position, item in todo)
                todo.clear()
            if len(answers) < len(items):
                answered.wait(max(min(min(begun.values(), default=deadline) - deadline, end - now), 0.01))
    return [answers[position] for position in range(len(items))]
