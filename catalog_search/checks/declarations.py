"""Checks of what an index declares: its key, the paths that are read, and the databases that searches join."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.core.checks import CheckMessage, Error, Warning
from django.db import connection, models, router
from django.db.models import Model

from ..exceptions import ConfigurationError
from ..indexes import SearchIndex
from ..indexing.related import relations
from ..models import Change, Generation
from ..routers import IndexingRouter
from ..sql import read_alias, write_alias
from . import lookups, shapes

OTHERWISE = (models.DateTimeField, models.DurationField, models.FloatField, models.BooleanField, models.BinaryField)
SAMPLES: dict[str, Any] = {"UUIDField": UUID(int=5), "CharField": "5", "TextField": "5"}
KEY_LENGTH = Change._meta.get_field("object_key").max_length or 0


def check_index(index: SearchIndex) -> Iterator[CheckMessage]:
    """Check a declaration against its model."""
    name = type(index).__name__
    if misshapen := list(shapes.check_index(index)):
        yield from misshapen
        return
    if not index.text and not index.image:
        yield Error(
            f"{name} declares neither text nor image.",
            hint='text = ["name", "description"]',
            id="catalog_search.E010",
        )
    if problem := _key_problem(index.model):
        yield Error(
            f"{index.model._meta.label} cannot be indexed: its primary key {problem}.",
            hint="Give it a key of one column, a number, a UUID or a text of at most "
            f"{KEY_LENGTH} characters; a UniqueConstraint can say what the old one said.",
            id="catalog_search.E019",
        )
        return
    yield from _unreadable_paths(index)
    try:
        list(relations(index))
    except ConfigurationError as error:
        yield Error(str(error), hint="follow = []", id="catalog_search.E012")
    yield from lookups.check_index(index)
    yield from _databases(index)


def _unreadable_paths(index: SearchIndex) -> Iterator[CheckMessage]:
    name = type(index).__name__
    for attribute in ("text", "keywords", "image", "identifiers"):
        for path in index.image_paths if attribute == "image" else getattr(index, attribute):
            if not isinstance(path, str):
                continue
            try:
                field = _last_field(index.model, path)
            except LookupError as error:
                yield Error(
                    f'{name}.{attribute}: "{path}" does not exist: {error}.',
                    hint=f"{index.model._meta.label} has the fields: {', '.join(lookups.field_names(index.model))}.",
                    id="catalog_search.E011",
                )
                continue
            if attribute == "image" and field is not None and not isinstance(field, models.FileField):
                yield Error(
                    f'{name}.image: "{path}" holds no files; addresses of pictures are not fetched.',
                    hint="Keep the pictures in an ImageField or a FileField, on a storage of your choice.",
                    id="catalog_search.E016",
                )


def _databases(index: SearchIndex) -> Iterator[CheckMessage]:
    products, documents = write_alias(index.model), write_alias(Generation)
    if products != documents or not router.allow_migrate_model(products, Generation):
        yield Error(
            f'{index.model._meta.label} lives in the database "{products}", its index would live in "{documents}"; '
            "searches join the two.",
            hint=f'Let a router of DATABASE_ROUTERS send the app "catalog_search" to "{products}", then migrate it. '
            "All models that are indexed live in that one database.",
            id="catalog_search.E026",
        )
    elif read_alias(index.model) != products and not any(isinstance(one, IndexingRouter) for one in router.routers):
        yield Warning(
            f"Workers would read what belongs to a {index.model._meta.verbose_name} from the database "
            f'"{read_alias(index.model)}": where that lags, documents are out of date.',
            hint='DATABASE_ROUTERS = ["catalog_search.routers.IndexingRouter", ...]',
            id="catalog_search.W028",
        )


def _key_problem(model: type[Model]) -> str:
    """Return why changes and documents could not name a model's rows by their keys, "" where they can."""
    key: Any = model._meta.pk
    if isinstance(key, models.CompositePrimaryKey):
        return "has several columns"
    while key.remote_field:
        key = key.target_field
    if isinstance(key, models.CharField | models.TextField) and not key.max_length:
        return "may have any number of characters"
    if (key.max_length or 0) > KEY_LENGTH:
        return f"may have {key.max_length} characters"
    return "" if _is_written_alike(key) else "is written otherwise in Python than in the database"


def _is_written_alike(key: Any) -> bool:
    """Is the text of a key in Python that of its column, by which documents are joined with their products?"""
    if isinstance(key, OTHERWISE):
        return False
    sample = SAMPLES.get(key.get_internal_type(), 5)
    with suppress(Exception):  # a field of the shop's own, which may want to know more
        return not hasattr(key, "from_db_value") or str(key.from_db_value(sample, None, connection)) == str(sample)
    return True


def _last_field(model: type[Model], path: str) -> Any:
    """Return the field that a path ends at, as far as the classes tell; None behind a method or the like.

    Raises LookupError where there is no such thing.
    """
    field: Any = None
    for name in path.split("."):
        fields: dict[str | None, Any] = {field.name: field for field in model._meta.get_fields()}
        fields |= {one.get_accessor_name(): one for one in model._meta.related_objects}
        field = fields.get(name)
        if field is None and not hasattr(model, name):
            raise LookupError(f'{model._meta.label} has no "{name}"')
        if field is None or not field.is_relation:
            return field
        if not isinstance(field.related_model, type):
            return None
        model = field.related_model
    return field
