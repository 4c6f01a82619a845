"""What tests that start programs beside themselves need: where the database is, a free port, patience."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError


def database_url(name: str = "") -> str:
    """Return the address of the test's database, or of another one of its server."""
    from django.db import connection  # conftest.py needs this module before Django is set up

    own = connection.settings_dict
    return f"postgres://{own['USER']}:{own['PASSWORD']}@{own['HOST']}:{own['PORT']}/{name or own['NAME']}"


def free_port() -> int:
    """Return a port of this machine that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], Any]) -> None:
    """Wait until something holds, whether or not the server that is asked about it is there yet."""
    end = time.monotonic() + 90
    while True:
        with suppress(ConnectionError):
            if holds():
                return
        assert time.monotonic() < end
        time.sleep(0.2)  # who searches more often than that is throttled
