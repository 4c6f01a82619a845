"""Paths: what a dotted path or a lookup reaches from a product, any value as words, words as values of a field."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from django.core.exceptions import FieldDoesNotExist, SuspiciousOperation, ValidationError
from django.db import connection
from django.db.models import DecimalField, F, GeneratedField, IntegerField, Model, QuerySet
from django.utils.html import strip_tags

from .languages import writable

Path = str | Callable[[Any], Any]


def resolve(value: Any, path: Path) -> Any:
    """Follow a dotted path from a product; None as soon as a part is missing.

    A related manager or a queryset gives the list of its rows, and the rest of the path is then taken on each.
    """
    if not isinstance(path, str):
        return path(value)
    head, _, rest = path.partition(".")
    step = _step(value, head)
    if not rest or step is None:
        return step
    if isinstance(step, list):
        return [resolve(one, rest) for one in step]
    return resolve(step, rest)


def _step(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return value.get(name)
    try:
        found = getattr(value, name)
    except AttributeError:
        if hasattr(type(value), name) or value is None:
            return None  # a reverse one-to-one without a row raises a kind of AttributeError
        raise
    if hasattr(found, "get_queryset"):
        return list(found.all())
    found = found() if callable(found) else found
    return list(found) if isinstance(found, QuerySet) else found


def flatten(value: Any) -> Iterator[Any]:
    """Yield what a value holds, lists within lists too, without what is missing."""
    if isinstance(value, list | tuple | set):
        for one in value:
            yield from flatten(one)
    elif value is not None:
        yield value


LONGEST = 500_000
"""Characters of a text that are read: to strip longer ones of markup takes minutes, and nobody searches for them."""


def plain_text(value: Any) -> str:
    """Return any value as words: markup stripped, lists joined by commas, dicts as "key: value"."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{str(key).replace('_', ' ')}: {plain_text(one)}" for key, one in value.items() if one)
    if isinstance(value, list | tuple | set):
        return ", ".join(filter(None, map(plain_text, value)))
    text = writable(str(value)[:LONGEST]).replace("\x00", "")
    if "<" in text or "&" in text:
        with suppress(SuspiciousOperation):  # so many open that it is no markup
            text = strip_tags(text.replace("<", " <"))
        text = html.unescape(text)
    return " ".join(text.split())


class Reached(NamedTuple):
    """Where a lookup leads: its last field, None for an annotation, and whether a product can have several of it."""

    field: Any
    many: bool


def followed(model: type[Model], lookup: str) -> Reached:
    """Follow a lookup from a model as far as there are fields; what comes after (the key of a JSON field) is left."""
    many, field, owner = False, None, model  # type: bool, Any, Any
    for part in lookup.split("__"):
        try:
            field = owner._meta.pk if part == "pk" else owner._meta.get_field(part)
        except FieldDoesNotExist:
            break
        if not field.is_relation:
            break
        many = many or bool(field.many_to_many or field.one_to_many)
        owner = field.related_model
    return Reached(field, many)


MOST_DIGITS = 1000
"""Of a decimal number: more than any shop keeps, and less than PostgreSQL refuses to compare with."""


def typed(field: Any) -> Any:
    """Return the field that tells what kind of values one has: what is generated, of what its expression gives."""
    return field.output_field if isinstance(field, GeneratedField) else field


def field_given(products: QuerySet[Any], lookup: str) -> Any:
    """Return the field that tells what kind of values a lookup gives: a path, an annotation, or a part of a field such
    as the year of a date.
    """
    return typed(F(lookup).resolve_expression(products.query.chain()).output_field)


def compared(field: Any) -> Any:
    """Return the field whose values a relation names its rows by; any other field is its own."""
    while field.is_relation:
        field = field.target_field
    return typed(field)


def readable(field: Any, texts: Iterable[Any]) -> dict[Any, Any]:
    """Return what texts say as values of a field, by the text; what says none is left out, for no row has it.

    So is what its column cannot hold: the database would refuse to compare with it.
    """
    field, found = compared(field), {}
    for text in texts:
        with suppress(ValidationError, OverflowError):
            value = field.to_python(text)
            if _fits(field, value):
                found[text] = value
    return found


def _fits(field: Any, value: Any) -> bool:
    if isinstance(field, IntegerField):
        low, high = connection.ops.integer_field_range(field.get_internal_type())
        return low <= value <= high
    if isinstance(field, DecimalField):
        return abs(value.adjusted()) <= MOST_DIGITS
    return not isinstance(value, str) or can_be_held(value)


def can_be_held(text: str) -> bool:
    """Can a column of PostgreSQL hold a text as it is: is there no NUL in it, and no half of a character?"""
    return "\x00" not in text and writable(text) == text


def path_name(path: Path) -> str:
    """Return the name of a path for a fingerprint: that of a callable is where it is defined."""
    if isinstance(path, str):
        return path
    return f"{getattr(path, '__module__', '')}.{getattr(path, '__qualname__', type(path).__qualname__)}"
