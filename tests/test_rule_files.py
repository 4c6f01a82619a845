"""Rules as files: tables, exports of other engines, versions and undoing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from catalog_search.merchandising import editing, restore
from catalog_search.merchandising.exchange import ImportProblem, bring_in, read_table, write_table
from catalog_search.merchandising.history import changed_fields
from catalog_search.merchandising.notation import read, save, write
from catalog_search.merchandising.reading import read_rules
from catalog_search.models import Rule, RuleVersion
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop

MakeRule = Callable[..., Rule]

pytestmark = pytest.mark.django_db


@pytest.fixture
def several(make_product: Callable[..., Product], make_rule: MakeRule) -> dict[str, Rule]:
    """Rules that use every column."""
    mug = make_product("Mug", sku="M-1")
    pin = {"kind": "pin", "product": str(mug.pk), "position": 2}
    banner = {"kind": "banner", "text": 'Two,\nlines; "quoted"', "url": "/sale/", "picture": "/sale.jpg"}
    full: dict[str, Any] = {
        "searches": "mug\n* cup *",
        "conditions": "brand=Acme\nbrand=Bolt",
        "priority": -3,
        "final": True,
        "enabled": False,
        "language": "en",
        "note": "Ask Ann",
        "starts_at": "2026-12-01T00:00:00+00:00",
        "ends_at": "2026-12-24T12:30:00+00:00",
    }
    boost = {"kind": "boost", "having": "price_max=20", "strength": 2.5}
    return {
        "full": make_rule("Full", actions=[pin, banner, boost], clean=True, **full),
        "bare": make_rule("Bare", when="always", clean=True),
    }


class TestTable:
    def test_what_is_written_is_read_back(self, several: dict[str, Rule]) -> None:
        written = [write(rule) for rule in several.values()]
        text = write_table(Rule.objects.order_by("pk"))
        Rule.objects.all().delete()
        outcome = bring_in(read_table(text))

        assert [write(rule) for rule in Rule.objects.order_by("pk")] == written
        assert outcome.made == ["Full", "Bare"]

    def test_the_same_again_changes_nothing(self, several: dict[str, Rule]) -> None:
        text = write_table(Rule.objects.order_by("pk"))
        versions = RuleVersion.objects.count()
        outcome = bring_in(read_table(text))

        assert (outcome.made, outcome.changed, outcome.unchanged) == ([], [], ["Full", "Bare"])
        assert RuleVersion.objects.count() == versions

    def test_what_a_spreadsheet_makes_of_it(self, several: dict[str, Rule]) -> None:
        text = "\ufeffindex;name;enabled;when;kind;text\nproduct;Sale;FALSE;always;banner;Hej\n;;;;;\n"
        bring_in(read_table(text))
        rule = Rule.objects.get(name="Sale")

        assert (rule.index, rule.enabled, rule.actions.get().text) == ("shop.product", False, "Hej")

    def test_all_or_nothing_with_every_mistake_by_its_line(self, several: dict[str, Rule]) -> None:
        text = (
            "index,name,when,searches,kind,product,position,text\n"
            "product,Good,searches,mug,banner,,,Hello\n"
            "product,No kind,searches,mug,explode,,,\n"
            "product,No search,,,banner,,,Hello\n"
            "shop.gone,No index,searches,mug,banner,,,Hello\n"
            "product,No place,searches,mug,pin,1,soon,\n"
        )
        with pytest.raises(ImportProblem) as caught:
            bring_in(read_table(text))

        assert [problem.partition(":")[0] for problem in caught.value.problems] == [f"line {n}" for n in (3, 4, 5, 6)]
        assert "explode" in caught.value.problems[0]
        assert not Rule.objects.filter(name="Good").exists()

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("index,name,colour\n", "line 1.*colour"),
            ("index,name,when\nproduct,A\n", "line 2.*cells"),
            ("index,name,when\nproduct,A,always,more\n", "line 2.*cells"),
            ("index,name,when\nproduct,,always\n", "line 2.*index and name"),
            ("index,name,when\nproduct,A,always\nproduct,A,browsing\n", "line 3.*when"),
        ],
    )
    def test_a_table_of_another_form(self, text: str, told: str) -> None:
        with pytest.raises(ImportProblem, match=told):
            read_table(text)

    def test_nothing_is_a_formula_and_all_comes_back(self, make_rule: MakeRule) -> None:
        note, name, search = '=HYPERLINK("http://evil.example")', "'-' quoted", "-40 percent\n+1"
        make_rule(name, note=note, searches=search, priority=-5, clean=True, actions=[{"kind": "banner", "text": "@x"}])
        before = write(Rule.objects.get())
        text = write_table(Rule.objects.all())
        (row,) = csv.DictReader(StringIO(text, newline=""))
        bring_in(read_table(text))

        assert [cell for cell in row.values() if cell[:1] in ("=", "+", "-", "@")] == ["-5"]
        assert write(Rule.objects.get()) == before

    def test_moments_are_those_of_the_clock_here(self, make_rule: MakeRule) -> None:
        with timezone.override("Europe/Berlin"):
            christmas = timezone.make_aware(datetime(2026, 12, 24))
            make_rule(when="always", starts_at=christmas, clean=True)
            (row,) = csv.DictReader(StringIO(text := write_table(Rule.objects.all()), newline=""))
            told = {name: after for name, _before, after in changed_fields(RuleVersion.objects.get())}

            assert row["starts_at"] == told["starts_at"] == "2026-12-24T00:00:00+01:00"
        assert bring_in(read_table(text)).unchanged == ["Rule"]

    def test_a_rule_that_stands_there_twice_is_told(self, db: None) -> None:
        text = "index,name,when\nproduct,Sale,always\nshop.product,Sale,browsing\n"
        with pytest.raises(ImportProblem, match="line 3: A rule of this name came before, at line 2"):
            bring_in(read_table(text))

        assert not Rule.objects.exists()

    def test_by_command(self, several: dict[str, Rule], tmp_path: Path) -> None:
        path = tmp_path / "rules.csv"
        call_command("export_search_rules", path, stdout=StringIO())
        lines = path.read_text(encoding="utf-8-sig").replace(several["full"].actions.get(kind="pin").product, "M-1", 1)
        path.write_text(lines.replace("Ask Ann", "Ask Bo"))
        told = StringIO()
        call_command("import_search_rules", path, key="sku", dry_run=True, stdout=told)
        several["full"].refresh_from_db()

        assert "1 changed" in told.getvalue()
        assert several["full"].note == "Ask Ann"
        call_command("import_search_rules", path, key="sku", stdout=StringIO())
        several["full"].refresh_from_db()
        assert several["full"].note == "Ask Bo"
        assert RuleVersion.objects.first().occasion == "Import of rules.csv"

    def test_products_that_are_not_there(self, several: dict[str, Rule], tmp_path: Path) -> None:
        path = tmp_path / "rules.csv"
        path.write_text("index,name,when,kind,product\nproduct,A,always,hide,NO-1\n")

        with pytest.raises(CommandError, match="line 2: there is no product NO-1"):
            call_command("import_search_rules", path, key="sku")
        with pytest.raises(CommandError, match="no field"):
            call_command("import_search_rules", path, key="barcode")


def translated(rules: Any, key: str = "sku") -> tuple[dict[str, dict[str, Any]], list[str]]:
    found = read_rules(ProductIndex.registered(), json.dumps(rules), key=key)
    bring_in(found)
    return {rule.name: write(rule) for rule in Rule.objects.all()}, list(found.remarks)


class TestAlgolia:
    def test_what_has_a_counterpart(self, indexed_shop: Shop) -> None:
        exported = [
            {
                "objectID": "qr-1",
                "description": "Kitchen week",
                "enabled": True,
                "conditions": [
                    {"pattern": "mug", "anchoring": "is"},
                    {"pattern": "cup", "anchoring": "contains"},
                    {"pattern": "tea", "anchoring": "startsWith"},
                    {"pattern": "ware", "anchoring": "endsWith", "filters": "brand:Acme"},
                ],
                "consequence": {
                    "promote": [
                        {"objectID": "MUG-1001", "position": 0},
                        {"objectIDs": ["CH-77", "MUG-1002"], "position": 3},
                    ],
                    "hide": [{"objectID": "MUG-1003"}],
                    "params": {
                        "filters": 'brand:"Acme" AND (colour:red OR colour:blue) '
                        "AND price <= 20 AND NOT in_stock:false",
                        "optionalFilters": ["colour:red<score=2>", "brand:-Bolt"],
                        "query": "mugs",
                        "renderingContent": {"redirect": {"url": "https://shop.example/mugs"}},
                    },
                    "userData": {"title": "Mug week", "link": "/mugs/"},
                },
                "validity": [{"from": 1764547200, "until": 1766620800}],
            }
        ]
        rules, remarks = translated(exported)
        first, second = rules["qr-1 (1)"], rules["qr-1 (2)"]
        keys = {name: str(product.pk) for name, product in indexed_shop.items()}

        assert first["searches"] == "mug\n* cup *\ntea *"
        assert (second["searches"], second["conditions"]) == ("* ware", "brand=Acme")
        assert (first["note"], first["starts_at"]) == ("Kitchen week", "2025-12-01T00:00:00+00:00")
        assert first["actions"] == [
            {"kind": "pin", "product": keys["red mug"], "position": 1},
            {"kind": "pin", "product": keys["red chair"], "position": 4},
            {"kind": "pin", "product": keys["blue mug"], "position": 5},
            {"kind": "hide", "product": keys["photo mug"]},
            {"kind": "banner", "text": "Mug week", "url": "/mugs/"},
            {"kind": "filter", "having": "brand=Acme\ncolour=red\ncolour=blue\nprice_max=20"},
            {"kind": "hide", "having": "in_stock=false"},
            {"kind": "boost", "having": "colour=red", "strength": 3.0},
            {"kind": "bury", "having": "brand=Bolt", "strength": 3.0},
            {"kind": "replace", "text": "mugs"},
            {"kind": "redirect", "url": "https://shop.example/mugs"},
        ]
        assert remarks == ["qr-1 (1): userData is taken for a banner: look whether it is one"]

    def test_it_acts(self, indexed_shop: Shop) -> None:
        promote = {"promote": [{"objectID": "CH-77", "position": 0}]}
        translated({"hits": [{"objectID": "a", "conditions": [{"pattern": "mug"}], "consequence": promote}]})

        assert ProductIndex.search("a big mug").hits[0].object.name == "Red chair"

    @pytest.mark.parametrize(
        ("condition", "consequence", "told"),
        [
            ({"pattern": "{facet:brand}"}, {"hide": [{"objectID": "CH-77"}]}, "values of facets"),
            ({"pattern": "a", "context": "mobile"}, {"hide": [{"objectID": "CH-77"}]}, "no context"),
            ({"pattern": "a", "filters": "shoe:1"}, {"hide": [{"objectID": "CH-77"}]}, 'no facet of "shoe"'),
            ({"pattern": "a"}, {"params": {"filters": "price < 20"}}, "include the number itself"),
            ({"pattern": "a"}, {"params": {"filters": "brand:A OR colour:red"}}, "alternatives"),
            ({"pattern": "a"}, {"params": {"filters": "brand:A AND (colour:red OR (price <= 3))"}}, "nested"),
            ({"pattern": "a"}, {"params": {"automaticFacetFilters": ["brand"]}}, "automaticFacetFilters"),
            ({"pattern": "a"}, {"params": {"query": {"remove": ["cheap"]}}}, "query: has no counterpart"),
            ({"pattern": "a"}, {"userData": {"settingID": 7}}, "userData"),
            ({"pattern": "a"}, {"hide": [{"objectID": "GONE"}]}, "no product GONE"),
            ({"pattern": "a"}, {"params": {"renderingContent": {"redirect": {"url": "javascript:x"}}}}, "url"),
        ],
    )
    def test_what_has_none_is_told_and_left_out(
        self, indexed_shop: Shop, condition: dict[str, Any], consequence: dict[str, Any], told: str
    ) -> None:
        rules, remarks = translated([{"objectID": "a", "conditions": [condition], "consequence": consequence}])

        assert rules == {}
        assert any(remark.startswith("a: ") and told in remark for remark in remarks)
        assert any("left out" in remark or told in remark for remark in remarks)

    def test_a_second_import_takes_the_place_of_the_first(self, indexed_shop: Shop) -> None:
        for kind in ("hide", "promote"):
            translated([{"objectID": "a", "consequence": {kind: [{"objectID": "CH-77", "position": 1}]}}])

        assert Rule.objects.get().actions.get().kind == "pin"

    def test_no_condition_means_always(self, indexed_shop: Shop) -> None:
        rules, _ = translated(
            [
                {"objectID": "a", "conditions": [], "consequence": {"hide": [{"objectID": "CH-77"}]}},
                {
                    "objectID": "b",
                    "conditions": [{"pattern": "", "anchoring": "is"}],
                    "consequence": {"hide": [{"objectID": "CH-77"}]},
                },
            ]
        )

        assert (rules["a"]["when"], rules["b"]["when"]) == ("always", "browsing")


class TestTypesense:
    def test_what_has_a_counterpart(self, indexed_shop: Shop) -> None:
        exported = {
            "overrides": [
                {
                    "id": "b-mugs",
                    "rule": {"query": "mug", "match": "contains"},
                    "includes": [{"id": "CH-77", "position": 1}],
                    "excludes": [{"id": "MUG-1001"}],
                    "filter_by": "brand:=[Acme, `Bolt`] && price:[5..90] && colour:!=green",
                    "remove_matched_tokens": False,
                    "metadata": {"text": "Mug week"},
                    "effective_from_ts": 1764547200,
                    "stop_processing": False,
                },
                {"id": "a-apple", "rule": {"query": "apple", "match": "exact"}, "replace_query": "mug"},
                {"id": "c", "rule": {"filter_by": "brand:=Acme"}, "includes": [{"id": "CH-77", "position": 2}]},
            ]
        }
        rules, remarks = translated(exported)
        mugs = rules["b-mugs"]

        assert mugs["searches"] == "* mug *"
        assert [action["kind"] for action in mugs["actions"]] == ["pin", "hide", "filter", "hide", "banner"]
        assert mugs["actions"][2]["having"] == "brand=Acme\nbrand=Bolt\nprice_min=5\nprice_max=90"
        assert mugs["actions"][3]["having"] == "colour=green"
        assert (rules["a-apple"]["final"], mugs.get("final", False)) == (True, False)
        assert rules["a-apple"]["priority"] > mugs["priority"] > rules["c"]["priority"]
        assert (rules["c"]["when"], rules["c"]["conditions"]) == ("always", "brand=Acme")
        assert remarks == ["b-mugs: metadata is taken for a banner: look whether it is one"]

    def test_curation_sets_since_version_30(self, indexed_shop: Shop) -> None:
        item = {"id": "x", "rule": {"query": "mug", "match": "exact"}, "excludes": [{"id": "CH-77"}]}
        rules, _ = translated([{"name": "set", "items": [item]}])

        assert list(rules) == ["x"]

    @pytest.mark.parametrize(
        ("row", "told"),
        [
            (
                {"rule": {"query": "{brand} phone", "match": "contains"}, "filter_by": "brand:={brand}"},
                "values of facets",
            ),
            ({"rule": {"tags": ["apple"]}, "excludes": [{"id": "CH-77"}]}, "no tags"),
            ({"rule": {"query": "a", "match": "exact"}, "sort_by": "price:asc"}, "sort_by"),
            ({"rule": {"query": "a", "match": "exact"}, "filter_by": "brand:A || colour:b"}, "alternatives"),
            ({"rule": {"query": "a", "match": "exact"}, "filter_by": "price:<20"}, "include the number"),
            ({"rule": {"query": "a", "match": "exact"}, "metadata": {"x": 1}}, "metadata"),
        ],
    )
    def test_what_has_none_is_told_and_left_out(self, indexed_shop: Shop, row: dict[str, Any], told: str) -> None:
        rules, remarks = translated([{"id": "a", **row}])

        assert rules == {}
        assert any(remark.startswith("a: ") and told in remark for remark in remarks)


@pytest.mark.parametrize(
    "text", ["[1]", "{", "[" * 100_000, '[{"objectID": "a", "consequence": 7}]', '[{"rule": "x"}]']
)
def test_files_that_are_no_export(text: str) -> None:
    with pytest.raises(ImportProblem):
        read_rules(ProductIndex.registered(), text)


def test_no_character_stops_a_file() -> None:
    table = "index,name,when,searches,kind,text\nproduct,a\0b,searches,mug,banner,x\n"
    export = '[{"objectID": "c\\u0000d", "conditions": [{"pattern": "mug", "anchoring": "is"}], '
    export += '"consequence": {"params": {"query": "cup"}}}]'
    for text in (table, export):
        bring_in(read_rules(ProductIndex.registered(), text), "anna", "")

    assert set(Rule.objects.values_list("name", flat=True)) == {"a b", "c d"}


class TestHistory:
    def test_who_changed_what_when(self, make_rule: MakeRule) -> None:
        with editing("anna", "Christmas"):
            rule = make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        with editing(User(username="bo")):
            rule.searches = "cup"
            rule.save()
            rule.actions.get().delete()
        rule.delete()
        made, changed, deleted = RuleVersion.objects.order_by("pk")

        assert (made.before, made.after["actions"]) == (None, [{"kind": "banner", "text": "One"}])
        assert (made.editor, made.occasion) == ("anna", "Christmas")
        assert (changed.before, changed.after["searches"], changed.after["actions"]) == (made.after, "cup", [])
        assert changed.editor == "bo"
        assert (deleted.before, deleted.after) == (changed.after, None)
        assert [str(one) for one in (made, changed, deleted)] == ["Rule: made", "Rule: changed", "Rule: deleted"]

    def test_each_row_alone_is_a_change(self, make_rule: MakeRule) -> None:
        rule = make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        rule.save()

        assert RuleVersion.objects.count() == 2  # the rule, its action; saving the same is none

    def test_what_fails_leaves_nothing(self, make_rule: MakeRule) -> None:
        def make_two_of_a_name() -> None:
            with editing("anna"):
                make_rule(searches="mug")
                make_rule(searches="mug")

        with pytest.raises(IntegrityError):
            make_two_of_a_name()

        assert (Rule.objects.count(), RuleVersion.objects.count()) == (0, 0)

    def test_a_change_is_taken_back_and_that_too(self, make_rule: MakeRule) -> None:
        with editing():
            rule = make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        with editing():
            rule.searches = "cup"
            rule.save()
            rule.actions.all().delete()
        restore(RuleVersion.objects.first(), editor="anna")
        back = Rule.objects.get()

        assert (back.pk, back.searches, back.actions.get().text) == (rule.pk, "mug", "One")
        restore(RuleVersion.objects.first())
        assert (Rule.objects.get().searches, Rule.objects.get().actions.count()) == ("cup", 0)

    def test_a_deleted_rule_comes_back_as_it_was(self, make_rule: MakeRule, indexed_shop: Shop) -> None:
        with editing():
            rule = make_rule(searches="mug", actions=[{"kind": "hide", "product": str(indexed_shop["red mug"].pk)}])
        key, was = rule.pk, write(rule)
        Rule.objects.all().delete()
        assert "Red mug" in [hit.object.name for hit in ProductIndex.search("mug")]
        restore(RuleVersion.objects.first())

        assert (Rule.objects.get().pk, write(Rule.objects.get())) == (key, was)
        assert "Red mug" not in [hit.object.name for hit in ProductIndex.search("mug")]

    def test_making_one_is_taken_back_too(self, make_rule: MakeRule) -> None:
        make_rule(searches="mug")
        restore(RuleVersion.objects.get())

        assert not Rule.objects.exists()

    def test_a_name_that_is_taken_by_now(self, make_rule: MakeRule) -> None:
        make_rule("First", searches="mug").delete()
        make_rule("First", searches="cup")

        with pytest.raises(ValidationError, match="has this name"):
            restore(RuleVersion.objects.get(after__isnull=True))


class TestNotation:
    def test_unknown_fields_are_told(self) -> None:
        with pytest.raises(ValidationError, match="colour"):
            read({"index": "product", "name": "A", "colour": "red"})
        with pytest.raises(ValidationError, match=r"Action 1.*colour"):
            read({"index": "product", "name": "A", "when": "always", "actions": [{"kind": "hide", "colour": "red"}]})

    def test_a_rule_from_python(self, indexed_shop: Shop) -> None:
        save(
            {"index": "product", "name": "A", "when": "always", "actions": [{"kind": "filter", "having": "brand=Bolt"}]}
        )

        assert {hit.object.brand.name for hit in ProductIndex.search("")} == {"Bolt"}


def test_a_table_with_the_line_ends_of_another_system() -> None:
    plain = "index,name,when\rshop.product,Bare,always\r"
    assert [rule["name"] for _, rule in read_table(plain).rules] == ["Bare"]


def test_products_are_named_as_a_file_writes_them(several: dict[str, Rule]) -> None:
    key = Product.objects.get(sku="M-1").pk

    assert ProductIndex.registered().keys_by("pk", [f"0{key}", "x"], Product.objects.all()) == {f"0{key}": str(key)}


@given(
    st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1), min_size=4, max_size=4
    )
)
@hypothesis(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_texts_come_back_as_they_went(make_rule: MakeRule, texts: list[str]) -> None:
    name, note, searches, banner = (one.replace("*", "").strip() or "x" for one in texts)
    Rule.objects.all().delete()
    actions = [{"kind": "banner", "text": banner}, {"kind": "banner", "text": note}]
    make_rule(name=name, note=note, searches=searches, when="searches", actions=actions)
    before = [write(rule) for rule in Rule.objects.all()]
    found = read_table(write_table(Rule.objects.all()))

    assert [rule for _, rule in found.rules] == before


def test_line_ends_within_a_cell_change_nothing(make_rule: MakeRule, tmp_path: Path) -> None:
    make_rule("Rule", searches="mug\r\ncup", note="one\rtwo\nthree", clean=True)
    out = StringIO()
    call_command("export_search_rules", str(tmp_path / "rules.csv"), stdout=out)
    call_command("import_search_rules", str(tmp_path / "rules.csv"), stdout=out)

    assert "Rules: 0 made, 0 changed, 1 as they were" in out.getvalue()


@pytest.mark.parametrize(
    ("written", "having"),
    [
        ("price = 20", "price_min=20\nprice_max=20"),
        ("price:20", "price_min=20\nprice_max=20"),
        ("price >= 10 AND price <= 20", "price_min=10\nprice_max=20"),
        ("price < 5 OR brand:Acme", None),
        ("price = 10 OR price = 20", None),
        ("price <= 5 OR price >= 10", None),
    ],
)
def test_numbers_of_an_algolia_filter(db: None, written: str, having: str | None) -> None:
    conditions = [{"pattern": "mug", "anchoring": "is"}]
    export = [{"objectID": "a", "conditions": conditions, "consequence": {"params": {"filters": written}}}]
    found = read_rules(ProductIndex.registered(), json.dumps(export))

    assert [rule["actions"] for _, rule in found.rules] == ([[{"kind": "filter", "having": having}]] if having else [])
    assert bool(found.remarks) == (having is None)


@pytest.mark.parametrize(
    ("written", "having"),
    [
        ("price:=20", "price_min=20\nprice_max=20"),
        ("price:[10..20]", "price_min=10\nprice_max=20"),
        ("price:=[10, 20]", None),
        ("brand:=[A, B]", "brand=A\nbrand=B"),
        ("brand:=[`A, B`, C,`D`]", "brand=A, B\nbrand=C\nbrand=D"),
    ],
)
def test_values_of_a_typesense_filter(db: None, written: str, having: str | None) -> None:
    export = [{"id": "a", "rule": {"query": "mug", "match": "exact"}, "filter_by": written}]
    found = read_rules(ProductIndex.registered(), json.dumps(export))

    assert [rule["actions"] for _, rule in found.rules] == ([[{"kind": "filter", "having": having}]] if having else [])
