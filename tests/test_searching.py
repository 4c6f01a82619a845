"""The read side, with models whose answers can be worked out: words and colours."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog_search.exceptions import CatalogSearchError, ImageError
from catalog_search.facets import bounds
from catalog_search.indexing import drain
from catalog_search.models import Document, Generation
from catalog_search.searching import extent
from catalog_search.searching.query import Query
from catalog_search.searching.scope import Scope
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop, names

pytestmark = pytest.mark.django_db


def values(text: str, facet: str, **options: Any) -> dict[str, int]:
    return {value.value: value.count for value in ProductIndex.search(text, **options).facets[facet].found}


# Words


def test_products_with_all_words_come_first(indexed_shop: Shop) -> None:
    assert names("red mug")[0] == "Red mug"


def test_words_are_stemmed_and_accents_folded(make_product: Callable[..., Product], build_index: Any) -> None:
    make_product("Café chairs")
    build_index()

    assert names("cafe chair") == ["Café chairs"]


def test_a_minus_excludes(indexed_shop: Shop) -> None:
    assert "Red mug" not in names("mug -red")
    assert "Blue mug" in names("mug -red")


def test_a_minus_excludes_what_an_identifier_names(indexed_shop: Shop) -> None:
    sku = indexed_shop["red mug"].sku
    assert "Red mug" in [str(hit.object) for hit in ProductIndex.search(sku)]
    assert "Red mug" not in [str(hit.object) for hit in ProductIndex.search(f"{sku} -red")]


def test_quotes_ask_for_the_phrase(indexed_shop: Shop, make_product: Callable[..., Product]) -> None:
    make_product("Dress for the summer, and a mug")
    drain()

    assert names('"summer dress"', cutoff=99) == ["Summer dress"]


def test_some_words_do_where_too_few_hold_all(indexed_shop: Shop) -> None:
    found = names("red mug unheard")

    assert found[0] == "Red mug"


@pytest.mark.parametrize(
    "text",
    [
        *("'", "\\", "a & b | !c", "((", "<->", ":*", "-", '"', "\x00red\x00", "%s %(x)s", "🫖", "\ud83e"),
        *("x" * 10_000, "red " * 5_000, "-" * 5_000, "-x " * 500, "\\" * 3_000, "a'b:*|&!" * 100),
    ],
)
def test_odd_text_and_text_without_end_are_only_text(indexed_shop: Shop, text: str) -> None:
    assert ProductIndex.search(text).degraded == ()


# Identifiers


@pytest.mark.parametrize("text", ["MUG-1001", "mug1001", "mug 1001", "MUG-10-01"])
def test_an_identifier_is_found_however_it_is_written(indexed_shop: Shop, text: str) -> None:
    best = ProductIndex.search(text).hits[0]

    assert best.object == indexed_shop["red mug"]
    assert best.why.matched == "exact"


def test_a_prefix_finds_its_few_products(indexed_shop: Shop) -> None:
    assert set(names("mug-10", cutoff=99)) == {"Red mug", "Blue mug", "Mug"}


@pytest.mark.parametrize(
    ("sku", "text"), [("SF-1704-BK", "1704"), ("SF-1704-BK", "1704 bk"), ("SF1704BK", "1704"), ("SF_17B4.X", "17b4")]
)
def test_a_piece_of_an_identifier_finds_its_product_and_pins_nothing(
    indexed_shop: Shop, make_product: Callable[..., Product], sku: str, text: str
) -> None:
    made = make_product("Rain boots", sku=sku)
    drain()
    (hit,) = ProductIndex.search(text, lanes=("identifiers",)).hits

    assert hit.object == made
    assert hit.why.matched == "word"


def test_an_identifier_among_words_lifts_its_product(indexed_shop: Shop) -> None:
    best = ProductIndex.search("chair or MUG-1002").hits[0]

    assert best.object == indexed_shop["blue mug"]


@pytest.mark.parametrize("text", ["chair MUG/1002", "chair (mug-1002)", "chair mug 1002", "chair MUG-10 02"])
def test_an_identifier_among_words_is_found_however_it_is_written(indexed_shop: Shop, text: str) -> None:
    best = ProductIndex.search(text).hits[0]

    assert (best.object, best.why.matched) == (indexed_shop["blue mug"], "word")


def test_the_first_word_of_a_long_query_is_not_the_whole_of_it(
    indexed_shop: Shop, make_product: Callable[..., Product], build_index: Any
) -> None:
    make_product("Strange thing", sku="27")
    build_index()
    exact = [hit.object.name for hit in ProductIndex.search("27") if hit.why.matched == "exact"]

    assert exact == ["Strange thing"]
    for options in ({"text": "27 inches " + "red mug " * 10}, {"terms": [("27 inches of red mug", 1)]}):
        assert "exact" not in [hit.why.matched for hit in ProductIndex.search(**options)]
    assert ProductIndex.search(terms=[("MUG-1001", 1)])[0].why.matched == "exact"


def test_a_number_is_an_identifier_beside_words_of_its_product_alone(
    make_product: Callable[..., Product], build_index: Any
) -> None:
    ink = make_product("Ink cartridge", "Acme", sku="27")
    monitor = make_product("Monitor", description="A screen of 27 inch.")
    build_index()

    def found(text: str) -> list[tuple[Any, str]]:
        return [(hit.object, hit.why.matched) for hit in ProductIndex.search(text, lanes=("identifiers", "words"))]

    assert found('27" monitor') == [(monitor, "")]
    assert found("acme 27")[0] == (ink, "word")
    assert found("27")[0] == (ink, "exact")


def test_digits_are_never_corrected(indexed_shop: Shop) -> None:
    assert "Red mug" not in names("MUG-1009", cutoff=99)


# Pictures


def test_a_picture_finds_what_looks_like_it(indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
    hits = ProductIndex.search(image=picture_bytes("red"), cutoff=0.0).hits

    assert {hit.object.name for hit in hits[:2]} == {"Red mug", "Red chair"}


def test_a_colour_that_only_the_photo_shows_is_found(indexed_shop: Shop) -> None:
    assert names("green", cutoff=1.0)[0] == "Mug"


def test_words_and_picture_are_asked_together(indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
    assert names("mug", image=picture_bytes("green"))[0] == "Mug"
    assert names("chair", image=picture_bytes("red"))[0] == "Red chair"


def test_a_broken_picture_is_refused(indexed_shop: Shop) -> None:
    with pytest.raises(ImageError):
        ProductIndex.search(image=b"no picture")


def test_like_leaves_out_the_product_itself(indexed_shop: Shop) -> None:
    found = names(like=[indexed_shop["red mug"]], cutoff=None)

    assert "Red mug" not in found
    assert found[0] in ("Blue mug", "Mug", "Red chair")


# Visibility and filters


def test_drafts_are_found_by_nobody_but_those_who_may(indexed_shop: Shop) -> None:
    assert "Secret mug" not in names("secret mug", cutoff=None)
    assert names("secret mug", visible=Product.objects.all(), facet_counts=False)[0] == "Secret mug"


def test_hiding_needs_no_indexing(indexed_shop: Shop) -> None:
    Product.objects.filter(pk=indexed_shop["red mug"].pk).update(is_public=False)

    assert "Red mug" not in names("red mug", cutoff=None)


def test_a_queryset_narrows_before_retrieval(indexed_shop: Shop) -> None:
    cheap = Product.objects.filter(price__lt=10)

    assert names("mug", queryset=cheap, cutoff=None) == ["Red mug"]
    assert names("mug", queryset=Product.objects.none()) == []


def test_a_slice_of_a_queryset_narrows_to_its_rows(indexed_shop: Shop) -> None:
    first = Product.objects.order_by("price")[:2]  # a draft among them

    assert [hit.object.name for hit in ProductIndex.search("", queryset=first)] == ["Red mug"]


def test_results_are_a_sequence(indexed_shop: Shop) -> None:
    results = ProductIndex.search("", sort="price", page_size=2)
    everything = [hit.object for hit in ProductIndex.search("", sort="price")]

    assert [results[place].object for place in range(-5, 5)] == everything * 2
    for place in (5, -6, -9):
        with pytest.raises(IndexError):
            results[place]


def test_the_vector_lane_admits_everything_without_a_cutoff(indexed_shop: Shop) -> None:
    assert len(names("nothing of that kind", cutoff=None)) == Product.objects.public().count()


def test_a_document_that_points_nowhere_is_like_nothing(indexed_shop: Shop) -> None:
    document = Document.objects.get(object_key=str(indexed_shop["red mug"].pk))
    Document.objects.filter(pk=document.pk).update(embedding=[0.0] * (document.generation.dimensions or 0))
    first, second = (ProductIndex.search("red mug", page_size=1, page=page)[page - 1] for page in (1, 2))

    assert first.object == indexed_shop["red mug"]
    assert all(hit.score == hit.score >= 0 for hit in (first, second))  # NaN is not even itself


def test_a_high_cutoff_admits_nothing(indexed_shop: Shop) -> None:
    assert names("nothing of that kind", cutoff=99) == []


# Facets and sort


def test_facet_counts_are_of_the_very_set_shown(indexed_shop: Shop) -> None:
    results = ProductIndex.search("mug", cutoff=99)

    assert results.total == 3
    assert values("mug", "brand", cutoff=99) == {"Acme": 2, "Bolt": 1}
    assert values("mug", "in_stock", cutoff=99) == {"true": 2, "false": 1}
    assert results.facets["price"].found.low == 9
    assert results.facets["price"].found.high == 12


def test_a_facet_shows_what_its_other_values_would_bring(indexed_shop: Shop) -> None:
    chosen = {"brand": ["Bolt"]}

    assert values("mug", "brand", facets=chosen, cutoff=99) == {"Acme": 2, "Bolt": 1}
    assert values("mug", "in_stock", facets=chosen, cutoff=99) == {"false": 1}


def test_ranges(indexed_shop: Shop) -> None:
    assert set(names("mug", facets={"price": bounds(10, 11.5)}, cutoff=99)) == {"Blue mug"}


def test_values_that_no_field_can_hold_find_nothing(indexed_shop: Shop) -> None:
    assert names("mug", facets={"price": ("abc", None)}) == []


def test_sorts_order_the_set(indexed_shop: Shop) -> None:
    assert names("mug", sort="price", cutoff=99) == ["Red mug", "Blue mug", "Mug"]
    assert names("mug", sort="highest_price", cutoff=99) == ["Mug", "Blue mug", "Red mug"]


def test_unknown_names_are_refused_with_the_known_ones(indexed_shop: Shop) -> None:
    with pytest.raises(CatalogSearchError, match=r'no facet "weight".*brand'):
        ProductIndex.search("mug", facets={"weight": ["1"]})
    with pytest.raises(CatalogSearchError, match=r'no sort "cheap".*price'):
        ProductIndex.search("mug", sort="cheap")


def test_no_text_is_browsing(indexed_shop: Shop) -> None:
    results = ProductIndex.search("", sort="price")

    assert [hit.object.price for hit in results] == sorted(hit.object.price for hit in results)
    assert results.total == Product.objects.public().count()
    assert {value.value: value.count for value in results.facets["brand"].found} == {"Acme": 2, "Bolt": 2, "Coco": 1}


# Paging


def test_pages_of_any_number_and_size(indexed_shop: Shop) -> None:
    assert names("", page=10**30) == names("mug", page=10**30) == []
    assert len(names("", page_size=10**15)) == 5


def test_rankings_are_told_apart_by_all_that_a_filter_says(indexed_shop: Shop) -> None:
    for number, product in enumerate(Product.objects.filter(name__endswith="mug")):
        product.attributes = {"a_specification_with_a_long_name": ["wood", "iron"][number % 2], "and_so": "on"}
        product.save()
    wood, iron = (
        Product.objects.filter(attributes__contains={"a_specification_with_a_long_name": material, "and_so": "on"})
        for material in ("wood", "iron")
    )
    scopes = [Scope(ProductIndex.registered(), Generation(), "en", products) for products in (wood, iron, wood.all())]

    assert repr(scopes[0].identity) != repr(scopes[1].identity)
    assert repr(scopes[0].identity) == repr(scopes[2].identity)


def test_pages_neither_repeat_nor_skip_while_the_index_changes(
    make_product: Callable[..., Product], build_index: Any
) -> None:
    products = [make_product(f"Mug number {number}") for number in range(25)]
    build_index()
    first = names("mug", page_size=10)
    products[20].name = "Mug mug mug"
    products[20].save()
    make_product("Mug mug")
    drain()
    rest = names("mug", page_size=10, page=2) + names("mug", page_size=10, page=3)

    assert len({*first, *rest} - {"Mug mug mug"}) + 1 == 25
    assert len(first + rest) == 25


def test_a_product_hidden_between_pages_is_left_out(make_product: Callable[..., Product], build_index: Any) -> None:
    for number in range(15):
        make_product(f"Mug {number}")
    build_index()
    names("mug", page_size=10)
    Product.objects.update(is_public=False)

    assert names("mug", page_size=10, page=2) == []


def test_a_page_beyond_the_last_is_empty(indexed_shop: Shop) -> None:
    assert names("mug", page=99) == []
    assert names("", page=99) == []


def test_the_bound_is_said(make_product: Callable[..., Product], build_index: Any, settings: Any) -> None:
    for number in range(15):
        make_product(f"Mug {number}")
    build_index()
    settings.CATALOG_SEARCH |= {"MAX_CANDIDATES": 10}
    results = ProductIndex.search("mug")

    assert (results.total, results.total_is_exact, results.total_text) == (10, False, "10+")


def test_beyond_the_bound_what_is_near_still_counts_by_its_words(
    make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    said = [make_product("Mug", description="of clay, for tea", attributes={"kind": "mug mug mug"}) for _ in range(15)]
    for _ in range(15):
        make_product("Mug")
    build_index()
    settings.CATALOG_SEARCH |= {"MAX_CANDIDATES": 10}
    results = ProductIndex.search("mug", cutoff=None, vector_weight=0.9)

    assert {tuple(hit.why.lanes) for hit in results.hits} == {("words", "vectors")}
    assert not {hit.object for hit in results.hits}.issubset(said)  # which alone fill the lane of words


# Reranking and degradation


def test_the_reranker_permutes_only_what_it_scored(
    make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    for number in range(9):
        make_product(f"Mug {number} " + "red " * (number % 3))
    build_index()
    plain = names("red mug", cutoff=99)
    settings.CATALOG_SEARCH |= {
        "RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker"},
        "RERANK_DEPTH": 4,
        "RERANK_BLEND": 1.0,
    }
    results = ProductIndex.search("red mug", cutoff=99)

    assert results.reranked == 4
    assert {hit.object.name for hit in results.hits[:4]} == set(plain[:4])
    assert [hit.object.name for hit in results.hits[4:]] == plain[4:]
    assert all(hit.why.rerank is not None for hit in results.hits[:4])
    assert ProductIndex.search("red mug", rerank=False).reranked == 0
    assert ProductIndex.search("red mug", sort="price").reranked == 0


def test_a_failing_reranker_is_told(indexed_shop: Shop, settings: Any) -> None:
    plain = names("mug")
    settings.CATALOG_SEARCH |= {
        "RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {"fails": True}}
    }
    results = ProductIndex.search("mug")

    assert results.degraded == ("reranker",)
    assert [hit.object.name for hit in results] == plain


def test_a_failing_embedder_leaves_words_and_identifiers(indexed_shop: Shop) -> None:
    results = ProductIndex.search("poisonous red mug MUG-1001")

    assert results.degraded == ("embedder",)
    assert results.hits[0].object.name == "Red mug"


def test_a_failing_embedder_leaves_sentences_what_their_words_find(indexed_shop: Shop) -> None:
    results = ProductIndex.search("poisonous question for something like a mug of any kind")

    assert results.degraded == ("embedder",)
    assert {hit.object.name for hit in results} == {"Red mug", "Blue mug", "Mug"}


def test_without_an_index_there_is_an_answer(make_product: Callable[..., Product], dummy_models: Any) -> None:
    make_product("Red mug")

    assert ProductIndex.search("mug").degraded == ("index",)
    assert ProductIndex.search("").total == 1


def test_a_cache_that_is_down_costs_nothing_but_time(indexed_shop: Shop, settings: Any) -> None:
    dead = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {**settings.CACHES, "dead": dead}
    settings.CATALOG_SEARCH |= {"CACHE": "dead"}

    assert names("red mug")[0] == "Red mug"


# Large indexes, bookkeeping


@pytest.mark.django_db(transaction=True)
def test_an_hnsw_index_finds_what_exact_search_finds(
    make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    for number in range(60):
        make_product(f"Thing {number} {'round' if number % 2 else 'square'}", price=number)
    settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 50}
    generation = build_index()
    exact = names("round thing", cutoff=None)
    settings.CATALOG_SEARCH |= {"ANN_EXACT_ROWS": 1}

    assert generation.ann_index
    assert names("round thing", cutoff=None) == exact
    assert "Index Scan" in _plan(generation)


@pytest.mark.django_db(transaction=True)
def test_how_much_a_filter_keeps_is_measured_again_however_often_it_is_asked(
    make_product: Callable[..., Product], build_index: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        make_product(f"Thing {number}")
    settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 50, "ANN_EXACT_ROWS": 1, "MAX_CANDIDATES": 10}
    build_index()

    def is_measured(second: float) -> bool:
        monkeypatch.setattr(extent, "time", SimpleNamespace(monotonic=lambda: second))
        with CaptureQueriesContext(connection) as captured:
            assert names("thing", cutoff=None)
        return any("array_agg(key)" in (one["sql"] or "") for one in captured)

    assert [is_measured(second) for second in (0.0, 40.0, 59.0, 61.0, 62.0)] == [True, False, False, True, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("options", [{}, {"cutoff": None}, {"text": "SKU-7"}, {"text": "nothing such"}], ids=str)
def test_a_filter_that_keeps_few_of_many_is_read_once_for_all_lanes(
    make_product: Callable[..., Product], build_index: Any, settings: Any, options: dict[str, Any]
) -> None:
    for number in range(60):
        make_product(f"Thing {number}", sku=f"SKU-{number}", price=number)
    build_index()
    asked = {"text": "thing", "queryset": Product.objects.filter(price__lt=9)} | options
    small = ProductIndex.search(**asked)
    settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 50}
    build_index()

    with CaptureQueriesContext(connection) as captured:
        large = ProductIndex.search(**asked)

    filtered = [one["sql"] for one in captured if '"price" <' in (one["sql"] or "")]
    assert [hit.key for hit in large] == [hit.key for hit in small]
    assert [hit.key for hit in large.near] == [hit.key for hit in small.near]
    assert not [one for one in filtered if "catalog_search_document" in one]
    assert sum("array_agg(key)" in one for one in filtered) == 1
    # And anew for each search.
    Product.objects.filter(price__lt=9).update(price=20)
    assert not ProductIndex.search(**asked).total


def _plan(generation: Generation) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN SELECT id FROM catalog_search_document WHERE generation_id = {generation.pk} "
            f"ORDER BY (embedding::halfvec({generation.dimensions})) <=> "
            f"(SELECT embedding FROM catalog_search_document LIMIT 1)::halfvec({generation.dimensions}) LIMIT 5"
        )
        return "\n".join(row[0] for row in cursor.fetchall())


def test_why_and_timings_are_told(indexed_shop: Shop) -> None:
    results = ProductIndex.search("red mug")
    why = results.hits[0].why

    assert why.lanes["words"][0] == 1
    assert why.lanes["vectors"][0] == 1
    assert {"encode", "words", "vectors", "hydrate", "facets", "total"} <= results.timings.keys()
    assert results.timings["total"] >= results.timings["words"]


def test_hits_show_their_thumbnails(indexed_shop: Shop) -> None:
    best = ProductIndex.search("red mug").hits[0]

    assert best.thumbnail_url.endswith(Document.objects.get(object_id=best.object.pk).thumbnail)


def test_statements_are_few_whatever_the_page(
    indexed_shop: Shop, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    ProductIndex.search("red mug")
    with django_assert_max_num_queries(16) as small:
        ProductIndex.search("mug", page_size=1, cutoff=0.0)
    with django_assert_max_num_queries(16) as large:
        ProductIndex.search("mug", page_size=50, cutoff=0.0)

    assert len(small) == len(large)


# Queries


def test_tokens() -> None:
    tokens = Query('red -"old style" -chipped "coffee mug" t-shirt').tokens

    assert [(token.text, token.excluded) for token in tokens] == [
        ("red", False),
        ("old style", True),
        ("chipped", True),
        ("coffee mug", False),
        ("t-shirt", False),
    ]
    assert Query('red -chipped "coffee mug"').positive_text == "red coffee mug"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mug,red; (new)", ["mug", "red", "new"]),
        ("10/100 switch 1,5 l 16:9", ["10/100", "switch", "1,5", "l", "16:9"]),
        ("what is it?", ["what", "is", "it"]),
        ("C++ C# children's", ["C++", "C#", "children's"]),
        ('15.6" laptop 17" bag', ["15.6", "laptop", "17", "bag"]),
        ('"hp 15" ink', ["hp 15", "ink"]),
        ("\u201ccoffee mug\u201d \u00abrouge\u00bb", ["coffee mug", "rouge"]),
        ("- & ...", []),
    ],
)
def test_what_stands_between_words_is_no_part_of_them(text: str, expected: list[str]) -> None:
    assert [token.text for token in Query(text).tokens] == expected


def test_a_query_that_looks_like_a_path_stays_text() -> None:
    assert Query("/etc/passwd.png").content.as_input() == {"text": "etc passwd.png"}
