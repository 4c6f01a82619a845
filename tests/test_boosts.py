"""Boosts: they decide between products that answer about as well, and never more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.db.models import DateField, Q
from django.db.models.functions import Cast, Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from catalog_search import Boost, SearchIndex
from catalog_search.boosts import boosted
from catalog_search.conf import Settings
from catalog_search.searching.candidates import Candidate, Candidates
from project.shop.models import Product
from project.shop.search import ProductIndex

LIMIT = Settings.BOOST_LIMIT.default

pytestmark = pytest.mark.django_db


@pytest.fixture
def boosts(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *boosts: monkeypatch.setattr(ProductIndex, "boosts", boosts)


@pytest.fixture
def mugs(make_product: Callable[..., Product], build_index: Any) -> list[Product]:
    """Five mugs that answer "mug" alike, the last the most popular, newest and only one to be had; and a chair."""
    now = timezone.now()
    made = [
        make_product("Mug", popularity=number, created=now - timedelta(days=30 * (4 - number)), stock=number // 4)
        for number in range(5)
    ]
    make_product("Red chair", popularity=99)
    build_index()
    return made


def found(text: str = "mug", **options: Any) -> list[int]:
    return [hit.object.pk for hit in ProductIndex.search(text, **options)]


@pytest.mark.parametrize(
    "boost",
    [
        Boost("popularity"),
        Boost("created", half_life=timedelta(days=30)),
        Boost(Q(stock__gt=0)),
        Boost(Q(stock=0), weight=-1.0),
    ],
)
def test_the_better_goes_first_among_equals(mugs: list[Product], boosts: Any, boost: Boost) -> None:
    boosts()
    assert found() == sorted((one.pk for one in mugs), key=str)
    boosts(boost)
    cache.clear()

    assert found()[0] == mugs[4].pk


def test_why_tells(mugs: list[Product], boosts: Any) -> None:
    boosts(Boost("popularity", weight=4.0), Boost(Q(stock=0), weight=-1.0))
    results = ProductIndex.search("mug", page_size=2)

    assert [round(hit.why.boost, 4) for hit in results] == [0.008, 0.004]
    assert results.hits[0].why.as_dict()["boost"] == 0.008
    assert results.hits[0].score == pytest.approx(results.hits[0].why.fused * 1.008)
    again = ProductIndex.search("mug", page=2, page_size=2)
    assert [round(hit.why.boost, 4) for hit in again] == [0.002, 0.0]


def test_what_answers_clearly_better_stays_first(mugs: list[Product], boosts: Any) -> None:
    Product.objects.filter(name="Red chair").update(popularity=1e9)
    boosts(Boost("popularity", weight=100.0))

    assert ProductIndex.search("mug", cutoff=None).hits[0].object.name == "Mug"


def test_browsing_and_sorts_keep_their_order(mugs: list[Product], boosts: Any) -> None:
    boosts()
    plain = found(""), found(sort="newest")
    boosts(Boost("popularity", weight=-0.05))

    assert (found(""), found(sort="newest")) == plain


def test_an_identifier_is_found_first_whatever_the_boosts(mugs: list[Product], boosts: Any) -> None:
    boosts(Boost("popularity", weight=10.0))

    assert found(mugs[1].sku)[0] == mugs[1].pk


def test_no_boost_costs_no_statement(mugs: list[Product], boosts: Any) -> None:
    found()
    counts = []
    for declared in ((), (Boost("popularity"), Boost(Q(stock__gt=0)), Boost("created", half_life=timedelta(1)))):
        boosts(*declared)
        with CaptureQueriesContext(connection) as queries:
            found()
        counts.append(len(queries))

    assert counts[1] == counts[0]  # the one that reads families reads it too


class _Scope:
    """The scope of an index whose boosts are given: no database is asked."""

    def __init__(self, boosts: list[Boost], rows: list[tuple[Any, ...]]) -> None:
        self.index, self.rows = type("Index", (SearchIndex,), {"boosts": boosts}), rows

    def facts(self, keys: Any) -> dict[str, Any]:
        return {str(key): ("", *values) for key, *values in self.rows}


@given(
    products=st.lists(
        st.tuples(
            st.floats(0, 2), st.one_of(st.none(), st.floats(-1e9, 1e9)), st.booleans(), st.sampled_from(["", "exact"])
        ),
        min_size=1,
        max_size=30,
    ),
    weights=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    judged=st.integers(0, 30),
)
def test_a_product_never_passes_one_that_scores_more_than_the_bound_allows(
    products: list[Any], weights: tuple[float, float], judged: int
) -> None:
    candidates = sorted(
        (Candidate(str(key), score, matched=matched) for key, (score, _, _, matched) in enumerate(products)),
        key=lambda one: (one.matched != "exact", -one.score),
    )
    candidates = [one._replace(rerank=0.5 if place < judged else None) for place, one in enumerate(candidates)]
    rows = [(key, number, flag) for key, (_, number, flag, _) in enumerate(products)]
    scope = _Scope([Boost("number", weights[0]), Boost(Q(flag=True), weights[1])], rows)
    ask: Any = type("Ask", (), {"query": "mug"})
    arranged = list(boosted(scope, ask, Candidates.of(candidates)))  # type: ignore[arg-type]

    assert {one.key for one in arranged} == {one.key for one in candidates}
    assert [one.matched for one in arranged] == [one.matched for one in candidates]
    assert [one.rerank for one in arranged] == [one.rerank for one in candidates]
    before = {one.key: one.score for one in candidates}
    kinds = {(one.matched, one.rerank) for one in arranged}
    for kind in kinds:
        scores = [before[one.key] for one in arranged if (one.matched, one.rerank) == kind]
        for place, score in enumerate(scores):
            assert all(later <= score * (1 + 1.02 * LIMIT) + 1e-9 for later in scores[place + 1 :])
    assert all(abs(one.boost) <= LIMIT + 1e-9 for one in arranged)


def test_dates_and_times_fade_by_half(mugs: list[Product], boosts: Any) -> None:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)  # as it is reckoned: by the hour
    for mug, age in zip(mugs, (-5, 0, 10, 20, 20_000), strict=True):
        Product.objects.filter(pk=mug.pk).update(created=now - timedelta(days=age))
    boosts(Boost("created", half_life=timedelta(days=10)))

    assert [hit.why.boost / LIMIT for hit in ProductIndex.search("mug")] == pytest.approx([1, 1, 0.5, 0.25, 0])


@pytest.mark.parametrize(("moment", "least", "most"), [(Now(), 0.5, 1.0), (None, 0.0, 0.0)])
def test_a_day_fades_from_its_beginning_and_no_day_gains_nothing(
    mugs: list[Product], moment: Any, least: float, most: float
) -> None:
    boost = Boost("day", half_life=timedelta(days=1))
    products = Product.objects.annotate(day=Cast(moment, DateField()))

    assert all(least <= one <= most for one in boost.strengths(products.values_list(boost.column, flat=True)))


def test_a_number_counts_by_its_place() -> None:
    assert Boost("sold").strengths([7, 1_000_000, 7, None, -3]).tolist() == [0.5, 1.0, 0.5, 0.0, 0.0]
    assert Boost("sold").strengths([7]).tolist() == [0.0]
