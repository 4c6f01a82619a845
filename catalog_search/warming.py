"""Warming: a worker of MODEL_QUEUE loads the models before it is asked, so that no visitor waits for that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from celery.signals import celeryd_after_setup, worker_process_init
from django.db import connections

from .backends import get_embedder, get_reranker, worker
from .conf import settings
from .content import Content
from .indexes import SearchIndex
from .models import Generation
from .registry import registry
from .searching import encoding
from .sql import read_alias

logger = logging.getLogger(__name__)


def connect() -> None:
    """Let workers of MODEL_QUEUE warm up where they start."""
    celeryd_after_setup.connect(_serve, weak=False, dispatch_uid="catalog_search.warming")
    worker_process_init.connect(_serve_forked, weak=False, dispatch_uid="catalog_search.warming")


def load_models() -> None:
    """Load and warm the models that searches need; what fails is logged, for the worker is wanted all the same."""
    failed = False
    for load in _loading():
        try:
            load()
        except Exception:  # no tables yet, a model that cannot be loaded, or one that reads no text
            logger.exception("A model of searches could not be loaded.")
            failed = True
    if not failed:
        logger.info("The models of searches are loaded.")
    connections.close_all()


def _loading() -> Iterator[Callable[[], object]]:
    """Yield what loads one model after the other, those first that visitors wait for."""
    for index in registry:
        yield partial(_warm_embedder, index)
    for setting in ("RERANKER", "IMAGE_RERANKER"):
        yield partial(_warm_reranker, setting)
    yield get_embedder  # the one of today's settings, which an index that is being built will need


def _warm_embedder(index: SearchIndex) -> None:
    if active := Generation.objects.serving(index):
        encoding.encode(read_alias(index.model), active.pk, [Content("warm")])


def _warm_reranker(setting: str) -> None:
    reranker = get_reranker(setting)
    if reranker and "text" in reranker.modalities:
        reranker.score(Content("warm"), [Content("warm")])


def _serve(instance: Any, **_: Any) -> None:
    """Load the models before a worker of MODEL_QUEUE takes its first question."""
    if settings.MODEL_QUEUE and settings.MODEL_QUEUE in instance.app.amqp.queues.consume_from:
        worker.serving = True
        if not instance.pool_cls.__module__.endswith(".prefork"):
            load_models()


def _serve_forked(**_: Any) -> None:
    """Load them in each child of a prefork pool: torch does not survive a fork.

    In a thread, for a child that has not reported for work within 4 s is killed.
    """
    if worker.serving:
        threading.Thread(target=load_models, name="catalog-search-loading", daemon=True).start()
