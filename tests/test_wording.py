"""Words as people type them: corrected by the catalogue's own, and joined by the shop's synonyms."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog_search.indexing import vocabulary as counting
from catalog_search.models import Generation, Synonym, Vocabulary
from catalog_search.searching import lanes
from catalog_search.wording import correcting, vocabulary
from catalog_search.wording.exchange import NoSynonyms, bring_in_synonyms
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
    vocabulary.MEMORY.forget()


def found(text: str, **options: Any) -> list[str]:
    options = {"cutoff": 99, "rerank": False, **options}
    return [hit.object.name for hit in ProductIndex.search(text, **options)]


def test_words_are_counted_a_few_documents_at_a_time(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    generation = Generation.objects.get()
    whole = Vocabulary.objects.get().words
    monkeypatch.setattr(counting, "CHUNK", 4)
    with CaptureQueriesContext(connection) as captured:
        counting.count_words(generation)

    assert Vocabulary.objects.get().words == whole
    read = [one["sql"] for one in captured if '"text"' in one["sql"]]
    assert len(read) == 3  # four, two, none
    assert all("LIMIT 4" in one for one in read)


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
        ("ceramic mgu", "Ceramic mug"),
        ("cermaic mgu", "Ceramic mug"),
        ("leathr soda", "Leather sofa"),
    ],
)
def test_a_typo_is_searched_as_it_was_meant(shop: None, typed: str, meant: str) -> None:
    results = ProductIndex.search(typed, cutoff=99)

    assert [hit.object.name for hit in results] == [meant]
    assert results.guidance.instead_of == typed
    assert results.guidance.searched != typed


@pytest.mark.parametrize(
    "text",
    ["mug", "mgu", "Café", "cafe table", "sofas", "headpho", "run", "leather soda", "CE-4711", "4712", '"hedphones"'],
)
def test_what_the_catalogue_knows_stays_as_it_is(shop: None, text: str) -> None:
    guidance = ProductIndex.search(text, cutoff=99).guidance

    assert (guidance.instead_of, guidance.searched) == ("", "")


@pytest.fixture
def wardrobe(make_product: Callable[..., Product], build_index: Callable[[], Generation]) -> None:
    for number in range(20):
        make_product(f"Rain boots for children {number}")
        make_product(f"Dining table {number}")
    make_product("Dinning table, oak")
    make_product("Robot kit", description="With two bots")
    make_product("Toy bots")
    build_index()
    cache.clear()
    lanes._sample.cache_clear()
    vocabulary.MEMORY.forget()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("rain bots", "rain boots"),  # both are words of the catalogue
        ("Rain bots (children)", "Rain boots (children)"),
        ("dinning table", "dining table"),  # one product writes it so
        ("rain boost", "rain boots"),  # a word of the language alone
        ("rain bots -robot", "rain boots -robot"),
    ],
)
def test_a_good_word_typed_for_another_is_offered_by_what_stands_together(
    wardrobe: None, typed: str, meant: str
) -> None:
    results = ProductIndex.search(typed, cutoff=99)

    assert results.did_you_mean == meant
    assert results.guidance.searched == ""
    assert ProductIndex.search(typed, cutoff=99, exact=True).did_you_mean == ""


@pytest.mark.parametrize(
    "text",
    [
        "rain boots",
        "robot bots",
        "toy bots",
        "bots",
        "table bots",
        'rain "bots"',
        "rain -bots",
        "the bots",
        "rain b0ts",
        "rain bots that my children like",  # a sentence
    ],
)
def test_good_words_that_stand_together_or_alone_are_no_confusion(wardrobe: None, text: str) -> None:
    assert ProductIndex.search(text, cutoff=99).did_you_mean == ""


def test_no_confusion_is_offered_that_finds_nothing_or_of_a_word_that_a_synonym_has(wardrobe: None) -> None:
    assert ProductIndex.search("rain bots", cutoff=99).did_you_mean
    dry = Product.objects.exclude(name__startswith="Rain")
    assert ProductIndex.search("rain bots", cutoff=99, queryset=dry).did_you_mean == ""
    Synonym.objects.create(words="bots, automatons")
    assert ProductIndex.search("rain bots", cutoff=99).did_you_mean == ""


def test_no_word_is_told_that_only_hidden_products_have(
    make_product: Callable[..., Product], build_index: Callable[[], Generation], client: Client
) -> None:
    make_product("Ceramic mug")
    for number in range(5):
        make_product(f"Zorblaxian console {number}", is_public=False)
    build_index()
    vocabulary.MEMORY.forget()
    assert "orblaxian" not in client.get("/search/", {"q": "zorblaxain"}).text
    seen = ProductIndex.search("zorblaxain", visible=Product.objects.with_stock()).guidance
    assert "zorblaxian" in (seen.searched, seen.did_you_mean)


def test_the_words_as_typed_can_be_insisted_on(shop: None, client: Client) -> None:
    assert found("hedphones", exact=True) == []
    page = client.get("/search/", {"q": "hedphones"}).content.decode()

    assert "Showing results for" in page
    assert "exact=" in page
    assert client.get("/api/search/product/", {"q": "hedphones"}).json()["instead_of"] == "hedphones"


def test_what_is_typed_is_escaped(shop: None, client: Client) -> None:
    page = client.get("/search/", {"q": "<b>hedphones</b>"}).content.decode()

    assert "<b>hedphones" not in page
    assert "&lt;b&gt;hedphones" in page


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

    assert found("couch") == ["Leather sofa"]
    assert found("leather couches") == ["Leather sofa"]
    assert found('"couch"', exact=True) == []


def test_one_way_only(shop: None) -> None:
    Synonym.objects.create(typed="trainers", words="running shoes")

    assert found("trainers") == ["Running shoes"]
    assert found("running shoes") == ["Running shoes"]


def test_synonyms_reach_meaning_too(shop: None) -> None:
    options: dict[str, Any] = {"lanes": ["vectors"], "cutoff": None}
    Synonym.objects.create(words="sofa, couch")

    assert found("couch", **options)[0] == "Leather sofa"


def test_synonyms_of_another_index_or_language_or_switched_off_do_nothing(shop: None) -> None:
    Synonym.objects.create(words="sofa, couch", index="other.index")
    Synonym.objects.create(words="sofa, divan", language="sv")
    Synonym.objects.create(words="sofa, settee", enabled=False)

    assert [found(word, exact=True) for word in ("couch", "divan", "settee")] == [[], [], []]


def test_a_language_may_be_written_with_its_country(shop: None) -> None:
    Synonym.objects.create(words="sofa, couch", language="en-GB")

    assert found("couch", exact=True) == ["Leather sofa"]


def test_a_language_that_no_index_has_is_refused() -> None:
    Synonym(words="sofa, couch", language="EN").full_clean()
    for language, index in (("English", ""), ("sv", ""), ("en", "shop.gone")):
        with pytest.raises(ValidationError, match="Nobody searches in this language"):
            Synonym(words="sofa, couch", language=language, index=index).full_clean()


def test_a_group_must_tie_something() -> None:
    with pytest.raises(ValidationError, match="at least two words"):
        Synonym(words="sofa").full_clean()
    for typed, words in (("", "sofa, Sofa"), ("sofa", "sofa"), ("sofa", ","), ("", "")):
        with pytest.raises(ValidationError):
            Synonym(typed=typed, words=words).full_clean()
    Synonym(typed="sofa", words="couch").full_clean()


def test_what_a_synonym_has_is_not_misspelt(shop: None) -> None:
    assert ProductIndex.search("leathr").guidance.searched == "leather"
    Synonym.objects.create(typed="leathr", words="sofa")

    assert found("leathr") == found("Leathrs") == ["Leather sofa"]
    assert ProductIndex.search("leathr").guidance.searched == ""
    assert ProductIndex.search("leathrs").guidance.searched == ""


def test_what_a_synonym_has_may_be_misspelt_too(shop: None) -> None:
    Synonym.objects.create(words="sofa, canapé")

    assert found("leather cannape") == ["Leather sofa"]
    assert ProductIndex.search("leather cannape").guidance.searched == "leather canapé"


def test_the_search_of_a_rule_may_be_misspelt(shop: None, make_rule: Any) -> None:
    assert ProductIndex.search("shippnig costs").guidance.redirect == ""
    make_rule("costs", searches="shipping *", actions=[{"kind": "redirect", "url": "/help/"}])
    make_rule("misspelt", searches="shippng", actions=[{"kind": "replace", "text": "mug"}])

    assert ProductIndex.search("shippnig costs").guidance.redirect == "/help/"
    assert ProductIndex.search("shippin").guidance.searched != "shippng"


def test_a_slip_is_mended_though_no_product_has_the_word(shop: None) -> None:
    assert ProductIndex.search("coffe mug").guidance.searched == "coffee mug"
    assert ProductIndex.search("trvael mug").guidance.searched == "travel mug"


@pytest.mark.parametrize("word", ["mens", "womens", "childrens"])
def test_an_apostrophe_left_out_is_no_typo(word: str) -> None:
    assert correcting.is_known(Lexicon([("means", 50)]), word, "en")


def test_a_short_word_has_one_typo_at_most() -> None:
    words = Lexicon([("still", 100), ("saddle", 100)])

    assert set(correcting.likely(words, "stuhl")) == set()
    assert set(correcting.likely(words, "stil")) == {"still"}
    assert set(correcting.likely(words, "sadel")) == {"saddle"}  # what it is meant as is long
    assert set(correcting.likely(words, "satdel")) == {"saddle"}


def test_a_word_that_the_catalogue_writes_with_a_hyphen_is_not_misspelt(
    shop: None, make_product: Callable[..., Product], build_index: Callable[[], Generation]
) -> None:
    make_product("Blue T-shirt")
    make_product("Shirts and more shirts")
    build_index()
    vocabulary.MEMORY.forget()

    assert found("tshirt") == ["Blue T-shirt"]


def test_a_rule_for_what_is_typed_acts_though_other_words_are_searched(shop: None, make_rule: Any) -> None:
    make_rule("typed", searches="hedphones", actions=[{"kind": "banner", "text": "Music"}])
    make_rule("meant", searches="headphones", actions=[{"kind": "banner", "text": "Loud music"}])
    make_rule("other", searches="senheiser", actions=[{"kind": "replace", "text": "ceramic mug"}])

    assert ProductIndex.search("hedphones").guidance.rules == ("typed", "meant")
    replaced = ProductIndex.search("senheiser", cutoff=99)
    assert [hit.object.name for hit in replaced] == ["Ceramic mug"]
    assert (replaced.guidance.instead_of, replaced.guidance.searched) == ("", "")


def test_a_choice_brings_up_no_other_words(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(correcting, "SURE", 1.1)  # so that nothing is corrected, but everything offered
    options: dict[str, Any] = {"cutoff": 99, "rerank": False}
    nothing = ProductIndex.search("hedphones", **options)
    assert nothing.guidance.searched == "headphones"
    chosen = ProductIndex.search("hedphones", facets={"brand": ["Sennheiser"]}, **options)
    assert (chosen.total, chosen.guidance.searched) == (nothing.facets["brand"].found[0].count, "headphones")

    mixed = ProductIndex.search("mug hedphones", **options)
    assert next(hit.object.name for hit in mixed) == "Ceramic mug"
    other = ProductIndex.search("mug hedphones", facets={"brand": ["Sennheiser"]}, **options)
    assert (other.total, other.guidance.searched, other.did_you_mean) == (0, "", "mug headphones")


ALGOLIA = [
    {"objectID": "1", "type": "synonym", "synonyms": ["sofa", "couch", "settee"]},
    {"objectID": "2", "type": "oneWaySynonym", "input": "trainers", "synonyms": ["running shoes"]},
    {"objectID": "3", "type": "altCorrection1", "word": "bag", "corrections": ["purse"]},
    {"objectID": "4", "type": "placeholder", "placeholder": "<size>", "replacements": ["S", "M"]},
    {"objectID": "5", "type": "synonym", "synonyms": ["alone"]},
]
TYPESENSE = [
    {"id": "coat", "root": "", "synonyms": ["sofa", "Couch", "settee"]},
    {"id": "phone", "root": "trainers", "synonyms": ["running shoes", "sneakers"], "locale": "en"},
]


@pytest.mark.parametrize(
    ("exported", "made", "remarks"),
    [
        (ALGOLIA, ["sofa, couch, settee", "trainers → running shoes", "bag → purse"], ["4: ", "5: "]),
        ({"hits": ALGOLIA[:1], "nbHits": 1}, ["sofa, couch, settee"], []),
        ({"synonyms": TYPESENSE}, ["sofa, Couch, settee", "trainers → running shoes, sneakers"], []),
        ([{"name": "set", "items": TYPESENSE}], ["sofa, Couch, settee", "trainers → running shoes, sneakers"], []),
    ],
)
def test_synonyms_of_other_engines(exported: Any, made: list[str], remarks: list[str]) -> None:
    outcome = bring_in_synonyms(json.dumps(exported), "product")

    assert [str(row) for row in outcome.made] == made
    assert [remark[:3] for remark in outcome.remarks] == remarks
    assert set(map(str, Synonym.objects.filter(index="shop.product"))) == set(made)
    again = bring_in_synonyms(json.dumps(exported), "shop.product")
    assert (again.made, again.same, Synonym.objects.count()) == ([], len(made), len(made))


@pytest.mark.parametrize(
    "text", ["{", "[1]", '"x"', "[" * 100_000, '[{"type": "synonym", "synonyms": 7}]', '[{"synonyms": "cup, mug"}]']
)
def test_files_without_synonyms(text: str) -> None:
    with pytest.raises(NoSynonyms, match="no export"):
        bring_in_synonyms(text)


def test_synonyms_by_command(tmp_path: Path) -> None:
    path = tmp_path / "synonyms.json"
    path.write_text(json.dumps(ALGOLIA))
    for dry_run in (True, False):
        told, lost = StringIO(), StringIO()
        assert not Synonym.objects.exists()
        call_command("import_search_synonyms", path, dry_run=dry_run, stdout=told, stderr=lost)
        assert "Groups of synonyms: 3 made, 0 were there" in told.getvalue()
        assert '"placeholder" has no counterpart' in lost.getvalue()

    assert Synonym.objects.filter(index="").count() == 3
    with pytest.raises(CommandError, match="no search index"):
        call_command("import_search_synonyms", path, index="nothing")


SYNONYMS = "/admin/catalog_search/synonym/"


def test_the_admin_imports_synonyms(admin_client: Client) -> None:
    def upload(text: str, **fields: Any) -> Any:
        return admin_client.post(f"{SYNONYMS}import/", {"file": ContentFile(text, "synonyms.json"), **fields})

    dry = upload(json.dumps(ALGOLIA), dry_run="on").content.decode()
    assert "Nothing is saved yet: Groups of synonyms: 3 made" in dry
    assert "has no counterpart" in dry
    assert not Synonym.objects.exists()
    assert upload(json.dumps(TYPESENSE), index="shop.product").status_code == 302
    assert Synonym.objects.filter(index="shop.product").count() == 2
    assert "no export" in upload("{").content.decode()


def test_a_draft_of_a_synonym_is_previewed(admin_client: Client, shop: None, log_query: Any) -> None:
    log_query("couch", 3)
    log_query("mug", 1)
    draft = {"typed": "", "words": "sofa, couch", "index": "", "enabled": "on"}
    page = " ".join(admin_client.post(f"{SYNONYMS}preview/", draft).content.decode().split())

    assert not Synonym.objects.exists()
    assert "It concerns 1 of the 2 queries of the last 30 days, 75.0 % of all searches." in page
    assert re.search(r'<li class="cs-entered">.*?Leather sofa', page)
    kept = Synonym.objects.create(words="sofa, couch")
    own = f"{SYNONYMS}{kept.pk}"
    assert "0 of 2 pages change." in admin_client.post(f"{own}/preview/", draft).content.decode()
    changed = admin_client.post(f"{own}/preview/", draft | {"words": "sofa, settee"}).content.decode()
    assert "cs-left" in changed
    assert "at least two words" in admin_client.post(f"{own}/preview/", draft | {"words": "sofa"}).content.decode()
    assert Synonym.objects.get().phrases == ["sofa", "couch"]
    assert admin_client.get(f"{own}/preview/").status_code == 302


def test_who_may_not_change_synonyms_neither_previews_nor_imports(client: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_synonym"))
    client.force_login(clerk)

    assert client.get(SYNONYMS).status_code == 200
    assert client.post(f"{SYNONYMS}preview/", {"words": "a, b"}).status_code == 403
    assert client.get(f"{SYNONYMS}import/").status_code == 403


def test_the_admin_edits_synonyms(client: Client, shop: None) -> None:
    client.force_login(User.objects.create_superuser("owner"))
    sent = {"typed": "", "words": "sofa, couch", "enabled": "on"}

    assert client.post("/admin/catalog_search/synonym/add/", sent).status_code == 302
    assert Synonym.objects.get().phrases == ["sofa", "couch"]
    assert client.get("/admin/catalog_search/synonym/").status_code == 200
