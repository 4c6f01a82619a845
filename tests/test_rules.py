"""Merchandising: rules pin, hide, boost, bury, filter, replace, redirect and show banners, where they should."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from catalog_search import patterns
from catalog_search.conditions import holds, read_conditions
from catalog_search.facets import bounds
from catalog_search.languages import agree
from catalog_search.merchandising import rulebook
from catalog_search.merchandising.steps import lifted, pinned
from catalog_search.models import Rule
from catalog_search.patterns import Pattern, matches, read_patterns, words
from catalog_search.searching import Banner, memory, similar
from catalog_search.searching.candidates import Candidates
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop, names

MakeRule = Callable[..., Rule]

pytestmark = pytest.mark.django_db


def key(product: Product) -> str:
    return str(product.pk)


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "text", "expected"),
        [
            ("red mug", "Red  MUG!", True),
            ("red mug", "red mugs", False),
            ("red mug", "a red mug", False),
            ("* mug *", "mug", True),
            ("* mug *", "big red mug cheap", True),
            ("* mug *", "mugs", False),
            ("mug *", "mug red", True),
            ("mug *", "red mug", False),
            ("* mug", "red mug", True),
            ("lap*", "laptop", True),
            ("lap*", "laptop bag", False),
            ("lap* *", "laptop bag", True),
            ("*top", "laptop", True),
            ("*pto*", "laptop", True),
            ("red * mug", "red enamel camping mug", True),
            ("red * mug", "red mug", True),
            ("red * big * mug", "red so big a mug", True),
            ("red * big * mug", "red mug big", False),
            ("a * a", "a", False),
            ("café", "CAFE", True),
            ("usb c", "USB-C", True),
            ("c++", "c", False),
            ("*", "anything at all", True),
            ("माला", "मेला", False),  # a garland and a fair, told apart by their vowel signs alone
            ("माला", "माला", True),
            ("ไม้", "ไม่", False),
        ],
    )
    def test_words_and_stars(self, pattern: str, text: str, expected: bool) -> None:
        (read,) = read_patterns(pattern)

        assert matches(read, words(text)) is expected

    def test_one_a_line(self) -> None:
        assert read_patterns("red mug\n\n  blue * \n") == (("red", "mug"), ("blue", "*"))

    @given(
        st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=8), st.lists(st.sampled_from("ab"), max_size=8)
    )
    def test_they_mean_what_a_regular_expression_would(self, pattern: list[str], asked: list[str]) -> None:
        expression = "".join("( \\w)*" if word == "*" else f" {word}" for word in pattern)
        expected = bool(re.fullmatch(expression, "".join(f" {word}" for word in asked)))

        assert matches(Pattern(pattern), asked) is expected


class TestTriggers:
    def test_it_acts_on_its_searches_alone(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="red mug\nchair*", actions=[{"kind": "banner", "text": "Hello"}])

        assert ProductIndex.search("Red Mug").guidance.banners == (Banner("Hello"),)
        assert ProductIndex.search("chairs").guidance.rules == ("Rule",)
        assert ProductIndex.search("mug").guidance.rules == ()
        assert ProductIndex.search("").guidance.rules == ()

    def test_on_the_page_of_a_filter(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(when="browsing", conditions="brand=Acme", actions=[{"kind": "banner", "text": "Acme week"}])

        def told(text: str = "", **facets: list[str]) -> bool:
            return bool(ProductIndex.search(text, facets=facets).guidance.banners)

        assert told(brand=["Acme"])
        assert not told()
        assert not told(brand=["Bolt"])
        assert not told("mug", brand=["Acme"])

    def test_always(self, indexed_shop: Shop, make_rule: MakeRule, red: Any) -> None:
        make_rule(when="always", actions=[{"kind": "hide", "product": key(indexed_shop["red mug"])}])

        for found in (names(), names("red mug"), names(image=red), names("nothing of the kind")):
            assert "Red mug" not in found

    def test_dates_are_those_of_the_search(self, indexed_shop: Shop, make_rule: MakeRule, monkeypatch: Any) -> None:
        now = timezone.now()
        make_rule(
            searches="mug",
            starts_at=now + timedelta(days=1),
            ends_at=now + timedelta(days=2),
            actions=[{"kind": "banner", "text": "Sale"}],
        )
        seen = []
        for days in (0, 1.5, 3):
            monkeypatch.setattr(timezone, "now", lambda days=days: now + timedelta(days=days))
            seen.append(len(ProductIndex.search("mug").guidance.banners))

        assert seen == [0, 1, 0]

    def test_by_language(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="mug", language="sv", actions=[{"kind": "banner", "text": "Hej"}])

        with translation.override("sv"):
            assert ProductIndex.search("mug").guidance.banners == ()  # the index has English alone
        Rule.objects.get().delete()
        make_rule(searches="mug", language="en-gb", actions=[{"kind": "banner", "text": "Hi"}])
        assert ProductIndex.search("mug").guidance.banners == (Banner("Hi"),)

    @pytest.mark.parametrize(
        ("rule", "visitor", "acts"),
        [
            *[("zh-hans", "zh-hans", True), ("zh-hans", "zh-hant", False), ("zh", "zh-hant", True)],
            *[("pt_BR", "pt-br", True), ("de-AT", "de", True), ("de", "en", False)],
        ],
    )
    def test_scripts_and_countries(self, rule: str, visitor: str, acts: bool) -> None:
        assert agree(rule, visitor) is acts

    def test_disabled_it_does_nothing(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="mug", enabled=False, actions=[{"kind": "banner", "text": "Hello"}])

        assert ProductIndex.search("mug").guidance.rules == ()

    def test_a_final_rule_ends_it(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        for name, priority, final in (("low", 0, False), ("high", 2, False), ("middle", 1, True)):
            make_rule(name, searches="mug", priority=priority, final=final, actions=[{"kind": "banner", "text": name}])

        assert ProductIndex.search("mug").guidance.rules == ("high", "middle")

    def test_a_strip_of_similar_products_is_only_narrowed(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        blue, dress = indexed_shop["blue mug"], indexed_shop["dress"]
        pin = {"kind": "pin", "product": key(dress), "position": 1}
        make_rule(when="always", actions=[pin, {"kind": "hide", "product": key(blue)}])
        hits = similar(ProductIndex.registered(), indexed_shop["red mug"], size=2)

        assert hits[0].object.name != "Summer dress"
        assert blue not in [hit.object for hit in hits]


class TestActions:
    def test_a_pin_stands_at_its_place(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        plain = ProductIndex.search("mug")
        make_rule(searches="mug", actions=[{"kind": "pin", "product": key(indexed_shop["dress"]), "position": 2}])
        results = ProductIndex.search("mug")

        assert results.hits[1].object.name == "Summer dress"
        assert results.hits[1].why.rules == ("Rule",)
        assert results.hits[0].why.rules == ()
        assert results.total == plain.total + 1
        assert sum(value.count for value in results.facets["brand"].found) == results.total

    def test_a_pin_obeys_filters_and_visibility(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        pins = [
            {"kind": "pin", "product": key(indexed_shop[name]), "position": place}
            for place, name in enumerate(("draft", "dress", "red chair"), start=1)
        ]
        make_rule(searches="mug", actions=pins)

        assert "Secret mug" not in names("mug")
        assert names("mug", facets={"brand": ["Bolt"]})[-1] == "Red chair"
        assert "Summer dress" not in names("mug", facets={"brand": ["Bolt"]})

    @pytest.mark.parametrize("text", ["mug", ""])
    def test_a_pin_takes_the_place_of_its_family(
        self, make_product: Callable[..., Product], build_index: Any, make_rule: MakeRule, text: str
    ) -> None:
        parents = [make_product(f"Mug {letter}") for letter in "abcd"]
        variants = [make_product(f"{parent.name} large", parent=parent) for parent in parents]
        build_index()
        pins = [(variants[3], 2), (variants[0], 3)]
        if text:  # of a page without a search, only one of a family is listed at all
            pins.insert(1, (parents[3], 1))
        actions = [{"kind": "pin", "product": key(product), "position": place} for product, place in pins]
        best = variants[1] if text else parents[1]
        boost = {"kind": "boost", "product": key(best), "strength": 100}
        make_rule(when="always", actions=[*actions, boost])
        results = ProductIndex.search(text, group_by=True)
        shown = [hit.object for hit in results]

        assert results.total == len(shown) == 4
        assert shown[1:3] == [variants[3], variants[0]]
        assert shown[0] == best

    def test_pins_order_a_page_without_a_search(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(
            when="browsing",
            conditions="category=Home > Kitchen",
            actions=[{"kind": "pin", "product": key(indexed_shop["photo mug"]), "position": 1}],
        )
        results = ProductIndex.search("", facets={"category": ["Home > Kitchen"]})

        assert results.hits[0].object.name == "Mug"
        assert results.hits[0].why.rules == ("Rule",)

    def test_hiding_by_product_and_by_condition(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        hide = [{"kind": "hide", "product": key(indexed_shop["red mug"])}, {"kind": "hide", "having": "brand=Bolt"}]
        make_rule(searches="mug", actions=hide)
        results = ProductIndex.search("mug")

        assert [hit.object.name for hit in results] == ["Blue mug"]
        assert results.total == 1
        assert {value.value: value.count for value in results.facets["brand"].found} == {"Acme": 1}

    def test_hidden_is_stronger_than_pinned(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        mug = key(indexed_shop["red mug"])
        make_rule("pin", searches="mug", priority=9, actions=[{"kind": "pin", "product": mug, "position": 1}])
        make_rule("hide", searches="mug", actions=[{"kind": "hide", "product": mug}])

        assert "Red mug" not in names("mug")

    def test_boost_and_bury(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        plain = names("blue mug")
        rule = make_rule(searches="* mug", actions=[{"kind": "boost", "having": "brand=Bolt", "strength": 100}])
        boosted = ProductIndex.search("blue mug")
        rule.actions.update(kind="bury")
        rulebook.MEMORY.forget()
        buried = names("blue mug")

        assert plain[0] != "Mug"
        assert boosted.hits[0].object.name == "Mug"
        assert boosted.hits[0].why.rules == ("Rule",)
        assert buried[-1] == "Mug"
        assert sorted(plain) == sorted(buried)

    def test_an_article_number_stays_first(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(when="always", actions=[{"kind": "boost", "having": "brand=Bolt", "strength": 1000}])

        assert names("MUG-1001")[0] == "Red mug"

    def test_a_filter_narrows(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="cheap *", actions=[{"kind": "filter", "having": "price_max=10"}])

        assert names("cheap mug") == ["Red mug"]

    def test_other_words(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="tin", actions=[{"kind": "replace", "text": "summer dress"}])

        assert names("tin")[0] == "Summer dress"

    def test_the_first_redirect_wins(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule("one", searches="returns", actions=[{"kind": "redirect", "url": "/help/"}])
        make_rule("two", searches="returns", priority=1, actions=[{"kind": "redirect", "url": "https://example.org/a"}])

        assert ProductIndex.search("returns").guidance.redirect == "https://example.org/a"

    def test_a_visitors_sort_is_theirs(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        plain = names("mug", sort="price")
        make_rule(searches="mug", actions=[{"kind": "pin", "product": key(indexed_shop["photo mug"]), "position": 1}])

        assert names("mug", sort="price") == plain

    def test_page_two_goes_on_where_page_one_ended(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        make_rule(searches="mug", actions=[{"kind": "pin", "product": key(indexed_shop["dress"]), "position": 2}])
        whole = names("mug")
        pages = [ProductIndex.search("mug", page=page, page_size=1) for page in range(1, len(whole) + 1)]

        assert [page.hits[0].object.name for page in pages] == whole
        assert pages[1].hits[0].why.rules == ("Rule",)


KEYS = [str(number) for number in range(12)]


@given(
    st.lists(st.tuples(st.sampled_from([*KEYS, "stranger"]), st.integers(1, 15)), max_size=6),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from([0.01, 0.5, 2.0, 100.0])),
)
def test_places_hold_for_all_pins(pins: list[tuple[str, int]], factors: dict[str, float]) -> None:
    candidates = Candidates(KEYS, dict.fromkeys(KEYS, 0.0))
    keys = list(pinned(lifted(candidates, factors), pins).keys)
    wanted: dict[int, str] = {}
    for one, place in pins:
        if one in KEYS and one not in wanted.values():
            while place in wanted:
                place += 1
            wanted[place] = one

    assert sorted(keys) == sorted(KEYS)
    for place, one in wanted.items():
        if place <= len(KEYS) - sum(other > place for other in wanted):
            assert keys[place - 1] == one
    unpinned = [one for one in keys if one not in wanted.values()]
    assert unpinned == [one for one in lifted(candidates, factors).keys if one not in wanted.values()]


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_hidden_is_never_shown_and_totals_are_right(
    indexed_shop: Shop, make_rule: MakeRule, data: st.DataObject
) -> None:
    products = list(indexed_shop.values())
    one = st.sampled_from(products)
    hidden = data.draw(st.sets(one, max_size=3))
    pins = data.draw(st.lists(st.tuples(one, st.integers(1, 6)), max_size=3))
    text = data.draw(st.sampled_from(["", "mug", "red chair", "nothing of the kind"]))
    facets = data.draw(st.sampled_from([{}, {"brand": ["Acme"]}, {"category": ["Home > Kitchen"]}]))
    with transaction.atomic():
        actions: list[dict[str, Any]] = [{"kind": "hide", "product": key(product)} for product in hidden]
        actions += [{"kind": "pin", "product": key(product), "position": place} for product, place in pins]
        make_rule(when="always", actions=actions)
        results = ProductIndex.search(text, facets=facets)
        shown = [hit.object for hit in results.hits]
        transaction.set_rollback(True)
    rulebook.MEMORY.forget()

    assert not hidden & {*shown, *(hit.object for hit in results.near)}
    assert len(shown) == len(set(shown)) == results.total
    assert all(product.is_public for product in shown)
    for name, values in facets.items():
        assert all(str(getattr(product, name)) in values for product in shown)
    placed: dict[int, Product] = {}
    for product, place in pins:
        if product in shown and product not in placed.values():
            while place in placed:
                place += 1
            placed[place] = product
    for place, product in placed.items():
        if place <= len(shown) - sum(other > place for other in placed):
            assert shown[place - 1] == product


class TestSurfaces:
    def test_the_storefront_shows_banners_as_text(self, indexed_shop: Shop, make_rule: MakeRule, client: Any) -> None:
        banner = {"kind": "banner", "text": "<b>Sale</b>\nToday", "url": "/sale/?a=1&b=2", "picture": "/media/sale.jpg"}
        make_rule(searches="mug", actions=[banner])
        page = client.get("/search/", {"q": "mug"}).content.decode()

        assert "&lt;b&gt;Sale&lt;/b&gt;<br>Today" in page
        assert 'href="/sale/?a=1&amp;b=2"' in page
        assert 'src="/media/sale.jpg"' in page

    def test_the_storefront_follows_a_redirect(self, indexed_shop: Shop, make_rule: MakeRule, client: Any) -> None:
        make_rule(searches="returns", actions=[{"kind": "redirect", "url": "/help/returns/"}])
        response = client.get("/search/", {"q": "Returns"})

        assert (response.status_code, response.headers["Location"]) == (302, "/help/returns/")

    @pytest.mark.parametrize("url", ["/search/?q=mugs&brand=Acme", "http://testserver/search/?brand=Acme&q=mugs"])
    def test_a_redirect_to_itself_shows_the_page(
        self, indexed_shop: Shop, make_rule: MakeRule, client: Any, url: str
    ) -> None:
        make_rule(searches="mugs", actions=[{"kind": "redirect", "url": url}])
        response = client.get("/search/", {"q": "mugs"}, follow=True)

        assert (response.status_code, len(response.redirect_chain)) == (200, 1)
        for more in ("&sort=price", "&page=1", "&brand=Bolt", "&price_max=20"):
            assert client.get(url + more).status_code == 200
        for other in ("/search/?q=mugs", "/search/?q=mugs&brand=Bolt"):
            assert client.get(other).status_code == 302

    @pytest.mark.parametrize("second", ["/search/?q=mugs", "/search?q=mugs", "http://testserver/search/?q=mugs"])
    def test_rules_that_redirect_to_each_other_show_a_page(
        self, indexed_shop: Shop, make_rule: MakeRule, client: Any, second: str
    ) -> None:
        make_rule("one", searches="mugs", actions=[{"kind": "redirect", "url": "/search/?q=cups&brand=Acme"}])
        make_rule("two", searches="cups", actions=[{"kind": "redirect", "url": second}])
        response = client.get("/search/", {"q": "mugs"}, follow=True)

        assert response.status_code == 200
        assert response.context["search_form"].cleaned_data["q"] == "cups"
        # Filtered, sorted and paged it stays; other words are a search of their own.
        assert 'name="redirected" value="1"' in response.content.decode()
        assert "redirected" not in client.post("/search/", {"q": "mugs"}).headers["Location"]

    def test_a_search_that_a_rule_leads_to_may_lead_to_another_page(
        self, indexed_shop: Shop, make_rule: MakeRule, client: Any
    ) -> None:
        make_rule("one", searches="mugs", actions=[{"kind": "redirect", "url": "/search/?q=cups"}])
        make_rule("two", searches="cups", actions=[{"kind": "redirect", "url": "/cups/"}])
        response = client.get("/search/", {"q": "mugs"}, follow=True)

        assert response.redirect_chain[-1] == ("/cups/", 302)

    def test_the_api_tells_everything(self, indexed_shop: Shop, make_rule: MakeRule, admin_client: Any) -> None:
        actions = [
            {"kind": "banner", "text": "Sale", "url": "/sale/"},
            {"kind": "redirect", "url": "/mugs/"},
            {"kind": "pin", "product": key(indexed_shop["dress"]), "position": 1},
        ]
        make_rule("Mug week", searches="mug", actions=actions)
        answer = admin_client.get("/api/search/product/", {"q": "mug", "explain": "1"}).json()
        plain = admin_client.get("/api/search/product/", {"q": "chair"}).json()

        assert answer["banners"] == [{"text": "Sale", "url": "/sale/", "picture": ""}]
        assert (answer["redirect"], answer["rules"]) == ("/mugs/", ["Mug week"])
        assert (answer["hits"][0]["title"], answer["hits"][0]["why"]["rules"]) == ("Summer dress", ["Mug week"])
        assert (plain["redirect"], plain["rules"], plain["banners"]) == (None, [], [])

    def test_the_admin_finds_what_rules_hide(self, indexed_shop: Shop, make_rule: MakeRule, admin_client: Any) -> None:
        make_rule(when="always", actions=[{"kind": "hide", "product": key(indexed_shop["red mug"])}])
        response = admin_client.get("/admin/shop/product/", {"q": "red mug"})

        assert response.context["cl"].result_list[0].name == "Red mug"


class TestConditions:
    def test_they_are_those_of_an_address(self) -> None:
        index = ProductIndex.registered()
        read = read_conditions(index, "brand=Acme\nbrand = Bolt\nprice_max=20\nin_stock=true")

        assert read["brand"] == ("Acme", "Bolt")
        assert [str(bound) for bound in read["price"]] == ["None", "20"]
        assert holds({"brand": ["Acme"]}, read)
        assert not holds({"brand": ["Acme", "Coco"]}, read)
        assert holds({"price": read["price"]}, read)

    def test_bounds_are_numbers_and_steps_are_values(self) -> None:
        price = read_conditions(ProductIndex.registered(), "price_max=20")
        both = read_conditions(ProductIndex.registered(), "price_min=5\nprice_max=20")
        step = read_conditions(ProductIndex.registered(), "price=..10")

        assert holds(price, {"price": bounds(high="20.00")})
        assert holds(price, {"price": bounds(5, 20)})
        assert holds(both, {"price": bounds("5.0", "20.00")})
        assert not holds(both, {"price": bounds(20, 5)})
        assert not holds(price, {"price": bounds(20)})
        assert holds(step, {"price": (None, None, "..10", "10..25")})
        assert not holds(step, {"price": (None, None, "10..25")})

    @pytest.mark.parametrize("text", ["brand", "brand=", "shoe=1", "price_max=cheap", "brand__name=Acme"])
    def test_mistakes_are_told(self, text: str) -> None:
        with pytest.raises(ValidationError):
            read_conditions(ProductIndex.registered(), text)


class TestValidation:
    def test_a_product_that_no_key_can_name(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        pin = {"kind": "pin", "product": "9" * 30, "position": 1}
        with pytest.raises(ValidationError):
            make_rule("Refused", searches="mug", actions=[pin], clean=True)
        make_rule("Brought in", searches="mug", actions=[pin])

        assert ProductIndex.search("mug").degraded == ()
        assert ProductIndex.search("mug").guidance.rules == ()

    @pytest.mark.parametrize(
        "url",
        [
            *["javascript:alert(1)", "//example.org/", "/\\example.org", "sale/", "ftp://example.org/", "http://"],
            *["/a b", "/a\nb", "https://[", "data:text/html,x", " /sale/"],
        ],
    )
    def test_addresses_that_leave_the_web_or_hide_where_they_lead(self, url: str, make_rule: MakeRule) -> None:
        for action in ({"kind": "redirect", "url": url}, {"kind": "banner", "text": "x", "picture": url}):
            with pytest.raises(ValidationError):
                make_rule(searches="x", actions=[action], clean=True)

    @pytest.mark.parametrize(
        "url", ["/sale/", "/search/?q=mug&brand=Acme", "https://example.org/a#b", "http://a.example"]
    )
    def test_addresses_that_will_do(self, url: str, make_rule: MakeRule) -> None:
        make_rule(searches="x", actions=[{"kind": "redirect", "url": url}], clean=True)

    @pytest.mark.parametrize(
        "action",
        [
            {"kind": "pin", "product": "1"},
            {"kind": "pin", "product": "1", "position": 0},
            {"kind": "pin", "product": "not a key", "position": 1},
            {"kind": "pin", "product": "1", "position": 1, "text": "ignored"},
            {"kind": "hide"},
            {"kind": "hide", "product": "1", "having": "brand=Acme"},
            {"kind": "boost", "product": "1"},
            {"kind": "boost", "product": "1", "strength": 0.5},
            {"kind": "boost", "product": "1", "strength": float("nan")},
            {"kind": "filter", "having": "shoe=1"},
            {"kind": "banner"},
            {"kind": "replace"},
            {"kind": "explode"},
        ],
    )
    def test_actions_that_cannot_be(self, action: dict[str, Any], make_rule: MakeRule) -> None:
        with pytest.raises(ValidationError):
            make_rule(searches="x", actions=[action], clean=True)

    @pytest.mark.parametrize(
        "fields",
        [
            {"searches": ""},
            {"when": "always", "searches": "mug"},
            {"searches": "m*g"},
            {"searches": "mug\n\U0001f381"},
            {"searches": "!!! - ?"},
            {"searches": "mug", "language": "German"},
            {"searches": "mug", "language": "sv"},
            {"searches": "mug", "index": "shop.nothing"},
            {"searches": "mug", "conditions": "shoe=1"},
            {"searches": "mug", "starts_at": timezone.now(), "ends_at": timezone.now() - timedelta(days=1)},
        ],
    )
    def test_rules_that_could_never_act(self, fields: dict[str, Any], make_rule: MakeRule) -> None:
        with pytest.raises(ValidationError):
            make_rule(clean=True, **fields)


class TestRobustness:
    def test_rows_that_went_bad_are_left_out(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        plain = names("mug")
        good = {"kind": "banner", "text": "Still here"}
        bad = [
            {"kind": "hide", "having": "a facet that was taken out=1"},
            {"kind": "pin", "product": "999999", "position": 1},
            {"kind": "hide", "product": "not a key"},
            {"kind": "redirect", "url": "javascript:alert(1)"},
            {"kind": "explode"},
            {"kind": "boost", "having": "brand=Acme", "strength": None},
        ]
        make_rule(searches="mug", actions=[*bad, good])
        make_rule("no index", index="shop.gone", searches="mug", actions=[good])
        make_rule("no facet", when="always", conditions="shoe=1", actions=[{"kind": "filter", "having": "price_max=0"}])
        results = ProductIndex.search("mug")

        assert [hit.object.name for hit in results] == plain
        assert results.guidance.banners == (Banner("Still here"),)
        assert results.guidance.redirect == ""
        assert results.degraded == ()

    def test_patterns_whose_words_are_not_asked_for_are_not_tried(
        self, indexed_shop: Shop, make_rule: MakeRule
    ) -> None:
        make_rule(searches="zebra *\n* quagga *\nmug * okapi", actions=[{"kind": "banner", "text": "x"}])
        before = patterns._expression.cache_info()
        names("mug")

        assert patterns._expression.cache_info() == before
        assert ProductIndex.search("mug of an okapi").guidance.rules == ("Rule",)

    def test_any_number_of_boosts_and_burials(self, indexed_shop: Shop, make_rule: MakeRule) -> None:
        red, blue = key(indexed_shop["red mug"]), key(indexed_shop["blue mug"])
        bury = {"kind": "bury", "product": blue, "strength": 1000}
        pin = {"kind": "pin", "product": red, "position": 1}
        make_rule(searches="mug", actions=[*[bury | {"product": red}] * 120, *[bury] * 240, pin])
        make_rule("boosts", searches="mug", actions=[bury | {"kind": "boost"}] * 120)
        results = ProductIndex.search("mug")

        assert results.degraded == ()
        assert results.hits[0].object == indexed_shop["red mug"]
        assert results.hits[-1].object == indexed_shop["blue mug"]

    def test_rules_cost_a_search_no_statement(
        self, indexed_shop: Shop, make_rule: MakeRule, django_assert_num_queries: Any
    ) -> None:
        names("mug")
        with CaptureQueriesContext(connection) as plain:
            names("mug")
        for number in range(5):
            make_rule(f"rule {number}", searches="dress", actions=[{"kind": "banner", "text": "x"}])
        names("mug")  # reads the rules

        with django_assert_num_queries(len(plain)):
            names("mug")


@pytest.mark.django_db(transaction=True)
class TestRulebook:
    def test_an_edit_reaches_other_processes(
        self, make_rule: MakeRule, monkeypatch: pytest.MonkeyPatch, build_index: Any
    ) -> None:
        index = ProductIndex.registered()
        rule = make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        assert [one.name for one in rulebook.rulings(index)] == ["Rule"]
        # What another process knows: that of before the edit, and when it looked last.
        before = dict(rulebook.MEMORY._kept)
        rule.name = "Changed"
        rule.save()
        rulebook.MEMORY._kept.update(before)

        assert [one.name for one in rulebook.rulings(index)] == ["Rule"]
        monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
        assert [one.name for one in rulebook.rulings(index)] == ["Changed"]

    def test_without_a_cache_rules_are_read_now_and_then(
        self, make_rule: MakeRule, monkeypatch: pytest.MonkeyPatch, build_index: Any, settings: Any
    ) -> None:
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        index = ProductIndex.registered()
        monkeypatch.setattr(memory, "LOOK_SECONDS", 0.0)
        make_rule(searches="mug", actions=[{"kind": "banner", "text": "One"}])
        rulebook.rulings(index)
        Rule.objects.update(name="Changed")

        assert [one.name for one in rulebook.rulings(index)] == ["Rule"]
        monkeypatch.setattr(memory, "RELOAD_SECONDS", 0.0)
        assert [one.name for one in rulebook.rulings(index)] == ["Changed"]
