"""Where a benchmark runs: in a database of its own, beside real workers."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from project import services
from project.services import children

SHARED_BUFFERS = "2GB"
"""PostgreSQL's, where nothing else is set: what a shop of 100,000 products gives it, and the demo does not need."""


@contextmanager
def scratch_database(data: Path = services.DATA) -> Iterator[str]:
    """Make an empty database the project's, on the server of a folder, and drop it in the end; yields its URL."""
    with _database(f"bench_{os.getpid()}", keep=False, data=data) as url:
        yield url


@contextmanager
def kept_database(name: str) -> Iterator[str]:
    """Make a database the project's that stays for the next time; yields its URL."""
    with _database(name, keep=True) as url:
        yield url


@contextmanager
def _database(name: str, keep: bool, data: Path = services.DATA) -> Iterator[str]:
    os.environ.setdefault("SHARED_BUFFERS", SHARED_BUFFERS)
    services.ensure(data)
    server = os.environ["DATABASE_URL"]
    os.environ["DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    os.environ["DJANGO_DEBUG"] = "0"  # a log of queries writes every vector out as text
    with psycopg.connect(server, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            connection.execute(f"CREATE DATABASE {name}")
    try:
        yield os.environ["DATABASE_URL"]
    finally:
        os.environ["DATABASE_URL"] = server
        if not keep:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def worker(
    queue: str, search: Mapping[str, Any] | None = None, pool: str = "threads", concurrency: int = 1
) -> Iterator[None]:
    """Run a worker on one queue; ``search`` are its search settings, where not those of this process's project."""
    from project.celery import app

    name = f"{queue}@localhost"
    command = [sys.executable, "-m", "celery", "-A", "project", "worker", "--hostname", name, "--queues", queue]
    command += ["--pool", pool, "--concurrency", str(concurrency), "--loglevel", "INFO"]
    command += ["--without-gossip", "--without-mingle"]
    own = {"DJANGO_SETTINGS_MODULE": "benchmarks._settings", "BENCHMARK_SEARCH": json.dumps(search)} if search else {}
    log = services.DATA / "logs" / "benchmark.log"
    with children.running(command, log, env=os.environ | own) as process:
        end = time.monotonic() + 180
        while not app.control.ping(destination=[name], timeout=0.5):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"The worker did not start: {log.read_text()[-2000:]}")
        yield
