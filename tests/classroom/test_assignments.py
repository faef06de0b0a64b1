"""Every assignment, in the variants that can be drawn: it is sound, it can be solved, and nothing gives it away."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from compendium.classroom.assignment import Assignment, read_assignment
from compendium.classroom.cells import without_hidden
from compendium.classroom.solution import beside, failures, solve
from compendium.classroom.spread import spread

from ..trust.conftest import cases

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(path.parent.name for path in (ROOT / "assignments").glob("*/assignment.yml"))


@pytest.fixture(scope="module", params=NAMES)
def assignment(request: pytest.FixtureRequest) -> Assignment:
    return read_assignment(ROOT / "assignments" / request.param)


def test_variants_can_be_solved_and_are_as_hard_as_each_other(assignment: Assignment, record_property: Callable[[str, object], None]) -> None:
    found = spread(assignment, one_in=cases(max(1, len(assignment.variants) // 150), 1))  # every one of them at night
    record_property("variants solved and tested", found.variants)
    assert found.variants >= 100, "too few variants: two students of a class would often get the same"
    assert found.different >= 60
    assert found.measures, "the card states no limit of difficulty"


def test_graded_by_machine_and_by_hand(assignment: Assignment) -> None:
    roles = {cell.role for cell in assignment.items}
    assert roles == {"test", "written"}
    assert set(assignment.card.hints) == {cell.id for cell in assignment.items if cell.role == "test"}


def test_no_answer_outside_the_solution(assignment: Assignment) -> None:
    """What the student gets of each test cell runs without the grader's names."""
    for cell in assignment.items:
        if cell.role == "test":
            assert "### BEGIN HIDDEN TESTS" in cell.source, f"{cell.id} hides nothing"
            assert not re.search(r"\bexpected\b", without_hidden(cell.source)), f"{cell.id} uses the expected answer in sight"


def test_nothing_earns_nothing(assignment: Assignment) -> None:
    """A notebook without answers fails every test; one with another variant's answers fails some."""
    variants = assignment.variants
    mine, other = variants[0], variants[len(variants) // 2]
    with tempfile.TemporaryDirectory() as name:
        with beside(assignment.released(other), Path(name)):
            theirs = solve(assignment, other)
        with beside(assignment.released(mine), Path(name)):
            answers = solve(assignment, mine)
            setup = {k: v for k, v in answers.items() if k in mine.parameters or k in ("chapter", "__name__")}
            tests = [cell.id for cell in assignment.items if cell.role == "test"]
            assert sorted(failures(assignment, dict(setup), answers)) == sorted(tests)
            copied = failures(assignment, {**theirs, **setup}, answers)
    assert copied, "another student's answers pass every test"


def test_a_secret_is_not_in_the_notebook(assignment: Assignment) -> None:
    """What the student is to find stands in no parameters cell; the files alone carry it."""
    names = {draw.name for draw in assignment.card.draws if draw.secret}
    for cell in assignment.cells:
        if cell.role in ("parameters", "setup", "text", "test"):
            assert not names & set(re.findall(r"\w+", cell.source)), f"cell {cell.id or cell.place} names what is secret"
