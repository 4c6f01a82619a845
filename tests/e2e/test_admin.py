"""Staff in the admin: the playground, a rule from draft to storefront, a failed product, pictures in a changelist."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from catalog_search.models import Change, Document, Generation, Judgement, QueryLog, Rule, Synonym
from catalog_search.wording import synonyms
from project.shop.models import Product

from ..shop import Shop

expect = pytest.importorskip("playwright.sync_api").expect

Visit = Callable[..., Any]
ADMIN = "/admin/catalog_search/"


def log(text: str, count: int = 1) -> None:
    for _ in range(count):
        QueryLog.objects.create(
            pk=(key := uuid.uuid4()),
            intent=key,
            counted=True,
            index="shop.product",
            kind="text",
            text=text,
            total=1,
            milliseconds=1,
            created_at=timezone.now(),
        )


def test_the_playground(visit: Visit, shop: Shop) -> None:
    page = visit(f"{ADMIN}judgement/playground/", staff=True)
    page.locator("#id_q").fill("red mug")
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**q=red+mug**")
    first = page.locator(".cs-column--first .cs-hits > li").first
    expect(first).to_contain_text("Red mug")
    expect(page.get_by_role("heading", name=re.compile("^Words"))).to_be_visible()
    first.get_by_text("Why").click()
    expect(first.get_by_role("row", name=re.compile("Fused"))).to_be_visible()
    grade = first.get_by_role("button").nth(3)
    grade.click()
    expect(grade).to_have_attribute("aria-pressed", "true")

    kept = Judgement.objects.get()
    assert (kept.query, kept.object_key, kept.grade) == ("red mug", str(shop["Red mug"].pk), 3)
    first.get_by_role("link", name="more like this").click()
    page.wait_for_url("**like=**")
    expect(page.locator(".cs-column--first .cs-hits > li").first).to_be_visible()


def test_a_rule_from_its_draft_to_the_shop(visit: Visit, shop: Shop) -> None:
    log("mug", 5)
    page = visit(f"{ADMIN}rule/add/", staff=True)
    page.get_by_label("Name:").fill("Mug week")
    page.get_by_label("Searches:").fill("mug")
    page.get_by_role("button", name=re.compile("^Add another")).click()
    page.locator("#id_actions-0-kind").select_option("banner")
    page.locator("#id_actions-0-text").fill("Mugs are half price")
    # While it is written, it is told what it would change.
    preview = page.get_by_role("region", name="What it would change")
    expect(preview).to_contain_text("1 of 1 pages change.")
    expect(preview).to_contain_text("Mugs are half price")
    assert not Rule.objects.exists()
    page.get_by_role("button", name=re.compile("^Add another")).click()
    page.locator("#id_actions-1-kind").select_option("pin")
    page.locator("#id_actions-1-position").fill("1")
    page.locator(".field-product").nth(1).get_by_role("combobox").click()
    page.locator(".select2-search__field").fill("blue chair")
    page.get_by_role("option", name=re.compile("Blue chair")).first.click()
    expect(preview.locator(".cs-entered")).to_contain_text("Blue chair")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/rule/")
    expect(page.locator("#result_list")).to_contain_text("Mugs are half price")

    page.goto("/search/?q=mug")
    expect(page.locator(".cs-banner")).to_have_text("Mugs are half price")
    expect(page.locator(".cs-grid .cs-title").first).to_have_text("Blue chair")
    page.goto("/search/?q=chair")
    expect(page.locator(".cs-banner")).to_have_count(0)


def test_synonyms_are_previewed_while_they_are_written(visit: Visit, shop: Shop) -> None:
    page = visit(f"{ADMIN}synonym/add/", staff=True)
    page.get_by_label("Words:").fill("cup")
    preview = page.locator("[data-preview]")
    expect(preview).to_contain_text("The preview appears once")
    page.get_by_label("Words:").fill("cup, mug")
    expect(preview.locator(".cs-entered").first).to_contain_text("mug")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/synonym/")

    assert Synonym.objects.get().phrases == ["cup", "mug"]
    synonyms.changed()
    page.goto("/search/?q=cup&exact=1")
    expect(page.locator(".cs-grid mark").first).to_have_text("mug")


def test_a_failed_product_is_tried_again(
    visit: Visit, shop: Shop, make_product: Callable[..., Product], build_index: Any, settings: Any
) -> None:
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"MAX_ATTEMPTS": 1}
    made = make_product("A poisonous mug")
    build_index()
    assert Change.objects.get().set_aside
    page = visit(f"{ADMIN}generation/overview/", staff=True)
    expect(page.locator(".cs-facts", has_text="set aside")).to_be_visible()
    expect(page.locator(".cs-table")).to_contain_text("poison")
    # What was wrong with it is mended, and somebody says: try again.
    Product.objects.filter(pk=made.pk).update(name="A harmless mug")
    page.get_by_role("link", name="Retry what failed").click()
    page.get_by_role("button", name="Retry what failed").click()
    page.wait_for_url("**/overview/")
    expect(page.locator(".messagelist")).to_contain_text("1 change is tried again.")
    generation = Generation.objects.active("shop.product")
    assert generation is not None
    build_index()

    assert not Change.objects.exists()
    assert Document.objects.filter(generation=generation, object_key=str(made.pk)).exists()
    page.goto(f"{ADMIN}generation/overview/")
    expect(page.get_by_role("link", name="Retry what failed")).to_have_count(0)


def test_a_build_is_followed_live_and_paused(visit: Visit, shop: Shop) -> None:
    generation = Generation.objects.get()
    Generation.objects.filter(pk=generation.pk).update(state=Generation.State.BUILDING)
    for key in list(Document.objects.values_list("object_key", flat=True))[:5]:
        Document.objects.filter(object_key=key).delete()
    page = visit(f"{ADMIN}generation/overview/", staff=True)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "15")
    # Nobody reloads, one answer is lost, and the keyboard stays where it is.
    page.get_by_role("link", name="Pause").focus()
    page.route("**/overview/", lambda route: route.fulfill(status=503, body="away"), times=1)
    Document.objects.filter(object_key=Document.objects.values("object_key")[:1]).delete()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "14")
    expect(page.get_by_role("link", name="Pause")).to_be_focused()
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("main")).to_contain_text("Workers finish what they have in hand")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_url("**/overview/")

    assert Generation.objects.get(pk=generation.pk).state == Generation.State.PAUSED


@pytest.mark.parametrize("way", ["choose", "drop"])
def test_a_changelist_takes_a_picture(
    visit: Visit, shop: Shop, picture_bytes: Callable[..., bytes], tmp_path: Path, settings: Any, way: str
) -> None:
    # Among twenty products none can stand out far.
    settings.CATALOG_SEARCH = settings.CATALOG_SEARCH | {"CUTOFF": 0.0}
    page = visit("/admin/shop/product/", staff=True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture_bytes("blue"))
    if way == "choose":
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Search by picture").click()
        chooser.value.set_files(photo)
    else:
        transfer = page.evaluate_handle(
            """(bytes) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], "a.jpg", { type: "image/jpeg" }));
                return transfer;
            }""",
            list(photo.read_bytes()),
        )
        page.dispatch_event("#changelist-search", "drop", {"dataTransfer": transfer})
    page.wait_for_url("**picture=**")

    expect(page.locator("#result_list tbody tr").first).to_contain_text("Blue")
    expect(page.get_by_role("img", name="The picture searched with")).to_be_visible()


def test_a_picture_that_could_not_be_sent_can_be_chosen_again(
    visit: Visit, shop: Shop, picture_bytes: Callable[..., bytes], tmp_path: Path
) -> None:
    page = visit("/admin/shop/product/", staff=True)
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture_bytes("blue"))
    page.evaluate(
        """() => {
            const real = window.fetch;
            window.fetch = () => { window.fetch = real; return Promise.reject(new TypeError("The network is away")) };
        }"""
    )
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.accept()))
    chosen = page.locator("#changelist-search input[type=file]")
    with page.expect_event("dialog"):
        chosen.set_input_files(photo)

    assert said == ["The network is away"]
    # A browser tells of a change only where there is one.
    expect(chosen).to_have_value("")
    chosen.set_input_files(photo)
    page.wait_for_url("**picture=**")
