"""Which products a row of a followed relation concerns: by the declared path, before and after it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, QuerySet

from ..exceptions import ConfigurationError
from ..indexes import SearchIndex
from ..sql import write_alias


@dataclass(frozen=True, slots=True)
class Relation:
    """One step of a followed path: rows of ``model`` reach products by the lookup ``path``.

    ``names_owner`` says that the row itself holds whom it belongs to, as a picture does: saved, it may have moved.
    A many-to-many step has a ``through`` table and the lookup ``source`` of its near end ("" is the product).
    """

    model: type[Model]
    path: str
    names_owner: bool = False
    through: type[Model] | None = None
    source: str = ""


def relations(index: SearchIndex) -> Iterator[Relation]:
    """Yield every relation that an index follows, each step of a longer path on its own; first those to the tables of
    the models that the product inherits from.

    Raises ConfigurationError where a name in ``follow`` is not a relation.
    """
    for parent in index.model._meta.all_parents:
        if steps := index.model._meta.get_path_to_parent(parent):
            yield Relation(parent, "__".join(step.join_field.name for step in steps))
    if not isinstance(index.follow, list | tuple) or not all(isinstance(path, str) for path in index.follow):
        raise ConfigurationError(
            f'{type(index).__name__}.follow lists names of relations, as in ["brand"]; it is {index.follow!r}.'
        )
    seen: set[str] = set()
    for path in index.follow:
        model: type[Model] = index.model
        source = ""
        for name in path.replace("__", ".").split("."):
            field = _relation(index, model, name, path)
            lookup = f"{source}__{field.name}".lstrip("_")
            if lookup not in seen:
                seen.add(lookup)
                yield from _step(model, field, lookup, source)
            model, source = field.related_model, lookup


def owners(index: SearchIndex, path: str, *keys: Any) -> QuerySet[Any]:
    """Return the products that reach rows with these keys by a path ("" are the rows), as the database has it now."""
    lookup = f"{path}__pk__in" if path else "pk__in"
    return index.model._base_manager.using(write_alias(index.model)).filter(**{lookup: keys})


def _step(model: type[Model], field: Any, lookup: str, source: str) -> Iterator[Relation]:
    if not field.many_to_many:
        yield Relation(field.related_model, lookup, names_owner=not field.concrete)
        return
    # The far end has it itself. Whether a ManyToManyField counts as concrete differs between versions of Django.
    through = getattr(field, "through", None) or getattr(field.remote_field, "through", None)
    yield Relation(field.related_model, lookup, through=through, source=source)
    if through is not None and not through._meta.auto_created:
        # Rows of a table that the shop declared itself are also saved and deleted one by one.
        for key in through._meta.fields:
            if key.is_relation and key.related_model in model.__mro__:
                yield Relation(through, f"{source}__{key.related_query_name()}".lstrip("_"), names_owner=True)


def _relation(index: SearchIndex, model: type[Model], name: str, path: str) -> Any:
    """Find a relation by the name used in queries or by its accessor ("image" or "image_set")."""
    by_accessor = {relation.get_accessor_name(): relation for relation in model._meta.related_objects}
    try:
        field = by_accessor.get(name) or model._meta.get_field(name)
    except FieldDoesNotExist:
        field = None
    if field is None or not isinstance(field.related_model, type):
        names = sorted(one.name for one in model._meta.get_fields() if one.is_relation and one.related_model)
        raise ConfigurationError(
            f'{type(index).__name__}.follow: "{path}" is not a relation; {model._meta.label} has: {", ".join(names)}.'
        )
    return field
