"""Write RELIABILITY.md from a test report: what was tried, how often, and what it showed.

    pytest tests/trust --junitxml=trust.xml -o junit_family=xunit1
    python -m tests.trust.report trust.xml > RELIABILITY.md
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

HEAD = """# What was tried, and what it showed

Written by `make nightly` from the report of its tests ({when} cases). The promises are in SECURITY.md; each
names the test that shows it.
"""
ROOMS = {
    "test_bad_data": "Spoiled data",
    "test_bad_words": "Wrong words, and notebooks that are none",
    "test_markup": "Markup planted in the data",
    "test_faults": "Faults",
    "test_figures": "Wrong figures",
    "test_determinism": "The same bytes everywhere",
}


def rows(report: Path) -> dict[str, list[tuple[str, str, str]]]:
    """Per room: what was tried, the count or outcome, and the test."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        room = case.get("classname", "").rpartition(".")[2]
        name = case.get("name", "")
        outcome = next((word for word in ("failure", "error", "skipped") if case.find(word) is not None), "passed")
        properties = [(p.get("name", ""), p.get("value", "")) for p in case.iter("property")]
        for what, value in properties or [("", "")]:
            found.setdefault(room, []).append((what, value, f"{name}: {outcome}"))
    return found


def told(report: Path) -> str:
    found = rows(report)
    lines = [HEAD.format(when="the full number of" if "--full" in sys.argv else "the usual number of")]
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
    sys.stdout.write(told(Path(sys.argv[1])))
