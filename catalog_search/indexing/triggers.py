"""Triggers: PostgreSQL itself appends the Change rows, so that raw SQL and bulk writes reach the index too.

One trigger for each statement on each table that an index reads: products, the tables it follows, those between. It
finds the products by joining from them, along the followed path, to the rows that changed: as they were, and as they
are. The name of a trigger holds a digest of what it does, so comparing names tells whether it is what it should be.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import DatabaseError, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.models.sql import Query

from ..exceptions import ConfigurationError
from ..indexes import SearchIndex
from ..models import Change, Document, Generation
from ..registry import registry
from ..sql import execute
from .related import relations

logger = logging.getLogger(__name__)

FUNCTION = "catalog_search_record"
LOCK_SECONDS = 5
"""How long to wait for a table: writers that come later stand behind who waits."""

_CHANGED = {
    "INSERT": ("new_rows", "NEW TABLE AS new_rows"),
    "UPDATE": ("(TABLE old_rows UNION ALL TABLE new_rows)", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
    "DELETE": ("old_rows", "OLD TABLE AS old_rows"),
}
# EXECUTE plans each time: a plan kept from a bulk load would read whole tables for a single row later.
_BODY = f"""
BEGIN
    EXECUTE format(
        'INSERT INTO {Change._meta.db_table} (generation_id, object_key)
         SELECT generation.id, product.key FROM {Generation._meta.db_table} generation, (%s) product(key)
         WHERE generation.index = %L AND generation.state <> ''retired''', TG_ARGV[1], TG_ARGV[0]);
    RETURN NULL;
END"""


def wanted(alias: str) -> dict[str, str]:
    """Return the statements that create the triggers that the declared indexes need, by name."""
    return dict(trigger for index in registry for trigger in _wanted(index, alias))


def installed(alias: str) -> dict[str, str]:
    """Return the tables of the triggers that are in a database and enabled, by the triggers' names."""
    statement = (
        "SELECT tgname::text, tgrelid::regclass::text FROM pg_trigger "
        "WHERE tgfoid = to_regproc(%s::text) AND tgenabled <> 'D' ORDER BY 2, 1"
    )
    return dict(execute(alias, statement, (FUNCTION,)))


def disagree(alias: str) -> bool:
    """Tell whether there are triggers that are not those that the declared indexes need."""
    there = installed(alias)
    try:
        return bool(there) and there.keys() != wanted(alias).keys()
    except ConfigurationError:  # the checks of declarations say what is wrong
        return False


def install(alias: str) -> tuple[int, int]:
    """Create what is missing, then drop what is too many; returns how many of each.

    Each is a transaction of its own, in this order: no change gets lost, and no lock is held for long. Raises
    DatabaseError where a table stays locked, or is another role's.
    """
    schemas = [name for (names,) in execute(alias, "SELECT current_schemas(false)::text[]") for name in names]
    path = ", ".join(map(connections[alias].ops.quote_name, schemas))
    with transaction.atomic(using=alias):
        # With its owner's rights, so that whoever may write products needs none on the queue; the path is fixed and
        # nobody else may make triggers of it, so that they cannot lend themselves those rights.
        execute(
            alias,
            f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"SET search_path = {path}, pg_temp AS $function${_BODY}$function$",
        )
        execute(alias, f"REVOKE ALL ON FUNCTION {FUNCTION}() FROM PUBLIC")
    there, needed = installed(alias), wanted(alias)
    missing = [needed[name] for name in needed.keys() - there.keys()]
    for statement in missing:
        _briefly(alias, statement)
    return len(missing), _drop(alias, {name: there[name] for name in there.keys() - needed.keys()})


def renew(using: str, **_: Any) -> None:
    """Make installed triggers those of today's tables, after all migrations: what names a column that is gone refuses
    every write. Where that fails, a check goes on saying so.
    """
    connection = connections[using]
    if connection.vendor != "postgresql" or Generation._meta.db_table not in connection.introspection.table_names():
        return
    migrations = MigrationExecutor(connection)
    if migrations.migration_plan(migrations.loader.graph.leaf_nodes()) or not disagree(using):
        return
    try:
        install(using)
    except DatabaseError as error:
        logger.warning("The triggers could not be renewed (%s): manage.py search_triggers --install", error)


def remove(alias: str) -> int:
    """Drop the triggers and their function; returns how many they were."""
    count = _drop(alias, installed(alias))
    execute(alias, f"DROP FUNCTION IF EXISTS {FUNCTION} CASCADE")
    return count


def _drop(alias: str, tables: dict[str, str]) -> int:
    for name, table in tables.items():
        _briefly(alias, f"DROP TRIGGER IF EXISTS {name} ON {table}")
    return len(tables)


def _briefly(alias: str, statement: str) -> None:
    with transaction.atomic(using=alias):
        execute(alias, f"SET LOCAL lock_timeout = '{int(1000 * LOCK_SECONDS)}ms'")
        execute(alias, statement)


def _wanted(index: SearchIndex, alias: str) -> Iterator[tuple[str, str]]:
    quote = connections[alias].ops.quote_name
    paths: dict[str, list[Sequence[Any]]] = {}
    for path in _paths(index):
        table = path[-1].to_opts.db_table if path else index.model._meta.db_table
        paths.setdefault(table, []).append(path)
    for table, joins in sorted(paths.items()):
        for event, (rows, referencing) in _CHANGED.items():
            keys = " UNION ".join(dict.fromkeys(_keys(index, path, rows, alias) for path in joins))
            yield _create_trigger(index, quote(table), event, f"REFERENCING {referencing}", keys)
        # An emptied table does not say which rows it had: all that is indexed is looked at again.
        keys = (
            f"SELECT DISTINCT object_key FROM {Document._meta.db_table} document "
            f"JOIN {Generation._meta.db_table} own ON own.id = document.generation_id AND own.index = '{index.label}'"
        )
        yield _create_trigger(index, quote(table), "TRUNCATE", "", keys)


def _create_trigger(index: SearchIndex, table: str, event: str, referencing: str, keys: str) -> tuple[str, str]:
    text = "\0".join((index.label, table, event, keys, _BODY))
    name = f"{FUNCTION}_{event.lower()}_{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
    quoted = keys.replace("'", "''")
    statement = (
        f"CREATE OR REPLACE TRIGGER {name} AFTER {event} ON {table} {referencing} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}('{index.label}', '{quoted}')"
    )
    return name, statement


def _paths(index: SearchIndex) -> Iterator[Sequence[Any]]:
    """Yield the joins that lead from products to each table: first none, for the products' own."""
    product = index.model._meta
    yield ()
    for relation in relations(index):
        path, *_ = Query(index.model).names_to_path(relation.path.split("__"), product)
        for length in range(1, len(path) + 1):
            yield path[:length]


def _keys(index: SearchIndex, path: Sequence[Any], changed: str, alias: str) -> str:
    """Return the query of the keys of products that reach changed rows by a path of joins."""
    product: Any = index.model._meta
    quote = connections[alias].ops.quote_name
    tables = [quote(one.db_table) for one in (product, *(step.to_opts for step in path))]
    tables[-1] = changed
    joins = [f"{tables[0]} t0"]
    for number, step in enumerate(path):
        # What a generic relation asks for beyond its columns is left out: a few products too many do no harm.
        on: list[str] = []
        for near, far in step.join_field.get_joining_fields():
            # Its key may be a text, for it names rows of all kinds.
            cast = "" if _kind(near, alias) == _kind(far, alias) else "::text"
            on.append(f"t{number}.{quote(near.column)}{cast} = t{number + 1}.{quote(far.column)}{cast}")
        joins.append(f"{tables[number + 1]} t{number + 1} ON {' AND '.join(on)}")
    return f"SELECT DISTINCT t0.{quote(product.pk.column)}::text FROM {' JOIN '.join(joins)}"


def _kind(field: Any, alias: str) -> str:
    """Return the type of a column, the same name for those that PostgreSQL compares with each other."""
    name = str(field.rel_db_type(connections[alias])).partition("(")[0]
    return {"smallint": "integer", "bigint": "integer", "varchar": "text", "char": "text"}.get(name, name)
