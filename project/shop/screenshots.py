"""The pictures in docs/images of the demo shop's pages: ``python -m project.shop.screenshots URL PASSWORD``.

Two pages at three widths, light above dark, in one JPEG each; the two searches that the README begins with; and the
pages of docs/admin.md. The demo must run at the URL; the password is the admin's, which it says at its start. CHROMIUM
names the browser. Before, empty the query log by ``forget_searches --days 0``. For an overview with three generations,
run ``rebuild_search_index --fresh``, then again, and let ``search_generations pause`` stop that one half-way.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
WIDTHS = (360, 768, 1440)
HEIGHT, GAP, SCALE, QUALITY = 900, 24, 0.5, 78
ADMIN = "/admin/catalog_search/"
SENTENCE = "/search/?q=something+to+keep+my+feet+warm"
PHOTO_OF, ALSO = "Colour-block Sneakers Lark, purple", "green"
SHOP_WINDOW = {"width": 1200, "height": 760}
OFFICE_WIDTH, OFFICE_SCALE = 1280, 0.875
OFFICE = {
    "admin-overview": (f"{ADMIN}generation/overview/", "light", 730),
    "admin-playground": (f"{ADMIN}judgement/playground/?q=red+mug+with+dots&explain=on", "light", 1019),
    "admin-judging": (f"{ADMIN}judgement/judge/?q=red+chair", "dark", 859),
    "admin-searches": (f"{ADMIN}querylog/report/", "light", 700),
}
PAGES = {
    "page-results": "/search/?q=red+mug",
    "page-playground": f"{ADMIN}judgement/playground/?q=red+mug",
}
VISITORS = {
    "sneakers": (9, 6),
    "rain boots": (7, 3),
    "summer dress": (6, 4),
    "green backpack": (5, 2),
    "laptop stand": (4, 0),
    "umbrela": (4, 3),
    "garden chair": (3, 0),
}
"""What visitors search for: how many do, and how many of them choose the first product."""
LOG_SECONDS = 3
"""After which a search is in the log."""


def main(address: str, password: str) -> None:
    """Take all pictures."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium)
        shots = {name: {} for name in PAGES}  # type: dict[str, dict[tuple[int, str], Image.Image]]
        for scheme in ("light", "dark"):
            context = browser.new_context(base_url=address, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            log_in(page, password)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": HEIGHT})
                for name, path in PAGES.items():
                    page.goto(path, wait_until="networkidle")
                    shots[name][width, scheme] = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            context.close()
        visit(browser, address)
        show_office(browser, address, password)
        introduce(browser.new_page(base_url=address, viewport=SHOP_WINDOW))  # type: ignore[arg-type]
        browser.close()
    for name, taken in shots.items():
        sheet(taken).save(IMAGES / f"{name}.jpg", quality=QUALITY, optimize=True, progressive=True)


def visit(browser: Any, address: str) -> None:
    """Search as visitors do; a browser of another name is another visitor."""
    for query, (searches, choices) in VISITORS.items():
        for number in range(searches):
            context = browser.new_context(base_url=address, user_agent=f"{query} {number}")
            page = context.new_page()
            page.goto(f"/search/?q={query}", wait_until="networkidle")
            if number < choices:
                page.locator(".cs-hit a").first.click()
                page.wait_for_load_state("networkidle")
            context.close()
    time.sleep(LOG_SECONDS)


def show_office(browser: Any, address: str, password: str) -> None:
    """Take a picture of each page of the admin that docs/admin.md shows, with its first two parts open."""
    for name, (path, scheme, height) in OFFICE.items():
        context = browser.new_context(
            base_url=address,
            color_scheme=scheme,
            viewport={"width": OFFICE_WIDTH, "height": height},
            device_scale_factor=OFFICE_SCALE,
        )
        page = context.new_page()
        log_in(page, password)
        page.goto(path, wait_until="networkidle")
        page.locator("#content details").evaluate_all("all => all.slice(0, 2).forEach((one) => (one.open = true))")
        page.screenshot(path=IMAGES / f"{name}.jpg", quality=QUALITY)
        context.close()


def introduce(page: Any) -> None:
    """Search by a sentence, then by a photo and a word, and take a picture of each."""
    page.goto(SENTENCE, wait_until="networkidle")
    page.screenshot(path=IMAGES / "storefront.jpg", quality=QUALITY)
    page.goto(f"/search/?q={PHOTO_OF}")
    page.get_by_role("link", name=PHOTO_OF).first.click()
    photo = page.request.get(page.locator(".photo img").first.get_attribute("src")).body()
    shown = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo}
    page.locator(".cs-box input[type=file]").set_input_files(shown)
    page.wait_for_url("**picture=**")
    page.locator(".cs-box input[name=q]").fill(ALSO)
    page.locator(".cs-box input[name=q]").press("Enter")
    page.wait_for_url(f"**q={ALSO}**")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / "photo-and-words.jpg", quality=QUALITY)


def log_in(page: Any, password: str) -> None:
    """Log in as the admin."""
    page.goto("/admin/login/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", password)
    page.click("[type=submit]")
    page.wait_for_url("**/admin/")


def sheet(taken: dict[tuple[int, str], Image.Image]) -> Image.Image:
    """Put the pictures of one page side by side, light above dark, at half their size."""
    whole = Image.new("RGB", (sum(WIDTHS) + GAP * (len(WIDTHS) + 1), 2 * HEIGHT + 3 * GAP), "#8b918e")
    for row, scheme in enumerate(("light", "dark")):
        left = GAP
        for width in WIDTHS:
            whole.paste(taken[width, scheme], (left, GAP + row * (HEIGHT + GAP)))
            left += width + GAP
    return whole.resize((round(whole.width * SCALE), round(whole.height * SCALE)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(*sys.argv[1:3])
