"""The solution, run with a variant's parameters: where expected answers come from. And tests, run on answers."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compendium.classroom.assignment import Assignment
from compendium.classroom.cells import Cell, with_values
from compendium.classroom.marking import Comparison, Mismatch, as_text, listening
from compendium.classroom.variant import Variant
from compendium.corpus.errors import DataError


class Expected:
    """What the solution makes of the same parameters, by name: ``expected.growth``."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = dict(names)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_names"][name]
        except KeyError:
            raise DataError(f"the solution has no {name!r}") from None


class Unanswered(Exception):
    """An answer that cannot be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What became of one test cell.

    Parameters
    ----------
    error : str
        Why it failed, in one line; empty where it passed.
    value : float or None
        Points that the cell gives as its last expression, for partial credit.
    comparisons : tuple of Comparison
        In the order in which the test made them.
    """

    error: str = ""
    value: float | None = None
    comparisons: tuple[Comparison, ...] = ()
    trace: str = ""

    def points(self, most: float) -> float:
        """Points as nbgrader counts them: none after an error, else the value given, else all."""
        if self.error:
            return 0.0
        return most if self.value is None else min(max(self.value, 0.0), most)


def solve(assignment: Assignment, variant: Variant) -> dict[str, Any]:
    """Run the solution in the present folder, where the released files must lie; its names and their values.

    Raises
    ------
    DataError
        Where the solution itself fails: the cell and the error.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in assignment.cells:
        if cell.kind == "code" and cell.role in ("parameters", "setup", "answer", "written"):
            run_trusted(assignment, cell, variant, names)
    return names


def run_trusted(assignment: Assignment, cell: Cell, variant: Variant, names: dict[str, Any]) -> None:
    """Run one cell of the teacher's own notebook."""
    source = with_values(cell.source, variant.parameters) if cell.role == "parameters" else cell.source
    try:
        with quiet():
            exec(compile(source, f"<{assignment.name}: {cell.id or cell.role}>", "exec"), names)  # noqa: S102
    except Exception as error:
        raise DataError(
            f"{assignment.name}, cell {cell.id or cell.role}: the solution fails with {dict(variant.all)}: {brief(error)}"
        ) from None


def examine(source: str, name: str, names: dict[str, Any]) -> Examined:
    """Run a test cell on the names given, and tell what it found."""
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    told: list[Comparison] = []
    token = listening.set(told)
    value = None
    try:
        with quiet():
            exec(compile(tree, name, "exec"), names)  # noqa: S102
            if last is not None:
                assert isinstance(last, ast.Expr)
                value = eval(compile(ast.Expression(last.value), name, "eval"), names)  # noqa: S307
    except DataError:
        raise  # the teacher's own mistake, not the student's
    except (Mismatch, Unanswered) as error:
        return Examined(str(error), None, tuple(told))
    except NameError as error:
        return Examined(f"There is no answer called {error.name}.", None, tuple(told), _trace(error))
    except Exception as error:
        return Examined(brief(error) if str(error) else _failed(error, source), None, tuple(told), _trace(error))
    finally:
        listening.reset(token)
    number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    return Examined("", number, tuple(told))


def _failed(error: Exception, source: str) -> str:
    """A bare assertion has no text: tell the line that failed."""
    lines = source.splitlines()
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<")]
    line = lines[frames[-1].lineno - 1].strip() if frames and frames[-1].lineno and frames[-1].lineno <= len(lines) else ""
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


def _trace(error: Exception) -> str:
    return "".join(traceback.format_exception_only(type(error), error))[:2000]


def brief(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing that trusted code prints gets into the result on standard output."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def beside(files: Mapping[str, str], folder: Path) -> Iterator[None]:
    """Work in a folder that holds the released files."""
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with contextlib.chdir(folder):
        yield


def failures(assignment: Assignment, answers: dict[str, Any], expected: Mapping[str, Any]) -> dict[str, Examined]:
    """Every test that answers do not pass in full, run here and now: for trying an assignment out."""
    names = dict(answers)
    names.setdefault("__builtins__", builtins)
    names["expected"] = Expected(expected)
    found = {}
    for cell in assignment.items:
        if cell.role == "test":
            result = examine(cell.source, f"<{cell.id}>", names)
            if result.points(cell.points) < cell.points:
                found[cell.id] = result
    return found


def answer_names(assignment: Assignment) -> list[str]:
    """The names that the answers define, in their order."""
    names: list[str] = []
    for cell in assignment.cells:
        if cell.role == "answer":
            for node in ast.parse(cell.source).body:
                if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    names += [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return list(dict.fromkeys(names))


def answers_of(assignment: Assignment, names: Mapping[str, Any]) -> dict[str, str]:
    """What the solution gives, as text, by the names that tests look at."""
    looked_at = {
        node.id
        for node in ast.walk(ast.parse("\n".join(c.source for c in assignment.items if c.role == "test")))
        if isinstance(node, ast.Name)
    }
    return {name: as_text(names.get(name)) for name in answer_names(assignment) if name in looked_at}
