"""What a database must have and hold: pgvector, words that break well, generations of today's settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from django.core.checks import CheckMessage, Error, Warning
from django.db import DatabaseError, connections

from ..backends.base import Embedder
from ..backends.configuration import backend_class
from ..conf import settings
from ..exceptions import ConfigurationError
from ..indexing import is_outdated, triggers
from ..models import Generation
from ..registry import registry

OLDEST_PGVECTOR = (0, 8)
COMPILED_FROM = 100_000
"""Documents from which on PostgreSQL takes statements over many of them for long work (its jit_above_cost)."""


def check_alias(alias: str) -> Iterator[CheckMessage]:
    """Check one database that holds an index."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        yield Error(
            f'The database "{alias}" is {connection.display_name}; the index needs PostgreSQL with pgvector.',
            hint='"ENGINE": "django.db.backends.postgresql"',
            id="catalog_search.E020",
        )
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            row = cursor.fetchone()
            cursor.execute("SELECT datctype FROM pg_database WHERE datname = current_database()")
            ctype = cursor.fetchone()[0]
            cursor.execute("SELECT to_regclass(%s)", [Generation._meta.db_table])
            migrated = cursor.fetchone()[0] is not None
    except DatabaseError:
        return  # a database that cannot be reached has its own message
    if row is None and migrated:
        yield Error(
            f'pgvector is not installed in the database "{alias}".',
            hint="CREATE EXTENSION vector;  -- as a superuser",
            id="catalog_search.E021",
        )
    elif row is not None and tuple(int(part) for part in row[0].split(".")[:2]) < OLDEST_PGVECTOR:
        yield Error(
            f'pgvector {row[0]} in the database "{alias}" is too old: 0.8 brought iterative scans.',
            hint="ALTER EXTENSION vector UPDATE;  -- as a superuser, after upgrading the server's package",
            id="catalog_search.E022",
        )
    if ctype in ("C", "POSIX"):
        yield Warning(
            f'The database "{alias}" has the character type {ctype}: PostgreSQL takes typographic quotes for letters.',
            hint="CREATE DATABASE ... LC_CTYPE 'C.UTF-8' TEMPLATE template0;",
            id="catalog_search.W023",
        )
    if hasattr(connection, "set_schema"):  # as django-tenants and its kin have it
        yield Warning(
            f'The database "{alias}" has a schema for each tenant: processes would keep rules, words and suggestions '
            "of one for the others, and workers index the products of the schema that they connect to.",
            hint="Tell tenants apart by rows, in queryset(request), or give each its own processes: docs/deploy.md, "
            "What is supported.",
            id="catalog_search.W049",
        )
    if migrated:
        with suppress(DatabaseError):  # before `migrate` brings a column: it asks the checks first
            yield from _generations(alias)
    if row is not None and triggers.disagree(alias):
        yield Warning(
            f'The triggers in the database "{alias}" are not those of today\'s indexes: some changes go unseen.',
            hint="manage.py search_triggers --install",
            id="catalog_search.W027",
        )


def _generations(alias: str) -> Iterator[CheckMessage]:
    try:
        backend_class(settings.EMBEDDER, Embedder, "EMBEDDER")
    except ConfigurationError:  # said already; there is nothing to compare with
        return
    live = Generation.objects.using(alias).live()
    labels = live.order_by("index").values_list("index", flat=True).distinct()
    for label in (one for one in labels if registry.find(one) is None):
        yield Warning(
            f"{label} is indexed no more, but its documents take space and its changes wait.",
            hint=f"manage.py search_generations prune {label}, or declare its index again",
            id="catalog_search.W029",
        )
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_setting('jit')::bool AND pg_jit_available()")
        compiles = cursor.fetchone()[0]
    for index in registry:
        active = Generation.objects.serving(index)
        if active and compiles and active.size >= COMPILED_FROM:
            yield Warning(
                f'The database "{alias}" compiles long statements (jit): those of {index.label} take less than that.',
                hint="ALTER DATABASE ... SET jit = off;",
                id="catalog_search.W026",
            )
        if active and is_outdated(index):
            yield Warning(
                f"The search index of {index.label} was built from other settings than today's; it serves on.",
                hint=f"manage.py rebuild_search_index --index {index.name}",
                id="catalog_search.W024",
            )
        if active and (active.dimensions or 0) > active.quantization.limit:
            yield Warning(
                f"{index.label}: vectors of {active.dimensions} dimensions are over the {active.quantization.limit} of "
                "an HNSW index; searches compare with every product.",
                hint='"QUANTIZATION": "binary", or for Matryoshka models "OPTIONS": {"truncate_dim": 2048}',
                id="catalog_search.W025",
            )
