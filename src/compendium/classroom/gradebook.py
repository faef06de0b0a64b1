"""nbgrader's gradebook: every submission is written in one piece, or not at all."""

from __future__ import annotations

import contextlib
import datetime
import logging
from collections.abc import Iterator, Sequence
from typing import Any

import nbformat

from compendium.classroom.assignment import Assignment
from compendium.classroom.course import Course
from compendium.classroom.needs import nbgrader
from compendium.classroom.roster import Student
from compendium.corpus.errors import DataError


@contextlib.contextmanager
def opened(course: Course) -> Iterator[Any]:
    """The gradebook, alone with it; what is done inside becomes lasting all at once at the end.

    Raises
    ------
    DataError
        Where the file cannot be read or written, such as on a full disk: then it is as it was.
    """
    api = nbgrader("api")
    from sqlalchemy.exc import DBAPIError

    logging.getLogger("tornado.application").setLevel(logging.CRITICAL)  # where nbgrader prints the traceback of what it then raises
    try:
        with course.locked("gradebook"), _in_one_piece(api.Gradebook(course.database)) as book:
            yield book
    except (DBAPIError, api.InvalidEntry) as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0].removeprefix("(sqlite3.OperationalError) ")
        raise DataError(f"{course.folder / 'gradebook.db'}: {reason}") from None


@contextlib.contextmanager
def _in_one_piece(gradebook: Any) -> Iterator[Any]:
    with gradebook as book:
        commit = book.db.commit
        book.db.commit = book.db.flush  # nbgrader commits after each step; a crash between two would leave half a grade
        try:
            yield book
            commit()
        except BaseException:
            with contextlib.suppress(Exception):  # the reason for it is what is told
                book.db.rollback()
            raise
        finally:
            book.db.commit = commit


def enrol(book: Any, students: Sequence[Student]) -> None:
    """Everybody on the roster is in the gradebook."""
    known = {student.id: student for student in book.students}
    for student in students:
        fields = {
            "first_name": student.first_name,
            "last_name": student.last_name,
            "email": student.email,
            "lms_user_id": student.lms_user_id,
        }
        if student.id not in known or any(getattr(known[student.id], k) != v for k, v in fields.items()):
            book.update_or_create_student(student.id, **fields)


def enter(book: Any, assignment: Assignment, due: datetime.datetime | None = None) -> None:
    """The assignment is in the gradebook with its cells, as nbgrader's own step would put them there."""
    preprocessors, api = nbgrader("preprocessors"), nbgrader("api")
    fields = {} if due is None else {"duedate": due.astimezone(datetime.UTC).replace(tzinfo=None)}
    book.update_or_create_assignment(assignment.name, **fields)
    notebook = nbformat.from_dict(dict(assignment.notebook))
    resources: dict[str, Any] = {"nbgrader": {}}
    for name in ("ClearSolutions", "LockCells", "ComputeChecksums"):
        notebook, resources = getattr(preprocessors, name)().preprocess(notebook, resources)
    saving = preprocessors.SaveCells()
    saving.assignment_id, saving.notebook_id, saving.gradebook = assignment.name, assignment.name, book
    saving.new_grade_cells, saving.new_solution_cells, saving.new_task_cells, saving.new_source_cells = {}, {}, {}, {}
    with contextlib.suppress(api.MissingEntry):
        stored = {cell.name for cell in book.find_notebook(assignment.name, assignment.name).grade_cells}
        items = {cell.id for cell in assignment.items}
        if stored != items and book.notebook_submissions(assignment.name, assignment.name):
            raise DataError(
                f"{assignment.name}: its graded cells changed after work was graded: {sorted(stored)} before, {sorted(items)} now"
            )
        if stored == items:
            _refresh(book, assignment, notebook)
            return
    saving._create_notebook(notebook)
    for cell in notebook.cells:
        saving.preprocess_cell(cell, {}, 0)
    for kind, found in (("grade", saving.new_grade_cells), ("solution", saving.new_solution_cells), ("source", saving.new_source_cells)):
        for identity, fields_ in found.items():
            getattr(book, f"update_or_create_{kind}_cell")(identity, assignment.name, assignment.name, **fields_)


def _refresh(book: Any, assignment: Assignment, notebook: Any) -> None:
    """Points and sources follow the notebook."""
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader")
        if not marks:
            continue
        if marks.grade:
            book.find_grade_cell(marks.grade_id, assignment.name, assignment.name).max_score = float(marks.points)
        if marks.locked or marks.grade:
            stored = book.find_source_cell(marks.grade_id, assignment.name, assignment.name)
            stored.source, stored.checksum = cell.source, marks.get("checksum")


def due_of(book: Any, assignment: str) -> datetime.datetime | None:
    """When an assignment is due, in UTC."""
    found = book.find_assignment(assignment).duedate
    return found.replace(tzinfo=datetime.UTC) if found else None


def record(book: Any, assignment: Assignment, student: str, result: dict[str, Any]) -> None:
    """Enter one submission's result. A grade that a person gave stays; it is marked for review only if its cell changed."""
    when = result["when"] and datetime.datetime.fromisoformat(result["when"]).astimezone(datetime.UTC).replace(tzinfo=None)
    with book.db.no_autoflush:  # objects are joined to the session only when they are whole
        book.update_or_create_submission(assignment.name, student, timestamp=when)
    for identity, item in result["items"].items():
        grade = book.find_grade(identity, assignment.name, assignment.name, student)
        changed = grade.auto_score != item["points"] or item.get("changed", False)
        grade.auto_score = item["points"]
        if item["points"] is None:
            grade.needs_manual_grade = grade.manual_score is None or changed or bool(grade.needs_manual_grade)
        else:
            grade.needs_manual_grade = bool(grade.manual_score is not None and (changed or grade.needs_manual_grade))


def scores(book: Any, assignment: str) -> dict[str, dict[str, Any]]:
    """What stands in the gradebook, by student: score, late seconds, whether a person must still grade, items."""
    found = {}
    for submission in book.assignment_submissions(assignment):
        items = {}
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                given = grade.manual_score if grade.manual_score is not None else grade.auto_score
                score = None if given is None else given + (grade.extra_credit or 0)
                items[grade.cell.name] = {"score": score, "most": grade.cell.max_score, "open": bool(grade.needs_manual_grade)}
        found[submission.student.id] = {
            "score": sum(i["score"] or 0 for i in items.values()), "most": sum(i["most"] for i in items.values()),
            "late": submission.total_seconds_late, "open": any(i["open"] for i in items.values()), "items": items,
        }  # fmt: skip
    return found


def comments(book: Any, assignment: str, student: str) -> dict[str, str]:
    """What a person wrote about a student's cells."""
    found = {}
    for notebook in book.find_submission(assignment, student).notebooks:
        for comment in notebook.comments:
            text = comment.manual_comment or ""
            if text:
                found[comment.cell.name] = text
    return found
