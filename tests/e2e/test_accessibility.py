"""WCAG 2.2 AA as far as axe can tell, on every page, narrow and wide, light and dark; and nothing scrolls sideways."""

from __future__ import annotations

import io
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
CUT_OFF = (Path(__file__).parent / "cut_off.js").read_text()
PAGES = {
    "home": "/",
    "results": "/search/?q=mug",
    "filtered": "/search/?q=mug&brand=Acme&price_max=9&sort=price",
    "browsing": "/search/",
    "nothing": "/search/?q=mug&price_min=9000",
    "last page": "/search/?page=99",
}


def violations(page: Any) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("(rules) => axe.run(document, rules)", RULES)["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


def cut_off(page: Any) -> list[str]:
    """What of a page lies beside the screen, or is clipped; scrolling sideways helps only tables and strips."""
    found: list[str] = page.evaluate(CUT_OFF)
    wide = page.evaluate("document.documentElement.scrollWidth") - page.viewport_size["width"]
    return [*found, *([f"the page scrolls by {wide} pixels"] if wide > 0 else [])]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing(visit: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit("/", width=width, color_scheme=scheme)
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        found[name] = [*violations(page), *cut_off(page)]
    page.goto("/search/?q=mug+chair#catalog-search-filters")
    found["filters"] = [*violations(page), *cut_off(page)]
    page.goto("/")
    page.locator(".cs-box input[name=q]").first.press_sequentially("mug")
    page.locator(".cs-suggestions:not([hidden])").wait_for()
    found["suggestions"] = violations(page)
    page.goto("/search/?q=red+mug")
    page.get_by_role("link", name="Red mug", exact=True).click()
    page.wait_for_url("**/product/*/")
    found["product"] = violations(page)

    assert {name: one for name, one in found.items() if one} == {}


def test_axe_finds_nothing_on_pages_with_a_picture_or_a_message(
    visit: Callable[..., Any], tmp_path: Path, picture_bytes: Callable[..., bytes], make_rule: Callable[..., Any]
) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture_bytes("blue"))
    make_rule(searches="chair", actions=[{"kind": "banner", "text": "Sale", "url": "/search/"}])
    page = visit("/", width=360)
    page.locator("input[type=file]").first.set_input_files(photo)
    page.wait_for_url("**picture=**")
    found = {"picture": violations(page)}
    rest = {
        "banner": "?q=chair",
        "corrected": "?q=chiar",
        "mistaken": "?q=mug&price_max=cheap",
        "expired": "?picture=x",
    }
    for name, query in rest.items():
        page.goto(f"/search/{query}")
        found[name] = violations(page)

    assert {name: one for name, one in found.items() if one} == {}


def test_axe_finds_nothing_where_no_product_has_a_picture(
    visit: Callable[..., Any], make_product: Callable[..., Any], build_index: Callable[[], Any]
) -> None:
    for number in range(3):
        make_product(f"Yarn of merino wool, spun by hand, number {number}")
    build_index()
    page = visit("/search/?q=yarn&more=brand", width=320)
    assert page.locator(".cs-picture img").count() == 0
    name, more = (page.locator(f".cs-card {part}").first.bounding_box() for part in (".cs-title a", ".cs-like"))

    assert name["x"] + name["width"] <= more["x"]
    assert [*violations(page), *cut_off(page)] == []


@pytest.mark.parametrize("zoom", ["browser", "text"])
def test_nothing_is_cut_off_at_twice_the_size(visit: Callable[..., Any], zoom: str) -> None:
    """A browser's zoom halves the page's width; a larger font leaves it."""
    found = {}
    page = visit("/", width=640 if zoom == "browser" else 1280)
    for name, path in {**PAGES, "picture": "/search/?q=red+mug&like=1"}.items():
        page.goto(path)
        if zoom == "text":
            page.evaluate("document.documentElement.setAttribute('class', 'twice')")
            page.evaluate("document.documentElement.style.fontSize = '200%'")
        found[name] = cut_off(page)

    assert {name: one for name, one in found.items() if one} == {}


OWN_PAGES = {
    "overview": "generation/overview/",
    "rebuild": "generation/overview/rebuild/product/",
    "playground": "judgement/playground/",
    "a query in the playground": "judgement/playground/?q=red+mug&explain=1",
    "judging": "judgement/queue/",
    "a query to judge": "judgement/judge/?q=red+mug",
    "searches": "querylog/report/",
    "import": "rule/import/",
    "weights": "rule/try/?index=shop.product&queries=5&weight_words=1",
}
DJANGO_PAGES = {
    "relevance": "measurement/",
    "rules": "rule/",
    "a rule": "rule/add/",
    "changes of rules": "ruleversion/",
    "synonyms": "synonym/",
    "a synonym": "synonym/add/",
    "documents": "document/",
    "changes": "change/",
    "generations": "generation/",
    "one by one": "querylog/",
    "judgements": "judgement/",
    "all": "",
    "products": "../shop/product/?q=red+mug",
}
"""Changelists and forms of Django with something added: they may break the rules that Django's own break, no other."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_admin(
    visit: Callable[..., Any], shop: Any, make_rule: Callable[..., Any], scheme: str
) -> None:
    make_rule("Mug week", searches="mug", actions=[{"kind": "banner", "text": "Sale"}])
    page = visit("/admin/", width=1280, color_scheme=scheme, staff=True)

    def broken(path: str) -> list[str]:
        page.goto(f"/admin/catalog_search/{path}")
        return violations(page)

    user = User.objects.get(username="staff").pk
    of_django = [
        one for path in ("", "user/", "user/add/", f"user/{user}/change/") for one in broken(f"../auth/{path}")
    ]
    # The last is of Django's search box where a list has a help text.
    allowed = {*(one.split(":")[0] for one in of_django), "label-title-only"}
    found = {name: broken(path) for name, path in OWN_PAGES.items()}
    for name, path in DJANGO_PAGES.items():
        found[name] = [one for one in broken(path) if one.split(":")[0] not in allowed]

    assert {name: one for name, one in found.items() if one} == {}


@pytest.mark.parametrize("width", [320, 640])
def test_own_pages_of_the_admin_fit_a_narrow_screen(visit: Callable[..., Any], width: int) -> None:
    page = visit("/admin/", width=width, staff=True)
    found = {}
    for name, path in OWN_PAGES.items():
        page.goto(f"/admin/catalog_search/{path}")
        found[name] = cut_off(page)
    page.goto("/admin/shop/product/?q=red+mug")
    page.get_by_role("button", name="Search by picture").wait_for()
    found["products"] = cut_off(page)

    assert {name: one for name, one in found.items() if one} == {}
    # Beside its buttons there is room to type.
    assert page.locator("#searchbar").bounding_box()["width"] > 100


def test_a_page_that_cannot_be_dark_keeps_its_text_readable(visit: Callable[..., Any]) -> None:
    page = visit("/search/?q=mug", color_scheme="dark")
    colour = "getComputedStyle(document.querySelector('.cs-search')).color"
    assert page.evaluate(colour) == "rgb(236, 238, 240)"
    page.evaluate("document.querySelector('meta[name=color-scheme]').remove()")
    assert page.evaluate(colour) == "rgb(29, 33, 37)"


def test_forced_colours_leave_pictures_and_signs(visit: Callable[..., Any]) -> None:
    page = visit("/search/?brand=Acme", forced_colors="active", color_scheme="dark")

    def colours(part: str) -> set[tuple[int, ...]]:
        """Return the colours of a part of the page that are not its ground."""
        shot = Image.open(io.BytesIO(page.locator(part).first.screenshot())).convert("RGB")
        return {colour for _, colour in shot.getcolors(1 << 20) if max(colour) > 100}

    assert colours(".cs-picture img")
    assert colours(".cs-cross")
    assert colours(".cs-pages a[aria-current]") != colours(".cs-number a")
