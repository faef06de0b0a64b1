"""Does a wrong figure show? Each printed figure is changed by one unit of its last digit, and the checks run again."""

from __future__ import annotations

import csv
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compendium.checking import deciding
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.execution.universes import findings_in
from compendium.execution.warmserver import preload
from compendium.model import quantity

from .conftest import cases
from .spoiling import tried

LAST = re.compile(r"\d(?=\D*$)")


def nudged(printed: str) -> str:
    """One unit of the last digit more, or less where that would carry."""
    return LAST.sub(lambda m: str(int(m[0]) + 1) if m[0] != "9" else "8", printed, count=1)


def another(printed: str) -> str:
    """A number of another size altogether."""
    return re.sub(r"\d", lambda m: "9" + m[0], printed, count=1)


def test_nudging() -> None:
    assert nudged("1,135.19") == "1,135.18"
    assert nudged("42%") == "43%"
    assert another("-5.3") == "-95.3"


def figures(data: Path) -> list[tuple[Path, int]]:
    """Every cell that prints a number: its file and its row."""
    found = []
    for path in sorted((data / "tables").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            found += [(path, n) for n, row in enumerate(csv.DictReader(stream)) if re.search(r"\d", row["printed"])]
    return found


def with_figure(path: Path, number: int, change: Callable[[str], str]) -> str:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rows[number]["printed"] = change(rows[number]["printed"])
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return f"{path.stem}: {rows[number]['row']}, {rows[number]['column']}"


def found_by(notebook: Path) -> Any:
    try:
        return [[f["claim"], f["verdict"], f["strength"], f["because"], f["numbers"]] for f in findings_in(notebook, {})]
    except DataError as error:
        return str(error)


def readers(before: Any, after: Any) -> str:
    """The claims whose findings differ, with their kinds: who reads a figure."""
    if isinstance(after, str):
        return "the check of the data"
    changed = [b[0] for b, a in zip(before, after, strict=True) if b != a]
    return ", ".join(f"{claim} ({KINDS[claim]})" for claim in changed[:2]) + (" and others" if len(changed) > 2 else "")


KINDS = {key: claim.kind for corpus in [Corpus(Path(__file__).parents[2] / "data")] for chapter in corpus.chapters
         for key, claim in corpus.claims(chapter).items()}  # fmt: skip


def effect(before: Any, after: Any) -> str:
    """What changed: a verdict, a value, everything (the data are refused), or nothing."""
    if isinstance(after, str):
        return "the data are refused"
    if [f[:3] for f in before] != [f[:3] for f in after]:
        return "a verdict turns"
    return "a recomputed value changes" if before != after else "nothing"


def test_a_wrong_figure_shows(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]) -> None:
    data = tmp_path / "data"
    shutil.copytree(root / "data", data)
    monkeypatch.setenv("COMPENDIUM_DATA", str(data))
    monkeypatch.chdir(root)
    preload()
    # Every comparison, and values to the last digit: a finding tells four comparisons, to four figures.
    monkeypatch.setattr(deciding, "SHOWN", 10_000)
    monkeypatch.setattr(quantity, "_show", str)
    wanted = figures(data)
    chosen = sorted(random.Random(7).sample(wanted, cases(24, len(wanted))))
    before: dict[str, Any] = {}
    effects: Counter[str] = Counter()
    missed, idle = [], 0
    for path, number in chosen:
        chapter = path.stem.partition("-")[0]
        notebook = root / "notebooks" / f"{chapter}.ipynb"
        if chapter not in before:
            before[chapter] = json.loads(json.dumps(found_by(notebook)))
        whole = path.read_bytes()
        try:
            name = with_figure(path, number, nudged)
            small = effect(before[chapter], tried(lambda n=notebook: found_by(n), 60).value)
            path.write_bytes(whole)
            if small == "nothing":
                with_figure(path, number, another)
                large = tried(lambda n=notebook: found_by(n), 60).value
                if effect(before[chapter], large) == "nothing":
                    idle += 1  # no claim depends on it
                    continue
                missed.append(f"{name}: read by {readers(before[chapter], large)}")
        finally:
            path.write_bytes(whole)
        effects[small] += 1
    depended = sum(effects.values())
    caught = depended - effects["nothing"]
    record_property("printed figures changed by one unit", len(chosen))
    record_property("of these, figures that some claim depends on", depended)
    for what, count in sorted(effects.items()):
        record_property(f"of these, {what}", count)
    record_property("figures whose change does not show, being read for an order, an end or a bound that one unit leaves as it is", "; ".join(missed) or "none")
    record_property("figures that no claim depends on", idle)
    assert depended > len(chosen) / 3
    assert caught >= 0.8 * depended, missed
