"""Words as people type them: corrected by the catalogue's own, and joined by the shop's synonyms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client

from catalog_search.models import Generation, Synonym
from catalog_search.searching import lanes
from catalog_search.wording import synonyms, vocabulary
from catalog_search.wording.lexicon import Lexicon
from catalog_search.wording.typos import cost
from project.shop.models import Product
from project.shop.search import ProductIndex

pytestmark = pytest.mark.django_db

NAMES = ("Wireless headphones", "Ceramic mug", "Leather sofa", "Bluetooth speaker", "Café table", "Running shoes")


@pytest.fixture
def shop(make_product: Callable[..., Product], build_index: Callable[[], Generation]) -> None:
    for name in NAMES:
        make_product(name, brand="Sennheiser" if "head" in name else "", sku=f"{name[:2].upper()}-4711")
    build_index()
    cache.clear()
    lanes._sample.cache_clear()
    vocabulary.forget()
    synonyms._groups.clear()
    synonyms._looked.clear()


def found(text: str, **options: Any) -> list[str]:
    options = {"cutoff": 99, "rerank": False, **options}
    return [hit.object.name for hit in ProductIndex.search(text, **options)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("wireles headphones", "Wireless headphones"),
        ("hedphones", "Wireless headphones"),
        ("headphnoes", "Wireless headphones"),
        ("senheiser", "Wireless headphones"),
        ("cermaic mug", "Ceramic mug"),
        ("blutooth speaker", "Bluetooth speaker"),
        ("leathr sofa", "Leather sofa"),
    ],
)
def test_a_typo_is_searched_as_it_was_meant(shop: None, typed: str, meant: str) -> None:
    results = ProductIndex.search(typed, cutoff=99)

    assert [hit.object.name for hit in results] == [meant]
    assert results.guidance.instead_of == typed
    assert results.guidance.searched != typed


@pytest.mark.parametrize(
    "text", ["mug", "Café", "cafe table", "sofas", "headpho", "run", "CE-4711", "4712", '"hedphones"']
)
def test_what_the_catalogue_knows_stays_as_it_is(shop: None, text: str) -> None:
    guidance = ProductIndex.search(text, cutoff=99).guidance

    assert (guidance.instead_of, guidance.searched) == ("", "")


def test_the_words_as_typed_can_be_insisted_on(shop: None, client: Client) -> None:
    assert found("hedphones", exact=True) == []
    page = client.get("/search/", {"q": "hedphones"}).content.decode()

    assert "Showing results for" in page
    assert "exact=" in page
    assert client.get("/api/search/product/", {"q": "hedphones"}).json()["instead_of"] == "hedphones"


def test_what_is_typed_is_escaped(shop: None, client: Client) -> None:
    page = client.get("/search/", {"q": "<b>hedphones</b>"}).content.decode()

    assert "<b>hedphones" not in page


def test_a_lexicon_finds_by_likeness_and_by_beginning() -> None:
    words = Lexicon([("mug", 5), ("mugs", 2), ("smug", 1), ("café", 3), ("table", 4)])

    assert set(words.near("mug", 1)) == {"mug", "mugs", "smug"}
    assert words.beginning("mu", 5) == ["mug", "mugs"]
    assert words.nearly_beginning("tabel", 5) == ["table"]
    assert words.written("cafe") == "café"
    assert "cafe" in words
    assert words.count("mugs") == 2


def test_likely_slips_cost_less() -> None:
    assert cost("mug", "mug") == 0
    assert cost("mgu", "mug") < cost("mxg", "mug")
    assert cost("miug", "mug") <= cost("mqug", "mug")
    assert cost("speker", "speaker") < cost("xpeaker", "speaker")


def test_synonyms_find_each_other_by_words(shop: None) -> None:
    assert found("couch", exact=True) == []
    Synonym.objects.create(words="sofa, couch, settee")
    synonyms.changed()

    assert found("couch") == ["Leather sofa"]
    assert found("leather couches") == ["Leather sofa"]
    assert found('"couch"', exact=True) == []


def test_one_way_only(shop: None) -> None:
    Synonym.objects.create(typed="trainers", words="running shoes")
    synonyms.changed()

    assert found("trainers") == ["Running shoes"]
    assert found("running shoes") == ["Running shoes"]


def test_synonyms_reach_meaning_too(shop: None) -> None:
    options: dict[str, Any] = {"lanes": ["vectors"], "cutoff": None}
    Synonym.objects.create(words="sofa, couch")
    synonyms.changed()

    assert found("couch", **options)[0] == "Leather sofa"


def test_synonyms_of_another_index_or_language_or_switched_off_do_nothing(shop: None) -> None:
    Synonym.objects.create(words="sofa, couch", index="other.index")
    Synonym.objects.create(words="sofa, divan", language="sv")
    Synonym.objects.create(words="sofa, settee", enabled=False)
    synonyms.changed()

    assert [found(word, exact=True) for word in ("couch", "divan", "settee")] == [[], [], []]


def test_a_group_must_tie_something() -> None:
    with pytest.raises(ValidationError, match="at least two words"):
        Synonym(words="sofa").full_clean()


def test_the_admin_edits_synonyms(client: Client, shop: None) -> None:
    client.force_login(User.objects.create_superuser("owner"))
    sent = {"typed": "", "words": "sofa, couch", "enabled": "on"}

    assert client.post("/admin/catalog_search/synonym/add/", sent).status_code == 302
    assert Synonym.objects.get().phrases == ["sofa", "couch"]
    assert client.get("/admin/catalog_search/synonym/").status_code == 200
