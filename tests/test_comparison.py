"""Comparison: what a change would do to the pages that people ask for."""

from __future__ import annotations

import json
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from catalog_search.comparison import Asked, compare, rank_biased_overlap
from catalog_search.conf import Settings as SettingsClass
from catalog_search.conf import settings as own_settings
from catalog_search.exceptions import CatalogSearchError, ConfigurationError
from catalog_search.merchandising import steps_with
from catalog_search.merchandising.rulings import ruling_of
from catalog_search.models import Generation, QueryLog, Rule, RuleAction
from catalog_search.searching import reranking
from project.shop.search import ProductIndex

from .shop import Shop

rankings = st.lists(st.sampled_from("abcdefghijkl"), unique=True, max_size=10)


class TestOverlap:
    @given(rankings, rankings)
    def test_it_lies_between_nothing_and_all(self, first: list[str], second: list[str]) -> None:
        overlap = rank_biased_overlap(first, second)

        assert 0.0 <= overlap <= 1.0 + 1e-9
        assert overlap == pytest.approx(rank_biased_overlap(second, first))
        assert (overlap == pytest.approx(1.0)) == (first == second)
        assert (overlap == 0.0) == (not set(first) & set(second) and first != second)

    def test_the_first_places_weigh_most(self) -> None:
        letters = list("abcdefghij")

        assert rank_biased_overlap(letters, ["x", *letters[1:]]) < rank_biased_overlap(letters, [*letters[:-1], "x"])

    def test_by_hand(self) -> None:
        # Depth 1: none of 1. Depth 2: both of 2, at 0.9 of the weight.
        assert rank_biased_overlap(["a", "b"], ["b", "a"]) == pytest.approx(0.9 / 1.9)


@pytest.mark.django_db
class TestCompare:
    def test_the_same_twice_changes_nothing(self, indexed_shop: Shop) -> None:
        found = compare(ProductIndex.registered(), ["mug", "chair", "nothing of the kind"], {}, {})

        assert found.changed == []
        assert (found.searches, found.share, found.overlap, found.jaccard) == (3, 0.0, 1.0, 1.0)

    def test_both_sides_rerank_as_deep(self, make_product: Any, build_index: Any, settings: Any) -> None:
        for number in range(12):
            make_product(f"Mug {number}")
        build_index()
        dummy = {"BACKEND": "catalog_search.backends.dummy.DummyReranker"}
        settings.CATALOG_SEARCH |= {"RERANKER": dummy, "RERANK_SECONDS": 1.0}
        reranking.paces["RERANKER"]._seconds = 0.2  # as after a busy minute; it is found to be faster at once
        (one, other) = compare(ProductIndex.registered(), ["mug", "a mug"], {}, {}).pages

        assert {page.reranked for each in (one, other) for page in (each.before, each.after)} == {5}
        assert ProductIndex.search("my mug").reranked > 5

    def test_nothing_to_compare(self, indexed_shop: Shop) -> None:
        found = compare(ProductIndex.registered(), [], {}, {})

        assert (found.searches, found.share, found.overlap) == (0, 0.0, 1.0)

    def test_a_draft_of_a_rule(self, indexed_shop: Shop) -> None:
        rule = Rule(index="shop.product", name="Draft", searches="mug")
        hide = RuleAction(kind="hide", product=str(indexed_shop["red mug"].pk))
        pin = RuleAction(kind="pin", product=str(indexed_shop["dress"].pk), position=1)
        ruling, problems = ruling_of(rule, [hide, pin])
        assert ruling is not None
        asked = [Asked("mug", count=3), Asked("chair")]
        found = compare(ProductIndex.registered(), asked, {}, steps_with([ruling]))
        (change,) = found.changed

        assert problems == []
        assert not Rule.objects.exists()
        assert (change.asked.text, found.share) == ("mug", 0.75)
        assert change.entered == [str(indexed_shop["dress"].pk)]
        assert change.left == [str(indexed_shop["red mug"].pk)]
        assert change.moved >= 1
        before, after = ({hit.object.name: how for hit, how in side} for side, _ in change.sides)
        assert before["Red mug"] == "left"
        assert after["Summer dress"] == "entered"
        assert found.as_dict()["differences"][0]["rules"] == [[], ["Draft"]]

    def test_another_variant_of_what_is_shown(self, make_product: Any, build_index: Any) -> None:
        blue = make_product("Blue shirt", picture="blue")
        red = make_product("Red shirt", picture="red", parent=blue)
        build_index()
        rule = Rule(index="shop.product", name="Draft", searches="red shirt")
        ruling, _ = ruling_of(rule, [RuleAction(kind="pin", product=str(blue.pk), position=1)])
        assert ruling is not None
        (change,) = compare(ProductIndex.registered(), ["red shirt"], {}, steps_with([ruling])).changed
        (before, _), (after, _) = change.sides

        # The page is another one, but the family neither left nor came.
        assert (change.left, change.entered) == ([str(red.pk)], [str(blue.pk)])
        assert [(hit.object, how) for hit, how in before] == [(red, "")]
        assert [(hit.object, how) for hit, how in after] == [(blue, "variant")]

    def test_weights(self, indexed_shop: Shop) -> None:
        index = ProductIndex.registered()
        by_words = {"VECTOR_WEIGHTS": {"words": 0.0}, "CUTOFF": 99.0}
        by_meaning = {"VECTOR_WEIGHTS": {"words": 1.0}, "CUTOFF": -99.0}
        found = compare(index, ["red mug"], {"settings": by_words}, {"settings": by_meaning})

        assert found.changed
        assert own_settings.VECTOR_WEIGHTS["words"] == 0.5

    def test_a_generation(self, indexed_shop: Shop) -> None:
        index = ProductIndex.registered()
        empty = Generation.objects.create(index="shop.product", definition={}, state=Generation.State.READY)
        found = compare(index, ["mug"], {}, {"generation": empty})

        assert found.changed[0].left
        assert found.changed[0].jaccard == 0.0

    def test_it_leaves_no_trace(self, indexed_shop: Shop, logbook: Any) -> None:
        ProductIndex.search("mug", page_size=1)
        second = [hit.object for hit in ProductIndex.search("mug", page_size=1, page=2)]
        compare(ProductIndex.registered(), ["mug"], {}, {"settings": {"VECTOR_WEIGHTS": {"word": 1.0}}, "page_size": 1})
        logbook.write()

        assert [hit.object for hit in ProductIndex.search("mug", page_size=1, page=2)] == second
        assert not QueryLog.objects.exists()

    def test_options_that_are_none(self, indexed_shop: Shop) -> None:
        index = ProductIndex.registered()

        with pytest.raises(ConfigurationError, match="WEIGHTS"):
            compare(index, ["mug"], {}, {"settings": {"WEIGHTS": {}}})
        with pytest.raises(ConfigurationError, match="from 0 to 1"):
            compare(index, ["mug"], {}, {"settings": {"VECTOR_WEIGHTS": {"word": 7}}})
        with pytest.raises(CatalogSearchError, match="lane"):
            compare(index, ["mug"], {}, {"lanes": ["ears"]})


def test_settings_change_for_one_thread_alone() -> None:
    seen: list[float] = []
    with own_settings.changed({"CUTOFF": 7.0}):
        thread = threading.Thread(target=lambda: seen.append(own_settings.CUTOFF))
        thread.start()
        thread.join()
        seen.append(own_settings.CUTOFF)
        with own_settings.changed({"PAGE_SIZE": 5}):
            seen.append(own_settings.CUTOFF + own_settings.PAGE_SIZE)

    with own_settings.changed({"VECTOR_WEIGHTS": {"word": 0.9}}):
        assert {**SettingsClass.VECTOR_WEIGHTS.default, "word": 0.9} == own_settings.VECTOR_WEIGHTS
    assert seen == [2.5, 7.0, 12.0]
    assert own_settings.CUTOFF == 2.5


def replay(*arguments: Any, **options: Any) -> str:
    told = StringIO()
    call_command("replay_search_log", *arguments, verbosity=0, stdout=told, **options)
    return told.getvalue()


@pytest.mark.django_db
class TestReplay:
    @pytest.fixture
    def queries(self, tmp_path: Path) -> Path:
        path = tmp_path / "queries.txt"
        path.write_text("red mug\t30\n\nchair\t²\nsummer dress\t5\n")
        return path

    @pytest.fixture
    def rules(self, tmp_path: Path, indexed_shop: Shop) -> Path:
        path = tmp_path / "rules.csv"
        pin = indexed_shop["dress"].pk
        path.write_text(f"index,name,searches,kind,product,position\nproduct,Dress first,* mug *,pin,{pin},1\n")
        return path

    def test_a_file_of_queries_with_and_without_rules(self, indexed_shop: Shop, queries: Path, rules: Path) -> None:
        told = replay(queries, after=json.dumps({"rules": str(rules)}))

        assert "3 queries: 1 pages change, 83.3% of what people ask." in told
        assert "red mug" in told
        assert "chair" not in told

    def test_as_json_and_as_a_page(self, indexed_shop: Shop, queries: Path, rules: Path, tmp_path: Path) -> None:
        written, page = tmp_path / "out.json", tmp_path / "out.html"
        after = tmp_path / "after.json"
        after.write_text(json.dumps({"rules": str(rules)}))
        replay(queries, after=str(after), json=written, html=page)
        told = json.loads(written.read_text())

        assert (told["searches"], told["changed"]) == (3, 1)
        assert told["differences"][0]["entered"] == [str(indexed_shop["dress"].pk)]
        assert '<span class="entered">Summer dress</span>' in page.read_text()

    def test_the_log(self, indexed_shop: Shop, logbook: Any, client: Any, rules: Path) -> None:
        for _ in range(3):
            client.get("/search/", {"q": "red mug"})
        logbook.write()
        told = replay(before="lexical", after=json.dumps({"rules": str(rules)}))

        assert "1 queries: 1 pages" in told
        assert "red mug" in told

    def test_an_empty_log(self, indexed_shop: Shop) -> None:
        with pytest.raises(CommandError, match="nothing to replay"):
            replay(after="lexical")

    def test_with_judgements(self, indexed_shop: Shop, tmp_path: Path, rules: Path) -> None:
        judged = tmp_path / "judged.csv"
        judged.write_text(f"query,product,grade\nred mug,{indexed_shop['red mug'].sku},3\n")
        written = tmp_path / "out.json"
        told = replay(judgements=judged, key="sku", after=json.dumps({"rules": str(rules)}), json=written)
        before, after = json.loads(written.read_text())["differences"][0]["nDCG@10"]

        assert "nDCG@10 1.000 -> 0.631" in told
        assert (before, round(after, 3)) == (1.0, 0.631)

    def test_without_the_rules_in_force(self, indexed_shop: Shop, queries: Path, make_rule: Any) -> None:
        make_rule(searches="chair", actions=[{"kind": "banner", "text": "Sit down"}])

        assert "1 pages change" in replay(queries, before='{"rules": []}')

    @pytest.mark.parametrize(
        ("written", "told"),
        [
            ("{", "is no configuration"),
            ("no such file", "is no configuration"),
            ('{"settings": 5}', "settings cannot be 5"),
            ('{"lanes": "words"}', 'lanes cannot be "words"'),
            ('{"generation": "abc"}', 'generation cannot be "abc"'),
            ('{"colour": 1}', "give some of"),
            ('{"generation": 999999}', "no ready generation"),
            ('{"settings": {"CUTOF": 1}}', "CUTOF"),
            ('{"rules": "missing.csv"}', "missing.csv"),
        ],
    )
    def test_mistakes_are_told(self, indexed_shop: Shop, queries: Path, written: str, told: str) -> None:
        with pytest.raises(CommandError, match=told):
            replay(queries, after=written)
        with pytest.raises(CommandError, match="are the same: give --after"):
            replay(queries)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["ARRANGE", "REWRITE"])
def test_steps_are_settings_that_can_be_tried(indexed_shop: Any, make_rule: Any, name: str) -> None:
    make_rule(searches="mug", actions=[{"kind": "pin", "product": str(indexed_shop["photo mug"].pk), "position": 3}])
    (found,) = compare(ProductIndex.registered(), ["mug"], {}, {"settings": {name: []}}).pages

    assert found.before.hits[2].object == indexed_shop["photo mug"]
    assert found.changed
