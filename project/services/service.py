"""What is common to the embedded servers: folder, locks, port, password, command."""

from __future__ import annotations

import fcntl
import os
import signal
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from .secret import kept_secret


class ServiceError(Exception):
    """An embedded server cannot be started."""


class Service(ABC):
    """One embedded server; a subclass says how it is prepared, started, recognised as ready and addressed."""

    name: ClassVar[str]
    variable: ClassVar[str]
    package: ClassVar[str]
    distribution: ClassVar[str]
    stop_signal: ClassVar[signal.Signals]

    def __init__(self, data: Path) -> None:
        self.data = data
        self.folder = data / self.name
        self.log = data / "logs" / f"{self.name}.log"

    @property
    def password(self) -> str:
        """The server's password, made on first use."""
        return kept_secret(self.folder / "password")

    @abstractmethod
    def prepare(self) -> None:
        """Bring the folder into the state the server starts from; called with `server.lock` held."""

    @abstractmethod
    def command(self, port: int) -> list[str]:
        """Return the command line of the server."""

    @abstractmethod
    def is_ready(self, pid: int, port: int) -> bool:
        """Tell whether the server started as process `pid` answers on `port`."""

    @abstractmethod
    def environment(self, port: int) -> dict[str, str]:
        """Return the variables through which programs find the server."""

    def binary(self, path: str) -> Path:
        """Locate a program inside the wheel without importing it. Raises ServiceError when the wheel is missing."""
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise ServiceError(
                f"The embedded {self.name} is not installed. Run `pip install {self.distribution}`, "
                f"or set {self.variable} to a server of your own."
            )
        return Path(spec.origin).parent / path

    def last_port(self) -> int:
        """Return the port last served on, 0 before the first time."""
        try:
            return int((self.folder / "port").read_text())
        except FileNotFoundError:
            return 0

    def live_port(self) -> int | None:
        """Return the port served on now, None while there is no supervisor."""
        try:
            file = (self.folder / "port").open()
        except FileNotFoundError:
            return None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read())
        return None

    def announce(self, port: int) -> int:
        """Publish the port and return the descriptor whose lock keeps it published."""
        draft = self.folder / "port.new"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.write(descriptor, str(port).encode())
        # Locked before it is seen: a reader never finds a live port unlocked.
        draft.replace(self.folder / "port")
        return descriptor

    def log_tail(self, lines: int = 15) -> str:
        """Return the end of the server's log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""
