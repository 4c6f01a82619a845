"""A world for faults: a PostgreSQL, a Redis, workers and a beat of its own, and the ways in which they fail."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import redis

from project import services
from project.services import attachment, children
from project.services.postgres import Postgres
from project.services.redis import Redis

from ..surroundings import free_port

CELERY = ["-m", "celery", "-A", "project"]
PATIENCE = 180
"""Seconds without any movement after which something got lost; more than any wait between two attempts."""
WORKER = [*CELERY, "worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]


class Program:
    """A program that is started again whenever it ends, as systemd does."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str]) -> None:
        self._name, self._arguments, self._environment = name, arguments, environment
        self.starts = 0
        self.start()

    @property
    def log(self) -> Path:
        """The output since its last start; those before have a number."""
        return services.DATA / "logs" / f"test-faults-{self._name}.log"

    def start(self) -> None:
        if self.starts:
            self.log.replace(self.log.with_suffix(f".{self.starts}.log"))
        self._held = ExitStack()
        command = [sys.executable, *self._arguments]
        self.process = self._held.enter_context(children.running(command, self.log, env=self._environment))
        self.starts += 1

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._held.close()

    def see_to(self) -> None:
        if self.process.poll() is not None:
            self.kill()
            self.start()


class World:
    """See the module; to be used by ``world()``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres, self.redis = Postgres(folder), Redis(folder)
        self.media, self.bad_mood = folder / "media", folder / "bad-mood"
        (self.media / "products").mkdir(parents=True)
        self.environment = {
            **os.environ,
            **attachment.attach(self.postgres),
            **attachment.attach(self.redis),
            "DJANGO_SETTINGS_MODULE": "tests.faults.settings",
            "DJANGO_DEBUG": "0",
            "SEARCH_QUEUE": "faults",
            "MEDIA_ROOT": str(self.media),
            "BAD_MOOD": str(self.bad_mood),
        }
        self.programs: dict[str, Program] = {}
        self.faults: Counter[str] = Counter()
        self._held = ExitStack()

    def end(self) -> None:
        for program in self.programs.values():
            program.kill()
        self._held.close()

    def manage(self, *arguments: str) -> str:
        return self.python("manage.py", *arguments)

    def python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{arguments}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def start(self, name: str, *arguments: str) -> Program:
        self.programs[name] = Program(name, list(arguments), self.environment)
        return self.programs[name]

    def pool_connections(self) -> None:
        """Let all that starts from now on connect through a PgBouncer in transaction mode."""
        server, database = self.environment["DATABASE_URL"].rsplit("/", 1)
        secret, address = server.removeprefix("postgres://").split("@")
        user, password = secret.split(":")
        host, port = address.split(":")
        own = free_port()
        configuration = self.folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n{database} = host={host} port={port} user={user} password={password}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {own}\nauth_type = any\nunix_socket_dir =\n"
            "pool_mode = transaction\ndefault_pool_size = 5\nmax_client_conn = 200\n"
        )
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._held.enter_context(
            children.running(
                ["pgbouncer", *as_nobody, str(configuration)], services.DATA / "logs" / "test-faults-pgbouncer.log"
            )
        )
        self.environment |= {"DATABASE_URL": f"postgres://{user}@127.0.0.1:{own}/{database}", "POOLED": "1"}
        while True:
            with suppress(psycopg.OperationalError):
                self.sql("SELECT 1")
                return
            time.sleep(0.05)

    def start_workers(self, number: int) -> None:
        for one in range(number):
            self.start(f"worker-{one}", *WORKER, "--hostname", f"faults-{one}@localhost")
        self.start("beat", *CELERY, "beat", "--pidfile=", "--schedule", str(self.folder / "beat"))

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.environment["DATABASE_URL"], autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def wait_for(self, count: Callable[[], int], wanted: Callable[[int], bool], what: str) -> None:
        """Wait as long as something moves: how fast a machine is says nothing about what gets lost."""
        seen, moved = None, time.monotonic()
        while not wanted(now := count()):
            if now != seen:
                seen, moved = now, time.monotonic()
            assert time.monotonic() < moved + PATIENCE, f"{what}: {now} for {PATIENCE} s\n{self.state()}"
            for program in self.programs.values():
                program.see_to()
            time.sleep(0.1)

    def state(self) -> str:
        rows = self.sql(
            "SELECT priority, attempts, set_aside, error, claim IS NOT NULL, due_at - now(), leased_until - now() "
            "FROM catalog_search_change LIMIT 10"
        )
        logs = [program.log.read_text(errors="replace")[-1500:] for program in self.programs.values()]
        return "\n".join([*map(str, rows), *logs])

    def changes(self) -> int:
        return int(self.sql("SELECT count(*) FROM catalog_search_change")[0][0])

    def newest_change(self) -> int:
        return int(self.sql("SELECT coalesce(max(id), 0) FROM catalog_search_change")[0][0])

    # Faults: each does harm for a while and makes it good again, as an operator would.

    def worker_killed(self, seconds: float) -> None:
        name = random.choice([name for name in self.programs if name.startswith("worker")])
        self.programs[name].kill()
        time.sleep(seconds / 4)
        self.programs[name].start()
        # Killed again while it still starts it would do nothing between.
        time.sleep(seconds)

    def redis_killed(self, seconds: float) -> None:
        os.kill(self._redis_pid(), signal.SIGKILL)
        time.sleep(seconds)
        self._start_again(self.redis)

    def redis_frozen(self, seconds: float) -> None:
        pid = self._redis_pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def postgres_restarted(self, seconds: float) -> None:
        pid = int((self.postgres.cluster / "postmaster.pid").read_text().split()[0])
        # A shutdown that asks nobody, or one that leaves a crash to recover from.
        os.kill(pid, random.choice([signal.SIGINT, signal.SIGQUIT]))
        time.sleep(seconds / 4)
        self._start_again(self.postgres)

    def connections_cut(self, seconds: float) -> None:
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid()"
        )
        time.sleep(seconds)

    def pictures_gone(self, seconds: float) -> None:
        there, away = self.media / "products", self.media / "away"
        there.rename(away)
        time.sleep(seconds)
        there.mkdir(exist_ok=True)  # a writer may have made it
        for file in away.iterdir():
            file.rename(there / file.name)
        away.rmdir()

    def model_raising(self, seconds: float) -> None:
        self.bad_mood.touch()
        time.sleep(seconds)
        self.bad_mood.unlink()

    def suffer(self, fault: str, seconds: float) -> None:
        getattr(self, fault)(seconds)
        self.faults[fault] += 1
        for program in self.programs.values():
            program.see_to()

    def _redis_pid(self) -> int:
        with redis.Redis.from_url(self.environment["CELERY_BROKER_URL"]) as client:
            return int(client.info("server")["process_id"])

    def _start_again(self, service: Any) -> None:
        while service.live_port() is not None:
            time.sleep(0.02)
        attachment.attach(service)

    def verdict(self) -> dict[str, Any]:
        """Return what a fresh process finds when it compares index and shop."""
        return json.loads(self.python("-m", "tests.faults.verdict").splitlines()[-1])


FAULTS = [
    *("worker_killed", "redis_killed", "redis_frozen", "postgres_restarted"),
    *("connections_cut", "pictures_gone", "model_raising"),
]


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """Make a world with a migrated database, and end everything in it."""
    made = World(folder)
    try:
        made.manage("migrate", "--verbosity", "0")
        yield made
    finally:
        made.end()
