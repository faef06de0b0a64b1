"""Compare ways to grade 30 submissions of the same work, all in one run, and write bench/CLASSROOM.md.

    .venv-course/bin/python bench/classroom.py [--submissions 30] [--rounds 3] [--only NAME ...]

The work is the assignment `wilson` with everybody's numbers alike, since the peers know no others: right
solutions, and every fifth with a wrong answer. The same test cells run in each; where ours takes expected
answers from the solution's run outside, the peers' test cells run the solution where they run. The peers have environments of their own
below .bench/. Points are compared: a peer that gives others is said to.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".bench"
BASE = WORK / "classroom"
STUDENTS: list[str] = []


def environment(name: str, *extra: str) -> Path:
    """A virtual environment with the course's locked packages and one peer."""
    folder = WORK / f"env-{name}"
    python = folder / "bin" / "python"
    if not (folder / ".course-ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if extra:
            subprocess.run([*install, *extra], check=True)
        subprocess.run([*install, "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements-course.lock")], check=True)
        (next(folder.glob("lib/python*")) / "site-packages" / "compendium.pth").write_text(f"{ROOT / 'src'}\n")
        (folder / ".course-ready").touch()
    return folder / "bin"


def solutions(assignment: Any, notebook: dict[str, Any]) -> dict[str, Any]:
    """A released notebook with the solutions filled in."""
    filled = copy.deepcopy(notebook)
    source = {c.id: c.source for c in assignment.cells if c.role in ("answer", "written")}
    for cell in filled["cells"]:
        identity = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if identity in source:
            cell["source"] = "\n".join(line for line in source[identity].splitlines() if not line.startswith("### "))
    return filled


def spoiled(notebook: dict[str, Any], number: int) -> str:
    """One student's notebook; every fifth has a wrong answer, and each its own text."""
    mine = copy.deepcopy(notebook)
    for cell in mine["cells"]:
        identity = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if identity == "growth" and number % 5 == 0:
            cell["source"] += "\ngrowth = {state: 1.0 for state in states}"
        if identity == "order":
            cell["source"] += f"\nmine = {number}"
    return json.dumps(mine)


def wanted(number: int) -> float:
    return 15.0 if number % 5 == 0 else 19.0  # growth and the order that follows from it


# Ours


def ours(*words: str) -> tuple[Callable[[], None], Callable[[], list[str]], Callable[[], dict[str, float]]]:
    folder = BASE / "ours"

    def prepare() -> None:
        from compendium.classroom.assignment import read_assignment
        from compendium.classroom.course import Course

        shutil.rmtree(folder, ignore_errors=True)
        roster = BASE / "roster.csv"
        roster.write_text("id,first_name,last_name,email,lms_user_id\n" + "".join(f"{s},,,,\n" for s in STUDENTS))
        source = BASE / "source" / "wilson"
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(ROOT / "assignments" / "wilson", source)
        # Everybody has the same numbers: the first variant.
        (source / "variant.py").write_text((source / "variant.py").read_text() + SAME)
        run = [sys.executable, "-c", "from compendium.cli import main; main()", "course"]
        subprocess.run([*run, "init", str(folder), "--roster", str(roster), "--assignments", str(source.parent)], check=True, capture_output=True)
        subprocess.run([*run, "release", "--course", str(folder)], check=True, capture_output=True)
        assignment = read_assignment(source)
        released = json.loads((folder / "release" / STUDENTS[0] / "wilson" / "wilson.ipynb").read_text())
        course = Course(folder)
        assert len({json.dumps(course.variant(course.assignment("wilson"), s).all) for s in STUDENTS}) == 1
        right = solutions(assignment, released)
        for number, student in enumerate(STUDENTS):
            target = folder / "submitted" / student / "wilson"
            target.mkdir(parents=True)
            (target / "wilson.ipynb").write_text(spoiled(right, number))

    def command() -> list[str]:
        return [sys.executable, "-c", "from compendium.cli import main; main()", "course", "grade", "--course", str(folder), *words]

    def points() -> dict[str, float]:
        found = {}
        for path in (folder / "autograded").glob("*/wilson/result.json"):
            items = json.loads(path.read_text())["items"]
            found[path.parent.parent.name] = float(sum(i["points"] or 0 for i in items.values()))
        return found

    return prepare, command, points


SAME = """

_admits = admits
_first = []


def admits(parameters, secret):
    if _first or not _admits(parameters, secret):
        return False
    _first.append(parameters)
    return True
"""


# nbgrader


def peer_test(assignment: Any, source: str) -> str:
    """A test cell for those who have no expected answers at hand: it runs the solution first."""
    code = "\n".join(c.source for c in assignment.cells if c.kind == "code" and c.role in ("parameters", "setup", "answer"))
    code = "\n".join(line for line in code.splitlines() if not line.startswith("### "))  # or nbgrader would cut it out
    lines = ["import types as _types", "_names = {}", f"exec({code!r}, _names)", "expected = _types.SimpleNamespace(**_names)"]
    return "### BEGIN HIDDEN TESTS\n" + "\n".join(lines) + "\n### END HIDDEN TESTS\n" + source


def nbgrader() -> tuple[Callable[[], None], Callable[[], list[str]], Callable[[], dict[str, float]]]:
    folder, tools = BASE / "nbgrader", environment("nbgrader")
    path = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "COMPENDIUM_DATA": str(ROOT / "data")}

    def prepare() -> None:
        from compendium.classroom.assignment import read_assignment

        assignment = read_assignment(ROOT / "assignments" / "wilson")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "source" / "wilson").mkdir(parents=True)
        notebook = copy.deepcopy(dict(assignment.notebook))
        first = True
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade") and cell["cell_type"] == "code":
                if first:
                    cell["source"] = peer_test(assignment, cell["source"])
                first = False
        (folder / "source" / "wilson" / "wilson.ipynb").write_text(json.dumps(notebook))
        (folder / "nbgrader_config.py").write_text("c = get_config()\nc.CourseDirectory.course_id = 'bench'\n")
        done = subprocess.run([str(tools / "nbgrader"), "generate_assignment", "wilson", "--force"], cwd=folder, env=path, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        right = solutions(assignment, json.loads((folder / "release" / "wilson" / "wilson.ipynb").read_text()))
        for number, student in enumerate(STUDENTS):
            target = folder / "submitted" / student / "wilson"
            target.mkdir(parents=True)
            (target / "wilson.ipynb").write_text(spoiled(right, number))

    def command() -> list[str]:
        return ["env", f"PATH={path['PATH']}", f"COMPENDIUM_DATA={path['COMPENDIUM_DATA']}", "sh", "-c",
                f"cd {folder} && nbgrader autograde wilson --force"]  # fmt: skip

    def points() -> dict[str, float]:
        from compendium.classroom.needs import nbgrader as part

        with part("api").Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
            return {s.student.id: float(s.score) for s in book.assignment_submissions("wilson")}

    return prepare, command, points


# otter


HELPER = '''"""The assignment's own test cells, run on what the student's notebook defined."""
TESTS = {tests!r}
FIRST = {first!r}


def check(name, names):
    own = dict(names)
    exec(FIRST, own)
    exec(TESTS[name], own)
'''


def otter() -> tuple[Callable[[], None], Callable[[], list[str]], Callable[[], dict[str, float]]]:
    folder, tools = BASE / "otter", environment("otter", "otter-grader")
    path = f"{tools}:{os.environ['PATH']}"

    def prepare() -> None:
        from compendium.classroom.assignment import read_assignment

        assignment = read_assignment(ROOT / "assignments" / "wilson")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "tests").mkdir(parents=True)
        tests = {c.id: c.source for c in assignment.items if c.role == "test"}
        first = peer_test(assignment, "") + "\nfrom compendium.classroom.marking import agrees, equals, same_order, same_set\n"
        (folder / "bench_tests.py").write_text(HELPER.format(tests=tests, first=first))
        for item in assignment.items:
            if item.role == "test":
                case = {"code": f">>> import bench_tests\n>>> bench_tests.check({item.id!r}, globals())\n", "hidden": False, "locked": False}
                suite = {"cases": [case], "scored": True, "setup": "", "teardown": "", "type": "doctest"}
                test = {"name": item.id, "points": item.points, "suites": [suite]}
                (folder / "tests" / f"{item.id}.py").write_text(f"OK_FORMAT = True\n\ntest = {test!r}\n")
        done = subprocess.run(["sh", "-c", f"cd {folder} && PATH={path} otter generate -t tests -o autograder.zip --no-environment bench_tests.py"], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        right = solutions(assignment, dict(assignment.notebook))
        right["cells"] = [c for c in right["cells"] if not (c["metadata"].get("nbgrader", {}).get("grade") and c["cell_type"] == "code")]
        for number, student in enumerate(STUDENTS):
            (folder / f"{student}.ipynb").write_text(spoiled(right, number))

    def command() -> list[str]:
        loop = f"cd {folder} && for s in {' '.join(STUDENTS)}; do mkdir -p out-$s; otter run -a autograder.zip -o out-$s $s.ipynb >/dev/null 2>log-$s || exit 1; done"
        return ["env", f"PATH={path}", f"COMPENDIUM_DATA={ROOT / 'data'}", "sh", "-c", loop]

    def points() -> dict[str, float]:
        found = {}
        for student in STUDENTS:
            results = folder / f"out-{student}" / "results.json"
            if results.is_file():
                found[student] = float(sum(t.get("score") or 0 for t in json.loads(results.read_text())["tests"]))
        return found

    return prepare, command, points


CONTENDERS = {
    "compendium, warm kernels in a sandbox": lambda: ours("--jobs", "2"),
    "compendium, a fresh sandbox each": lambda: ours("--jobs", "2", "--fresh"),
    "compendium, a fresh sandbox each, one at a time": lambda: ours("--jobs", "1", "--fresh"),
    "nbgrader autograde": nbgrader,
    "otter run": otter,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--submissions", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[])
    words = parser.parse_args()
    STUDENTS[:] = [f"student{n:02d}" for n in range(words.submissions)]
    BASE.mkdir(parents=True, exist_ok=True)
    chosen = {name: make() for name, make in CONTENDERS.items() if not words.only or any(part in name for part in words.only)}
    walls: dict[str, list[float]] = {name: [] for name in chosen}
    same: dict[str, int] = {}
    for turn in range(words.rounds):
        for name, (prepare, command, points) in chosen.items():
            prepare()
            start = time.perf_counter()
            done = subprocess.run(command(), capture_output=True, text=True, cwd=BASE, check=False)
            walls[name].append(time.perf_counter() - start)
            if done.returncode:
                raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
            found = points()
            same[name] = sum(found.get(s) == wanted(n) for n, s in enumerate(STUDENTS))
            print(f"round {turn + 1}: {name}: {walls[name][-1]:.1f} s, {same[name]} of {len(STUDENTS)} with the points expected", file=sys.stderr, flush=True)
        write(walls, same, turn + 1)  # after each round, so that an interrupted run leaves what it measured


def write(walls: dict[str, list[float]], same: dict[str, int], rounds: int) -> None:
    base = statistics.median(walls["nbgrader autograde"]) if "nbgrader autograde" in walls else None
    lines = ["# Grading a class", "",
             f"{len(STUDENTS)} submissions, rounds: {rounds}, {os.cpu_count()} processors, Python {platform.python_version()}. Made by `bench/classroom.py`; "
             "seconds are this machine's, ratios are what to compare. Command to end of command, imports included.", "",
             "| way | seconds, median | least to most | a submission | times nbgrader's throughput | points as expected |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for name, found in walls.items():
        median = statistics.median(found)
        ratio = f"{base / median:.1f}" if base else ""
        lines.append(f"| {name} | {median:.1f} | {min(found):.1f} to {max(found):.1f} | {median / len(STUDENTS):.2f} | {ratio} | {same[name]} of {len(STUDENTS)} |")
    text = "\n".join(lines) + "\n"
    (ROOT / "bench" / "CLASSROOM.md").write_text(text)


if __name__ == "__main__":
    main()
