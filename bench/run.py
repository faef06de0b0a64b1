"""Compare ways to execute the chapter notebooks, all in one run, and write bench/RESULTS.md.

    .venv/bin/python bench/run.py [--rounds 5] [--only NAME ...] [--skip SECTION ...] [--resume]

The peers run in environments of their own below .bench/, made from this project's lock file and
bench/peers-*.txt, without what a plain user of theirs would not have. Every figure is the median of the
rounds with the spread behind it; the contenders take turns within a round, so that a drift of the
machine hits all alike. Ratios are to `compendium`, cold. Each measurement is kept below .bench/ at once, and
`--resume` goes on where an interrupted run stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".bench"
HERE = ROOT / "bench"
NOTEBOOKS = sorted(p.stem for p in (ROOT / "notebooks").glob("[AB][0-9].ipynb"))
SWEEP = 200
RECORDS = WORK / "records.json"

LOOP = "for n in notebooks/*.ipynb; do {papermill} --no-progress-bar $n out-$(basename $n) || exit 1; done"


@dataclass(frozen=True)
class Records:
    """The measurements of a run, kept on disk as they are made: wall seconds, processor seconds, peak memory in MB."""

    found: dict[str, list[list[float]]]

    @classmethod
    def begin(cls, resume: bool) -> Records:
        return cls(json.loads(RECORDS.read_text()) if resume and RECORDS.is_file() else {})

    def of(self, name: str) -> list[list[float]]:
        return self.found.setdefault(name, [])

    def add(self, name: str, measurement: tuple[float, float, float]) -> None:
        self.of(name).append(list(measurement))
        WORK.mkdir(exist_ok=True)
        RECORDS.write_text(json.dumps(self.found))
        print(f"{name}, {len(self.of(name))}: {measurement[0]:.2f} s", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Contender:
    """A way to execute the notebooks: a command, and what is done before it without being timed."""

    command: list[str]
    before: Callable[[Path], None] = lambda folder: None


def environment(name: str) -> Path:
    """A virtual environment with this project's run-time packages and one group of peers."""
    folder = WORK / f"env-{name}"
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*install, "-r", str(HERE / f"peers-{name}.txt")], check=True)
        subprocess.run([*install, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
        (folder / ".ready").touch()
    return folder / "bin"


def checkout(names: list[str] = NOTEBOOKS) -> Path:
    """A fresh copy of the checkout with some notebooks, so that no cache of an earlier round helps."""
    folder = WORK / "checkout"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "notebooks").mkdir(parents=True)
    for name in names:
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder / "notebooks")
    shutil.copytree(ROOT / "data", folder / "data")
    for name in ("requirements.lock", "_config.yml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def script(name: str, *words: str) -> list[str]:
    return [str(HERE / "contenders" / name), *words]


def changed(folder: Path, name: str = "A4", mark: str = "changed") -> None:
    """Change one cell of one notebook, in a way that every cache must notice."""
    for path in folder.rglob(f"{name}.ipynb"):
        notebook = json.loads(path.read_text())
        cell = next(c for c in reversed(notebook["cells"]) if c["cell_type"] == "code")
        cell["source"] = [f"# {mark}\n", *cell["source"]]
        path.write_text(json.dumps(notebook))


def contenders() -> dict[str, Contender]:
    """Each contender's command, run in a fresh copy of the checkout."""
    ours, peers = str(Path(sys.executable).parent / "python"), environment("stock")
    stock, ploomber = str(peers / "python"), str(environment("ploomber") / "python")

    def after(command: list[str], change: bool = False) -> Callable[[Path], None]:
        def before(folder: Path) -> None:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            if change:
                changed(folder)
        return before

    def cached_book(change: bool = False) -> Callable[[Path], None]:
        """The checkout with a book built in it; built once, and put back for every round."""
        kept = WORK / "cached-book"
        shutil.rmtree(kept, ignore_errors=True)

        def before(folder: Path) -> None:
            if not kept.exists():
                subprocess.run(cached, cwd=folder, check=True, capture_output=True)
                shutil.copytree(folder, kept)
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            if change:
                changed(folder)
        return before

    own = [ours, *script("ours.py")]
    cached = [stock, *script("jupyter_book.py", "python3", "cache")]
    return {
        "compendium, cold": Contender(own),
        "compendium, cold, one kernel at a time": Contender([ours, *script("ours.py", "1")]),
        "compendium, unchanged": Contender(own, after(own)),
        "compendium, one notebook changed": Contender(own, after(own, change=True)),
        "papermill, command line": Contender(["sh", "-c", LOOP.format(papermill=peers / "papermill")]),
        "papermill, API": Contender([stock, *script("papermill_api.py")]),
        "papermill, API, process pool of 2": Contender([stock, *script("papermill_api.py", "2")]),
        "nbconvert --execute": Contender([str(peers / "jupyter"), "nbconvert", "--to", "notebook", "--execute", "--output-dir", "out",
                                          *(f"notebooks/{n}.ipynb" for n in NOTEBOOKS)]),
        "nbclient, asyncio, 3 kernels": Contender([stock, *script("nbclient_async.py", "3")]),
        "ploomber, 2 processes": Contender([ploomber, *script("ploomber_dag.py", "2")]),
        "Dask, 2 workers": Contender([stock, *script("dask_pool.py", "2")]),
        "Snakemake -j2": Contender([str(peers / "snakemake"), "-j2", "--quiet", "-s", str(HERE / "contenders" / "Snakefile"),
                                    "--config", f"python={stock}"]),
        "jupyter-book build, forced": Contender([stock, *script("jupyter_book.py", "python3", "force")]),
        "jupyter-book build, forced, warm kernels": Contender([stock, *script("jupyter_book.py", "compendium", "force")]),
        "jupyter-book build, not executed": Contender([stock, *script("jupyter_book.py", "python3", "off")]),
        "jupyter-book build, cache, unchanged": Contender(cached, cached_book()),
        "jupyter-book build, cache, one changed": Contender(cached, cached_book(change=True)),
        "nbval": Contender([ours, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir=.", "--nbval", "notebooks"]),
        "nbval, warm kernels": Contender([ours, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir=.", "--nbval",
                                          "--nbval-kernel-name=compendium", "notebooks"]),
    }  # fmt: skip


def tree_memory(process: psutil.Process) -> int:
    """Bytes that a process and its descendants hold, shared pages counted once (PSS)."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            rolled_up = Path(f"/proc/{one.pid}/smaps_rollup").read_text()  # psutil adds up each mapping, which slows what is measured
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in rolled_up.splitlines() if line.startswith("Pss:"))
    return total


def measured(command: list[str], folder: Path) -> tuple[float, float, float]:
    """Wall seconds and processor seconds of a command and its children, and their peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    peak = [0]
    start = time.perf_counter()
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        ended = threading.Event()

        def watch() -> None:
            own = psutil.Process(process.pid)
            while not ended.wait(1):
                try:
                    peak[0] = max(peak[0], tree_memory(own))
                except psutil.Error:
                    return

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        code = process.wait()
        wall = time.perf_counter() - start
        ended.set()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{(folder / 'log.txt').read_text()[-2000:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak[0] / 1e6


def ratio(walls: Sequence[float], own: Sequence[float]) -> str:
    """How often one goes into the other, round by round: the median, the least and the most."""
    found = [wall / mine for wall, mine in zip(walls, own, strict=False)] or [1.0]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def sets(rounds: int, wanted: list[str], records: Records) -> list[str]:
    """The whole set of notebooks, by every way."""
    chosen = {name: c for name, c in contenders().items() if any(part in name for part in wanted or [""])}
    for number in range(rounds):
        for name, contender in chosen.items():
            if len(records.of(name)) > number:
                continue
            folder = checkout()
            contender.before(folder)
            records.add(name, measured(contender.command, folder))
    found = {name: records.of(name) for name in chosen}
    own = [wall for wall, _, _ in found.get("compendium, cold", [])]
    lines = ["## The whole set", "", f"{len(NOTEBOOKS)} notebooks, {rounds} rounds. The last column is the median of the rounds' ratios, with the least "
             "and the most: a machine that is slow for a while is slow for both.", "",
             "| way | wall, median | least to most | processor, median | memory, peak | times compendium, cold |",
             "| --- | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for name, runs in found.items():
        walls, loads, peaks = zip(*runs, strict=True)
        lines.append(f"| {name} | {statistics.median(walls):.2f} s | {min(walls):.2f} to {max(walls):.2f} | "
                     f"{statistics.median(loads):.2f} s | {max(peaks):.0f} MB | {ratio(walls, own)} |")  # fmt: skip
    return lines


def sweeps(rounds: int, records: Records) -> list[str]:
    """A sweep of 200 runs. The stock pool, which has no start to speak of, does a fifth of it in each round."""
    stock, ours = str(environment("stock") / "python"), sys.executable
    ways = {"papermill, API, process pool of 2": [stock, "stock", SWEEP // rounds], "warm kernels": [ours, "warm", SWEEP],
            "forked cells": [ours, "forked", SWEEP]}  # fmt: skip
    failed = records.of("sweep: failures")
    for number in range(rounds):
        for name, (python, way, count) in ways.items():
            while len(records.of(f"sweep: {name}")) <= number:
                try:
                    records.add(f"sweep: {name}", measured([python, *script("sweep.py", way, str(number * SWEEP), str(count))], checkout(["A4"])))
                except SystemExit as error:
                    if way != "stock" or len(failed) >= rounds:
                        raise
                    print(error, file=sys.stderr)
                    records.add("sweep: failures", (0.0, 0.0, 0.0))
    walls = {name: [wall * SWEEP / count for wall, _, _ in records.of(f"sweep: {name}")] for name, (_, _, count) in ways.items()}
    base = walls["papermill, API, process pool of 2"]
    lines = ["", f"## A sweep of {SWEEP} runs", "", f"Chapter A4 with {SWEEP} values of one parameter, {rounds} rounds; start and end included. "
             f"The stock pool did {SWEEP // rounds} a round, told here for {SWEEP}.", "",
             "| way | median | least to most | times faster than the pool |", "| --- | ---: | ---: | ---: |"]  # fmt: skip
    for name, values in walls.items():
        lines.append(f"| {name} | {statistics.median(values):.1f} s | {min(values):.1f} to {max(values):.1f} | {ratio(base, values)} |")
    if failed:
        lines += ["", f"The stock pool failed {len(failed)} times, two of its kernels having chosen one port, and was begun again; only what went well is counted."]
    return lines


def goals(records: Records) -> list[str]:
    """What was aimed at, what was reached, and the floors below which no arrangement of this work can go here."""
    walls = {name: [wall for wall, _, _ in records.of(name)] for name in contenders()}
    load = {name: statistics.median(load for _, load, _ in records.of(name)) for name in ("compendium, cold", "compendium, cold, one kernel at a time",
            "jupyter-book build, not executed")}  # fmt: skip
    own, processors = walls["compendium, cold"], os.cpu_count() or 1
    stock = min(("papermill, API, process pool of 2", "nbclient, asyncio, 3 kernels", "ploomber, 2 processes", "Dask, 2 workers", "Snakemake -j2"),
                key=lambda name: statistics.median(walls[name]))  # fmt: skip
    forced, rendered = walls["jupyter-book build, forced"], load["jupyter-book build, not executed"]
    rounds = len(records.of("sweep: warm kernels"))  # the pool does that part of a sweep in each
    pool = [wall * rounds for wall, _, _ in records.of("sweep: papermill, API, process pool of 2")]
    swept = {way: ratio(pool, [wall for wall, _, _ in records.of(f"sweep: {way}")]) for way in ("warm kernels", "forked cells")}
    even = load["compendium, cold"] / processors
    serial = rendered + load["compendium, cold, one kernel at a time"]
    return ["", "## Goals and floors", "", "| times faster than | goal | reached |", "| --- | ---: | ---: |",
            f"| papermill, command line | 10 | {ratio(walls['papermill, command line'], own)} |",
            f"| papermill, API | 7 | {ratio(walls['papermill, API'], own)} |",
            f"| the best stock arrangement ({stock}) | 4 | {ratio(walls[stock], own)} |",
            f"| jupyter-book build, forced: with warm kernels | 3.5 | {ratio(forced, walls['jupyter-book build, forced, warm kernels'])} |",
            f"| a pool, 200 runs: with warm kernels | 7 | {swept['warm kernels']} |",
            f"| a pool, 200 runs: with forked cells | 20 | {swept['forked cells']} |", "",
            f"The floor of a cold set: its work shared evenly, {load['compendium, cold']:.1f} s of processor on {processors}, takes {even:.1f} s; "
            f"it took {statistics.median(own):.1f} s. The floor of a forced build, whose renderer executes one notebook after another: {rendered:.1f} s to render "
            f"and {load['compendium, cold, one kernel at a time']:.1f} s of processor for the notebooks make {serial:.1f} s, "
            f"{statistics.median(forced) / serial:.1f} times faster than stock; with no time at all for execution it would be {statistics.median(forced) / rendered:.1f} times."]  # fmt: skip


def growth() -> list[str]:
    """Cost a notebook with 15, 50 and 200 notebooks: execution, and rendering by Sphinx."""
    lines = ["", "## Growth", "", "Copies of chapter B4, each with a cell of its own, executed in an empty store; then rendered without execution.", "",
             "| notebooks | executed | a notebook | rendered | a notebook |", "| ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for count in (15, 50, 200):
        folder = checkout([])
        for number in range(count):
            path = folder / "notebooks" / f"B4x{number:03d}.ipynb"
            shutil.copy(ROOT / "notebooks" / "B4.ipynb", path)
            changed(folder, path.stem, f"copy {number}")
        wall, _, _ = measured([sys.executable, *script("ours.py")], folder)
        drawn, _, _ = measured([str(environment("stock") / "python"), *script("jupyter_book.py", "python3", "off")], folder)
        lines.append(f"| {count} | {wall:.1f} s | {wall / count:.3f} s | {drawn:.1f} s | {drawn / count:.3f} s |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def nothing_to_do(rounds: int) -> list[str]:
    """`compendium build` with nothing changed, interpreter included."""
    command = [str(Path(sys.executable).parent / "compendium"), "build"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    walls = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        walls.append(time.perf_counter() - start)
    return ["", "## Nothing to do", "", f"`compendium build` of an unchanged book, interpreter included: {statistics.median(walls):.2f} s "
            f"(median of {rounds}, {min(walls):.2f} to {max(walls):.2f})."]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--skip", nargs="*", default=[], choices=["sets", "sweeps", "growth", "nothing"])
    parser.add_argument("--resume", action="store_true")
    words = parser.parse_args()
    records = Records.begin(words.resume)
    lines = ["# Executing the notebooks", "",
             f"{os.cpu_count()} processors, Python {platform.python_version()}. Made by `bench/run.py` in one run; seconds are this machine's, "
             "ratios are what to compare.", ""]  # fmt: skip
    if "sets" not in words.skip:
        lines += sets(words.rounds, words.only, records)
    if "sweeps" not in words.skip:
        lines += sweeps(words.rounds, records)
    if not words.only and not {"sets", "sweeps"} & set(words.skip):
        lines += goals(records)
    if "growth" not in words.skip:
        lines += growth()
    if "nothing" not in words.skip:
        lines += nothing_to_do(words.rounds)
    notes = HERE / "notes.md"
    text = "\n".join(lines) + "\n" + ("\n" + notes.read_text() if notes.is_file() else "")
    print(text)
    (HERE / "RESULTS.md").write_text(text)


if __name__ == "__main__":
    main()
