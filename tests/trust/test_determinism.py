"""The same bytes whatever the folder, the time, the language, the time zone, the mask of rights and the seed of hashes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import NIGHTLY
from .test_faults import SITE, contents

PROGRAM = Path(sys.executable).with_name("compendium")
LANGUAGES = ["C", "de_DE.UTF-8", "tr_TR.UTF-8"]
SURROUNDINGS = [
    {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0", "umask": "022"},
    {"LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "12345", "umask": "077"},
    {"LC_ALL": "de_DE.UTF-8", "TZ": "America/St_Johns", "PYTHONHASHSEED": "random", "umask": "002"},
]


@pytest.fixture(scope="session")
def languages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where the languages lie that the system lacks: made here, of its own definitions."""
    folder = tmp_path_factory.mktemp("languages")
    made = shutil.which("localedef")
    for language in LANGUAGES[1:]:
        name = language.partition(".")[0]
        done = subprocess.run([made or "false", "-i", name, "-f", "UTF-8", str(folder / language)], capture_output=True, check=False)
        if done.returncode not in (0, 1) or not (folder / language).is_dir():
            if os.environ.get("CI"):
                pytest.fail(f"the system has no {language}; .ci/run installs the package locales")
            pytest.skip(f"the system has no {language} (on Debian: apt-get install locales)")
    return {"LOCPATH": str(folder)}


def copied(root: Path, folder: Path) -> Path:
    for name in ("data", "notebooks", "book"):
        shutil.copytree(root / name, folder / name)
    for name in ("_config.yml", "CITATION.cff", "CHANGELOG.md", "requirements.lock"):
        shutil.copy(root / name, folder / name)
    return folder


def done_in(folder: Path, surroundings: dict[str, str], languages: dict[str, str], words: list[str | Path]) -> str:
    environment = {**os.environ, **languages, **{k: v for k, v in surroundings.items() if k != "umask"}}
    done = subprocess.run(words, cwd=folder, env=environment, umask=int(surroundings["umask"], 8), capture_output=True, text=True,
                          encoding="utf-8", check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_runs_and_pages_are_the_same_everywhere(root: Path, tmp_path: Path, languages: dict[str, str], record_property: Callable[[str, object], None]) -> None:
    found = []
    for number, surroundings in enumerate(SURROUNDINGS):
        folder = copied(root, tmp_path / ("deeper/" * number) / f"in {number} ü")
        (folder / "book" / "_toc.yml").write_text("format: jb-book\nroot: method\nchapters:\n  - file: B4\n")
        (folder / "book" / "a.txt").write_text("1")
        printed = done_in(folder, surroundings, languages, [PROGRAM, "run", "A4", "-o", "out"])
        done_in(folder, surroundings, languages, [sys.executable, "-c", SITE])
        executed = (folder / "out" / "A4.ipynb").read_bytes().splitlines(keepends=True)  # lines, so that a failure shows which
        found.append((printed, executed, contents(folder / "_build" / "html")))
    for other in found[1:]:
        assert other[0] == found[0][0]
        assert other[1] == found[0][1]
        assert {k: v for k, v in other[2].items() if found[0][2].get(k) != v} == {}
        assert other[2].keys() == found[0][2].keys()
    record_property("surroundings of runs and pages", len(found))


DATABASE = """
import hashlib
from compendium.book.publishing import as_sqlite
entry = {"id": "I1", "value": 1.5, "lines": [1, 2]}
forms = dict.fromkeys(("ledger", "errata", "events", "memberships", "anchors"), [entry, entry])
made = as_sqlite({**forms, "tables": [{**entry, "cells": [entry]}], "arguments": {"edges": [entry], "propositions": []}})
print(hashlib.sha256(made).hexdigest())
"""


def test_the_database_is_the_same_everywhere(tmp_path: Path, languages: dict[str, str]) -> None:
    assert len({done_in(tmp_path, surroundings, languages, [sys.executable, "-c", DATABASE]) for surroundings in SURROUNDINGS}) == 1


@pytest.mark.skipif(not NIGHTLY, reason="builds the whole book several times; at night")
def test_the_whole_book_is_the_same_everywhere(root: Path, tmp_path: Path, languages: dict[str, str], record_property: Callable[[str, object], None]) -> None:
    found = []
    for number, surroundings in enumerate(SURROUNDINGS):
        folder = copied(root, tmp_path / f"whole {number}")
        done_in(folder, surroundings, languages, [PROGRAM, "build"])
        ledger = done_in(folder, surroundings, languages, [PROGRAM, "ledger"])
        found.append((ledger, {k: v for k, v in contents(folder / "_build").items() if k.startswith("html/") or k.endswith((".pdf", ".epub"))}))
    for ledger, built in found[1:]:
        assert ledger == found[0][0]
        assert sorted(k for k, v in built.items() if found[0][1].get(k) != v) == []
        assert built.keys() == found[0][1].keys()
    record_property("surroundings of whole books", len(found))
    record_property("files compared", len(found[0][1]))
