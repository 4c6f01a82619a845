"""The process that starts an embedded server, waits for its last user to leave, and stops it."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from threading import Thread

from .children import exit_on_sigterm, mortal
from .service import Service, ServiceError

START_SECONDS = 60.0
STOP_SECONDS = 30.0


def daemonize() -> None:
    """Go on in a child that belongs to nobody: whoever started us neither waits for it nor reaps it."""
    if os.fork():
        os._exit(0)


def supervise(service: Service) -> None:
    """Serve until the last user has gone. Raises ServiceError when the server does not start.

    Returns at once when another supervisor has been faster.
    """
    service.log.parent.mkdir(parents=True, exist_ok=True)
    if not _acquire_server_lock(service):
        return
    service.log.write_text("")
    service.prepare()
    users = os.open(service.folder / "users.lock", os.O_RDWR)
    port, server = _launch(service)
    announcement = service.announce(port)
    exit_on_sigterm()
    _leave_terminal(service)

    def stop_when_unused() -> None:
        # Kept until this process has ended, so nobody becomes a user of what is about to stop.
        fcntl.flock(users, fcntl.LOCK_EX)
        server.send_signal(service.stop_signal)

    Thread(target=stop_when_unused, daemon=True).start()
    try:
        server.wait()
    finally:
        os.close(announcement)
        _stop(service, server)


def _acquire_server_lock(service: Service) -> bool:
    lock = os.open(service.folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + STOP_SECONDS
    while service.live_port() is None:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Every process of the server gets it, so it is held until the last of them has gone.
            os.set_inheritable(lock, True)
            return True
        if time.monotonic() > deadline:
            raise ServiceError(f"Processes of an earlier {service.name} still hold {service.folder}.")
        time.sleep(0.02)
    return False


def _launch(service: Service) -> tuple[int, subprocess.Popen[bytes]]:
    """Start the server on the port it had before, or on another one should that be taken."""
    for wanted in (service.last_port(), 0):
        port = _free_port(wanted)
        with service.log.open("ab") as log:
            server = subprocess.Popen(
                mortal(service.command(port), service.stop_signal),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=service.folder,
                close_fds=False,
            )
        deadline = time.monotonic() + START_SECONDS
        while server.poll() is None and time.monotonic() < deadline:
            if service.is_ready(server.pid, port):
                return port, server
            time.sleep(0.01)
        _stop(service, server)
    raise ServiceError(f"The server ended with exit status {server.returncode} before it was ready.")


def _free_port(wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(service: Service, server: subprocess.Popen[bytes]) -> None:
    try:
        server.send_signal(service.stop_signal)
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _leave_terminal(service: Service) -> None:
    """Close the output inherited from our starter, which takes that as the sign that we are done."""
    sys.stdout.flush()
    with service.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
