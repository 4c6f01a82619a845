"""Documents: the rows of the index that one search reads, as SQL for the lanes and by the products' keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..models import Document
from ..sql import array, execute

TABLE = Document._meta.db_table


class Documents(NamedTuple):
    """The documents of one generation in one language."""

    alias: str
    generation_id: int
    language: str

    @property
    def condition(self) -> str:
        """What tells them from others; its parameter is the language.

        The generation is written out, for an HNSW index is of one alone: PostgreSQL uses it where it reads the number.
        """
        return f"document.generation_id = {int(self.generation_id)} AND document.language = %s"

    @property
    def rows(self) -> str:
        """The FROM and WHERE of them all, likewise."""
        return f"FROM {TABLE} document WHERE {self.condition}"

    def of(self, keys: Sequence[str], columns: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Return columns, which may have parameters, of the documents of some products."""
        if not keys:
            return []
        statement = f"SELECT {columns} {self.rows} AND document.object_key = ANY(%s)"
        return execute(self.alias, statement, (*parameters, self.language, array(keys)))
