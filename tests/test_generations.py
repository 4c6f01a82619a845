"""Generations: built beside the serving one, judged, switched, switched back and removed."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.cache import cache
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from catalog_search import tasks
from catalog_search.backends import dummy
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.checks import database
from catalog_search.exceptions import CatalogSearchError, ModelError, NotReady, Unavailable
from catalog_search.fusion import unit
from catalog_search.indexing import (
    activate,
    ann,
    building,
    current_generation,
    drain,
    generations,
    is_outdated,
    start_generation,
    statistics,
    switching,
)
from catalog_search.indexing.estimates import estimate
from catalog_search.indexing.finishing import finish
from catalog_search.indexing.preparing import prepare
from catalog_search.indexing.reconciling import backfill
from catalog_search.management.commands import rebuild_search_index
from catalog_search.models import Change, Document, Generation, Thumbnail
from catalog_search.registry import registry
from catalog_search.searching import lanes, search
from catalog_search.searching.scope import Scope
from catalog_search.sql import execute, execute_while
from catalog_search.suggesting import suggest
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

THINGS = ["mug", "chair", "dress", "lamp", "sofa", "table", "bowl", "shelf", "clock", "vase", "rug", "stool"]
DUMMY = "catalog_search.backends.dummy.DummyEmbedder"


@pytest.fixture
def _constraints_at_once(db: None) -> None:
    # An index cannot be created in the transaction of a test while constraints wait for its end.
    execute("default", "SET CONSTRAINTS ALL IMMEDIATE")


def use_model(settings: Any, **options: Any) -> None:
    settings.CATALOG_SEARCH |= {"EMBEDDER": {"BACKEND": DUMMY, "OPTIONS": options}}


def run(command: str, *arguments: Any, **options: Any) -> str:
    output = StringIO()
    call_command(command, *arguments, stdout=output, **options)
    return output.getvalue()


def rebuild(**options: Any) -> None:
    call_command("rebuild_search_index", sync=True, verbosity=0, **options)


def begun_beside(settings: Any) -> Generation:
    """Begin a generation of another model beside the serving one, all of it left to do."""
    use_model(settings, dimensions=32)
    generation = start_generation(registry.get("product"))
    prepare(generation)
    backfill(generation)
    return generation


def does_not_answer(*_: Any) -> Any:
    raise Unavailable("The model server does not answer.")


def forbid_sorting() -> None:
    """Have PostgreSQL use the index: of so few documents it would sort all."""
    execute("default", "SET LOCAL enable_seqscan = off")
    execute("default", "SET LOCAL enable_sort = off")


def serving() -> Generation:
    found = Generation.objects.active("shop.product")
    assert found is not None
    return found


class TestEstimate:
    def test_is_said_before_anything_is_built(
        self, make_product: Callable[..., Product], dummy_models: Any, settings: Any
    ) -> None:
        for number in range(4):
            make_product(f"Red mug {number}", picture="red")
        settings.CATALOG_SEARCH |= {"PRICE_PER_THOUSAND": 500}

        said = run("rebuild_search_index", "--sync", "--estimate")

        assert "4 products" in said
        assert "0 with a vector on record" in said
        assert "4 to embed with about 4 pictures" in said
        assert "products a second" in said
        assert "about 2.00 at 500 per thousand" in said
        assert not Generation.objects.live().exists()
        assert not Change.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_leaves_whoever_saves_meanwhile_alone(
        self, make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        product = make_product("Red mug")
        saved, over, failures = threading.Event(), threading.Event(), []

        def save() -> None:
            try:
                with transaction.atomic():
                    product.save()
                    saved.set()
                    over.wait(60)
            except DatabaseError as error:
                failures.append(error)
            connection.close()

        def estimate_while_saving(generation: Generation) -> Any:
            saver.start()
            saved.wait(60)
            return estimate(generation)

        saver = threading.Thread(target=save)
        monkeypatch.setattr(rebuild_search_index, "estimate", estimate_while_saving)
        run("rebuild_search_index", "--sync", "--estimate")
        over.set()
        saver.join()

        assert failures == []

    def test_knows_what_can_be_taken_over(self, indexed_shop: Shop) -> None:
        assert "6 with a vector on record, 0 to embed" in run("rebuild_search_index", "--sync", "--estimate", "--fresh")

    def test_a_cost_over_the_limit_stops_the_build(
        self, make_product: Callable[..., Product], dummy_models: Any, settings: Any
    ) -> None:
        make_product("Red mug")
        settings.CATALOG_SEARCH |= {"PRICE_PER_THOUSAND": 1000}
        with pytest.raises(CommandError, match=r"1\.00 is over the limit of 0\.50"):
            run("rebuild_search_index", "--sync", limit_cost=0.5)
        assert not Generation.objects.live().exists()

        run("rebuild_search_index", "--sync", limit_cost=1.5)
        assert Document.objects.exists()

    def test_a_limit_needs_a_price(self, dummy_models: Any) -> None:
        with pytest.raises(CommandError, match="PRICE_PER_THOUSAND"):
            call_command("rebuild_search_index", limit_cost=1)


class TestWaiting:
    """What the command says where nothing moves."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rebuild_search_index, "WORKER_SECONDS", 0.2)
        monkeypatch.setattr(rebuild_search_index, "PREPARING_SECONDS", 0.6)

    def test_no_worker_runs(self, make_product: Callable[..., Product], dummy_models: Any) -> None:
        make_product("Mug")
        dummy_models.CATALOG_SEARCH |= {"QUEUE": "nobody-builds"}
        errors = StringIO()
        with pytest.raises(CommandError, match=r"Does a Celery worker run.*or use --sync"):
            call_command("rebuild_search_index", stderr=errors, verbosity=0)
        assert errors.getvalue().count("No worker has loaded the model yet") == 1

        prepare(Generation.objects.get())
        with pytest.raises(CommandError, match="Celery worker run"):
            call_command("rebuild_search_index", verbosity=0)

    def test_no_broker_answers(
        self, make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OperationalError("Connection refused")

        make_product("Mug")
        monkeypatch.setattr("celery.app.task.Task.apply_async", refuse)
        said = r"the broker does not answer \(Connection refused\)"
        with pytest.raises(CommandError, match=rf"{said}.*use --sync"):
            call_command("rebuild_search_index", verbosity=0)

        prepare(Generation.objects.get())
        with pytest.raises(CommandError, match="Nothing moved"):  # the sweep may have told workers
            call_command("rebuild_search_index", stderr=(errors := StringIO()), verbosity=0)
        assert re.search(said, errors.getvalue())

    def test_a_ring_that_got_lost_is_rung_again_and_no_more_than_that(
        self, make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now, rung = [0.0], []
        clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
        monkeypatch.setattr(rebuild_search_index, "time", clock)
        monkeypatch.setattr(rebuild_search_index, "WORKER_SECONDS", 60)
        monkeypatch.setattr(rebuild_search_index, "send", lambda task: rung.append(now[0]))
        make_product("Mug")
        prepare(start_generation(registry.get("product")))
        with pytest.raises(CommandError, match="Nothing moved for 60 s"):
            call_command("rebuild_search_index", verbosity=0)

        assert rung == pytest.approx([0, 10, 20, 30, 40, 50], abs=1.5)

    def test_the_model_does_not_answer(
        self, make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_product("Mug")
        prepare(start_generation(registry.get("product")))
        monkeypatch.setattr(DummyEmbedder, "encode", does_not_answer)
        with pytest.raises(CommandError, match="waits for this: The model server does not answer"):
            rebuild()


class TestPausing:
    def test_workers_leave_a_paused_build_and_changes_are_kept(self, indexed_shop: Shop, settings: Any) -> None:
        new = begun_beside(settings)
        switching.pause(new)
        indexed_shop["red mug"].save()
        drain()

        assert not Document.objects.filter(generation=new).exists()
        assert Change.objects.filter(generation=new).count() == 7
        with pytest.raises(CommandError, match="is paused"):
            rebuild()
        with pytest.raises(CatalogSearchError, match="is paused, not building"):
            switching.pause(new)

        assert "goes on" in run("search_generations", "resume")
        rebuild()
        assert serving() == new
        assert Document.objects.filter(generation=new).count() == 6


def test_what_was_begun_for_other_settings_is_given_up(indexed_shop: Shop, settings: Any) -> None:
    begun = begun_beside(settings)
    use_model(settings, dimensions=48)
    run("rebuild_search_index", "--sync", "--estimate")
    begun.refresh_from_db()
    assert begun.state == Generation.State.BUILDING
    rebuild()

    begun.refresh_from_db()
    assert begun.state == Generation.State.RETIRED
    assert not Document.objects.filter(generation=begun).exists()
    assert not Change.objects.exists()


class TestMeanwhile:
    """What became of a generation while a worker, who looked at it before, prepared or finished it."""

    @pytest.fixture
    def begun(self, indexed_shop: Shop, settings: Any) -> Generation:
        use_model(settings, dimensions=32)
        return start_generation(registry.get("product"))

    def _becomes(self, state: Generation.State) -> None:
        Generation.objects.filter(pk=Generation.objects.latest("pk").pk).update(state=state)

    def test_given_up_while_it_is_prepared(self, begun: Generation) -> None:
        self._becomes(Generation.State.RETIRED)
        prepare(begun)

        assert Generation.objects.get(pk=begun.pk).state == begun.state == Generation.State.RETIRED

    def test_prepared_by_another_worker(self, begun: Generation) -> None:
        prepare(Generation.objects.get(pk=begun.pk))
        Generation.objects.filter(pk=begun.pk).update(measured={"rate": 7.0})
        prepare(begun)

        assert begun.state == Generation.State.BUILDING
        assert begun.measured == {"rate": 7.0}

    @pytest.mark.parametrize("state", [Generation.State.RETIRED, Generation.State.PAUSED])
    def test_given_up_or_paused_while_it_is_finished(self, begun: Generation, state: Generation.State) -> None:
        prepare(begun)
        backfill(begun)
        drain()
        self._becomes(state)
        finish(begun)

        assert Generation.objects.get(pk=begun.pk).state == begun.state == state
        with pytest.raises(NotReady):
            activate(begun)


@pytest.fixture
def _phrases(make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop whose titles share phrases, by which its nearness is measured."""
    monkeypatch.setattr(statistics, "FEWEST_PHRASES", 1)
    for thing in THINGS:
        make_product(f"Large red {thing}")


@pytest.mark.usefixtures("_phrases")
def test_a_model_that_does_not_answer_at_the_end_is_measured_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generation = start_generation(registry.get("product"))
    with monkeypatch.context() as patch:
        patch.setattr(statistics, "embed", does_not_answer)
        with pytest.raises(Unavailable):
            building.advance(generation, 60)
        patch.setattr(rebuild_search_index, "SLICE_SECONDS", 0.1)
        patch.setattr(rebuild_search_index, "WORKER_SECONDS", 0.2)
        with pytest.raises(CommandError, match="waits for this: The model server does not answer"):
            rebuild()
        assert Generation.objects.get().state == Generation.State.BUILDING
    rebuild()

    assert serving().nearness


@pytest.mark.usefixtures("_phrases")
def test_a_model_that_does_not_answer_leaves_what_was_measured_before(monkeypatch: pytest.MonkeyPatch) -> None:
    run("rebuild_search_index", "--sync")
    generation = serving()
    nearness = generation.nearness
    Generation.objects.update(statistics=generation.statistics | {"documents": 1})
    with monkeypatch.context() as patch:
        patch.setattr(statistics, "embed", does_not_answer)
        tasks.refresh_generation(generation.pk)
        assert (serving().nearness, serving().size) == (nearness, 1)
    tasks.refresh_generation(generation.pk)

    assert (serving().nearness, serving().size) == (nearness, len(THINGS))


def test_a_build_ends_however_often_products_are_saved_meanwhile(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = [make_product(name) for name in THINGS]

    def drain_while_others_save(alias: str, seconds: float) -> bool:
        products[0].save()
        left = drain(alias, seconds)
        products[1].save()
        return left

    monkeypatch.setattr(building, "drain", drain_while_others_save)
    generation = start_generation(registry.get("product"))

    assert building.advance(generation, 60)
    assert Document.objects.count() == len(products)


@pytest.mark.django_db(transaction=True)
def test_what_was_built_of_an_empty_shop_is_measured_as_the_shop_fills(
    make_product: Callable[..., Product],
    build_index: Callable[[], Generation],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without products there is nothing to tell near from far by: no query would ever come near enough to one."""
    settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 12}
    sent: list[Any] = []
    monkeypatch.setattr(tasks, "send", lambda task, *arguments, **_: sent.append((task, arguments)))
    generation = build_index()
    tasks.sweep()
    assert sent == []
    products = {name: make_product(name) for name in THINGS}
    drain()
    assert not ProductIndex.search("lamp", lanes=["vectors"]).hits

    tasks.sweep()
    assert sent == [(tasks.refresh_generation, (generation.pk,))]
    tasks.refresh_generation(generation.pk)
    cache.clear()  # of the ranking

    assert [hit.object for hit in ProductIndex.search("lamp", lanes=["vectors"]).hits] == [products["lamp"]]
    assert serving().ann_index
    assert serving().measured["rate"] > 0
    assert serving() == generation
    tasks.sweep()
    assert len(sent) == 1


def test_a_model_is_measured_anew_where_there_was_nothing_to_measure_it_on(
    make_product: Callable[..., Product], build_index: Callable[[], Generation], dummy_models: Any
) -> None:
    """Texts and photos that a model keeps apart are only fused fairly by the means of both."""
    use_model(dummy_models, fuses=False)
    for number in range(3):
        make_product(f"Red mug {number}")
    wordy = build_index()
    photographed = [make_product(f"Blue mug {number}", picture="blue") for number in range(3)]
    build_index()
    assert set(wordy.mean_vectors) == {"text"}
    assert "image was not measured" in run("search_generations")

    rebuild(fresh=True)
    measured = serving()
    assert set(measured.mean_vectors) == {"image", "text"}
    old, new = (
        np.array(Document.objects.get(generation=one, object_key=photographed[0].pk).embedding)
        for one in (wordy, measured)
    )
    assert new != pytest.approx(old, abs=0.01)

    rebuild(fresh=True)
    assert serving() != measured
    assert serving().mean_vectors["image"] == pytest.approx(measured.mean_vectors["image"])


@pytest.mark.django_db(transaction=True)
def test_two_commands_at_once_begin_one_generation(dummy_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where several machines are deployed at once, each with its command."""
    both_looked = threading.Barrier(2)

    def look(index: Any) -> Generation | None:
        found = current_generation(index)
        with suppress(threading.BrokenBarrierError):
            both_looked.wait(0.5)
        return found

    def begin() -> None:
        start_generation(registry.get("product"))
        connection.close()

    monkeypatch.setattr(generations, "current_generation", look)
    commands = [threading.Thread(target=begin) for _ in range(2)]
    for one in commands:
        one.start()
    for one in commands:
        one.join()

    assert Generation.objects.count() == 1


class TestSwitching:
    def test_by_hand(self, indexed_shop: Shop, settings: Any) -> None:
        old = serving()
        use_model(settings, dimensions=32)
        said = run("rebuild_search_index", "--sync", activate="manual")
        new = Generation.objects.latest("pk")

        assert f"search_generations activate product {new.pk}" in said
        assert serving() == old
        run("search_generations", "activate", "product", str(new.pk))
        assert serving() == new
        assert "serves again" in run("search_generations", "rollback")
        assert serving() == old
        run("search_generations", "rollback")
        assert serving() == new

    def test_what_was_rolled_back_does_not_come_back_by_itself(self, indexed_shop: Shop, settings: Any) -> None:
        """As where cron runs the command every night."""
        old = serving()
        use_model(settings, dimensions=32)
        run("rebuild_search_index", "--sync")
        new = serving()
        run("search_generations", "rollback")
        said = run("rebuild_search_index", "--sync")

        assert serving() == old
        assert f"search_generations activate product {new.pk}" in said
        assert f"{new}: ready; 6 documents; 0 waiting; 0 failed; rolled back" in run("search_generations")
        run("search_generations", "activate", "product", str(new.pk))
        assert serving() == new
        assert "rolled back" not in run("search_generations")
        use_model(settings, poison="poisonous")
        run("rebuild_search_index", "--sync")  # by the settings of before; nobody went back from that one
        assert serving() == old

    def test_nothing_to_go_back_to(self, indexed_shop: Shop) -> None:
        with pytest.raises(CommandError, match="no earlier generation"):
            call_command("search_generations", "rollback")

    def test_a_generation_being_built_cannot_serve(self, indexed_shop: Shop) -> None:
        new = start_generation(registry.get("product"), fresh=True)

        with pytest.raises(NotReady):
            activate(new)

    def test_one_of_other_languages_serves_on(
        self, indexed_shop: Shop, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(registry.get("product"), "language_codes", ("sv", "de"))
        indexed_shop["blue mug"].delete()
        make_product("Blue mugs in a row")
        drain()

        assert is_outdated(registry.get("product"))
        for language in ("", "de", "en"):
            assert ProductIndex.search("red mugs", language=language).hits[0].object == indexed_shop["red mug"]
            assert str(ProductIndex.search("blue mugs", language=language).hits[0].object) == "Blue mugs in a row"
        assert suggest(registry.get("product"), "blue mu").products
        assert set(Document.objects.values_list("language", flat=True)) == {"en"}

    def test_a_search_ends_on_the_generation_that_it_began_with(
        self, indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = serving()
        use_model(settings, dimensions=32)
        rebuild(activate="manual")
        new = Generation.objects.latest("pk")
        asked: list[int] = []
        identifiers, vectors = lanes.identifiers, lanes.vectors

        def switch_then_ask(scope: Scope, query: Any) -> Any:
            activate(new)
            return identifiers(scope, query)

        def note(scope: Scope, *arguments: Any) -> Any:
            asked.append(scope.generation.pk)
            return vectors(scope, *arguments)

        monkeypatch.setattr(lanes, "identifiers", switch_then_ask)
        monkeypatch.setattr(lanes, "vectors", note)
        found = ProductIndex.search("red mug")
        monkeypatch.setattr(lanes, "identifiers", identifiers)
        ProductIndex.search("red mug")

        assert found.hits[0].object == indexed_shop["red mug"]
        assert not found.degraded
        assert asked == [old.pk, new.pk]

    def test_what_writers_did_unseen_is_caught_up_with(
        self, indexed_shop: Shop, make_product: Callable[..., Product]
    ) -> None:
        from catalog_search.indexing import paused

        with paused():
            new = make_product("Green lamp")
            gone = str(indexed_shop["dress"].pk)
            indexed_shop["dress"].delete()
        rebuild()

        assert Document.objects.filter(object_key=new.pk).count() == 1
        assert not Document.objects.filter(object_key=gone).exists()

    def test_the_list_says_what_is_out_of_date(self, indexed_shop: Shop, settings: Any) -> None:
        assert "serves; 6 documents; 0 waiting" in run("search_generations")
        use_model(settings, dimensions=32)

        assert "out of date: build a new one" in run("search_generations")


class TestPruning:
    def test_what_is_left_of_an_index_that_was_taken_out(self, indexed_shop: Shop, settings: Any) -> None:
        documents = Document.objects.count()
        old = Generation.objects.filter(pk=serving().pk)
        old.update(index="shop.gadget", built_at=Now())
        number = old.get().pk

        with CaptureQueriesContext(connection) as asked:
            tasks.reconcile_indexes(number)  # the sweep and the night pass it over
        (warning,) = (one for one in database.check_alias("default") if one.id == "catalog_search.W029")
        with pytest.raises(CommandError, match="no search index"):
            run("search_generations", "list", "shop.gadget")
        told = run("search_generations", "prune", "shop.gadget", verbosity=0)

        assert len(asked) == 1
        assert "search_generations prune shop.gadget" in (warning.hint or "")
        assert f"1 generations, {documents} documents" in told
        assert not Document.objects.exists()
        assert old.get().state == "retired"
        assert "catalog_search.W029" not in [one.id for one in database.check_alias("default")]

    @pytest.mark.usefixtures("_constraints_at_once")
    def test_keeps_the_way_back_and_removes_the_rest(self, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 1}
        for dimensions in (16, 32, 48):
            use_model(settings, dimensions=dimensions)
            rebuild()
        first, second, third, fourth = Generation.objects.order_by("pk")

        assert [one.state for one in (first, second)] == ["retired", "retired"]
        assert not Document.objects.filter(generation__in=[first, second]).exists()
        assert Document.objects.filter(generation=third).count() == Document.objects.filter(generation=fourth).count()
        assert self._indexes() == {third.ann_index, fourth.ann_index}

        gone = switching.prune(registry.get("product"), keep=0)
        assert (gone.generations, gone.documents, gone.indexes) == (1, 6, 1)
        assert self._indexes() == {fourth.ann_index}
        with pytest.raises(NotReady):
            switching.rollback(registry.get("product"))

    def test_thumbnails_that_nobody_shows(self, indexed_shop: Shop) -> None:
        shown = Document.objects.get(object_key=indexed_shop["red mug"].pk).thumbnail
        orphan = Document.objects.get(object_key=indexed_shop["dress"].pk).thumbnail
        indexed_shop["dress"].delete()
        drain()
        assert switching.prune(registry.get("product"), thumbnails=True).thumbnails == 0  # too fresh
        Thumbnail.objects.update(created_at="2020-01-01T00:00Z")

        assert switching.prune(registry.get("product"), thumbnails=True).thumbnails == 1
        names = set(Thumbnail.objects.values_list("name", flat=True))
        assert shown in names
        assert orphan not in names

    def test_a_thumbnail_that_its_storage_does_not_delete_keeps_no_other(
        self, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        doomed = [indexed_shop["dress"], indexed_shop["blue mug"], indexed_shop["photo mug"]]
        names = sorted(Document.objects.get(object_key=one.pk).thumbnail for one in doomed)
        for one in doomed:
            one.delete()
        drain()
        Thumbnail.objects.update(created_at="2020-01-01T00:00Z")
        delete, mode = FileSystemStorage.delete, ["locked"]

        def refuse(storage: Any, name: str) -> None:
            if name == names[1] and mode:
                raise PermissionError("the bucket is locked")
            delete(storage, name)

        monkeypatch.setattr(FileSystemStorage, "delete", refuse)
        index = registry.get("product")

        assert switching.prune(index, thumbnails=True).thumbnails == 2
        assert f"{names[1]} could not be deleted: the bucket is locked" in caplog.text
        assert [name for name in names if default_storage.exists(name)] == [names[1]]
        # The row is there still, so that it goes another day.
        mode.clear()
        Thumbnail.objects.update(created_at="2020-01-01T00:00Z")
        assert switching.prune(index, thumbnails=True).thumbnails == 1
        assert not default_storage.exists(names[1])

    def _indexes(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'catalog_search_hnsw_%'")
            return {name for (name,) in cursor}


class TestGate:
    @pytest.fixture
    def judged(self, indexed_shop: Shop, tmp_path: Path) -> Callable[..., Path]:
        """Judge all products for two queries; what is not named is graded 0."""

        def write(graded: bool = True) -> Path:
            path = tmp_path / "judged.jsonl"
            best = {"crimson cup": indexed_shop["red mug"], "azure cup": indexed_shop["blue mug"]}
            rows = [
                {"query": query, "product": product.pk, "grade": 3 if product == wanted else 0}
                for query, wanted in best.items()
                for product in (indexed_shop.values() if graded else [wanted])
            ]
            path.write_text("\n".join(json.dumps(row) for row in rows))
            return path

        return write

    def _find_all(self, settings: Any) -> None:
        settings.CATALOG_SEARCH |= {"CUTOFF": -100.0}

    def test_as_good_passes_and_both_scores_are_kept(
        self, judged: Callable[..., Path], indexed_shop: Shop, settings: Any
    ) -> None:
        old = serving()
        self._find_all(settings)
        said = run("rebuild_search_index", "--sync", "--fresh", judgements=judged())
        gate = serving().measured["gate"]

        assert "passed" in said
        assert serving() != old
        assert gate["old_generation"] == old.pk
        assert gate["old"]["nDCG@10"] == gate["new"]["nDCG@10"] > 0
        assert gate["low"] <= gate["mean"] <= gate["high"]

    def test_worse_is_refused_and_the_old_one_serves_on(
        self, judged: Callable[..., Path], indexed_shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # The model that serves knows colours by their poetic names; the new one reads words as they are written.
        poetic = {"crimson": "red", "azure": "blue", "cup": "mug"}
        plain = DummyEmbedder._direction
        monkeypatch.setattr(
            DummyEmbedder,
            "_direction",
            lambda self, word: plain(self, poetic.get(word, word) if self._dimensions == 64 else word),
        )
        old = serving()
        self._find_all(settings)
        use_model(settings, dimensions=32)

        with pytest.raises(CommandError, match="serves on"):
            run("rebuild_search_index", "--sync", judgements=judged())
        new = Generation.objects.latest("pk")
        assert serving() == old
        assert new.measured["gate"]["verdict"] == "refused"
        assert new.measured["gate"]["old"]["nDCG@10"] > new.measured["gate"]["new"]["nDCG@10"]
        with pytest.raises(CommandError, match="refused"):
            rebuild()
        with pytest.raises(CommandError, match="refused"):
            call_command("search_generations", "activate", str(new.pk))
        call_command("search_generations", "activate", str(new.pk), "--force")
        assert serving() == new

    def test_too_few_judged_gives_no_verdict(self, judged: Callable[..., Path], settings: Any) -> None:
        old = serving()
        self._find_all(settings)

        with pytest.raises(CommandError, match="serves on"):
            run("rebuild_search_index", "--sync", "--fresh", judgements=judged(graded=False))
        assert serving() == old
        assert Generation.objects.latest("pk").measured["gate"]["verdict"] == "undecided"

    @pytest.mark.usefixtures("indexed_shop")
    def test_judgements_that_cannot_be_read_are_told_before_anything_is_built(self, settings: Any) -> None:
        settings.CATALOG_SEARCH |= {"IMAGE_SIZE": 400}

        with pytest.raises(CommandError, match="cannot be read"):
            run("rebuild_search_index", "--sync", judgements=Path("mistyped.csv"))
        assert Generation.objects.get() == serving()


class TestManyDimensions:
    @pytest.mark.usefixtures("_constraints_at_once")
    @pytest.mark.parametrize(
        ("dimensions", "quantization"), [(2048, "half"), (2048, "binary"), (4096, "binary"), (4096, "half")]
    )
    def test_recall(
        self, make_product: Callable[..., Product], dummy_models: Any, dimensions: int, quantization: str
    ) -> None:
        dummy_models.CATALOG_SEARCH |= {
            "EMBEDDER": {"BACKEND": DUMMY, "OPTIONS": {"dimensions": dimensions}},
            "QUANTIZATION": quantization,
            "ANN_MIN_DOCUMENTS": 1,
            "ANN_EXACT_ROWS": 1,
        }
        draw = np.random.default_rng(0)
        words = [f"word{number}" for number in range(60)]
        products = [make_product(" ".join(draw.choice(words, 8))) for _ in range(300)]
        rebuild()
        generation = serving()
        scope = Scope(registry.get("product"), generation, "en", Product.objects.all())
        stored = {
            document.object_key: np.array(document.embedding, dtype=np.float32)
            for document in Document.objects.filter(generation=generation)
        }

        forbid_sorting()
        recalls = []
        for product in products[:20]:
            near = unit(stored[str(product.pk)] + 0.02 * draw.standard_normal(dimensions).astype(np.float32))
            truth = sorted(stored, key=lambda key: -float(stored[key] @ near))[:10]
            found = lanes.vectors(scope, near, float("-inf"), 10)
            assert found[0][0] == truth[0]
            assert found == sorted(found, key=lambda pair: -pair[1])
            assert found[0][1] == pytest.approx(float(stored[truth[0]] @ near), abs=2e-3)
            recalls.append(len({key for key, _ in found} & set(truth)) / 10)

        over = dimensions > generation.quantization.limit
        assert bool(generation.ann_index) is not over
        assert np.mean(recalls) == 1.0 if over else np.mean(recalls) > 0.9
        if not over:
            plan = self._plan(scope, near)
            assert generation.ann_index in plan
            # The breadth of the scan is set before it begins.
            assert 0 < plan.index("One-Time Filter") < plan.index(generation.ann_index)

    def _plan(self, scope: Scope, vector: Any) -> str:
        """Return how PostgreSQL runs the very statement of the lane."""
        ran: list[tuple[str, Any]] = []

        def note(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:
            ran.append((statement, parameters))
            return execute(statement, parameters, many, context)

        with connection.execute_wrapper(note):
            lanes.vectors(scope, vector, float("-inf"), 10)
        statement, parameters = next(one for one in ran if "<=>" in one[0] and "MATERIALIZED" not in one[0])
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}", parameters)
            return "\n".join(row[0] for row in cursor)


@pytest.mark.django_db(transaction=True)
class TestIndexBuilding:
    @pytest.fixture
    def large(self, make_product: Callable[..., Product], dummy_models: Any) -> Any:
        for number in range(20):
            make_product(f"Mug {number}")
        dummy_models.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 10}
        return dummy_models

    def test_concurrently_and_the_session_is_left_as_it_was(self, large: Any) -> None:
        wished = {"maintenance_work_mem": "77MB", "statement_timeout": "35s", "lock_timeout": "50ms"}
        with connection.cursor() as cursor:
            for name, value in wished.items():
                cursor.execute(f"SET {name} = '{value}'")  # as shops do when they connect
        try:
            rebuild()
            with connection.cursor() as cursor:
                for name, value in wished.items():
                    cursor.execute(f"SHOW {name}")
                    assert cursor.fetchone() == (value,)
        finally:
            connection.close()
        assert serving().ann_index == f"{ann.PREFIX}{serving().pk}"

    def test_whoever_writes_is_waited_for(self, large: Any) -> None:
        rebuild()
        generation, written, over = serving(), threading.Event(), threading.Event()
        ann.drop("default", generation.ann_index)
        generation.ann_index = ""

        def write() -> None:
            with transaction.atomic():
                Document.objects.update(thumbnail="")
                written.set()
                over.wait(60)
            connection.close()

        writer, timer = threading.Thread(target=write), threading.Timer(0.5, over.set)
        writer.start()
        written.wait(60)
        timer.start()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '50ms'")
            ann.build(generation)
        finally:
            over.set()
            writer.join()
            connection.close()

        assert (generation.ann_index, generation.error) == (f"{ann.PREFIX}{generation.pk}", "")

    def test_many_products_are_counted_once_and_the_scan_leaves_nothing_on_the_connection(
        self, large: Any, django_assert_num_queries: Any
    ) -> None:
        large.CATALOG_SEARCH |= {"ANN_EXACT_ROWS": 1}
        rebuild()
        scope = Scope(registry.get("product"), serving(), "en", Product.objects.all())
        vector = np.array(Document.objects.earliest("pk").embedding, dtype=np.float32)
        with django_assert_num_queries(2):
            first = lanes.vectors(scope, vector, float("-inf"), 10)
        with django_assert_num_queries(1):
            second = lanes.vectors(scope, vector, float("-inf"), 10)

        assert len(first) == len(second) == 10
        with connection.cursor() as cursor:
            cursor.execute("SHOW hnsw.ef_search")
            assert cursor.fetchone() == ("40",)

    def test_under_a_filter_the_index_is_scanned_no_further_than_what_is_near_goes(
        self, make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dummy_models.CATALOG_SEARCH |= {"ANN_MIN_DOCUMENTS": 1, "ANN_EXACT_ROWS": 1}
        for number in range(300):
            make_product(f"Red mug {number % 7}" if number < 40 else f"Oak chair {number % 90} leg {number}")
        rebuild()
        scope = Scope(registry.get("product"), serving(), "en", Product.objects.filter(popularity__gte=0))
        vector = np.array(Document.objects.earliest("pk").embedding, dtype=np.float32)
        monkeypatch.setattr(lanes, "SCANNED", 20)
        looked_at: list[int] = []

        def counted(*arguments: Any) -> Any:
            rows, ended = execute_while(*arguments)
            looked_at.append(len(rows))
            return rows, ended

        monkeypatch.setattr(lanes, "execute_while", counted)
        with transaction.atomic():
            forbid_sorting()
            everything = dict(lanes.vectors(scope, vector, float("-inf"), 250))
            floor = sorted(everything.values())[-40]
            near = dict(lanes.vectors(scope, vector, floor, 250))

        assert len(everything) == 250
        assert 40 <= looked_at[0] <= 80
        assert near == {key: similarity for key, similarity in everything.items() if similarity >= floor}
        assert len(near) >= 40

    @pytest.mark.parametrize(("links", "breadth", "taken"), [(8, 40, "40"), (32, 40, "64")])
    def test_links_and_breadth_of_the_index_are_settings(
        self, large: Any, links: int, breadth: int, taken: str
    ) -> None:
        large.CATALOG_SEARCH |= {"ANN_M": links, "ANN_EF_CONSTRUCTION": breadth}
        rebuild()

        with connection.cursor() as cursor:
            cursor.execute("SELECT reloptions::text FROM pg_class WHERE oid = %s::regclass", [serving().ann_index])
            assert cursor.fetchone() == (f"{{m={links},ef_construction={taken}}}",)

    def test_an_invalid_index_of_a_killed_build_is_replaced(self, large: Any) -> None:
        rebuild(activate="manual")
        generation = Generation.objects.get()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [generation.ann_index]
            )
            Generation.objects.update(ann_index="")
            rebuild()
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", [serving().ann_index])
            assert cursor.fetchone() == (True,)

    def test_one_that_another_worker_builds_is_left_to_it(self, large: Any) -> None:
        """It may take hours, and the broker gives a task to another worker after minutes."""
        generation = start_generation(registry.get("product"))
        building.advance(generation, 0)
        drain()
        writes, written, advanced = threading.Event(), threading.Event(), []

        def write() -> None:  # no index is finished as long as it does
            with transaction.atomic():
                Document.objects.update(thumbnail="")
                written.set()
                writes.wait(60)
            connection.close()

        def advance() -> None:
            advanced.append(building.advance(Generation.objects.get(), 60))
            connection.close()

        writer, first, second = (threading.Thread(target=one) for one in (write, advance, advance))
        writer.start()
        written.wait(60)
        first.start()
        while first.is_alive() and not ann.is_being_built(generation):
            time.sleep(0.01)
        second.start()
        second.join(60)
        left = list(advanced)
        writes.set()
        for thread in (writer, first, second):
            thread.join()

        assert left == [False]
        assert advanced == [False, True]
        assert Generation.objects.get().ann_index

    def test_a_build_that_fails_leaves_exact_search_and_no_invalid_index(self, large: Any) -> None:
        with connection.cursor() as cursor:
            # Vectors of another length than the generation's: the cast in the index refuses them.
            rebuild(activate="manual")
            generation = Generation.objects.get()
            name, key = generation.ann_index, Document.objects.earliest("pk").object_key
            ann.drop("default", generation.ann_index)
            cursor.execute(f"UPDATE {Document._meta.db_table} SET embedding = '[1,2,3]' WHERE object_key = %s", [key])
        generation.ann_index = ""
        ann.build(generation)

        assert generation.ann_index == ""
        assert "searches are exact" in generation.error
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [name])
            assert cursor.fetchone() == (None,)


def test_another_generation_than_the_serving_one_can_be_asked(indexed_shop: Shop, settings: Any) -> None:
    use_model(settings, dimensions=32)
    rebuild(activate="manual")
    new = Generation.objects.latest("pk")

    assert search(registry.get("product"), "red mug", generation=new).hits[0].object == indexed_shop["red mug"]


@pytest.mark.parametrize("error", [ModelError, ZeroDivisionError])
def test_a_poisonous_product_in_the_sample_does_not_keep_a_generation_from_being_built(
    make_product: Callable[..., Product], dummy_models: Any, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(dummy, "ModelError", error)  # a shop's own backend raises whatever it does
    use_model(dummy_models, fuses=False, poison="poisonous")
    for number in range(60):
        make_product(f"Mug {number}", picture="red")
    make_product("poisonous mug")
    rebuild()

    assert set(serving().mean_vectors) == {"image", "text"}
    assert Document.objects.count() == 60
