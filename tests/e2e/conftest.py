"""A real browser against a live server, under a strict policy; anything on the console is a failure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from project.shop.models import Product

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: pip install playwright")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
COLOURS = ("red", "blue", "green", "yellow", "black")
KINDS = {"mug": "Home > Kitchen", "chair": "Home > Chairs", "dress": "Clothes", "lamp": "Home > Lamps"}
PATIENCE_MS = 30_000
"""For a machine whose two cores have other work."""


@pytest.fixture(scope="package")
def browser(django_db_setup: None) -> Iterator[Any]:
    """Debian's Chromium; skipped where there is none, but never in CI."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Chromium; .ci/run installs it.")
        pytest.skip("There is no Chromium here: apt-get install chromium")
    with pytest.MonkeyPatch.context() as patch, playwright.sync_playwright() as driver:
        # Playwright keeps an event loop in this thread, and Django would refuse to use the database beside it.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        playwright.expect.set_options(timeout=PATIENCE_MS)
        started = driver.chromium.launch(executable_path=CHROMIUM)
        yield started
        started.close()


@pytest.fixture
def shop(
    transactional_db: None, make_product: Callable[..., Product], build_index: Any, settings: Any
) -> dict[str, Product]:
    """Twenty products of four kinds in five colours, indexed; a page shows six."""
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.e2e.policy.strict"]
    settings.CATALOG_SEARCH |= {"PAGE_SIZE": 6}
    made = {}
    for number, (kind, category) in enumerate(KINDS.items()):
        for place, colour in enumerate(COLOURS):
            name = f"{colour.capitalize()} {kind}"
            fields = {"colour": colour, "price": 5 + 10 * number + place, "popularity": 100 - number - place}
            made[name] = make_product(name, ("Acme", "Bolt")[place % 2], category, colour, **fields)
    build_index()
    return made


@pytest.fixture
def visit(browser: Any, shop: dict[str, Product], live_server: Any) -> Iterator[Callable[..., Any]]:
    """Open pages: ``visit("/search/?q=mug", width=360)``; ``staff`` logs in, options are those of a
    browser context."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def note(said: Any) -> None:
        # A page that answers 404 on purpose is not the page's mistake.
        own_status = "Failed to load resource" in said.text and said.location["url"] == said.page.url
        wants_icon = said.location["url"].endswith("/favicon.ico")
        if said.type in ("error", "warning") and not (own_status or wants_icon):
            complaints.append(f"{said.text} {said.location}")

    def open_page(path: str = "/", width: int = 1280, height: int = 900, staff: bool = False, **options: Any) -> Any:
        context = browser.new_context(
            base_url=live_server.url, viewport={"width": width, "height": height}, locale="en-GB", **options
        )
        contexts.append(context)
        if staff:
            client = Client()
            client.force_login(User.objects.get_or_create(username="staff", is_staff=True, is_superuser=True)[0])
            cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
            context.add_cookies([cookie])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
