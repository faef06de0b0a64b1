"""A course with one student for each thing that students do, graded once for all tests."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from compendium.classroom.lean import lean

lean()

from compendium.classroom import gradebook  # noqa: E402
from compendium.classroom.assignment import read_assignment  # noqa: E402
from compendium.classroom.course import Course, begin  # noqa: E402
from compendium.classroom.grading import Done, grade, read_result  # noqa: E402
from compendium.classroom.releasing import release  # noqa: E402

from .cases import CASES, Case  # noqa: E402

HERE = Path(__file__).parent
collect_ignore_glob = ["small/*"]  # an assignment, not a notebook to compare outputs of
SMALL = HERE / "small"


def roster(path: Path, students: list[str]) -> Path:
    rows = "".join(f"{s},{s.title()},Student,{s}@example.org,{n}\n" for n, s in enumerate(students, 1))
    path.write_text("id,first_name,last_name,email,lms_user_id\n" + rows)
    return path


def make_course(folder: Path, students: list[str], assignment: Path = SMALL, due: Any = None) -> Course:
    """A course with one assignment, released to everybody."""
    folder.mkdir(parents=True, exist_ok=True)
    course = begin(folder / "course", roster(folder / "students.csv", students), [assignment], "test")
    with gradebook.opened(course) as book:
        gradebook.enrol(book, course.roster)
        gradebook.enter(book, course.assignment(assignment.name), due)
    for student in course.roster:
        release(course, course.assignment(assignment.name), student.id)
    return course


def solved(course: Course, student: str, name: str = "small") -> dict[str, Any]:
    """The notebook as a student with the right answers would hand it in."""
    assignment = course.assignment(name)
    notebook = json.loads((course.step("release", student, name) / f"{name}.ipynb").read_text())
    solutions = {c.id: c.source for c in assignment.cells if c.role in ("answer", "written")}
    for cell in notebook["cells"]:
        cell["source"] = "".join(cell["source"])
        identity = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if identity in solutions:
            lines = [line for line in solutions[identity].splitlines() if not line.startswith("### ")]
            cell["source"] = "\n".join(lines)
    return notebook


def hand_in(course: Course, student: str, case: Case | None = None, name: str = "small", swaps: dict[str, str] | None = None) -> Path:
    """Put a submission where nbgrader's collect would."""
    folder = course.step("submitted", student, name)
    folder.mkdir(parents=True)
    notebook = copy.deepcopy(solved(course, student, name))
    if case is None:
        (folder / f"{name}.ipynb").write_text(json.dumps(notebook))
        return folder
    case.make(notebook, folder)
    path = folder / f"{name}.ipynb"
    if swaps and path.is_file() and not path.is_symlink():
        text = path.read_text()
        for old, new in swaps.items():
            text = text.replace(old, new)
        path.write_text(text)
    return folder


@dataclass
class Canaries:
    """Things outside that nobody may reach: how often each was."""

    folder: Path
    port: int
    reached: list[str] = field(default_factory=list)


@contextlib.contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """A server on the loopback, one on an abstract name, one at a path; a file; a variable."""
    servers = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    with contextlib.suppress(OSError):
        servers[1].bind("\0compendium-canary")
        servers[1].listen()
    servers[2].bind(str(folder / "canary.sock"))
    servers[2].listen()
    (folder / "canary.txt").write_text("canary-in-a-file")
    os.environ["CANARY"] = "canary-in-the-environment"
    found = Canaries(folder, servers[0].getsockname()[1])
    stopped = threading.Event()

    def accept(server: socket.socket, name: str) -> None:
        server.settimeout(0.2)
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError, OSError):
                server.accept()[0].close()
                found.reached.append(name)

    threads = [threading.Thread(target=accept, args=pair) for pair in zip(servers, ("loopback", "abstract", "path"), strict=True)]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        for server in servers:
            server.close()
        del os.environ["CANARY"]


@dataclass
class Class:
    """A graded class."""

    course: Course
    done: dict[str, Done]
    reached: list[str]

    def result(self, student: str) -> dict[str, Any]:
        found = read_result(self.course.step("autograded", student, "small") / "result.json")
        assert found is not None, f"{student} has no result: {self.done.get(student)}"
        return found


def graded_class(folder: Path, warm: bool) -> Class:
    import datetime

    due = datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC)
    course = make_course(folder, [c.name for c in CASES], due=due)
    with canaries(folder) as found:
        for case in CASES:
            hand_in(course, case.name, case, swaps={"PORT": str(found.port), "CANARY_SOCKET": str(folder / "canary.sock")})
        done = {d.student: d for d in grade(course, ["small"], jobs=2, warm=warm)}
    return Class(course, done, found.reached)


@pytest.fixture(scope="session", params=["fresh", "warm"])
def graded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Everything that students do, graded once."""
    return graded_class(tmp_path_factory.mktemp(request.param), request.param == "warm")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return make_course(tmp_path_factory.mktemp("once"), ["ann", "bob", "cyd"])


@pytest.fixture
def course(made_once: Course, tmp_path: Path) -> Course:
    """A course of three, copied from one that is made once for all tests: nbgrader takes long to make a gradebook."""
    return Course(Path(shutil.copytree(made_once.folder, tmp_path / "course")))


__all__ = ["read_assignment"]
