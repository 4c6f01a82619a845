"""Become a command that does not survive the process that started it.

    python mortal.py PARENT_PID SIGNAL COMMAND ...

A program of its own rather than a `preexec_fn`, which is unsafe in a process with threads. The kernel sends SIGNAL
when the *thread* that started us ends, so start children from the main thread. Elsewhere than on Linux the command
just runs.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for the signal, see that the parent is still there to be waited for, and become the command."""
    parent, signum, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signum))
        if os.getppid() != int(parent):
            sys.exit("The parent has gone.")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
