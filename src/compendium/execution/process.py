"""Programs that this one starts and waits for."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

PR_SET_PDEATHSIG = 1


def run_bound(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, keep what it prints, and let it not outlive this process.

    Parameters
    ----------
    command : sequence of str
        The program and its arguments.
    options
        As `subprocess.run` takes them: folder, environment, time limit in seconds.

    Returns
    -------
    CompletedProcess
        With its exit status, and its output as text.

    Notes
    -----
    Where this process is killed outright, nobody is left to end what it started, which would go on writing into
    folders that the next command uses. On Linux the kernel ends it; elsewhere it ends when its work is done.
    """
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=_bound(), **options)


def _bound() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def bind() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return bind
