"""Moments: a project without USE_TZ has its boosts, reports and rules too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from catalog_search import Boost
from catalog_search.merchandising.exchange import bring_in, read_table, write_table
from catalog_search.models import Rule
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True, params=[True, False], ids=["with USE_TZ", "without"])
def _time_zones(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.USE_TZ, settings.TIME_ZONE = request.param, "Asia/Jerusalem"


def test_what_is_new_goes_first(
    make_product: Callable[..., Product], build_index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in (90, 0, 30):
        make_product("Red mug", created=timezone.now() - timedelta(days=age), sku=f"old-{age}")
    build_index()
    monkeypatch.setattr(ProductIndex, "boosts", [Boost("created", half_life=timedelta(days=30))])

    results = ProductIndex.search("red mug")

    assert results.degraded == ()
    assert [hit.object.sku for hit in results] == ["old-0", "old-30", "old-90"]
    assert [hit.why.boost for hit in results] == pytest.approx([0.01, 0.005, 0.00125], abs=1e-4)


@pytest.mark.parametrize("days", [1, 7])
def test_what_was_asked_just_now(admin_client: Client, log_query: Callable[..., None], days: int) -> None:
    log_query("mug", 2)

    trend = admin_client.get("/admin/catalog_search/querylog/report/", {"days": days}).context["trend"].asked

    assert trend[-1] == 2


def test_rules_for_a_time(admin_client: Client, make_rule: Any) -> None:
    text = (
        "index,name,when,starts_at,ends_at,kind,text\n"
        "product,Aware,always,2026-11-01T00:00:00+00:00,2126-12-01T23:30:00+00:00,banner,Hello\n"
        "product,Naive,always,2026-11-01T02:00:00,2126-12-02T01:30:00,banner,Hello\n"
    )
    bring_in(read_table(text))
    aware, naive = Rule.objects.order_by("pk")
    listed = admin_client.get("/admin/catalog_search/rule/")

    assert (aware.starts_at, aware.ends_at) == (naive.starts_at, naive.ends_at)
    assert listed.text.count("Nov. 1, 2026, 2 a.m. – Dec. 2, 2126, 1:30 a.m.") == 2
    assert bring_in(read_table(write_table(Rule.objects.order_by("pk")))).unchanged == ["Aware", "Naive"]
