"""Routers: whoever indexes a product reads it where it was written, for a replica may still have what it was before."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import router

from .contexts import holding

if TYPE_CHECKING:
    from django.db.models import Model

_indexing: ContextVar[bool] = ContextVar("catalog_search_indexing", default=False)


class IndexingRouter:
    """The first of DATABASE_ROUTERS where another one sends reads to replicas: it speaks while products are indexed.

    Products themselves are always asked for where they are written. Their related rows are read by the shop's own
    code, and go where routers say.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """Return the database that a model is written to, or leave it to the other routers."""
        return router.db_for_write(model, **hints) if _indexing.get() else None


reading_what_was_written = partial(holding, _indexing, True)
"""Lets IndexingRouter speak inside a block, or inside a function that it decorates."""
