"""Wrong words on the command line, and notebooks that are none: one sentence, status 1 or 2, nothing written."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from .conftest import cases
from .spoiling import RAW, Trial, snapshot, spoiled, tried
from .test_faults import small

Record = Callable[[str, object], None]

WORDS = [
    "", " ", "A4", "a4", "A99", "B9", "T1", "../T1", "/etc/passwd", "T1.ipynb", "--", "-", "-p", "-o", "--help", "-1", "0", "1e9", "99999999999999999999",
    "number", "number=", "=1", "number=1", "number=1,2", "number=x", "number=[", "number={", "number=!!python/object:os.system", "number=*x", "number=" + "9" * 5000,
    "number=1.5", "number=nan", "number=\x1b[31m", "pause=-1", "unknown=1", "number=1=2", "json", "text", "html", "pdf", "xml", "html,xml", ",", "é", "\udcff", "a\nb",
    "tcp://127.0.0.1:1", "dask", "local", "--format", "--chapter", "--csv", "--jobs", "--executor", "--scheduler", "--why", "--refresh", "--notebooks", "--formats",
    "--port", "--all", "--nonsense", "A4.1", "A4-E1", "book", "A4.99999", "/proc/self/mem", "/dev/null", "nowhere/at/all",
]  # fmt: skip
# Commands whose work is short in a checkout of one small notebook; build and serve get no valid words below.
COMMANDS = ["check", "audit", "run", "sweep", "ledger", "tables", "cite", "release", "nonsense", "course"]
PARTS = ["init", "release", "variants", "variant", "grade", "feedback", "export", "nonsense"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("words") / "checkout")


def said(checkout: Path, words: list[str]) -> Trial:
    """What the command line says to some words, in a process of its own."""
    from compendium import cli

    def deed() -> None:
        os.chdir(checkout)
        os.environ.pop("COMPENDIUM_DATA", None)
        sys.argv = ["compendium", *words]
        cli.main()

    return tried(deed, seconds=60)


def check(trial: Trial, words: Any) -> None:
    assert trial.status in (0, 1, 2), f"{words!r}: status {trial.status}\n{trial.output[-2000:]}"
    assert "Traceback (most recent call last)" not in trial.output, f"{words!r}\n{trial.output[-2000:]}"
    if trial.status:
        assert trial.output.strip(), f"{words!r}: nothing is said"


def test_wrong_words(checkout: Path, record_property: Record) -> None:
    chance = random.Random(5)
    count = cases(90, 3000)
    found: Counter[int] = Counter()
    before = {name: state for name, state in snapshot(checkout).items() if not name.startswith((".cache", "_build"))}
    for _ in range(count):
        words = [chance.choice(COMMANDS)]
        if words == ["course"]:
            words.append(chance.choice(PARTS))
        words += [chance.choice(WORDS) for _ in range(chance.randrange(5))]
        words = [word.replace("\udcff", "\\xff") if word == "\udcff" else word for word in words]
        if "run" in words and "T1" in words and not {"--nonsense", "unknown=1"} & set(words):
            words.append("--nonsense")  # a valid run is tried elsewhere
        trial = said(checkout, words)
        check(trial, words)
        found[trial.status] += 1
    after = {name: state for name, state in snapshot(checkout).items() if not name.startswith((".cache", "_build"))}
    assert after == before, "wrong words wrote something"
    record_property("command lines tried", count)
    record_property("command lines refused", found[1] + found[2])
    assert found[1] + found[2] > count / 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["build", "--formats", "html,xml"], "allowed are html, pdf and epub"),
        (["build", "--jobs", "0"], "--jobs"),
        (["serve", "--port", "65536"], "--port"),
        (["serve"], "run compendium build first"),
        (["release"], "run compendium build first"),
        (["run", "T2"], "there is no notebook 'T2'; there are T1"),
        (["run", "../../etc/passwd"], "there is no notebook"),
        (["run", "T1", "-p", "number=" + "9" * 5000], "number"),
        (["run", "T1", "-p", "number"], "allowed is name=value"),
        (["sweep", "T1", "--csv", "/dev/null/x"], "not readable"),
        (["audit", "nowhere.txt"], "there is no such file"),
        (["check", "C9"], "there is no chapter 'C9'"),
        (["cite", "A4.99999"], "CITATION.cff"),
        (["ledger", "--format", "xml"], "allowed are json and text"),
    ],
)
def test_known_wrong_words(checkout: Path, words: list[str], told: str) -> None:
    trial = said(checkout, words)
    check(trial, words)
    assert trial.status in (1, 2)
    assert told in trial.output


# Notebooks


def whole() -> dict[str, Any]:
    cell = nbformat.v4.new_code_cell("number: int = 0  # a number", metadata={"tags": ["parameters"]})
    return json.loads(nbformat.writes(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("1 + 1")])))


def with_cells(*cells: Any) -> bytes:
    return json.dumps({**whole(), "cells": list(cells)}).encode()


FIRST = whole()["cells"][0]
NOTEBOOKS: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty", lambda: b"", "not a notebook"),
    ("not JSON", lambda: b"{", "not a notebook"),
    ("not UTF-8", lambda: b"\xff\xfe{}", "not a notebook"),
    ("a list", lambda: b"[]", "not a notebook"),
    ("another format", lambda: json.dumps({**whole(), "nbformat": 3, "worksheets": []}).encode(), "format 4"),
    ("a future format", lambda: json.dumps({**whole(), "nbformat": 5}).encode(), "format 4"),
    ("no cells", lambda: json.dumps({k: v for k, v in whole().items() if k != "cells"}).encode(), "not a notebook"),
    ("cells that are none", lambda: with_cells(1, None, "x"), "T1"),
    ("no parameters cell", lambda: with_cells(nbformat.v4.new_code_cell("1")), "parameters"),
    ("two parameters cells", lambda: with_cells(FIRST, {**FIRST, "id": "other"}), "parameters"),
    ("no Python", lambda: with_cells({**FIRST, "source": "this is no Python"}), "parameters"),
    ("a parameter computed", lambda: with_cells({**FIRST, "source": "number: int = 1 + 1"}), "number"),
    ("50 MB", lambda: with_cells(FIRST, nbformat.v4.new_markdown_cell("x" * 50_000_000)), "at most"),
    ("deep", lambda: b'{"cells": ' + b"[" * 100_000, "not a notebook"),
]


def run_with(folder: Path, content: bytes) -> Trial:
    path = folder / "notebooks" / "T1.ipynb"
    path.write_bytes(content)
    before = {name: state for name, state in snapshot(folder).items()}
    trial = said(folder, ["run", "T1", "--why"])
    if trial.status == 0:
        trial = said(folder, ["sweep", "T1", "-p", "number=", "--jobs", "1"])
    if trial.status:
        assert snapshot(folder) == before, "something was written for a notebook that is none"
    return trial


@pytest.mark.parametrize(("make", "told"), [(make, told) for _, make, told in NOTEBOOKS], ids=[name for name, _, _ in NOTEBOOKS])
def test_notebooks_that_are_none(tmp_path: Path, make: Callable[[], bytes], told: str) -> None:
    trial = run_with(small(tmp_path / "checkout"), make())
    check(trial, told)
    assert trial.status == 1, trial.output
    assert told in trial.output
    assert "T1" in trial.output


def test_spoiled_notebooks(tmp_path: Path, record_property: Record) -> None:
    folder = small(tmp_path / "checkout")
    content = json.dumps(whole()).encode()
    chance = random.Random(6)
    count = cases(60, 2000)
    for number in range(count):
        made = chance.choice(RAW) if number % 20 == 0 else spoiled(content, ".json", chance)
        trial = run_with(folder, made)
        check(trial, made[:500])
    record_property("spoiled notebooks tried", count)
