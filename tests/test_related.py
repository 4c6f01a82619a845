"""Followed relations of every kind, shown on Django's own users and groups: many-to-many, longer paths, both ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group, Permission, User

from catalog_search import SearchIndex, signals
from catalog_search.exceptions import ConfigurationError
from catalog_search.indexes import registry
from catalog_search.indexing.related import relations
from catalog_search.models import Change, Generation

pytestmark = pytest.mark.django_db


class UserIndex(SearchIndex):
    """Users by their names and groups."""

    text = ["username", "groups.name"]
    follow = ["groups", "groups.permissions"]


@pytest.fixture(autouse=True)
def _index() -> Iterator[None]:
    index = UserIndex(User)
    registry.add(index, "user")
    signals.connect(index)
    Generation.objects.create(index=index.label, definition={}, state=Generation.State.BUILDING)
    yield
    signals.disconnect(index)
    registry.remove(index)


@pytest.fixture
def anna() -> User:
    return User.objects.create(username="anna")


@pytest.fixture
def group(anna: User) -> Group:
    group = Group.objects.create(name="Buyers")
    anna.groups.add(group)
    Change.objects.all().delete()
    return group


def concerned() -> set[int]:
    found = {int(key) for key in Change.objects.values_list("object_key", flat=True)}
    Change.objects.all().delete()
    return found


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


def test_what_nobody_has_concerns_nobody(anna: User) -> None:
    Change.objects.all().delete()
    Group.objects.create(name="Empty").save()

    assert concerned() == set()


def test_a_name_that_is_no_relation_is_refused_with_the_names_there_are() -> None:
    index = type("Wrong", (SearchIndex,), {"follow": ["username"]})(User)

    with pytest.raises(ConfigurationError, match=r'"username" is not a relation.*groups'):
        list(relations(index))
