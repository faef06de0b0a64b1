"""Write RELIABILITY.md from reports of tests: what was tried, how often, and what it showed.

    pytest tests/trust --junitxml=trust.xml -o junit_family=xunit1
    python -m tests.trust.report trust.xml [MORE.xml ...] [--full]

Its own status is 1 where a test failed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

HEAD = """# What was tried, and what it showed

Written by `make nightly` from the report of its tests ({when} cases). The promises are in SECURITY.md; each
names the test that shows it.
"""
ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "test_bad_data": "Spoiled data",
    "test_bad_words": "Wrong words, and notebooks that are none",
    "test_markup": "Markup planted in the data",
    "test_faults": "Faults",
    "test_figures": "Wrong figures",
    "test_determinism": "The same bytes everywhere",
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


def told(found: Mapping[str, list[tuple[str, str, str]]], full: bool) -> str:
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
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    found = rows([Path(word) for word in sys.argv[1:] if word != "--full"])
    (ROOT / "RELIABILITY.md").write_text(told(found, "--full" in sys.argv), encoding="utf-8")
    sys.exit(any(not test.endswith((": passed", ": skipped")) for cases in found.values() for _, _, test in cases))
