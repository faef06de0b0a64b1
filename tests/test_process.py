"""Programs that are started and waited for: their words are kept, and they do not outlive who started them."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys

import pytest

from compendium.execution import process

from .forking import Fork

PR_GET_PDEATHSIG = 2
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")


@pytest.mark.parametrize("platform", [sys.platform, "darwin"])
def test_a_program_is_run_to_its_end_and_its_words_are_kept(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(process.sys, "platform", platform)
    done = process.run_bound(["sh", "-c", "echo $WORD; echo no >&2; exit 3"], env={**os.environ, "WORD": "yes"})
    assert (done.returncode, done.stdout, done.stderr) == (3, "yes\n", "no\n")


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        process.run_bound(["sleep", "60"], timeout=0.05)


@linux
def test_what_is_bound_ends_with_its_parent() -> None:
    bind = process._bound()
    assert bind is not None

    def signal_at_parents_death() -> int:
        bind()
        found = ctypes.c_int()
        ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(found))
        return found.value

    assert Fork(signal_at_parents_death).end() == (0, signal.SIGKILL)


@linux
def test_what_has_lost_its_parent_before_it_is_bound_does_not_begin() -> None:
    bind = process._bound()
    assert bind is not None
    # The one between stands for whoever takes over a child whose parent has died.
    between = Fork(lambda: Fork(bind).end())
    assert between.end() == (0, [1, None])
