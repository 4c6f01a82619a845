"""Becoming a user of an embedded server, and starting its supervisor where there is none."""

from __future__ import annotations

import fcntl
import os
import pwd
import subprocess
import sys
from pathlib import Path

from .service import Service, ServiceError

PROJECT = Path(__file__).resolve().parents[1]

_users_locks: list[int] = []


def attach(service: Service) -> dict[str, str]:
    """Use `service` until this process ends; return the variables that lead to it.

    Children made by fork count as users too, programs started by exec do not. Raises ServiceError.
    """
    try:
        _own_folder(service.folder)
        lock = os.open(service.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        raise ServiceError(
            f"{error.filename} belongs to another user. Run as that user, delete {service.data}, "
            f"or set {service.variable} to a server of your own."
        ) from error
    try:
        # Waits while a supervisor is stopping its server.
        fcntl.flock(lock, fcntl.LOCK_SH)
        port = service.live_port() or _start(service)
    except BaseException:
        os.close(lock)
        raise
    _users_locks.append(lock)
    return service.environment(port)


def _own_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    # PostgreSQL refuses to run as root and wants to own its files.
    if os.geteuid() == 0 and folder.stat().st_uid == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)


def _start(service: Service) -> int:
    command = [sys.executable, "-B", "-m", "services", service.name, str(service.data)]
    if os.geteuid() == 0:
        command = _as_owner(service.folder) + command
    # The package under its short name: importing `project` would import Celery first.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    environment |= {"PYTHONPATH": str(PROJECT), "LC_ALL": "C.UTF-8"}
    try:
        # Ends when the supervisor, gone to the background, closes its output: the server is ready or has failed.
        started = subprocess.run(
            command,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ServiceError(
            f"{error.filename} (of util-linux) is needed to run {service.name} as root. Install it, "
            f"run as an ordinary user, or set {service.variable} to a server of your own."
        ) from error
    port = service.live_port()
    if port is None:
        raise ServiceError(
            f"The embedded {service.name} did not start:\n{started.stdout.strip()}\n"
            f"Its log is {service.log}. Delete {service.folder} to begin with an empty one, "
            f"or set {service.variable} to a server of your own."
        )
    return port


def _as_owner(folder: Path) -> list[str]:
    """Return the prefix that makes a command run as the owner of `folder`.

    CAP_DAC_OVERRIDE stays, or a checkout in root's own home could not be entered.
    """
    owner = folder.stat()
    return [
        "setpriv",
        f"--reuid={owner.st_uid}",
        f"--regid={owner.st_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]
