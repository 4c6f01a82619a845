"""Exact measures on cases small enough to compute by hand, the file forms, and the command on a real index."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Callable
from io import StringIO
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from catalog_search import evaluation
from catalog_search.evaluation import JudgementError, Outcome, evaluate, read_judgements
from catalog_search.exceptions import CatalogSearchError
from catalog_search.registry import registry
from catalog_search.searching import search
from project.shop.models import Product

DUMMY = "catalog_search.backends.dummy"
GRADES = {"lamp": {"a": 3, "b": 2, "c": 0}, "boat": {"d": 0, "e": 1}}


def one(keys: str, **grades: int) -> dict[str, float]:
    """Score one ranking, a letter a product."""
    evaluated = evaluate("test", {"query": grades}, {"query": Outcome(list(keys), len(keys))})
    return dict(evaluated.scores["query"])


class TestMeasures:
    def test_perfect(self) -> None:
        assert one("abc", a=3, b=2, c=0) == dict.fromkeys(evaluation.MEASURES, 1.0)

    def test_order_counts_by_grade_and_log2_of_rank(self) -> None:
        scores = one("cba", a=3, b=2, c=0)

        assert scores["nDCG@10"] == pytest.approx((2 / log2(3) + 3 / log2(4)) / (3 + 2 / log2(3)))
        assert scores["MRR"] == 0.5

    def test_condensed_ignores_the_ungraded(self) -> None:
        scores = one("xayb", a=3, b=2)

        assert scores["condensed"] == 1.0
        assert scores["nDCG@10"] == pytest.approx((3 / log2(3) + 2 / log2(5)) / (3 + 2 / log2(3)))
        assert scores["judged@10"] == 0.5

    def test_condensed_removes_before_the_first_ten_are_taken(self) -> None:
        scores = one("klmnopqrstuvwxyza", a=3)

        assert scores["nDCG@10"] == 0.0
        assert scores["condensed"] == 1.0
        assert scores["judged@10"] == 0.0

    def test_recall_counts_from_grade_two(self) -> None:
        scores = one("ac", a=3, b=2, c=1)

        assert scores["recall@100"] == 0.5

    def test_recall_looks_at_a_hundred(self) -> None:
        keys = [f"other {number}" for number in range(99)] + ["a", "b"]
        evaluated = evaluate("test", {"q": {"a": 2, "b": 2}}, {"q": Outcome(keys, len(keys))})

        assert evaluated.scores["q"]["recall@100"] == 0.5

    def test_grade_one_is_gain_but_not_relevant(self) -> None:
        scores = one("ca", a=3, c=1)

        assert scores["MRR"] == 0.5
        assert scores["nDCG@10"] == pytest.approx((1 + 3 / log2(3)) / (3 + 1 / log2(3)))

    def test_nothing_found_scores_zero_and_has_no_judged_share(self) -> None:
        assert one("", a=3) == {"nDCG@10": 0.0, "condensed": 0.0, "recall@100": 0.0, "MRR": 0.0}

    def test_order_of_equal_products_is_the_order_given(self) -> None:
        assert one("ba", a=3)["MRR"] == 0.5
        assert one("ab", a=3)["MRR"] == 1.0


class TestEvaluation:
    def test_queries_without_an_answer_are_left_out_and_counted(self) -> None:
        judgements = {**GRADES, "tram": {"d": 1}}
        outcomes = {"lamp": Outcome(["a", "b"], 2), "boat": Outcome(["d"], 1), "tram": Outcome()}

        evaluated = evaluate("test", judgements, outcomes)

        assert list(evaluated.scores) == ["lamp"]
        assert evaluated.silent == (1, 2)
        assert evaluated.none_found == 0.0

    def test_means_and_share_that_finds_nothing(self) -> None:
        judgements = {"lamp": {"a": 3}, "boat": {"b": 3}}

        evaluated = evaluate("test", judgements, {"lamp": Outcome(["a"], 1), "boat": Outcome()})

        assert evaluated.means["nDCG@10"] == 0.5
        assert evaluated.means["judged@10"] == 1.0
        assert evaluated.none_found == 0.5

    def test_latency_is_the_median_of_each_stage(self) -> None:
        outcomes = {
            query: Outcome(["a"], 1, {"total": total, "encode": 1.0})
            for query, total in zip("pqr", (9.0, 3.0, 50.0), strict=True)
        }

        evaluated = evaluate("test", {query: {"a": 3} for query in "pqr"}, outcomes)

        assert evaluated.timings == {"total": 9.0, "encode": 1.0}
        assert evaluated.milliseconds == 8.0

    def test_json_holds_everything(self) -> None:
        evaluated = evaluate("test", GRADES, {"lamp": Outcome(["a"], 1), "boat": Outcome()})

        kept = json.loads(json.dumps(evaluated.as_dict()))

        assert kept["scores"]["lamp"]["MRR"] == 1.0
        assert kept["no_answer"] == {"queries": 1, "silent": 1}

    def test_random_order_is_the_mean_over_orders(self) -> None:
        floor = evaluation.random_floor({"lamp": {"a": 3, "b": 0}}, shuffles=2000)

        assert floor.means["condensed"] == pytest.approx((1 + 1 / log2(3)) / 2, abs=0.01)

    def test_random_order_is_the_same_each_time(self) -> None:
        assert evaluation.random_floor(GRADES) == evaluation.random_floor(GRADES)


class TestDifference:
    @staticmethod
    def evaluated(*scores: float) -> evaluation.Evaluation:
        return evaluation.Evaluation("test", {f"q{n}": {"nDCG@10": score} for n, score in enumerate(scores)})

    def test_of_equals_is_zero(self) -> None:
        gap = evaluation.difference(self.evaluated(0.2, 0.4), self.evaluated(0.2, 0.4))

        assert (gap.mean, gap.low, gap.high, gap.winners, gap.losers) == (0.0, 0.0, 0.0, [], [])

    def test_is_paired(self) -> None:
        gap = evaluation.difference(self.evaluated(0.0, 0.5, 0.9), self.evaluated(0.1, 0.6, 1.0))

        assert (gap.mean, gap.low, gap.high) == pytest.approx((0.1, 0.1, 0.1))

    def test_an_interval_of_many_queries_takes_little_memory(self) -> None:
        tracemalloc.start()
        low, high = evaluation.interval(np.arange(20_000.0))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

        assert low < 9_999.5 < high
        assert high - low == pytest.approx(2 * 1.96 * 20_000 / math.sqrt(12 * 20_000), rel=0.05)
        assert peak < 100_000_000

    def test_interval_spans_the_mean(self) -> None:
        gap = evaluation.difference(self.evaluated(0.5, 0.5, 0.5, 0.5), self.evaluated(0.9, 0.6, 0.4, 0.5))

        assert gap.low < 0 < gap.mean < gap.high
        assert [query for query, _ in gap.winners] == ["q0", "q1"]
        assert [query for query, _ in gap.losers] == ["q2"]


class TestFiles:
    @pytest.mark.parametrize(
        "content", ["query,product,grade\nÄpfel,1,2\n".encode("latin-1"), b"query\n" + b"x" * 200_000]
    )
    def test_what_cannot_be_read_is_told(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "judgements.csv").write_bytes(content)

        with pytest.raises(JudgementError, match="UTF-8"):
            read_judgements(tmp_path / "judgements.csv")

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "queries.jsonl").write_text('{"id": "q1", "query": "lamp"}\n\n{"id": "q2", "query": "boat"}\n')
        (tmp_path / "qrels.tsv").write_text("query_id\tproduct_id\tgrade\nq1\t17\t3\nq1\t18\t0\n")

        assert read_judgements(tmp_path) == {"lamp": {"17": 3, "18": 0}}

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("file.csv", 'query,product,grade\n"lamp, red",17,3\n"lamp, red",18,0\n'),
            ("file.tsv", "grade\tquery\tproduct\n3\tlamp, red\t17\n0\tlamp, red\t18\n"),
            ("file.csv", '\ufeffquery,product,grade\n"lamp, red",17,1\n"lamp, red",17,3\n"lamp, red",18,0\n'),
            (
                "file.jsonl",
                '{"query": "lamp, red", "product": 17, "grade": 3}\n'
                '{"query": "lamp, red", "product": "18", "grade": 0}\n',
            ),
        ],
    )
    def test_file(self, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text)

        assert read_judgements(tmp_path / name) == {"lamp, red": {"17": 3, "18": 0}}

    @pytest.mark.parametrize(
        ("name", "text", "message"),
        [
            ("file.csv", "query,product,grade\nlamp,17,4\n", "line 2: the grade of .17. is '4'"),
            ("file.csv", "query,product,grade\nlamp,17\n", "line 2: the grade of .17. is None"),
            ("file.csv", "question,product,grade\nlamp,17,1\n", "line 2: a judgement needs a query"),
            ("file.csv", "query,product,grade\n", "holds no judgements"),
            ("file.jsonl", '{"query": "lamp"\n', "line 1: not JSON"),
            ("file.jsonl", "[1]\n", "line 1: not a JSON object"),
            ("file.xlsx", "", "none of .jsonl, .csv and .tsv"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path: Path, name: str, text: str, message: str) -> None:
        (tmp_path / name).write_text(text)

        with pytest.raises(JudgementError, match=message):
            read_judgements(tmp_path / name)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(JudgementError, match="does not exist"):
            read_judgements(tmp_path / "nowhere.csv")

    def test_query_that_the_folder_does_not_name(self, tmp_path: Path) -> None:
        (tmp_path / "queries.jsonl").write_text('{"id": "q1", "query": "lamp"}\n')
        (tmp_path / "qrels.tsv").write_text("query_id\tproduct_id\tgrade\nq9\t17\t3\n")

        with pytest.raises(JudgementError, match=r'qrels\.tsv, line 2: queries\.jsonl has no query "q9"'):
            read_judgements(tmp_path)


NAMES = {"L1": "red table lamp", "L2": "blue table lamp", "B1": "wooden boat", "C1": "warm wool coat"}


@pytest.fixture
def dummies(settings: Any) -> Any:
    """Make the dummy models the shop's, with a cache that no other test shares."""
    settings.CATALOG_SEARCH = {
        "EMBEDDER": {"BACKEND": f"{DUMMY}.DummyEmbedder"},
        "RERANKER": {"BACKEND": f"{DUMMY}.DummyReranker"},
        "CUTOFF": -100.0,  # four products are no background to stand out from
    }
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "judged"}}
    return settings


@pytest.fixture
def shop(db: None, dummies: Any) -> None:
    """Four products in an index."""
    now = timezone.now()
    Product.objects.bulk_create(
        Product(reference=reference, sku=reference, name=name, created=now) for reference, name in NAMES.items()
    )
    call_command("rebuild_search_index", sync=True, verbosity=0)


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of judgements."""

    def write(**grades: int) -> Path:
        path = tmp_path / "judged.csv"
        rows = [f"table lamp,{product},{grade}" for product, grade in grades.items()]
        path.write_text("\n".join(["query,product,grade", *rows]))
        return path

    return write


def measure(*arguments: object, **options: Any) -> str:
    output = StringIO()
    call_command("evaluate_search", *arguments, verbosity=0, stdout=output, stderr=output, **options)
    return output.getvalue()


@pytest.mark.usefixtures("shop")
class TestCommand:
    def test_compares_all_configurations(self, judged: Callable[..., Path], tmp_path: Path) -> None:
        output = measure(judged(L1=3, L2=3, B1=0), key="reference", json=tmp_path / "measured.json")

        kept = json.loads((tmp_path / "measured.json").read_text())
        assert [one["name"] for one in kept["evaluations"]] == ["lexical", "vector", "hybrid", "reranked"]
        assert [one["means"]["recall@100"] for one in kept["evaluations"]] == [1.0] * 4
        assert kept["evaluations"][0]["means"]["nDCG@10"] == 1.0
        assert 0 < kept["random"]["means"]["condensed"] < 1
        assert "nDCG@10 of hybrid against lexical: +0.000, 95 % interval +0.000 to +0.000" in output
        assert "random" in output

    def test_primary_keys_are_the_default(self, judged: Callable[..., Path]) -> None:
        lamp = Product.objects.get(reference="L1")

        output = measure(judged(**{str(lamp.pk): 3, "not a number": 0}), compare="lexical")

        assert "1 queries with a relevant product" in output
        assert "1 judgements are of products not in the catalogue" in output
        assert "lexical" in output
        assert "hybrid" not in output

    def test_hidden_products_are_not_judged(self, judged: Callable[..., Path]) -> None:
        Product.objects.filter(reference="L2").update(is_public=False)

        assert "1 judgements are of" in measure(judged(L1=3, L2=3), key="reference", compare="lexical")

    def test_no_product_matches(self, judged: Callable[..., Path]) -> None:
        with pytest.raises(CommandError, match="--key sku"):
            measure(judged(L1=3))

    def test_nothing_relevant(self, judged: Callable[..., Path]) -> None:
        with pytest.raises(CommandError, match="graded 2 or higher"):
            measure(judged(L1=1), key="reference")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"key": "colors"}, 'no field "colors" for a key; it has: id, reference'),
            ({"compare": "magic"}, 'no configuration "magic"; there are lexical, vector'),
            ({"index": "planet"}, 'no search index "planet"'),
        ],
    )
    def test_options_that_mean_nothing(
        self, judged: Callable[..., Path], options: dict[str, str], message: str
    ) -> None:
        with pytest.raises(CommandError, match=message):
            measure(judged(L1=3), **options)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="does not exist"):
            measure(tmp_path / "nowhere.csv")

    def test_no_reranker(self, judged: Callable[..., Path], dummies: Any) -> None:
        dummies.CATALOG_SEARCH = {**dummies.CATALOG_SEARCH, "RERANKER": None}

        with pytest.raises(CommandError, match="There is no reranker"):
            measure(judged(L1=3), key="reference", compare="reranked")
        assert "reranked" not in measure(judged(L1=3), key="reference")

    def test_a_failing_model_is_told(self, judged: Callable[..., Path], dummies: Any) -> None:
        failing = {"BACKEND": f"{DUMMY}.DummyReranker", "OPTIONS": {"fails": True}}
        dummies.CATALOG_SEARCH = {**dummies.CATALOG_SEARCH, "RERANKER": failing}

        assert "reranked: 1 searches went without reranker" in measure(judged(L1=3), key="reference")


@pytest.mark.django_db
@pytest.mark.usefixtures("dummies")
def test_index_that_was_never_built(judged: Callable[..., Path]) -> None:
    with pytest.raises(CommandError, match="rebuild_search_index"):
        measure(judged(L1=3))


@pytest.mark.usefixtures("shop")
class TestLanes:
    @pytest.mark.parametrize(
        ("lanes", "found"),
        [(("words",), {"words"}), (("identifiers",), set()), (("vectors",), {"vectors"})],
    )
    def test_one_lane_alone(self, lanes: tuple[str, ...], found: set[str]) -> None:
        results = search(registry.for_model(Product), "lamp", lanes=lanes, cutoff=None)

        assert {lane for hit in results for lane in hit.why.lanes} == found
        assert "encode" in results.timings or "vectors" not in lanes

    def test_unknown_lane(self) -> None:
        with pytest.raises(CatalogSearchError, match='no lane "smell"; it has: identifiers, words, vectors'):
            search(registry.for_model(Product), "lamp", lanes=["smell"])
