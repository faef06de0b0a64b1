"""The command line, the pages about it, and the package's floors."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from compendium.classroom.commands import app
from compendium.classroom.course import Course
from compendium.corpus.errors import DataError

from .conftest import SMALL, hand_in, roster
from .test_variants import MEASURED, small

BELOW = {"model", "corpus", "checking", "display", "chapter", "execution", "parameters", "classroom"}


def say(*words: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "spring"
    say("init", str(target), "--roster", str(roster(tmp_path / "students.csv", ["ann", "bob"])), "--assignments", str(SMALL.parent))
    return target


def test_from_the_roster_to_the_export(folder: Path) -> None:
    from compendium.classroom.course import Course

    where = ("--course", str(folder))
    assert say("release", "small", *where, "--due", "2031-01-01T12:00").strip() == str(folder / "release")
    hand_in(Course(folder), "ann")
    lines = say("grade", *where).splitlines()
    assert [line.split("\t")[:5] for line in lines] == [["small", "ann", "graded", "7", "10"], ["small", "bob", "absent", "0", "10"]]
    assert say("feedback", "small", *where).strip() == str(folder / "feedback" / "small.html")
    assert "Student, Ann" in say("export", *where, "--format", "canvas")
    drawn = json.loads(say("variant", "small", "ann", *where, "--answers"))
    assert drawn["answers"]["total"] == str(sum(range(drawn["parameters"]["base"])))
    assert "slip" in drawn["secret"]


def test_all_variants(folder: Path) -> None:
    assert say("variants", "small", "--assignments", str(SMALL.parent)).splitlines()[0] == "variants\t240"


def test_a_variant_without_its_answers(course: Course) -> None:
    drawn = json.loads(say("variant", "small", "ann", "--course", str(course.folder)))
    assert set(drawn) == {"assignment", "student", "parameters", "secret"}
    assert (drawn["assignment"], drawn["student"]) == ("small", "ann")


def test_the_measures_of_all_variants(tmp_path: Path) -> None:
    small(tmp_path / "small", *MEASURED)
    lines = say("variants", "small", "--assignments", str(tmp_path)).splitlines()
    assert lines == ["variants\t4", "different answers\t2", "size\t7 to 9.33333, mean 8.17"]


def test_a_grading_without_a_sandbox_is_announced(course: Course) -> None:
    done = CliRunner().invoke(app, ["grade", "--course", str(course.folder), "--unsafe-no-sandbox"], catch_exceptions=False)
    assert done.exit_code == 0
    assert done.stderr.startswith("WITHOUT A SANDBOX: what students wrote runs with your rights. This is recorded in every result.\n")
    assert [line.split("\t")[:3] for line in done.stdout.splitlines()] == [["small", s, "absent"] for s in ("ann", "bob", "cyd")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["release", "tiny"], "no assignment 'tiny'"),
        (["release", "small", "--due", "tomorrow"], "--due tomorrow"),
        (["release", "small", "--student", "eve"], "no student 'eve'"),
        (["grade", "small"], "was not released"),
        (["export", "--format", "xls"], "allowed are csv, canvas, moodle"),
    ],
)
def test_a_mistake_is_one_sentence(folder: Path, words: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        say(*words, "--course", str(folder))


def test_no_course_here(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="compendium course init"):
        say("grade", "--course", str(tmp_path))


def test_init_of_an_unknown_assignment(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--only wislon"):
        say("init", str(tmp_path / "c"), "--roster", str(roster(tmp_path / "s.csv", ["ann"])), "--only", "wislon")
    assert not (tmp_path / "c").exists()


def test_every_command_has_an_example() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        assert "Example: compendium course " in (command.callback.__doc__ or "")


def test_the_commands_load_nothing_heavy() -> None:
    code = "import sys, compendium.classroom.commands\nprint([m for m in ('nbgrader', 'pandas', 'nbformat', 'zmq', 'pydantic', 'jinja2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_nbgrader_the_command_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from compendium.classroom.needs import nbgrader

    monkeypatch.setitem(sys.modules, "nbgrader", None)
    monkeypatch.delitem(sys.modules, "nbgrader.api", raising=False)
    with pytest.raises(DataError, match=r'pip install "compendium\[course\]"'):
        nbgrader("api")


def test_what_nbgrader_itself_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from compendium.classroom.needs import nbgrader

    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.delitem(sys.modules, "nbgrader.api", raising=False)
    with pytest.raises(ImportError, match="sqlalchemy"):
        nbgrader("api")


def test_classroom_imports_only_downwards(root: Path) -> None:
    package = root / "src" / "compendium"
    for path in package.rglob("*.py"):
        inside = path.relative_to(package).parts[0]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("compendium."):
                part = node.module.split(".")[1]
                if inside == "classroom":
                    assert part in BELOW, f"{path.name} imports {node.module}"
                elif part == "classroom":
                    assert inside in ("cli.py", "book"), f"{path} imports {node.module}"


@pytest.mark.parametrize("page", ["teaching.md", "students.md"])
def test_the_pages_name_commands_and_files_that_exist(root: Path, page: str) -> None:
    import re

    text = (root / "book" / page).read_text()
    known = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    named = set(re.findall(r"compendium course ([a-z]+)", text))
    assert named <= known
    if page == "teaching.md":
        assert named == known, "each command is told"
        for name in (p.parent.name for p in (root / "assignments").glob("*/assignment.yml")):
            assert f"`{name}`" in text, f"the assignment {name} is not told"
        assert "--unsafe-no-sandbox" in text
