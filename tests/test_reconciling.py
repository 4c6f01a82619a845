"""Reconciling: index and shop compared as a whole, whatever was written past everybody."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from PIL import Image

from catalog_search import tasks
from catalog_search.indexing import drain, paused, reconciling
from catalog_search.indexing.reconciling import Drift, reconcile
from catalog_search.models import Change, Document, Generation
from project.shop.models import Brand, Product, ProductImage
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def generation(indexed_shop: Shop) -> Generation:
    return Generation.objects.get()


@pytest.fixture
def disturbed(indexed_shop: Shop, generation: Generation) -> Shop:
    """Two products unknown to the index, one gone, three renamed; nobody was told."""
    with paused():
        for name in ("Blue cup", "Red cup"):
            Product.objects.create(reference=name, name=name, created=indexed_shop["dress"].created)
        Brand.objects.filter(name="Acme").update(name="Apex")
        indexed_shop["dress"].images.all().delete()
        Product.objects.filter(pk=indexed_shop["dress"].pk).delete()
        indexed_shop["red chair"].images.all().delete()
    return indexed_shop


def picture_path(product: Product) -> Path:
    return Path(product.images.get().file.path)


def test_an_index_that_equals_its_shop(generation: Generation) -> None:
    assert not reconcile(generation)
    assert not reconcile(generation, deep=True)
    assert not Change.objects.exists()


@pytest.mark.parametrize("chunk", [2, 500])
def test_what_differs_is_counted_and_mended(
    disturbed: Shop, generation: Generation, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "CHUNK", chunk)

    assert reconcile(generation, mend=False) == Drift(missing=2, orphaned=1, stale=4)
    assert not Change.objects.exists()
    assert reconcile(generation) == Drift(missing=2, orphaned=1, stale=4)
    # What waits for a worker is on its way.
    assert not reconcile(generation)
    drain()
    assert not reconcile(generation, deep=True)
    assert set(Document.objects.values_list("object_key", flat=True)) == {str(one.pk) for one in Product.objects.all()}
    assert Document.objects.get(object_key=str(disturbed["red chair"].pk)).thumbnail == ""


def test_a_shop_that_indexes_nothing_any_more(
    indexed_shop: Shop, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Django knows of such a queryset that there is nothing to ask for."""
    monkeypatch.setattr(ProductIndex, "index_queryset", lambda _: Product.objects.filter(pk__in=[]))

    assert reconcile(generation) == Drift(missing=0, orphaned=len(indexed_shop), stale=0)
    call_command("rebuild_search_index", sync=True, verbosity=0)
    assert not Document.objects.exists()


def test_it_goes_on_where_its_time_ended(
    disturbed: Shop, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciling, "CHUNK", 1)
    after, slices, stale = "", 0, 0
    while True:
        found = reconcile(generation, after=after, seconds=0)
        stale += found.stale
        if not found.after:
            break
        after, slices = found.after, slices + 1

    assert slices == Product.objects.count()
    assert stale == 4


def test_a_picture_that_was_replaced(
    indexed_shop: Shop, generation: Generation, picture_bytes: Callable[..., bytes]
) -> None:
    path = picture_path(indexed_shop["red mug"])
    path.write_bytes(picture_bytes("blue", size=(90, 90)))

    assert reconcile(generation) == Drift(0, 0, 1)


def test_bytes_that_changed_behind_an_unchanged_stamp(indexed_shop: Shop, generation: Generation) -> None:
    path = picture_path(indexed_shop["red mug"])
    before, size = path.stat(), path.stat().st_size
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "blue").save(buffer, "JPEG")
    path.write_bytes(buffer.getvalue().ljust(size, b"\0")[:size])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    digest = Document.objects.get(object_key=str(indexed_shop["red mug"].pk)).digest

    assert not reconcile(generation)
    assert reconcile(generation, deep=True, mend=False) == Drift(0, 0, 1)
    assert reconcile(generation, deep=True) == Drift(0, 0, 1)
    drain()
    assert Document.objects.get(object_key=str(indexed_shop["red mug"].pk)).digest != digest
    assert not reconcile(generation, deep=True)


def test_a_storage_that_is_down_makes_no_good_document_worse(indexed_shop: Shop, generation: Generation) -> None:
    folder = Path(django_settings.MEDIA_ROOT) / "products"
    folder.rename(folder.with_name("elsewhere"))
    try:
        assert not reconcile(generation)
        assert not reconcile(generation, deep=True)
        with paused():
            Product.objects.filter(pk=indexed_shop["dress"].pk).update(name="Winter dress")
        assert reconcile(generation) == Drift(0, 0, 1)
        drain()
        assert Document.objects.get(object_key=str(indexed_shop["dress"].pk)).pictures == Document.Pictures.FAILED
    finally:
        folder.with_name("elsewhere").rename(folder)
    Change.objects.update(set_aside=True)

    assert reconcile(generation) == Drift(0, 0, 1)
    drain()
    assert Document.objects.get(object_key=str(indexed_shop["dress"].pk)).pictures == Document.Pictures.OK
    assert not Change.objects.exists()


def test_a_generation_of_another_declaration_is_compared_by_keys(disturbed: Shop, generation: Generation) -> None:
    generation.definition["version"] = 0

    assert reconcile(generation) == Drift(missing=2, orphaned=1, stale=0)


def test_what_was_set_aside_stays_with_a_person(
    indexed_shop: Shop, generation: Generation, make_product: Callable[..., Product]
) -> None:
    make_product("poisonous mug", reference="poison")
    drain()
    assert Change.objects.get().set_aside

    assert not reconcile(generation)
    Product.objects.filter(reference="poison").delete()
    drain()
    assert not Change.objects.exists()


def test_the_command_prints_a_table(disturbed: Shop, generation: Generation) -> None:
    output = io.StringIO()
    call_command("reconcile_search_index", "--dry-run", stdout=output)
    call_command("reconcile_search_index", "--index", "product", stdout=output)
    drain()
    call_command("reconcile_search_index", "--deep", stdout=output)

    line = re.compile(rf"shop\.product #{generation.pk} +2 +1 +4\n")
    assert len(line.findall(output.getvalue())) == 2
    assert "7 products differ. Nothing was changed." in output.getvalue()
    assert "7 products differ. Workers mend them now." in output.getvalue()
    assert re.search(r" +0 +0 +0$", output.getvalue().rstrip())
    with pytest.raises(CommandError, match="no search index"):
        call_command("reconcile_search_index", "--index", "nothing")


def test_the_nightly_task_asks_for_each_generation_and_goes_on(
    disturbed: Shop, generation: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, ...]] = []
    monkeypatch.setattr(tasks, "send", lambda task, *args, **_: sent.append(args))
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0)
    monkeypatch.setattr(reconciling, "CHUNK", 4)
    tasks.reconcile_indexes()
    assert sent == [(generation.pk,)]
    while sent:
        tasks.reconcile_indexes(*sent.pop())
    drain()
    assert not reconcile(generation)

    Generation.objects.update(state=Generation.State.RETIRED)
    tasks.reconcile_indexes(generation.pk)
    assert sent == []


def test_a_rebuild_mends_what_is_stale_too(disturbed: Shop, build_index: Callable[[], Generation]) -> None:
    build_index()

    assert "Apex" in Document.objects.get(object_key=str(disturbed["red mug"].pk)).text
    assert not ProductImage.objects.filter(product=disturbed["red chair"]).exists()
    assert Document.objects.get(object_key=str(disturbed["red chair"].pk)).thumbnail == ""
