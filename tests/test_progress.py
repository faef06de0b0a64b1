"""What a batch says of itself while it runs: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from compendium.execution.batch import Result
from compendium.execution.progress import Progress
from compendium.execution.runs import Job

FIRST, SECOND = Job("T1"), Job("T2", {"n": 2})


class Terminal(io.StringIO):
    """A stream that passes for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Make the stream of errors a terminal; only within a test, since pytest sets it itself before each."""

    def begin() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return begin


def test_elsewhere_each_start_and_each_failure_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(2) as progress:
        progress("start", FIRST)
        progress("start", SECOND)
        progress("done", Result(FIRST, b"done"))
        progress("done", Result(SECOND, None, "T2: no"))
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["running T1", "running T2 n=2", "failed T2 n=2"]
    assert captured.out == ""


def test_what_comes_from_the_store_says_nothing(capsys: pytest.CaptureFixture[str], terminal: Callable[[], Terminal]) -> None:
    stream = terminal()
    with Progress(1) as progress:
        progress("done", Result(FIRST, b"done", from_store=True))
    assert stream.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_a_terminal_shows_what_runs_and_how_many_are_done(terminal: Callable[[], Terminal]) -> None:
    stream = terminal()
    with Progress(3) as progress:
        progress("done", Result(Job("T0"), b"done", from_store=True))
        progress("start", FIRST)
        progress("start", SECOND)
        progress("done", Result(FIRST, None, "T1: no"))
    last = stream.getvalue().rpartition("running ")[2]
    assert last.startswith("T2 n=2 ")
    assert "2/3" in last
    assert "failed" not in stream.getvalue()  # the command tells failures when the bar is gone


def test_a_terminal_names_no_more_than_four(terminal: Callable[[], Terminal]) -> None:
    stream = terminal()
    with Progress(5) as progress:
        for n in range(5):
            progress("start", Job(f"T{n}"))
    assert "running T0, T1, T2, T3 " in stream.getvalue()
    assert "T4" not in stream.getvalue()


def test_the_bar_goes_when_the_batch_is_interrupted(terminal: Callable[[], Terminal]) -> None:
    stream = terminal()
    progress = Progress(1)
    progress.__enter__()("start", FIRST)
    progress.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert "running T1 " in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K")  # the line is wiped
    assert stream.getvalue().count("\x1b[?25h") == 1  # and the cursor is back
