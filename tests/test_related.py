"""Followed relations of every kind, shown on Django's own users and groups: many-to-many, longer paths, both ends."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, models
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from catalog_search import SearchIndex, signals
from catalog_search.exceptions import ConfigurationError
from catalog_search.indexing import append_keys
from catalog_search.indexing.related import relations
from catalog_search.models import Change, Generation
from catalog_search.registry import registry

from .shop import concerned
from .test_triggers import Parcel, Shipment

pytestmark = pytest.mark.django_db


class UserIndex(SearchIndex):
    """Users by their names and groups."""

    text = ["username", "groups.name"]
    follow = ["groups", "groups.permissions"]


class Customer(User):
    """A user by another name."""

    class Meta:
        app_label = "shop"
        proxy = True


class Team(Group):
    """A group by another name."""

    class Meta:
        app_label = "shop"
        proxy = True


@contextmanager
def connected(index: SearchIndex) -> Iterator[None]:
    registry.add(index, index.label)
    before = {signal: list(signal.receivers) for signal in (pre_save, post_save, pre_delete, post_delete, m2m_changed)}
    signals.connect(index)
    Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
    try:
        yield
    finally:
        for signal, receivers in before.items():
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()
        registry.remove(index)


@pytest.fixture(autouse=True)
def _index() -> Iterator[None]:
    with connected(UserIndex(User)):
        yield


@pytest.fixture
def anna() -> User:
    return User.objects.create(username="anna")


@pytest.fixture
def group(anna: User) -> Group:
    group = Group.objects.create(name="Buyers")
    anna.groups.add(group)
    Change.objects.all().delete()
    return group


def test_adding_removing_and_clearing_from_the_near_end(anna: User, group: Group) -> None:
    anna.groups.remove(group)
    assert concerned() == {anna.pk}
    anna.groups.add(group)
    assert concerned() == {anna.pk}
    anna.groups.clear()
    assert concerned() == {anna.pk}


def test_adding_removing_and_clearing_from_the_far_end(anna: User, group: Group) -> None:
    other = User.objects.create(username="other")
    Change.objects.all().delete()
    group.user_set.remove(anna)
    assert concerned() == {anna.pk}
    group.user_set.add(anna, other)
    assert concerned() == {anna.pk, other.pk}
    group.user_set.clear()
    assert concerned() == {anna.pk, other.pk}


def test_renaming_and_deleting_the_far_end(anna: User, group: Group) -> None:
    group.name = "Sellers"
    group.save()
    assert concerned() == {anna.pk}
    group.delete()
    assert concerned() == {anna.pk}


def test_a_relation_of_a_relation(anna: User, group: Group) -> None:
    permission = Permission.objects.first()
    assert permission is not None
    group.permissions.add(permission)
    assert concerned() == {anna.pk}
    permission.name = "Renamed"
    permission.save()
    assert concerned() == {anna.pk}
    group.permissions.clear()
    assert concerned() == {anna.pk}


def test_whoever_writes_to_the_table_is_heard(anna: User, group: Group) -> None:
    """A proxy's listeners alone are told by Django, and its deletion is its own."""
    customer, team = Customer.objects.get(pk=anna.pk), Team.objects.get(pk=group.pk)
    customer.save()
    assert concerned() == {anna.pk}
    team.save()
    assert concerned() == {anna.pk}
    customer.groups.remove(team)
    assert concerned() == {anna.pk}
    customer.groups.add(team)
    concerned()
    team.delete()
    assert concerned() == {anna.pk}
    customer.delete()
    assert concerned() == {anna.pk}


def test_an_index_of_a_proxy_hears_of_the_model_itself(anna: User, group: Group) -> None:
    index = type("CustomerIndex", (SearchIndex,), {"text": ["username"], "follow": ["groups"]})(Customer)
    with connected(index):
        own = Change.objects.filter(generation__index=index.label)
        anna.save()
        group.user_set.clear()
        anna.groups.add(group)
        assert own.count() == 3
        anna.delete()
        assert own.count() == 4


def test_what_inherits_and_what_it_inherits_from() -> None:
    with connection.schema_editor() as editor:
        editor.create_model(Shipment)
        editor.create_model(Parcel)
    for model in (Shipment, Parcel):
        with connected(type("Index", (SearchIndex,), {"text": ["note"]})(model)):
            parcel = Parcel.objects.create(note="fragile", size="M")
            assert Change.objects.count() == 1
            assert concerned() == {parcel.pk}
            Shipment.objects.get(pk=parcel.pk).save()
            assert Change.objects.count() == 1
            assert concerned() == {parcel.pk}
            Parcel.objects.all().delete()
            assert concerned() == {parcel.pk}


class Rival(models.Model):  # noqa: DJ008
    """A product that another one competes with: both ends are of one model."""

    rivals = models.ManyToManyField("self")
    better = models.ManyToManyField("self", symmetrical=False, related_name="worse")

    class Meta:
        app_label = "shop"


class Voucher(models.Model):  # noqa: DJ008
    id = models.UUIDField(primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


class Discount(models.Model):  # noqa: DJ008
    percent = models.DecimalField(max_digits=5, decimal_places=2, primary_key=True)

    class Meta:
        app_label = "shop"
        managed = False


@pytest.mark.parametrize(
    ("model", "written", "others", "kept"),
    [
        (Voucher, "0F" * 16, [uuid.UUID("0f" * 16)], "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"),
        (Discount, Decimal("12.5"), ["12.50", 12.5], "12.50"),
    ],
)
def test_a_key_is_told_as_the_database_writes_it(
    model: type[models.Model], written: object, others: list[object], kept: str
) -> None:
    index = type("OddIndex", (SearchIndex,), {"text": ["pk"]})(model)
    with connection.schema_editor() as editor:
        editor.create_model(model)
    with connected(index):
        model(pk=written).save()
        append_keys(index, others)

        assert set(Change.objects.values_list("object_key", flat=True)) == {kept}


def test_both_ends_of_one_model() -> None:
    follow = {"text": ["pk"], "follow": ["rivals", "better"]}
    with connection.schema_editor() as editor:
        editor.create_model(Rival)
    with connected(type("RivalIndex", (SearchIndex,), follow)(Rival)):
        one, other = Rival.objects.create(), Rival.objects.create()
        concerned()
        one.rivals.add(other)
        assert concerned() == {one.pk, other.pk}
        other.rivals.remove(one)
        assert concerned() == {one.pk, other.pk}
        other.worse.add(one)
        assert one.pk in concerned()
        other.worse.clear()
        assert one.pk in concerned()


class Rack(models.Model):  # noqa: DJ008
    class Meta:
        app_label = "shop"
        managed = False


class Ware(models.Model):  # noqa: DJ008
    racks = models.ManyToManyField(Rack, through="shop.Placing")

    class Meta:
        app_label = "shop"
        managed = False


class Placing(models.Model):  # noqa: DJ008
    """A table between, which the shop declared itself."""

    ware = models.ForeignKey(Ware, models.CASCADE)
    rack = models.ForeignKey(Rack, models.CASCADE)

    class Meta:
        app_label = "shop"
        managed = False


class Novelty(Ware):  # noqa: DJ008
    """A ware by another name."""

    class Meta:
        app_label = "shop"
        proxy = True


class Fruit(Ware):  # noqa: DJ008
    class Meta:
        app_label = "shop"
        managed = False


@pytest.mark.parametrize("model", [Ware, Novelty, Fruit])
def test_rows_of_a_table_between_are_heard_of_also_by_who_inherits_the_relation(model: type[Ware]) -> None:
    with connection.schema_editor() as editor:
        for one in (Rack, Ware, Placing, Fruit):
            editor.create_model(one)
    with connected(type("WareIndex", (SearchIndex,), {"text": ["pk"], "follow": ["racks"]})(model)):
        one, other = model.objects.create(), model.objects.create()
        concerned()
        placing = Placing.objects.create(ware_id=one.pk, rack=Rack.objects.create())
        assert concerned() == {one.pk}
        placing.ware_id = other.pk
        placing.save()
        assert concerned() == {one.pk, other.pk}
        placing.delete()
        assert concerned() == {other.pk}


def test_what_nobody_has_concerns_nobody(anna: User) -> None:
    Change.objects.all().delete()
    Group.objects.create(name="Empty").save()

    assert concerned() == set()


@pytest.mark.parametrize("wrong", [["name"], "permissions", [Permission], None])
def test_what_cannot_be_followed_is_told_and_the_start_goes_on(wrong: object, caplog: pytest.LogCaptureFixture) -> None:
    with connected(type("GroupIndex", (SearchIndex,), {"text": ["name"], "follow": wrong})(Group)):
        group = Group.objects.create(name="Editors")
        assert Change.objects.filter(generation__index="auth.group", object_key=str(group.pk)).exists()
    assert "GroupIndex.follow" in caplog.text


def test_a_name_that_is_no_relation_is_refused_with_the_names_there_are() -> None:
    index = type("Wrong", (SearchIndex,), {"follow": ["username"]})(User)

    with pytest.raises(ConfigurationError, match=r'"username" is not a relation.*groups'):
        list(relations(index))
