"""Where the time goes, and what each step saves; writes bench/GAINS.md.

    .venv/bin/python bench/gains.py [--rounds 5]

From papermill's API, one notebook after another, to this project's runner, one step at a time, each in a
fresh copy of the checkout; and the cells alone, which are the floor of any runner.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

from run import HERE, NOTEBOOKS, ROOT, checkout, environment, measured, script

STEPS = {
    "papermill's API, one after another": "",
    "this project's runner, kernels as Jupyter starts them, one after another": "papermill's reading, writing and waiting",
    "the same with warm kernels": "start and imports of kernels",
    "the same, two more at once than there are processors": "parallelism",
}


def slow_import(rounds: int) -> list[str]:
    """One notebook through papermill's API, with and without the packages of a Jupyter server beside it.

    A server brings rfc3987_syntax, which compiles a grammar in every process that validates a notebook.
    """
    course = ROOT / ".venv-course" / "bin" / "python"
    if not course.exists():
        raise SystemExit("make course first: the environment with a Jupyter server is missing")
    found: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(rounds):
        for name, python in (("with", course), ("without", environment("stock") / "python")):
            found[name].append(measured([str(python), *script("papermill_api.py")], checkout(["A4"]))[0])
    with_it, without = (statistics.median(walls) for walls in found.values())
    return ["", f"Not in the table, since no way above pays for it, and measured by itself: with the packages of a Jupyter server in the environment one notebook through papermill's API "
            f"takes {with_it:.2f} s, without them {without:.2f} s ({with_it / without:.2f} times; medians of {rounds}). They are kept in the classroom's environment."]


def cells(*words: str) -> dict[str, object]:
    done = subprocess.run([sys.executable, *script("cells.py", *words)], cwd=checkout(), capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    ours = script("ours.py")
    commands = [[str(environment("stock") / "python"), *script("papermill_api.py")], [sys.executable, *ours, "1", "ordinary"],
                [sys.executable, *ours, "1"], [sys.executable, *ours]]  # fmt: skip
    walls: dict[str, list[float]] = {name: [] for name in STEPS}
    loads: dict[str, list[float]] = {name: [] for name in STEPS}
    alone = []
    for number in range(rounds):
        for name, command in zip(STEPS, commands, strict=True):
            wall, load, _ = measured(command, checkout())
            walls[name].append(wall)
            loads[name].append(load)
            print(f"round {number + 1}: {name}: {wall:.2f} s", file=sys.stderr, flush=True)
        alone.append(float(str(cells()["seconds"])))
    lines = ["# Where the gain comes from", "", f"Made by `bench/gains.py` in one run: {len(NOTEBOOKS)} notebooks, medians of {rounds} rounds.", "",
             "| way | wall | processor | times faster than the row above | what it saves |", "| --- | ---: | ---: | ---: | --- |"]  # fmt: skip
    before = 0.0
    for name, saved in STEPS.items():
        wall = statistics.median(walls[name])
        gain = f"{before / wall:.2f}" if before else ""
        lines.append(f"| {name} | {wall:.2f} s | {statistics.median(loads[name]):.2f} s | {gain} | {saved} |")
        before = wall
    floor = statistics.median(alone)
    load = statistics.median(loads[name])
    lines += ["", f"The cells alone, run in forks of one process without any kernel, take {floor:.2f} s of processor: {floor / load:.0%} of what "
              f"the last row takes. The rest is the start of the one process, {len(NOTEBOOKS)} kernels and their messages, and keeping the results.",
              "", "What the cells are spent on, by package, as profiled:", "", "| package | share |", "| --- | ---: |"]  # fmt: skip
    shares = cells("profile")["shares"]
    assert isinstance(shares, dict)
    lines += [f"| {package} | {share:.0%} |" for package, share in shares.items() if share >= 0.01]
    lines += slow_import(rounds)
    text = "\n".join(lines) + "\n"
    print(text)
    (HERE / "GAINS.md").write_text(text)


if __name__ == "__main__":
    main()
