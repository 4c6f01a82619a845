"""The whole way with a real Celery worker on a real Redis: a save here, a document there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from redis import Redis

from catalog_search import tasks
from catalog_search.backends import worker
from catalog_search.exceptions import Unavailable
from catalog_search.indexing import doorbell
from catalog_search.models import Change, Document, Generation
from project import services
from project.services import children
from project.shop.models import Product
from project.shop.search import ProductIndex

from .conftest import PLACE
from .surroundings import database_url, until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def served(worker: Any, make_product: Callable[..., Product]) -> Product:
    """A product that the worker indexed with the model of the project's settings."""
    product = make_product("Red mug with white dots", "Acme", picture="red")
    call_command("rebuild_search_index", verbosity=0)
    return product


def test_a_worker_builds_and_follows(served: Product) -> None:
    generation = Generation.objects.active("shop.product")
    assert generation is not None
    assert generation.dimensions == 384
    assert Document.objects.get().text.startswith("Red mug")

    served.name = "Blue teapot"
    served.save()

    until(lambda: Document.objects.get().text.startswith("Blue teapot"))
    until(lambda: not Change.objects.exists())
    assert ProductIndex.search("teapot").hits[0].object == served


def test_the_sweep_finds_what_no_bell_announced(served: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    from catalog_search.tasks import sweep

    monkeypatch.setattr(doorbell, "_send", lambda: None)
    served.name = "Green kettle"
    served.save()
    sweep()

    until(lambda: Document.objects.get().text.startswith("Green kettle"))


def test_tasks_of_a_project_that_pickles_its_own_are_json(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"QUEUE": "nobody", "MODEL_QUEUE": "nobody"}
    app = current_app._get_current_object()
    monkeypatch.setitem(app.conf, "task_serializer", "pickle")
    monkeypatch.delitem(app.amqp.__dict__, "send_task_message", raising=False)  # it keeps what was set at first
    try:
        doorbell._send()
        tasks.send(tasks.index_changes)
        with pytest.raises(Unavailable):
            worker.ask("catalog_search.rerank", "words", seconds=0.1)
    finally:
        del app.amqp.__dict__["send_task_message"]
    with Redis.from_url(app.conf.broker_url) as broker:
        messages = [json.loads(message) for message in broker.lrange("nobody", 0, -1)]
        broker.delete("nobody")

    assert [message["content-type"] for message in messages] == ["application/json"] * 3


@pytest.mark.slow
def test_limits_of_time_that_a_project_sets_for_its_own_tasks_stop_no_build(
    make_product: Callable[..., Product],
) -> None:
    """Loading a model takes longer than this one, and an HNSW index hours."""
    make_product("Red mug with white dots", "Acme", picture="red")
    environment = os.environ | {"DATABASE_URL": database_url()}
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "--hostname", f"limited-{PLACE}@localhost"]
    command += ["--pool", "prefork", "--concurrency", "1", "--queues", "search", "--soft-time-limit", "1"]
    with children.running(command, services.DATA / "logs" / f"test-limited-{PLACE}.log", env=environment) as process:
        call_command("rebuild_search_index", verbosity=0)
        process.terminate()
        process.wait(30)

    assert Document.objects.count() == 1
