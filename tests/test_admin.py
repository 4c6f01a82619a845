"""The admin: changelists that find by meaning, and the index on view."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps.registry import Apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import F
from django.test import Client, RequestFactory
from django.utils import timezone

from catalog_search import Boost
from catalog_search.admin import SearchAdminMixin
from catalog_search.models import Change, Document, Generation
from project.shop.models import Product
from project.shop.search import ProductIndex

from .shop import Shop

pytestmark = pytest.mark.django_db

PRODUCTS = "/admin/shop/product/"
CHANGES = "/admin/catalog_search/change/"


def names(response: Any) -> list[str]:
    assert response.status_code == 200
    return [product.name for product in response.context["cl"].result_list]


def make_staff(client: Client, *permissions: str) -> None:
    """Log in somebody with these permissions and no others."""
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(clerk)


class TestChangelist:
    def test_the_most_relevant_comes_first(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert names(admin_client.get(PRODUCTS, {"q": "red chair"}))[0] == "Red chair"
        assert names(admin_client.get(PRODUCTS, {"q": "summer dress"}))[0] == "Summer dress"

    def test_drafts_are_found(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert names(admin_client.get(PRODUCTS, {"q": "secret mug"}))[0] == "Secret mug"
        assert names(admin_client.get(PRODUCTS, {"q": "MUG-9999"})) == ["Secret mug"]

    def test_filters_hold(self, admin_client: Client, indexed_shop: Shop) -> None:
        found = names(admin_client.get(PRODUCTS, {"q": "mug", "is_public__exact": "0"}))

        assert found == ["Secret mug"]

    def test_a_clicked_column_orders(self, admin_client: Client, indexed_shop: Shop) -> None:
        response = admin_client.get(PRODUCTS, {"q": "red mug", "o": "6"})

        prices = [product.price for product in response.context["cl"].result_list]
        assert len(prices) > 1
        assert prices == sorted(prices)

    def test_a_prefix_asks_django(self, admin_client: Client, indexed_shop: Shop) -> None:
        assert names(admin_client.get(PRODUCTS, {"q": "=ug-100"})) == ["Red mug", "Blue mug", "Mug"]
        assert names(admin_client.get(PRODUCTS, {"q": "=summer red"})) == []

    def test_without_an_index_django_answers(self, admin_client: Client, make_product: Callable[..., Product]) -> None:
        make_product("Red mug")
        make_product("Blue chair")

        assert names(admin_client.get(PRODUCTS, {"q": "red"})) == ["Red mug"]

    def test_an_order_by_what_only_visitors_queryset_has(
        self, admin_client: Client, indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Boosts and steps of the shop's own may be by annotations, which the rows of the admin lack."""
        visible = ProductIndex.queryset
        monkeypatch.setattr(ProductIndex, "boosts", [Boost("rating")])
        monkeypatch.setattr(ProductIndex, "queryset", lambda *given: visible(*given).annotate(rating=F("stock")))

        assert ProductIndex.search("red mug").degraded == ()
        response = admin_client.get(PRODUCTS, {"q": "red mug"})
        assert names(response)[0] == "Red mug"
        assert "A search model does not answer" not in response.text

    def test_a_proxy_finds_by_the_index_of_its_model(
        self, admin_user: User, indexed_shop: Shop, rf: RequestFactory
    ) -> None:
        class Bargain(Product):
            class Meta:
                app_label, apps, proxy = "shop", Apps(), True

        class BargainAdmin(SearchAdminMixin, admin.ModelAdmin):
            list_display = ["name", "search_thumbnail"]

        request = rf.get("/", {"q": "red mug"})
        request.user = admin_user
        changelist = BargainAdmin(Bargain, admin.site).get_changelist_instance(request)

        first = changelist.result_list[0]
        assert (type(first), first.name) == (Bargain, "Red mug")
        assert first._search_thumbnail

    def test_without_a_query_nothing_changes(self, admin_client: Client, indexed_shop: Shop) -> None:
        response = admin_client.get(PRODUCTS)

        assert len(names(response)) == 6
        assert "Finds by meaning" in response.text
        assert "data-fuzzy" not in response.text

    @pytest.mark.parametrize("query", ["x" * 10_000, "' OR 1=1 --", "%", "-", '"'])
    def test_odd_queries(self, admin_client: Client, indexed_shop: Shop, query: str) -> None:
        assert admin_client.get(PRODUCTS, {"q": query}).status_code == 200

    def test_a_model_that_fails_is_told(self, admin_client: Client, indexed_shop: Shop) -> None:
        generation = Generation.objects.get(state=Generation.State.READY)
        generation.definition["embedder"]["options"] = {"poison": "mug"}
        generation.save()

        response = admin_client.get(PRODUCTS, {"q": "red mug"})

        assert names(response)[0] == "Red mug"
        assert "A search model does not answer" in response.text

    def test_permissions_hold(self, client: Client, indexed_shop: Shop) -> None:
        make_staff(client, "view_brand")

        assert client.get(PRODUCTS, {"q": "mug"}).status_code == 403

    def test_thumbnails_at_once(
        self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any
    ) -> None:
        admin_client.get(PRODUCTS, {"q": "mug"})
        with django_assert_max_num_queries(24):
            response = admin_client.get(PRODUCTS, {"q": "mug"})
        assert response.text.count('height="64"') == len(names(response)) >= 4
        with django_assert_max_num_queries(14):
            assert admin_client.get(PRODUCTS).text.count('height="64"') == 6

    def test_the_product_itself_shows_its_thumbnail(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(f"{PRODUCTS}{indexed_shop['red mug'].pk}/change/")

        assert 'height="64"' in page.text

    def test_choosing_a_parent_finds_by_meaning(self, admin_client: Client, indexed_shop: Shop) -> None:
        asked = {"app_label": "shop", "model_name": "product", "field_name": "parent", "term": "red chair"}
        found = admin_client.get("/admin/autocomplete/", asked).json()["results"]

        assert found[0]["text"] == "Red chair"


class TestPicture:
    @pytest.fixture(autouse=True)
    def _low_cutoff(self, indexed_shop: Shop, settings: Any) -> None:
        """Among six products none can stand out far."""
        settings.CATALOG_SEARCH = {**settings.CATALOG_SEARCH, "CUTOFF": 0.0}

    def send(self, client: Client, data: bytes) -> Any:
        return client.post(f"{PRODUCTS}search-picture/", {"image": SimpleUploadedFile("red.jpg", data)})

    def test_finds_what_looks_alike(
        self, admin_client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        token = self.send(admin_client, picture_bytes("red")).json()["token"]
        page = admin_client.get(PRODUCTS, {"picture": token})

        assert set(names(page)) == {"Red mug", "Red chair", "Secret mug"}
        assert "data-fuzzy" in page.text
        assert f'src="search-picture/?token={token}"' in page.text
        assert "catalog_search/admin_search.js" in page.text
        assert admin_client.get(f"{PRODUCTS}search-picture/", {"token": token}).headers["Content-Type"] == "image/jpeg"

    def test_together_with_words_filters_and_order(
        self, admin_client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]
    ) -> None:
        token = self.send(admin_client, picture_bytes("red")).json()["token"]

        assert names(admin_client.get(PRODUCTS, {"picture": token, "q": "mug"}))[0] in ("Red mug", "Secret mug")
        drafts = admin_client.get(PRODUCTS, {"picture": token, "is_public__exact": "0"})
        assert names(drafts) == ["Secret mug"]
        assert f'name="picture" value="{token}"' in drafts.text

    def test_one_that_expired(self, admin_client: Client, indexed_shop: Shop) -> None:
        page = admin_client.get(PRODUCTS, {"picture": "gone"})

        assert len(names(page)) == 6
        assert "expired" in page.text

    @pytest.mark.parametrize(("data", "status"), [(b"", 400), (b"no picture", 400)])
    def test_what_is_no_picture(self, admin_client: Client, indexed_shop: Shop, data: bytes, status: int) -> None:
        answer = self.send(admin_client, data)

        assert answer.status_code == status
        assert answer.json()["error"]
        assert admin_client.post(f"{PRODUCTS}search-picture/").status_code == 400
        assert admin_client.get(f"{PRODUCTS}search-picture/", {"token": "gone"}).status_code == 404

    def test_permissions_hold(self, client: Client, indexed_shop: Shop, picture_bytes: Callable[..., bytes]) -> None:
        make_staff(client, "view_brand")

        assert self.send(client, picture_bytes("red")).status_code == 403


class TestActions:
    def delete(self, client: Client, query: str, products: list[Product], across: str) -> Any:
        data = {
            "action": "delete_selected",
            "_selected_action": [product.pk for product in products],
            "select_across": across,
            "index": "0",
            "post": "yes",
        }
        return client.post(f"{PRODUCTS}?q={query}", data, follow=True)

    def test_on_ticked_rows(self, admin_client: Client, indexed_shop: Shop) -> None:
        self.delete(admin_client, "red mug", [indexed_shop["red mug"]], across="0")

        assert not Product.objects.filter(name="Red mug").exists()
        assert Product.objects.count() == 5

    def test_never_on_a_whole_fuzzy_set(self, admin_client: Client, indexed_shop: Shop) -> None:
        response = self.delete(admin_client, "red mug", [indexed_shop["red mug"]], across="1")

        assert Product.objects.count() == 6
        assert "tick the rows that you mean" in response.text

    def test_on_everything_that_django_found(self, admin_client: Client, indexed_shop: Shop) -> None:
        self.delete(admin_client, "=MUG-100", [indexed_shop["red mug"]], across="1")

        assert Product.objects.count() == 3

    def test_selecting_all_is_not_offered(self, admin_client: Client, indexed_shop: Shop) -> None:
        fuzzy = admin_client.get(PRODUCTS, {"q": "red mug"})

        assert "data-fuzzy" in fuzzy.text
        assert "data-fuzzy" not in admin_client.get(PRODUCTS, {"q": "=mug"}).text


class TestState:
    def test_generations(self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
        Generation.objects.create(index="shop.product", fingerprint="old", model_fingerprint="old", definition={})
        with django_assert_max_num_queries(10):
            response = admin_client.get("/admin/catalog_search/generation/")

        preparing, serving = response.context["cl"].result_list
        model_admin = response.context["cl"].model_admin
        assert (model_admin.serves(preparing), model_admin.serves(serving)) == (False, True)
        assert (serving.documents, serving.waiting, serving.failed) == (6, 0, 0)
        assert "DummyEmbedder" in response.text
        assert admin_client.get(f"/admin/catalog_search/generation/{serving.pk}/change/").status_code == 200

    def test_documents(self, admin_client: Client, indexed_shop: Shop, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(10):
            response = admin_client.get("/admin/catalog_search/document/")

        assert ">Summer dress ·" in response.text
        assert response.text.count('height="64"') == 6
        assert f"{PRODUCTS}{indexed_shop['dress'].pk}/change/" in response.text
        found = admin_client.get("/admin/catalog_search/document/", {"q": str(indexed_shop["dress"].pk)})
        (document,) = found.context["cl"].result_list
        page = admin_client.get(f"/admin/catalog_search/document/{document.pk}/change/")
        assert "Summer dress" in page.text
        assert "Deselect" not in page.text

    def test_documents_by_the_state_of_their_pictures(self, admin_client: Client, indexed_shop: Shop) -> None:
        Document.objects.filter(object_key=str(indexed_shop["dress"].pk)).update(pictures=Document.Pictures.FAILED)
        response = admin_client.get("/admin/catalog_search/document/", {"pictures__exact": "failed"})

        assert len(response.context["cl"].result_list) == 1

    def test_nobody_writes(self, admin_client: Client, indexed_shop: Shop) -> None:
        document = Document.objects.first()
        assert document
        for name in ("generation", "document", "change"):
            assert admin_client.get(f"/admin/catalog_search/{name}/add/").status_code == 403
        assert admin_client.post(f"/admin/catalog_search/document/{document.pk}/delete/").status_code == 403
        assert admin_client.post(f"/admin/catalog_search/document/{document.pk}/change/", {}).status_code == 403


class TestChanges:
    @pytest.fixture
    def broken(self, indexed_shop: Shop) -> list[Change]:
        generation = Generation.objects.get(state=Generation.State.READY)
        soon = timezone.now() + timedelta(hours=1)
        return [
            Change.objects.create(generation=generation, object_key="1"),
            Change.objects.create(generation=generation, object_key="2", attempts=2, error="It hiccups.", due_at=soon),
            Change.objects.create(generation=generation, object_key="3", attempts=8, error="Poison!", set_aside=True),
            Change.objects.create(
                generation=generation, object_key="4", attempts=1, claim=uuid.uuid4(), leased_until=soon
            ),
        ]

    def test_what_failed_and_why(
        self, admin_client: Client, broken: list[Change], django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(10):
            response = admin_client.get(CHANGES)

        assert [change.object_key for change in response.context["cl"].result_list] == ["3", "2", "4", "1"]
        for words in ("Poison!", "It hiccups.", "Set aside", "Waiting to be tried again", "In work"):
            assert words in response.text

    @pytest.mark.parametrize(
        ("state", "keys"), [("waiting", {"1", "2", "4"}), ("failing", {"2", "3"}), ("set_aside", {"3"}), ("odd", None)]
    )
    def test_by_state(self, admin_client: Client, broken: list[Change], state: str, keys: set[str] | None) -> None:
        response = admin_client.get(CHANGES, {"state": state})

        assert {change.object_key for change in response.context["cl"].result_list} == (keys or {"1", "2", "3", "4"})

    def test_trying_again(self, admin_client: Client, broken: list[Change]) -> None:
        keys = [change.pk for change in broken]
        response = admin_client.post(CHANGES, {"action": "retry", "_selected_action": keys}, follow=True)

        assert "3 changes are tried again." in response.text
        assert not Change.objects.filter(set_aside=True).exists()
        assert Change.objects.get(object_key="2").due_at <= timezone.now()
        assert Change.objects.get(object_key="4").claim is not None

    def test_trying_again_needs_permission(self, client: Client, broken: list[Change]) -> None:
        make_staff(client, "view_change")
        client.post(CHANGES, {"action": "retry", "_selected_action": [broken[2].pk]})
        assert Change.objects.get(object_key="3").set_aside

        User.objects.get(username="clerk").user_permissions.add(Permission.objects.get(codename="change_change"))
        client.post(CHANGES, {"action": "retry", "_selected_action": [broken[2].pk]})
        assert not Change.objects.get(object_key="3").set_aside
