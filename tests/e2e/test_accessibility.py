"""WCAG 2.2 AA as far as axe can tell, on every page, narrow and wide, light and dark; and nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_axe_finds_nothing(visit: Callable[..., Any], width: int, scheme: str) -> None:
    page = visit("/", width=width, color_scheme=scheme)
    found = {}
    for name, path in PAGES.items():
        page.goto(path)
        found[name] = violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.goto("/")
    page.locator(".cs-box input[name=q]").first.press_sequentially("mug")
    page.locator(".cs-suggestions:not([hidden])").wait_for()
    found["suggestions"] = violations(page)
    page.goto("/search/?q=red+mug")
    page.get_by_role("link", name="Red mug", exact=True).click()
    page.wait_for_url("**/product/*/")
    found["product"] = violations(page)

    assert {name: one for name, one in found.items() if one} == {}


def test_a_page_that_cannot_be_dark_keeps_its_text_readable(visit: Callable[..., Any]) -> None:
    page = visit("/search/?q=mug", color_scheme="dark")
    colour = "getComputedStyle(document.querySelector('.cs-search')).color"
    assert page.evaluate(colour) == "rgb(236, 238, 240)"
    page.evaluate("document.querySelector('meta[name=color-scheme]').remove()")
    assert page.evaluate(colour) == "rgb(29, 33, 37)"
