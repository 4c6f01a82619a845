"""Triggers: what signals cannot see reaches the index too, from every table and by every statement."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.fields import GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction

from catalog_search import SearchIndex, checks
from catalog_search.indexing import drain, paused, triggers
from catalog_search.models import Change, Document, Generation
from catalog_search.registry import registry
from project.shop.models import Brand, Category, Product, ProductImage

from .shop import Shop, concerned

pytestmark = pytest.mark.django_db


class UserIndex(SearchIndex):
    """Users by their names and groups."""

    text = ["username", "groups.name"]
    follow = ["groups.permissions", "logentry_set"]


@pytest.fixture(autouse=True)
def _installed(indexed_shop: Shop) -> Iterator[None]:
    call_command("search_triggers", install=True, verbosity=0)
    # So that nothing but triggers records.
    with paused():
        yield


def sql(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # tables with events pending cannot be altered or emptied
        cursor.execute(statement, parameters)


def keys(*products: Product) -> set[int]:
    return {product.pk for product in products}


def test_signals_are_out_of_the_way_in_these_tests(indexed_shop: Shop) -> None:
    call_command("search_triggers", remove=True, verbosity=0)
    indexed_shop["red mug"].save()

    assert concerned() == set()


def test_inserts_updates_and_deletes_of_products_in_bulk(indexed_shop: Shop) -> None:
    made = Product.objects.bulk_create(
        Product(reference=f"bulk-{n}", name="Bulk", created=indexed_shop["dress"].created) for n in range(3)
    )
    assert concerned() == keys(*made)
    Product.objects.filter(name="Bulk").update(name="Bulky")
    assert concerned() == keys(*made)
    sql("UPDATE shop_product SET name = 'Raw' WHERE id = %s", made[0].pk)
    assert concerned() == keys(made[0])
    sql("DELETE FROM shop_product WHERE name = 'Bulky'")
    assert concerned() == keys(*made[1:])


def test_an_upsert_and_a_copy(indexed_shop: Shop) -> None:
    mug = indexed_shop["red mug"]
    Product.objects.bulk_create(
        [Product(reference=mug.reference, name="Cup", created=mug.created)],
        update_conflicts=True,
        unique_fields=["reference"],
        update_fields=["name"],
    )
    assert concerned() == keys(mug)
    with connection.cursor() as cursor, cursor.cursor.copy("COPY shop_brand (name) FROM STDIN") as copy:
        copy.write(b"Nobody\n")
    assert concerned() == set()


def test_a_key_that_changes_concerns_both(indexed_shop: Shop) -> None:
    (product,) = Product.objects.bulk_create([Product(reference="bare", created=indexed_shop["dress"].created)])
    sql("UPDATE shop_product SET id = 4711 WHERE id = %s", product.pk)

    assert concerned() == {4711, product.pk}


def test_followed_tables(indexed_shop: Shop) -> None:
    acme = keys(*Product.objects.filter(brand__name="Acme"))
    Brand.objects.filter(name="Acme").update(name="Apex")
    assert concerned() == acme
    sql("UPDATE shop_category SET path = 'Home > Bath' WHERE path = 'Home > Kitchen'")
    assert concerned() == keys(*Product.objects.filter(category__path="Home > Bath"))
    Category.objects.bulk_create([Category(path="Empty")])
    assert concerned() == set()


def test_a_picture_that_moves_concerns_both_products(indexed_shop: Shop) -> None:
    mug, dress = indexed_shop["red mug"], indexed_shop["dress"]
    ProductImage.objects.filter(product=mug).update(product=dress)
    assert concerned() == keys(mug, dress)
    sql("DELETE FROM shop_productimage WHERE product_id = %s", dress.pk)
    assert concerned() == keys(dress)
    ProductImage.objects.bulk_create([ProductImage(product=mug, file="products/new.jpg")])
    assert concerned() == keys(mug)


def test_what_the_database_cascades(indexed_shop: Shop) -> None:
    mug = indexed_shop["red mug"]
    sql("ALTER TABLE shop_product ADD COLUMN series_id bigint REFERENCES shop_product (id) ON DELETE CASCADE")
    sql("UPDATE shop_product SET series_id = %s WHERE id = %s", indexed_shop["dress"].pk, mug.pk)
    concerned()
    ProductImage.objects.filter(product=mug).delete()
    concerned()
    ProductImage.objects.filter(product=indexed_shop["dress"]).delete()
    concerned()
    sql("DELETE FROM shop_product WHERE id = %s", indexed_shop["dress"].pk)

    assert concerned() == keys(mug, indexed_shop["dress"])


def test_a_table_that_is_emptied(indexed_shop: Shop) -> None:
    sql("TRUNCATE shop_product CASCADE")

    assert concerned() == keys(*indexed_shop.values())


def test_a_rollback_leaves_nothing(indexed_shop: Shop) -> None:
    with transaction.atomic():
        Product.objects.update(name="Nobody sees this")
        transaction.set_rollback(True)

    assert concerned() == set()


def test_the_documents_follow(indexed_shop: Shop) -> None:
    Brand.objects.filter(name="Acme").update(name="Apex")
    sql("DELETE FROM shop_productimage WHERE product_id = %s", indexed_shop["dress"].pk)
    sql("DELETE FROM shop_product WHERE id = %s", indexed_shop["dress"].pk)
    drain()

    assert "Apex" in Document.objects.get(object_key=str(indexed_shop["red mug"].pk)).text
    assert not Document.objects.filter(object_key=str(indexed_shop["dress"].pk)).exists()
    assert not Change.objects.exists()


def test_only_live_generations_are_written_to(indexed_shop: Shop) -> None:
    Generation.objects.update(state=Generation.State.RETIRED)
    Product.objects.update(name="Anything")

    assert concerned() == set()


@pytest.fixture
def anna() -> Iterator[User]:
    index = UserIndex(User)
    registry.add(index, "user")
    Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
    call_command("search_triggers", install=True, verbosity=0)
    yield User.objects.create(username="anna")
    registry.remove(index)


def test_many_to_many_and_longer_paths(anna: User) -> None:
    group, permission = Group.objects.create(name="Buyers"), Permission.objects.first()
    assert permission is not None
    concerned()
    anna.groups.add(group)
    assert concerned() == {anna.pk}
    group.permissions.add(permission)
    assert concerned() == {anna.pk}
    Permission.objects.filter(pk=permission.pk).update(name="May buy")
    assert concerned() == {anna.pk}
    sql("DELETE FROM auth_group_permissions")
    assert concerned() == {anna.pk}
    Permission.objects.filter(pk=permission.pk).update(name="May sell")
    assert concerned() == set()
    sql("DELETE FROM auth_user_groups")
    assert concerned() == {anna.pk}


def test_a_declaration_that_changed_is_told_of_and_renewed(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> list[Any]:
        return [one.id for one in checks.check_database(None, ["default"]) if one.id == "catalog_search.W027"]

    assert found() == []
    monkeypatch.setattr(UserIndex, "follow", ["groups"])
    assert found() == ["catalog_search.W027"]
    output = StringIO()
    call_command("search_triggers", stdout=output)
    assert "out of date" in output.getvalue()
    call_command("search_triggers", install=True, stdout=output)
    assert found() == []
    assert "0 triggers created, 12 old ones dropped" in output.getvalue()
    assert set(triggers.installed("default").values()) == {
        *("shop_product", "shop_brand", "shop_category", "shop_productimage"),
        *("auth_user", "auth_user_groups", "auth_group"),
    }


def test_migrations_renew_what_is_installed(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger that names a column that is gone would refuse every write."""
    monkeypatch.setattr(type(registry.get("product")), "follow", ["images"])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE shop_product DROP COLUMN brand_id")
    call_command("migrate", verbosity=0)
    Brand.objects.filter(pk=Brand.objects.order_by("pk")[0].pk).update(name="Whatever")
    assert set(triggers.installed("default").values()) == {"shop_product", "shop_productimage"}

    call_command("search_triggers", remove=True, verbosity=0)
    call_command("migrate", verbosity=0)
    assert triggers.installed("default") == {}


def test_status_and_removal(indexed_shop: Shop) -> None:
    output = StringIO()
    call_command("search_triggers", status=True, stdout=output)
    assert "all 16 triggers are installed" in output.getvalue()
    call_command("search_triggers", remove=True, stdout=output)
    assert "16 triggers dropped" in output.getvalue()
    assert triggers.installed("default") == {}
    assert [one.id for one in checks.check_database(None, ["default"]) if one.id == "catalog_search.W027"] == []


class Shipment(models.Model):  # noqa: DJ008
    """What is written to the table of the parent concerns the child."""

    note = models.CharField(max_length=20)

    class Meta:
        app_label = "shop"
        managed = False


class Parcel(Shipment):  # noqa: DJ008
    """Indexed, though its note lies in its parent's table."""

    size = models.CharField(max_length=20)

    class Meta:
        app_label = "shop"
        managed = False


def test_a_model_that_inherits_from_another() -> None:
    index = type("ParcelIndex", (SearchIndex,), {"text": ["note"]})(Parcel)
    with connection.schema_editor() as editor:
        editor.create_model(Shipment)
        editor.create_model(Parcel)
    registry.add(index, "parcel")
    try:
        Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
        call_command("search_triggers", install=True, verbosity=0)
        parcel = Parcel.objects.create(note="fragile", size="M")
        assert concerned() == {parcel.pk}
        Shipment.objects.create(note="no parcel")
        assert concerned() == set()
        Shipment.objects.update(note="sent")
        assert concerned() == {parcel.pk}
        Parcel.objects.update(size="L")
        assert concerned() == {parcel.pk}
    finally:
        registry.remove(index)


class Remark(models.Model):  # noqa: DJ008
    """Stands beside rows of any kind, whatever their keys are."""

    content_type = models.ForeignKey(ContentType, models.CASCADE, db_constraint=False)
    object_id = models.CharField(max_length=50)

    class Meta:
        app_label = "shop"
        managed = False


class Gadget(models.Model):  # noqa: DJ008
    name = models.CharField(max_length=20)
    remarks = GenericRelation(Remark)

    class Meta:
        app_label = "shop"
        managed = False


def test_a_relation_by_a_key_of_another_type(indexed_shop: Shop) -> None:
    """The table of remarks would refuse every write otherwise."""
    index = type("GadgetIndex", (SearchIndex,), {"text": ["name"], "follow": ["remarks"]})(Gadget)
    with connection.schema_editor() as editor:
        editor.create_model(Remark)
        editor.create_model(Gadget)
    registry.add(index, "gadget")
    try:
        Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
        call_command("search_triggers", install=True, verbosity=0)
        gadget = Gadget.objects.create(name="Clock")
        concerned()
        Remark.objects.create(content_type_id=1, object_id=gadget.pk)
        Remark.objects.create(content_type_id=2, object_id="no number")
        assert concerned() == {gadget.pk}
    finally:
        registry.remove(index)


def test_a_declaration_that_cannot_be_followed_is_told(indexed_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(registry.get("product")), "follow", ["nothing"])

    found = [one.id for one in run_checks(databases=["default"]) if str(one.id).startswith("catalog_search")]
    assert found == ["catalog_search.E012"]


def test_a_writer_without_rights_on_the_queue(indexed_shop: Shop) -> None:
    sql("CREATE ROLE importer")
    sql("GRANT SELECT, UPDATE ON shop_product TO importer")
    sql("SET LOCAL ROLE importer")
    sql("UPDATE shop_product SET name = 'Imported' WHERE id = %s", indexed_shop["dress"].pk)
    sql("RESET ROLE")

    assert concerned() == keys(indexed_shop["dress"])


@pytest.mark.django_db(transaction=True)
def test_a_table_that_somebody_holds_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "LOCK_SECONDS", 0.2)
    call_command("search_triggers", remove=True, verbosity=0)
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Product.objects.update(stock=1)
            held.set()
            over.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(30)
    try:
        with pytest.raises(CommandError, match=r"lock timeout.*\n.*run the command again"):
            call_command("search_triggers", install=True, verbosity=0)
    finally:
        over.set()
        holder.join()
    try:
        call_command("search_triggers", install=True, verbosity=0)
        assert len(triggers.installed("default")) == 16
    finally:
        call_command("search_triggers", remove=True, verbosity=0)


def test_a_shop_writes_on_when_the_app_is_taken_out(indexed_shop: Shop) -> None:
    sql("SELECT 1")
    call_command("migrate", "catalog_search", "zero", verbosity=0)

    assert Product.objects.update(stock=3) == len(indexed_shop)
    call_command("migrate", "catalog_search", verbosity=0)
