"""HNSW indexes: one partial index for each large generation, built after loading and beside all traffic."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import DatabaseError, connections

from ..conf import settings
from ..models import Document, Generation
from ..sql import execute

logger = logging.getLogger(__name__)

_DOCUMENTS = Document._meta.db_table
PREFIX = "catalog_search_hnsw_"
POLL_SECONDS = 1.0
LINK_BYTES = 56  # of each of ANN_M, which an element has beside its vector: measured


def build(generation: Generation) -> None:
    """Build the HNSW index of a generation where it pays; without one (``ann_index`` empty) searches are exact.

    A failure is noted on the generation and leaves no INVALID index behind. Where another session builds it, be it that
    of a killed command, its end is waited for.
    """
    alias, name = generation.alias, _index_name(generation)
    rows = generation.own(Document).count()
    dimensions, quantization = generation.dimensions or 0, generation.quantization
    if rows < settings.ANN_MIN_DOCUMENTS or dimensions > quantization.limit:
        return
    links = int(settings.ANN_M)
    breadth = max(int(settings.ANN_EF_CONSTRUCTION), 2 * links)
    failure = ""
    # Parallel workers share memory that containers often lack: one process does it too.
    for workers in dict.fromkeys((settings.ANN_BUILD_WORKERS, 0)):
        if _is_usable(alias, name):
            break
        try:
            with _build_session(alias, rows * (2 * dimensions + LINK_BYTES * links), workers):
                drop(alias, name)
                execute(
                    alias,
                    f"CREATE INDEX {_concurrently(alias)} {name} ON {_DOCUMENTS} "
                    f"USING hnsw ({quantization.expression('embedding', dimensions)} {quantization.operators}) "
                    f"WITH (m = {links}, ef_construction = {breadth}) "
                    f"WHERE generation_id = {int(generation.pk)}",
                )
        except DatabaseError as error:
            failure = str(error).strip()
            logger.warning("%s: the HNSW index failed with %d workers: %s", generation, workers, failure)
            if connections[alias].in_atomic_block:
                raise
    if _is_usable(alias, name):
        generation.ann_index, generation.error = name, ""
        execute(alias, f"ANALYZE {_DOCUMENTS}")
    else:
        drop(alias, name)
        generation.error = f"The HNSW index could not be built; searches are exact. {failure}"
        logger.error("%s: %s", generation, generation.error)


def is_being_built(generation: Generation) -> bool:
    """Tell whether a worker builds the HNSW index of a generation just now."""
    return _is_being_built(generation.alias, _index_name(generation))


def drop(alias: str, name: str) -> None:
    """Drop an HNSW index, valid or not."""
    execute(alias, f"DROP INDEX {_concurrently(alias)} IF EXISTS {name}")


def drop_strays(alias: str) -> int:
    """Drop the indexes of generations that are no more, INVALID ones of killed builds too; returns how many."""
    used = [f"{PREFIX}{pk}" for pk in Generation.objects.using(alias).live().values_list("pk", flat=True)]
    rows = execute(
        alias,
        "SELECT relname::text FROM pg_class WHERE relkind = 'i' AND relname ^@ %s AND relname <> ALL(%s::text[]) "
        "AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %s::regclass)",
        (PREFIX, used, _DOCUMENTS),
    )
    strays = [name for (name,) in rows if not _is_being_built(alias, name)]
    for name in strays:
        drop(alias, name)
    return len(strays)


def _index_name(generation: Generation) -> str:
    return f"{PREFIX}{generation.pk}"


def _concurrently(alias: str) -> str:
    return "" if connections[alias].in_atomic_block else "CONCURRENTLY"


def _is_usable(alias: str, name: str) -> bool:
    """Tell whether an index is there and valid, once nobody builds it: another worker, or what a killed one left."""
    while _is_being_built(alias, name):
        time.sleep(POLL_SECONDS)
    return bool(
        execute(alias, "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s::text) AND indisvalid", (name,))
    )


def _is_being_built(alias: str, name: str) -> bool:
    statement = "SELECT 1 FROM pg_stat_progress_create_index WHERE index_relid = to_regclass(%s::text)"
    return bool(execute(alias, statement, (name,)))


@contextmanager
def _build_session(alias: str, needed: int, workers: int) -> Iterator[None]:
    """Give the session the memory that the graph needs: beyond it, building is several times slower.

    And the time: CONCURRENTLY waits for the transactions of all who write. It runs outside a transaction itself, so
    this is the one session state of the app; it is taken back at once.
    With ANN_BUILD_MB = 0 it is left to the server, as behind a pooler it must be.
    """
    wanted = {}
    if settings.ANN_BUILD_MB:
        memory = min(settings.ANN_BUILD_MB, 64 + needed * 5 // 4 // 2**20)
        wanted = {
            "maintenance_work_mem": f"{memory}MB",
            "max_parallel_maintenance_workers": str(workers),
            "statement_timeout": "0",
            "lock_timeout": "0",
        }
    local = connections[alias].in_atomic_block
    # RESET would forget what the shop has set when it connected.
    before = {name: execute(alias, "SELECT current_setting(%s::text)", (name,))[0][0] for name in wanted}
    try:
        _set(alias, wanted, local)
        yield
    finally:
        if not local:
            _set(alias, before, local)


def _set(alias: str, values: Mapping[str, str], local: bool) -> None:
    for name, value in values.items():
        execute(alias, "SELECT set_config(%s::text, %s::text, %s)", (name, value, local))
