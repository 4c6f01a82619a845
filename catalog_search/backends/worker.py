"""Workers: a web process asks a Celery worker of a queue of its own for what a model says, and holds none itself.

The question travels by the broker, the answer through the shared cache. No result backend takes part: waiting on one
counts in whole seconds, and its subscriptions are one more thing that a mute Redis can hold up.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from celery import current_app
from django.core.cache import caches
from django.utils.module_loading import import_string

from ..breaker import Breaker
from ..conf import settings
from ..exceptions import ModelError, Unavailable, message_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.004
KEPT_SECONDS = 30
"""How long an answer lies there; whoever asked has long given up by then."""
CLOCK_SECONDS = 1.0
"""By how much the clocks of two machines may differ: a question expires at a time of day."""

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
            raise Unavailable(f"No worker could be asked: {message_of(error)}") from error
    if isinstance(answer, str):
        raise ModelError(answer)
    return answer


def _ask(task: str, arguments: Sequence[Any], seconds: float) -> Any:
    end = time.monotonic() + seconds
    question = uuid.uuid4().hex
    # A question that nobody waits for any more must not keep a worker busy.
    expires = seconds + CLOCK_SECONDS
    current_app.send_task(
        task, (question, *arguments), queue=settings.MODEL_QUEUE, expires=expires, ignore_result=True, serializer="json"
    )
    cache = caches[settings.CACHE]
    while (answer := cache.get(_key(question))) is None:
        if time.monotonic() > end:
            raise Unavailable(f"No worker of the queue {settings.MODEL_QUEUE} answered within {seconds:.2g} s.")
        time.sleep(POLL_SECONDS)
    return answer


def answer(question: str, work: Callable[[], Any]) -> None:
    """Work, and leave the result (never None), or what went wrong as a str, where ``ask`` looks for it."""
    try:
        found = work()
    except Exception as error:  # models are foreign code; whoever waits must hear of it
        logger.exception("A worker could not answer.")
        found = message_of(error)
    caches[settings.CACHE].set(_key(question), found, KEPT_SECONDS)


def _key(question: str) -> str:
    """Return where the answer lies. A message names the question alone: it cannot make a worker write elsewhere."""
    return f"catalog_search:answer:{question}"
