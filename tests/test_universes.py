"""Universes: cells run without a kernel, each choice of parameters in a process that nothing outlives."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest

from compendium.corpus.errors import DataError
from compendium.execution import universes
from compendium.execution.universes import code_of, findings_in, forked

from .forking import Fork

FOUND = """
from compendium.chapter import listening
from compendium.model.claim import Basis, Finding, Verdict
listening.get()(Finding("A4.1", Verdict.HOLDS, Basis.TABLE, None, str(n), "How."))
"""


@pytest.fixture(autouse=True)
def no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path / "none"))  # nothing to read ahead


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Write a notebook with the parameter n and the cells given."""

    def write(*sources: str, injected: str = "") -> Path:
        cells = [nbformat.v4.new_code_cell("n: int = 0  # a number", metadata={"tags": ["parameters"]})]
        if injected:
            cells.append(nbformat.v4.new_code_cell(injected, metadata={"tags": ["injected-parameters"]}))
        cells += [nbformat.v4.new_markdown_cell("Words."), *map(nbformat.v4.new_code_cell, sources)]
        path = tmp_path / "T1.ipynb"
        path.write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))
        return path

    return write


def test_parameters_of_an_earlier_run_do_not_count(notebook: Callable[..., Path]) -> None:
    path = notebook(FOUND, injected="n = 7")
    assert code_of(path, {"n": 3}) == [("T1, cell 1", "n: int = 0  # a number"), ("T1, parameters", "n = 3"), ("T1, cell 3", FOUND)]
    assert [finding["because"] for finding in findings_in(path, {})] == ["0"]
    assert [finding["because"] for finding in findings_in(path, {"n": 3})] == ["3"]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("from compendium.corpus.errors import DataError\nraise DataError('claims/A4.yml has no claim')", "claims/A4.yml has no claim"),
        ("import sys; sys.exit('leaving')", "SystemExit: leaving"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("1 +", "SyntaxError: invalid syntax"),
    ],
)
def test_a_cell_that_fails_is_named(notebook: Callable[..., Path], source: str, told: str) -> None:
    with pytest.raises(DataError, match=f"^T1, cell 3: {told}"):
        findings_in(notebook("n", source), {})


def test_a_universe_whose_process_dies_is_told_with_its_status(notebook: Callable[..., Path]) -> None:
    path = notebook(FOUND, "import os, signal\nif n == 1: os._exit(3)\nif n == 2: os.kill(os.getpid(), signal.SIGKILL)")
    found = dict(forked(path, [{"n": n} for n in range(4)], 2))
    assert (found[1], found[2]) == ("the process ended with status 3", "the process ended with status -9")
    assert [finding["because"] for n in (0, 3) for finding in found[n]] == ["0", "3"]


def test_who_stops_listening_leaves_no_process(notebook: Callable[..., Path], tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    path = notebook(f"""
if n == 1:
    import os, time
    with open({str(mark)!r} + "~", "w") as stream:
        stream.write(str(os.getpid()))
    os.rename({str(mark)!r} + "~", {str(mark)!r})
    time.sleep(60)
if n == 2:
    import time
    while not os.path.exists({str(mark)!r}) if (os := __import__("os")) else True:
        time.sleep(0.01)
""")
    results = forked(path, [{"n": 1}, {"n": 2}], 2)
    assert next(results) == (1, [])
    results.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


# The process of one universe


def told_by(work: Callable[[Mapping[str, Any]], Any]) -> tuple[int, bytes]:
    """What the process of a universe says to the one that forked it, and its exit status, whatever is made of them."""
    reader, writer = os.pipe()

    def child() -> None:
        os.pipe, os.fork = lambda: (reader, writer), lambda: 0  # it is forked already; what follows is the child's part alone
        universes._fork(work, {"n": 1})

    fork = Fork(child)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    status, nothing = fork.end()
    assert nothing is None
    return status, content


def result_of(work: Callable[[Mapping[str, Any]], Any]) -> dict[str, Any] | str:
    ((number, result),) = universes._share_out(work, [{"n": 1}], 1)
    assert number == 0
    return result


def fails_by_data(universe: Mapping[str, Any]) -> dict[str, Any]:
    raise DataError("T1, cell 2: no")


def is_interrupted(universe: Mapping[str, Any]) -> dict[str, Any]:
    raise KeyboardInterrupt


def answers_what_is_not_json(universe: Mapping[str, Any]) -> dict[str, Any]:
    return {"findings": {1, 2}}


def test_what_a_universe_finds_comes_whole() -> None:
    def much(universe: Mapping[str, Any]) -> dict[str, Any]:
        return {"n": universe["n"], "words": "x" * 300_000}  # more than a pipe holds

    assert result_of(much) == {"n": 1, "words": "x" * 300_000}
    status, content = told_by(much)
    assert (status, json.loads(content)) == (0, {"n": 1, "words": "x" * 300_000})


def test_a_failure_is_told_in_its_words_and_any_other_with_its_traceback() -> None:
    assert told_by(fails_by_data) == (0, b'{"error": "T1, cell 2: no"}')
    assert result_of(fails_by_data) == "T1, cell 2: no"
    status, content = told_by(is_interrupted)
    assert status == 0
    for told in (json.loads(content)["error"], result_of(is_interrupted)):
        assert told.startswith("Traceback")
        assert "in is_interrupted" in told


def test_an_answer_that_cannot_be_written_is_a_failure() -> None:
    assert told_by(answers_what_is_not_json) == (1, b"")
    assert result_of(answers_what_is_not_json) == "the process ended with status 1"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says where the streams lead")
def test_a_universe_is_silent_and_leaves_an_interrupt_to_its_parent(capfd: pytest.CaptureFixture[str]) -> None:
    def look(universe: Mapping[str, Any]) -> dict[str, Any]:
        os.write(1, b"printed")
        os.write(2, b"warned")
        return {
            "streams": [str(Path(f"/proc/self/fd/{n}").readlink()) for n in (1, 2)],
            "deaf": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        }

    expected = {"streams": ["/dev/null", "/dev/null"], "deaf": True}
    assert result_of(look) == expected
    status, content = told_by(look)
    assert (status, json.loads(content)) == (0, expected)
    assert capfd.readouterr() == ("", "")
