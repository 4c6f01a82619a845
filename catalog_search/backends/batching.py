"""Batching: what many threads ask of a model goes through it together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

from ..bisection import bisect
from ..exceptions import Unavailable

MAX_BATCH = 32

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def together(
    work: Callable[[Sequence[Question]], Sequence[Answer]], questions: Sequence[Question]
) -> list[Answer | Exception]:
    """Return the answer to each question, or what went wrong with it: a bad one fails alone."""
    try:
        return bisect(work, questions)
    except Unavailable as error:
        return [error] * len(questions)


class Batcher(Generic[Question, Answer]):
    """Lets the calls of many threads go through a model together.

    One thread works. What comes in meanwhile waits and is worked in one go after it: nobody waits for company, and
    the busier it gets the larger the batches.
    """

    def __init__(self, work: Callable[[Sequence[Question]], Sequence[Answer]]) -> None:
        self._work = work
        self._waiting: SimpleQueue[tuple[Question, Future[Answer | Exception]]] = SimpleQueue()
        threading.Thread(target=self._run, name="catalog-search-model", daemon=True).start()

    def __call__(self, questions: Sequence[Question]) -> list[Answer | Exception]:
        """Return the answer to each question, or what went wrong with it."""
        futures: list[Future[Answer | Exception]] = [Future() for _ in questions]
        for question, future in zip(questions, futures, strict=True):
            self._waiting.put((question, future))
        return [future.result() for future in futures]

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MAX_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            answers = together(self._work, [question for question, _ in batch])
            for (_, future), found in zip(batch, answers, strict=True):
                future.set_result(found)
