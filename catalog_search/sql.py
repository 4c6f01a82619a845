"""Raw SQL through Django's own hooks, with vectors in binary and statements prepared.

Hot statements are written by hand: the ORM costs twice the time of the same prepared SQL. Execute wrappers,
query logging, assertNumQueries and error translation see them as any other query.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
from django.db import DatabaseError, DataError, InterfaceError, OperationalError, connections, router, transaction
from django.db.models import QuerySet
from numpy.typing import NDArray
from pgvector.psycopg import register_vector
from psycopg.adapt import Dumper
from psycopg.pq import Format

from .conf import settings
from .exceptions import TooSlow

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper
    from django.db.models import Model
    from psycopg._queries import PostgresQuery


Row = tuple[Any, ...]

DATABASE_DOWN = (OperationalError, InterfaceError)
"""What is raised where the database does not answer: no bug, and no mistake of who asks."""

PREPARED_FROM = 5
"""A statement that came so often is prepared from then on; psycopg's own default."""


MOST_PARAMETERS = 65_535
"""PostgreSQL's protocol takes no more; a shop's queryset with a longer list is written out as Django does it."""


@dataclass(frozen=True, slots=True)
class HalfVectors:
    """Vectors, shape (rows, dimensions), as one parameter, a halfvec[]: one by one they take longer than to be sent."""

    rows: NDArray[np.floating]


class _HalfVectorsDumper(Dumper):
    """Writes them as ``array_recv`` of PostgreSQL and ``halfvec_recv`` of pgvector read them."""

    format = Format.BINARY

    def dump(self, obj: HalfVectors) -> bytes:
        count, dimensions = obj.rows.shape
        assert self.connection
        element = self.connection.adapters.types["halfvec"].oid
        one = [("size", ">i4"), ("dimensions", ">i2"), ("unused", ">i2"), ("values", ">f2", (dimensions,))]
        items = np.zeros(count, one)
        items["size"], items["dimensions"], items["values"] = 4 + 2 * dimensions, dimensions, obj.rows
        # One dimension, no NULL, the type of its elements, how many there are, counted from 1.
        return struct.pack(">5i", 1, 0, element, count, 1) + items.tobytes()


class _PreparedCursor(psycopg.Cursor[Any]):
    """A server-side bound cursor: parameters and results travel in binary, statements are prepared where told."""

    def __init__(self, connection: Any, prepares: bool) -> None:
        super().__init__(connection)
        self._prepares = prepares

    def execute(self, query: Any, params: Any = None, **options: Any) -> _PreparedCursor:
        # Django switches preparing off for the whole connection; it stays so for everybody else's statements.
        connection, threshold = self.connection, self.connection.prepare_threshold
        connection.prepare_threshold = (threshold or PREPARED_FROM) if settings.PREPARE and self._prepares else None
        try:
            return super().execute(query, params, binary=True, **options)
        finally:
            connection.prepare_threshold = threshold

    def _send_query_prepared(self, name: bytes, pgq: PostgresQuery, **options: Any) -> None:
        # psycopg notes a statement where it is not prepared only, and Django's log of queries tells what is noted.
        self._query = pgq
        super()._send_query_prepared(name, pgq, **options)


class _LazyCursor(psycopg.ServerCursor[Any]):
    """A cursor of which PostgreSQL looks for no more rows than are fetched; they travel in binary."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> _LazyCursor:
        return super().execute(query, params, binary=True, **options)


def read_alias(model: type[Model]) -> str:
    """Return the database that searches read from; a router may name a replica."""
    return router.db_for_read(model)


def write_alias(model: type[Model]) -> str:
    """Return the database that holds the index and the shop."""
    return router.db_for_write(model)


def execute(alias: str, statement: str, parameters: Sequence[Any] = (), prepare: bool = True) -> list[Row]:
    """Run one statement with ``%s`` parameters and return its rows (an empty list where it has none).

    One that is not prepared is planned for its very parameters each time. Raises DataError where these are too large.
    """
    wrapper = _connected(alias)
    few = len(parameters) <= MOST_PARAMETERS
    raw = _PreparedCursor(wrapper.connection, prepare) if few else psycopg.ClientCursor(wrapper.connection)
    with _hooked(wrapper, raw) as cursor:
        try:
            cursor.execute(statement, tuple(parameters) or None)
        except OperationalError as error:
            # The drivers count it among outages: all that stands in a batch would wait for it, and for ever.
            if isinstance(error.__cause__, psycopg.errors.ProgramLimitExceeded):
                raise DataError(*error.args) from error.__cause__
            raise
        return cursor.fetchall() if cursor.description else []


def execute_while(
    alias: str, statement: str, parameters: Sequence[Any], size: int, wanted: Callable[[Sequence[Row]], bool]
) -> tuple[list[Row], bool]:
    """Fetch the rows of a query, ``size`` at a time as long as those that came last are ``wanted``.

    Returns them, and whether there are no more. PostgreSQL does not look for what is not fetched.
    """
    if len(parameters) > MOST_PARAMETERS:
        return execute(alias, statement, parameters), True
    wrapper = _connected(alias)
    found: list[Row] = []
    lazy = _LazyCursor(wrapper.connection, "catalog_search")
    with transaction.atomic(using=alias, savepoint=False), _hooked(wrapper, lazy) as cursor:
        cursor.execute(statement, tuple(parameters))
        while rows := cursor.fetchmany(size):
            found += rows
            if not wanted(rows):
                return found, False
    return found, True


def ends_transaction(error: Exception, alias: str) -> bool:
    """Tell whether an error leaves a transaction in which nothing else can be asked, so that nobody can do without."""
    return isinstance(error, DatabaseError) and connections[alias].in_atomic_block


@contextmanager
def read_committed(alias: str) -> Iterator[None]:
    """A transaction whose statements each see what others committed before, however the database is set.

    Who waits for a lock under a stricter isolation is then refused what the others changed meanwhile. Within another
    transaction that one's isolation holds.
    """
    outermost = not connections[alias].in_atomic_block
    with transaction.atomic(using=alias):
        if outermost:
            execute(alias, "SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield


@contextmanager
def telling_slow() -> Iterator[None]:
    """Raise TooSlow for what takes longer than statement_timeout: the database does answer, and fewer may do."""
    try:
        yield
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooSlow from error
        raise


def _connected(alias: str) -> DatabaseWrapper:
    """Return Django's connection, open and with vectors known to it."""
    wrapper: DatabaseWrapper = connections[alias]  # type: ignore[assignment]
    if wrapper.connection is not None and wrapper.connection.closed and not wrapper.in_atomic_block:
        wrapper.close()  # Django itself does so between requests and tasks only, and these may be long
    wrapper.ensure_connection()
    with wrapper.wrap_database_errors:
        if not getattr(wrapper.connection, "_catalog_search_vector", False):
            register_vector(wrapper.connection)
            wrapper.connection.adapters.register_dumper(HalfVectors, _HalfVectorsDumper)
            wrapper.connection._catalog_search_vector = True
    return wrapper


def _hooked(wrapper: DatabaseWrapper, cursor: psycopg.Cursor[Any]) -> Any:
    """Wrap a cursor as Django wraps its own."""
    wrap: Any = wrapper.make_debug_cursor if wrapper.queries_logged else wrapper.make_cursor
    return wrap(cursor)


def new_transaction(alias: str) -> str:
    """Return the id of a transaction that began just now; see ``all_ended``."""
    ((number,),) = execute(alias, "SELECT pg_current_xact_id()::xid::text")
    return str(number)


def all_ended(alias: str, transaction: str) -> bool:
    """Tell whether all transactions have ended that were open when this one began, and what they saw with them.

    Of sessions that this role may not look into, and of prepared transactions, it is taken that they have not.
    """
    rows = execute(
        alias,
        """
        SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
            -- What the server does by itself, such as autovacuum, has no user and writes no products.
            AND usesysid IS NOT NULL
            AND (state IS NULL OR greatest(age(backend_xid), age(backend_xmin)) >= age(%s::text::xid))
        UNION ALL SELECT 1 FROM pg_prepared_xacts WHERE database = current_database()
        LIMIT 1
        """,
        (transaction,),
    )
    return not rows


def array(texts: Iterable[str]) -> str:
    """Write texts as PostgreSQL writes an array: adapted one by one, a thousand keys take a millisecond."""
    if not (texts := list(texts)):
        return "{}"
    written = "\x00".join(texts).replace("\\", "\\\\").replace('"', '\\"').replace("\x00", '","')
    return f'{{"{written}"}}'


def unordered(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Return a queryset without its order, but for a slice and DISTINCT ON, where it decides what is in there."""
    query = queryset.query
    return queryset if query.is_sliced or query.distinct_fields else queryset.order_by()


def compile_keys(queryset: QuerySet[Any], *columns: Any) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL and parameters that select the keys of a queryset, and columns beside, ``unordered``."""
    query = unordered(queryset).values_list("pk", *columns).query
    statement, parameters = query.get_compiler(using=queryset.db).as_sql()
    return statement, tuple(parameters)
