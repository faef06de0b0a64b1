"""The command line from within: what it asks for, what it says on a terminal, what it keeps."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from compendium import cli
from compendium.book import building
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.execution import multiverse

from .trust.test_faults import small

Say = Callable[..., int]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = small(tmp_path / "checkout")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Iterator[Say]:
    """Say the words of a command; its exit status."""
    before = signal.getsignal(signal.SIGINT)

    def run(*words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["compendium", *words])
        try:
            cli.main()
        except SystemExit as leaving:
            return int(leaving.code or 0)
        return 0

    yield run
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "T1", "--refresh", "-p", "number=1"], "--refresh writes the committed notebook"),
        (["sweep"], "name a notebook, such as A4, or give --all"),
        (["sweep", "T1", "--all", "-p", "number=1"], "--all chooses the universes itself"),
        (["sweep", "T1", "--notebooks"], "--notebooks needs -o FOLDER"),
        (["sweep", "T1", "--executor", "slurm"], "--executor slurm: allowed are local and dask"),
        (["sweep", "T1", "--executor", "dask"], "--executor dask and --scheduler ADDRESS go together"),
        (["sweep", "T1", "--scheduler", "tcp://127.0.0.1:1"], "--executor dask and --scheduler ADDRESS go together"),
        (["sweep", "T1", "-p", "number=1", "--csv", "rows.csv"], "give -p or --csv, not both"),
        (["sweep", "T1", "-p", "number=[1"], "-p [1: allowed are values separated by commas"),
        (["serve"], "there is no built book; run compendium build first"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    checkout: Path, say: Say, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    before = sorted(checkout.rglob("*"))
    assert say(*words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"compendium: {told}")
    assert captured.out == ""
    assert sorted(checkout.rglob("*")) == before


def test_a_checkout_of_no_compendium_is_told(
    tmp_path: Path, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path / "nowhere"))
    assert say("check") == 1
    assert capsys.readouterr().err == f"compendium: no data folder with a sources.yml was found at {tmp_path / 'nowhere'} or above\n"


def test_a_sweep_keeps_rows_and_notebooks_and_counts_on_a_terminal(
    checkout: Path, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / "rows.csv").write_text("number\n1\n2\n3\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert say("sweep", "T1", "--csv", "rows.csv", "--notebooks", "-o", "out", "--jobs", "2") == 0
    captured = capsys.readouterr()
    # Where the number is odd, the verdict is another than with the default, which is even.
    assert captured.out.splitlines() == ["A4.1\tfails\t0.333", "A4.2\tholds\t0.333", "A4.3\tfails\t0.333"]
    assert "3 of 3 universes\n" in captured.err
    assert "Written: out/T1.parquet, 9 rows" in captured.err
    assert sorted(p.name for p in (checkout / "out").iterdir()) == ["T1-0000.ipynb", "T1-0001.ipynb", "T1-0002.ipynb", "T1.parquet"]
    printed = [json.loads((checkout / "out" / f"T1-000{n}.ipynb").read_text())["cells"][-1]["outputs"][-1]["text"] for n in range(3)]
    assert printed == ["2\n", "4\n", "6\n"]


def test_a_run_writes_what_it_made_and_says_why_it_would_run_again(checkout: Path, say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert say("run", "T1", "-p", "number=3", "-o", "out") == 0
    assert capsys.readouterr().err == "Written: out/T1-number=3.ipynb\n"
    assert json.loads((checkout / "out" / "T1-number=3.ipynb").read_text())["cells"][-1]["outputs"][-1]["text"] == "6\n"
    assert json.loads((checkout / "out" / "T1-number=3.provenance.json").read_text())["parameters"] == {"number": 3}
    committed = (checkout / "notebooks" / "T1.ipynb").read_bytes()
    assert say("run", "T1", "--refresh") == 0
    refreshed = json.loads((checkout / "notebooks" / "T1.ipynb").read_bytes())
    assert refreshed["cells"][-1]["outputs"]
    assert json.loads(committed)["cells"][-1]["source"] == refreshed["cells"][-1]["source"]
    capsys.readouterr()
    (checkout / "requirements.lock").write_text("another==1\n")
    assert say("run", "T1", "--why") == 0
    assert "lock" in capsys.readouterr().out


@pytest.fixture
def owned(data: Path, tmp_path: Path) -> Path:
    """A text of volume B with each transcribed figure on its line, which the data take for the volume."""
    for path in (data / "claims").glob("A*.yml"):
        path.write_text("[]\n")
    (data / "glossary.yml").write_text("[]\n")
    corpus = Corpus(data)
    lines = [""] * (corpus.sources.volumes["B"].lines + 1)
    for chapter in (c for c in corpus.chapters if c[0] == "B"):
        for table in corpus.tables(chapter):
            for cell in table.cells:
                lines[cell.line - 1] += f" {cell.printed}"
        for claim in corpus.claims(chapter).values():
            lines[claim.passage.first - 1] += " ".join(["", *claim.numbers])
    text = tmp_path / "b.txt"
    text.write_text("\n".join(lines), encoding="utf-8")
    _know(data, text)
    return text


def _know(data: Path, text: Path) -> None:
    """Make a text that of volume B."""
    sources = yaml.safe_load((data / "sources.yml").read_text(encoding="utf-8"))
    sources["volumes"]["B"]["sha256"] = hashlib.sha256(text.read_bytes()).hexdigest()
    (data / "sources.yml").write_text(yaml.safe_dump(sources, sort_keys=False, allow_unicode=True), encoding="utf-8")


def test_an_audit_says_whether_each_figure_stands_on_its_line(
    data: Path, owned: Path, say: Say, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say("audit", str(owned)) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Every transcribed figure of volume B stands on its line.\n")
    corpus = Corpus(data)
    tables = [table for chapter in corpus.chapters if chapter[0] == "B" for table in corpus.tables(chapter)]
    table, cell = next((table, cell) for table in tables for cell in table.cells if cell.printed.isdigit())
    lines = owned.read_text(encoding="utf-8").split("\n")
    lines[cell.line - 1] = ""
    owned.write_text("\n".join(lines), encoding="utf-8")
    _know(data, owned)
    assert say("audit", str(owned)) == 1
    captured = capsys.readouterr()
    assert f"{table.id}: {cell.row}, {cell.column}: {cell.printed!r} is not on line {cell.line}" in captured.out.splitlines()
    assert captured.err == f"{len(captured.out.splitlines())} figures not found\n"


def test_a_check_writes_the_description_of_the_data_and_counts_problems(data: Path, say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    described = data / "datapackage.json"
    whole = described.read_bytes()
    described.unlink()
    assert say("check", "A4", "--describe") == 0
    assert capsys.readouterr().err == "The data are sound.\n"
    assert described.read_bytes() == whole
    (data / "glossary.yml").write_text("a: 1")
    assert say("check", "A4") == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("glossary.yml")
    assert captured.err == "1 problems\n"


def test_tables_as_text_of_one_chapter(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    assert say("tables", "--format", "text", "--chapter", "A4") == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [row[0] for row in rows if row[1] == "table"] == ["A4-table-1", "A4-table-2", "A4-table-3", "A4-table-4"]
    assert all(len(row) == 3 for row in rows)


def test_sweeping_all_says_what_changed_and_what_did_not(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "_executed", lambda root, names, jobs: dict.fromkeys(names, b"{}"))
    monkeypatch.setattr(multiverse, "is_current", lambda root, chapter, content: chapter == "A1")

    def swept(root: Path, chapter: str, content: bytes, jobs: int | None, told: Callable[[int, int], None]) -> SimpleNamespace:
        told(1, 2)
        told(2, 2)
        return SimpleNamespace(robustness={"A2.1": 0.5, "A2.2": 1.0}, universes=[{}, {}], verdicts={"A2.1": [], "A2.2": []})

    monkeypatch.setattr(multiverse, "sweep_all", swept)
    cli._sweep_all(checkout, ["A1", "A2"], None)
    captured = capsys.readouterr()
    assert captured.out == "A2\t2 universes\t1 of 2 verdicts turn\n"
    assert captured.err == "A1: nothing changed\n\rA2: 2 of 2 universes\n"
    cli._sweep_all(checkout, ["A1", "A2"], None, quiet=True)
    assert capsys.readouterr().out == ""


def test_notebooks_that_failed_are_told_together(checkout: Path) -> None:
    from compendium.execution.batch import Result
    from compendium.execution.runs import Job

    results = [Result(Job("T1"), b"{}"), Result(Job("T2"), None, "T2, cell 1: no"), Result(Job("T3"), None, "T3, cell 2: neither")]
    with pytest.raises(DataError) as told:
        cli._all_done(results)
    assert str(told.value) == "2 of 3 notebooks failed\nT2, cell 1: no\nT3, cell 2: neither"
    assert cli._all_done(results[:1]) == [b"{}"]


def test_the_site_is_served_to_this_machine_until_interrupted(
    checkout: Path, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = checkout / building.BUILD / "html"
    site.mkdir(parents=True)
    (site / "index.html").write_text("<h1>Volumes</h1>")
    seen: list[str] = []
    address = threading.Event()
    at: list[str] = []

    def printed(text: str, **_: object) -> None:
        at.append(text)
        address.set()

    def visit() -> None:
        try:
            address.wait(30)
            seen.append(urllib.request.urlopen(at[0], timeout=30).read().decode())
        finally:
            os.kill(os.getpid(), signal.SIGINT)  # or it would serve for ever

    monkeypatch.setattr("builtins.print", printed)
    visitor = threading.Thread(target=visit)
    visitor.start()
    status = say("serve", "--port", "0")
    visitor.join()
    monkeypatch.undo()
    assert status == 130
    assert seen == ["<h1>Volumes</h1>"]
    assert at[0].startswith("http://127.0.0.1:")
    assert at[-1] == "compendium: interrupted; what was finished is kept"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "compendium: No space left on device"),
        (OSError(errno.EACCES, "Permission denied", "/somewhere/file"), "compendium: /somewhere/file: Permission denied"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(
    checkout: Path, say: Say, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, error: OSError, told: str
) -> None:
    def refuse() -> Path:
        raise error

    monkeypatch.setattr(cli, "_root", refuse)
    assert say("build") == 1
    assert capsys.readouterr().err.strip() == told


def test_a_fault_of_ours_is_not_hidden(checkout: Path, say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Path:
        raise OSError(errno.EBADF, "Bad file descriptor")

    monkeypatch.setattr(cli, "_root", refuse)
    with pytest.raises(OSError, match="Bad file descriptor"):
        say("build")


def test_a_book_without_chromium_says_how_to_have_the_pdf(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from compendium.book import epub, printing

    site = checkout / "site"
    monkeypatch.setattr(building, "kept", lambda root: "work")
    monkeypatch.setattr(building, "fingerprint", lambda root, pages=True: f"made of pages {pages}")
    monkeypatch.setattr(building, "site", lambda root, work: site)
    monkeypatch.setattr(building, "keep", lambda root, work, made_of: None)
    monkeypatch.setattr(printing, "find_engine", lambda: None)
    monkeypatch.setattr(epub, "epub", lambda root, site: site / "book.epub")
    assert cli._build(checkout, ["html", "pdf", "epub"], None) == "made of pages True"
    said = capsys.readouterr().err
    assert "No PDF: install Chromium" in said
    assert f"EPUB: {site / 'book.epub'}" in said
