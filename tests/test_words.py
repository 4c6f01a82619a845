"""The lane of words: spellings, units, fields, lengths, and what a catalogue says of itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from catalog_search import Content
from catalog_search.backends import embedder_of
from catalog_search.embedding import embed
from catalog_search.languages import as_words
from catalog_search.models import Document, Generation
from catalog_search.searching import lanes, silence
from catalog_search.searching.bm25 import matches, matches_of
from catalog_search.searching.query import Query
from catalog_search.searching.scope import Scope
from catalog_search.searching.spellings import taken_apart
from catalog_search.searching.words import parse_words
from catalog_search.suggesting import suggest
from catalog_search.wording import vocabulary
from catalog_search.wording.correcting import slips
from project.shop.models import Product
from project.shop.search import ProductIndex

Make = Callable[..., Product]


def names(text: str, **options: Any) -> list[str]:
    return [hit.object.name for hit in ProductIndex.search(text, lanes=("words",), **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2TB disk", "2 TB disk"),
        ("a 27in screen", "a 27 in screen"),
        ("1.5l bottle", "1.5 l bottle"),
        ("RS80N3 and MUG-10g", "RS80N3 and MUG 10g"),
        ("4k", "4k"),
        ("size 10", "size 10"),
        ("HDMI/DVI cable, 1TB/2TB", "HDMI DVI cable, 1 TB 2 TB"),
        ("StarTech.com", "StarTech com"),
        ("M.2 and L.O.L.", "M.2 and L.O.L."),
        ("15-20 pages, HP-15", "15 20 pages, HP 15"),
        ("USB\u2011C, t-shirt", "USB-C, t-shirt"),
        ("Core\u2122", "Core "),
        ("Kaffee\u00admaschine", "Kaffeemaschine"),
    ],
)
def test_words_stand_apart_and_numbers_from_their_units(text: str, expected: str) -> None:
    assert as_words(text) == expected


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Gaming headset", "head set"),
        ("Gaming head set", "headset"),
        ("Disk of 2 TB", "2tb disk"),
        ("2TB disk", "2 tb"),
        ("Smart-watch strap", "smart watch"),
        ("Headset", "head-set"),
        ("Rain boots", "rain-boots"),
        ("Blue T-shirt", "tshirt"),
        ("Wi-Fi router", "wifi router"),
        ("Cat5e cable", "cat 5e cable"),
        ("Cat 5e cable", "cat5e cable"),
        ("HDMI/DVI adapter", "dvi adapter"),
        ("DVI adapter", "adapter/dvi"),
        ("StarTech.com cable", "startech cable"),
        ("Cartridge HP-15", "cartridge 15"),
        ("Intel Core\u2122 laptop", "core laptop"),
        ("Red mug", "mug,red"),
        ("Red mug", "mug (red)!"),
    ],
)
def test_a_word_is_found_written_together_or_apart(
    make_product: Make, build_index: Any, title: str, query: str
) -> None:
    make_product(title)
    make_product("Something else")
    build_index()

    assert names(query) == [title]


@pytest.mark.django_db
def test_a_part_alone_is_not_the_word(make_product: Make, build_index: Any) -> None:
    make_product("Put options")  # "output" taken apart leaves "put", for "out" is a stop word
    make_product("Output device")
    build_index()

    assert names("output") == ["Output device"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Schuhe f\u00fcr Kinder", "Kinderschuhe"),
        ("Kinderschuhe", "Schuhe Kinder"),
        ("Kinderschuhe", "Kinder Schuhe"),
        ("Kinderschuhe", "Schuh"),
        ("Kinderschuh", "rote Schuhe"),
        ("Arbeitshose", "Hosen"),
        ("Sommerkleid", "Kleider"),
        ("Armbanduhr", "Uhren"),
    ],
)
def test_german_compounds_are_found_by_what_they_name(
    make_product: Make, build_index: Any, monkeypatch: pytest.MonkeyPatch, title: str, query: str
) -> None:
    monkeypatch.setattr(ProductIndex.registered(), "language_codes", ("de",))
    make_product(title)
    make_product("Schuhschrank f\u00fcr den Flur")
    make_product("Kleiderb\u00fcgel, Uhrenkasten, Hosentr\u00e4ger, Arbeit, Sommer, Armband")
    build_index()
    vocabulary.MEMORY.forget()

    assert names(query) == [title]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "title", "query"),
    [
        ("de", "M\u00fcllbeutel", "muellbeutel"),
        ("de", "Stra\u00dfenschuh", "STRASSENSCHUHE"),
        ("fr", "\u0152uvre d\u2019art", "oeuvre"),
        ("tr", "I\u015f\u0131k", "\u0131\u015f\u0131k"),
        ("tr", "K\u0131l\u0131f", "kilif"),
        ("ar", "\u0641\u0633\u062a\u0627\u0646 \u0623\u062d\u0645\u0631", "\u0641\u064f\u0633\u062a\u0627\u0646"),
        ("he", "\u05e9\u05de\u05dc\u05d4", "\u05e9\u05c2\u05b4\u05de\u05b0\u05dc\u05b8\u05d4"),
        ("ja", "\u8d64\u3044\u30c9\u30ec\u30b9", "\u30c9\u30ec\u30b9"),
        ("ja", "\u30b3\u30fc\u30d2\u30fc\u30ab\u30c3\u30d7", "\uff7a\uff70\uff8b\uff70"),
        ("zh", "\u7ea2\u8272\u8fde\u8863\u88d9", "\u8fde\u8863\u88d9"),
        ("th", "\u0e41\u0e01\u0e49\u0e27\u0e01\u0e32\u0e41\u0e1f", "\u0e01\u0e32\u0e41\u0e1f"),
    ],
)
def test_a_word_is_found_as_its_language_may_write_it(
    make_product: Make, build_index: Any, monkeypatch: pytest.MonkeyPatch, language: str, title: str, query: str
) -> None:
    monkeypatch.setattr(ProductIndex.registered(), "language_codes", (language,))
    make_product(title)
    make_product("Something else")
    build_index()

    assert names(query, language=language) == [title]
    assert [str(one.object) for one in suggest(ProductIndex.registered(), query, language=language).products] == [title]


@pytest.mark.django_db
def test_characters_of_a_word_without_spaces_must_stand_in_a_row(
    make_product: Make, build_index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductIndex.registered(), "language_codes", ("zh",))
    make_product("\u8863\u88d9\u8fde")
    build_index()

    assert names("\u8fde\u8863\u88d9", language="zh") == []


@pytest.mark.django_db
def test_what_is_written_as_asked_goes_first(make_product: Make, build_index: Any) -> None:
    make_product("Head set")
    make_product("Headset")
    build_index()

    assert names("headset") == ["Headset", "Head set"]
    assert names("head set") == ["Head set", "Headset"]


@pytest.mark.django_db
def test_what_is_no_word_is_not_written_otherwise() -> None:
    assert "head set" in taken_apart("headset")
    for endless in (500 * "a", 250 * "a1", 250 * "a-" + "a", 9000 * "a"):
        assert list(taken_apart(endless)) == []
        assert slips(endless, "en") == {}


def test_an_excerpt_is_of_the_beginning_of_what_is_written_at_length(make_product: Make, build_index: Any) -> None:
    length = 5000
    make_product("First", description=f"A teapot {length * 'and more '}")
    make_product("Last", description=f"{length * 'and more '} of a teapot")
    build_index()

    found = ProductIndex.search("teapot", mark=True)
    assert {hit.object.name: "<mark>teapot</mark>" in hit.excerpt for hit in found} == {"First": True, "Last": False}


def test_other_spellings_rest_where_enough_is_found(make_product: Make, build_index: Any) -> None:
    for number in range(10):
        make_product(f"Headset {number}")
    make_product("Head set")
    build_index()

    assert "Head set" not in names("headset", page_size=20)


SENTENCE = "something warm for my feet in winter"


@pytest.mark.django_db
def test_words_alone_are_relaxed_where_few_products_hold_most_of_them(make_product: Make, build_index: Any) -> None:
    for number in range(12):
        make_product(f"Warm blanket {number}")
    make_product("Feet cream")
    make_product("Warm winter hat")
    make_product("Red mug")
    build_index()

    found = names(SENTENCE)

    assert found[:2] == ["Warm winter hat", "Feet cream"]  # two of the words, then the rarer one
    assert len(found) == 14
    assert len(ProductIndex.search(SENTENCE, cutoff=99)) == 0  # where meaning searches too, it tells what belongs
    assert names("zeppelin parts and airship tickets") == []


@pytest.mark.django_db
def test_words_alone_are_relaxed_no_further_than_needed(make_product: Make, build_index: Any) -> None:
    for number in range(10):
        make_product(f"Warm winter hat {number}")
    make_product("Warm blanket")
    build_index()

    assert len(names(SENTENCE)) == 10
    assert len(names("warm winter feet")) == 10  # they hold most of the words


@pytest.mark.django_db
def test_a_title_counts_more_than_a_description_and_a_short_field_more_than_a_long_one(
    make_product: Make, build_index: Any
) -> None:
    make_product("Vase", description="goes with any lamp")
    make_product("Lamp")
    make_product("Lamp " + " ".join(f"word{number}" for number in range(30)))
    build_index()

    found = names("lamp")
    assert found[0] == "Lamp"
    assert found[1].startswith("Lamp word0")
    assert found[2] == "Vase"


def prominence(generation: Generation, key: int, counts: dict[str, int]) -> float:
    """Reckon BM25F by hand: how often a word stands in the fields of weight A, B, C and D of a document."""
    lengths = Document.objects.get(object_key=str(key)).lengths
    found = 0.0
    for letter, weight, length, average in zip(
        "ABCD", (1.0, 0.5, 0.4, 0.2), lengths, generation.average_lengths, strict=True
    ):
        found += counts.get(letter, 0) * weight / (0.25 + 0.75 * (length / average if average else 1.0))
    return found / (1.2 + found)


@pytest.mark.django_db
def test_words_are_scored_as_bm25f_has_it(make_product: Make, build_index: Any) -> None:
    often = make_product("Lamp of lamps", brand="Lamp", category="Lighting", description=" ".join(["lamp"] * 40))
    once = make_product("Desk", description="It goes with any lamp.", attributes={"for": "lamp, lamps"})
    mug = make_product("Red mug", brand="Acme", description="For hot coffee, very hot coffee")
    generation = build_index()
    scope = Scope(ProductIndex.registered(), generation, "en", Product.objects.all())

    def ranks(text: str) -> dict[str, float]:
        return {one.key: one.rank for one in matches(scope, parse_words(scope, Query(text)), 10)}

    assert ranks("lamp") == {
        str(often.pk): pytest.approx(prominence(generation, often.pk, {"A": 2, "B": 1, "C": 40}), abs=1e-5),
        str(once.pk): pytest.approx(prominence(generation, once.pk, {"C": 1, "D": 2}), abs=1e-5),
    }
    desk = prominence(generation, once.pk, {"A": 1})
    lamp = prominence(generation, once.pk, {"C": 1, "D": 2})
    assert ranks("desk lamp")[str(once.pk)] == pytest.approx((desk + lamp) / 2, abs=1e-5)
    phrase = prominence(generation, mug.pk, {"C": 1})  # several words count once, however often they stand there
    assert ranks('"hot coffee"') == {str(mug.pk): pytest.approx(phrase, abs=1e-5)}


@pytest.mark.django_db
def test_keywords_weigh_least_however_many_they_are(make_product: Make, build_index: Any) -> None:
    product = make_product("Desk", attributes={"goes with": "lamps"}, category="Garden > Seats")
    build_index()

    vector = Document.objects.get(object_id=product.pk).search_vector
    assert re.search(r"'lamp':\d+(?= |$)", vector)  # no letter is D, the least
    assert re.search(r"'garden':\d+(?= |$)", vector)
    assert [one.object for one in ProductIndex.search("garden", cutoff=99)] == [product]


@pytest.mark.django_db(transaction=True)
def test_a_wide_scope_finds_the_same_words_as_a_narrow_one(make_product: Make, build_index: Any, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 1, "ANN_EXACT_ROWS": 1}
    for kind in KINDS * 3:
        make_product(kind)
    generation = build_index()
    scope = Scope(ProductIndex.registered(), generation, "en", Product.objects.exclude(name__startswith="desk"))
    lamps, broad = (parse_words(scope, Query(text)) for text in ("lamp", "coffee lamp"))
    asked = [(lamps, 3), (lamps, 100), (replace(broad, broad=True), 5)]

    narrow = [matches(scope, words, limit) for words, limit in asked]
    for _, limit in asked:
        lanes.vectors(scope, np.array(Document.objects.first().embedding), -1.0, limit)  # type: ignore[union-attr]

    assert [lanes.is_wide(scope, limit) for _, limit in asked] == [True, False, True]
    assert [matches(scope, words, limit) for words, limit in asked] == narrow
    assert [len(found) for found in narrow] == [3, 12, 5]
    assert matches_of(scope, lamps, [one.key for one in narrow[1][4:6]] + ["0"]) == narrow[1][4:6]


@pytest.mark.django_db
def test_every_document_knows_its_lengths_and_the_generation_their_average(
    make_product: Make, build_index: Any
) -> None:
    make_product("One two three", description="four five")
    make_product("One", description="")
    build_index()

    generation = Generation.objects.get()
    lengths = dict(Document.objects.values_list("text", "lengths"))
    assert {text.split("\n")[0]: own[0] for text, own in lengths.items()} == {"One two three": 3, "One": 1}
    assert generation.average_lengths[0] == 2.0
    assert generation.nearness is None  # two products tell nothing of near and far


THINGS = ("mug", "chair", "lamp", "bag", "clock")
KINDS = [f"{first} {second}" for first in ("coffee", "garden", "desk", "wall", "school") for second in THINGS]


@pytest.fixture
def catalogue(make_product: Make, build_index: Any) -> Generation:
    for kind in KINDS:
        for number in range(3):
            make_product(f"{kind} {number}")
    build_index()
    return Generation.objects.get()


@pytest.mark.django_db
def test_a_catalogue_tells_how_near_its_own_phrases_come(catalogue: Generation) -> None:
    embedder = embedder_of(catalogue.definition["embedder"])
    documents = [(one.text, np.array(one.embedding)) for one in Document.objects.all()]
    best = []
    for kind in KINDS:
        (asked,) = embed(embedder, [Content(kind)], "query", catalogue.mean_vectors)
        best.append(max(float(asked @ vector) for text, vector in documents if kind in text))

    assert catalogue.nearness == pytest.approx(np.median(best), abs=0.001)


@pytest.fixture
def _strict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Demand as much of a catalogue of this size as of a large one."""
    monkeypatch.setattr(silence, "STRICT_FROM", 1)


@pytest.mark.django_db
@pytest.mark.usefixtures("_strict")
def test_meaning_is_silent_where_nothing_comes_near_enough(catalogue: Generation, settings: Any) -> None:
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"CUTOFF": 1.0}

    def total(nearness: float, query: str) -> int:
        catalogue.statistics["nearness"] = nearness
        catalogue.save(update_fields=["statistics"])
        return ProductIndex.search(query, page_size=1).total

    assert total(0.0, "mug of coffee for school") > 0
    assert total(1.01, "mug of coffee for school") == 0
    assert total(1.01, "zeppelin") == 0
    assert total(1.01, "coffee zeppelin") == 0  # some of the words are not enough
    assert total(0.7, "coffee mug") == total(1.01, "coffee mug") > 3  # the shop has it: it is no stranger's query
    near = ProductIndex.search("mug of coffee for school").near
    assert near[0].object.name.startswith(("coffee mug", "school"))


@pytest.fixture
def found_at(catalogue: Generation) -> Callable[[float, str], bool]:
    """Does a query find something where the nearest product comes to such a share of the catalogue's nearness?"""
    embedder = embedder_of(catalogue.definition["embedder"])
    vectors = np.array([one.embedding for one in Document.objects.all()])

    def found(share: float, query: str) -> bool:
        (asked,) = embed(embedder, [Content(query)], "query", catalogue.mean_vectors)
        catalogue.statistics["nearness"] = float((vectors @ asked).max()) / share
        catalogue.save(update_fields=["statistics"])
        return ProductIndex.search(query, page_size=1).total > 0

    return found


@pytest.mark.django_db
@pytest.mark.usefixtures("_strict")
def test_a_sentence_need_not_come_as_near(found_at: Callable[[float, str], bool]) -> None:
    assert found_at(0.85, "mug of zeppelin for school")
    assert not found_at(0.75, "mug of zeppelin for school")
    assert not found_at(0.95, "mug zeppelin school")


@pytest.mark.django_db
def test_in_a_small_catalogue_nothing_need_come_as_near(
    found_at: Callable[[float, str], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "STRICT_FROM", 10 * 3 * len(KINDS))  # this one has a tenth of it

    assert found_at(0.9, "mug zeppelin school")
    assert not found_at(0.8, "mug zeppelin school")
    assert found_at(0.7, "mug of zeppelin for school")  # 0.8 of that for a sentence
    assert not found_at(0.6, "mug of zeppelin for school")


@pytest.mark.django_db
def test_a_shop_of_mostly_one_kind_has_it_by_any_description(make_product: Make, build_index: Any) -> None:
    for number in range(40):
        make_product(f"desk lamp {number}")
    for kind in KINDS[:5]:
        make_product(kind)
    build_index()
    generation = Generation.objects.get()

    def total(nearness: float) -> int:
        generation.statistics["nearness"] = nearness
        generation.save(update_fields=["statistics"])
        return ProductIndex.search("cheap lamp", page_size=1).total

    assert total(0.9) == 0  # none of so many lamps stands out
    assert total(0.3) >= 40


@pytest.mark.django_db
def test_without_cutoff_nearness_bars_nothing(catalogue: Generation) -> None:
    catalogue.statistics["nearness"] = 1.01
    catalogue.save(update_fields=["statistics"])

    assert ProductIndex.search("zeppelin", cutoff=None).total == 3 * len(KINDS)
    assert np.isfinite([hit.score for hit in ProductIndex.search("zeppelin", cutoff=None)]).all()
