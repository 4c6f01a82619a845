"""The write side: whatever happens to a product reaches its documents, and nothing is lost on the way."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog_search import backends, tasks
from catalog_search.backends import embedder_of
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.exceptions import Unavailable
from catalog_search.indexing import activate, changes, claims, drain, paused, start_generation, work
from catalog_search.indexing.changes import progress
from catalog_search.indexing.generations import is_outdated
from catalog_search.indexing.preparing import prepare
from catalog_search.indexing.reconciling import Drift, backfill, reconcile
from catalog_search.models import Change, Document, Generation, Thumbnail
from catalog_search.registry import registry
from catalog_search.suggesting import suggest
from project.celery import app
from project.shop.models import Brand, Product, ProductImage
from project.shop.search import ProductIndex

from .conftest import DUMMY
from .shop import Shop, document

pytestmark = pytest.mark.django_db


def unavailable(*_: Any) -> Any:
    raise Unavailable("The model server does not answer.")


def waiting() -> set[str]:
    return set(Change.objects.values_list("object_key", flat=True))


def test_a_build_gives_every_product_one_document(indexed_shop: Shop) -> None:
    found = document(indexed_shop["red mug"])

    assert Document.objects.count() == Product.objects.count()
    assert Change.objects.count() == 0
    assert found.object_id == indexed_shop["red mug"].pk
    assert found.text == "Red mug\nAcme\nKitchen"
    assert found.identifiers == "'/1001' 'mug1001'"  # and what it is shortened to
    assert found.pictures == Document.Pictures.OK
    assert Thumbnail.objects.filter(name=found.thumbnail).exists()


def test_vectors_have_unit_length(indexed_shop: Shop) -> None:
    vector = document(indexed_shop["red mug"]).embedding

    assert sum(value**2 for value in vector) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("reads", ["text", "image+text"])
def test_a_product_that_the_model_can_read_nothing_of_is_found_by_its_number(
    make_product: Callable[..., Product],
    build_index: Callable[[], Generation],
    monkeypatch: pytest.MonkeyPatch,
    reads: str,
) -> None:
    """A shop of many such, as imports bring them, is to serve all the same."""
    monkeypatch.setattr(DummyEmbedder, "modalities", frozenset(reads.split("+")))
    shop = [make_product(f"Red mug {number}") for number in range(9)]
    blanks = [make_product(" ", sku=f"BLANK-{number}") for number in range(5)]
    shown = make_product("", picture="red", sku="BLANK-9")
    generation = build_index()

    assert not Change.objects.exists()
    assert not reconcile(generation)
    assert [hit.object for hit in ProductIndex.search("BLANK-3")] == [blanks[3]]
    assert {hit.object for hit in ProductIndex.search("red mug")} >= set(shop)
    assert not {hit.object for hit in ProductIndex.search("red mug", cutoff=None)} & set(blanks)
    assert (shown in {hit.object for hit in ProductIndex.search("red", cutoff=None)}) == (reads != "text")
    assert ProductIndex.similar(blanks[0]) == ()
    assert len(ProductIndex.search("")) == len(shop) + len(blanks) + 1
    assert generation.background_matrix.any(axis=1).all()
    # Once there is something to read, it is found by it.
    blanks[0].name = "Red mug again"
    blanks[0].save()
    drain()
    assert blanks[0] in {hit.object for hit in ProductIndex.search("red mug")}


def test_saving_rewrites_the_document(indexed_shop: Shop) -> None:
    mug = indexed_shop["red mug"]
    mug.name = "Crimson cup"
    mug.save()
    drain()

    assert document(mug).text.startswith("Crimson cup")
    assert not Change.objects.exists()


def test_a_rolled_back_save_leaves_no_change(indexed_shop: Shop) -> None:
    with transaction.atomic():
        indexed_shop["red mug"].save()
        transaction.set_rollback(True)

    assert waiting() == set()


def test_what_did_not_change_is_not_embedded_again(indexed_shop: Shop) -> None:
    before = document(indexed_shop["red mug"]).embedded_at
    Product.objects.get(pk=indexed_shop["red mug"].pk).save()
    drain()

    assert document(indexed_shop["red mug"]).embedded_at == before


def test_what_is_deleted_is_found_nowhere_whether_or_not_a_worker_comes(indexed_shop: Shop) -> None:
    index, key = registry.get("product"), indexed_shop["red mug"].pk
    indexed_shop["red mug"].delete()
    everything = index.search("")

    for words in ("red mug", "mug-1001", "mug", ""):
        found = index.search(words)
        assert key not in [hit.object.pk for hit in found.hits]
        assert found.total == len(found.hits)
    assert everything.total == sum(value.count for value in everything.facets["brand"].found) == 4
    assert key not in [one.object.pk for one in suggest(index, "red").products]
    assert key not in [hit.object.pk for hit in index.similar(indexed_shop["red chair"])]
    drain()
    assert not Document.objects.filter(object_key=key).exists()
    assert waiting() == set()


def test_renaming_a_brand_concerns_its_products(indexed_shop: Shop) -> None:
    brand = Brand.objects.get(name="Acme")
    brand.name = "Apex"
    brand.save()

    assert waiting() == {str(product.pk) for product in brand.products.all()}
    drain()
    assert "Apex" in document(indexed_shop["red mug"]).text


def test_moving_a_picture_concerns_both_products(indexed_shop: Shop) -> None:
    picture = indexed_shop["red mug"].images.get()
    picture.product = indexed_shop["dress"]
    picture.save()
    drain()

    assert document(indexed_shop["red mug"]).pictures == Document.Pictures.NONE
    assert document(indexed_shop["dress"]).pictures == Document.Pictures.OK


def test_deleting_a_picture_concerns_its_product(indexed_shop: Shop) -> None:
    ProductImage.objects.get(product=indexed_shop["red mug"]).delete()
    drain()

    assert document(indexed_shop["red mug"]).thumbnail == ""


def test_a_missing_picture_gives_a_marked_text_document(
    make_product: Callable[..., Product], build_index: Callable[[], Any]
) -> None:
    product = make_product("Red mug")
    ProductImage.objects.create(product=product, file="products/gone.jpg")
    build_index()

    assert document(product).pictures == Document.Pictures.FAILED
    assert "gone.jpg" in document(product).picture_error


def test_a_poisonous_product_stands_alone(
    make_product: Callable[..., Product], build_index: Callable[[], Any], settings: Any
) -> None:
    good = [make_product(f"Mug {number}") for number in range(60)]
    settings.CATALOG_SEARCH |= {"RETRY_SECONDS": 60}
    bad = make_product("poisonous mug")
    build_index()

    assert Document.objects.count() == len(good)
    assert waiting() == {str(bad.pk)}
    assert "poisonous" in Change.objects.get().error


def test_a_product_that_cannot_be_read_stands_alone(
    make_product: Callable[..., Product], build_index: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def specification(product: Product) -> str:
        return str(1 // len(product.name.replace("Zero", "")))

    for number in range(60):
        make_product(f"Mug {number}")
    zero = make_product("Zero")
    monkeypatch.setattr(Product, "specification", specification)
    build_index()

    assert Document.objects.count() == 60
    assert Change.objects.get().object_key == str(zero.pk)
    assert Change.objects.get().error.startswith("ZeroDivisionError")


def test_a_reason_that_no_database_keeps_is_told_all_the_same(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    def specification(product: Product) -> str:
        raise ValueError("half a \ud83d smiley\x00")

    settings.CATALOG_SEARCH |= {"RETRY_SECONDS": 60}
    monkeypatch.setattr(Product, "specification", specification)
    indexed_shop["dress"].save()
    drain()

    assert Change.objects.get().error == "ValueError: half a ? smiley"


def test_a_product_that_cannot_be_fetched_stands_alone(
    make_product: Callable[..., Product], build_index: Callable[[], Generation]
) -> None:
    """A date that PostgreSQL has and Python has not: all queries that return the row fail."""
    for number in range(60):
        make_product(f"Mug {number}")
    timeless = make_product("Timeless")
    Product.objects.filter(pk=timeless.pk).update(created=RawSQL("'infinity'::timestamptz", ()))
    generation = build_index()

    assert Document.objects.count() == 60
    assert Change.objects.get().object_key == str(timeless.pk)
    assert "DataError" in Change.objects.get().error
    assert reconcile(generation) == Drift(missing=0, orphaned=0, stale=0)


def test_a_product_that_the_database_refuses_stands_alone(
    make_product: Callable[..., Product], build_index: Callable[[], Any]
) -> None:
    for number in range(60):
        make_product(f"Mug {number}")
    endless = make_product("Endless", reference="endless")
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Document._meta.db_table} ADD CONSTRAINT short CHECK (text NOT LIKE 'Endless%%')")
    build_index()

    assert Document.objects.count() == 60
    assert Change.objects.get().object_key == str(endless.pk)
    assert "short" in Change.objects.get().error


def test_a_product_that_is_too_much_for_the_database_stands_alone(
    make_product: Callable[..., Product], build_index: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """PostgreSQL's limits come as the driver's operational errors, as if it were out of order."""
    monkeypatch.setattr(ProductIndex, "identifiers", ["attributes.parts"])
    settings.CATALOG_SEARCH |= {"RETRY_SECONDS": 60}
    for number in range(60):
        make_product(f"Mug {number}")
    fits_all = make_product(
        "Screw", attributes={"parts": [f"{'0123456789ab' * 3}{number}" for number in range(40_000)]}
    )
    build_index()

    assert Document.objects.count() == 60
    assert Change.objects.get().object_key == str(fits_all.pk)
    assert "too long for tsvector" in Change.objects.get().error


def test_an_identifier_of_any_length_is_found_by_its_beginning(
    make_product: Callable[..., Product], build_index: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProductIndex, "identifiers", ["attributes.parts"])
    endless = make_product("Screw", attributes={"parts": ["MX-77 " + "1234, " * 2000]})
    build_index()

    for words in ("mx-77", "MX771234", "1234 1234"):
        assert [hit.object for hit in ProductIndex.search(words).hits] == [endless]


def test_a_poisonous_product_is_set_aside_after_too_many_attempts(
    indexed_shop: Shop, make_product: Callable[..., Product], settings: Any
) -> None:
    settings.CATALOG_SEARCH |= {"MAX_ATTEMPTS": 3}
    make_product("poisonous mug")
    drain()

    change = Change.objects.get()
    assert change.set_aside
    assert change.attempts == 3


def test_a_build_that_lost_too_much_does_not_serve(make_product: Callable[..., Product], dummy_models: Any) -> None:
    dummy_models.CATALOG_SEARCH |= {"RETRY_SECONDS": 60}
    make_product("poisonous mug")

    with pytest.raises(CommandError, match=r"1 products failed.*poisonous"):
        call_command("rebuild_search_index", sync=True, verbosity=0)
    assert Generation.objects.active("shop.product") is None

    call_command("rebuild_search_index", sync=True, force=True, verbosity=0)
    assert Generation.objects.active("shop.product") is not None


def test_a_build_waits_until_its_model_answers_again(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dummy_models.CATALOG_SEARCH |= {"BATCH_SIZE": 1, "RETRY_SECONDS": 0}
    for number in range(3):
        make_product(f"Mug {number}")
    prepare(start_generation(registry.get("product")))
    outages, encode = ["The model server does not answer."] * 3, DummyEmbedder.encode

    def answer(self: DummyEmbedder, *arguments: Any) -> Any:
        if outages:
            raise Unavailable(outages.pop())
        return encode(self, *arguments)

    monkeypatch.setattr(DummyEmbedder, "encode", answer)
    call_command("rebuild_search_index", sync=True, verbosity=0)

    assert not outages
    assert Document.objects.count() == 3
    assert not Change.objects.exists()


def test_a_model_that_does_not_answer_is_not_asked_for_each_product_nor_holds_up_another(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server of an older generation may be gone for good, and changes go on to be recorded for it."""
    settings.CATALOG_SEARCH |= {"BATCH_SIZE": 1}
    monkeypatch.setattr(work, "QUICK_SECONDS", 0.0)
    older = Generation.objects.get()
    settings.CATALOG_SEARCH |= {"EMBEDDER": DUMMY | {"OPTIONS": {"dimensions": 32}}}
    call_command("rebuild_search_index", sync=True, verbosity=0)
    for product in indexed_shop.values():
        product.name += " on sale"
        product.save()
    encode = DummyEmbedder.encode
    monkeypatch.setattr(
        DummyEmbedder, "encode", lambda self, *rest: encode(self, *rest) if self.dimensions == 32 else unavailable()
    )
    drain()

    assert not Change.objects.exclude(generation=older).exists()
    assert Change.objects.filter(generation=older).count() == len(indexed_shop)
    assert 0 < Change.objects.filter(generation=older).exclude(error="").count() <= 2


def test_a_model_that_cannot_be_loaded_is_no_fault_of_the_products(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexed_shop["red mug"].name = "Crimson mug"
    indexed_shop["red mug"].save()
    backends.unload()
    monkeypatch.setattr(DummyEmbedder, "__init__", lambda *_, **__: 1 // 0)
    drain()
    (change,) = Change.objects.all()

    assert (change.attempts, change.set_aside) == (0, False)
    assert "cannot be loaded" in change.error


def test_a_model_that_does_not_answer_is_not_measured(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the means of its modalities it would find worse, and so would all generations after it."""
    dummy_models.CATALOG_SEARCH |= {"EMBEDDER": DUMMY | {"OPTIONS": {"fuses": False}}}
    make_product("Mug")
    make_product("Cup")
    generation = start_generation(registry.get("product"))
    with monkeypatch.context() as patch:
        patch.setattr(DummyEmbedder, "encode", unavailable)
        with pytest.raises(Unavailable):
            prepare(generation)
    prepare(generation)

    assert set(generation.mean_vectors) == {"text"}


def test_what_waits_for_a_model_did_not_fail(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed_shop["red mug"].name = "Crimson mug"
    indexed_shop["red mug"].save()
    monkeypatch.setattr(DummyEmbedder, "encode", unavailable)
    drain()
    left = progress(Generation.objects.get())

    assert (left.waiting, left.failed, left.reason) == (1, 0, "The model server does not answer.")
    Change.objects.update(due_at=timezone.now())
    claimed = claims.claim("default", 1)
    assert claimed is not None
    left = progress(Generation.objects.get())
    assert (left.waiting, left.in_work, left.failed, left.reason) == (1, 1, 0, "")


def test_what_a_model_server_says_is_told_whatever_bytes_it_has(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(*_: Any) -> Any:
        raise Unavailable("The server answered 502: \x00\x01 \ud83d")

    indexed_shop["dress"].name = "Gown"
    indexed_shop["dress"].save()
    monkeypatch.setattr(DummyEmbedder, "encode", encode)

    assert not drain()
    change = Change.objects.get()
    assert (change.claim, change.attempts, change.error) == (None, 0, "The server answered 502: \x01 ?")


def test_a_product_is_never_in_two_hands(indexed_shop: Shop) -> None:
    indexed_shop["red mug"].save()
    first = claims.claim("default", 10)
    indexed_shop["red mug"].save()

    assert first is not None
    assert claims.claim("default", 10) is None
    first.complete(first.keys)
    assert claims.claim("default", 10) is not None


def test_a_younger_generation_is_told_once_of_what_waits_for_an_older_one(indexed_shop: Shop, settings: Any) -> None:
    indexed_shop["red mug"].save()
    settings.CATALOG_SEARCH |= {"EMBEDDER": DUMMY | {"OPTIONS": {"dimensions": 32}}}
    younger = start_generation(registry.get("product"))
    told = Change.objects.filter(generation=younger)

    for expected in (1, 0):
        claimed = claims.claim("default", 1)
        assert claimed is not None
        assert claimed.generation_id != younger.pk
        assert told.count() == expected
        told.delete()
        claimed.release("The older one's model server is gone.")


def test_a_claim_whose_lease_ended_is_taken_over_and_fenced(indexed_shop: Shop, settings: Any) -> None:
    settings.CATALOG_SEARCH |= {"LEASE_SECONDS": 1}
    indexed_shop["red mug"].save()
    slow = claims.claim("default", 10)
    Change.objects.update(leased_until="2020-01-01T00:00Z")
    quick = claims.claim("default", 10)

    assert slow is not None
    assert quick is not None
    assert slow.lock() == set()
    assert quick.lock() == set(quick.keys)


def test_a_product_that_kills_its_workers_is_found_and_set_aside(
    indexed_shop: Shop, make_product: Callable[..., Product]
) -> None:
    for number in range(200):
        make_product(f"Mug {number}")
    deadly = str(make_product("Deadly").pk)
    deaths = 0
    while claimed := claims.claim("default", 256):
        if deadly in claimed.keys:
            deaths += 1
            Change.objects.filter(claim=claimed.token).update(leased_until="2020-01-01T00:00Z")
        else:
            claimed.complete(claimed.keys)

    assert deaths == 8
    assert Change.objects.get().object_key == deadly
    assert Change.objects.get().set_aside
    assert "ended again and again" in Change.objects.get().error


@pytest.mark.parametrize("attempts", [3, 7, 16, 40])
def test_what_ended_workers_often_is_taken_over_alone(indexed_shop: Shop, settings: Any, attempts: int) -> None:
    settings.CATALOG_SEARCH |= {"MAX_ATTEMPTS": 50}
    for product in indexed_shop.values():
        product.save()
    Change.objects.update(claim=uuid.uuid4(), attempts=attempts, leased_until="2020-01-01T00:00Z")
    claimed = claims.claim("default", 32)

    assert claimed is not None
    assert len(claimed.keys) == 1


def test_changed_products_go_before_a_backfill(indexed_shop: Shop) -> None:
    changes.append_to(Generation.objects.get(), [str(indexed_shop["red chair"].pk)])
    indexed_shop["dress"].save()
    first = claims.claim("default", 1)

    assert first is not None
    assert first.keys == [str(indexed_shop["dress"].pk)]


def test_no_products_are_no_change(indexed_shop: Shop) -> None:
    assert changes.append(registry.get("product"), Product.objects.none()) == 0
    assert waiting() == set()


def test_of_a_slice_are_recorded_those_that_stand_in_it(indexed_shop: Shop) -> None:
    dearest = Product.objects.order_by("-price")[:2]

    assert changes.append(registry.get("product"), dearest) == 2
    assert waiting() == {str(indexed_shop[name].pk) for name in ("red chair", "dress")}


@pytest.fixture
def eager() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.mark.usefixtures("eager")
def test_where_tasks_are_done_at_once_a_commit_indexes(
    indexed_shop: Shop, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """As CELERY_TASK_ALWAYS_EAGER does in the tests of shops."""
    mug, dress = indexed_shop["red mug"], indexed_shop["dress"]
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        mug.name = "Crimson cup"
        mug.save()
        dress.delete()
        teapot = Product.objects.create(name="Purple teapot", reference="p", created=timezone.now())
        assert document(mug).text.startswith("Red mug")

    assert document(mug).text.startswith("Crimson cup")
    assert ProductIndex.search("teapot").hits[0].object == teapot
    assert Document.objects.count() == Product.objects.count()
    assert not Change.objects.exists()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


@pytest.mark.usefixtures("eager")
def test_where_tasks_are_done_at_once_none_goes_round_and_round(
    indexed_shop: Shop,
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    with paused():
        make_product("Of which no vector is on record")
    generation = start_generation(registry.get("product"), fresh=True)
    tasks.sweep.delay()
    tasks.reconcile_indexes.delay()
    tasks.prepare_generation.delay(generation.pk)
    with monkeypatch.context() as away, django_capture_on_commit_callbacks(execute=True):
        away.setattr(DummyEmbedder, "encode", unavailable)
        tasks.build_generation.delay(generation.pk)
    generation.refresh_from_db()

    assert generation.state == Generation.State.BUILDING
    assert "recursion" not in generation.error
    Change.objects.update(due_at=timezone.now())
    tasks.build_generation.delay(generation.pk)
    generation.refresh_from_db()
    assert generation.state == Generation.State.READY


def test_paused_and_the_setting_record_nothing(indexed_shop: Shop, settings: Any) -> None:
    with paused():
        indexed_shop["red mug"].save()
    settings.CATALOG_SEARCH |= {"INDEXING": False}
    indexed_shop["red mug"].save()

    assert waiting() == set()


def test_changes_of_a_paused_generation_wake_nobody(indexed_shop: Shop) -> None:
    indexed_shop["red mug"].save()
    assert changes.due("default")
    Generation.objects.update(state=Generation.State.PAUSED)

    assert not changes.due("default")


def test_a_changed_setting_builds_beside_and_then_serves(
    indexed_shop: Shop, settings: Any, build_index: Callable[[], Generation]
) -> None:
    old = Generation.objects.active("shop.product")
    settings.CATALOG_SEARCH |= {
        "EMBEDDER": {"BACKEND": "catalog_search.backends.dummy.DummyEmbedder", "OPTIONS": {"dimensions": 32}}
    }

    assert old is not None
    assert is_outdated(registry.get("product"))
    new = build_index()
    assert new.pk != old.pk
    assert new.dimensions == 32
    assert Document.objects.filter(generation=new).count() == Document.objects.filter(generation=old).count()
    indexed_shop["red mug"].save()
    assert set(Change.objects.values_list("generation_id", flat=True)) == {old.pk, new.pk}
    activate(old)
    assert Generation.objects.active("shop.product") == old


def test_vectors_are_taken_over_where_model_and_content_agree(
    indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DummyEmbedder, "encode", lambda *_: pytest.fail("nothing needs to be embedded"))
    call_command("rebuild_search_index", sync=True, fresh=True, verbosity=0)
    new = Generation.objects.active("shop.product")

    assert Generation.objects.count() == 2
    assert Document.objects.filter(generation=new).count() == Product.objects.count()


def test_a_second_rebuild_embeds_nothing(indexed_shop: Shop, build_index: Callable[[], Generation]) -> None:
    before = dict(Document.objects.values_list("object_key", "embedded_at"))
    build_index()

    assert dict(Document.objects.values_list("object_key", "embedded_at")) == before
    assert Generation.objects.count() == 1


def test_a_new_generation_is_read_once(
    make_product: Callable[..., Product], build_index: Callable[[], Generation]
) -> None:
    """Whatever is written from its beginning on is told to it; a build of one that was there compares everything."""
    make_product("Mug")
    readings = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            build_index()
        readings.append(sum('"shop_product"."description"' in one["sql"] for one in captured))

    measuring, loading, comparing = 1, 1, 1
    assert readings == [measuring + loading, comparing]


def test_an_interrupted_build_goes_on_where_it_stopped(
    make_product: Callable[..., Product], build_index: Callable[[], Generation], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        make_product(f"Mug {number}")
    generation = start_generation(registry.get("product"))
    prepare(generation)
    backfill(generation)

    finish = work._finish

    def interrupt(batch: work.Batch) -> None:
        finish(batch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(work, "_finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            drain()
    assert not Change.objects.exclude(claim=None, attempts=0).exists()
    begun = dict(Document.objects.values_list("object_key", "embedded_at"))
    finished = build_index()

    assert 0 < len(begun) < 50
    assert finished == generation
    assert Document.objects.count() == 50
    assert begun.items() <= dict(Document.objects.values_list("object_key", "embedded_at")).items()


def test_batches_grow_where_they_are_quick(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:

    dummy_models.CATALOG_SEARCH |= {"BATCH_SIZE": 4}
    for number in range(40):
        make_product(f"Mug {number}")
    sizes: defaultdict[tuple[float, float], list[int]] = defaultdict(list)
    finish = work._finish

    def noting(batch: work.Batch) -> None:
        finish(batch)
        sizes[quick, rate].append(len(batch.claimed.keys))

    monkeypatch.setattr(work, "_finish", noting)
    for quick, rate in ((1e9, 1e3), (1e9, 0.1), (0.0, 1e3)):
        monkeypatch.setattr(work, "QUICK_SECONDS", quick)
        generation = start_generation(registry.get("product"), fresh=True)
        prepare(generation)
        Generation.objects.filter(pk=generation.pk).update(measured={"rate": rate})
        backfill(generation)
        drain()

    assert sizes[1e9, 1e3] == [4, 8, 16, 12]
    # A model that has all of them to embed would still be at it when the lease of 300 s ends.
    assert sizes[1e9, 0.1] == [4, 7, 7, 7, 7, 7, 1]
    assert sizes[0.0, 1e3] == [4] * 10


def test_a_model_that_became_another_one_under_its_name_spoils_no_index(
    indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Generation.objects.active("shop.product")
    assert old is not None
    monkeypatch.setattr(embedder_of(old.definition["embedder"]), "_dimensions", 32)
    mug = indexed_shop["red mug"]
    mug.name = "Red cup"
    mug.save()
    drain()

    assert Change.objects.get().error.endswith(
        f"dimensions, {old} holds 64: it became another one under the same name. Give its OPTIONS another "
        '"revision", then manage.py rebuild_search_index.'
    )
    assert ProductIndex.search("red mug").hits[0].object == mug

    call_command("rebuild_search_index", sync=True, fresh=True, verbosity=0)
    new = Generation.objects.active("shop.product")
    assert (new != old, new and new.dimensions) == (True, 32)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generation_id, vector_dims(embedding), count(*) FROM catalog_search_document GROUP BY 1, 2"
        )
        assert set(cursor.fetchall()) == {(old.pk, 64, 6), (new and new.pk, 32, 6)}
    assert ProductIndex.search("red cup").degraded == ()


def test_a_backup_without_documents_is_filled_again(indexed_shop: Shop) -> None:
    """What docs/deploy.md says of dumps that leave them out."""
    serving = Generation.objects.active("shop.product")
    Document.objects.all().delete()
    assert ProductIndex.search("red mug").total == 0

    call_command("rebuild_search_index", sync=True, verbosity=0)

    assert Generation.objects.active("shop.product") == serving
    assert Document.objects.count() == len(indexed_shop)
    assert ProductIndex.search("red mug").hits[0].object == indexed_shop["red mug"]
