"""What students do: the grade is right, nothing leaks, nothing else is harmed, the teacher sees a sentence."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .cases import CASES, Case
from .conftest import Class


@pytest.mark.parametrize("case", CASES, ids=[c.name for c in CASES])
def test_the_grade_is_right(graded: Class, case: Case) -> None:
    result = graded.result(case.name)
    points = {key: item["points"] for key, item in result["items"].items() if key.endswith("-test")}
    assert points == case.points, (result["notes"], {k: i["error"] for k, i in result["items"].items()})
    assert result["sandbox"] == "bubblewrap"


@pytest.mark.parametrize("case", [c for c in CASES if c.says], ids=[c.name for c in CASES if c.says])
def test_the_teacher_reads_a_sentence(graded: Class, case: Case) -> None:
    said = " ".join(graded.result(case.name)["notes"])
    assert case.says in said
    assert graded.done[case.name].sentence == said


def test_every_lost_point_has_a_reason(graded: Class) -> None:
    for case in CASES:
        for key, item in graded.result(case.name)["items"].items():
            assert item["points"] is None or item["points"] == item["most"] or item["error"], f"{case.name}, {key}"


def test_nothing_leaks(graded: Class) -> None:
    """No output of a student's code holds anything of the teacher's or of another student's."""
    key = (graded.course.folder / "course.key").read_text().strip()
    for case in CASES:
        folder = graded.course.step("autograded", case.name, "small")
        seen = re.findall(r'"text": "(.*?)(?<!\\)"', (folder / "small.ipynb").read_text())
        told = "\n".join(seen)
        assert key not in told
        assert "canary-in" not in told, case.name
        assert "example.org" not in told.replace("http://example.org", ""), case.name
        for found in re.findall(r"FOUND (\[.*?\])\\n", told):
            assert found == "[]", f"{case.name} found {found[:500]}"
    for name in ("reads-answers", "climbs-out", "writes-outside", "network"):
        assert "FOUND []" in (graded.course.step("autograded", name, "small") / "small.ipynb").read_text(), (
            f"{name} did not get as far as looking"
        )


def test_nothing_outside_is_reached(graded: Class) -> None:
    assert graded.reached == []


def test_nothing_is_left_running(graded: Class) -> None:
    left = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"98765" in words:
            left.append(words)
    assert left == []


def test_nobody_else_is_harmed(graded: Class, record_property: Callable[[str, object], None]) -> None:
    """The sources and what was handed in are as they were; the class next to all this has its points."""
    record_property("honest and hostile submissions, in fresh and in warm sandboxes", len(CASES))
    source = Path(__file__).parent / "small"
    for path in source.iterdir():
        if path.is_file():
            assert (graded.course.folder / "source" / "small" / path.name).read_bytes() == path.read_bytes()
    assert graded.result("right")["notes"] == []
    assert [d.what for d in graded.done.values()] == ["graded"] * len(CASES)


def test_the_table_in_the_documentation(graded: Class, root: Path) -> None:
    """The page for teachers has the table that these cases make."""
    rows = ["| what a student does | points of 7 | what the teacher reads |", "| --- | ---: | --- |"]
    for case in CASES:
        result = graded.result(case.name)
        points = sum(item["points"] or 0 for item in result["items"].values())
        rows.append(f"| {case.what} | {points:g} | {case.says or 'the points'} |")
    table = "\n".join(rows) + "\n"
    path = root / "book" / "cases.md"
    page = "# What students do\n\nMade by the tests from real submissions; each is graded in a sandbox as told here.\n\n" + table
    if os.environ.get("COMPENDIUM_WRITE"):
        path.write_text(page)
    assert path.is_file(), "run the tests with COMPENDIUM_WRITE=1"
    assert path.read_text() == page, "run the tests with COMPENDIUM_WRITE=1, and look at what changed"
