"""Write RELIABILITY.md from reports of tests: what was tried, how often, and what it showed.

    pytest tests/trust --junitxml=trust.xml -o junit_family=xunit1
    python -m tests.trust.report trust.xml [MORE.xml ...] [mutants.json] [--full]

A file of JSON is mutmut's summary, as bench/mutants.py leaves it. The status is 1 where a test failed, or where
the tests notice fewer mutants than they should.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

HEAD = """# What was tried, and what it showed

Written by `make nightly` from the report of its tests ({when} cases). The promises are in SECURITY.md; each
names the test that shows it.
"""
NOTICED = 0.85  # of the mutants, at least
ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "test_bad_data": "Spoiled data",
    "test_bad_words": "Wrong words, and notebooks that are none",
    "test_markup": "Markup planted in the data",
    "test_faults": "Faults",
    "test_figures": "Wrong figures",
    "test_determinism": "The same bytes everywhere",
    "test_book": "Every page, in light and dark, wide and narrow",
    "test_cases": "What students hand in",
    "test_grading": "Grading a class",
    "test_assignments": "Assignments, in every variant",
}


def rows(reports: Sequence[Path]) -> dict[str, list[tuple[str, str, str]]]:
    """Per room: what was tried, the count or outcome, and the test."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for case in (case for report in reports for case in ElementTree.parse(report).getroot().iter("testcase")):
        room = case.get("classname", "").rpartition(".")[2]
        name = case.get("name", "")
        outcome = next((word for word in ("failure", "error", "skipped") if case.find(word) is not None), "passed")
        properties = [(p.get("name", ""), p.get("value", "")) for p in case.iter("property")]
        for what, value in properties or [("", "")]:
            found.setdefault(room, []).append((what, value, f"{name}: {outcome}"))
    return found


def noticed(mutants: Mapping[str, int]) -> float:
    """The share of mutants that some test notices, by failing or by never ending."""
    return (mutants["killed"] + mutants["timeout"]) / mutants["total"]


def told(found: Mapping[str, list[tuple[str, str, str]]], full: bool, mutants: Mapping[str, int] | None = None) -> str:
    """The text of RELIABILITY.md."""
    lines = [HEAD.format(when="the full number of" if full else "the usual number of")]
    for room, title in ROOMS.items():
        cases = found.get(room, [])
        tests = sorted({test for _, _, test in cases})
        failed = [test for test in tests if not test.endswith((": passed", ": skipped"))]
        skipped = [test for test in tests if test.endswith(": skipped")]
        lines.append(f"## {title}\n\n{len(tests)} tests, {len(failed)} failed, {len(skipped)} left out.\n")
        counted: dict[str, list[str]] = {}
        for what, value, _ in cases:
            if what:
                counted.setdefault(what, []).append(value)
        if counted:
            lines.append("| what | count |\n| --- | --- |")
            for what, values in counted.items():
                total = str(sum(map(int, values))) if all(re.fullmatch(r"\d+", v) for v in values) else values[0]
                lines.append(f"| {what} | {total} |")
            lines.append("")
        lines += [f"- {test}" for test in failed]
    if mutants:
        lines.append("## The model and the checks made a little wrong\n\n| what | count |\n| --- | --- |")
        lines += [f"| mutants {word.replace('_', ' ')} | {count} |" for word, count in mutants.items() if count and word != "total"]
        lines += [f"| mutants in all | {mutants['total']} |", f"| noticed by a test | {noticed(mutants):.1%} |"]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    named = [Path(word) for word in sys.argv[1:] if word != "--full"]
    found = rows([path for path in named if path.suffix == ".xml"])
    summary = next((json.loads(path.read_text()) for path in named if path.suffix == ".json"), None)
    (ROOT / "RELIABILITY.md").write_text(told(found, "--full" in sys.argv, summary), encoding="utf-8")
    failed = any(not test.endswith((": passed", ": skipped")) for cases in found.values() for _, _, test in cases)
    sys.exit(failed or (summary is not None and noticed(summary) < NOTICED))
