"""One submission's trial: the student's cells in the sandbox, the tests outside it.

The student's cells run in the student's order. A test runs after the answer that it is about, on copies
of what the kernel holds at that moment, so that nothing later can change it. A kernel that dies costs the
question in which it died: another one takes over the cells before it and goes on.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compendium.classroom.assignment import Assignment
from compendium.classroom.bounds import Bounds
from compendium.classroom.cells import Cell, with_values
from compendium.classroom.crossing import LARGEST
from compendium.classroom.examiner import Examiner, Examiners
from compendium.classroom.line import Kernel, Line, Lost
from compendium.classroom.sandbox import SandboxError
from compendium.classroom.solution import Examined
from compendium.classroom.submission import Submission, last_of, unanswered
from compendium.classroom.variant import Variant

PARCEL = "__import__('compendium.classroom.crossing', fromlist=['Parcel']).Parcel"
TEST_SECONDS = 10.0  # that a test may take by itself
WHOLE = 8  # times the limit of one cell that all cells together may take
Start = Callable[[Mapping[str, str], Bounds], Kernel]


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one graded cell.

    Parameters
    ----------
    points : float or None
        None where a person grades it.
    error : str
        Why points are missing, in a line.
    """

    id: str
    points: float | None
    most: float
    error: str = ""
    comparisons: tuple[Mapping[str, Any], ...] = ()
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a cell of the student's: by its place in the notebook handed in."""

    place: int
    outputs: tuple[Mapping[str, Any], ...]
    error: str = ""


@dataclass
class Trial:
    """The result of a submission."""

    items: dict[str, Item] = field(default_factory=dict)
    ran: dict[int, Ran] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: run a source as a cell of the student's, or examine an item."""

    source: str = ""
    place: int = -1
    label: str = ""
    item: Cell | None = None


def steps_of(submission: Submission, assignment: Assignment, variant: Variant) -> list[Step]:
    """What to do, in order: the teacher's cells as they were given out, the student's as handed in, each test after its answer."""
    steps = [Step(with_values(c.source, variant.parameters), label="parameters") for c in assignment.cells if c.role == "parameters"]
    present = {cell.id for cell in submission.cells if cell.id}
    steps += [Step(c.source, label=c.id) for c in assignment.cells if c.role == "setup" and c.id not in present]
    waiting = [item for item in assignment.items if item.role == "test"]
    last = {cell.id: cell.place for cell in submission.cells if cell.id in assignment.by_id}
    due: list[Cell] = []
    for cell in submission.cells:
        known = assignment.by_id.get(cell.id)
        if known is not None:
            steps += [Step(item=item) for item in due]  # cells of the student's own after an answer belong to it
            due = []
        if cell.kind != "code" or cell.role == "parameters" or (known is not None and known.role in ("test", "written")):
            continue
        if known is not None and known.role == "setup":
            steps.append(Step(known.source, cell.place, cell.id))
            continue
        steps.append(Step(cell.source, cell.place, cell.id or f"cell {cell.place + 1}"))
        if known is not None and last[cell.id] == cell.place:
            due = [item for item in waiting if assignment.question_of(item).id == cell.id]
            waiting = [item for item in waiting if item not in due]
    return [*steps, *(Step(item=item) for item in (*due, *waiting))]


def trial(submission: Submission, assignment: Assignment, variant: Variant, start: Start, examiners: Examiners, bounds: Bounds) -> Trial:
    """Grade one submission.

    Parameters
    ----------
    start : callable
        Starts a kernel with the released files: in a sandbox, warm or not.
    """
    with tempfile.TemporaryDirectory(prefix="compendium-examiner-") as name:
        files = assignment.released(variant)
        for file, content in files.items():
            (Path(name) / file).write_text(content, encoding="utf-8")
        court = _Court(assignment, variant, lambda: start(files, bounds), lambda: examiners.new(assignment, variant, Path(name)), bounds)
        try:
            for step in steps_of(submission, assignment, variant):
                court.take(step)
        finally:
            court.close()
    found = court.trial
    for item in assignment.items:
        if item.role == "written":
            found.items[item.id] = _written(submission, item)
    found.notes = [*submission.notes, *found.notes]
    return found


def _written(submission: Submission, item: Cell) -> Item:
    cell = last_of(submission, item.id)
    text = cell.source if cell is not None else ""
    if not text.strip() or unanswered(text):
        return Item(item.id, 0.0, item.points, "Nothing was written.")
    return Item(item.id, None, item.points, answer=text[:20_000])


class _Court:
    """Kernel and examiner of one trial, each begun again where it fails."""

    def __init__(
        self, assignment: Assignment, variant: Variant, kernel: Callable[[], Kernel], examiner: Callable[[], Examiner], bounds: Bounds
    ) -> None:
        self.trial = Trial()
        self._new_kernel, self._new_examiner, self._bounds = kernel, examiner, bounds
        self._assignment = assignment
        self._kernel: Kernel | None = None
        self._line: Line | None = None
        self._examiner: Examiner | None = None
        self._done: list[Step] = []
        self._spent = 0.0
        self._starts = 0

    def take(self, step: Step) -> None:
        if step.item is not None:
            self._examine(step.item)
        else:
            self._run(step)

    def _run(self, step: Step) -> None:
        try:
            run = self._within(lambda: self._kernel_line().run(step.source, self._seconds()))
        except Lost as error:
            self._end_kernel()
            self.trial.notes.append(f"In {step.label} {error}.")
            self._keep(step, (), str(error))
            return
        self._done.append(step)
        self._keep(step, tuple(run.outputs), run.error)
        if run.timed_out:
            self.trial.notes.append(f"In {step.label} {run.error}.")
        if run.cut:
            self.trial.notes.append(f"The output of {step.label} was cut.")

    def _keep(self, step: Step, outputs: tuple[Mapping[str, Any], ...], error: str) -> None:
        if step.place >= 0:
            self.trial.ran[step.place] = Ran(step.place, outputs, error)

    def _examine(self, item: Cell) -> None:
        lost: list[str] = []

        def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
            if lost:
                return {"lost": lost[0]}
            call = f"value(globals(), {name!r})" if what == "value" else f"call(globals(), {name!r}, {arguments!r})"
            try:
                run = self._within(lambda: self._kernel_line().evaluate(f"{PARCEL}.{call}", self._seconds()))
            except Lost as error:
                self._end_kernel()
                lost.append(str(error))
                return {"lost": str(error)}
            if run.timed_out:
                lost.append(f"it ran longer than {self._bounds.seconds:.0f} seconds and was interrupted")
                return {"lost": lost[0]}
            return parcel_of(run.parcel, run.error)

        if self._examiner is None:
            try:
                self._examiner = self._new_examiner()
            except (OSError, EOFError):  # no fault of the answer's
                raise SandboxError("the examiner did not start; grade again") from None
        try:
            result = self._examiner.examine(item.id, ask, TEST_SECONDS)
        except TimeoutError:
            result = self._hung(
                f"The test of this answer took more than {TEST_SECONDS:.0f} seconds; the answer is of no size that can be tested."
            )
        except EOFError:
            result = self._hung("The test of this answer ran out of memory; the answer is of no size that can be tested.")
        if lost:
            self.trial.notes.append(f"When {self._assignment.question_of(item).id} was tested {lost[0]}.")
        comparisons = tuple(c.as_dict() for c in result.comparisons)
        self.trial.items[item.id] = Item(item.id, result.points(item.points), item.points, result.error, comparisons)

    def _hung(self, words: str) -> Examined:
        if self._examiner is not None:
            self._examiner.close()
            self._examiner = None
        self.trial.notes.append(words)
        return Examined(words)

    def _seconds(self) -> float:
        left = WHOLE * self._bounds.seconds - self._spent
        if left <= 0:
            raise Lost(f"all cells together took more than {WHOLE * self._bounds.seconds:.0f} seconds")
        return min(self._bounds.seconds, left)

    def _within(self, work: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return work()
        finally:
            self._spent += time.monotonic() - began

    def _kernel_line(self) -> Line:
        """The line to the kernel; to a new one, with the cells before run again, where the last one was lost."""
        if self._line is not None:
            return self._line
        if self._starts > len(self._assignment.items) + 1:
            raise Lost("its kernel had been lost too often")
        self._starts += 1
        began = time.monotonic()
        try:
            self._kernel = self._new_kernel()
            self._line = Line(self._kernel)
        finally:
            self._spent -= time.monotonic() - began  # starting a kernel is not the student's doing
        again, self._done = self._done, []
        for place, step in enumerate(again):
            try:
                self._line.run(step.source, self._seconds())
                self._done.append(step)
            except Lost:
                self._done += again[place + 1 :]  # only the cell in which it was lost is left out from now on
                self._end_kernel()
                raise
        return self._line

    def _end_kernel(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    def close(self) -> None:
        self._end_kernel()
        if self._examiner is not None:
            self._examiner.close()


def parcel_of(text: str | None, error: str) -> dict[str, Any]:
    """What the kernel sent, as far as it is a parcel: texts under known names."""
    if text is None:
        return {"error": error or "nothing came back"}
    if len(text) > 2 * LARGEST:
        return {"refused": "a value that is too large"}
    with contextlib.suppress(ValueError, RecursionError):
        content = json.loads(text)
        if isinstance(content, dict):
            return {k: v for k, v in content.items() if k in ("value", "function", "missing", "refused", "error") and isinstance(v, str)}
    return {"error": "what came back is no value"}


__all__ = ["Item", "Ran", "Trial", "steps_of", "trial"]
