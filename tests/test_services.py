"""The embedded services, started for real in a folder of their own: they serve, and they leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from project import services
from project.services.attachment import PROJECT

SUPERVISOR = "-m\0services"
VARIABLES = ("DATABASE_URL", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "CACHE_URL")

USE = """
import json, os, time
from pathlib import Path
from services import ensure
ensure(Path(os.environ["DATA"]))
print(json.dumps(dict(os.environ)), flush=True)
time.sleep(60)
"""

RUN_CHILD = """
import sys, time
from pathlib import Path
from services.children import running
with running(sys.argv[2:], Path(sys.argv[1])) as child:
    print(child.pid, flush=True)
    time.sleep(60)
"""


class User:
    """A program that uses the services of a folder, in a process group of its own as from a shell."""

    def __init__(self, data: Path, **given: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        self.process = start(USE, env=environment | given | {"DATA": str(data)})

    @property
    def environment(self) -> dict[str, str]:
        """The variables the program sees, once the services are there."""
        if not hasattr(self, "_environment"):
            self._environment = json.loads(self.process.stdout.readline())
        return self._environment

    def works(self) -> bool:
        """Tell whether its database answers."""
        with psycopg.connect(self.environment["DATABASE_URL"]) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)

    def end(self, signum: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the whole process group, as a terminal does, and wait for the program."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signum)
        self.process.communicate()


def start(script: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        env=(env or os.environ) | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def processes(data: Path, word: str = "") -> list[int]:
    """Return the supervisors and servers of `data`: its path is in their command or is where they work."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            text = (process / "cmdline").read_text() + os.readlink(process / "cwd")
            if str(data) in text and word in text:
                found.append(int(process.name))
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def nothing_runs(data: Path) -> bool:
    return eventually(lambda: not processes(data))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests here, so that the cluster is created once."""
    return tmp_path_factory.mktemp("services")


@pytest.fixture
def use(data: Path) -> Iterator[Callable[..., User]]:
    """Start users of the folder; none survives the test."""
    assert nothing_runs(data)
    users: list[User] = []

    def use(**given: str) -> User:
        users.append(User(data, **given))
        return users[-1]

    yield use
    for user in users:
        user.end()
    assert nothing_runs(data)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_runs_after_the_last_user(use: Callable[..., User], data: Path, signum: signal.Signals) -> None:
    user = use()
    assert user.works()
    assert len(processes(data, SUPERVISOR)) == 2

    user.end(signum)

    assert nothing_runs(data)


def test_a_second_user_shares_and_outlives_the_first(use: Callable[..., User]) -> None:
    first = use()
    assert first.works()
    second = use()
    assert second.environment["DATABASE_URL"] == first.environment["DATABASE_URL"]

    first.end(signal.SIGINT)

    time.sleep(0.3)
    assert second.works()


def test_users_that_come_together_share_one_supervisor(use: Callable[..., User], data: Path) -> None:
    users = [use() for _ in range(4)]

    assert all(user.works() for user in users)
    assert len(processes(data, SUPERVISOR)) == 2


def test_a_user_that_comes_while_the_servers_stop_gets_new_ones(use: Callable[..., User]) -> None:
    for pause in (0, 0.01, 0.05, 0.1):
        user = use()
        assert user.works()
        user.end()
        time.sleep(pause)


def test_servers_end_with_their_supervisor_and_come_back(use: Callable[..., User], data: Path) -> None:
    orphan = use()
    assert orphan.works()

    for supervisor in processes(data, SUPERVISOR):
        os.kill(supervisor, signal.SIGKILL)

    assert nothing_runs(data)
    assert use().environment["DATABASE_URL"] == orphan.environment["DATABASE_URL"]
    assert orphan.works()


def test_what_a_killed_server_left_is_cleared(use: Callable[..., User], data: Path) -> None:
    user = use()
    assert user.works()
    leftover = data / "postgres" / "cluster" / "postmaster.pid"
    lines = leftover.read_text().splitlines()
    user.end()
    assert nothing_runs(data)
    # The process id is in use again, and by the same account.
    leftover.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    assert use().works()


def test_a_taken_port_is_left_to_its_taker(use: Callable[..., User], data: Path) -> None:
    user = use()
    assert user.works()
    user.end()
    assert nothing_runs(data)
    port = int((data / "postgres" / "port").read_text())

    with socket.create_server(("127.0.0.1", port)):
        newcomer = use()
        assert newcomer.works()

    assert str(port) not in newcomer.environment["DATABASE_URL"]


def test_given_services_are_used_as_they_are(use: Callable[..., User], data: Path) -> None:
    given = {"DATABASE_URL": "postgres://elsewhere/shop", "CELERY_BROKER_URL": "amqp://elsewhere"}

    user = use(**given)

    assert user.environment | given == user.environment
    assert not processes(data)


def test_only_the_service_not_given_is_started(use: Callable[..., User], data: Path) -> None:
    user = use(DATABASE_URL="postgres://elsewhere/shop")

    assert user.environment["CELERY_BROKER_URL"].startswith("redis://")
    assert processes(data, "redis")
    assert not processes(data, "postgres")


def test_a_failed_start_tells_the_reason_and_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "postgres" / "cluster").mkdir(parents=True)

    user = User(tmp_path)
    _, errors = user.process.communicate()

    assert "could not access the server configuration file" in errors
    assert f"Delete {tmp_path / 'postgres'}" in errors
    assert nothing_runs(tmp_path)


def test_ensure_does_nothing_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/shop")
    monkeypatch.setenv("CELERY_BROKER_URL", "amqp://elsewhere")

    services.ensure(tmp_path)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_children_end_with_their_parent(tmp_path: Path, signum: signal.Signals) -> None:
    parent = start(RUN_CHILD, str(tmp_path / "log"), "sleep", "61")
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()

    parent.send_signal(signum)
    parent.communicate()

    assert eventually(lambda: not Path(f"/proc/{child}").exists())


def test_a_child_is_asked_before_it_is_killed(tmp_path: Path) -> None:
    script = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit('bye')); print('on'); time.sleep(60)"
    log = tmp_path / "log"
    parent = start(RUN_CHILD, str(log), sys.executable, "-u", "-c", script)
    assert eventually(lambda: log.exists() and "on" in log.read_text())

    parent.terminate()
    parent.communicate()

    assert log.read_text() == "on\nbye\n"
    assert parent.returncode == 128 + signal.SIGTERM


def test_a_stubborn_child_is_killed(tmp_path: Path) -> None:
    from project.services.children import running

    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('on'); time.sleep(60)"
    log = tmp_path / "log"

    with running([sys.executable, "-u", "-c", script], log, grace=0.2) as child:
        assert eventually(lambda: "on" in log.read_text())

    assert child.returncode == -signal.SIGKILL
