"""The playground, the judging queue, reports and relevance in the admin."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from catalog_search.evaluation import read_judgements
from catalog_search.models import Generation, Judgement, Measurement, QueryLog
from catalog_search.searching import search
from project.shop.search import ProductIndex

from .shop import Shop
from .test_admin import make_staff

pytestmark = pytest.mark.django_db

HOME = "/admin/catalog_search/judgement/"
PLAYGROUND, QUEUE, JUDGE, EXPORT = (f"{HOME}{name}/" for name in ("playground", "queue", "judge", "export"))
REPORT = "/admin/catalog_search/querylog/report/"
RELEVANCE = "/admin/catalog_search/measurement/"


def asked(text: str, days: float = 0.5, total: int = 3, times: int = 1) -> None:
    """Note searches of the past."""
    for _ in range(times):
        QueryLog.objects.create(
            pk=uuid.uuid4(),
            index="shop.product",
            kind="text",
            text=text,
            total=total,
            milliseconds=10,
            intent=uuid.uuid4(),
            counted=True,
            created_at=timezone.now() - timedelta(days=days),
        )


def judge(query: str, **grades: int) -> None:
    for key, grade in grades.items():
        Judgement.objects.create(
            index="shop.product", language="en", query=query, object_key=key.removeprefix("p"), grade=grade
        )


def found(page: Any) -> dict[str, list[str]]:
    """Names of the products in each column."""
    assert page.status_code == 200
    return {column.name: [row.hit.object.name for row in rows] for column, rows in page.context["columns"]}


class TestPlayground:
    def test_every_lane_side_by_side(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(PLAYGROUND, {"q": "MUG-1001"})
        columns = found(page)

        assert list(columns) == ["together", "identifiers", "words", "vectors"]
        assert columns["together"][0] == columns["identifiers"][0] == "Red mug"
        assert columns["words"] == []
        assert "together 1" in page.text

    def test_what_visitors_see(self, admin_client: Client, indexed_shop: Shop) -> None:
        columns = found(admin_client.get(PLAYGROUND, {"q": "secret mug", "cutoff": "-100"}))

        assert len(columns["vectors"]) == 5
        assert all("Secret mug" not in names for names in columns.values())

    def test_nothing_is_explained(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(PLAYGROUND, {"q": "xylophone", "cutoff": "100"})
        results = page.context["results"]

        assert (results.total, len(results.near) > 0) == (0, True)
        assert "No product comes near enough" in page.text
        assert results.near[0].object.name in page.text

    def test_why(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(PLAYGROUND, {"q": "red mug", "explain": "on"})
        (_, rows), *_ = page.context["columns"]

        assert set(rows[0].hit.why.shares) == {"text", "image"}
        assert [name for name, *_ in rows[0].lanes] == ["Words", "Likeness"]
        for words in ("Fused", "encode", "hydrate", "class “words”"):
            assert words in page.text
        assert "explain <b>" not in page.text

    def test_why_names_boosts_and_rules(self, admin_client: Client, indexed_shop: Shop, make_rule: Any) -> None:
        pin = {"kind": "pin", "product": str(indexed_shop["red chair"].pk), "position": 1}
        make_rule("Chairs first", searches="red mug", actions=[pin])
        page = admin_client.get(PLAYGROUND, {"q": "red mug"})
        columns = found(page)
        explained = " ".join(page.text.split())

        assert columns["together"][:2] == ["Red chair", "Red mug"]
        # A lane shows what it finds by itself.
        assert columns["identifiers"] == []
        assert '<th scope="row">Rule</th><td colspan="3">Chairs first</td>' in explained
        assert explained.count("Chairs first") == 2
        assert '<th scope="row">Boosts</th>' in explained

    def test_it_leads_to_a_rule_for_the_query(
        self, admin_client: Client, client: Client, indexed_shop: Shop, make_rule: Any
    ) -> None:
        make_rule("Mug week", searches="red mug", actions=[{"kind": "banner", "text": "Sale"}])
        page = admin_client.get(PLAYGROUND, {"q": "red mug"}).text

        for path, query in (("rule/", "q=Mug%20week"), ("synonym/add/", "typed=red%20mug")):
            assert f'href="/admin/catalog_search/{path}?{query}"' in page
            assert admin_client.get(f"/admin/catalog_search/{path}?{query}").status_code == 200
        address = "/admin/catalog_search/rule/add/?name=red%20mug&amp;index=shop.product&amp;searches=red%20mug"
        assert f'href="{address}"' in page
        form = admin_client.get(address.replace("&amp;", "&")).context["adminform"].form
        assert [form[name].value() for name in ("name", "index", "searches")] == ["red mug", "shop.product", "red mug"]
        make_staff(client, "use_playground")
        assert "rule/" not in client.get(PLAYGROUND, {"q": "red mug"}).text

    def test_names_only_what_visitors_see(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "use_playground")
        page = client.get(PLAYGROUND, {"like": f"{indexed_shop['dress'].pk},{indexed_shop['draft'].pk}"}).text

        assert f"{indexed_shop['dress'].pk}: Summer dress" in page
        assert "Secret mug" not in page

    def test_a_variant_tells_the_place_of_its_family(
        self, admin_client: Client, make_product: Any, build_index: Any, make_rule: Any
    ) -> None:
        blue = make_product("Blue shirt", picture="blue")
        make_product("Red shirt", picture="red", parent=blue)
        build_index()
        make_rule(searches="red shirt", actions=[{"kind": "pin", "product": str(blue.pk), "position": 1}])
        page = admin_client.get(PLAYGROUND, {"q": "red shirt"})
        (row,) = next(rows for column, rows in page.context["columns"] if column.name == "words")

        assert found(page)["together"] == ["Blue shirt"]
        assert (row.hit.object.name, row.together) == ("Red shirt", 1)

    def test_lanes_weight_and_cutoff_decide(self, admin_client: Client, indexed_shop: Shop) -> None:
        only = found(admin_client.get(PLAYGROUND, {"q": "mug", "lanes": ["words"]}))
        assert list(only) == ["together", "words"]

        def score(weight: str) -> float:
            page = admin_client.get(PLAYGROUND, {"q": "red mug", "weight": weight})
            return dict(enumerate(page.context["columns"][0][1]))[0].hit.why.fused

        assert score("1") != score("0")
        everything = found(admin_client.get(PLAYGROUND, {"q": "mug", "cutoff": "-100"}))
        assert len(everything["vectors"]) == 5

    def test_products_and_terms(self, admin_client: Client, indexed_shop: Shop) -> None:
        chair, mug = indexed_shop["red chair"], indexed_shop["red mug"]
        page = admin_client.get(PLAYGROUND, {"like": f"{chair.pk}, {mug.pk}", "cutoff": "-100"})
        assert {"Red chair", "Red mug"}.isdisjoint(found(page)["together"])
        assert f"{chair.pk}: Red chair" in page.text

        page = admin_client.get(PLAYGROUND, {"q": "mug", "terms": "blue^2, red^-1"})
        assert found(page)["together"][0] == "Blue mug"

    def test_another_generation(self, admin_client: Client, indexed_shop: Shop) -> None:
        call_command("rebuild_search_index", sync=True, fresh=True, activate="manual", verbosity=0)
        new = Generation.objects.latest("pk")
        new.definition["embedder"]["options"] = {"poison": "mug"}
        new.save(update_fields=["definition"])
        page = admin_client.get(PLAYGROUND, {"q": "red mug", "generation": new.pk})

        assert page.context["results"].degraded == ("embedder",)
        assert admin_client.get(PLAYGROUND, {"q": "red mug"}).context["results"].degraded == ()

    def test_a_picture_gets_an_address(
        self, admin_client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        file = SimpleUploadedFile("red.jpg", picture_bytes("red"), "image/jpeg")
        page = admin_client.post(PLAYGROUND, {"index": "product", "q": "mug", "image": file}, follow=True)

        assert page.request["QUERY_STRING"].startswith("index=product&q=mug&picture=")
        assert page.context["results"].kind == "photo+text"
        assert "data-grades" not in page.text
        shown = f"{PLAYGROUND}picture/{page.context['picture']}/"
        assert f'<img src="{shown}"' in page.text
        assert f'href="{PLAYGROUND}?index=product&amp;q=mug"' in page.text
        assert admin_client.get(shown).headers["Content-Type"] == "image/jpeg"
        assert admin_client.get(f"{PLAYGROUND}picture/gone/").status_code == 404

    def test_a_picture_while_none_can_be_kept(
        self, admin_client: Client, indexed_shop: Shop, picture_bytes: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("catalog_search.admin.playground.cache.keep_picture", lambda picture: "")
        file = SimpleUploadedFile("red.jpg", picture_bytes("red"), "image/jpeg")
        page = admin_client.post(PLAYGROUND, {"q": "mug", "image": file}, follow=True)

        assert page.request["QUERY_STRING"] == "q=mug"
        assert "Pictures cannot be taken at the moment" in page.text

    def test_a_file_that_is_no_picture(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.post(PLAYGROUND, {"image": SimpleUploadedFile("x.jpg", b"no")}, follow=True)

        assert "not a picture that can be read" in page.text

    @pytest.mark.parametrize(
        ("asked_for", "said"),
        [
            ({"q": "mug", "weight": "7"}, "less than or equal to 1"),
            ({"unlike": "1"}, "Say what is wanted too"),
            ({"q": "mug", "terms": "floral^x"}, "Write a term as words^weight"),
            ({"q": "x" * 501}, "fewer words"),
            ({"picture": "gone"}, "expired"),
            ({"q": "mug", "generation": "999999"}, "Select a valid choice"),
        ],
    )
    def test_mistakes_are_said(
        self, admin_client: Client, indexed_shop: Shop, asked_for: dict[str, str], said: str
    ) -> None:
        page = admin_client.get(PLAYGROUND, asked_for)

        assert page.status_code == 200
        assert said in page.text
        assert "columns" not in page.context

    def test_without_an_index(self, admin_client: Client, make_product: Any) -> None:
        assert "without index" in " ".join(admin_client.get(PLAYGROUND, {"q": "mug"}).text.split())
        assert admin_client.get(PLAYGROUND, {"index": "nothing"}).status_code == 404

    def test_nothing_is_noted(self, admin_client: Client, indexed_shop: Shop, logbook: Any) -> None:
        admin_client.get(PLAYGROUND, {"q": "red mug"})
        logbook.write()

        assert not QueryLog.objects.exists()

    def test_queries_are_counted(
        self, admin_client: Client, indexed_shop: Shop, make_product: Any, django_assert_max_num_queries: Any
    ) -> None:
        admin_client.get(PLAYGROUND, {"q": "red mug"})
        with django_assert_max_num_queries(60) as counted:
            admin_client.get(PLAYGROUND, {"q": "red mug"})
        few = len(counted)
        for number in range(8):
            make_product(f"Red mug {number}", picture="red")
        call_command("rebuild_search_index", sync=True, verbosity=0)
        admin_client.get(PLAYGROUND, {"q": "red mug"})
        with django_assert_max_num_queries(few):
            assert len(found(admin_client.get(PLAYGROUND, {"q": "red mug"}))["together"]) >= 8

    def test_needs_permission(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "view_judgement", "add_judgement")

        assert client.get(PLAYGROUND, {"q": "mug"}).status_code == 403
        assert client.get(f"{PLAYGROUND}picture/any/").status_code == 403

    def test_no_script_and_no_style_inside(self, admin_client: Client, indexed_shop: Shop) -> None:
        text = admin_client.get(PLAYGROUND, {"q": "red mug", "explain": "on"}).text

        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text


class TestGrading:
    def test_milliseconds_are_written_as_the_language_writes_numbers(
        self, admin_client: Client, indexed_shop: Shop
    ) -> None:
        html = admin_client.get(PLAYGROUND, {"q": "mug"}, headers={"Accept-Language": "de"}).text

        assert re.search(r"<b>\d+,\d ms</b>", html)
        assert not re.search(r"<b>\d+\.\d ms</b>", html)

    def test_a_grade_from_the_playground(self, admin_client: Client, indexed_shop: Shop) -> None:
        key = indexed_shop["red mug"].pk
        address = f"{PLAYGROUND}?q=Red++Mug"
        page = admin_client.post(address, {"grade": f"{key}:3"}, follow=True)

        kept = Judgement.objects.get()
        assert (kept.index, kept.language, kept.query, kept.object_key) == ("shop.product", "en", "red mug", f"{key}")
        assert (kept.grade, kept.judged_by) == (3, "admin")
        assert f'value="{key}:3" title="Exactly right" aria-label="Exactly right" aria-pressed="true"' in page.text

        answer = admin_client.post(address, {"grade": f"{key}:0"}, headers={"Accept": "application/json"})
        assert answer.status_code == 204
        assert Judgement.objects.get().grade == 0

    @pytest.mark.parametrize("grade", ["1:9", "999999:3", "x:3", "draft:3", ":", "3"])
    def test_what_is_no_grade(self, admin_client: Client, indexed_shop: Shop, grade: str) -> None:
        sent = {"grade": grade.replace("draft", f"{indexed_shop['draft'].pk}")}
        answer = admin_client.post(f"{PLAYGROUND}?q=mug", sent, headers={"Accept": "application/json"})

        assert answer.status_code == 400
        assert not Judgement.objects.exists()

    def test_needs_permission(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "use_playground")

        assert "data-grades" not in client.get(PLAYGROUND, {"q": "mug"}).text
        answer = client.post(f"{PLAYGROUND}?q=mug", {"grade": f"{indexed_shop['red mug'].pk}:3"})
        assert answer.status_code == 403


class TestQueue:
    def test_what_is_asked_most_and_not_judged_comes_first(self, admin_client: Client, indexed_shop: Shop) -> None:
        asked("mug", times=5)
        asked("red chair", times=3)
        asked("dress", times=2)
        asked("old", days=40)
        judge("mug", p1=3, p2=1)
        page = admin_client.get(QUEUE)

        assert [(line.text, judged) for line, judged in page.context["queue"]] == [
            ("red chair", 0),
            ("dress", 0),
            ("mug", 2),
        ]

    def test_judging_goes_on_to_the_next(self, admin_client: Client, indexed_shop: Shop) -> None:
        asked("mug", times=2)
        asked("red chair")
        pool = admin_client.get(JUDGE, {"q": "mug"}).context["pool"]
        keys = [hit.key for hit, _grade in pool]
        found = {str(hit.object.pk) for hit in search(ProductIndex.registered(), "mug", lanes=["vectors"])}
        assert found <= set(keys)
        assert len(keys) == len(set(keys))

        page = admin_client.post(f"{JUDGE}?q=mug", {f"grade-{keys[0]}": "3", f"grade-{keys[1]}": "0"}, follow=True)

        assert "2 grades kept." in page.text
        assert page.context["query"] == "red chair"
        assert dict(Judgement.objects.values_list("object_key", "grade")) == {keys[0]: 3, keys[1]: 0}
        again = {hit.key: grade for hit, grade in admin_client.get(JUDGE, {"q": "mug"}).context["pool"]}
        assert again[keys[0]] == 3

        end = admin_client.post(f"{JUDGE}?q=red chair", {f"grade-{keys[0]}": "3"}, follow=True)
        assert end.request["PATH_INFO"] == QUEUE

    def test_odd_queries(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert admin_client.get(JUDGE).status_code == 404
        assert admin_client.get(JUDGE, {"q": "x" * 600}).status_code == 404
        assert "Nothing is found." in admin_client.get(JUDGE, {"q": "zzzz"}).text

    def test_queries_are_counted(
        self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(20):
            asked(f"mug {number}")
        with django_assert_max_num_queries(8):
            assert len(admin_client.get(QUEUE).context["queue"]) == 20

    @pytest.mark.parametrize("path", [QUEUE, f"{JUDGE}?q=mug"])
    def test_needs_permission(self, client: Client, indexed_shop: Shop, path: str) -> None:
        make_staff(client, "view_judgement", "use_playground")

        assert client.get(path).status_code == 403
        assert client.post(path, {}).status_code == 403


class TestJudgements:
    def test_the_list(self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
        judge("mug", **{f"p{product.pk}": 2 for product in indexed_shop.values()})
        with django_assert_max_num_queries(12):
            page = admin_client.get(HOME)

        assert f"/admin/shop/product/{indexed_shop['dress'].pk}/change/" in page.text
        assert admin_client.get(f"{HOME}add/").status_code == 403

    def test_a_grade_is_changed(self, admin_client: Client, indexed_shop: Shop) -> None:
        judge("mug", p1=3)
        kept = Judgement.objects.get()
        admin_client.post(f"{HOME}{kept.pk}/change/", {"grade": "1", "query": "hacked"})

        kept.refresh_from_db()
        assert (kept.grade, kept.query, kept.judged_by) == (1, "mug", "admin")

    def test_the_export_is_what_evaluate_search_reads(
        self, admin_client: Client, indexed_shop: Shop, tmp_path: Path
    ) -> None:
        judge("mug", p1=3, p2=0)
        judge("röd stol", p3=2)
        Judgement.objects.create(index="shop.product", language="de", query="mug", object_key="1", grade=0)
        answer: Any = admin_client.get(EXPORT)
        path = tmp_path / "judgements.jsonl"
        path.write_bytes(b"".join(answer.streaming_content))

        assert read_judgements(path) == {"mug": {"1": 3, "2": 0}, "röd stol": {"3": 2}}

    def test_the_export_needs_permission(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "use_playground")

        assert client.get(EXPORT).status_code == 403


class TestSearches:
    def test_trends(self, admin_client: Client) -> None:
        asked("mug", days=0, times=3)
        asked("mug", days=2, times=2)
        asked("unicorn", days=1, total=0)
        page = admin_client.get(REPORT)

        assert page.context["trend"].asked[-3:] == [2, 1, 3]
        assert page.context["trend"].without_results[-3:] == [0, 1, 0]
        (_, lines), *_ = page.context["tables"]
        assert [(line.text, went[-3:]) for line, went in lines] == [("mug", [2, 0, 3]), ("unicorn", [0, 1, 0])]
        assert page.text.count("<polyline") >= 4

    def test_a_query_leads_to_a_rule_or_synonym_for_it(self, admin_client: Client) -> None:
        asked("a & b", total=0)
        asked("x" * 200, total=0)
        page = admin_client.get(REPORT).text
        links = [html.unescape(link) for link in re.findall(r'href="([^"]*_?(?:rule|synonym)/add/[^"]*)"', page)]

        rule = next(link for link in links if link.endswith("rule/add/?name=a%20%26%20b&searches=a%20%26%20b"))
        assert ">\na &amp; b</textarea>" in admin_client.get(rule).text
        synonym = next(link for link in links if link.endswith("synonym/add/?typed=a%20%26%20b"))
        assert 'value="a &amp; b"' in admin_client.get(synonym).text
        assert "x" * 90 not in re.sub("<[^>]*>", "", page)

    def test_the_last_day_by_the_hour(self, admin_client: Client) -> None:
        asked("mug", days=0, times=2)
        trend = admin_client.get(REPORT, {"days": "1"}).context["trend"].asked

        assert (len(trend), trend[-1]) == (25, 2)

    def test_queries_are_counted(self, admin_client: Client, django_assert_max_num_queries: Any) -> None:
        for number in range(20):
            asked(f"mug {number}", total=number % 2)
        with django_assert_max_num_queries(14):
            admin_client.get(REPORT)

    def test_needs_permission(self, client: Client) -> None:
        make_staff(client, "view_generation")

        assert client.get(REPORT).status_code == 403


class TestRelevance:
    @pytest.fixture
    def judged(self, indexed_shop: Shop) -> Shop:
        mug, chair, blue = (indexed_shop[name].pk for name in ("red mug", "red chair", "blue mug"))
        judge("red mug", **{f"p{mug}": 3, f"p{chair}": 1, f"p{blue}": 1})
        judge("chair", **{f"p{chair}": 3, f"p{mug}": 0})
        return indexed_shop

    def test_measuring_on_what_was_judged_here(self, admin_client: Client, judged: Shop) -> None:
        page = admin_client.post(f"{RELEVANCE}measure/", {"index": "product"}, follow=True)

        kept = Measurement.objects.get()
        assert kept.generation == Generation.objects.active("shop.product")
        assert (kept.queries, kept.source, kept.content["headline"]["way"]) == (2, "admin", "hybrid")
        assert kept.content["headline"]["MRR"] == 1.0
        for words in ("Where the time goes", "vector against lexical", "condensed", "random"):
            assert words in page.text
        assert " style=" not in page.text

    def test_the_command_measures_and_keeps_too(
        self, admin_client: Client, judged: Shop, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(3):
            call_command("evaluate_search", "admin", verbosity=0)
        with django_assert_max_num_queries(14):
            page = admin_client.get(RELEVANCE)

        _index, trend = page.context["trends"][0]
        assert len(trend) == 3
        assert min(trend) > 0.9
        assert len(page.context["cl"].result_list) == 3
        assert "<polyline" in page.text

    def test_what_a_failing_model_gave_is_not_kept(self, judged: Shop) -> None:
        serving = Generation.objects.active("shop.product")
        assert serving
        serving.definition["embedder"]["options"] = {"poison": "chair"}
        serving.save(update_fields=["definition"])
        call_command("evaluate_search", "admin", verbosity=0)

        assert not Measurement.objects.exists()

    def test_they_gate_a_rebuild(self, judged: Shop) -> None:
        call_command("rebuild_search_index", sync=True, fresh=True, judgements="admin", verbosity=0)

        gate = Generation.objects.latest("pk").measured["gate"]
        assert gate["queries"] == 2
        assert gate["verdict"] in ("passed", "undecided")

    def test_without_judgements(self, admin_client: Client, indexed_shop: Shop) -> None:
        with pytest.raises(CommandError, match="Nobody judged a query"):
            call_command("evaluate_search", "admin", verbosity=0)
        page = admin_client.post(f"{RELEVANCE}measure/", {"index": "product"}, follow=True)
        assert "Nobody judged a query" in page.text

    def test_needs_permission(self, client: Client, judged: Shop) -> None:
        make_staff(client, "view_measurement")

        page = client.get(RELEVANCE)
        assert "Measure now" not in page.text
        assert client.post(f"{RELEVANCE}measure/", {"index": "product"}).status_code == 403
        assert not Measurement.objects.exists()

    def test_no_report_of_that_number(self, admin_client: Client) -> None:
        assert admin_client.get("/admin/catalog_search/measurement/abc/change/").status_code == 404

    def test_a_report_needs_permission(self, client: Client, judged: Shop) -> None:
        call_command("evaluate_search", "admin", verbosity=0)
        make_staff(client, "view_judgement")

        assert client.get(RELEVANCE).status_code == 403
        assert client.get(f"{RELEVANCE}{Measurement.objects.get().pk}/change/").status_code == 403


def test_other_languages_are_judged_apart(indexed_shop: Shop) -> None:
    judge("mug", p1=3)
    Judgement.objects.create(index="shop.product", language="sv", query="mugg", object_key="1", grade=3)

    assert Judgement.objects.by_query("shop.product", "en") == {"mug": {"1": 3}}
    assert json.loads(json.dumps(Judgement.objects.by_query("shop.product", "sv"))) == {"mugg": {"1": 3}}
