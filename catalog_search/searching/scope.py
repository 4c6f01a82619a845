"""Scope: the live products that a search may show, as a queryset and as SQL for the lanes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet, FullResultSet, ValidationError
from django.db import connections
from django.db.models import BooleanField, F, Func, Q, QuerySet, Value
from django.db.models.fields import AutoField, IntegerField
from django.utils.translation import get_language
from psycopg import sql

from ..conditions import Chosen
from ..indexes import SearchIndex
from ..models import Generation
from ..sql import array, compile_keys, execute
from .documents import Documents
from .extent import Extent, extent

TOLD = (str, int, float, Decimal, date, time, timedelta, UUID)
"""Values that ``repr`` tells whole."""
PRESENT = timedelta(seconds=30)
"""What a queryset compares with is the present moment where it is not further from it."""


@dataclass(frozen=True)
class Scope:
    """One generation and language of an index, narrowed to the products of a queryset."""

    index: SearchIndex
    generation: Generation
    language: str
    products: QuerySet[Any]

    @property
    def alias(self) -> str:
        """The database that answers."""
        return str(self.products.db)

    @property
    def documents(self) -> Documents:
        """All documents of the generation and language, whether their products are in scope or not."""
        return Documents(self.alias, self.generation.pk or 0, self.language)  # where nothing serves, none

    @cached_property
    def keys(self) -> tuple[str, tuple[Any, ...]]:
        """SQL and parameters that select the products' keys."""
        return compile_keys(self.products)

    @cached_property
    def extent(self) -> Extent:
        """How many products there are, at least, in a large catalogue; see ``searching.extent``."""
        return extent(self)

    @property
    def selection(self) -> tuple[str, tuple[Any, ...]]:
        """SQL and parameters by which lanes select the products' keys: as they were read, where they are few."""
        few = self.extent.keys
        return self.keys if few is None else (f"SELECT * FROM unnest(%s::{self._key_type}[])", (few,))

    @cached_property
    def identity(self) -> tuple[str, str | None, tuple[Any, ...]]:
        """What tells the scope from others by its ``repr``, whenever it is asked for: the present moment is just "now".

        Its annotations belong to it, by which it may be filtered and sorted, and the visitor's language, by which a
        shop may choose its columns. What has a short ``repr``, as JSON has, or one that tells nothing, is told as
        PostgreSQL reads it.
        """
        written = [self.keys]
        query = self.products.query
        for annotation in query.annotations.values():
            with suppress(EmptyResultSet, FullResultSet):
                written.append(query.get_compiler(using=self.alias).compile(annotation))
        statements, parameters = zip(*written, strict=True)
        told = ("now" if _is_present(value) else self._told(value) for value in chain.from_iterable(parameters))
        return "\n".join(statements), get_language(), tuple(told)

    @property
    def _key_type(self) -> str:
        return str(self.index.model._meta.pk.rel_db_type(connections[self.alias]))

    def _told(self, value: Any) -> Any:
        if value is None or isinstance(value, TOLD):
            return value
        wrapper: Any = connections[self.alias]
        wrapper.ensure_connection()
        return sql.Literal(value).as_string(wrapper.connection)

    @cached_property
    def is_empty(self) -> bool:
        """Can the queryset match nothing at all, whatever the rows?"""
        try:
            return not self.keys
        except EmptyResultSet:
            return True

    @property
    def join(self) -> str:
        """The condition that ties a document to a product; it never casts the documents' side."""
        if isinstance(self.index.model._meta.pk, AutoField | IntegerField):
            return "document.object_id = product.key"
        return "document.object_key = product.key::text"

    def narrowed(self, chosen: Chosen, without: str = "") -> Scope:
        """Return the scope under the chosen facets, all but one; itself where none is chosen."""
        products = self.products
        for facet in self.index.facets:
            values = chosen.get(facet.name)
            if values and facet.name != without:
                try:
                    products = facet.filter(products, values)
                except (ValueError, TypeError, ValidationError):
                    products = products.none()  # not a value of this field: no product has it
        return self._over(products)

    def under(self, *conditions: Q) -> Scope:
        """Return the scope under further conditions on its products; itself where there is none."""
        return self._over(self.products.filter(*conditions) if conditions else self.products)

    def among(self, keys: Iterable[str]) -> QuerySet[Any]:
        """Return the products of the scope with these keys, which travel as one parameter: Django is slow with many."""
        listed = list(keys)
        these = Func(
            *(F("pk"), Value(array(listed))),
            arg_joiner=" = ANY(",
            template=f"%(expressions)s::{self._key_type}[])",
            output_field=BooleanField(),
        )
        return self.products.filter(these) if listed else self.products.none()

    def read(self, keys: Iterable[str], *columns: Any) -> dict[str, tuple[Any, ...]]:
        """Return what columns, by name or as expressions, hold of these products by key, as the database says it."""
        try:
            statement, parameters = compile_keys(self.among(keys), *columns)
        except EmptyResultSet:
            return {}
        return {str(row[0]): row[1:] for row in execute(self.alias, statement, parameters)}

    def facts(self, keys: Iterable[str]) -> dict[str, tuple[Any, ...]]:
        """Return by key what these products are grouped and boosted by (``index.facts()``); each is read once."""
        wanted = list(keys)
        if unread := [key for key in wanted if key not in self._read]:
            self._read.update(unread)
            self._facts.update(self.read(unread, *self.index.facts()))
        return {key: self._facts[key] for key in wanted if key in self._facts}

    @cached_property
    def _facts(self) -> dict[str, tuple[Any, ...]]:
        return {}

    @cached_property
    def _read(self) -> set[str]:
        return set()

    def execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement that joins the scope's products.

        Under filters with values it is planned for these: a plan that was kept from a filter that passes much would
        read the whole table for one that passes little.
        """
        return execute(self.alias, statement, parameters, prepare=not self.keys[1])

    def admitted(self, keys: Sequence[str]) -> list[str]:
        """Return those of these keys whose products are in scope, in their order."""
        there = self.read(keys) if keys else {}
        return [key for key in keys if key in there]

    def _over(self, products: QuerySet[Any]) -> Scope:
        if products is self.products:
            return self
        return Scope(self.index, self.generation, self.language, products)


def _is_present(value: Any) -> bool:
    return isinstance(value, datetime) and abs(datetime.now(value.tzinfo) - value) < PRESENT
