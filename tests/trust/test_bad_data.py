"""Spoiled data files: one sentence for each problem, never a traceback, nothing written."""

from __future__ import annotations

import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.integrity import problems

from .conftest import cases
from .spoiling import snapshot, spoiled, tried

NAMES_A_FILE = re.compile(r"[\w.-]+\.(yml|csv|json)|there is no table|there is no open series")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A copy of the data, read once, so that a fork reads only what a case spoils."""
    folder = tmp_path_factory.mktemp("spoiled") / "data"
    shutil.copytree(Path(__file__).parents[2] / "data", folder)
    assert list(problems(Corpus(folder))) == []
    return folder


def looked_through(folder: Path, chapter: str | None) -> list[str]:
    try:
        return list(problems(Corpus(folder), chapter))
    except DataError as error:  # the command line says it and ends
        return [str(error)]


def check(folder: Path, path: Path, content: bytes, chapter: str | None) -> list[str]:
    """The problems found with one file's content replaced; what was there is put back."""
    whole, times = path.read_bytes(), path.stat()
    path.write_bytes(content)
    try:
        before = snapshot(folder)
        trial = tried(lambda: looked_through(folder, chapter))
        assert snapshot(folder) == before, f"checking wrote something: {path.name}"
    finally:
        path.write_bytes(whole)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # or every later fork would read it anew
    assert trial.status == 0, f"{path.name}: {trial.output[-3000:] or trial.status}"
    for sentence in trial.value:
        assert NAMES_A_FILE.search(sentence), f"{path.name}: no file is named in {sentence!r}"
        assert "\n" not in sentence, f"{path.name}: more than one line: {sentence!r}"
        assert len(sentence) < 1500, f"{path.name}: {len(sentence)} characters: {sentence[:300]!r}"
    return list(trial.value)


def chapter_of(path: Path) -> str | None:
    """The chapter to which a file belongs, so that no more than needed is looked through."""
    key = path.stem.split("-")[0]
    return key if re.fullmatch(r"[AB]\d", key) and path.parent.name != "external" else None


def test_spoiled_files_are_told_in_sentences(copy: Path, record_property: Callable[[str, object], None]) -> None:
    chance = random.Random(20260101)
    paths = sorted(p for p in copy.rglob("*") if p.suffix in (".yml", ".csv") and p.name != "volumes.bib")
    # Claims and tables are most of the data, sources and the lists across chapters the fewest files: each kind in turn.
    kinds = sorted({p.parent.name for p in paths})
    found: Counter[str] = Counter()
    count = cases(120, 6000)
    for number in range(count):
        path = chance.choice([p for p in paths if p.parent.name == kinds[number % len(kinds)]])
        content = spoiled(path.read_bytes(), path.suffix, chance)
        found["refused" if check(copy, path, content, chapter_of(path)) else "sound"] += 1
    record_property("spoiled data files tried", count)
    record_property("spoiled data files refused with a sentence", found["refused"])
    assert found["refused"] > count / 4, "too few of the cases spoil anything"


def line_of(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(start))


CORPUS: list[tuple[str, Callable[[str], str | bytes], str]] = [
    ("claims/A4.yml", lambda t: "\ufeff" + t, "byte-order mark"),
    ("comparisons.yml", lambda t: t.replace("series: population-worldbank\n", f"series: {'é' * 200}\n", 1), "external/"),
    ("claims/A4.yml", lambda t: t.encode("utf-16"), "not UTF-8"),
    ("claims/A4.yml", lambda t: "x" * 5_000_001, "at most 5,000,000"),
    ("claims/A4.yml", lambda t: "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n", "aliases are not allowed"),
    ("claims/A4.yml", lambda t: "!!python/object/apply:os.system [id]", "not readable as YAML"),
    ("claims/A4.yml", lambda t: "- " * 40_000, "not readable as YAML"),
    ("claims/A4.yml", lambda t: "[" * 100_000, "not readable as YAML"),
    ("claims/A4.yml", lambda t: "- id: " + "1" * 5000, "not readable as YAML"),
    ("claims/A4.yml", lambda t: t.replace("- id: A4.2\n", "- id: A4.1\n", 1), "'A4.1' comes twice"),
    ("claims/A4.yml", lambda t: t.replace("- id: A4.1\n", "- id: A4.1\n  id: A4.1\n", 1), "the key 'id' comes twice"),
    ("claims/A4.yml", lambda t: t.replace("- id: A4.1\n", "- id: A5.1\n", 1), "must begin with A4."),
    ("claims/A4.yml", lambda t: t.replace(line_of(t, "  lines:"), "  lines: [1, 2]", 1), "outside the chapter"),
    ("claims/A4.yml", lambda t: t.replace(line_of(t, "  lines:"), "  lines: [90000000, 90000001]", 1), "outside the chapter"),
    ("claims/A4.yml", lambda t: t.replace(line_of(t, "  lines:"), "  lines: [.nan, .inf]", 1), "lines"),
    ("claims/A4.yml", lambda t: t.replace(line_of(t, "  says:"), '  says: "a word \\u202e turned round"', 1), "U+202E"),
    ("claims/A4.yml", lambda t: t.replace("- id: A4.1\n", "- id: A4.1\n  supports: [A4.2]\n", 1).replace("- id: A4.2\n", "- id: A4.2\n  supports: [A4.1]\n", 1), ""),
    ("tables/A4-table-1.csv", lambda t: t.replace("\n", "\r\n"), ""),
    ("tables/A4-table-1.csv", lambda t: t + t.splitlines()[1] + "\n", "comes twice"),
    ("tables/A4-table-1.csv", lambda t: t.replace(t.splitlines()[0], t.splitlines()[0] + ",more", 1), "its head is"),
    ("tables/A4-table-1.csv", lambda t: t.splitlines()[0] + "\n=cmd|' /C calc'!A0,x,,,<b>1</b>,3,\n", "never markup"),
    ("tables/A4-table-1.csv", lambda t: t.splitlines()[0] + "\na,b,,,1,99999999,\n", "the volume has"),
    ("external/worldbank-gdp.csv", lambda t: t.splitlines()[0] + "\n", "holds no row"),
    ("places.csv", lambda t: t.replace(t.splitlines()[1], "Nowhere,Atlantis,91,0", 1), "latitude"),
    ("places.csv", lambda t: t.replace(t.splitlines()[1], "Nowhere,Atlantis,nan,0", 1), "latitude"),
    ("glossary.yml", lambda t: "a: 1", "a list of entries is allowed"),
]


@pytest.mark.parametrize(("name", "spoil", "told"), CORPUS, ids=[f"{name}: {told or 'read or told'}" for name, _, told in CORPUS])
def test_known_ways_to_spoil_a_file(copy: Path, name: str, spoil: Callable[[str], str | bytes], told: str) -> None:
    path = copy / name
    if not path.is_file():
        path = sorted((copy / name).parent.glob("*.csv"))[0]
    made = spoil(path.read_text(encoding="utf-8"))
    found = check(copy, path, made if isinstance(made, bytes) else made.encode(), chapter_of(path))
    if told:
        assert any(told in sentence for sentence in found), found


def test_reasons_in_a_circle_are_told(copy: Path) -> None:
    path = copy / "claims" / "A4.yml"
    text = path.read_text(encoding="utf-8")
    entries = re.split(r"(?m)^(?=- id: )", text)
    first, second = (next(n for n, e in enumerate(entries) if e.startswith(f"- id: A4.{k}\n")) for k in (1, 2))
    for here, there in ((first, "A4.2"), (second, "A4.1")):
        lines = [line for line in entries[here].splitlines(keepends=True) if not line.startswith("  supports:")]
        entries[here] = "".join([lines[0], f"  supports: [{there}]\n", *lines[1:]])
    found = check(copy, path, "".join(entries).encode(), "A4")
    assert found == ["A4.yml, A4.1: its reasons run in a circle: A4.1 supports A4.2 supports A4.1"]
