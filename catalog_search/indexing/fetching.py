"""Fetching: a storage asked for many files at once, none of which may hold up the others for ever."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from ..conf import settings

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


def fetch(ask: Callable[[Asked], Answer], items: Sequence[Asked], give_up: Callable[[Asked], Answer]) -> list[Answer]:
    """Return the answers for all items in order, from a few threads; ``ask`` raises nothing.

    An item that takes longer than PICTURE_TIMEOUT gets the answer of ``give_up``, and so does all that waits once as
    many as there are threads took too long. What hangs cannot be stopped: its thread is left behind, a daemon, so that
    no worker waits for it to end.
    """
    todo = deque(enumerate(items))
    begun: dict[int, float] = {}
    answers: dict[int, Answer] = {}
    answered = threading.Condition()

    def work() -> None:
        while True:
            with answered:
                if not todo:
                    return
                position, item = todo.popleft()
                begun[position] = time.monotonic()
            answer = ask(item)
            with answered:
                if begun.pop(position, None) is None:
                    return  # given up meanwhile, and another thread started
                answers[position] = answer
                answered.notify()

    def start() -> None:
        threading.Thread(target=work, name="catalog-search-pictures", daemon=True).start()

    for _ in range(min(settings.PICTURE_THREADS, len(items))):
        start()
    late = 0
    with answered:
        while len(answers) < len(items):
            deadline = time.monotonic() - settings.PICTURE_TIMEOUT
            for position in [one for one, since in begun.items() if since <= deadline]:
                del begun[position]
                answers[position] = give_up(items[position])
                late += 1
                start()
            if late >= settings.PICTURE_THREADS:
                answers.update((position, give_up(item)) for position, item in todo)
                todo.clear()
            if len(answers) < len(items):
                answered.wait(max(min(begun.values(), default=deadline) - deadline, 0.01))
    return [answers[position] for position in range(len(items))]
