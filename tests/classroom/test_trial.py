"""One submission's trial: what a lost kernel, a test that hangs and time that is used up cost, and what they do not."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from compendium.classroom import trial as trials
from compendium.classroom.assignment import Assignment, read_assignment
from compendium.classroom.bounds import Bounds
from compendium.classroom.cells import without_hidden
from compendium.classroom.crossing import LARGEST, MIME, encoded
from compendium.classroom.examiner import Ask, names_of
from compendium.classroom.line import Lost, Run
from compendium.classroom.sandbox import SandboxError
from compendium.classroom.solution import Examined, examine
from compendium.classroom.submission import Submission, Unreadable, parsed, read_file
from compendium.classroom.trial import Trial, parcel_of, trial
from compendium.classroom.variant import Variant

from .cases import Notebook, put
from .conftest import SMALL

DIES = "raise SystemExit('the kernel died')"


class Kernel:
    """Runs code in this process. Code that leaves with SystemExit loses it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.silent = folder, False
        self.names: dict[str, Any] = {}
        self.open = True

    def close(self) -> None:
        self.open = False


class Line:
    """Speaks with a kernel as the real one does."""

    def __init__(self, kernel: Kernel) -> None:
        if kernel.silent:
            raise Lost("the kernel did not answer")
        self.kernel = kernel

    def run(self, code: str, seconds: float) -> Run:
        with lost_on_exit(), contextlib.chdir(self.kernel.folder):
            try:
                exec(code, self.kernel.names)
            except Exception as error:
                return Run(error=f"{type(error).__name__}: {error}")
        return Run()

    def evaluate(self, expression: str, seconds: float) -> Run:
        with lost_on_exit():
            return Run(parcel=eval(expression, self.kernel.names)._repr_mimebundle_()[MIME])

    def close(self) -> None:
        assert self.kernel.open, "the line is closed before the kernel"


@contextlib.contextmanager
def lost_on_exit() -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        raise Lost(str(error)) from None


class Examiner:
    """Runs the tests in this process, and fails as it is told."""

    def __init__(self, assignment: Assignment, variant: Variant, work: Path, fails: dict[str, type[Exception]]) -> None:
        self.open = True
        self._assignment, self._work, self._fails, self._ask = assignment, work, fails, lambda *_: {}
        with contextlib.chdir(work):
            self._names = names_of(assignment, variant, lambda *words: self._ask(*words))

    def examine(self, item: str, ask: Ask, seconds: float) -> Examined:
        assert self.open
        self._ask = ask
        self._names.fetched = {}
        if item in self._fails:
            raise self._fails[item]
        return examine(self._assignment.by_id[item].source, f"<{item}>", self._names)

    def close(self) -> None:
        self.open = False


class Trials:
    """Tries notebooks; keeps the kernels and examiners that this took."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.assignment = read_assignment(SMALL)
        self.variant = self.assignment.variants[0]
        self.kernels: list[Kernel] = []
        self.examiners: list[Examiner] = []
        self.fails: dict[str, type[Exception]] = {}
        self.silent = False

    def handed_in(self, **answers: str) -> Submission:
        """The solution with other answers, by question."""
        notebook: Notebook = copy.deepcopy(dict(self.assignment.notebook))
        for each in notebook["cells"]:
            each["source"] = without_hidden(each["source"])
        for identity, source in answers.items():
            put(notebook, identity, source)
        return parsed(json.dumps(notebook).encode(), self.assignment)

    def start(self, files: Mapping[str, str], bounds: Bounds) -> Kernel:
        folder = self._folder / str(len(self.kernels))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        self.kernels.append(Kernel(folder))
        self.kernels[-1].silent = self.silent
        return self.kernels[-1]

    def new(self, assignment: Assignment, variant: Variant, work: Path) -> Examiner:
        self.examiners.append(Examiner(assignment, variant, work, self.fails))
        return self.examiners[-1]

    def __call__(self, seconds: float = 30, **answers: str) -> Trial:
        return trial(self.handed_in(**answers), self.assignment, self.variant, self.start, self, Bounds(seconds=seconds))  # type: ignore[arg-type]


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trials:
    monkeypatch.setattr(trials, "Line", Line)
    return Trials(tmp_path)


def points(found: Trial) -> dict[str, float | None]:
    return {key: item.points for key, item in found.items.items()}


def test_everything_right_takes_one_kernel_and_one_examiner(tried: Trials) -> None:
    found = tried()
    assert points(found) == {"total-test": 2, "times-test": 3, "odd-test": 2, "why": None}
    assert found.notes == []
    assert [len(tried.kernels), len(tried.examiners)] == [1, 1]
    assert not tried.kernels[0].open
    assert not tried.examiners[0].open


# The kernel is lost


def test_a_kernel_that_dies_costs_the_question_in_which_it_died(tried: Trials) -> None:
    found = tried(times=DIES)
    assert points(found) == {"total-test": 2, "times-test": 0, "odd-test": 2, "why": None}
    assert found.notes == ["In times the kernel died."]
    assert found.items["times-test"].error == "There is no answer called times."
    assert found.ran[7].error == "the kernel died"
    assert len(tried.kernels) == 2, "the cells before ran again in another one"
    assert not any(kernel.open for kernel in tried.kernels)


def test_a_test_that_goes_on_after_the_kernel_is_lost_gets_no_other_kernel(tried: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test may catch that an answer cannot be had, and ask for the next one."""
    asked: list[dict[str, Any]] = []

    def stubborn(examiner: Examiner, item: str, ask: Ask, seconds: float) -> Examined:
        if item == "times-test":
            asked.extend(ask("call", "times", encoded([[1], {}])) for _ in range(3))
            asked.append(ask("value", "total", ""))
            asked.append({"kernels": len(tried.kernels)})
        return Examined()

    monkeypatch.setattr(Examiner, "examine", stubborn)
    found = tried(times=f"def times(number):\n    {DIES}")
    assert asked == [*[{"lost": "the kernel died"}] * 4, {"kernels": 1}]
    assert found.notes == ["When times was tested the kernel died."]


def test_kernels_that_do_not_answer_are_ended_and_not_begun_for_ever(tried: Trials) -> None:
    tried.silent = True
    found = tried()
    assert points(found) == {"total-test": 0, "times-test": 0, "odd-test": 0, "why": None}
    assert found.notes[:3] == [f"In {name} the kernel did not answer." for name in ("parameters", "setup", "total")]
    assert found.notes[-2:] == ["In odd its kernel had been lost too often.", "When odd was tested its kernel had been lost too often."]
    assert found.items["odd-test"].error == "odd: its kernel had been lost too often"
    assert len(tried.kernels) == len(tried.assignment.items) + 2
    assert not any(kernel.open for kernel in tried.kernels)


def test_a_sandbox_that_cannot_be_had_ends_the_trial(tried: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No student is graded for that; the folder of the examiner is gone again."""

    def start(files: Mapping[str, str], bounds: Bounds) -> Kernel:
        raise SandboxError("the kernel ended while it was starting")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    tried.start = start  # type: ignore[method-assign]
    with pytest.raises(SandboxError, match="ended while it was starting"):
        tried()
    assert tried.examiners == []
    assert list(tmp_path.iterdir()) == []


def test_an_examiner_that_cannot_be_had_ends_the_trial(tried: Trials) -> None:
    """No student is graded for that either."""

    def new(assignment: Assignment, variant: Variant, work: Path) -> Examiner:
        raise EOFError

    tried.new = new  # type: ignore[method-assign]
    with pytest.raises(SandboxError, match=r"^the examiner did not start; grade again$"):
        tried()
    assert not any(kernel.open for kernel in tried.kernels)


def test_a_cell_that_loses_the_kernel_when_it_is_run_again_costs_no_other_cell(tried: Trials) -> None:
    dies_again = (
        "import pathlib\nif pathlib.Path('../ran').exists():\n    raise SystemExit('the kernel died')\npathlib.Path('../ran').touch()\n"
    )
    total = next(c.source for c in tried.assignment.cells if c.id == "total")
    found = tried(total=dies_again + total, times=f"def times(number):\n    {DIES}")
    assert found.items["total-test"].points == 2
    assert found.notes == ["When times was tested the kernel died.", "In odd the kernel died."]
    assert len(tried.kernels) == 3
    assert "times" in tried.kernels[-1].names
    assert "total" not in tried.kernels[-1].names


# The time is used up


def test_all_cells_together_may_take_eight_times_what_one_may(tried: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, limits, run = SimpleNamespace(now=0.0), [], Line.run

    def slow(line: Line, code: str, seconds: float) -> Run:
        limits.append(seconds)
        clock.now += 2.5
        return run(line, code, seconds)

    monkeypatch.setattr(trials, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(Line, "run", slow)
    found = tried(seconds=1)
    assert limits == [1, 1, 1, 0.5], "parameters, setup, total, and what was left for times"
    assert points(found) == {"total-test": 2, "times-test": 0, "odd-test": 0, "why": None}
    assert found.items["times-test"].error == "times: all cells together took more than 8 seconds"
    assert found.ran[10].error == "all cells together took more than 8 seconds"
    assert found.notes == [
        "When times was tested all cells together took more than 8 seconds.",
        "In odd all cells together took more than 8 seconds.",
        "When odd was tested all cells together took more than 8 seconds.",
    ]
    assert not any(kernel.open for kernel in tried.kernels)


# The test of an answer fails


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (TimeoutError, "The test of this answer took more than 10 seconds; the answer is of no size that can be tested."),
        (EOFError, "The test of this answer ran out of memory; the answer is of no size that can be tested."),
    ],
)
def test_a_test_that_hangs_costs_one_answer_and_one_examiner(tried: Trials, error: type[Exception], says: str) -> None:
    tried.fails["times-test"] = error
    found = tried()
    assert points(found) == {"total-test": 2, "times-test": 0, "odd-test": 2, "why": None}
    assert found.items["times-test"].error == says
    assert found.notes == [says]
    assert len(tried.examiners) == 2, "the answers after it are tested by another one"
    assert not any(examiner.open for examiner in tried.examiners)


# What a kernel sends


@pytest.mark.parametrize(
    ("text", "error", "parcel"),
    [
        (None, "KeyError: 'x'", {"error": "KeyError: 'x'"}),
        (None, "", {"error": "nothing came back"}),
        ("x" * (2 * LARGEST + 1), "", {"refused": "a value that is too large"}),
        ("{", "", {"error": "what came back is no value"}),
        ("[" * 100_000, "", {"error": "what came back is no value"}),
        ('["value"]', "", {"error": "what came back is no value"}),
        ('{"value": "1", "points": "7", "error": 3, "function": null}', "", {"value": "1"}),
        ('{"missing": "x"}', "an error that does not count", {"missing": "x"}),
    ],
    ids=["error", "nothing", "too large", "no JSON", "nested", "no parcel", "more than texts", "missing"],
)
def test_a_parcel_is_texts_under_known_names(text: str | None, error: str, parcel: dict[str, str]) -> None:
    assert parcel_of(text, error) == parcel


# What was handed in


def test_nothing_handed_in_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^Nothing was handed in\.$"):
        read_file(tmp_path / "ann", "small")


@pytest.mark.parametrize(
    ("notebook", "says"),
    [
        ({"nbformat": 3, "worksheets": []}, "it is no notebook of format 4"),
        ([], "it is no notebook of format 4"),
        ({"nbformat": 4, "cells": [{"cell_type": "raw"}] * 2_001}, "it has 2,001 cells; 2,000 are allowed"),
    ],
    ids=["an old format", "a list", "many cells"],
)
def test_a_notebook_that_cannot_be_graded_says_why(notebook: Any, says: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parsed(json.dumps(notebook).encode(), read_assignment(SMALL))
    assert str(caught.value) == f"The file is not a notebook that can be read: {says}."


def test_two_thousand_cells_are_read() -> None:
    notebook = {"nbformat": 4, "cells": [{"cell_type": "raw"}] * 2_000}
    assert len(parsed(json.dumps(notebook).encode(), read_assignment(SMALL)).cells) == 2_000
