"""The overview of the indexes in the admin, and what an operator does there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django import db
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from catalog_search import tasks
from catalog_search.backends.dummy import DummyEmbedder
from catalog_search.exceptions import NotPassed, Unavailable
from catalog_search.indexing.building import succeed
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from catalog_search.tasks import build_generation
from project.shop.models import Product

from .shop import Shop
from .test_admin import make_staff

pytestmark = pytest.mark.django_db

PAGE = "/admin/catalog_search/generation/overview/"
QUERIES = 30
"""With one index, however many generations, products and failures it has."""


def operate(client: Client, name: str, target: Any, **chosen: str) -> Any:
    return client.post(f"{PAGE}{name}/{getattr(target, 'pk', target)}/", chosen, follow=True)


@pytest.fixture
def two(indexed_shop: Shop) -> tuple[Generation, Generation]:
    """The one that serves, and one ready beside it."""
    call_command("rebuild_search_index", sync=True, fresh=True, activate="manual", verbosity=0)
    old, new = Generation.objects.order_by("pk")
    return old, new


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent to workers, which a transaction of a test would hide its rows from: run it by hand."""
    found: list[Any] = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda task, args, **_: found.append((task.name, args)))
    return found


def serving() -> Generation | None:
    return Generation.objects.active("shop.product")


class TestOverview:
    def test_a_healthy_index(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(PAGE)

        (state,) = page.context["states"]
        assert (state.products, state.serving.documents, state.serving.percent) == (6, 6, 100)
        assert state.health.status == "ok"
        for words in ("Healthy", "Nothing to do.", "6 of 6 products", "DummyEmbedder", "exact search", "Rebuild"):
            assert words in page.text
        assert "data-refresh" not in page.text
        assert "Roll back" not in page.text

    def test_without_an_index(self, admin_client: Client, make_product: Any) -> None:
        make_product("Red mug")
        page = admin_client.get(PAGE)

        assert "Does not serve" in page.text
        assert page.context["states"][0].products == 1

    def test_what_waits_and_what_failed(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        old, _ = two
        soon = timezone.now() + timedelta(hours=1)
        Change.objects.create(generation=old, object_key="1", created_at=timezone.now() - timedelta(minutes=20))
        Change.objects.create(generation=old, object_key="2", attempts=2, error="It hiccups.", due_at=soon)
        for key in ("3", "4"):
            Change.objects.create(generation=old, object_key=key, attempts=8, error="Poison!", set_aside=True)
        Document.objects.filter(generation=old, object_key__in=Document.objects.values("object_key")[:1]).update(
            pictures=Document.Pictures.FAILED
        )
        page = admin_client.get(PAGE)

        state = page.context["states"][0].serving
        assert (state.waiting, state.failing, state.set_aside, state.pictures_failed) == (1, 1, 2, 1)
        assert state.reasons == (("Poison!", 2), ("It hiccups.", 1))
        for words in ("the oldest for 20 min", "Poison!", "It hiccups.", "Needs a look", "Retry what failed"):
            assert words in page.text

    def test_a_build_is_followed(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        _, new = two
        Generation.objects.filter(pk=new.pk).update(state=Generation.State.BUILDING)
        gone = Document.objects.filter(generation=new).order_by("pk")[:3]
        Document.objects.filter(pk__in=[one.pk for one in gone]).delete()
        page = admin_client.get(PAGE)

        state = page.context["states"][0].generations[0]
        assert (state.documents, state.percent, state.is_under_way) == (3, 50, True)
        assert state.expected.products == 6
        # Three in the last minute, three to go.
        assert timedelta(seconds=55) < state.ready_at - timezone.now() < timedelta(seconds=60)
        assert 'data-refresh="4"' in page.text
        assert '<noscript><meta http-equiv="refresh"' in page.text
        assert 'value="3"' in page.text

    def test_what_changed_since_it_was_built(self, admin_client: Client, indexed_shop: Shop, settings: Any) -> None:
        settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "IMAGE_SIZE": 333}
        page = admin_client.get(PAGE)

        assert page.context["states"][0].differing == ("image_size",)
        assert "The index is out of date" in page.text

    def test_one_built_in_another_language_is_counted_too(
        self, admin_client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(registry.get("product"), "language_codes", ("sv",))
        (state,) = admin_client.get(PAGE).context["states"]

        assert state.serving.documents == 6
        assert "languages" in state.differing

    def test_the_models_are_asked_when_wanted(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert "for a search just now" in admin_client.get(PAGE, {"probe": "1"}).text

    def test_queries_are_counted(
        self, admin_client: Client, two: tuple[Generation, Generation], django_assert_max_num_queries: Any
    ) -> None:
        for number in range(30):
            Change.objects.create(generation=two[0], object_key=f"{number}", attempts=1, error=f"{number}")
        with django_assert_max_num_queries(QUERIES):
            admin_client.get(PAGE)

    def test_needs_permission(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "view_document")

        assert client.get(PAGE).status_code == 403

    def test_who_may_only_look_is_offered_nothing(self, client: Client, two: tuple[Generation, Generation]) -> None:
        make_staff(client, "view_generation")
        page = client.get(PAGE)

        assert page.status_code == 200
        assert "/overview/rebuild/" not in page.text
        assert "/overview/activate/" not in page.text
        assert client.get(f"{PAGE}rebuild/product/").status_code == 403

    def test_no_script_and_no_style_inside(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        text = admin_client.get(PAGE).text

        assert " style=" not in text
        assert "<style" not in text
        assert "<script>" not in text

    def test_the_pages_are_found_from_the_app(self, client: Client, admin_client: Client) -> None:
        assert PAGE in admin_client.get("/admin/catalog_search/").text
        assert PAGE in admin_client.get("/admin/catalog_search/generation/").text
        make_staff(client, "view_document")
        assert PAGE not in client.get("/admin/catalog_search/").text


class TestOperations:
    def test_switch_and_back(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        old, new = two

        assert "Searches are answered from it" in admin_client.get(f"{PAGE}activate/{new.pk}/").text
        assert serving() == old
        assert f"#{new.pk} serves." in operate(admin_client, "activate", new).text
        assert serving() == new
        assert f"#{old.pk} serves again." in operate(admin_client, "roll-back", "product").text
        assert serving() == old

    def test_what_is_done_is_noted(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        operate(admin_client, "activate", two[1])

        assert "serves." in admin_client.get(f"/admin/catalog_search/generation/{two[1].pk}/history/").text

    def test_only_what_judgements_let_pass(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        old, new = two
        Generation.objects.filter(pk=new.pk).update(measured={"gate": {"verdict": "refused"}})

        assert "Judgements spoke against it" in operate(admin_client, "activate", new).text
        assert serving() == old
        with pytest.raises(NotPassed, match="--force"):
            succeed(Generation.objects.get(pk=new.pk))
        assert serving() == old

    def test_pause_and_resume(self, admin_client: Client, two: tuple[Generation, Generation], sent: list[Any]) -> None:
        _, new = two
        Generation.objects.filter(pk=new.pk).update(state=Generation.State.BUILDING)

        assert "is paused." in operate(admin_client, "pause", new).text
        assert "is paused, not building" in operate(admin_client, "pause", new).text
        assert "goes on." in operate(admin_client, "resume", new).text
        assert ("catalog_search.build_generation", (new.pk, False)) in sent
        operate(admin_client, "pause", new)
        operate(admin_client, "resume", new, serve="on")
        assert ("catalog_search.build_generation", (new.pk, True)) in sent

    def test_prune(self, admin_client: Client, two: tuple[Generation, Generation]) -> None:
        old, new = two
        Generation.objects.create(index="shop.product", fingerprint="x", model_fingerprint="x", definition={})
        operate(admin_client, "activate", new)
        call_command("rebuild_search_index", sync=True, fresh=True, activate="manual", verbosity=0)
        operate(admin_client, "activate", Generation.objects.latest("pk"))

        assert "Removed: generations" in operate(admin_client, "prune", "product").text
        old.refresh_from_db()
        assert old.state == Generation.State.RETIRED
        assert not Document.objects.filter(generation=old).exists()

    def test_retry(self, admin_client: Client, indexed_shop: Shop, sent: list[Any]) -> None:
        generation = serving()
        assert generation
        Change.objects.create(generation=generation, object_key="3", attempts=8, error="Poison!", set_aside=True)

        assert "1 change is tried again." in operate(admin_client, "retry", generation).text
        assert not Change.objects.get(object_key="3").set_aside

    @pytest.mark.parametrize("name", ["rebuild", "roll-back", "activate", "pause", "resume", "retry", "prune"])
    def test_each_needs_permission(
        self, client: Client, two: tuple[Generation, Generation], sent: list[Any], name: str
    ) -> None:
        make_staff(client, "view_generation", "view_change", "view_judgement")
        target = "product" if name in ("rebuild", "roll-back", "prune") else two[1]

        assert operate(client, name, target).status_code == 403
        assert serving() == two[0]
        assert sent == []

    @pytest.mark.parametrize("path", ["explode/product/", "rebuild/nothing/", "activate/99999999/", "activate/x/"])
    def test_what_is_not_there(self, admin_client: Client, indexed_shop: Shop, path: str) -> None:
        assert admin_client.get(PAGE + path).status_code == 404


class TestRebuilding:
    def test_the_plan_is_shown(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(f"{PAGE}rebuild/product/")

        facts = {str(name): value for name, value in page.context["facts"]}
        assert (facts["Products"], facts["With a vector on record"], facts["To embed"]) == ("6", "6", "0")
        assert 'name="serve">' in page.text.replace(" checked", "")
        assert Generation.objects.count() == 1

    def test_workers_build_it_and_it_serves(self, admin_client: Client, indexed_shop: Shop, sent: list[Any]) -> None:
        old = serving()
        assert "is being built." in operate(admin_client, "rebuild", "product", fresh="on", serve="on").text
        new = Generation.objects.latest("pk")
        assert ("catalog_search.build_generation", (new.pk, True)) in sent

        build_generation(new.pk, True)

        assert serving() == new != old
        assert Document.objects.filter(generation=new).count() == 6

    def test_one_that_is_up_to_date_is_compared(
        self, admin_client: Client, indexed_shop: Shop, sent: list[Any]
    ) -> None:
        generation = serving()
        assert generation

        assert "is compared with the shop now." in operate(admin_client, "rebuild", "product").text
        assert ("catalog_search.reconcile", (generation.pk,)) in sent
        assert Generation.objects.count() == 1

    def test_a_broker_that_is_away_is_said(
        self, admin_client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OperationalError("Connection refused")

        monkeypatch.setattr("celery.app.task.Task.apply_async", refuse)
        said = operate(admin_client, "rebuild", "product", fresh="on").text

        assert "the broker does not answer (Connection refused)" in said

    @pytest.mark.django_db(transaction=True)
    def test_workers_are_told_of_what_they_can_see(
        self, admin_client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker that does not see the generation yet takes it for one that was given up."""
        in_transaction: list[bool] = []

        def look(*_: Any, **__: Any) -> None:
            in_transaction.append(db.connection.in_atomic_block)

        monkeypatch.setitem(db.connections.settings["default"], "ATOMIC_REQUESTS", True)
        monkeypatch.setattr("celery.app.task.Task.apply_async", look)
        operate(admin_client, "rebuild", "product", fresh="on")

        assert in_transaction == [False]

    def test_it_waits_for_a_person_otherwise(self, admin_client: Client, indexed_shop: Shop, sent: list[Any]) -> None:
        old = serving()
        operate(admin_client, "rebuild", "product", fresh="on")
        build_generation(Generation.objects.latest("pk").pk, False)

        assert Generation.objects.latest("pk").state == Generation.State.READY
        assert serving() == old

    def test_what_failed_too_often_is_left_to_a_person(
        self, admin_client: Client, indexed_shop: Shop, sent: list[Any]
    ) -> None:
        old = serving()
        Product.objects.filter(pk=indexed_shop["dress"].pk).update(name="poisonous dress")
        operate(admin_client, "rebuild", "product", fresh="on", serve="on")
        new = Generation.objects.latest("pk")
        with pytest.raises(Exception, match="1 products failed"):
            build_generation(new.pk, True)

        assert serving() == old
        assert "1 products failed, one of them with" in admin_client.get(PAGE).text

    @pytest.mark.parametrize(
        ("owner", "name", "outage"),
        [(DummyEmbedder, "encode", Unavailable), (tasks, "_live", db.OperationalError)],
    )
    def test_a_model_or_a_database_that_does_not_answer_is_asked_again(
        self,
        admin_client: Client,
        indexed_shop: Shop,
        settings: Any,
        sent: list[Any],
        monkeypatch: pytest.MonkeyPatch,
        owner: Any,
        name: str,
        outage: type[Exception],
    ) -> None:
        def refuse(*_: Any) -> Any:
            raise outage("It does not answer.")

        settings.CATALOG_SEARCH = {
            **settings.CATALOG_SEARCH,
            "EMBEDDER": {"BACKEND": settings.CATALOG_SEARCH["EMBEDDER"]["BACKEND"], "OPTIONS": {"dimensions": 32}},
        }
        operate(admin_client, "rebuild", "product", serve="on")
        new = Generation.objects.latest("pk")
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, refuse)
            sent.clear()
            build_generation(new.pk, True)
            assert ("catalog_search.build_generation", (new.pk, True)) in sent
            assert "It does not answer." in admin_client.get(PAGE).text
        build_generation(new.pk, True)

        assert serving() == new
        assert Generation.objects.get(pk=new.pk).error == ""

    @pytest.mark.parametrize("name", ["²", "9" * 30, "9" * 5000, "x"])
    def test_none_of_that_number(self, admin_client: Client, indexed_shop: Shop, name: str) -> None:
        address = reverse("admin:catalog_search_generation_operate", args=["pause", name])

        assert admin_client.get(address).status_code == 404

    def test_a_paused_one_is_left(self, indexed_shop: Shop, sent: list[Any]) -> None:
        generation = serving()
        assert generation
        Generation.objects.filter(pk=generation.pk).update(state=Generation.State.PAUSED)
        build_generation(generation.pk)

        assert sent == []

    def test_a_model_that_cannot_be_loaded_says_why(
        self, admin_client: Client, make_product: Any, dummy_models: Any, sent: list[Any]
    ) -> None:
        make_product("Red mug")
        nowhere = {"BACKEND": "catalog_search.backends.dummy.Nowhere"}
        dummy_models.CATALOG_SEARCH = {**dummy_models.CATALOG_SEARCH, "EMBEDDER": nowhere}
        operate(admin_client, "rebuild", "product")
        with pytest.raises(Exception, match="Nowhere"):
            build_generation(Generation.objects.latest("pk").pk)

        assert "Nowhere" in admin_client.get(PAGE).text


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_builds_what_the_admin_asks_for(worker: Any, admin_client: Client, make_product: Any) -> None:
    """With the demo's own model: button, broker, worker, serving generation."""
    import time

    make_product("Red mug", picture="red")
    assert "is being built." in operate(admin_client, "rebuild", "product", serve="on").text

    deadline = time.monotonic() + 90
    while serving() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    generation = serving()
    assert generation is not None, Generation.objects.values()
    assert Document.objects.filter(generation=generation).count() == 1
    assert "Healthy" in admin_client.get(PAGE).text
