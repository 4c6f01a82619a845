"""The query log: what is kept of a search, what counts, what is reported, what is forgotten."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from catalog_search import SearchIndex
from catalog_search.evaluation import read_judgements
from catalog_search.models import PopularQuery, QueryEvent, QueryLog
from catalog_search.querylog import intents, note_event, note_search, reports
from catalog_search.querylog import logbook as logbook_module
from catalog_search.querylog.entries import MASK, masked
from catalog_search.querylog.intents import Entry
from catalog_search.querylog.popular import draw
from catalog_search.querylog.retention import forget
from catalog_search.registry import registry
from catalog_search.tasks import forget_searches
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop

Ask = Callable[..., QueryLog]


@pytest.fixture
def ask(db: None) -> Ask:
    """Write a search down: `ask("red mug", visitor="a", ago=5)`, `ago` in seconds."""

    def write(text: str, visitor: str = "", ago: float = 0, **fields: Any) -> QueryLog:
        values = {"index": "shop.product", "kind": "text", "page": 1, "total": 3, "shown": ["1", "2", "3"]}
        created = timezone.now() - timedelta(seconds=ago)
        row = QueryLog(pk=uuid.uuid4(), text=text, milliseconds=9, created_at=created, **values | fields)
        intents.save("default", [Entry(row, visitor)])
        return row

    return write


def click(row: QueryLog, product: str = "1", position: int = 1, kind: str = "click") -> None:
    QueryEvent.objects.create(query=row, object_key=product, position=position, kind=kind, created_at=timezone.now())


def counted() -> list[str]:
    return list(QueryLog.objects.filter(counted=True).order_by("created_at").values_list("text", flat=True))


# What is kept


@pytest.mark.django_db
def test_a_search_is_kept_with_what_came_of_it(indexed_shop: Shop, client: Client, logbook: Any) -> None:
    answer = client.get("/api/search/product/", {"q": "Red  MUG", "brand": "Acme", "page_size": 2}).json()

    assert QueryLog.objects.count() == 0  # nothing is written on the request path
    assert logbook.write() == 1
    row = QueryLog.objects.get()
    assert answer["query_id"] == row.pk.hex
    assert (row.index, row.kind, row.text, row.page, row.counted) == ("shop.product", "text", "red mug", 1, True)
    assert row.filters == {"brand": ["Acme"]}
    assert row.total == answer["total"]
    assert row.shown == [str(hit["id"]) for hit in answer["hits"]]
    assert row.milliseconds > 0
    assert row.timings["total"] > 0
    assert row.degraded == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/search/", "/api/search/product/"])
def test_who_asks_for_headers_alone_searches_for_nothing(
    indexed_shop: Shop, client: Client, logbook: Any, address: str
) -> None:
    assert client.head(address, {"q": "mug"}).status_code == 200
    assert logbook.write() == 0
    client.get(address, {"q": "mug"})
    assert logbook.write() == 1


@pytest.mark.django_db
def test_a_search_of_any_length_fits_into_a_list() -> None:
    assert str(QueryLog(kind="text", text="red mug")) == "red mug"
    assert str(QueryLog(kind="photo")) == "photo"
    assert len(str(QueryLog(kind="text", text="a" * 500))) <= 80


def test_nothing_in_a_row_tells_who_asked(indexed_shop: Shop, client: Client, logbook: Any) -> None:
    client.get("/search/", {"q": "mug"}, REMOTE_ADDR="203.0.113.9", HTTP_USER_AGENT="a very special browser")
    ((_, entry),) = logbook._noted
    logbook.write()
    (row,) = QueryLog.objects.values()

    assert entry.visitor
    for personal in ("203.0.113.9", "special browser", entry.visitor):
        assert personal not in json.dumps(row, default=str)


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "sort=price", "colour=red"])
def test_browsing_is_not_kept(indexed_shop: Shop, client: Client, logbook: Any, query: str) -> None:
    assert client.get(f"/api/search/product/?{query}").json()["query_id"] is None
    assert logbook.write() == 0


@pytest.mark.django_db
def test_a_shop_may_keep_no_log(indexed_shop: Shop, client: Client, logbook: Any, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"QUERY_LOG": False}

    assert client.get("/api/search/product/?q=mug").json()["query_id"] is None
    note_event(uuid.uuid4().hex, 1)
    assert logbook.write() == 0


@pytest.mark.parametrize(
    ("text", "found", "kept"),
    [
        ("  Red   Mug ", True, "red mug"),
        ("where is anna@example.com", True, f"where is {MASK}"),
        ("call +46 70 123 45 67", False, f"call {MASK}"),
        ("7318340012345", True, "7318340012345"),
        ("iphone 15", False, "iphone 15"),
        ("mug\x1b[2J\x9b31m\x07\x7f red\x00", True, "mug [2j 31m red"),
    ],
)
def test_what_may_be_personal_is_masked(text: str, found: bool, kept: str) -> None:
    assert masked(text, found) == kept


def test_a_number_that_found_nothing_beside_words_that_did(indexed_shop: Shop, logbook: Any) -> None:
    index = registry.get("product")
    results = ProductIndex.search("red mug")
    note_search(index, {"text": "Red mug 46701234567"}, results)
    logbook.write()

    assert results.total > 0
    assert QueryLog.objects.get().text == f"red mug {MASK}"


def test_a_number_that_is_a_products_is_kept(build_index: Any, make_product: Any, client: Client, logbook: Any) -> None:
    make_product("Mug", ean="7318340012345")
    build_index()
    client.get("/api/search/product/", {"q": "7318340012345"})
    logbook.write()

    assert QueryLog.objects.get().text == "7318340012345"


@given(st.text(), st.booleans())
def test_masking_is_stable(text: str, found: bool) -> None:
    once = masked(text, found)

    assert masked(once, found) == once
    assert not any("@" in word[1:-1] for word in once.split())


# The logbook


def test_the_buffer_is_bounded(settings: Any, logbook: Any) -> None:
    settings.CATALOG_SEARCH = {"QUERY_LOG_BUFFER": 3}
    for number in range(5):
        note_event(uuid.uuid4().hex, number + 1)

    assert [event.object_key for _, event in logbook._noted] == ["3", "4", "5"]
    assert logbook.dropped == 2


@pytest.mark.django_db
def test_what_cannot_be_written_waits(ask: Ask, logbook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    note_event(ask("mug").pk.hex, 1)
    with monkeypatch.context() as broken:

        def fail(*_: Any, **__: Any) -> None:
            raise OperationalError("the disk is full")

        broken.setattr(type(QueryEvent.objects.all()), "bulk_create", fail)
        assert logbook.write() == 0
    assert logbook.write() == 1
    assert QueryEvent.objects.count() == 1


@pytest.mark.django_db
def test_what_the_database_refuses_holds_nothing_else_up(indexed_shop: Shop, logbook: Any) -> None:
    index = registry.get("product")
    found = index.search("red mug")
    for words in ("red mug", "half a \ud83d smiley", "blue mug"):
        note_event(note_search(index, {"text": words}, found), 1)

    assert logbook.write() == 5
    assert set(QueryLog.objects.values_list("text", flat=True)) == {"red mug", "blue mug"}
    assert logbook.write() == 0


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook_module, "WRITE_SECONDS", 0.01)
    monkeypatch.setattr(logbook_module, "logbook", book := logbook_module.Logbook())
    note_event(uuid.uuid4().hex, 1)
    for _ in range(500):
        if QueryEvent.objects.exists():
            break
        time.sleep(0.01)

    assert QueryEvent.objects.count() == 1
    book._hurry.set()
    book._wake.set()
    book._thread.join(10)
    assert not any(thread.name == "catalog-search-log" for thread in threading.enumerate())


@pytest.mark.django_db
def test_what_tests_of_a_shop_searched_for_stays_out_of_its_own_log(
    ask: Ask, logbook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their database is gone, and the alias names the shop's own again, when the thread gets to write."""
    name = connection.settings_dict["NAME"]
    monkeypatch.setitem(connection.settings_dict, "NAME", "test_shop")
    note_event(uuid.uuid4().hex, 1)
    monkeypatch.setitem(connection.settings_dict, "NAME", name)
    note_event(uuid.uuid4().hex, 2)

    assert logbook.write() == 1
    assert list(QueryEvent.objects.values_list("object_key", flat=True)) == ["2"]


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_writes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logbook_module, "WRITE_SECONDS", 60)
    monkeypatch.setattr(logbook_module, "logbook", book := logbook_module.Logbook())
    note_event(uuid.uuid4().hex, 1)
    book.finish()

    assert QueryEvent.objects.count() == 1


# Intents


def test_keystrokes_count_once(ask: Ask) -> None:
    for step, text in enumerate(["r", "re", "red m", "red", "red mug"]):
        ask(text, visitor="a", ago=10 - step)

    assert counted() == ["red mug"]
    assert QueryLog.objects.values("intent").distinct().count() == 1


def test_keystrokes_written_together_count_once(db: None) -> None:
    now = timezone.now()
    rows = [
        QueryLog(pk=uuid.uuid4(), index="shop.product", kind="text", text=text, total=1, milliseconds=1, created_at=now)
        for text in ("r", "re", "red")
    ]
    intents.save("default", [Entry(row, "a") for row in rows])

    assert counted() == ["red"]


def test_processes_that_write_in_another_order_count_the_same(ask: Ask) -> None:
    ask("mug", visitor="a", ago=1)
    ask("mu", visitor="a", ago=2)  # of a process that wrote later
    ask("mug holder", visitor="a")
    ask("lamp", visitor="b", page=2, ago=1)
    first = ask("lamp", visitor="b", ago=2)
    ask("lamp", visitor="b", page=3)

    assert counted() == ["lamp", "mug holder"]
    assert QueryLog.objects.filter(intent=first.intent).count() == 3


def test_a_link_to_a_later_page_counts_once_the_first_is_looked_at(ask: Ask) -> None:
    for page in (2, 1, 3, 1):
        ask("mug", visitor="a", page=page)

    assert counted() == ["mug"]


def test_pages_filters_and_sorts_are_one_intent(ask: Ask) -> None:
    ask("mug", visitor="a", ago=9)
    ask("mug", visitor="a", ago=8, page=2)
    ask("mug", visitor="a", ago=7, sort="price")
    ask("mugs", visitor="a", ago=6)

    assert counted() == ["mugs"]
    assert QueryLog.objects.values("intent").distinct().count() == 1


@pytest.mark.parametrize(
    ("second", "options"),
    [
        ("blue chair", {"visitor": "a"}),
        ("red mug", {"visitor": "b"}),
        ("red mug", {"visitor": ""}),
        ("red mug", {"visitor": "a", "index": "shop.other"}),
        ("red mug", {"visitor": "a", "ago": -31}),
    ],
)
def test_what_is_another_intent(ask: Ask, second: str, options: dict[str, Any]) -> None:
    ask("red", visitor="a")
    ask(second, **options)

    assert QueryLog.objects.filter(counted=True).count() == 2


@pytest.mark.django_db
def test_visitors_behind_a_proxy_are_told_apart(
    indexed_shop: Shop, client: Client, logbook: Any, settings: Any
) -> None:
    for known, proxies in ((None, {}), (1, {"NUM_PROXIES": 1})):
        settings.REST_FRAMEWORK = proxies
        cache.clear()
        for number in range(3):
            for text in ("mu", "mug"):
                forged = {"X-Forwarded-For": f"10.{number}.{text}.9, 198.51.100.{number}"} if known else {}
                plain = {"X-Forwarded-For": f"198.51.100.{number}"}
                client.get("/search/", {"q": text}, REMOTE_ADDR="10.0.0.1", headers=forged or plain)
        logbook.write()

        assert counted() == ["mug"] * 3
        QueryLog.objects.all().delete()


def test_a_dead_cache_only_counts_more(ask: Ask, settings: Any) -> None:
    dead = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "dead": dead}
    settings.CATALOG_SEARCH = {"CACHE": "dead"}
    ask("red", visitor="a")
    ask("red mug", visitor="a")
    ask("red mug", visitor="a", page=2)

    assert counted() == ["red", "red mug"]


# Events


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/search/events/", "/api/search/events/"])
def test_a_beacon_is_noted(ask: Ask, logbook: Any, address: str) -> None:
    row = ask("mug")
    strict = Client(enforce_csrf_checks=True)
    sent = {"query_id": row.pk.hex, "product": "7", "position": "3"}

    assert strict.post(address, json.dumps(sent), content_type="text/plain;charset=UTF-8").status_code == 204
    assert strict.post(address, sent).status_code == 204
    assert strict.post(address, sent | {"kind": "conversion"}).status_code == 204
    logbook.write()
    assert set(row.events.values_list("kind", "object_key", "position")) == {("click", "7", 3), ("conversion", "7", 3)}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("", "__all__"),
        ("[]", "__all__"),
        ("nothing", "__all__"),
        ('{"product": "1"}', "query_id"),
        ('{"query_id": 7, "product": "1"}', "query_id"),
        ('{"query_id": "ID", "product": ""}', "product"),
        ('{"query_id": "ID", "product": "x\\u0000"}', "product"),
        ('{"query_id": "ID", "product": "1", "kind": "steal"}', "kind"),
        ('{"query_id": "ID", "product": "1", "position": 0}', "position"),
        ('{"query_id": "ID", "product": "1", "position": "first"}', "__all__"),
        ('{"query_id": "ID", "product": "1", "position": 1e400}', "__all__"),
        ("[" * 100_000, "__all__"),
    ],
)
def test_what_is_no_event_is_refused(client: Client, body: str, field: str, logbook: Any) -> None:
    answer = client.post("/search/events/", body.replace("ID", uuid.uuid4().hex), content_type="text/plain")

    assert answer.status_code == 400
    assert [*answer.json()["errors"]] == [field]
    assert client.get("/search/events/").status_code == 405


def test_events_from_python(ask: Ask, logbook: Any, make_product: Callable[..., Product]) -> None:
    product = make_product("Mug")
    note_event(ask("mug").pk.hex, product, "conversion")
    note_event(uuid.uuid4().hex, product)  # no such search
    logbook.write()

    assert QueryEvent.objects.filter(query__text="mug").get().object_key == str(product.pk)
    with pytest.raises(ValidationError):
        note_event("", product)


@pytest.mark.django_db
def test_the_page_says_where_clicks_go(indexed_shop: Shop, client: Client, logbook: Any) -> None:
    page = client.get("/search/?q=mug").content.decode()
    logbook.write()

    assert f'data-catalog-search-query="{QueryLog.objects.get().pk.hex}"' in page
    assert 'data-catalog-search-events="/search/events/"' in page
    assert 'data-position="1"' in page
    assert "data-catalog-search-query" not in client.get("/search/").content.decode()


# Reports


def test_top_counts_intents_and_clicks(ask: Ask) -> None:
    for visitor in "abc":
        ask("mu", visitor=visitor, ago=2)
        row = ask("mug", visitor=visitor)
    ask("chair")
    click(row)
    click(row, "2")
    lines = reports.top()

    assert [(line.text, line.count, line.clicked) for line in lines] == [("mug", 3, 1), ("chair", 1, 0)]
    assert lines[0].milliseconds == 9


def test_a_click_on_page_two_is_a_click(ask: Ask) -> None:
    ask("mug", visitor="a", ago=3)
    click(ask("mug", visitor="a", page=2), position=30)

    assert reports.top()[0].clicked == 1


def test_rising_compares_with_the_time_before(ask: Ask) -> None:
    week = 7 * 24 * 3600
    for _ in range(3):
        ask("lamp")
        ask("mug", ago=week + 60)
        ask("mug")
    ask("sofa", ago=week + 60)

    assert [(line.text, line.count, line.before) for line in reports.rising()] == [("lamp", 3, 0)]


def test_without_results(ask: Ask) -> None:
    ask("unheard", total=0)
    ask("mug")
    ask("mug", total=0, filters={"price": ["9000.."]})  # not the words found nothing

    assert reports.trend().without_results[-1] == 1
    assert [(line.text, line.without_results) for line in reports.without_results()] == [("unheard", 1)]


def test_low_clicks(ask: Ask) -> None:
    for number in range(reports.FEWEST):
        ask("gift")
        ask("unheard", total=0)
        row = ask("mug")
        if number:
            click(row)
    ask("rare")

    assert [(line.text, line.click_rate) for line in reports.low_clicks()] == [("gift", 0.0), ("mug", 0.8)]


def test_judgements_are_drafted_for_evaluate_search(ask: Ask, tmp_path: Path) -> None:
    for number in range(10):
        mug, chair = ask("mug"), ask("chair")
        click(mug, "2", 2)
        click(chair, "1", 1)
        if number == 0:
            click(mug, "1", 1)
            click(chair, "3", 3, "conversion")
    file = tmp_path / "drafted.jsonl"
    call_command("search_report", judgements=file, days=90, stdout=io.StringIO())

    assert read_judgements(file) == {"mug": {"1": 1, "2": 3, "3": 0}, "chair": {"1": 2, "2": 0, "3": 3}}


def test_one_visitor_drafts_no_judgement(ask: Ask) -> None:
    for number in range(reports.FEWEST):
        row = ask("mug", visitor="a", filters={"brand": [str(number)]})
        click(row, "2", 2)
    assert list(reports.drafted_judgements()) == []
    for visitor in "bcde":
        for page in range(3):
            ask("mug", visitor=visitor, filters={"page": [page]})

    assert {row["product"]: row["grade"] for row in reports.drafted_judgements()} == {"1": 0, "2": 2, "3": 0}


def test_words_beside_a_photo_are_no_query_of_their_own(ask: Ask) -> None:
    for _ in range(reports.FEWEST):
        click(ask("in green", kind="photo+text"))
        ask("mug")

    assert [line.text for report in reports.REPORTS.values() for line in report()] == ["mug", "mug", "mug"]
    assert list(reports.trends(["in green", "mug"])) == ["mug"]
    assert {row["query"] for row in reports.drafted_judgements()} == {"mug"}
    assert reports.trend().asked[-1] == 2 * reports.FEWEST


def test_what_a_rule_sends_elsewhere_is_answered(
    indexed_shop: Shop, make_rule: Any, client: Client, logbook: Any, ask: Ask
) -> None:
    make_rule(searches="returns", actions=[{"kind": "redirect", "url": "/help/returns/"}])
    for number in range(reports.FEWEST):
        client.get("/search/", {"q": "Returns"}, REMOTE_ADDR=f"192.0.2.{number}")
        ask("unheard", total=0)
    logbook.write()

    assert [(line.text, line.count, line.click_rate) for line in reports.top()] == [
        ("returns", reports.FEWEST, 1.0),
        ("unheard", reports.FEWEST, 0.0),
    ]
    assert [line.text for line in reports.without_results()] == ["unheard"]
    assert reports.trend().without_results[-1] == reports.FEWEST
    assert "returns" not in {row["query"] for row in reports.drafted_judgements()}


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 10, 25, 12, 30, tzinfo=UTC),  # an hour came twice
        datetime(2026, 3, 29, 12, 30, tzinfo=UTC),  # an hour was left out
        datetime(2026, 11, 26, 12, 30, tzinfo=UTC),
    ],
)
def test_every_hour_counts_once(ask: Ask, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(timezone, "now", lambda: now)
    with timezone.override("Europe/Berlin"):
        for hours in range(24):
            ask("mug", ago=3600 * hours)
        trend = reports.trend(days=1)

        assert trend.asked == [0, *[1] * 24]
        assert reports.trends(["mug"], days=1)["mug"] == trend.asked
        assert sum(reports.trend(days=7).asked) == 24


def test_the_command_prints_every_report(ask: Ask) -> None:
    ask("mug")
    ask("unheard", total=0)
    call_command("search_report", stdout=(out := io.StringIO()))

    assert out.getvalue().count("mug") == 2
    assert "Without results" in out.getvalue()
    call_command("search_report", "without-results", stdout=(out := io.StringIO()))
    assert "mug" not in out.getvalue()
    call_command("search_report", "top", index="product", stdout=(out := io.StringIO()))
    assert "mug" in out.getvalue()


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("search_report --days -5", "--days: give 1 to 36500, not -5"),
        ("search_report --days 99999999999", "--days: give 1 to"),
        ("search_report --limit 0", "--limit: give 1 to"),
        ("search_report --limit many", "invalid whole number value"),
        ("search_report --index nothing", "nothing"),
        ("replay_search_log --top -1", "--top: give 1 to"),
        ("rebuild_search_index --workers 0", "--workers: give 1 to"),
        ("rebuild_search_index --margin nan", "--margin: give 0 to 1"),
        ("search_generations prune --keep -1", "--keep: give 0 to"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(db: None, command: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command(*command.split())


def test_the_admin_shows_log_and_report(ask: Ask, admin_client: Client, django_user_model: Any) -> None:
    click(ask("mug"))
    listed = admin_client.get("/admin/catalog_search/querylog/").content.decode()
    report = admin_client.get("/admin/catalog_search/querylog/report/?days=30").content.decode()

    assert "mug" in listed
    assert "/report/" in listed
    assert "mug" in report
    assert "Asked most" in report
    stranger = django_user_model.objects.create_user("stranger", is_staff=True)
    other = Client()
    other.force_login(stranger)
    assert other.get("/admin/catalog_search/querylog/report/").status_code == 403


def test_the_report_tells_the_indexes_apart(ask: Ask, admin_client: Client) -> None:
    class PeopleIndex(SearchIndex):
        name = "people"

    index = PeopleIndex(get_user_model())
    registry.add(index, index.name)
    try:
        ask("mug")
        ask("curator", index=index.label)
        of_all, of_one, of_none = (
            admin_client.get("/admin/catalog_search/querylog/report/", {"days": 30, "index": name}).content.decode()
            for name in ("", "people", "nothing")
        )
    finally:
        registry.remove(index)

    assert all(word in page for page in (of_all, of_none) for word in ("mug", "curator"))
    assert "curator" in of_one
    assert "mug" not in of_one
    assert "?days=1&amp;index=people" in of_one
    assert "?q=curator&amp;index=people" in of_one


# Retention


def test_the_log_forgets_by_age(ask: Ask, settings: Any) -> None:
    settings.CATALOG_SEARCH = {"QUERY_LOG_DAYS": 30}
    day = 24 * 3600
    click(old := ask("old", ago=31 * day))
    click(ask("new", ago=29 * day))
    QueryEvent.objects.filter(query=old).update(created_at=timezone.now() - timedelta(days=31))
    orphan = QueryEvent.objects.create(
        query_id=uuid.uuid4(), kind="click", object_key="1", created_at=timezone.now() - timedelta(days=31)
    )
    forget_searches()

    assert counted() == ["new"]
    assert not QueryEvent.objects.filter(pk=orphan.pk).exists()
    assert QueryEvent.objects.count() == 1


def test_erasure_by_words_and_of_everything(ask: Ask) -> None:
    click(ask("anna svensson mug"))
    ask("mug")
    for days in ("-1", "nan", "1e9"):
        with pytest.raises(CommandError, match="give 0 to"):
            call_command("forget_searches", "--days", days)
    with pytest.raises(CommandError, match="nothing was erased"):
        call_command("forget_searches", containing="  ")
    call_command("forget_searches", containing="Anna  SVENSSON", stdout=(out := io.StringIO()))

    assert out.getvalue() == "1 searches erased.\n"
    assert counted() == ["mug"]
    assert not QueryEvent.objects.exists()
    assert forget(days=0) == 1


def test_what_is_erased_is_suggested_no_more(indexed_shop: Shop, ask: Ask, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"SUGGEST_QUERIES_FROM": 1}
    ask("summer dress")
    ask("mug")
    forget(containing="nobody")
    assert not PopularQuery.objects.exists()  # a shop that draws none has none
    assert draw() == 2
    forget(containing="summer")

    assert [row.text for row in PopularQuery.objects.all()] == ["mug"]


def test_what_staff_delete_is_suggested_no_more(
    indexed_shop: Shop, ask: Ask, admin_client: Client, settings: Any
) -> None:
    settings.CATALOG_SEARCH |= {"SUGGEST_QUERIES_FROM": 1}
    log = "/admin/catalog_search/querylog/"
    dress, chair, _mug = ask("summer dress"), ask("red chair"), ask("mug")
    assert draw() == 3
    admin_client.post(f"{log}{dress.pk}/delete/", {"post": "yes"})
    admin_client.post(log, {"action": "delete_selected", "_selected_action": [chair.pk], "post": "yes"})

    assert [row.text for row in PopularQuery.objects.all()] == ["mug"]
