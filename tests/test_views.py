"""The storefront: the search page with everything on it, the search box, and the shop's own pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.http import QueryDict
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from catalog_search import Facet, RangeFacet, SearchIndex
from catalog_search.forms import SearchForm
from catalog_search.models import Generation, Synonym
from catalog_search.navigation import Address
from catalog_search.registry import registry
from catalog_search.searching import Results, cache
from catalog_search.wording import synonyms
from project.shop.models import Brand, Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

SEARCH = "/search/"


def names(response: Any) -> list[str]:
    return [hit.object.name for hit in response.context["results"]]


def upload(content: bytes, name: str = "picture.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/jpeg")


class TestSearchPage:
    def test_browsing(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH)

        assert response.status_code == 200
        assert len(names(response)) == 5
        assert "All products" in response.text
        assert "X-Robots-Tag" not in response.headers
        assert "csrftoken" not in response.cookies

    def test_words(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"q": "red mug"})

        assert names(response)[0] == "Red mug"
        assert 'value="red mug"' in response.text
        assert indexed_shop["red mug"].get_absolute_url() in response.text
        assert response.headers["X-Robots-Tag"] == "noindex, follow"
        assert "total;dur=" in response.headers["Server-Timing"]
        assert "read-query;dur=" in response.headers["Server-Timing"]
        assert "X-Search-Degraded" not in response.headers

    def test_drafts_stay_hidden(self, client: Client, indexed_shop: Shop) -> None:
        assert "Secret" not in client.get(SEARCH, {"q": "secret mug"}).text
        assert "Secret" not in client.get(SEARCH, {"q": "MUG-9999"}).text
        assert "Secret" not in client.get(SEARCH, {"like": indexed_shop["draft"].pk}).text

    def test_the_likeness_of_a_draft_tells_nothing(self, client: Client, indexed_shop: Shop) -> None:
        draft, dress = indexed_shop["draft"].pk, indexed_shop["dress"].pk

        assert names(client.get(SEARCH, {"like": draft})) == []
        both = client.get(SEARCH, {"like": f"{draft},{dress}"})
        assert names(both) == names(client.get(SEARCH, {"like": dress}))

    def test_an_index_by_name(self, client: Client, indexed_shop: Shop) -> None:
        assert client.get(reverse("catalog_search:search", args=["product"]), {"q": "dress"}).status_code == 200
        assert client.get(reverse("catalog_search:search", args=["nothing"])).status_code == 404

    def test_user_text_is_escaped(self, client: Client, indexed_shop: Shop) -> None:
        nasty = '"><script>alert(1)</script>'
        response = client.get(SEARCH, {"q": nasty, "colour": nasty, "price_min": nasty})

        assert response.status_code == 400
        assert "<script>alert" not in response.text

    def test_a_shop_without_templates_of_its_own(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.TEMPLATES = [settings.TEMPLATES[0] | {"DIRS": []}]

        response = client.get(SEARCH, {"q": "red mug"})

        assert response.status_code == 200
        assert (
            f'<a href="{indexed_shop["red mug"].get_absolute_url()}"><mark>Red</mark> <mark>mug</mark></a>'
            in response.text
        )
        assert "Fern" not in response.text

    def test_no_inline_script_or_style(self, client: Client, indexed_shop: Shop) -> None:
        html = client.get(SEARCH, {"q": "mug"}).text

        assert "<style" not in html
        assert " style=" not in html
        assert html.count("<script") == html.count("<script src=")
        assert " onc" not in html

    def test_queries_do_not_grow_with_hits(
        self, client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any
    ) -> None:
        client.get(SEARCH, {"q": "mug"})
        with django_assert_max_num_queries(20):
            assert len(names(client.get(SEARCH, {"q": "mug", "colour": "red"}))) >= 1
        with django_assert_max_num_queries(12):
            assert len(names(client.get(SEARCH))) == 5


class TestBadInput:
    @pytest.mark.parametrize(
        "query",
        [
            "q=" + "x" * 10_000,
            "q=%00",
            "q=%ff%fe",
            "page=0",
            "page=abc",
            "page=-3",
            "picture=gone",
            "like=abc",
            "sort=cleverness",
            "colour=%00",
            "price_min=9&price_max=2",
            "price_min=cheap&q=mug",
            "price_min=1e999999",
        ],
    )
    def test_is_answered_with_words(self, client: Client, indexed_shop: Shop, query: str) -> None:
        response = client.get(f"{SEARCH}?{query}")

        assert response.status_code == (200 if "%ff" in query else 400)

    @pytest.mark.parametrize(
        "query", ["q=-red&unlike={0}", "q=-red&terms=floral^-0.5", "q=!!!&unlike={0}", "q=%E2%80%8B&unlike={0}"]
    )
    @pytest.mark.parametrize("path", [SEARCH, "/api/search/product/"])
    def test_only_what_is_not_wanted(self, client: Client, indexed_shop: Shop, path: str, query: str) -> None:
        address = f"{path}?{query.format(indexed_shop['red mug'].pk)}"

        assert client.get(address).status_code == 400
        assert client.get(f"{address}&like={indexed_shop['draft'].pk}").status_code == 200

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("unlike=3", "Say what is wanted too."),
            ("q=mug&terms=floral^x", "Write a term as words^weight"),
            ("q=mug&like=x%00", "Null characters"),
        ],
    )
    def test_what_the_box_cannot_mark_is_told_beside_it(
        self, client: Client, indexed_shop: Shop, query: str, told: str
    ) -> None:
        html = client.get(f"{SEARCH}?{query}").text

        assert told in html
        assert "what is marked" not in html
        assert "Without the picture" not in html
        assert ('href="/search/?q=mug"' in html) == ("mug" in query)

    @pytest.mark.parametrize("query", ["in_stock=maybe", "q=mug&in_stock=maybe", "q=mug&in_stock=maybe&page=2"])
    def test_a_value_that_no_product_can_have(self, client: Client, indexed_shop: Shop, query: str) -> None:
        response = client.get(f"{SEARCH}?{query}")

        assert response.status_code == (404 if "page" in query else 200)
        assert names(response) == []

    def test_unknown_facet_values_find_nothing(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"q": "mug", "colour": "octarine"})

        assert response.status_code == 200
        assert "Nothing fits all of these filters" in response.text
        assert "Without these filters" in response.text
        assert "<mark>mug</mark>" not in response.text
        assert "Red mug" in response.text

    @pytest.mark.parametrize("path", [SEARCH, "/api/search/product/"])
    @pytest.mark.parametrize(
        "query", ["brand=&colour=", "category=", "price=&price_min=&price_max=", "sort=&page=&like="]
    )
    def test_what_is_empty_is_not_asked_for(self, client: Client, indexed_shop: Shop, path: str, query: str) -> None:
        both = [client.get(f"{path}?q=mug{rest}") for rest in ("", f"&{query}")]
        totals = [one.json()["total"] if "api" in path else one.context["results"].total for one in both]

        assert totals[0] == totals[1] == 3

    def test_large_numbers(self, client: Client, indexed_shop: Shop) -> None:
        assert client.get(SEARCH, {"like": "9" * 30}).status_code == 200

    @pytest.mark.parametrize("language", ["de", "en"])
    def test_bounds_as_they_are_written_there(self, client: Client, indexed_shop: Shop, language: str) -> None:
        def found(price: str) -> int | None:
            response = client.get(SEARCH, {"q": "mug", "price_max": price}, headers={"Accept-Language": language})
            return response.context["results"].total if response.status_code == 200 else None

        assert found("10.50") == 1
        assert found("10,50") == (1 if language == "de" else None)
        assert found("1.000,50") is None

    def test_bad_bounds_leave_the_rest_in_force(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"q": "mug", "colour": "red", "price_max": "cheap"})

        assert "Red mug" in names(response)
        assert "Enter a number." in response.text
        assert 'aria-invalid="true"' in response.text

    def test_pages_beyond_the_last(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"page": 99})

        assert response.status_code == 404
        assert "There is no such page" in response.text

    def test_a_single_product_needs_no_order(self, client: Client, indexed_shop: Shop) -> None:
        assert "Sort by" in client.get(SEARCH).text
        assert "Sort by" not in client.get(SEARCH, {"q": "MUG-1001", "brand": "Acme"}).text

    def test_nothing_found(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"CUTOFF": 100.0}

        response = client.get(SEARCH, {"q": "xylophone"})

        assert response.status_code == 200
        assert "We found nothing that fits" in response.text
        assert "The nearest we have" in response.text
        assert response.context["results"].total == 0
        for hit in response.context["results"].near:
            assert hit.object.name in response.text

    def test_nothing_found_where_no_picture_helps(
        self, client: Client, indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"CUTOFF": 100.0}
        assert "or a picture" in client.get(SEARCH, {"q": "xylophone"}).text
        monkeypatch.setattr(ProductIndex, "image", ())

        assert "or a picture" not in client.get(SEARCH, {"q": "xylophone"}).text

    @pytest.mark.parametrize("content", [b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
    def test_a_file_that_is_no_picture(self, client: Client, indexed_shop: Shop, content: bytes) -> None:
        response = client.post(SEARCH, {"q": "mug", "image": upload(content)})

        assert response.status_code == 400
        assert "not a picture" in response.text

    def test_a_picture_with_too_many_pixels(
        self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        bomb = picture_bytes(format="PNG", size=(10_000, 6_000), mode="L", colour=0)
        response = client.post(SEARCH, {"image": upload(bomb)})

        assert response.status_code == 400
        assert "50 megapixels" in response.text


class TestPictures:
    def test_an_upload_becomes_an_address(
        self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        response = client.post(SEARCH, {"image": upload(picture_bytes("red")), "q": "", "colour": "red", "page": "3"})

        assert response.status_code == 302
        parameters = parse_qs(urlsplit(response.url).query)
        assert parameters.keys() == {"picture", "colour"}
        shown = client.get(response.url)
        assert shown.context["search_form"].cleaned_data["picture"]
        assert set(names(shown)) <= {"Red mug", "Red chair"}
        assert f'value="{parameters["picture"][0]}"' in shown.text
        assert "Search without the picture" in shown.text

    def test_a_strange_token_beside_an_upload(
        self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        sent = {"image": upload(picture_bytes("red")), "picture": "a/b", "q": "x" * 600}

        assert client.post(SEARCH, sent).status_code == 400

    def test_picture_and_words(self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
        response = client.post(SEARCH, {"image": upload(picture_bytes("red")), "q": "chair"}, follow=True)

        assert response.status_code == 200
        assert names(response)[0] == "Red chair"
        assert "Your picture and “chair”" in response.text

    def test_words_alone_are_sent_on_too(self, client: Client) -> None:
        assert client.post(SEARCH, {"q": "red mug"}).url == "/search/?q=red+mug"

    def test_no_token_of_a_form_is_needed(self, db: None) -> None:
        assert Client(enforce_csrf_checks=True).post(SEARCH, {"q": "mug"}).status_code == 302

    def test_the_kept_picture_is_shown(self, client: Client, picture_bytes: Callable[..., bytes]) -> None:
        token = parse_qs(urlsplit(client.post(SEARCH, {"image": upload(picture_bytes())}).url).query)["picture"][0]
        response = client.get(reverse("catalog_search:picture", args=[token]))

        assert response.headers["Content-Type"] == "image/jpeg"
        assert response.content.startswith(b"\xff\xd8")
        assert client.get(reverse("catalog_search:picture", args=["gone"])).status_code == 404

    def test_expired(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"picture": "gone", "q": "mug"})

        assert response.status_code == 400
        assert "expired" in response.text
        assert 'href="/search/?q=mug"' in response.text

    def test_a_cache_that_is_down(
        self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "put", lambda *_: False)

        response = client.post(SEARCH, {"image": upload(picture_bytes())})

        assert response.status_code == 400
        assert "Pictures cannot be taken at the moment" in response.text


class TestNavigation:
    def test_facets_with_counts(self, client: Client, indexed_shop: Shop) -> None:
        html = client.get(SEARCH, {"q": "mug", "colour": "red"}).text

        assert '<input type="checkbox" name="colour" value="red" checked>' in html
        assert '<input type="checkbox" name="colour" value="blue">' in html
        assert '<input type="hidden" name="q" value="mug">' in html

    def test_chips_lead_out_of_a_filter(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(f"{SEARCH}?q=mug&colour=red&colour=blue&price_max=20&page=1")

        chips = {(chip.label, chip.value): chip.url for chip in response.context["chips"]}
        assert chips == {
            ("Colour", "red"): "/search/?q=mug&colour=blue&price_max=20",
            ("Colour", "blue"): "/search/?q=mug&colour=red&price_max=20",
            ("Price", "up to 20"): "/search/?q=mug&colour=red&colour=blue",
        }
        assert str(response.context["without_filters"]) == "/search/?q=mug"

    def test_chips_name_the_products_to_resemble(self, client: Client, indexed_shop: Shop) -> None:
        response = client.get(SEARCH, {"like": f"{indexed_shop['dress'].pk},{indexed_shop['draft'].pk}"})

        first, second = response.context["chips"]
        assert (first.value, first.url) == ("Summer dress", f"/search/?like={indexed_shop['draft'].pk}")
        assert second.value == ""

    def test_chips_of_terms_take_their_own_off(self, client: Client, indexed_shop: Shop) -> None:
        chips = client.get(f"{SEARCH}?terms=+&terms=mug&terms=red").context["chips"]

        assert [chip.value for chip in chips] == ["mug", "red"]
        assert [chip.url.count(f"terms={chip.value}") for chip in chips] == [0, 0]

    def test_numbers_are_told_to_scripts_plainly(self, make_product: Any, build_index: Any, settings: Any) -> None:
        settings.USE_THOUSAND_SEPARATOR = True
        settings.CATALOG_SEARCH |= {"QUERY_MAX_LENGTH": 2000}
        make_product("Mug", id=123456)
        build_index()
        page = Client().get(SEARCH, {"q": "mug"}).text

        assert 'data-product="123456"' in page
        assert 'maxlength="2000"' in page

    def test_sorting(self, client: Client, indexed_shop: Shop) -> None:
        assert names(client.get(SEARCH, {"sort": "price"}))[0] == "Red mug"
        assert names(client.get(SEARCH, {"sort": "highest_price"}))[0] == "Red chair"

    def test_paging(self, client: Client, indexed_shop: Shop) -> None:
        first = client.get(SEARCH, {"page_size": 2, "sort": "price"})
        second = client.get(str(first.context["next"]))
        last = client.get(str(second.context["next"]))

        assert names(first) + names(second) + names(last) == ["Red mug", "Blue mug", "Mug", "Summer dress", "Red chair"]
        assert (first.context["previous"], last.context["next"]) == (None, None)
        assert 'aria-current="page"' in first.text

    def test_gaps_between_many_pages(self) -> None:
        address = Address.of(SEARCH, QueryDict("q=mug&csrfmiddlewaretoken=x&image=a.jpg&sort="))
        pages = list(address.pages(Results(total=240, page=5)))

        assert [page.number for page in pages] == [1, None, 4, 5, 6, None, 10]
        assert [page.url for page in pages if page.current] == ["/search/?q=mug&page=5"]
        assert pages[0].url == "/search/?q=mug"

    def test_totals_that_stopped_counting(self, client: Client, indexed_shop: Shop, monkeypatch: Any) -> None:
        found = Results(total=1000, total_is_exact=False)
        monkeypatch.setattr("catalog_search.forms.search", lambda *_, **__: found)

        assert "1000+ products" in client.get(SEARCH, {"q": "mug"}).text


class TestMarks:
    def test_words_of_the_name_by_their_stems(self, client: Client, indexed_shop: Shop) -> None:
        html = client.get(SEARCH, {"q": "mugs"}).text

        assert "Red <mark>mug</mark></a>" in html
        assert "<mark>Red" not in html

    def test_synonyms(self, client: Client, indexed_shop: Shop) -> None:
        Synonym.objects.create(words="cup, mug")
        synonyms.changed()

        assert "Red <mark>mug</mark></a>" in client.get(SEARCH, {"q": "cup"}).text

    def test_accents_and_markup(
        self, client: Client, make_product: Callable[..., Product], build_index: Callable[[], Generation]
    ) -> None:
        make_product("Café <b>mug</b> & saucer")
        build_index()

        html = client.get(SEARCH, {"q": "cafe saucer"}).text

        assert "<mark>Café</mark> &lt;b&gt;mug&lt;/b&gt; &amp; <mark>saucer</mark></a>" in html

    def test_a_line_of_the_text_where_the_name_says_nothing(
        self, client: Client, make_product: Callable[..., Product], build_index: Callable[[], Generation]
    ) -> None:
        make_product("Oak table", description="Seats six. <i>Folds</i> away & weighs little.", category="Home > Tables")
        build_index()

        html = client.get(SEARCH, {"q": "folding"}).text

        assert re.search(r'cs-excerpt">.*<mark>Folds</mark> away &amp; weighs', html)
        assert "Oak table</a>" in html

    def test_nothing_is_marked_without_words(self, client: Client, indexed_shop: Shop) -> None:
        assert "<mark>" not in client.get(SEARCH).text
        assert "<mark>" not in client.get(SEARCH, {"like": indexed_shop["red mug"].pk}).text


class TestForSearchEngines:
    @pytest.mark.parametrize(
        ("query", "canonical", "listed"),
        [
            ("", "/search/", True),
            ("category=Home", "/search/?category=Home", True),
            ("page_size=2&page=2", "/search/", False),
            ("q=mug", "/search/", False),
            ("brand=Acme", "/search/", False),
            ("category=Home&brand=Acme&sort=price&page=1", "/search/?category=Home", False),
            ("category=Home&category=Clothes", "/search/", False),
            ("category=Nowhere", "/search/?category=Nowhere", False),
        ],
    )
    def test_one_address_for_each_page(
        self, client: Client, indexed_shop: Shop, query: str, canonical: str, listed: bool
    ) -> None:
        response = client.get(f"{SEARCH}?{query}")

        assert f'<link rel="canonical" href="http://testserver{canonical}">' in response.text
        assert ("X-Robots-Tag" not in response.headers) == listed
        assert ('<meta name="robots" content="noindex, follow">' not in response.text) == listed

    def test_pages_stand_for_themselves(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"PAGE_SIZE": 2}

        response = client.get(SEARCH, {"page": 2})

        assert '<link rel="canonical" href="http://testserver/search/?page=2">' in response.text
        assert "X-Robots-Tag" not in response.headers

    def test_a_category_is_named(self, client: Client, indexed_shop: Shop) -> None:
        html = client.get(SEARCH, {"category": "Home > Kitchen", "colour": "red"}).text

        assert re.search(r"<h1>\s*Kitchen\s*</h1>", html)


class TestThrottling:
    @pytest.mark.parametrize(
        ("asked", "heading"),
        [
            ({"price_max": "20"}, "Price: up to 20"),
            ({"in_stock": "true"}, "In stock: Yes"),
            ({"in_stock": "true", "price_max": "20"}, "All products"),
        ],
    )
    def test_one_filter_is_named_with_what_it_is(
        self, client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], heading: str
    ) -> None:
        monkeypatch.setattr(ProductIndex, "facets", [RangeFacet("price"), Facet("in_stock")])

        assert re.search(rf"<h1>\s*{heading}\s*</h1>", client.get(SEARCH, asked).text)

    def test_nobody_searches_without_end(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 2}
        # Whichever minute it is: neither of two has passed it.
        answers = [client.get(SEARCH, {"q": "mug"}) for _ in range(6)]
        refused = answers[-1]

        assert answers[0].status_code == 200
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert "many searches" in refused.text
        assert 'href="/search/?q=mug"' in refused.text
        sent = client.post(SEARCH, {"q": "blue mug", "colour": "blue"})
        assert sent.status_code == 429
        assert 'value="blue mug"' in sent.text
        assert 'href="/search/?q=blue+mug&amp;colour=blue"' in sent.text
        assert client.get(SEARCH, {"q": "mug"}, HTTP_X_FORWARDED_FOR="10.1.2.3").status_code == 200

    def test_who_asks_for_headers_alone_is_counted(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 2}

        assert 429 in [client.head(SEARCH, {"q": "mug"}).status_code for _ in range(5)]

    def test_a_form_is_not_sent_back_many_times_over(self, client: Client, indexed_shop: Shop) -> None:
        chosen = [f"colour {number}" for number in range(50)]
        sent = {"colour": chosen, "sort": "bogus", "more_of_it": 100_000 * "a"}

        refused, asked = client.post(SEARCH, sent), client.get(SEARCH, sent)

        # Each chosen value is a link to the same without it.
        assert (refused.status_code, asked.status_code) == (400, 400)
        assert len(refused.text) < 20_000
        assert "Please choose less" in refused.text
        assert client.get(SEARCH, {"colour": chosen}).status_code == 200

    def test_what_a_page_asks_by_itself_is_counted_apart(
        self, client: Client, indexed_shop: Shop, settings: Any
    ) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 1}
        answers = [client.get(f"{SEARCH}suggest/", {"q": "mug"}) for _ in range(15)]

        assert answers[0].status_code == 200
        assert (answers[-1].status_code, list(answers[-1].json())) == (429, ["errors"])
        assert client.get(f"{SEARCH}facets/product/brand/").status_code == 429
        assert client.get(SEARCH).status_code == 200

    def test_without_a_bound(self, client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"SEARCHES_PER_MINUTE": 0}

        assert {client.get(SEARCH).status_code for _ in range(5)} == {200}

    def test_many_at_once_are_all_counted(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            counts = list(pool.map(lambda _: cache.count("throttle:here", 60), range(40)))

        assert sorted(counts) == list(range(1, 41))


class TestDatabaseDown:
    @pytest.fixture(autouse=True)
    def down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise OperationalError("no connection")

        for place in ("forms.search", "endpoints.suggest", "endpoints.note_event"):
            monkeypatch.setattr(f"catalog_search.{place}", fail)

    def test_the_page_says_so(self, client: Client, indexed_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
        response = client.get(SEARCH, {"q": "mug"})

        assert response.status_code == 503
        assert "out of order" in response.text
        assert 'value="mug"' in response.text
        assert 'href="/search/?q=mug"' in response.text
        assert "no connection" not in response.text
        assert "no connection" in caplog.text

    def test_scripts_are_told(self, client: Client, indexed_shop: Shop) -> None:
        event = {"query_id": "7b6f1d0e9a4c4f0f8e21c0a1b2c3d4e5", "product": "1"}
        for response in (
            client.get(f"{SEARCH}suggest/", {"q": "mug"}),
            client.get(f"{SEARCH}facets/product/brand/"),
            client.post(f"{SEARCH}events/", event),
        ):
            assert response.status_code == 503
            assert "out of order" in response.json()["errors"]["__all__"][0]


class TestDegraded:
    def test_is_said_calmly(self, client: Client, indexed_shop: Shop, monkeypatch: Any) -> None:
        for what, words in {
            "embedder": "only words are searched for",
            "reranker": "a little rougher",
            "index": "being set up",
        }.items():
            results = Results(degraded=(what,), timings={"total": 1.5})
            monkeypatch.setattr("catalog_search.forms.search", lambda *_, found=results, **__: found)

            response = client.get(SEARCH, {"q": "mug"})

            assert response.status_code == 200
            assert response.headers["X-Search-Degraded"] == what
            assert words in response.text

    def test_a_model_that_fails(self, client: Client, indexed_shop: Shop) -> None:
        generation = Generation.objects.get(state=Generation.State.READY)

        def refuse(word: str) -> None:
            generation.definition["embedder"]["options"] = {"poison": word}
            generation.save()

        refuse("mug")
        response = client.get(SEARCH, {"q": "red mug"})

        assert response.headers["X-Search-Degraded"] == "embedder"
        assert names(response)[0] == "Red mug"
        assert "Red mug" in names(client.get(SEARCH, {"q": "something like a mug that glows"}))
        # Nobody is sent to what does not work either.
        refuse("zeppelin")
        nothing = client.get(SEARCH, {"q": "smuggled zeppelin"}).text
        assert "By words alone, we found nothing" in nothing
        assert "or a picture" not in nothing

    def test_no_index_at_all(self, client: Client, make_product: Callable[..., Product]) -> None:
        make_product("Red mug")

        response = client.get(SEARCH, {"q": "mug"})

        assert response.status_code == 200
        assert response.headers["X-Search-Degraded"] == "index"
        assert "being set up" in response.text


class TestSearchBox:
    def test_works_in_any_template(self) -> None:
        html = Template("{% load catalog_search %}{% search_box placeholder=hint %}").render(
            Context({"hint": "Find <it>"})
        )

        assert 'method="post"' in html
        assert 'enctype="multipart/form-data"' in html
        assert 'action="/search/"' in html
        assert "Find &lt;it&gt;" in html
        assert "search.css" in html

    def test_an_index_without_pictures_is_searched_by_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        box = Template("{% load catalog_search %}{% search_box %}")
        assert 'type="file"' in box.render(Context())
        monkeypatch.setattr(ProductIndex, "image", ())

        html = box.render(Context())

        assert 'type="file"' not in html
        assert 'placeholder="Search"' in html

    def test_on_the_page_of_another_index(self, client: Client, indexed_shop: Shop) -> None:
        class BrandIndex(SearchIndex):
            name = "brand"
            text = ["name"]

        index = BrandIndex(Brand)
        registry.add(index, "brand")
        try:
            page = client.get(f"{SEARCH}brand/").text
        finally:
            registry.remove(index)

        assert f'action="{SEARCH}brand/"' in page
        assert f'data-suggest="{SEARCH}brand/suggest/"' in page
        assert f'data-suggest="{SEARCH}suggest/"' in client.get(SEARCH).text

    def test_two_on_a_page_have_errors_of_their_own(self) -> None:
        form = SearchForm(registry.get("product"), {"picture": "x"})
        form.is_valid()
        context = Context({"search_form": form, "address": Address(SEARCH, QueryDict())})

        html = Template("{% load catalog_search %}{% search_box %}{% search_box %}").render(context)
        described, names = re.findall('aria-describedby="(.+?)"', html), re.findall(' id="(.+?)"', html)

        assert len(set(names)) == 2
        assert described == names

    def test_for_one_index_without_assets(self) -> None:
        html = Template("{% load catalog_search %}{% search_box 'product' assets=False %}").render(Context())

        assert 'action="/search/product/"' in html
        assert "search.css" not in html


@pytest.mark.parametrize("arguments", ["", "assets=False"])
def test_the_strip_brings_its_style(indexed_shop: Shop, arguments: str) -> None:
    strip = Template(f"{{% load catalog_search %}}{{% similar_strip product {arguments} %}}")

    html = strip.render(Context({"product": indexed_shop["red mug"]}))

    assert 'class="cs-strip"' in html
    assert ("search.css" in html) is (not arguments)


class TestShop:
    def test_home(self, client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(8):
            response = client.get("/")

        assert response.status_code == 200
        assert "Kitchen" in response.text
        assert "Secret mug" not in response.text

    def test_product(self, client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
        mug = indexed_shop["red mug"]
        variant = indexed_shop["blue mug"]
        Product.objects.filter(pk=variant.pk).update(parent=mug)
        with django_assert_max_num_queries(16):
            response = client.get(mug.get_absolute_url())

        assert response.status_code == 200
        assert variant.get_absolute_url() in response.text
        similar = [hit.object for hit in response.context["similar"]]
        assert similar
        assert mug not in similar
        assert variant not in similar

    def test_drafts_are_not_there(self, client: Client, indexed_shop: Shop) -> None:
        assert client.get(indexed_shop["draft"].get_absolute_url()).status_code == 404
