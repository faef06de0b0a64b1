"""A different problem for each student: even, secret, and made again from name and key alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compendium.classroom.assignment import read_assignment
from compendium.classroom.cells import cells_of, with_values
from compendium.classroom.course import Course, begin
from compendium.classroom.releasing import release, release_files
from compendium.classroom.roster import read_roster
from compendium.classroom.spread import spread
from compendium.classroom.variant import Limits, combinations, place
from compendium.corpus.errors import DataError

from .conftest import SMALL, make_course, roster

names = st.text(min_size=1, max_size=20)
keys = st.binary(min_size=32, max_size=32)


@given(keys, names, names, st.integers(1, 10_000))
def test_the_same_key_and_names_give_the_same_variant(key: bytes, assignment: str, student: str, among: int) -> None:
    drawn = place(key, assignment, student, among)
    assert 0 <= drawn < among
    assert drawn == place(key, assignment, student, among)


@given(keys, names, names)
def test_names_do_not_run_together(key: bytes, assignment: str, student: str) -> None:
    big = 1 << 60
    assert place(key, assignment + "x", student, big) != place(key, assignment, "x" + student, big)
    assert place(key, assignment, student, big) != place(bytes(b ^ 1 for b in key), assignment, student, big)


def test_the_draw_is_even() -> None:
    counts = Counter(place(b"k" * 32, "wilson", str(n), 7) for n in range(7_000))
    assert max(abs(count - 1_000) for count in counts.values()) < 150  # five standard deviations


def test_the_draw_is_even_where_a_hash_does_not_divide_evenly() -> None:
    """Of three quarters of all hashes, the first third would come twice as often as each of the others."""
    among = 3 << 62
    thirds = Counter(3 * place(b"k" * 32, "wilson", str(n), among) // among for n in range(3_000))
    assert sorted(thirds) == [0, 1, 2]
    assert max(abs(count - 1_000) for count in thirds.values()) < 150


@pytest.mark.parametrize("among", [0, -1])
def test_an_assignment_without_a_variant_is_refused(among: int) -> None:
    with pytest.raises(DataError, match="wilson: its limits admit no variant"):
        place(b"k" * 32, "wilson", "ann", among)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=4))
def test_every_combination_comes_once(shapes: list[tuple[int, bool]]) -> None:
    limits = [Limits(f"n{i}", tuple(range(size)), None, secret) for i, (size, secret) in enumerate(shapes)]
    drawn = [tuple(sorted(v.all.items())) for v in combinations(limits)]
    product = 1
    for size, _ in shapes:
        product *= size
    assert len(drawn) == len(set(drawn)) == product


def test_too_many_variants_are_refused() -> None:
    with pytest.raises(DataError, match="1,000,000 variants; at most 50,000"):
        next(combinations([Limits("a", tuple(range(1000))), Limits("b", tuple(range(1000)))]))


@given(st.integers(-(10**9), 10**9), st.text(max_size=20))
def test_parameters_are_filled_in_and_nothing_else_changes(number: int, word: str) -> None:
    source = 'from typing import Literal\n\nbase: int = 7  # up to é\nword: str = "silk"  # turned\n'
    filled = with_values(source, {"base": number, "word": word})
    names: dict[str, object] = {}
    exec(filled, names)
    assert (names["base"], names["word"]) == (number, word)
    assert with_values(filled, {"base": 7}).splitlines()[2] == "base: int = 7  # up to é"


def test_a_parameter_that_the_cell_lacks_is_named() -> None:
    with pytest.raises(DataError, match="the parameters cell has no bass, word"):
        with_values("base: int = 7\n", {"word": "silk", "base": 8, "bass": 9})


# The cells of a notebook, as files hold them


def cell(**parts: object) -> dict[str, object]:
    return {"cell_type": "code", "metadata": {}, "source": "", **parts}


def test_a_source_may_be_one_text_or_lines() -> None:
    lines, text = cells_of({"cells": [cell(source=["total = 1\n", "odd = 2"]), cell(source="total = 1\nodd = 2")]})
    assert lines.source == text.source == "total = 1\nodd = 2"
    assert (lines.place, text.place) == (0, 1)


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        ({"0": cell()}, "cells that are not a list"),
        ([cell(), "total = 1"], "cell 2 is not a cell"),
        ([cell(metadata=[])], "cell 1 is not a cell"),
        ([cell(), cell(), cell(cell_type="video")], "cell 3 is neither code nor text"),
        ([cell(cell_type=None)], "cell 1 is neither code nor text"),
        ([cell(source=7)], "a source that is neither text nor lines"),
        ([cell(source=["total = 1", 7])], "a source that is neither text nor lines"),
    ],
)
def test_a_notebook_whose_parts_are_of_the_wrong_kind_is_refused(cells: object, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        cells_of({"cells": cells})


@pytest.mark.parametrize(
    ("kind", "marks", "role"),
    [
        ("code", {"grade": True, "solution": True}, "written"),
        ("markdown", {"task": True}, "written"),
        ("code", {"grade": True}, "test"),
        ("code", {"solution": True}, "answer"),
        ("markdown", {"solution": True}, "text"),
        ("markdown", {"locked": True}, "text"),
        ("raw", {}, "text"),
        ("code", {"locked": True}, "setup"),
        ("code", {}, "code"),
        ("code", "locked", "code"),
    ],
)
def test_what_a_cell_is_for_follows_from_its_marks(kind: str, marks: object, role: str) -> None:
    (found,) = cells_of({"cells": [cell(cell_type=kind, metadata={"nbgrader": marks})]})
    assert found.role == role
    assert found.graded == (role in ("written", "test"))


@pytest.mark.parametrize(("points", "counted"), [(2, 2.0), (1.5, 1.5), ("2", 0.0), (True, 0.0), (None, 0.0)])
def test_points_are_numbers_or_none(points: object, counted: float) -> None:
    (found,) = cells_of({"cells": [cell(metadata={"nbgrader": {"grade": True, "grade_id": 7, "points": points}})]})
    assert (found.points, found.id) == (counted, "")


def test_a_release_is_the_same_byte_for_byte(tmp_path: Path) -> None:
    first = make_course(tmp_path / "a", ["ann", "bob"])
    key = (first.folder / "course.key").read_bytes()
    (tmp_path / "b" / "course").mkdir(parents=True)
    os.close(os.open(tmp_path / "b" / "course" / "course.key", os.O_CREAT, 0o600))
    (tmp_path / "b" / "course" / "course.key").write_bytes(key)
    second = make_course(tmp_path / "b", ["bob", "zoe", "ann"])  # another roster, in another order
    for student in ("ann", "bob"):
        for name in ("small.ipynb", "numbers.txt"):
            one, other = (c.step("release", student, "small") / name for c in (first, second))
            assert one.read_bytes() == other.read_bytes()
    assert not release(first, first.assignment("small"), "ann"), "nothing changed, and yet it was written"
    again = release_files(first.assignment("small"), first.variant(first.assignment("small"), "ann"))
    assert again["small.ipynb"].encode() == (first.step("release", "ann", "small") / "small.ipynb").read_bytes()


def test_what_is_released_gives_nothing_away(course: Course) -> None:
    assignment = course.assignment("small")
    for student in course.roster:
        folder = course.step("release", student.id, "small")
        text = (folder / "small.ipynb").read_text()
        for hidden in ("expected", "HIDDEN", "SOLUTION", "sum(range", "slip", course.key.hex(), "Because."):
            assert hidden not in text, hidden
        variant = course.variant(assignment, student.id)
        assert str(variant.parameters["base"]) in text
        assert json.loads(text)["cells"][0]["cell_type"] == "markdown"


def test_nbgrader_accepts_what_is_released(course: Course) -> None:
    import nbformat
    from nbgrader.preprocessors import CheckCellMetadata

    notebook = nbformat.read(course.step("release", "ann", "small") / "small.ipynb", as_version=4)
    nbformat.validate(notebook)
    CheckCellMetadata().preprocess(notebook, {})
    marks = [c.metadata.nbgrader for c in notebook.cells if "nbgrader" in c.metadata]
    assert {m.grade_id for m in marks if m.grade} == {"total-test", "times-test", "odd-test", "why"}
    assert all(m.checksum for m in marks if m.grade or m.locked)


# The key and the roster


def test_the_key_is_made_once_and_only_for_the_teacher(tmp_path: Path) -> None:
    course = make_course(tmp_path, ["ann"])
    path = course.folder / "course.key"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_bytes()
    begin(course.folder, roster(tmp_path / "more.csv", ["ann", "bob"]), [SMALL], "test")
    assert path.read_bytes() == before
    assert [s.id for s in Course(course.folder).roster] == ["ann", "bob"]


def test_a_key_that_others_can_read_is_refused(course: Course) -> None:
    (course.folder / "course.key").chmod(0o644)
    with pytest.raises(DataError, match="others can read the key"):
        _ = Course(course.folder).key


def test_a_damaged_key_is_refused(course: Course) -> None:
    (course.folder / "course.key").write_text("half a k")
    with pytest.raises(DataError, match="key is damaged"):
        _ = Course(course.folder).key


@pytest.mark.parametrize("student", ["../ann", "..", "a/b", ".hidden", "a+b", "", "a" * 65, "a b", "a\\b", "é"])
def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path: Path, student: str) -> None:
    path = tmp_path / "r.csv"
    path.write_text(f'id,first_name,last_name,email,lms_user_id\nann,,,,\n"{student}",,,,\n')
    with pytest.raises(DataError, match="row 3"):
        read_roster(path)


def test_a_roster_without_students_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^r\.csv: no student; allowed is one a row under id,first_name,last_name,email,lms_user_id$"):
        read_roster(roster(tmp_path / "r.csv", []))


def test_a_course_without_a_roster_says_how_to_make_one(course: Course) -> None:
    (course.folder / "roster.csv").unlink()
    with pytest.raises(DataError, match=r"roster\.csv: there is no roster; make the course with compendium course init"):
        _ = Course(course.folder).roster


def test_a_course_is_begun_again_from_its_own_roster(course: Course) -> None:
    path = course.folder / "roster.csv"
    before, written = path.read_bytes(), path.stat().st_mtime_ns
    again = begin(course.folder, path, [SMALL], "test")
    assert [s.id for s in again.roster] == ["ann", "bob", "cyd"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (before, written)


def test_two_students_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'ann' comes twice"):
        read_roster(roster(tmp_path / "r.csv", ["Ann", "ann"]))


# Sources, copied into the course


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[Path], None]) -> None:
    """Something happens to the course's sources just after an assignment was copied beside them."""
    copytree = shutil.copytree

    def copied(source: Path, target: Path, **words: Any) -> None:
        copytree(source, target, **words)
        do(target.parent)

    monkeypatch.setattr(shutil, "copytree", copied)


def test_of_two_runs_that_add_an_assignment_the_first_one_s_copy_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_run(sources: Path) -> None:
        (sources / "small").mkdir()
        (sources / "small" / "assignment.yml").write_text("title: The first one's")

    meanwhile(monkeypatch, other_run)
    course = begin(tmp_path / "course", roster(tmp_path / "r.csv", ["ann"]), [SMALL], "test")
    assert [p.name for p in (course.folder / "source").iterdir()] == ["small"], "nothing is left of the second one's"
    assert (course.folder / "source" / "small" / "assignment.yml").read_text() == "title: The first one's"


def test_a_copy_that_cannot_be_put_in_its_place_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    meanwhile(monkeypatch, lambda _: monkeypatch.setattr(Path, "rename", rename))
    with pytest.raises(OSError, match="No space left"):
        begin(tmp_path / "course", roster(tmp_path / "r.csv", ["ann"]), [SMALL], "test")
    assert list((tmp_path / "course" / "source").iterdir()) == []


# Assignments that are not sound


def small(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """A copy of the small assignment with texts of its files replaced."""
    shutil.copytree(SMALL, folder)
    for file, old, new in changes:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))
    return folder


FEW = (
    ("assignment.yml", "one_of: [7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19]", "one_of: [7, 8]"),
    ("assignment.yml", "one_of: [silk, road, belt, steppe]", "one_of: [silk, road]"),
    ("assignment.yml", "one_of: [3, 4, 5, 6, 7]", "one_of: [3]"),
)
MEASURED = (
    *FEW,
    ("assignment.yml", "seconds: 3", "seconds: 3\ndifficulty: {size: [7, 10]}"),
    ("variant.py", "def files", "def measures(parameters, secret, answers):\n    return {'size': answers['total'] / 3}\n\n\ndef files"),
)


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("assignment.yml", "name: base", "name: bass", "draws 'bass'"),
        ("assignment.yml", "points: 3", "points: 4", "adds up to 4"),
        ("assignment.yml", "one_of: [silk", "one_of: [3, silk", "parameter word = 3"),
        ("assignment.yml", "level: 1", "level: 9", "level"),
        ("assignment.yml", "odd-test: Divide", "even-test: Divide", "hints for"),
        ("assignment.yml", "name: slip", "name: word", "secret"),
        ("small.ipynb", '"grade_id": "odd-test"', '"grade_id": "total-test"', "given twice"),
        ("small.ipynb", '"grade_id": "odd-test"', '"grade_id": "even-test"', "called after its question"),
        ("small.ipynb", "### BEGIN SOLUTION\\n", "\\n", "no solution between"),
        ("small.ipynb", "assert odd in numbers", "assert odd in", "not Python"),
        ("variant.py", "numbers.txt", "../numbers.txt", "allowed is a plain name"),
        (
            "assignment.yml",
            "one_of: [silk, road, belt, steppe]",
            "one_of: [silk]\n    some_of: [road]",
            "word: allowed is one_of, or some_of with count",
        ),
        ("assignment.yml", "one_of: [silk, road, belt, steppe]", "some_of: [silk, road]", "word: allowed is one_of, or some_of with count"),
        (
            "assignment.yml",
            "one_of: [silk, road, belt, steppe]",
            "one_of: [silk]\n    count: 1",
            "word: allowed is one_of, or some_of with count",
        ),
        ("assignment.yml", "one_of: [3, 4, 5, 6, 7]", "some_of: [3, 4]\n    count: 3", "slip: count 3; 1 to 2 are allowed"),
        ("assignment.yml", "one_of: [3, 4, 5, 6, 7]", "some_of: [3, 4]\n    count: 0", "slip: count 0; 1 to 2 are allowed"),
        ("assignment.yml", "  why: [", "  how: [", r"rubric for \['how'\]; the parts graded by hand are \['why'\]"),
        ("small.ipynb", '"points": 2', '"points": 0', "small.ipynb, cell total-test: a test without points"),
        ("small.ipynb", '"locked": true', '"locked": false', "small.ipynb, cell setup: code of no kind"),
    ],
)
def test_an_assignment_that_is_not_sound_is_refused(tmp_path: Path, file: str, old: str, new: str, says: str) -> None:
    folder = small(tmp_path / "small", (file, old, new))

    def whole() -> None:
        assignment = read_assignment(folder)
        assignment.released(assignment.variants[0])

    with pytest.raises(DataError, match=says):
        whole()


def test_a_name_that_is_no_assignment_s_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^assignment 'Small_1': allowed are small letters, digits and hyphens$"):
        read_assignment(small(tmp_path / "Small_1"))


def test_where_there_is_no_such_assignment_those_that_there_are_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^there is no assignment 'tiny'; there are none$"):
        read_assignment(tmp_path / "tiny")
    for name in ("small", "again"):
        small(tmp_path / name)
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match=r"^there is no assignment 'tiny'; there are again, small$"):
        read_assignment(tmp_path / "tiny")


def test_an_assignment_may_do_without_files_of_its_own(tmp_path: Path) -> None:
    folder = small(tmp_path / "small", *FEW)
    (folder / "variant.py").unlink()
    assignment = read_assignment(folder)
    assert len(assignment.variants) == 4, "all combinations are admitted"
    assert assignment.released(assignment.variants[0]) == {}


# Every variant tried


def test_the_variants_of_an_assignment_are_counted_and_measured(tmp_path: Path) -> None:
    found = spread(read_assignment(small(tmp_path / "small", *MEASURED)))
    assert (found.variants, found.different) == (4, 2), "the word makes no difference to the answers"
    assert found.measures == {"size": (7, pytest.approx(49 / 6), pytest.approx(28 / 3))}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            [*FEW, ("small.ipynb", "assert odd in numbers", "assert odd > 24")],
            "small: with {'base': 7, 'word': 'silk', 'slip': 3} the solution fails odd-test: AssertionError: assert odd > 24",
        ),
        (
            [*MEASURED, ("assignment.yml", "[7, 10]", "[7, 8]")],
            "small: with {'base': 8, 'word': 'silk', 'slip': 3} size is 9.333333333333334; 7.0 to 8.0 are allowed",
        ),
        ([*FEW, MEASURED[3]], "small: measures of []; the card has limits for ['size']"),
        ([*FEW, MEASURED[4]], "small: measures of ['size']; the card has limits for []"),
    ],
    ids=["a test fails", "outside the limits", "no measure", "no limit"],
)
def test_the_first_variant_that_is_not_as_it_must_be_is_told(tmp_path: Path, changes: Sequence[tuple[str, str, str]], says: str) -> None:
    before = Path.cwd()
    with pytest.raises(DataError) as caught:
        spread(read_assignment(small(tmp_path / "small", *changes)))
    assert str(caught.value) == says
    assert Path.cwd() == before
