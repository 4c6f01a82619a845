"""A shopper at the search box: words, filters, pages, pictures, with JavaScript and without."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache

from catalog_search import Facet
from catalog_search.models import QueryEvent
from project.shop.search import ProductIndex

from ..shop import Shop

PATIENCE = 300
"""Tenths of a second that a beacon may take."""

expect = pytest.importorskip("playwright.sync_api").expect

Visit = Callable[..., Any]


def titles(page: Any) -> list[str]:
    return page.locator(".cs-grid .cs-title").all_inner_texts()


def box(page: Any) -> Any:
    return page.locator(".cs-box input[name=q]").first


def search(page: Any, words: str) -> None:
    box(page).fill(words)
    box(page).press("Enter")
    page.wait_for_url("**/search/?*")


@pytest.fixture
def photo(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> Path:
    """A photo of something blue."""
    path = tmp_path / "something.jpg"
    path.write_bytes(picture_bytes("blue"))
    return path


def test_words_lead_to_results(visit: Visit) -> None:
    page = visit("/")
    search(page, "red mug")

    assert page.url.endswith("/search/?q=red+mug")
    assert titles(page)[0] == "Red mug"
    assert box(page).input_value() == "red mug"
    page.get_by_role("link", name="Red mug", exact=True).click()
    page.wait_for_url("**/product/*/")
    assert page.get_by_role("heading", level=1).inner_text() == "Red mug"
    above = page.get_by_role("navigation", name="Category").get_by_role("link")
    assert above.all_inner_texts() == ["Home", "Kitchen"]
    above.first.click()
    page.wait_for_url("**/search/?category=Home")
    assert page.locator(".cs-total").inner_text() == "15 products"


def test_facets_called_as_what_every_form_has(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProductIndex, "facets", [Facet("colour", name="action"), Facet("brand.name", name="id")])
    page = visit("/search/?q=mug+chair")
    page.evaluate("window.stays = true")
    page.get_by_label("Acme").check()
    page.wait_for_url("**id=Acme**")
    page.get_by_label("Sort by").select_option(label="Highest price")
    page.wait_for_url("**sort=highest_price**")

    assert page.evaluate("location.pathname") == "/search/"
    assert page.evaluate("window.stays")


def test_filter_sort_page_and_back(visit: Visit) -> None:
    page = visit("/search/?q=mug+chair")
    page.evaluate("window.stays = true")
    page.get_by_label("Acme").check()
    page.wait_for_url("**brand=Acme**")
    expect(page.get_by_label("Acme")).to_be_checked()
    expect(page.get_by_label("Acme")).to_be_focused()
    page.get_by_label("Sort by").focus()
    page.get_by_label("Sort by").select_option(label="Highest price")
    page.wait_for_url("**sort=highest_price**")
    expect(page.locator(".cs-grid .cs-title").first).to_have_text(re.compile("chair$"))
    expect(page.get_by_label("Sort by")).to_be_focused()
    first = titles(page)
    page.get_by_role("link", name="Remove Brand Acme").click()
    page.wait_for_url(lambda url: "brand" not in url)
    expect(page.get_by_label("Acme")).not_to_be_checked()
    unfiltered = titles(page)
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2**")
    expect(page.locator("a[aria-current=page]")).to_have_text(re.compile("2$"))
    expect(page.get_by_role("region", name="Results")).to_be_focused()
    assert set(titles(page)).isdisjoint(unfiltered)
    page.go_back()
    expect(page.locator(".cs-grid .cs-title")).to_have_text(unfiltered)
    page.go_back()
    expect(page.locator(".cs-grid .cs-title")).to_have_text(first)
    assert "brand=Acme" in page.url
    # All of that without a reload; yet each address is a page of its own.
    assert page.evaluate("window.stays") is True
    page.reload()
    assert titles(page) == first


def test_clicks_are_told_after_results_were_replaced(visit: Visit, shop: Shop, logbook: Any) -> None:
    page = visit("/search/?q=blue")
    page.get_by_label("Bolt").check()
    page.wait_for_url("**brand=Bolt**")
    expect(page.get_by_label("Bolt")).to_be_checked()
    page.locator(".cs-grid .cs-title a").first.click()
    page.wait_for_url("**/product/*/")

    assert noted_event(page, logbook).position == 1


def test_where_results_cannot_be_replaced_the_browser_goes_there(visit: Visit) -> None:
    page = visit("/search/?q=mug")
    page.evaluate("() => { window.fetch = () => Promise.reject(new Error('away')) }")
    page.get_by_label("Acme").check()
    page.wait_for_url("**brand=Acme**")
    page.wait_for_load_state()

    expect(page.get_by_label("Acme")).to_be_checked()


def test_filters_on_a_small_screen(visit: Visit) -> None:
    page = visit("/search/?q=mug+chair", width=360)
    assert page.get_by_label("Acme").is_hidden()
    page.get_by_role("link", name="Filters").click()
    page.get_by_label("Acme").check()
    page.locator("input[name=price_max]").fill("30")
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**brand=Acme**price_max=30**")

    expect(page.get_by_label("Acme")).to_be_hidden()
    expect(page.get_by_role("link", name="Filters 2")).to_be_visible()


def test_the_sheet_of_filters_keeps_the_keyboard(visit: Visit) -> None:
    page = visit("/search/?q=mug+chair", width=360)
    page.get_by_role("link", name="Filters").press("Enter")
    page.get_by_role("link", name="Close").focus()
    outside = "document.activeElement !== document.body && !document.activeElement.closest('.cs-facets')"
    for _ in range(40):
        page.keyboard.press("Tab")
        assert not page.evaluate(outside)
    page.get_by_label("Acme").focus()
    page.keyboard.press("Escape")

    expect(page.get_by_label("Acme")).to_be_hidden()
    expect(page.locator(".cs-grid .cs-title").first).to_be_visible()


def test_more_like_this(visit: Visit) -> None:
    page = visit("/search/?q=red+mug")
    page.locator(".cs-card").first.hover()
    page.get_by_role("link", name="More like Red mug").click()
    page.wait_for_url("**like=**")

    assert page.get_by_role("heading", level=1).inner_text().strip() == "Similar products"
    assert "Red mug" not in titles(page)
    assert "Red chair" in titles(page)[:4]


def test_a_price_range(visit: Visit) -> None:
    page = visit("/search/?q=mug")
    page.locator("input[name=price_max]").fill("6")
    page.locator("input[name=price_max]").press("Enter")
    page.wait_for_url("**price_max=6**")

    assert set(titles(page)) == {"Red mug", "Blue mug"}


def test_an_uploaded_picture_has_an_address_of_its_own(visit: Visit, photo: Path) -> None:
    page = visit("/")
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**picture=**")

    assert all(title.startswith("Blue") for title in titles(page)[:4])
    assert page.get_by_role("img", name="Your picture").is_visible()
    box(page).fill("mug")
    box(page).press("Enter")
    page.wait_for_url("**q=mug**")
    assert "picture=" in page.url
    assert titles(page)[0] == "Blue mug"
    page.go_back()
    assert "q=mug" not in page.url
    page.get_by_role("link", name="Search without the picture").click()
    page.wait_for_url(lambda url: "picture" not in url)


def test_a_picture_on_its_way_is_told(visit: Visit, photo: Path) -> None:
    page = visit("/")
    # It stays on its way.
    page.evaluate("document.querySelector('.cs-box').addEventListener('submit', (event) => event.preventDefault())")
    page.locator("input[type=file]").first.set_input_files(photo)

    expect(page.locator(".cs-box")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".cs-box [role=status]")).to_have_text("Your picture is being sent…")


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_pasted_or_dropped_picture(visit: Visit, photo: Path, event: str) -> None:
    page = visit("/")
    transfer = page.evaluate_handle(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], "something.jpg", { type: "image/jpeg" }));
            return transfer;
        }""",
        list(photo.read_bytes()),
    )
    if event == "drop":
        page.dispatch_event(".cs-box-row", "drop", {"dataTransfer": transfer})
    else:
        page.evaluate(
            """(transfer) => document.querySelector("input[name=q]").dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true }))""",
            transfer,
        )
    page.wait_for_url("**picture=**")

    assert titles(page)[0].startswith("Blue")


def test_a_dropped_file_that_is_no_picture_is_refused(visit: Visit) -> None:
    page = visit("/")
    prevented = page.evaluate(
        """() => {
            const transfer = new DataTransfer();
            transfer.items.add(new File(["words"], "words.txt", { type: "text/plain" }));
            const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
            return !document.querySelector(".cs-box-row").dispatchEvent(drop);
        }"""
    )

    # Else the browser would open it in place of the shop.
    assert prevented
    expect(page.get_by_role("alert")).to_have_text("This file is not a picture.")


def test_everything_works_without_javascript(visit: Visit, photo: Path) -> None:
    page = visit("/", java_script_enabled=False)
    box(page).fill("mug")
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**/search/?q=mug")
    assert titles(page)[0].endswith("mug")
    page.get_by_label("Bolt").check()
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url("**brand=Bolt**")
    page.get_by_label("Sort by").select_option(label="Price")
    page.get_by_role("button", name="Sort", exact=True).click()
    page.wait_for_url("**sort=price**")
    page.locator("input[type=file]").set_input_files(photo)
    page.get_by_role("button", name="Search", exact=True).click()
    page.wait_for_url("**picture=**")
    assert titles(page)


def noted_event(page: Any, logbook: Any) -> QueryEvent:
    """The one event of the log: a beacon is sent while the page goes, and nobody hears its answer."""
    for _ in range(PATIENCE):
        logbook.write()
        if QueryEvent.objects.exists():
            break
        page.wait_for_timeout(100)
    return QueryEvent.objects.get()


def test_a_click_on_a_result_is_told(visit: Visit, shop: Shop, logbook: Any) -> None:
    page = visit("/search/?q=blue+chair")
    page.get_by_role("link", name="Blue chair", exact=True).click()
    page.wait_for_url("**/product/*/")

    event = noted_event(page, logbook)
    assert (event.object_key, event.position, event.kind) == (str(shop["Blue chair"].pk), 1, "click")


def test_an_expired_picture_says_so(visit: Visit, photo: Path) -> None:
    page = visit("/")
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**picture=**")
    cache.clear()
    page.reload()

    assert "expired" in page.locator("body").inner_text()
    page.get_by_role("link", name="See all products").click()
    page.wait_for_url(re.compile("/search/$"))


def options(page: Any) -> list[str]:
    page.locator(".cs-suggestions:not([hidden])").wait_for()
    return page.get_by_role("option").locator(".cs-option-label").all_inner_texts()


def test_a_suggestion_is_chosen_by_keyboard(visit: Visit) -> None:
    page = visit("/")
    box(page).press_sequentially("red m")
    assert options(page) == ["Red mug"]
    assert box(page).get_attribute("aria-expanded") == "true"
    box(page).press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    assert chosen.get_attribute("id") == box(page).get_attribute("aria-activedescendant")
    box(page).press("Enter")
    page.wait_for_url("**/product/*/")
    assert page.get_by_role("heading", level=1).inner_text() == "Red mug"


def test_a_suggestion_is_chosen_by_mouse(visit: Visit) -> None:
    page = visit("/")
    box(page).press_sequentially("kitch")
    assert "Kitchen" in options(page)
    page.get_by_role("option", name="Kitchen").click()
    page.wait_for_url("**category=**")
    assert all(title.endswith("mug") for title in titles(page))


def test_recent_searches_are_offered_and_forgotten(visit: Visit) -> None:
    page = visit("/")
    search(page, "blue dress")
    page.goto("/")
    box(page).focus()
    assert options(page)[0] == "blue dress"
    box(page).press("Escape")
    assert page.locator(".cs-suggestions").is_hidden()
    box(page).press("ArrowDown")
    page.get_by_role("option", name="Forget recent searches").click()
    box(page).press("ArrowDown")
    assert page.locator(".cs-suggestions").is_hidden()


def delay(page: Any, words: str, milliseconds: int) -> None:
    """Let a page wait for what it fetches where the address holds these words."""
    page.evaluate(
        """([words, milliseconds]) => {
            const real = window.fetch;
            window.fetch = async (address, options) => {
                if (String(address).includes(words)) {
                    await new Promise((go, stop) => {
                        setTimeout(go, milliseconds);
                        options?.signal?.addEventListener("abort", () => stop(new DOMException("", "AbortError")));
                    });
                }
                return real(address, options);
            };
        }""",
        [words, milliseconds],
    )


def test_an_answer_that_comes_late_takes_no_newer_suggestions_away(visit: Visit) -> None:
    page = visit("/")
    box(page).press_sequentially("red")
    assert "Red mug" in options(page)
    delay(page, "q=redm", 60_000)
    with page.expect_event("console", lambda said: said.text == "asked"):
        page.evaluate(
            "() => { const real = fetch; window.fetch = (...all) => { console.log('asked'); return real(...all) } }"
        )
        box(page).press_sequentially("m")
    # "red" is known already, and shown at once; "redm" is given up.
    box(page).press("Backspace")
    page.wait_for_timeout(500)

    assert "Red mug" in options(page)


def test_a_picture_does_not_come_back_with_the_page(visit: Visit, photo: Path) -> None:
    page = visit("/")
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**picture=**")
    page.go_back()
    search(page, "red mug")

    assert "picture" not in page.url


def test_a_filter_that_was_never_sent_does_not_come_back_with_the_page(visit: Visit) -> None:
    page = visit("/search/?q=mug", width=360)
    page.get_by_role("link", name="Filters").click()
    page.get_by_label("Acme").check()
    page.locator("input[name=price_max]").fill("7")
    page.goto("/")
    page.go_back()
    page.wait_for_url("**/search/?q=mug**")

    expect(page.get_by_label("Acme")).not_to_be_checked()
    expect(page.locator("input[name=price_max]")).to_have_value("")


def test_a_search_that_was_stopped_can_be_made_again(visit: Visit, photo: Path) -> None:
    page = visit("/")
    page.route("**/search/?q=mug", lambda route: route.abort("aborted"))
    box(page).fill("mug")
    box(page).press("Enter")
    page.wait_for_timeout(300)
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**picture=**")

    assert "q=mug" in page.url


def test_what_is_typed_while_results_are_fetched_is_kept(visit: Visit) -> None:
    page = visit("/search/?q=mug")
    delay(page, "price_min", 800)
    page.locator("input[name=price_min]").fill("6")
    page.keyboard.press("Tab")
    page.keyboard.type("8")
    page.wait_for_url("**price_min=6**")
    expect(page.locator("input[name=price_max]")).to_be_focused()
    expect(page.locator("input[name=price_max]")).to_have_value("8")
    page.keyboard.press("Enter")
    page.wait_for_url("**price_max=8**")

    assert set(titles(page)) == {"Blue mug", "Green mug", "Yellow mug"}


def test_forward_leads_to_where_somebody_was(visit: Visit) -> None:
    page = visit("/search/", height=500)
    page.get_by_role("link", name="Next").click()
    page.wait_for_url("**page=2**")
    page.mouse.move(900, 300)
    page.mouse.wheel(0, 350)
    page.wait_for_function("history.state?.scroll > 300")
    page.go_back()
    expect(page.locator("a[aria-current=page]")).to_have_text(re.compile("1$"))
    page.go_forward()
    expect(page.locator("a[aria-current=page]")).to_have_text(re.compile("2$"))

    page.wait_for_function("scrollY > 300")


def test_the_filters_can_be_skipped_by_keyboard(visit: Visit) -> None:
    page = visit("/search/?q=mug")
    page.get_by_role("button", name="Search", exact=True).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the results")
    expect(skip).to_be_focused()
    assert skip.bounding_box()["width"] > 50
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    expect(page.get_by_label("Sort by")).to_be_focused()


def test_the_box_without_javascript_on_a_small_screen(visit: Visit) -> None:
    page = visit("/search/?q=mug", width=360, java_script_enabled=False)
    words, button, picture = (
        page.locator(f".cs-box {part}").bounding_box() for part in ("input[name=q]", "button", "input[type=file]")
    )

    assert abs(words["y"] - button["y"]) < 10 < picture["y"] - words["y"]


def test_a_page_from_right_to_left_is_a_mirror(visit: Visit) -> None:
    page = visit("/search/?category=Home&q=mug+chair")
    parts = (".cs-sort", ".cs-tree .cs-tree a", ".cs-like", ".cs-facet legend")

    def beginnings(ends_at: str) -> list[float]:
        distance = (
            "(one, edge) => Math.abs(one.getBoundingClientRect()[edge] - document.body.getBoundingClientRect()[edge])"
        )
        return [page.locator(part).first.evaluate(distance, ends_at) for part in parts]

    before = beginnings("left")
    page.evaluate("document.documentElement.dir = 'rtl'")

    assert beginnings("right") == pytest.approx(before, abs=2)


def test_a_script_that_comes_with_each_box_works_once(visit: Visit) -> None:
    page = visit("/search/?q=mug")
    page.add_script_tag(url="/static/catalog_search/search.js")
    page.get_by_label("Acme").check()
    page.wait_for_url("**brand=Acme**")
    page.go_back()
    expect(page.get_by_label("Acme")).not_to_be_checked()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.go_forward()
    expect(page.get_by_label("Acme")).to_be_checked()

    assert len([url for url in asked if "/search/?" in url]) == 1


@pytest.mark.parametrize("kept", ["fetched", "cloned"])
def test_what_another_script_puts_into_the_page_works(visit: Visit, kept: str) -> None:
    """As htmx and Turbo do: with what a server answers, and with a copy of a page that was left."""
    page = visit("/search/?q=mug+chair")
    box(page).fill("red")
    options(page)
    page.evaluate(
        """async (kept) => {
            const other = kept === "cloned" ? document : new DOMParser().parseFromString(
                await (await fetch(location.href)).text(), "text/html");
            document.body.replaceWith(document.importNode(other.body, true));
            window.stays = true;
        }""",
        kept,
    )
    expect(page.locator(".cs-suggestions")).to_have_count(1)
    expect(page.locator(".cs-suggestions")).to_be_hidden()
    box(page).fill("")
    box(page).press_sequentially("red m")
    assert "Red mug" in options(page)
    box(page).press("Escape")
    page.get_by_label("Acme").check()
    page.wait_for_url("**brand=Acme**")
    expect(page.get_by_label("Acme")).to_be_checked()
    page.go_back()
    expect(page.get_by_label("Acme")).not_to_be_checked()

    assert page.evaluate("window.stays") is True
    assert page.locator("p.cs-hidden#catalog-search-status").count() == 1


def test_keys_of_an_input_method_are_its_own(visit: Visit) -> None:
    page = visit("/")
    box(page).press_sequentially("red m")
    options(page)
    taken = box(page).evaluate(
        """(input) => !input.dispatchEvent(
            new KeyboardEvent("keydown", { key: "ArrowDown", isComposing: true, bubbles: true, cancelable: true }))"""
    )

    assert not taken
    assert page.locator("[role=option][aria-selected=true]").count() == 0


def test_something_else_where_recent_searches_are_kept(visit: Visit) -> None:
    page = visit("/")
    page.evaluate("localStorage.setItem('catalog-search-recent', '{}')")
    search(page, "blue dress")
    page.goto("/")
    box(page).focus()

    assert options(page)[0] == "blue dress"


def test_names_of_suggested_products_stand_below_each_other(visit: Visit, make_product: Any, build_index: Any) -> None:
    make_product("Red yarn")
    build_index()
    page = visit("/")
    box(page).press_sequentially("red")
    assert "Red yarn" in options(page)
    names = page.locator(".cs-suggestions-products .cs-option-label")

    assert 1 == len({round(one.bounding_box()["x"]) for one in names.all()}) < names.count()


def test_a_frame_that_styles_elements_by_their_names_moves_nothing(visit: Visit) -> None:
    page = visit("/search/?q=mug+chair&brand=Acme&more=brand")
    styles = (Path(__file__).parent / "framework.css").read_text()
    page.route("**/framework.css", lambda route: route.fulfill(body=styles, content_type="text/css"))
    measured = """() => [...document.querySelectorAll("[class*=cs-], .cs-box input")].map((one) => {
        const { width, height } = one.getBoundingClientRect();
        return [one.tagName, one.className, width, height, getComputedStyle(one).listStyleType].join(" ");
    })"""
    before = page.evaluate(measured)
    page.evaluate(
        """() => new Promise((done) => {
            const link = document.createElement("link");
            Object.assign(link, { rel: "stylesheet", href: "/static/framework.css", onload: done });
            document.head.prepend(link);
        })"""
    )

    moved = [f"{then} {now}" for then, now in zip(before, page.evaluate(measured), strict=True) if then != now]

    assert moved == []


def test_words_that_are_pasted_with_a_picture_of_themselves_are_words(visit: Visit, photo: Path) -> None:
    page = visit("/")
    taken = page.evaluate(
        """(bytes) => {
            const copied = new DataTransfer();
            copied.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
            copied.setData("text/plain", "red mug");
            copied.setData("text/html", "<table><tr><td>red mug</td></tr></table>");
            const paste = new ClipboardEvent("paste", { clipboardData: copied, bubbles: true, cancelable: true });
            return !document.querySelector("input[name=q]").dispatchEvent(paste);
        }""",
        list(photo.read_bytes()),
    )

    assert not taken
    assert page.locator(".cs-box[aria-busy=true]").count() == 0


def test_forms_of_others_are_theirs(visit: Visit) -> None:
    """A shop's own on a card; and the filters, where a script such as htmx has taken them over."""
    page = visit("/search/?q=mug")
    left = page.evaluate(
        """() => {
            const own = document.createElement("form");
            document.querySelector(".cs-card").append(own);
            let prevented;
            document.querySelector("main").addEventListener("submit", (event) => {
                prevented = event.defaultPrevented;
                event.preventDefault();
            });
            own.requestSubmit();
            const filters = document.querySelector(".cs-facets");
            filters.addEventListener("submit", (event) => event.preventDefault());
            return !prevented;
        }"""
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("Acme").check()
    page.wait_for_timeout(300)

    assert left
    assert not any("brand=Acme" in url for url in asked)
