"""Assignments: a folder with a notebook, a card that says what it is for, and what a variant is made of."""

from __future__ import annotations

import ast
import copy
import hashlib
import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, model_validator

from compendium.classroom.cells import Cell, cells_of, with_values
from compendium.classroom.variant import Limits, Variant, combinations, place
from compendium.corpus import files
from compendium.corpus.errors import DataError
from compendium.corpus.records import Record, Text
from compendium.execution.parameters import parameters_of, read_notebook

NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
RELEASED = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")  # a plain file name: no folder, nothing hidden


class DrawRecord(Record):
    """Within what one quantity is drawn: ``one_of`` some values, or ``count`` of ``some_of`` them."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    one_of: list[Any] = Field(default_factory=list)
    some_of: list[Any] = Field(default_factory=list)
    count: int | None = None
    secret: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> DrawRecord:
        if bool(self.one_of) == bool(self.some_of) or bool(self.some_of) != (self.count is not None):
            raise ValueError(f"{self.name}: allowed is one_of, or some_of with count")
        if self.count is not None and not 1 <= self.count <= len(self.some_of):
            raise ValueError(f"{self.name}: count {self.count}; 1 to {len(self.some_of)} are allowed")
        return self

    @property
    def limits(self) -> Limits:
        return Limits(self.name, tuple(self.one_of or self.some_of), self.count, self.secret)


class CriterionRecord(Record):
    model_config = ConfigDict(frozen=True, extra="forbid")

    points: Annotated[float, Field(gt=0)]
    what: Text


class CardRecord(Record):
    """``assignment.yml``."""

    title: Text
    level: Annotated[int, Field(ge=1, le=6)]
    minutes: Annotated[int, Field(ge=5, le=600)]
    aims: Annotated[list[Text], Field(min_length=1)]
    draws: Annotated[list[DrawRecord], Field(min_length=1)]
    difficulty: dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]] = Field(default_factory=dict)
    seconds: Annotated[int, Field(ge=1, le=600)] = 30
    rubric: dict[str, Annotated[list[CriterionRecord], Field(min_length=1)]] = Field(default_factory=dict)
    hints: dict[str, Text] = Field(default_factory=dict)


@dataclass(frozen=True)
class Assignment:
    """One assignment, read from its folder and checked. Made by :func:`read_assignment`."""

    name: str
    folder: Path
    card: CardRecord
    notebook: Mapping[str, Any]
    cells: tuple[Cell, ...]
    maker: types.ModuleType | None

    @cached_property
    def by_id(self) -> dict[str, Cell]:
        return {cell.id: cell for cell in self.cells if cell.id}

    @property
    def items(self) -> list[Cell]:
        """The graded cells."""
        return [cell for cell in self.cells if cell.graded]

    @property
    def points(self) -> float:
        return sum(cell.points for cell in self.items)

    @cached_property
    def variants(self) -> list[Variant]:
        """Everything that can be drawn, in a fixed order."""
        admits: Callable[..., bool] = getattr(self.maker, "admits", lambda parameters, secret: True)
        return [v for v in combinations([draw.limits for draw in self.card.draws]) if admits(dict(v.parameters), dict(v.secret))]

    def variant(self, key: bytes, student: str) -> Variant:
        """One student's variant."""
        return self.variants[place(key, self.name, student, len(self.variants))]

    def released(self, variant: Variant) -> dict[str, str]:
        """The files that lie beside the notebook, by name."""
        make = getattr(self.maker, "files", None)
        found = make(dict(variant.parameters), dict(variant.secret)) if make else {}
        for name, content in found.items():
            if not RELEASED.fullmatch(name) or not isinstance(content, str):
                raise DataError(f"{self.name}/variant.py: file {name!r}; allowed is a plain name, such as table.csv, with a text")
        return dict(found)

    def filled(self, variant: Variant) -> dict[str, Any]:
        """The notebook with solutions, its parameters those of a variant."""
        notebook = copy.deepcopy(dict(self.notebook))
        for cell in self.cells:
            if cell.role == "parameters":
                notebook["cells"][cell.place]["source"] = with_values(cell.source, variant.parameters)
        return notebook

    def question_of(self, item: Cell) -> Cell:
        """The cell that an item is about: ``growth`` for ``growth-test``, a written answer for itself."""
        return self.by_id.get(_question(item.id), item)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of everything in the folder: what a grade hangs on besides the submission."""
        digest = hashlib.sha256()
        for path in sorted(p for p in self.folder.iterdir() if p.is_file() and p.suffix in (".ipynb", ".yml", ".py")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return digest.hexdigest()


def _question(item: str) -> str:
    return re.sub(r"-test(-\d+)?$", "", item)


def read_assignment(folder: Path) -> Assignment:
    """An assignment from its folder.

    Raises
    ------
    DataError
        Where something in it is not as it must be: the file, the cell or the field, and what is allowed.
    """
    name = folder.name
    if not NAME.fullmatch(name):
        raise DataError(f"assignment {name!r}: allowed are small letters, digits and hyphens")
    if not folder.is_dir():
        has = ", ".join(sorted(p.name for p in folder.parent.glob("*") if (p / "assignment.yml").is_file())) or "none"
        raise DataError(f"there is no assignment {name!r}; there are {has}")
    path = folder / "assignment.yml"
    card = files.validated(files.read_yaml(path), CardRecord, path, "file")
    node = read_notebook(folder / f"{name}.ipynb")
    notebook = json.loads(json.dumps(node))  # sources as one text
    found = Assignment(name, folder, card, notebook, cells_of(notebook), _maker(folder / "variant.py"))
    _check(found, node)
    return found


def _maker(path: Path) -> types.ModuleType | None:
    if not path.is_file():
        return None
    module = types.ModuleType(f"variant_of_{path.parent.name}")
    module.__file__ = str(path)
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102 (the teacher's own code)
    return module


def _check(assignment: Assignment, node: Any) -> None:
    name, card = assignment.name, assignment.card
    ids = [cell.id for cell in assignment.cells if cell.id]
    if doubled := {i for i in ids if ids.count(i) > 1}:
        raise DataError(f"{name}.ipynb: grade_id {', '.join(sorted(doubled))} is given twice")
    declared = parameters_of(node, name)
    for draw in card.draws:
        if draw.secret and draw.name in declared:
            raise DataError(f"{name}: {draw.name} is secret and must not be a parameter of the notebook")
        if not draw.secret:
            if draw.name not in declared:
                raise DataError(f"{name}/assignment.yml: draws {draw.name!r}; the notebook has {', '.join(declared)}")
            for value in draw.limits.values():
                declared[draw.name].check(value)
    for cell in assignment.cells:
        _check_cell(assignment, cell)
    written = {cell.id: cell for cell in assignment.cells if cell.role == "written"}
    if set(card.rubric) != set(written):
        raise DataError(f"{name}/assignment.yml: rubric for {sorted(card.rubric)}; the parts graded by hand are {sorted(written)}")
    for key, criteria in card.rubric.items():
        if sum(c.points for c in criteria) != written[key].points:
            raise DataError(
                f"{name}/assignment.yml: the rubric of {key} adds up to {sum(c.points for c in criteria)}, not {written[key].points}"
            )
    if unknown := set(card.hints) - {cell.id for cell in assignment.items}:
        raise DataError(f"{name}/assignment.yml: hints for {sorted(unknown)}; the items are {[c.id for c in assignment.items]}")


def _check_cell(assignment: Assignment, cell: Cell) -> None:
    where = f"{assignment.name}.ipynb, cell {cell.id or cell.place + 1}"
    if cell.kind == "code":
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            raise DataError(f"{where}: not Python, line {error.lineno}: {error.msg}") from None
    if cell.role == "test":
        if _question(cell.id) == cell.id or _question(cell.id) not in assignment.by_id:
            raise DataError(f"{where}: a test is called after its question: growth-test for the answer in growth")
        if cell.points <= 0:
            raise DataError(f"{where}: a test without points")
    if cell.role == "answer" and "### BEGIN SOLUTION" not in cell.source:
        raise DataError(f"{where}: no solution between ### BEGIN SOLUTION and ### END SOLUTION")
    if cell.role == "code":
        raise DataError(f"{where}: code of no kind; allowed are answers, tests, and setup that is locked and not graded")
