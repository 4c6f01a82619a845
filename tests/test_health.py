"""Health: what operators and load balancers are told."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog_search import health
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.health import health_of
from catalog_search.metrics import metrics
from catalog_search.models import Change, Document, Generation
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

URL = "/api/search/health/"


def state() -> health.Health:
    return health_of(ProductIndex.registered())


def test_a_fresh_index_is_well(indexed_shop: Shop) -> None:
    found = state()

    assert (found.status, found.problems) == ("ok", ())
    assert (found.products, found.documents, found.waiting, found.set_aside) == (6, 6, 0, 0)
    assert found.milliseconds > 0


def test_without_a_generation_it_is_down(db: None, dummy_models: Any, client: Client) -> None:
    response = client.get(URL)

    assert response.status_code == 503
    assert response.json() == {"status": "down"}


def test_what_waits_too_long_is_told(indexed_shop: Shop) -> None:
    generation = Generation.objects.get()
    key = str(indexed_shop["red mug"].pk)
    now = timezone.now()
    Change.objects.create(generation=generation, object_key=key, created_at=now - timedelta(minutes=40))
    Change.objects.create(generation=generation, object_key="77", set_aside=True, attempts=8, error="broken")
    found = state()

    assert (found.waiting, found.set_aside, round(found.waiting_minutes)) == (1, 1, 40)
    assert found.status == "degraded"
    assert "40 minutes" in found.problems[0]


def test_products_that_no_signal_told_of(indexed_shop: Shop) -> None:
    generation = Generation.objects.get()
    document = Document.objects.filter(generation=generation).first()
    assert document is not None
    document.delete()
    assert state().problems == (
        "1 products are not in the index, and no change tells of them: run manage.py reconcile_search_index.",
    )

    Change.objects.create(generation=generation, object_key=document.object_key, created_at=timezone.now())
    assert state().problems == ()


def test_a_setting_that_changed_is_told(indexed_shop: Shop, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"EMBEDDER": {**settings.CATALOG_SEARCH["EMBEDDER"], "OPTIONS": {"dimensions": 32}}}

    assert state().outdated


def test_a_model_that_does_not_answer_is_told_and_not_asked_again_at_once(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def broken(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        raise RuntimeError("no answer")

    monkeypatch.setattr(DummyEmbedder, "encode", broken)

    assert state().unreachable == ("embedder",)
    assert "embedder" in state().problems[0]
    assert len(asked) == 1


def test_details_are_for_staff(client: Client, indexed_shop: Shop) -> None:
    Document.objects.filter(object_key=str(indexed_shop["dress"].pk)).update(pictures="failed")
    visitor = client.get(URL).json()
    client.force_login(User.objects.create_user("staff", is_staff=True))
    staff = client.get(URL)

    assert visitor == {"status": "ok"}
    assert staff.headers["Cache-Control"] == "no-store"
    (index,) = (one for one in staff.json()["indexes"] if one["index"] == "shop.product")
    assert (index["documents"], index["pictures_failed"], index["problems"]) == (6, 1, [])


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_told(indexed_shop: Shop, client: Client, rf: Any) -> None:
    port = connection.settings_dict["PORT"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connection.close()
        connection.settings_dict["PORT"] = taken.getsockname()[1]
        try:
            told, found, scraped = client.get(URL), state(), metrics(rf.get("/metrics/"))
        finally:
            connection.settings_dict["PORT"] = port

    assert (told.status_code, told.json()) == (503, {"status": "down"})
    assert found.problems == ("Does not answer: database.",)
    assert 'catalog_search_up{index="shop.product"} 0.0' in scraped.content.decode()
