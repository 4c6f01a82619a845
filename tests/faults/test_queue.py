"""The queue under the orders of events that lose writes elsewhere, each made to happen."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from celery import Celery
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone

from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.indexing import append_keys, claims, doorbell, drain, finishing, paused
from catalog_search.indexing.reconciling import reconcile
from catalog_search.management.commands import rebuild_search_index
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from catalog_search.sql import execute
from catalog_search.tasks import sweep
from project.shop.models import Brand, Product, ProductImage

from ..shop import Shop
from ..surroundings import until

pytestmark = pytest.mark.django_db(transaction=True)


def text(product: Product) -> str:
    return Document.objects.get(object_key=str(product.pk)).text


def rename(product: Product, name: str) -> None:
    """Write as another process would: nothing of it is seen by who holds the product already."""
    with paused():
        Product.objects.filter(pk=product.pk).update(name=name)
    append_keys(registry.get("product"), [product.pk])


@pytest.fixture
def while_embedding(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Let something happen while the model works, once."""
    encode, happening = DummyEmbedder.encode, []

    def interrupted(self: DummyEmbedder, *arguments: Any) -> Any:
        if happening:
            happening.pop()()
            connection.close()  # of the model's thread
        return encode(self, *arguments)

    monkeypatch.setattr(DummyEmbedder, "encode", interrupted)
    return happening.append


def test_a_change_that_arrives_while_its_product_is_embedded(
    indexed_shop: Shop, while_embedding: Callable[[Callable[[], None]], None]
) -> None:
    mug = indexed_shop["red mug"]
    rename(mug, "First")
    while_embedding(lambda: rename(mug, "Second"))
    drain()

    assert text(mug).startswith("Second")
    assert not Change.objects.exists()


def test_a_worker_that_lost_its_lease_does_not_overwrite_what_is_newer(
    indexed_shop: Shop, while_embedding: Callable[[Callable[[], None]], None]
) -> None:
    mug = indexed_shop["red mug"]
    rename(mug, "First")
    seen = []

    def overtake() -> None:
        rename(mug, "Second")
        Change.objects.update(leased_until="2020-01-01T00:00Z")
        drain()
        seen.append(text(mug))

    while_embedding(overtake)
    drain()

    assert seen[0].startswith("Second")
    assert text(mug).startswith("Second")


def test_a_product_deleted_while_it_is_embedded_stays_deleted(
    indexed_shop: Shop, while_embedding: Callable[[Callable[[], None]], None]
) -> None:
    mug = indexed_shop["red mug"]
    key = str(mug.pk)
    rename(mug, "First")
    while_embedding(lambda: mug.delete() and None)
    drain()

    assert not Document.objects.filter(object_key=key).exists()
    assert not Change.objects.exists()


def test_a_picture_that_moves_while_workers_are_quick(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each statement commits by itself, whom it leaves must not be looked at before it left."""
    mug, picture = indexed_shop["red mug"], indexed_shop["red mug"].images.get()
    save_table = ProductImage._save_table
    monkeypatch.setattr(
        ProductImage, "_save_table", lambda *args, **options: (drain(), save_table(*args, **options))[1]
    )
    picture.product = indexed_shop["dress"]
    picture.save()
    drain()

    assert Document.objects.get(object_key=str(mug.pk)).pictures == Document.Pictures.NONE


@contextmanager
def renamed_meanwhile(product: Product, name: str) -> Iterator[Callable[[], None]]:
    """Rename a product in a transaction that stays open until the end, or until what is yielded is called."""
    written, over = threading.Event(), threading.Event()

    def write() -> None:
        with transaction.atomic():
            product.name = name
            product.save()
            written.set()
            over.wait(60)
        connection.close()

    def commit() -> None:
        over.set()
        writer.join()

    writer = threading.Thread(target=write)
    writer.start()
    written.wait(60)
    try:
        yield commit
    finally:
        commit()


def test_a_transaction_that_is_open_while_a_generation_is_built(indexed_shop: Shop) -> None:
    """What it wrote before the generation began was told to the older one only, and is seen after the switch."""
    mug = indexed_shop["red mug"]
    with renamed_meanwhile(mug, "Late"):
        call_command("rebuild_search_index", "--sync", "--fresh", verbosity=0)
    drain()

    found = Document.objects.filter(object_key=str(mug.pk)).order_by("generation")
    assert [one.text.split("\n")[0] for one in found] == ["Late", "Late"]
    assert not Change.objects.exists()


def test_a_transaction_that_is_open_since_before_the_first_generation(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no older generation that could be told what it writes; it ends after its product was read."""
    mug = make_product("Early mug")
    with renamed_meanwhile(mug, "Late mug") as commit:

        def finish_beside(generation: Generation) -> None:
            finishing.finish(generation)
            commit()

        monkeypatch.setattr(rebuild_search_index, "finish", finish_beside)
        call_command("rebuild_search_index", "--sync", verbosity=0)

    assert text(mug).startswith("Late mug")
    assert not Change.objects.exists()


def test_who_deletes_products_waits_for_no_worker_and_holds_none_up(indexed_shop: Shop) -> None:
    """Each of them locks, in an order of its own, what the other one writes: one would have to be sent away."""
    first, last = (indexed_shop[name] for name in ("red mug", "dress"))
    for product in (first, last):
        rename(product, "New")
    begun, worked, errors = threading.Event(), threading.Event(), []

    def delete() -> None:
        try:
            with transaction.atomic():
                last.delete()
                begun.set()
                worked.wait(3)
                first.delete()
        except OperationalError as error:
            errors.append(error)
        connection.close()

    shop = threading.Thread(target=delete)
    shop.start()
    begun.wait(60)
    drain()
    waited = not shop.is_alive()
    worked.set()
    shop.join()
    drain()

    assert not errors
    assert not waited
    assert not Document.objects.filter(text__startswith="New").exists()
    assert not Change.objects.exists()
    assert Document.objects.count() == len(indexed_shop) - 2


@pytest.mark.parametrize(
    "hold",
    [lambda _: claims.take_turn("default"), lambda one: one.lock()],
    ids=["claiming", "writing"],
)
def test_a_worker_whose_machine_died_in_a_transaction_stops_nobody(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, hold: Callable[[claims.Claim], object]
) -> None:
    """PostgreSQL notices after hours that nobody is at the other end, and keeps the locks until then."""
    monkeypatch.setattr(claims, "SILENT_SECONDS", 1)
    for product in indexed_shop.values():
        rename(product, "New")
    dead, buried = threading.Event(), threading.Event()

    def die() -> None:
        claimed = claims.claim("default", 2)
        assert claimed is not None
        Change.objects.filter(claim=claimed.token).update(leased_until="2020-01-01T00:00Z")
        with suppress(DatabaseError), transaction.atomic():
            hold(claimed)
            dead.set()
            buried.wait(30)
        connection.close()

    worker = threading.Thread(target=die)
    worker.start()
    dead.wait(60)
    drain()
    nobody_waited_for_it = worker.is_alive()
    buried.set()
    worker.join()

    assert nobody_waited_for_it
    assert {text(product)[:3] for product in indexed_shop.values()} == {"New"}
    assert not Change.objects.exists()


def test_a_connection_that_was_cut_raises_what_django_raises(indexed_shop: Shop) -> None:
    """Whatever comes first on a new connection; a shop that expects Django's errors meets no others."""
    for statement in ("SELECT 1", None):
        connection.close()
        if statement:
            execute("default", statement)
        connection.ensure_connection()
        pid = connection.connection.info.backend_pid
        with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError):
            execute("default", "SELECT 2")
        connection.close()


def test_tasks_that_run_doubled_and_side_by_side(indexed_shop: Shop) -> None:
    products = list(indexed_shop.values())
    names = {product.pk: product.name for product in products}
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                drain()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for number in range(100):
        one = random.choice(products)
        names[one.pk] = f"Name {number}"
        rename(one, names[one.pk])
    over.set()
    for worker in workers:
        worker.join()
    drain()

    assert {product.pk: text(product).split("\n")[0] for product in products} == names
    assert not Change.objects.exists()


@pytest.fixture(params=["down", "mute"])
def broken_broker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that refuses connections, or takes them and never says a word; Celery's defaults wait for it."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if request.param == "mute":
            server.listen(100)
        app = Celery("broken", broker=f"redis://127.0.0.1:{server.getsockname()[1]}/0", set_as_current=False)
        monkeypatch.setattr(doorbell, "current_app", app)
        monkeypatch.setattr(doorbell, "_bells", {})
        yield


def test_a_broker_that_is_down_or_mute_neither_breaks_nor_delays_a_save(
    indexed_shop: Shop, broken_broker: None, worker: Any
) -> None:
    mug = indexed_shop["red mug"]
    mug.name = "Crimson cup"
    mug.save()
    (bell,) = doorbell._bells.values()

    # Whoever saved went on while the bell still waits for the broker.
    assert not bell.silent.is_set()
    assert Change.objects.filter(object_key=str(mug.pk)).exists()
    # The broker of the sweep, in another process, is well.
    sweep()
    until(lambda: text(mug).startswith("Crimson cup"))


def made(number: int) -> list[Product]:
    brand = Brand.objects.create(name="Acme")
    with paused():
        return Product.objects.bulk_create(
            Product(reference=str(n), name=f"Mug {n}", brand=brand, created=timezone.now()) for n in range(number)
        )


def test_ten_thousand_products_changed_in_one_transaction(dummy_models: Any) -> None:
    index = registry.get("product")
    Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
    call_command("search_triggers", install=True, verbosity=0)
    try:
        made(10_000)
        assert Change.objects.count() == 10_000
        Change.objects.all().delete()
        with transaction.atomic():
            Brand.objects.update(name="Apex")
            Product.objects.update(description="On sale")
        assert Change.objects.count() == 20_000
        assert Change.objects.values("object_key").distinct().count() == 10_000
    finally:
        call_command("search_triggers", remove=True, verbosity=0)


@pytest.mark.slow
def test_ten_thousand_products_saved_in_one_transaction(build_index: Callable[[], Generation]) -> None:
    products = made(10_000)
    generation = build_index()
    with transaction.atomic():
        for product in products:
            product.name += " on sale"
            product.save()
    assert Change.objects.count() == 10_000
    drain()

    assert Document.objects.filter(text__contains="on sale").count() == 10_000
    assert not Change.objects.exists()
    assert not reconcile(generation)
