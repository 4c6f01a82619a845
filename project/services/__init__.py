"""Embedded PostgreSQL and Redis for the demo and the tests, shared by every process of this checkout.

`ensure()` is all a program needs. Each service has a supervisor, a process of its own that outlives the program that
happened to start it. Four files in the service's folder hold everything together, and the kernel keeps them honest
however a process ends:

- `users.lock`   every user holds a shared lock; the supervisor waits for the exclusive one and then stops the server.
- `server.lock`  held by the supervisor and every process of its server: who gets it knows that the old ones are gone.
- `port`         the port last served on, locked while it is served.
- `password`     made once; other accounts of the machine can reach the port too.
"""

from __future__ import annotations

import os
from pathlib import Path

from .attachment import attach
from .postgres import Postgres
from .redis import Redis
from .service import ServiceError

__all__ = ["DATA", "ServiceError", "ensure"]

DATA = Path(__file__).resolve().parents[2] / ".data"


def ensure(data: Path = DATA) -> None:
    """Make PostgreSQL and Redis reachable through the environment for the life of this process.

    A service whose variable (`DATABASE_URL`, `CELERY_BROKER_URL`) is already set is left alone. `data` is the folder
    for clusters, logs and locks. Raises ServiceError with the reason and the way out when a server does not start.
    """
    if "DATABASE_URL" not in os.environ:
        os.environ.update(attach(Postgres(data)))
    if "CELERY_BROKER_URL" not in os.environ:
        os.environ.update(attach(Redis(data)))
