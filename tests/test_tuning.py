"""Tuning finds a planted weight, and refuses to find one in noise or in a handful of queries."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from catalog_search import tuning
from catalog_search.evaluation import CONDENSED, NDCG, Outcome, evaluate
from catalog_search.searching import Hit
from catalog_search.searching.results import Why
from project.shop.models import Product

Found = Mapping[str, Sequence[Hit]]


def hit(key: str, words: float, vectors: float, rerank: float | None = None) -> Hit:
    lanes = {"words": (1, words), "vectors": (1, vectors)}
    fused = 0.6 * words + 0.4 * vectors
    return Hit(SimpleNamespace(pk=key), fused, Why(lanes, fused, rerank))


def world(size: int, signal: str, seed: int = 0) -> tuple[dict[str, dict[str, int]], Found]:
    """Queries of two words, each with ten products; one lane (or none) knows the grades, and says so softly."""
    chance = random.Random(seed)
    judgements, found = {}, {}
    for number in range(size):
        query = f"query number{'abcdefghij'[number % 10] * (number // 10 + 1)}"
        grades = {f"{number}-{place}": chance.choice((0, 1, 2, 3)) for place in range(9)} | {f"{number}-9": 3}
        judgements[query] = grades
        found[query] = [
            hit(
                key,
                words=grade / 30 if signal == "words" else chance.random(),
                vectors=grade / 30 if signal == "vectors" else chance.random(),
                rerank=grade / 30 if signal == "reranker" else chance.random(),
            )
            for key, grade in grades.items()
        ]
    return judgements, found


@pytest.mark.parametrize(("signal", "low", "high"), [("vectors", 0.9, 1.0), ("words", 0.0, 0.1)])
def test_a_planted_weight_is_found(signal: str, low: float, high: float) -> None:
    (tuned,) = tuning.tune_weights(*world(40, signal), NDCG)

    assert tuned.name == 'VECTOR_WEIGHTS["words"]'
    assert low <= tuned.best <= high
    assert tuned.holds
    assert tuned.mean > 0.03


def test_a_planted_blend_is_found() -> None:
    tuned = tuning.tune_blend(*world(40, "reranker"), NDCG)

    assert tuned.best >= 0.9
    assert tuned.holds


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not_worth_a_change(seed: int) -> None:
    (tuned,) = tuning.tune_weights(*world(40, "neither", seed), NDCG)

    assert not tuned.holds


def test_a_handful_of_queries_is_refused() -> None:
    (tuned,) = tuning.tune_weights(*world(19, "vectors"), NDCG)

    assert tuned.refused
    assert not tuned.holds
    assert tuned.best == tuned.present


def test_the_present_weights_give_the_order_that_was_found() -> None:
    _, found = world(5, "words")
    for hits in found.values():
        expected = [one.object.pk for one in sorted(hits, key=lambda one: -one.score)]
        assert tuning._weighted(hits, 0.4) == expected
        assert tuning._blended(hits, 0.0) == expected


def test_the_blend_moves_only_what_was_judged() -> None:
    hits = [hit("a", 1, 1), hit("b", 0.8, 0.8, rerank=0.1), hit("c", 0.6, 0.6), hit("d", 0.4, 0.4, rerank=0.9)]

    assert tuning._blended(hits, 1.0) == ["a", "d", "c", "b"]


@pytest.mark.parametrize(("graded", "expected"), [(10, NDCG), (3, CONDENSED)])
def test_where_little_is_judged_the_condensed_measure_decides(graded: int, expected: str) -> None:
    keys = [f"k{number}" for number in range(10)]
    plain = evaluate("plain", {"q": dict.fromkeys(keys[:graded], 3)}, {"q": Outcome(keys, 10)})

    assert tuning.measure_of(plain) == expected


@pytest.fixture
def judged_shop(dummy_models: Any, db: None, tmp_path: Path) -> Callable[[int], Path]:
    def judged(queries: int) -> Path:
        names = [f"Lamp number{chr(97 + place % 26)}{chr(97 + place // 26)}" for place in range(queries)]
        Product.objects.bulk_create(
            Product(reference=f"R{place}", sku=f"S{place}", name=name, created=timezone.now())
            for place, name in enumerate(names)
        )
        call_command("rebuild_search_index", sync=True, verbosity=0)
        path = tmp_path / "judged.csv"
        rows = [f"{name.lower()},R{place},3" for place, name in enumerate(names)]
        path.write_text("\n".join(["query,product,grade", *rows]))
        return path

    return judged


@pytest.mark.parametrize("queries", [3, 24])
def test_the_command_tunes_and_draws(judged_shop: Callable[[int], Path], tmp_path: Path, queries: int) -> None:
    output, page = StringIO(), tmp_path / "report.html"
    path = judged_shop(queries)
    call_command(
        "evaluate_search", path, key="reference", tune=True, html=page, verbosity=0, stdout=output, stderr=output
    )

    text = output.getvalue()
    assert 'VECTOR_WEIGHTS["words"]' in text
    assert ("refused: fewer than 20 queries" in text) == (queries < 20)
    html = page.read_text()
    assert "nDCG@10 by class of query" in html
    assert "hybrid against lexical" in html
    assert "http" not in html.replace("http-equiv", "")
