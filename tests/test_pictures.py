"""Pictures that cannot be had: the product is found by its words, and by its picture once that is back."""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from catalog_search import fetching
from catalog_search.fetching import fetch
from catalog_search.images import read_picture, thumbnail_storage
from catalog_search.indexing import changes, claims, drain, pictures
from catalog_search.indexing.changes import progress
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from project.shop.models import Product, ProductImage
from project.shop.search import ProductIndex

from .shop import Shop, document

Make = Callable[..., Product]

pytestmark = pytest.mark.django_db


@pytest.fixture
def gone() -> Iterator[Path]:
    """The folder of the pictures, moved away."""
    folder = Path(django_settings.MEDIA_ROOT) / "products"
    away = folder.with_name("products-away")
    folder.rename(away)
    yield away
    if away.exists():
        away.rename(folder)


def come_due() -> None:
    """Let the time pass that changes wait."""
    Change.objects.update(due_at=timezone.now())


def test_a_storage_that_is_back_heals_the_documents_by_itself(indexed_shop: Shop, gone: Path, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"RETRY_SECONDS": 30}
    chair = indexed_shop["red chair"]
    vector = document(chair).embedding
    chair.name = "Crimson chair"
    chair.save()
    drain()

    assert document(chair).pictures == Document.Pictures.FAILED
    assert document(chair).text.startswith("Crimson chair")
    assert document(chair).embedding != vector
    change = Change.objects.get()
    assert change.priority == Change.Priority.PICTURES
    assert not change.set_aside
    assert "No such file" in change.error
    waits = []
    for _ in range(3):
        waits.append((Change.objects.get().due_at - timezone.now()).total_seconds())
        come_due()
        drain()
    assert waits == pytest.approx([30, 60, 120], abs=5)

    gone.rename(gone.with_name("products"))
    come_due()
    drain()
    assert document(chair).pictures == Document.Pictures.OK
    assert not Change.objects.exists()


def test_a_picture_that_stays_broken_is_given_up(indexed_shop: Shop, make_product: Make, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"MAX_ATTEMPTS": 3}
    mug = make_product("Purple mug")
    ProductImage.objects.create(product=mug, file="products/never.jpg")
    drain()

    change = Change.objects.get()
    assert change.set_aside
    assert change.attempts == 3
    assert "never.jpg" in change.error
    # Whenever the product changes it gets another chance, and leaves no more than one change behind.
    for name in ("Violet mug", "Lilac mug"):
        mug.name = name
        mug.save()
        drain()
        assert document(mug).text == name
        assert Change.objects.get().attempts == 3
    mug.images.all().delete()
    drain()
    assert not Change.objects.exists()
    assert document(mug).pictures == Document.Pictures.NONE


def test_one_good_picture_of_two_is_embedded(indexed_shop: Shop, settings: Any) -> None:
    mug = indexed_shop["red mug"]
    ProductImage.objects.create(product=mug, file="products/never.jpg", position=2)
    drain()

    assert document(mug).thumbnail
    assert document(mug).pictures == Document.Pictures.FAILED


def test_a_lacking_picture_is_no_failure_of_the_build(
    make_product: Make, build_index: Callable[[], Generation]
) -> None:
    for number in range(5):
        ProductImage.objects.create(product=make_product(f"Mug {number}"), file=f"products/no-{number}.jpg")
    generation = build_index()

    assert Document.objects.filter(generation=generation, pictures=Document.Pictures.FAILED).count() == 5
    assert progress(generation).failed == 0


def test_fresh_changes_go_before_pictures_that_are_tried_again(indexed_shop: Shop, make_product: Make) -> None:
    mug = make_product("Purple mug")
    ProductImage.objects.create(product=mug, file="products/never.jpg")
    drain()
    changes.retry(Change.objects.all())
    changes.append_to(Generation.objects.get(), [str(indexed_shop["dress"].pk)])
    claimed = claims.claim("default", 1)

    assert claimed is not None
    assert claimed.keys == [str(indexed_shop["dress"].pk)]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a picture that can be read"),
        (b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf", "HEIC"),
        (b"\xff\xd8" + bytes(5000), "larger than"),
        (struct.pack(">8sI4sIIBBBBB", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0), "picture"),
    ],
    ids=["empty", "text", "phone", "large", "bomb"],
)
def test_what_cannot_be_read_says_why_and_breaks_nobody_else(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch, data: bytes, reason: str
) -> None:
    settings.CATALOG_SEARCH |= {"IMAGE_MAX_BYTES": 2000, "RETRY_SECONDS": 60}
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    Path(indexed_shop["red mug"].images.get().file.path).write_bytes(data)
    for product in indexed_shop.values():
        product.name += " on sale"
        product.save()
    drain()

    assert document(indexed_shop["red mug"]).pictures == Document.Pictures.FAILED
    assert reason in document(indexed_shop["red mug"]).picture_error
    assert document(indexed_shop["dress"]).pictures == Document.Pictures.OK
    assert Document.objects.filter(text__contains="on sale").count() == len(indexed_shop)


def test_an_address_in_place_of_a_file_is_refused_in_words(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(registry.get("product")), "image", ["reference"])
    indexed_shop["red mug"].reference = "https://pictures.example/mug.jpg"
    indexed_shop["red mug"].save()
    drain()

    assert document(indexed_shop["red mug"]).pictures == Document.Pictures.FAILED
    assert "addresses are not fetched" in document(indexed_shop["red mug"]).picture_error


class Stuck(FileSystemStorage):
    """A storage that hangs when asked for one file, until it is let go."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.stuck, self.go, self.asked = name, threading.Event(), 0

    def size(self, name: str) -> int:
        if self.stuck in name:
            self.asked += 1
            self.go.wait(60)
        return super().size(name)


@pytest.mark.parametrize("stuck", ["red", "products"])
def test_a_storage_that_hangs_holds_nobody_up(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch, stuck: str
) -> None:
    """Whether it hangs for some files or for all."""
    # Enough for a well file on a busy machine, and less than what hangs would take.
    settings.CATALOG_SEARCH |= {"PICTURE_TIMEOUT": 5, "PICTURE_THREADS": 3, "RETRY_SECONDS": 600}
    storage = Stuck(stuck)
    monkeypatch.setattr(ProductImage._meta.get_field("file"), "storage", storage)
    for product in indexed_shop.values():
        product.save()
    drain()
    storage.go.set()

    # Whoever had waited for what hangs would have its pictures.
    states = {name: document(product).pictures for name, product in indexed_shop.items()}
    assert "gave no answer within 5 s" in document(indexed_shop["red mug"]).picture_error
    assert states["red mug"] == states["red chair"] == Document.Pictures.FAILED
    assert states["dress"] == (Document.Pictures.OK if stuck == "red" else Document.Pictures.FAILED)
    # Once several hang the others are not asked, for each would cost its time.
    assert storage.asked < len(indexed_shop)


def test_a_storage_that_raises_anything_is_the_pictures_failure(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> int:
        raise RuntimeError("quota exceeded")

    monkeypatch.setattr(FileSystemStorage, "size", fail)
    indexed_shop["red mug"].save()
    drain()

    assert "quota exceeded" in document(indexed_shop["red mug"]).picture_error


def test_answers_come_in_order_whatever_takes_longer(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"PICTURE_TIMEOUT": 0.5, "PICTURE_THREADS": 3}

    def ask(number: int) -> int:
        time.sleep(2 if number == 5 else 0.001 * (number % 3))
        return number

    assert fetch(ask, range(100), lambda number: -number) == [-5 if n == 5 else n for n in range(100)]
    assert fetch(ask, [], lambda _: 0) == []


def test_all_together_may_have_a_time_of_their_own(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CATALOG_SEARCH = {"PICTURE_TIMEOUT": 60, "PICTURE_THREADS": 2}
    monkeypatch.setattr(fetching, "_lost", fetching._Lost())
    go = threading.Event()

    def ask(number: int) -> int:
        if number == 3:
            go.wait(60)
        return number

    assert fetch(ask, [1, 2, 3, 4], lambda number: -number, seconds=1) == [1, 2, -3, 4]
    assert fetch(ask, [3, 3, 3, 4], lambda number: -number, seconds=0.1) == [-3, -3, -3, -4]
    assert fetch(ask, [1, 2], lambda number: -number, seconds=60) == [1, 2]
    go.set()


def test_a_storage_that_hangs_for_hours_is_left_alone(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each batch would leave threads behind, until the process may have no more."""
    settings.CATALOG_SEARCH = {"PICTURE_TIMEOUT": 0.1, "PICTURE_THREADS": 2}
    monkeypatch.setattr(fetching, "_lost", fetching._Lost())
    monkeypatch.setattr(fetching, "MOST_LOST", 4)
    asked, well = [], threading.Event()

    def ask(number: int) -> int:
        asked.append(number)
        well.wait(60)
        return number

    def missing(number: int) -> int:
        return -number

    for _ in range(10):
        assert fetch(ask, range(1, 4), missing) == [-1, -2, -3]
    assert len(asked) <= 6
    # One that never comes back must not be waited for.
    monkeypatch.setattr(fetching, "REST_SECONDS", 0)
    before = len(asked)
    fetch(ask, range(1, 4), missing)
    assert len(asked) > before
    monkeypatch.setattr(fetching, "REST_SECONDS", 900)
    well.set()
    waited = threading.Event()
    assert any(fetch(ask, range(1, 4), missing) == [1, 2, 3] or waited.wait(0.05) for _ in range(200))


class Meeting:
    """A file whose size is told once all of its kind were asked for."""

    name = "mug.jpg"

    def __init__(self, barrier: threading.Barrier) -> None:
        self._barrier = barrier
        self.storage = Storage()  # which knows no times

    @property
    def size(self) -> int:
        self._barrier.wait(60)
        return 1


def test_pictures_of_several_products_are_asked_for_at_once(settings: Any) -> None:
    settings.CATALOG_SEARCH = {"PICTURE_THREADS": 4, "PICTURE_TIMEOUT": 60}
    barrier = threading.Barrier(4)
    stamped = pictures.stamp_all([[Meeting(barrier)], [], [Meeting(barrier), Meeting(barrier)], [Meeting(barrier)]])

    assert [[one.error for one in files] for files in stamped] == [[""], [], ["", ""], [""]]


def test_a_thumbnail_that_was_cut_off_is_written_anew(
    make_product: Make, dummy_models: None, picture_bytes: Callable[..., bytes]
) -> None:
    """A worker was killed while it wrote."""
    picture = read_picture(picture_bytes("red"))
    name = f"catalog_search/{picture.digest[:2]}/{picture.digest}.jpg"
    thumbnail_storage().delete(name)
    thumbnail_storage().save(name, ContentFile(picture.jpeg[:100]))
    mug = make_product("Mug", picture="red")
    call_command("rebuild_search_index", sync=True, verbosity=0)
    with thumbnail_storage().open(document(mug).thumbnail) as opened:
        assert opened.read() == picture.jpeg


def test_a_thumbnail_that_is_gone_is_made_again_whatever_its_storage_says(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = FileSystemStorage._open

    def opened(self: FileSystemStorage, name: str, mode: str = "rb") -> Any:
        try:
            return really(self, name, mode)
        except FileNotFoundError as error:
            raise RuntimeError("ResourceNotFound") from error

    monkeypatch.setattr(FileSystemStorage, "_open", opened)
    mug = indexed_shop["red mug"]
    thumbnail_storage().delete(document(mug).thumbnail)
    mug.name = "Other"
    mug.save()
    drain()
    assert document(mug).pictures == "ok"


def test_a_reason_that_no_database_keeps(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def size(self: FileSystemStorage, name: str) -> int:
        raise ValueError("half a \ud83d smiley\x00")

    monkeypatch.setattr(FileSystemStorage, "size", size)
    mug = indexed_shop["red mug"]
    mug.name = "Other"
    mug.save()
    drain()
    assert document(mug).text.startswith("Other")
    assert "half a ? smiley" in document(mug).picture_error


class Away(FileSystemStorage):
    """A storage that is reached over a network, which is down."""

    def open(self, name: str, mode: str = "rb") -> Any:
        raise RuntimeError("no route to the storage")

    def url(self, name: str | None) -> str:
        raise NotImplementedError


def test_thumbnails_on_a_storage_that_fails_cost_no_search(
    indexed_shop: Shop, settings: Any, client: Client, admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    reranker = {"BACKEND": "catalog_search.backends.dummy.DummyReranker", "OPTIONS": {}}
    away = {"THUMBNAIL_STORAGE": "away", "RERANKER": reranker, "RERANK_SECONDS": 60}
    settings.CATALOG_SEARCH |= away
    settings.STORAGES = settings.STORAGES | {"away": {"BACKEND": "tests.test_pictures.Away"}}
    cache.clear()
    results = ProductIndex.search("red mug")
    pages = ["/search/?q=red+mug", "/search/suggest/?q=mu", "/api/search/product/?q=mug"]

    assert (results.degraded, results.reranked > 1, results.hits[0].thumbnail_url) == ((), True, "")
    assert [client.get(page).status_code for page in pages] == [200] * 3
    assert admin_client.get("/admin/catalog_search/document/").status_code == 200
    assert "no route to the storage" in caplog.text
