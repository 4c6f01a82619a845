"""Child processes that surely end with their parent: the demo's worker and web server, the tests' worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

MORTAL = Path(__file__).with_name("mortal.py")


@contextmanager
def running(
    command: Sequence[str], log: Path, env: Mapping[str, str] | None = None, grace: float = 10.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` for the length of a with block, its output going to the file `log`.

    At the end it gets SIGTERM and `grace` seconds, then it and what it left behind in its process group are killed;
    kill -9 of this process kills it at once. In a session of its own it hears no Ctrl-C from the terminal. To be
    called from the main thread; SIGTERM leaves the block as Ctrl-C does.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if threading.current_thread() is threading.main_thread():
        exit_on_sigterm()
    with log.open("wb") as output:
        process = subprocess.Popen(
            mortal(command, signal.SIGKILL),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        try:
            process.terminate()
            process.wait(grace)
        except subprocess.TimeoutExpired:
            pass
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def mortal(command: Sequence[str], signum: signal.Signals) -> list[str]:
    """Return `command` wrapped so that it gets `signum` when this process ends in whatever way (on Linux)."""
    return [sys.executable, "-ISB", str(MORTAL), str(os.getpid()), str(int(signum)), *command]


def exit_on_sigterm() -> None:
    """Let SIGTERM end this process as `sys.exit` does, so that with blocks and finally clauses run.

    A handler that somebody else has installed is left alone.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _exit)


def _exit(signum: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + signum)
