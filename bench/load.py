"""How time and memory grow with what the project holds, and write bench/LOAD.md.

    .venv/bin/python bench/load.py [--course .venv-course/bin/python]

5,000 claims, 10,000 universes and, with the classroom's environment named, 500 submissions; each in
three sizes, each size in a process of its own. 200 notebooks are in bench/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = Path(__file__).resolve()


def claims(size: int) -> None:
    """A chain of reasons in 15 chapters, read, checked as data, weighed and assembled into a ledger."""
    import shutil

    import yaml

    from compendium.checking.argument import graph_of, standings
    from compendium.checking.ledger import ledger
    from compendium.corpus.corpus import Corpus
    from compendium.corpus.integrity import problems

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        (data / "claims").mkdir(parents=True)
        for name in ("sources.yml", "places.csv"):
            shutil.copy(ROOT / "data" / name, data / name)
        corpus = Corpus(data)
        each = size // len(corpus.chapters) + 1
        for chapter in corpus.chapters:
            first = corpus.chapter(chapter).lines[0]
            entries = [{"id": f"{chapter}.{n}", "lines": [first, first + 1], "section": "Generated", "kind": "count" if n % 3 else "thesis",
                        "says": f"Claim number {n} says that there are {n} of them.", "values": {"count": {"printed": str(n), "exact": True}},
                        **({"supports": [f"{chapter}.{n + 1}"]} if n < each and n % 7 else {})} for n in range(1, each + 1)]  # fmt: skip
            (data / "claims" / f"{chapter}.yml").write_text(yaml.dump(entries, Dumper=yaml.CSafeDumper))
        assert list(problems(corpus)) == []
        every = {key: claim for chapter in corpus.chapters for key, claim in corpus.claims(chapter).items()}
        graph = graph_of(every.values())
        found = standings(graph, {})
        assert len(found) >= size
        assert len(ledger(corpus, [])) == len(found)


def universes(size: int) -> None:
    """A small notebook swept with forked cells."""
    import nbformat

    from compendium.execution import sweeping

    cell = ("from compendium.chapter import listening\nfrom compendium.model.claim import Basis, Finding, Verdict\n"
            "listening.get()(Finding('A4.1', Verdict.HOLDS, Basis.TABLE, None, str(number), 'How.'))")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "notebooks").mkdir()
        (root / "data").mkdir()
        (root / "requirements.lock").touch()
        cells = [nbformat.v4.new_code_cell("number: int = 0  # a number", metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(cell)]
        (root / "notebooks" / "T1.ipynb").write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))
        rows = [{"number": n} for n in range(size)]
        results = sweeping.sweep(root, "T1", rows)
        assert len(results) == size
        assert sweeping.write_parquet(root / "t.parquet", "T1", rows, results) == size


def submissions(size: int) -> None:
    """A class that handed in the small assignment of the tests, graded in the sandbox."""
    sys.path.insert(0, str(ROOT))
    from tests.classroom.conftest import hand_in, make_course

    from compendium.classroom.grading import grade

    with tempfile.TemporaryDirectory() as folder:
        names = [f"student{n:04d}" for n in range(size)]
        course = make_course(Path(folder), names)
        for name in names:
            hand_in(course, name)
        assert {d.what for d in grade(course, ["small"])} == {"graded"}


SIZES = {"claims": (1250, 2500, 5000), "universes": (2500, 5000, 10_000), "submissions": (125, 250, 500)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", help="The Python of the classroom's environment.")
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "SIZE"), help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.one:
        what, size = words.one[0], int(words.one[1])
        began = time.perf_counter()
        globals()[what](size)
        own, below = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(json.dumps([time.perf_counter() - began, max(own, below) / 1024]))
        return
    lines = ["# Load", "", "Made by `bench/load.py`; seconds are this machine's. Memory is that of the largest process.", "",
             "| what | how many | seconds | times those of half as many | memory |", "| --- | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for what, sizes in SIZES.items():
        python = words.course if what == "submissions" else sys.executable
        if python is None:
            continue
        before = None
        for size in sizes:
            done = subprocess.run([python, str(HERE), "--one", what, str(size)], cwd=ROOT, capture_output=True, text=True, check=True)
            seconds, memory = json.loads(done.stdout.splitlines()[-1])
            lines.append(f"| {what} | {size:,} | {seconds:.1f} | {f'{seconds / before:.2f}' if before else ''} | {memory:.0f} MB |")
            print(lines[-1], file=sys.stderr, flush=True)
            before = seconds
    (ROOT / "bench" / "LOAD.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
