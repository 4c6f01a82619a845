"""Models in workers: a web process asks a Celery worker of its own queue, and holds no model itself.

The question travels by the broker, the answer through the shared cache. No result backend takes part: waiting on one
counts in whole seconds, and its subscriptions are one more thing that a mute Redis can hold up.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from celery import current_app
from django.core.cache import caches
from django.utils.module_loading import import_string

from ..breaker import Breaker
from ..conf import settings
from ..content import Content
from ..exceptions import ModelError, Unavailable
from ..images import Picture

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.004
ANSWER_SECONDS = 30
"""How long an answer lies in the cache; whoever asked has long given up by then."""
CLOCK_SECONDS = 1.0
"""By how much the clocks of two machines may differ: a question expires at a time of day."""
MAX_BATCH = 32

Question = TypeVar("Question")
Answer = TypeVar("Answer")

serving = False
"""Does this process work for MODEL_QUEUE? It then uses its models itself instead of asking."""

_breaker = Breaker("The queue of the models")


def elsewhere(backend: str) -> bool:
    """Tell whether a worker must be asked for a model, named by the dotted path of its backend.

    Not in such a worker, nor for a model behind an inference server: asking that directly is a step less.
    """
    return bool(settings.MODEL_QUEUE) and not serving and bool(import_string(backend).in_process)


def ask(task: str, *arguments: Any, seconds: float | None = None) -> Any:
    """Let a worker run a task and return its answer; without ``seconds`` it has MODEL_SECONDS.

    Raises Unavailable where none came in time, ModelError with what the worker says went wrong.
    """
    seconds = settings.MODEL_SECONDS if seconds is None else seconds
    if seconds <= 0:
        raise Unavailable("No time is left to ask a worker.")
    with _breaker:
        try:
            answer = _ask(task, arguments, seconds)
        except Unavailable:
            raise
        except Exception as error:  # every broker and cache has exceptions of its own
            raise Unavailable(f"No worker could be asked: {error or type(error).__name__}") from error
    if isinstance(answer, str):
        raise ModelError(answer)
    return answer


def _ask(task: str, arguments: Sequence[Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    key = f"catalog_search:answer:{uuid.uuid4().hex}"
    # A question that nobody waits for any more must not keep a worker busy.
    expires = seconds + CLOCK_SECONDS
    current_app.send_task(
        task, (key, *arguments), queue=settings.MODEL_QUEUE, expires=expires, ignore_result=True, serializer="json"
    )
    cache = caches[settings.CACHE]
    while (answer := cache.get(key)) is None:
        if time.monotonic() > end:
            raise Unavailable(f"No worker of the queue {settings.MODEL_QUEUE} answered within {seconds:.2g} s.")
        time.sleep(POLL_SECONDS)
    return answer


def answer(key: str, work: Callable[[], Any]) -> None:
    """Work, and leave the result (never None), or what went wrong as a str, where ``ask`` looks for it."""
    try:
        found = work()
    except Exception as error:  # models are foreign code; whoever waits must hear of it
        logger.exception("A worker could not answer.")
        found = str(error) or type(error).__name__
    caches[settings.CACHE].set(key, found, ANSWER_SECONDS)


def packed(content: Content) -> tuple[str, str]:
    """Return the text and the first picture of a content as JSON takes them."""
    return content.text, base64.b64encode(content.image.jpeg).decode() if content.image else ""


def unpacked(text: str, picture: str) -> Content:
    """Return the content of what ``packed`` gave."""
    return Content(text, Picture(base64.b64decode(picture)) if picture else None)


def together(
    work: Callable[[Sequence[Question]], Sequence[Answer]], questions: Sequence[Question]
) -> list[Answer | Exception]:
    """Work questions in one go; where that fails each is tried alone, so that a bad one fails alone."""
    try:
        return list(work(questions))
    except Unavailable as error:  # asking again would wait again
        return [error] * len(questions)
    except Exception as error:  # see answer()
        if len(questions) == 1:
            return [error]
        return [found for one in questions for found in together(work, [one])]


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
