"""`python -m services NAME DATA`: the supervisor of one embedded server, started by `attachment`."""

from __future__ import annotations

import sys
from pathlib import Path

from .postgres import Postgres
from .redis import Redis
from .service import ServiceError
from .supervisor import daemonize, supervise

name, data = sys.argv[1:]
service = {"postgres": Postgres, "redis": Redis}[name](Path(data))
daemonize()
try:
    supervise(service)
except ServiceError as error:
    sys.exit(f"{error}\n{service.log_tail()}")
