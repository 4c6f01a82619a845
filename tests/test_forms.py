"""SearchForm: what is refused, in words, and what it makes of the rest."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict

from catalog_search.forms import SearchForm
from catalog_search.images import Picture, read_picture
from catalog_search.registry import registry
from catalog_search.searching import cache


def form(query: str = "", **files: Any) -> SearchForm:
    return SearchForm(registry.get("product"), QueryDict(query), files)


def test_an_empty_form_browses() -> None:
    empty = form()

    assert empty.is_valid()
    assert empty.options() == {
        "text": "",
        "image": None,
        "like": (),
        "unlike": (),
        "terms": (),
        "facets": {},
        "sort": None,
        "page": 1,
        "page_size": None,
        "more": "",
        "within": "",
        "rerank": True,
        "language": "",
        "exact": False,
    }


def test_everything_at_once(picture_bytes: Callable[..., bytes]) -> None:
    token = cache.keep_picture(read_picture(picture_bytes()))
    full = form(
        f"q=red+mug&picture={token}&like=1,2&like=3&unlike=4&terms=summer+dress&terms=floral^-0.5&colour=red&colour=blue&price_max=9.5&sort=price&page=2&rerank=0"
    )

    assert full.is_valid(), full.errors
    options = full.options()
    assert isinstance(options.pop("image"), Picture)
    assert options == {
        "text": "red mug",
        "like": [1, 2, 3],
        "unlike": [4],
        "terms": [("summer dress", 1.0), ("floral", -0.5)],
        "facets": {"colour": ("red", "blue"), "price": (None, Decimal("9.5"))},
        "sort": "price",
        "page": 2,
        "page_size": None,
        "more": "",
        "within": "",
        "rerank": False,
        "language": "",
        "exact": False,
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("q=" + "x" * 10_000, "q"),
        ("q=%00", "q"),
        ("picture=gone", "picture"),
        ("picture=" + "x" * 65, "picture"),
        ("like=abc", "like"),
        ("like=" + ",".join(map(str, range(21))), "like"),
        ("like=%00", "like"),
        ("unlike=1", "unlike"),
        ("terms=floral^-1", "terms"),
        ("terms=floral^much", "terms"),
        ("terms=^2", "terms"),
        ("terms=floral^nan", "terms"),
        ("terms=floral^0", "terms"),
        ("&".join(f"terms={number}" for number in range(9)), "terms"),
        ("sort=cleverness", "sort"),
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=abc", "page"),
        ("page=99999", "page"),
        ("page_size=1000", "page_size"),
        ("colour=" + "x" * 1001, "colour"),
        ("colour=%00", "colour"),
        ("&".join(f"colour={number}" for number in range(51)), "colour"),
        ("price_min=cheap", "price_min"),
        ("price_min=NaN", "price_min"),
        ("price_min=Infinity", "price_min"),
        ("price_min=1e999999", "price_min"),
        ("price_max=1e-999999", "price_max"),
        ("price_min=9&price_max=2", "price_max"),
    ],
)
def test_bad_input_is_said_at_its_field(query: str, field: str) -> None:
    bad = form(query)

    assert not bad.is_valid()
    assert list(bad.errors) == [field]
    assert bad.options()["text"] == ""


def test_a_file_that_is_no_picture() -> None:
    bad = form(image=SimpleUploadedFile("notes.jpg", b"not a picture", "image/jpeg"))

    assert not bad.is_valid()
    assert "not a picture" in bad.errors["image"][0]
    assert not bad.asks_clearly


def test_a_picture_with_too_many_pixels(picture_bytes: Callable[..., bytes]) -> None:
    bomb = picture_bytes(format="PNG", size=(10_000, 6_000), mode="L", colour=0)
    bad = form(image=SimpleUploadedFile("bomb.png", bomb, "image/png"))

    assert bad.errors["image"] == ["The picture has more than 50 megapixels."]


def test_words_where_a_file_belongs() -> None:
    bad = SearchForm(registry.get("product"), QueryDict("q=x"), {"image": "mug.jpg"})

    assert list(bad.errors) == ["image"]


def test_a_new_picture_takes_the_place_of_an_expired_one(picture_bytes: Callable[..., bytes]) -> None:
    again = form("picture=gone", image=SimpleUploadedFile("mug.jpg", picture_bytes(), "image/jpeg"))

    assert again.is_valid(), again.errors
    assert again.options()["image"]


def test_a_bad_filter_leaves_the_question_clear() -> None:
    bad = form("q=mug&price_min=cheap&page=abc")

    assert not bad.is_valid()
    assert bad.asks_clearly
    assert (bad.options()["text"], bad.options()["facets"], bad.options()["page"]) == ("mug", {}, 1)
