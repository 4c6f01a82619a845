"""Answering: a worker leaves what it was asked for in the cache, where the web process looks for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import caches

from ..conf import settings

logger = logging.getLogger(__name__)

KEPT_SECONDS = 30
"""How long an answer lies there; whoever asked has long given up by then."""


def answer(key: str, work: Callable[[], Any]) -> None:
    """Work, and leave the result (never None), or what went wrong as a str, where ``worker.ask`` looks for it."""
    try:
        found = work()
    except Exception as error:  # models are foreign code; whoever waits must hear of it
        logger.exception("A worker could not answer.")
        found = str(error) or type(error).__name__
    caches[settings.CACHE].set(key, found, KEPT_SECONDS)
