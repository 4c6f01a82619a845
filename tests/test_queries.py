"""The kinds of queries: what is wanted in several ways at once, what is not wanted, and what is similar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import Q
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from catalog_search import SearchIndex
from catalog_search.exceptions import CatalogSearchError
from catalog_search.fusion import Background
from catalog_search.registry import registry
from catalog_search.searching.composition import soft_minimum, unwanted
from catalog_search.searching.negation import GRAMMARS, LONGEST, split
from catalog_search.searching.query import Query, query_language
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex

from .shop import Shop, names

ALL = None


# Negation


@pytest.mark.parametrize(
    ("language", "text", "wanted", "avoided"),
    [
        ("en", "chair that is not black", "chair", ["black"]),
        ("en", "chair that isn't black", "chair", ["black"]),
        ("en-gb", "dress without sleeves in red", "dress in red", ["sleeves"]),
        ("en", "mug not red or blue", "mug", ["red", "blue"]),
        ("en", "bag without any zip, leather", "bag leather", ["zip"]),
        ("en", "mug with or without lid", "mug with or without lid", []),
        ("en", "knot not", "knot not", []),
        ("sv", "stol som inte är svart", "stol", ["svart"]),
        ("de", "Stuhl ohne Lehne in Rot", "Stuhl in Rot", ["Lehne"]),
        ("ja", "chair not black", "chair not black", []),
    ],
)
def test_negations_are_read(language: str, text: str, wanted: str, avoided: list[str]) -> None:
    assert split(text.split(), language) == (wanted.split(), avoided)


WORDS = [*["not", "without", "or", "in", "a", "red", "mug", "that", "is", ",", "lid.", "-x"], '"']


@given(st.lists(st.sampled_from(WORDS)), st.sampled_from([*GRAMMARS]))
def test_no_word_is_both_wanted_and_avoided(words: list[str], language: str) -> None:
    wanted, avoided = split(words, language)

    assert len(wanted) + sum(len(phrase.split()) for phrase in avoided) <= len(words)
    assert all(phrase and len(phrase.split()) <= LONGEST for phrase in avoided)
    assert [word for word in words if word in wanted and words.count(word) == 1] == [
        word for word in wanted if words.count(word) == 1
    ]


@given(st.text())
def test_any_text_makes_a_query(text: str) -> None:
    query = Query(text, language="en")

    assert query.kind == ("text" if query.tokens else "browse")
    assert all(0 < weight <= 1 and words for words, weight in query.avoided)
    assert bool(query) == any(not token.excluded for token in query.tokens)


def test_a_negation_with_nothing_beside_it_is_only_words(picture_bytes: Callable[..., bytes]) -> None:
    from catalog_search.images import read_picture

    assert Query("without sugar", language="en").positive_text == "without sugar"
    assert Query("not black", read_picture(picture_bytes()), language="en").avoided == (("black", 1.0),)


def test_quotes_are_left_alone() -> None:
    query = Query('"not without my hat" -"old style" shirt', language="en")

    assert query.positive_text == "not without my hat shirt"
    assert query.avoided == (("old style", 1.0),)


@pytest.mark.django_db
def test_what_is_negated_comes_last(indexed_shop: Shop) -> None:
    found = names("mug that is not red", cutoff=ALL)

    assert set(found[:2]) == {"Blue mug", "Mug"}
    assert "Red mug" in found[2:]


@pytest.mark.django_db
def test_a_minus_excludes_what_says_it_and_lowers_what_shows_it(
    indexed_shop: Shop, make_product: Callable[..., Product], build_index: Any
) -> None:
    make_product("Mug", picture="red", colour="red", sku="MUG-1004")
    build_index()
    hits = ProductIndex.search("mug -red", cutoff=ALL).hits

    assert "Red mug" not in [hit.object.name for hit in hits]
    assert next(hit for hit in hits if hit.object.sku == "MUG-1004").why.penalty > 0


# Weighted terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("toner TN-2110", "identifier"),
        ("51645AE", "identifier"),
        ("DDR3-1600", "identifier"),
        ("500GB ssd", "words"),
        ("15.6-inch laptop", "words"),
        ("24-port switch", "words"),
        ('"hp 15" ink', "words"),
        ("1600mhz", "word"),
    ],
)
def test_a_measure_is_no_part_number(text: str, expected: str) -> None:
    assert Query(text).query_class == expected


@pytest.mark.django_db
def test_a_minus_alone_browses_what_does_not_say_it(indexed_shop: Shop, make_rule: Any) -> None:
    make_rule(
        searches="* mug *", actions=[{"kind": "pin", "product": str(indexed_shop["red chair"].pk), "position": 2}]
    )
    everything = ProductIndex.search("", sort="price")
    results = ProductIndex.search("-mug", sort="price")

    assert [hit.object.name for hit in results] == ["Summer dress", "Red chair"]
    assert (results.kind, results.total, results.guidance.rules) == ("text", 2, ())
    assert ProductIndex.search("-mug -dress", facets={"brand": ["Bolt"]}).total == 1
    for nothing in ('"', '""', "...", " - "):
        assert ProductIndex.search(nothing, sort="price").hits == everything.hits
        assert ProductIndex.search(nothing).kind == "browse"


@pytest.mark.django_db
def test_terms_are_weighted(indexed_shop: Shop) -> None:
    options = {"cutoff": ALL, "lanes": ("vectors",)}

    assert names(terms=[("mug", 0.2), ("chair", 1)], **options)[0] == "Red chair"
    assert names(terms=[("blue mug", 1), ("chair", 0.2)], **options)[0] == "Blue mug"
    assert names(terms=[("mug", 1), ("red", -1)], **options)[0] in ("Blue mug", "Mug")


@pytest.mark.django_db
def test_a_negative_weight_says_how_much_it_costs(indexed_shop: Shop) -> None:
    def penalty(weight: float) -> float:
        hits = ProductIndex.search("mug", terms=[("red", weight)], cutoff=ALL).hits
        return next(hit.why.penalty for hit in hits if hit.object.name == "Red mug")

    assert penalty(-0.5) == pytest.approx(penalty(-1) / 2)
    assert penalty(-1) > 0.2


@pytest.mark.django_db
@pytest.mark.parametrize("options", [{"terms": [("red", -1)]}, {"unlike": [1]}])
def test_taking_away_alone_is_refused(dummy_models: Any, options: dict[str, Any]) -> None:
    with pytest.raises(CatalogSearchError, match="Say what is wanted too"):
        ProductIndex.search(**options)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"terms": [("red", float("nan"))]}, "weight of "),
        ({"terms": [("red", float("inf"))]}, "weight of "),
        ({"terms": [("red", "much")]}, "pairs of words and a weight"),
        ({"terms": [(None, 1)]}, "pairs of words and a weight"),
        ({"terms": ["red mug"]}, "pairs of words and a weight"),
        ({"like": ["abc"]}, "like= takes products or their primary keys"),
        ({"unlike": [Product()]}, "unlike= holds a product that was never saved"),
        ({"like": 7}, "like= takes a list"),
        ({"like": "12"}, "like= takes a list"),
        ({"like": [Brand(pk=1)]}, "like= takes products of shop.product"),
        ({"text": None}, "text= takes words"),
        ({"image": "/etc/passwd"}, "image= takes an open file"),
        ({"page": "2"}, "page= takes a whole number"),
        ({"page_size": 2.5}, "page_size= takes a whole number from 0"),
        ({"facets": {"colour": "red"}}, "list of values of each"),
        ({"facets": {"brand": 7}}, "list of values of each"),
        ({"facets": {"price": [10]}}, "bounds of a range"),
        ({"facets": [("colour", ["red"])]}, "values by name"),
        ({"facet_counts": ["nothing"]}, 'has no facet "nothing"'),
        ({"queryset": Brand.objects.all()}, "queryset= takes a queryset of Product"),
        ({"queryset": [1, 2]}, "queryset= takes a queryset of Product"),
        ({"queryset": Product.objects.all().union(Product.objects.all())[:2]}, "no slice of a union"),
        ({"visible": Product.objects.with_stock().union(Product.objects.all())}, "visible= cannot be a union of what"),
        ({"visible": Product.objects.values("pk")}, "visible= cannot be values"),
        ({"generation": "newest"}, "generation= takes a Generation"),
        ({"like": Product(pk=7)}, "like= takes a list"),
        ({"cutoff": "high"}, "cutoff= takes a number, not 'high'"),
        ({"cutoff": float("nan")}, "cutoff= takes a number"),
        ({"vector_weight": 2}, "between 0 and 1, not 2"),
        ({"page_size": -1}, "from 0, not -1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(dummy_models: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(CatalogSearchError, match=message):
        ProductIndex.search(**{"text": "mug", **options})


@pytest.mark.django_db
def test_similar_takes_a_product(dummy_models: Any) -> None:
    with pytest.raises(CatalogSearchError, match=r"similar\(\) takes a Product, not 7"):
        ProductIndex.similar(7)


@pytest.mark.parametrize("minus", ["-", "\u2212", "\u2013", "\u2014"])
def test_a_minus_may_be_a_dash_as_telephones_write_it(minus: str) -> None:
    assert Query(f"mug {minus}red", language="en").avoided == (("red", 1.0),)
    assert Query(f"mug {minus} red", language="en").avoided == ()


@pytest.mark.django_db
def test_unlike_lowers_what_resembles_it_and_leaves_it_out(
    make_product: Callable[..., Product], build_index: Any
) -> None:
    unwanted_one, *rest = [make_product(f"Red mug {number}") for number in range(4)]
    others = [make_product(f"{colour} mug {colour}") for colour in ("Blue", "Green", "White", "Black", "Grey", "Pink")]
    for kind in ("Oak chair", "Steel lamp", "Silk scarf", "Wool hat", "Pine table", "Cork board"):
        make_product(kind)
    build_index()
    hits = ProductIndex.search("mug", unlike=[unwanted_one], cutoff=ALL).hits
    penalties = {hit.object: hit.why.penalty for hit in hits}

    assert unwanted_one not in penalties
    assert min(penalties[one] for one in rest) > max(penalties[one] for one in others)


def test_queries_that_differ_have_digests_that_differ() -> None:
    queries = [
        Query("mug"),
        Query("mug", like=("1",)),
        Query("mug", unlike=("1",)),
        Query("mug", terms=(("red", 1.0),)),
        Query("mug", terms=(("red", -1.0),)),
        Query("mug", language="sv"),
    ]

    assert len({query.digest for query in queries}) == len(queries)


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        (Query(), "browse"),
        (Query("mug"), "text"),
        (Query(terms=(("mug", 1.0),)), "text"),
        (Query("mug", like=("1",)), "text+like"),
    ],
)
def test_kinds(query: Query, kind: str) -> None:
    assert query.kind == kind


# Photo and words


@pytest.mark.django_db
def test_photo_and_words_both_have_their_say(indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
    results = ProductIndex.search("chair", image=picture_bytes("red"), cutoff=ALL, lanes=("vectors",))

    assert results.kind == "photo+text"
    assert results.hits[0].object.name == "Red chair"


@pytest.mark.django_db
def test_saying_the_words_does_not_make_up_for_another_look(
    indexed_shop: Shop, make_product: Callable[..., Product], build_index: Any, picture_bytes: Callable[..., bytes]
) -> None:
    make_product("Stool", picture="blue")
    make_product("Red seat, much like a stool, of oak and of wool from far away", picture="red")
    build_index()

    for text in ("stool", "stool not of steel"):
        found = names(text, image=picture_bytes("red"), cutoff=ALL, arrange=())
        assert found.index("Red seat, much like a stool, of oak and of wool from far away") < found.index("Stool")
    assert names("stool", cutoff=ALL, arrange=())[0] == "Stool"


@pytest.mark.django_db
def test_who_says_the_words_is_no_answer_where_it_is_nothing_like_the_photo(
    make_product: Callable[..., Product], build_index: Any, picture_bytes: Callable[..., bytes]
) -> None:
    make_product("Cover", attributes={"fits": "stool"}, picture="blue")  # models read no specification
    make_product("Stool", picture="red")
    for number in range(20):
        make_product(f"Lamp {number}", picture="green")
    build_index()

    assert names("stool") == ["Stool", "Cover"]
    assert names("stool", image=picture_bytes("red")) == ["Stool"]
    assert "Cover" in names("stool", image=picture_bytes("blue"))
    assert "Cover" in names("stool", image=picture_bytes("red"), cutoff=ALL)


@pytest.mark.django_db
def test_words_that_are_said_count_beside_what_they_mean(
    indexed_shop: Shop, picture_bytes: Callable[..., bytes]
) -> None:
    def fused(share: float) -> float:
        hits = ProductIndex.search("chair", image=picture_bytes("red"), cutoff=ALL, vector_weight=share).hits
        return next(hit.why.fused for hit in hits if hit.object == indexed_shop["red chair"])

    assert fused(0.3) > fused(0.7) > fused(1.0)


@pytest.mark.django_db
def test_a_photo_that_the_model_cannot_read_is_told(
    indexed_shop: Shop, picture_bytes: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog_search.backends.dummy import DummyEmbedder

    monkeypatch.setattr(DummyEmbedder, "modalities", frozenset({"text"}))
    results = ProductIndex.search("mug", image=picture_bytes("red"))

    assert results.degraded == ("embedder",)
    assert "mug" in results.hits[0].object.name.lower()


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=4))
def test_the_soft_minimum_lies_between_minimum_and_mean(values: list[float]) -> None:
    (soft,) = soft_minimum(np.array(values)[:, None])

    assert min(values) - 1e-6 <= soft <= np.mean(values) + 1e-6
    assert soft == pytest.approx(soft_minimum(np.array(values[::-1])[:, None])[0])


@given(st.floats(-1, 1), st.floats(0, 1), st.integers(2, 1000))
def test_what_is_nearer_to_the_unwanted_costs_no_less(similarity: float, more: float, sample: int) -> None:
    background = Background(0.1, 0.05, (sample - 1) ** 0.5)

    assert 0 <= unwanted(background, similarity) <= unwanted(background, similarity + more) <= 1
    assert unwanted(background, background.mean) == 0


# Similar products


@pytest.fixture
def family(make_product: Callable[..., Product], build_index: Any) -> dict[str, Product]:
    parent = make_product("Red mug", stock=1)
    shop = {
        "parent": parent,
        "variant": make_product("Red mug, large", parent=parent),
        "sold out": make_product("Red mug of Anna", stock=0),
        "other": make_product("Red mug of Karl", stock=3),
        "draft": make_product("Red mug of nobody", is_public=False),
        "chair": make_product("Oak chair", stock=1),
    }
    build_index()
    return shop


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["parent", "variant"])
def test_similar_leaves_out_the_product_and_its_variants(family: Shop, asked: str) -> None:
    found = [hit.object for hit in ProductIndex.similar(family[asked])]

    assert set(found[:2]) == {family["sold out"], family["other"]}
    assert found[2] == family["chair"]
    assert len(found) == 3


@pytest.mark.django_db
def test_similar_in_stock_first(family: Shop) -> None:
    found = [hit.object for hit in ProductIndex.similar(family["parent"], first=Q(stock__gt=0), size=3)]

    assert found[0] == family["other"]
    assert found[-1] == family["sold out"]


@pytest.mark.django_db
def test_a_queryset_that_cannot_be_narrowed_keeps_what_is_in_it(indexed_shop: Shop) -> None:
    cheapest, dearest = (
        Product.objects.order_by("brand_id", order).distinct("brand_id") for order in ("price", "-price")
    )
    coloured = [Product.objects.filter(colour=colour).order_by("name") for colour in ("red", "blue")]
    either = coloured[0].union(coloured[1]).order_by("-name")
    product = indexed_shop["red chair"]

    for some in (cheapest, dearest, either):
        those = {one.pk for one in some if one.is_public}
        for text in ("", "mug"):
            found = ProductIndex.search(text, queryset=some, cutoff=ALL)
            assert {hit.object.pk for hit in found} == those
            assert found.total == len(those)
        assert {hit.object.pk for hit in ProductIndex.similar(product, queryset=some)} == those - {product.pk}


@pytest.mark.django_db
def test_similar_among_some_and_by_what_is_annotated(family: Shop) -> None:
    product = family["parent"]
    everything = [hit.key for hit in ProductIndex.similar(product, size=100)]
    few = Product.objects.filter(pk__in=everything).order_by("pk")[:2]

    assert {hit.object for hit in ProductIndex.similar(product, queryset=few)} == set(few)
    preferred = ProductIndex.similar(product, first=Q(in_stock=True), size=100)
    assert [hit.key for hit in preferred] == [
        hit.key for hit in ProductIndex.similar(product, first=Q(stock__gt=0), size=100)
    ]
    for wrong in ([product], Brand.objects.all()):
        with pytest.raises(CatalogSearchError, match="queryset= takes a queryset of Product"):
            ProductIndex.similar(product, queryset=wrong)


@pytest.mark.django_db
def test_nothing_is_similar_to_what_is_not_indexed(family: Shop, make_product: Callable[..., Product]) -> None:
    assert ProductIndex.similar(make_product("New mug")) == ()


@pytest.mark.django_db
def test_variants_may_share_a_field(family: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    index = registry.get("product")
    monkeypatch.setattr(type(index), "variants", "size")
    Product.objects.filter(pk__in=[family["parent"].pk, family["chair"].pk]).update(size="one")
    family["parent"].refresh_from_db()

    assert set(index.family(family["parent"])) == {family["parent"], family["chair"]}
    assert list(index.family(family["other"])) == [family["other"]]


@pytest.mark.django_db
def test_the_api_names_similar_products(family: Shop, client: Any) -> None:
    url = f"/api/search/similar/product/{family['parent'].pk}/"

    assert {hit["id"] for hit in client.get(url, {"size": 2}).json()["hits"]} == {
        family["sold out"].pk,
        family["other"].pk,
    }
    assert client.get(url, {"size": "x"}).status_code == 400
    assert client.get(url, {"size": 0}).status_code == 400
    assert client.get(f"/api/search/similar/product/{family['draft'].pk}/").status_code == 404
    assert client.get("/api/search/similar/product/x/").status_code == 404
    assert client.get("/api/search/similar/nothing/1/").status_code == 404


@pytest.mark.django_db
def test_the_tag_gives_similar_products(family: Shop, rf: Any) -> None:
    from django.template import Context, Template

    text = "{% load catalog_search %}{% similar_products product size=1 as hits %}"
    text += "{% for hit in hits %}{{ hit.object }}{% endfor %}"
    shown = Template(text).render(Context({"product": family["parent"], "request": rf.get("/")}))

    assert shown in ("Red mug of Anna", "Red mug of Karl")


# Why


@pytest.mark.django_db
def test_shares_say_what_came_from_photo_and_from_text(indexed_shop: Shop) -> None:
    hits = ProductIndex.search("green mug", explain=True, cutoff=ALL).hits
    shares = {hit.object.name: hit.why.shares for hit in hits}

    # Its text says mug, only its photo says green; the others' photos do not.
    assert shares["Mug"]["image"] > shares["Red mug"]["image"]
    assert shares["Mug"]["text"] > 0.1
    assert all(sum(one.values()) == pytest.approx(1) for one in shares.values())
    assert ProductIndex.search("green mug").hits[0].why.shares == {}


@pytest.mark.django_db
def test_without_a_photo_all_of_it_is_text(
    make_product: Callable[..., Product], build_index: Any, indexed_shop: Shop
) -> None:
    make_product("Teapot")
    build_index()
    best = ProductIndex.search("teapot", explain=True).hits[0]

    assert best.why.shares == {"text": 1.0}


@pytest.mark.django_db
def test_the_api_explains_to_staff(indexed_shop: Shop, client: Any, admin_client: Any) -> None:
    url = "/api/search/product/?q=green+mug&explain=1"

    assert admin_client.get(url).json()["hits"][0]["why"]["shares"]
    assert "why" not in client.get(url).json()["hits"][0]


# The reranker's verdicts


@pytest.mark.django_db
def test_verdicts_are_kept_by_model_query_and_document(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog_search.backends.dummy import DummyReranker
    from catalog_search.indexing import drain

    settings.CATALOG_SEARCH |= {"RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker"}}
    read: list[int] = []
    score = DummyReranker.score

    def counting(self: Any, query: Any, documents: Any) -> list[float]:
        read.append(len(documents))
        return score(self, query, documents)

    monkeypatch.setattr(DummyReranker, "score", counting)
    first = ProductIndex.search("red mug", cutoff=ALL)
    again = ProductIndex.search("red mug", cutoff=ALL)

    assert read == [first.reranked]
    assert [(hit.object, hit.score) for hit in again] == [(hit.object, hit.score) for hit in first]

    indexed_shop["blue mug"].name = "Blue red mug"
    indexed_shop["blue mug"].save()
    drain()
    ProductIndex.search("red mug", cutoff=ALL)
    assert read[1:] == [1]

    settings.CATALOG_SEARCH |= {
        "RERANKER": {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {"fails": False}}
    }
    ProductIndex.search("red mug", cutoff=ALL)
    assert read[2] == first.reranked


def test_the_nearest_language_of_an_index() -> None:
    class Everywhere(SearchIndex):
        languages = ["zh-hans", "zh-hant", "pt-BR", "pt_PT", "en-us", "en"]

    index = Everywhere(Product)
    nearest = {"zh-hant": "zh-hant", "zh-hant-tw": "zh-hant", "zh": "zh-hans", "pt-pt": "pt_PT", "PT_br": "pt-BR"}
    nearest |= {"en": "en", "en-gb": "en", "en-us": "en-us", "pt-ao": "pt-BR"}

    assert {asked: query_language(index, asked) for asked in nearest} == nearest
    with translation.override("zh-hant"):
        assert query_language(index) == query_language(index, "fr") == "zh-hant"


@pytest.mark.django_db
def test_a_database_that_fails_is_no_model_that_fails(indexed_shop: Shop) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE catalog_search_document RENAME TO elsewhere")
    with pytest.raises(ProgrammingError, match="catalog_search_document"), transaction.atomic():
        ProductIndex.search(like=[indexed_shop["red mug"]])
