"""Grading a class: resumed, repeated, at the same time; the gradebook, the exports and the pages."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from compendium.classroom import export, gradebook, grading
from compendium.classroom.assignment import Assignment
from compendium.classroom.bounds import Bounds
from compendium.classroom.course import Course
from compendium.classroom.grading import grade, read_result
from compendium.classroom.pages import write
from compendium.classroom.sandbox import way
from compendium.classroom.trial import Item, Trial
from compendium.corpus.errors import DataError

from ..trust.conftest import cases
from .cases import CASES, put, save
from .conftest import Class, hand_in, make_course, solved


def results(course: Course) -> dict[str, bytes]:
    return {p.parent.parent.name: p.read_bytes() for p in (course.folder / "autograded").glob("*/small/result.json")}


def points(course: Course) -> dict[str, float]:
    with gradebook.opened(course) as book:
        return {student: one["score"] for student, one in gradebook.scores(book, "small").items()}


def test_a_second_run_grades_only_what_changed(course: Course) -> None:
    for student in ("ann", "bob"):
        hand_in(course, student)
    assert [d.what for d in grade(course, ["small"], warm=False)] == ["graded", "graded", "absent"]
    before = results(course)
    assert [d.what for d in grade(course, ["small"], warm=False)] == ["unchanged", "unchanged", "absent"]
    assert results(course) == before
    notebook = solved(course, "bob")
    put(notebook, "total", "total = 0")
    save(notebook, course.step("submitted", "bob", "small"))
    assert [d.what for d in grade(course, ["small"], warm=False)] == ["unchanged", "graded", "absent"]
    after = results(course)
    assert after["ann"] == before["ann"]
    assert after["bob"] != before["bob"]
    assert points(course) == {"ann": 7.0, "bob": 5.0}


def test_an_interrupted_run_goes_on_where_it_stopped(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    for student in ("ann", "bob", "cyd"):
        hand_in(course, student)
    real = gradebook.record

    def failing(book: object, assignment: object, student: str, result: object) -> None:
        real(book, assignment, student, result)  # type: ignore[arg-type]
        if student == "bob":
            raise KeyboardInterrupt

    monkeypatch.setattr(gradebook, "record", failing)
    with pytest.raises(KeyboardInterrupt):
        grade(course, ["small"], jobs=1, warm=False)
    monkeypatch.undo()
    assert points(course)["ann"] == 7.0
    assert "bob" not in points(course), "what was entered for bob was not whole and must not be there"
    assert "bob" not in results(course)
    done = grade(course, ["small"], warm=False)
    assert [d.what for d in done[:2]] == ["unchanged", "graded"]
    assert points(course) == {"ann": 7.0, "bob": 7.0, "cyd": 7.0}


def test_a_grader_killed_outright_leaves_nothing_half_done(course: Course, tmp_path: Path) -> None:
    for student in ("ann", "bob", "cyd"):
        hand_in(course, student)
    code = f"""
import os
from pathlib import Path
from compendium.classroom.course import Course
from compendium.classroom import grading
def report(done):
    os.kill(os.getpid(), 9)
grading.grade(Course(Path({str(course.folder)!r})), ["small"], jobs=1, report=report)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -9
    assert set(results(course)) == {"ann"}
    with sqlite3.connect(course.folder / "gradebook.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    assert [d.what for d in grade(course, ["small"], warm=False)] == ["unchanged", "graded", "graded"]


ROOM = cases([0, 16384], [0, 4096, 8192, 16384, 24576, 40960])  # bytes


def full_disk(folder: Path) -> None:
    """Grading on a disk with ever more room; it runs in a process of its own, on a disk that ends with it."""
    course = make_course(folder, ["ann", "bob", "cyd"])
    for student in ("ann", "bob", "cyd"):
        hand_in(course, student)
    words = [Path(sys.executable).with_name("compendium"), "course", "grade", "--course", course.folder]
    ballast = folder / "ballast"
    for room in (*ROOM, None):
        if room is not None:
            disk = os.statvfs(folder)
            with ballast.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, disk.f_bavail * disk.f_frsize - room)
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        ballast.unlink(missing_ok=True)
        assert done.returncode == int(room is not None), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        with sqlite3.connect(course.folder / "gradebook.db") as database:
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
        assert set(results(course)) <= {student for student, score in points(course).items() if score == 7}
        if room is not None:
            assert "No space left" in done.stderr or "disk is full" in done.stdout, done.stdout + done.stderr
    assert points(course) == {"ann": 7.0, "bob": 7.0, "cyd": 7.0}


def test_a_full_disk_leaves_the_gradebook_whole(root: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    record_property("gradings without space", len(ROOM))
    code = "import sys; from pathlib import Path; from tests.classroom.test_grading import full_disk; full_disk(Path(sys.argv[1]))"
    small = ["bwrap", "--dev-bind", "/", "/", "--size", "20000000", "--tmpfs", str(tmp_path), "--chdir", str(root)]
    done = subprocess.run([*small, sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_runs_at_once_do_each_work_once(course: Course) -> None:
    for student in ("ann", "bob", "cyd"):
        hand_in(course, student)
    found: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: found.append([d.what for d in grade(Course(course.folder), ["small"], warm=False)]))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(what for pair in zip(*found, strict=True) for what in pair) == ["graded"] * 3 + ["unchanged"] * 3
    assert points(course) == {"ann": 7.0, "bob": 7.0, "cyd": 7.0}


def test_a_damaged_result_is_made_again(course: Course) -> None:
    hand_in(course, "ann")
    grade(course, ["small"], warm=False)
    path = course.step("autograded", "ann", "small") / "result.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert grade(course, ["small"], ["ann"], warm=False)[0].what == "graded"
    assert path.read_bytes() == whole


def test_a_grade_given_by_hand_stays(course: Course) -> None:
    hand_in(course, "ann")
    grade(course, ["small"], warm=False)
    with gradebook.opened(course) as book:
        mark = book.find_grade("why", "small", "small", "ann")
        assert mark.needs_manual_grade
        mark.manual_score, mark.needs_manual_grade = 2.0, False
    notebook = solved(course, "ann")
    put(notebook, "total", "total = 0")
    save(notebook, course.step("submitted", "ann", "small"))
    grade(course, ["small"], warm=False)
    with gradebook.opened(course) as book:
        mark = book.find_grade("why", "small", "small", "ann")
        assert (mark.manual_score, mark.needs_manual_grade) == (2.0, False)
    put(notebook, "why", "Another answer.")
    save(notebook, course.step("submitted", "ann", "small"))
    grade(course, ["small"], warm=False)
    with gradebook.opened(course) as book:
        mark = book.find_grade("why", "small", "small", "ann")
        assert (mark.manual_score, mark.needs_manual_grade) == (2.0, True)


def test_nbgrader_counts_the_same_points(graded: Class) -> None:
    """Its own function, on the notebooks that we wrote, and its own gradebook."""
    import nbformat
    from nbgrader.utils import determine_grade

    with gradebook.opened(graded.course) as book:
        scores = gradebook.scores(book, "small")
    for case in CASES:
        path = graded.course.step("autograded", case.name, "small") / "small.ipynb"
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        items = graded.result(case.name)["items"]
        counted = {
            c.metadata.nbgrader.grade_id: determine_grade(c)[0] for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")
        }
        assert {k: v for k, v in counted.items() if k != "why"} == {k: i["points"] for k, i in items.items() if k != "why"}
        assert scores[case.name]["score"] == sum(i["points"] or 0 for i in items.values())


def test_nbgrader_itself_finds_the_course(graded: Class) -> None:
    """nbgrader's own application reads the configuration, the folders and the gradebook."""
    code = "import sys\nfrom compendium.classroom.lean import lean\nlean()\nfrom nbgrader.apps import NbGraderApp\nNbGraderApp.launch_instance(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", code, "list", "--help"], capture_output=True, text=True, check=False, cwd=graded.course.folder
    )
    assert done.returncode == 0, done.stderr
    code = """
from compendium.classroom.lean import lean
lean()
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps import NbGrader
app = NbGrader(); app.config_file_name = 'nbgrader_config'; app.load_config_file()
api = NbGraderAPI(config=app.config)
print(sorted(api.get_source_assignments()), api.get_assignment('small')['num_submissions'], api.get_submission('small', 'right')['score'])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False, cwd=graded.course.folder
    )
    assert done.stdout.strip().endswith(f"{len(CASES)} 7.0"), done.stdout + done.stderr[-2000:]


# The gradebook

MARKS = '"grade_id": "{}",\n     "locked": true,\n     "points": {}'


def changed(course: Course, *changes: tuple[str, str, str]) -> Assignment:
    """The assignment after the teacher changed its sources."""
    for file, old, new in changes:
        path = course.folder / "source" / "small" / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))
    return course.assignment("small")


def test_points_and_sources_follow_a_corrected_assignment(course: Course) -> None:
    assignment = changed(
        course,
        ("small.ipynb", MARKS.format("total-test", 2), MARKS.format("total-test", 4)),
        ("small.ipynb", "a whole number", "no part of one"),
    )
    with gradebook.opened(course) as book:
        before = book.find_source_cell("total-test", "small", "small").checksum
        gradebook.enter(book, assignment)
    with gradebook.opened(course) as book:
        assert book.find_grade_cell("total-test", "small", "small").max_score == 4
        assert book.find_assignment("small").max_score == 12
        stored = book.find_source_cell("total-test", "small", "small")
        assert "no part of one" in stored.source
        assert stored.checksum != before
        assert book.find_source_cell("setup", "small", "small").source.startswith("import math")


RENAMED = (("small.ipynb", MARKS.format("odd-test", 2), MARKS.format("odd-test-2", 2)), ("assignment.yml", "odd-test:", "odd-test-2:"))


def test_graded_cells_may_change_until_work_is_graded(course: Course) -> None:
    assignment = changed(course, *RENAMED)
    with gradebook.opened(course) as book:
        gradebook.enter(book, assignment)
    with gradebook.opened(course) as book:
        assert {c.name for c in book.find_notebook("small", "small").grade_cells} == {"total-test", "times-test", "odd-test-2", "why"}
        assert book.find_assignment("small").max_score == 10


def test_graded_cells_may_not_change_after_work_was_graded(course: Course) -> None:
    with gradebook.opened(course) as book:
        gradebook.record(book, course.assignment("small"), "ann", {"when": None, "items": {"total-test": {"points": 2.0}}})
    assignment = changed(course, *RENAMED)
    says = (
        "small: its graded cells changed after work was graded: "
        "['odd-test', 'times-test', 'total-test', 'why'] before, ['odd-test-2', 'times-test', 'total-test', 'why'] now"
    )
    with pytest.raises(DataError) as caught, gradebook.opened(course) as book:
        gradebook.enter(book, assignment)
    assert str(caught.value) == says
    assert points(course) == {"ann": 2.0}
    with gradebook.opened(course) as book:
        assert {c.name for c in book.find_notebook("small", "small").grade_cells} == {"total-test", "times-test", "odd-test", "why"}


def test_what_a_person_wrote_about_cells_is_found(course: Course) -> None:
    with gradebook.opened(course) as book:
        gradebook.record(book, course.assignment("small"), "ann", {"when": None, "items": {}})
        for name, text in (("why", "Because of what?"), ("total", "")):
            book.find_comment(name, "small", "small", "ann").manual_comment = text
    with gradebook.opened(course) as book:
        assert gradebook.comments(book, "small", "ann") == {"why": "Because of what?"}


# The graded notebook and the result beside it


def test_partial_credit_is_in_the_notebook_as_nbgrader_reads_it(course: Course) -> None:
    import nbformat
    from nbgrader.utils import determine_grade

    assignment = course.assignment("small")
    items = {
        "total-test": Item("total-test", 1.5, 2), "times-test": Item("times-test", 0, 3, "too high"),
        "odd-test": Item("odd-test", 2, 2), "why": Item("why", None, 3),
    }  # fmt: skip
    notebook = nbformat.reads(grading.graded_notebook(assignment, None, Trial(items)), as_version=4)
    cells = {c.metadata.nbgrader.grade_id: c for c in notebook.cells}
    assert cells["total-test"].outputs[0].data == {"text/plain": "1.5"}
    assert cells["times-test"].outputs[0].evalue == "too high"
    assert cells["odd-test"].outputs == []
    assert {name: determine_grade(cells[name]) for name in cells} == {
        "total-test": (1.5, 2), "times-test": (0, 3), "odd-test": (2, 2), "why": (None, 3),
    }  # fmt: skip


@pytest.mark.parametrize(
    "result",
    [
        {"inputs": {"format": 0}, "items": {}, "graded": ""},
        {"inputs": {"format": 1}, "items": [], "graded": ""},
        {"inputs": {"format": 1}, "items": {}},
        [],
    ],
    ids=["another format", "items in a list", "not whole", "a list"],
)
def test_a_result_that_is_none_counts_as_not_there(tmp_path: Path, result: object) -> None:
    path = tmp_path / "result.json"
    assert read_result(path) is None
    path.write_text(json.dumps(result))
    assert read_result(path) is None
    whole = {"inputs": {"format": 1}, "items": {}, "graded": "0"}
    path.write_text(json.dumps(whole))
    assert read_result(path) == whole


# Without a sandbox


def test_without_bubblewrap_nothing_is_graded(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(course, "ann")
    way.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DataError, match="apt-get install bubblewrap"):
        grade(course, ["small"], warm=False)
    monkeypatch.undo()
    way.cache_clear()
    assert results(course) == {}


def test_a_bubblewrap_that_cannot_run_is_no_sandbox(course: Course, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hand_in(course, "ann")
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: no permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    way.cache_clear()
    with pytest.raises(DataError, match=r"cannot run .*no permissions"):
        grade(course, ["small"], warm=False)
    way.cache_clear()


def test_the_teachers_own_word_is_recorded(course: Course) -> None:
    hand_in(course, "ann")
    done = grade(course, ["small"], ["ann"], unsafe=True)
    result = read_result(course.step("autograded", "ann", "small") / "result.json")
    assert result is not None
    assert "--unsafe-no-sandbox" in result["sandbox"]
    assert done[0].points == 7
    assert grade(course, ["small"], ["ann"], warm=False)[0].what == "graded", "a result without a sandbox does not count for one with it"
    result = read_result(course.step("autograded", "ann", "small") / "result.json")
    assert result is not None
    assert result["sandbox"] == "bubblewrap"


def test_a_test_that_is_at_fault_costs_no_student(course: Course) -> None:
    path = course.folder / "source" / "small" / "small.ipynb"
    path.write_text(path.read_text().replace("expected.odd", "expected.even"))
    hand_in(course, "ann")
    done = grade(course, ["small"], ["ann"], warm=False)[0]
    assert (done.what, done.sentence) == ("failed", "the solution has no 'even'")
    assert results(course) == {}


# Exports


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_exports(course: Course) -> None:
    hand_in(course, "ann")
    hand_in(course, "bob", next(c for c in CASES if c.name == "wrong"))
    grade(course, ["small"], warm=False)
    assignment = course.assignment("small")
    with gradebook.opened(course) as book:
        scores = {"small": gradebook.scores(book, "small")}
    made = {name: rows(export.written(make(course.roster, [assignment], scores))) for name, make in export.FORMATS.items()}
    assert made["canvas"] == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "A small assignment"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Student, Ann", "1", "ann", "ann@example.org", "", "7"],
        ["Student, Bob", "2", "bob", "bob@example.org", "", "5"],
        ["Student, Cyd", "3", "cyd", "cyd@example.org", "", ""],
    ]
    assert made["moodle"] == [
        ["First name", "Last name", "ID number", "Email address", "Assignment: A small assignment (Real)"],
        ["Ann", "Student", "1", "ann@example.org", "7"],
        ["Bob", "Student", "2", "bob@example.org", "5"],
        ["Cyd", "Student", "3", "cyd@example.org", ""],
    ]
    plain = made["csv"]
    assert len({len(row) for row in plain}) == 1
    assert [row[1] for row in plain[1:] if not row[9]] == ["ann", "bob", "cyd"]
    assert next(row for row in plain if row[1] == "bob" and row[9] == "total-test")[10:] == ["0", "2"]
    assert next(row for row in plain if row[1] == "ann" and not row[9])[5:9] == ["7", "10", "0", "true"]


def test_a_spreadsheet_takes_no_name_for_a_formula() -> None:
    assert export.written([["=1+1", "@x", "-2", -2, "ann"]]) == "'=1+1,'@x,'-2,-2,ann\r\n"


# Pages


def page(graded: Class, student: str) -> str:
    return (graded.course.step("feedback", student, "small") / "small.html").read_text()


def test_pages(graded: Class) -> None:
    course = graded.course
    count, of_class = write(course, course.assignment("small"), [s.id for s in course.roster])
    assert count == len(CASES)
    for case in CASES:
        text = page(graded, case.name)
        assert "<script" not in text.lower()
        assert "default-src 'none'" in text
        assert "HIDDEN" not in text.replace(case.name, "")
        assert course.key.hex() not in text
    whole = of_class.read_text()
    assert "<script" not in whole.lower()
    assert "after the due date" in whole
    assert "the sum: too high" in whole
    assert f"{len(CASES)} of {len(CASES)} handed in" in whole


def test_a_page_says_how_far_off_and_what_to_think_of(graded: Class) -> None:
    write(graded.course, graded.course.assignment("small"), ["wrong", "right", "tailored-function", "scripts", "forged-parameters"])
    text = page(graded, "wrong")
    assert "too high by 1" in text
    assert "The last number is one below the base." in text
    assert "5 of 10 points" in text
    assert "3 more points are still to be graded by a person" in text
    assert "Hint" not in page(graded, "right")
    tailored = page(graded, "tailored-function")
    base = graded.course.variant(graded.course.assignment("small"), "tailored-function").parameters["base"]
    assert "times(1009)" in tailored or "times(2)" in tailored
    assert str(1009 * base) not in tailored, "what hidden calls should give is told"
    assert "&lt;script&gt;alert(1)" in page(graded, "scripts")


def test_a_page_names_no_other_student(course: Course) -> None:
    hand_in(course, "ann")
    folder = course.step("submitted", "bob", "small")
    folder.mkdir(parents=True)
    save(solved(course, "ann"), folder)
    done = {d.student: d for d in grade(course, ["small"], warm=False)}
    mine, other = (course.variant(course.assignment("small"), s).parameters for s in ("ann", "bob"))
    if mine != other:
        assert "They are those of ann." in done["bob"].sentence
    write(course, course.assignment("small"), ["ann", "bob"])
    assert "ann" not in (course.step("feedback", "bob", "small") / "small.html").read_text().lower()


# The provisioner, for any client


def test_nbclient_uses_the_sandbox_unmodified() -> None:
    import nbclient
    import nbformat
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    from compendium.classroom.provisioner import SPEC

    class Manager(AsyncKernelManager):  # what a kernelspec on disk would do
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**SPEC)

    sources = [
        "import os\nprint(os.getuid(), os.path.exists('/work'), len(os.listdir('/proc/net')) >= 0)",
        "while True: pass",
        "print('x' * 100_000_000)",
        "6 * 7",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    nbclient.NotebookClient(notebook, timeout=2, interrupt_on_timeout=True, allow_errors=True, kernel_manager_class=Manager).execute()
    first, second, third, fourth = (c.outputs for c in notebook.cells)
    assert not first[0].text.startswith("0 ")
    assert second[0].ename == "KeyboardInterrupt"
    assert len(json.dumps(third)) < 3 * Bounds().output
    assert fourth[0].data["text/plain"] == "42"


def test_bounds_are_what_results_hang_on(course: Course) -> None:
    hand_in(course, "ann")
    assert grading.grade(course, ["small"], ["ann"], bounds=Bounds(seconds=5))[0].what == "graded"
    assert grading.grade(course, ["small"], ["ann"], bounds=Bounds(seconds=6))[0].what == "graded"
