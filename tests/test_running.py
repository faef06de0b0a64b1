"""Parameters, runs, the store, and the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from compendium.corpus.digest import content_hash
from compendium.corpus.errors import DataError
from compendium.execution.parameters import parameters_of, read_notebook, validated
from compendium.execution.store import VARIANTS, Store, inputs_of, write_whole

LEDGER = {"id", "volume", "chapter", "section", "lines", "kind", "says", "numbers", "verdict", "basis", "strength", "because",
          "conflicts_with", "supports", "attacks", "standing", "robustness"}  # fmt: skip
CELL = {"row", "column", "printed", "value", "unit", "period", "line", "reading"}


def compendium(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("compendium")
    return subprocess.run([program, *words], cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def notebook_with(source: str, copies: int = 1) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for _ in range(copies)]
    return nbformat.v4.new_notebook(cells=cells)


def test_parameters_are_read_from_annotations(root: Path) -> None:
    declared = parameters_of(read_notebook(root / "notebooks" / "A4.ipynb"), "A4")
    assert declared["reading"].default == "repaired"
    assert declared["monopoly"].help.startswith("share of all sales")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"reading": "guessed"}, "parameter reading = 'guessed' is not allowed; allowed is one of 'as printed', 'repaired'"),
        ({"notable": 3}, "at least 0, at most 1"),
        ({"states": []}, "1 to 5 of them"),
        ({"states": ["Peru"]}, "each one of 'Kazakhstan'"),
        ({"by_far": "much"}, "a number, at least 1"),
        ({"nothing": 1}, "A4 has no parameter 'nothing'; it has reading, rounding"),
    ],
)
def test_a_wrong_parameter_is_refused(root: Path, given: dict, told: str) -> None:
    declared = parameters_of(read_notebook(root / "notebooks" / "A4.ipynb"), "A4")
    with pytest.raises(DataError) as error:
        validated(declared, given, "A4")
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("source", "copies", "told"),
    [
        ("x: int = 1", 2, "2 cells are tagged"),
        ("x: int = 1", 0, "0 cells are tagged"),
        ("x: Wrong = 1", 1, "Wrong is not among"),
        ("x: int = 'a'", 1, "parameter x = 'a' is not allowed"),
        ("x: int = len([])", 1, "parameter x"),
        ("x = 1", 1, "annotated assignments only"),
        ("x: int =", 1, "not Python"),
        ("x: __import__('os').system('true') = 1", 1, "parameter x"),
        ("x: (lambda: 1) = 1", 1, r"parameter x: lambda: 1 is not understood \(lambda: 1 is not allowed in an annotation\)"),
        ("x: Annotated[int, Ge(-1)] = -2", 1, "parameter x = -2 is not allowed; allowed is a whole number, at least -1"),
    ],
)
def test_a_wrong_parameters_cell_is_refused(source: str, copies: int, told: str) -> None:
    with pytest.raises(DataError, match=told):
        parameters_of(notebook_with(source, copies), "test.ipynb")


@pytest.mark.parametrize(("annotation", "given"), [("Annotated[int, Ge(-1)]", -1), ("int | None", None), ("Optional[list[str]]", ["a"])])
def test_an_annotation_may_be_negative_or_leave_a_choice(annotation: str, given: object) -> None:
    declared = parameters_of(notebook_with(f"x: {annotation} = 0" if "Optional" not in annotation else f"x: {annotation} = None"), "T1")
    assert validated(declared, {"x": given}, "T1") == {"x": given}


def test_papermill_reads_the_same_parameters(root: Path) -> None:
    import papermill

    path = root / "notebooks" / "A4.ipynb"
    assert set(papermill.inspect_notebook(str(path))) == set(parameters_of(read_notebook(path), "A4"))


def test_every_notebook_declares_parameters(root: Path) -> None:
    for path in sorted((root / "notebooks").glob("[AB]*.ipynb")):
        notebook = read_notebook(path)
        assert notebook.metadata.kernelspec.name == "python3"
        assert parameters_of(notebook, path.name), path.name


# The store


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("1")
    (tmp_path / "requirements.lock").write_text("x==1")
    return tmp_path


NOTEBOOK = {"cells": [{"cell_type": "code", "source": "1 + 1", "metadata": {}, "outputs": []}]}


def log(*paths: Path) -> list[str]:
    return [f"{content_hash(path)}\t{path}" for path in paths]


def kept(checkout: Path):  # type: ignore[no-untyped-def]
    store, inputs = Store(checkout), inputs_of(checkout, "T", NOTEBOOK, {"p": 1})
    store.keep(inputs, store.reads(log(checkout / "data" / "a.csv", checkout / "data")), b"result")
    return store, inputs


def test_a_file_that_changes_during_a_run_leaves_nothing_to_keep(checkout: Path) -> None:
    path = checkout / "data" / "a.csv"
    before = log(path)
    path.write_text("2")
    assert Store(checkout).reads(before + log(path)) is None
    assert Store(checkout).reads(before + before) == {"data/a.csv": before[0].partition("\t")[0]}


def test_a_hit(checkout: Path) -> None:
    store, inputs = kept(checkout)
    assert store.find(inputs) == b"result"
    assert store.why(inputs) == ["nothing changed"]


def test_outputs_do_not_count_as_code(checkout: Path) -> None:
    other = {"cells": [{**NOTEBOOK["cells"][0], "outputs": [{"text": "2"}]}]}
    assert inputs_of(checkout, "T", other, {"p": 1}) == inputs_of(checkout, "T", NOTEBOOK, {"p": 1})


def test_what_changed_is_named(checkout: Path) -> None:
    store, inputs = kept(checkout)
    (checkout / "data" / "a.csv").write_text("2")
    assert store.find(inputs) is None
    assert store.why(inputs) == ["data/a.csv changed"]
    (checkout / "data" / "b.csv").write_text("new")
    assert "data changed" in store.why(inputs)
    (checkout / "requirements.lock").write_text("x==2")
    assert "the lock file changed" in store.why(inputs_of(checkout, "T", NOTEBOOK, {"p": 1}))


def test_an_earlier_state_of_the_data_is_remembered(checkout: Path) -> None:
    store, inputs = kept(checkout)
    (checkout / "data" / "a.csv").write_text("2")
    store.keep(inputs, store.reads(log(checkout / "data" / "a.csv")), b"other")
    (checkout / "data" / "a.csv").write_text("1")
    assert store.find(inputs) == b"result"


@pytest.mark.parametrize("suffix", [".ipynb", ".json"])
@pytest.mark.parametrize("damage", [b"", b"{", b"resul", b'{"reads": [], "result": ""}'])
def test_a_damaged_entry_counts_as_none(checkout: Path, suffix: str, damage: bytes) -> None:
    store, inputs = kept(checkout)
    for path in store.folder.glob(f"{inputs.key}/*{suffix}"):
        path.write_bytes(damage)
    assert store.find(inputs) is None
    kept(checkout)
    assert store.find(inputs) == b"result"


def test_a_result_that_is_gone_counts_as_none_and_is_told(checkout: Path) -> None:
    store, inputs = kept(checkout)
    for path in store.folder.glob(f"{inputs.key}/*.ipynb"):
        path.unlink()
    assert store.find(inputs) is None
    assert store.why(inputs) == ["the stored result is damaged or gone"]


def test_an_entry_that_goes_while_the_entries_are_looked_through_is_no_fault(checkout: Path) -> None:
    store, inputs = kept(checkout)
    (store.folder / inputs.key / "gone.json").symlink_to(checkout / "nowhere")  # listed, and not there when it is asked for
    assert store.find(inputs) == b"result"


@pytest.mark.parametrize("damage", [None, "", "[]", '{"inputs": {}, "reads": 1}'])
def test_of_a_first_run_it_is_said_that_it_is_one(checkout: Path, damage: str | None) -> None:
    store, inputs = kept(checkout) if damage is not None else (Store(checkout), inputs_of(checkout, "T", NOTEBOOK, {"p": 1}))
    for path in (store.folder / "latest").glob("*"):
        path.write_text(damage)
    assert store.why(inputs) == ["T has not been run with these parameters"]


def test_of_many_states_of_the_data_the_oldest_are_dropped(checkout: Path) -> None:
    store, inputs = Store(checkout), inputs_of(checkout, "T", NOTEBOOK, {"p": 1})
    path = checkout / "data" / "a.csv"
    for n in range(VARIANTS + 2):
        path.write_text(str(n))
        store.keep(inputs, store.reads(log(path)), str(n).encode())
        for entry in (store.folder / inputs.key).iterdir():  # all are written within a moment; their times shall differ
            if entry.stat().st_mtime > VARIANTS + 2:
                os.utime(entry, (n, n))
    found = {}
    for n in range(VARIANTS + 2):
        path.write_text(str(n))
        found[n] = store.find(inputs)
    assert found == {n: str(n).encode() if n > 1 else None for n in range(VARIANTS + 2)}
    assert len(list((store.folder / inputs.key).iterdir())) == 2 * VARIANTS


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    write_whole(path, "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


# The command line


def test_the_ledger_keeps_its_contract(root: Path) -> None:
    done = compendium("ledger", "--format", "json", cwd=root)
    assert done.returncode == 0, done.stderr
    entries = json.loads(done.stdout)
    assert len({entry["id"] for entry in entries}) == len(entries)
    for entry in entries:
        assert entry.keys() >= LEDGER
        assert entry["verdict"] in {"holds", "fails", "reported", "judgement"}
        assert (entry["strength"] is not None) == (entry["verdict"] == "fails")
        assert 0 <= entry["lines"][1] - entry["lines"][0] <= 40
        assert entry["standing"] in {"stands", "weakened", "falls", "disputed"}


def test_the_tables_keep_their_contract(root: Path) -> None:
    done = compendium("tables", cwd=root)
    entries = json.loads(done.stdout)
    assert {"A4-table-1", "A4-table-2", "A4-table-3", "A4-table-4"} <= {entry["id"] for entry in entries}
    assert all(cell.keys() >= CELL for entry in entries for cell in entry["cells"])


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run", "A4", "-p", "reading=guessed"], 1, "allowed is one of"),
        (["run", "A4", "-p", "reading"], 1, "allowed is name=value"),
        (["run", "A44"], 1, "there is no notebook 'A44'; there are"),
        (["check", "A44"], 1, "there is no chapter"),
        (["ledger", "--format", "xml"], 1, "allowed are json and text"),
        (["audit", "nowhere.txt"], 1, "there is no such file"),
        (["audit", "README.md"], 1, "not one of the two texts"),
        (["build", "--formats", "docx"], 1, "allowed are html"),
        (["run"], 2, "Missing argument"),
        (["dance"], 2, "No such command"),
    ],
)
def test_mistakes_end_in_one_sentence(root: Path, words: list[str], code: int, told: str) -> None:
    done = compendium(*words, cwd=root)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_each_command_helps_with_an_example(root: Path) -> None:
    for name in ("build", "run", "sweep", "ledger", "tables", "check", "audit", "cite", "release", "serve"):
        done = compendium(name, "--help", cwd=root)
        assert f"Example: compendium {name}" in " ".join(done.stdout.split())


def test_a_run_with_parameters(root: Path, tmp_path: Path) -> None:
    done = compendium("run", "A4", "-p", "reading=as printed", "-o", str(tmp_path), cwd=root)
    assert done.returncode == 0, done.stderr
    assert "A4.47\tholds" in done.stdout
    (written,) = tmp_path.glob("A4*.ipynb")
    tags = [cell["metadata"].get("tags", []) for cell in json.loads(written.read_text())["cells"]]
    assert ["injected-parameters"] in tags
    record = json.loads(written.with_suffix(".provenance.json").read_text())
    assert record["parameters"] == {"reading": "as printed"}
    assert record["reads"].keys() >= {"data/tables/A4-table-1.csv"}
    assert record["inputs"].keys() >= {"code", "source", "lock"}
    assert record["seconds"] > 0
    assert str(root) not in written.with_suffix(".provenance.json").read_text()


def test_two_runs_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    from compendium.execution.running import execute, text_of

    notebook = read_notebook(root / "notebooks" / "A4.ipynb")
    first, second = (text_of(execute(notebook, {"rounding": "rounded"}, root, "A4")) for _ in range(2))
    assert first == second
    assert str(root) not in first


def test_what_a_run_read_does_not_depend_on_how_it_was_run(root: Path, tmp_path: Path) -> None:
    """By itself, or in a batch, whose kernels come from a process that has read all data ahead."""
    from compendium.execution.batch import run_many
    from compendium.execution.runs import Job

    checkout = tmp_path / "checkout"
    for name in ("data", "notebooks"):
        shutil.copytree(root / name, checkout / name)
    shutil.copy(root / "requirements.lock", checkout)
    alone = compendium("run", "A0", "-o", str(tmp_path / "alone"), cwd=checkout)
    assert alone.returncode == 0, alone.stderr
    shutil.rmtree(checkout / ".cache")
    in_batch = run_many(checkout, [Job("A4"), Job("A0")], 1, lambda *_: None)[1].content
    assert in_batch == (tmp_path / "alone" / "A0.ipynb").read_bytes()


def test_an_executed_notebook_says_what_it_was_made_from(root: Path, tmp_path: Path) -> None:
    done = compendium("run", "A4", "-p", "rounding=rounded", "-o", str(tmp_path), cwd=root)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.ipynb")
    origin = json.loads(path.read_bytes())["metadata"]["compendium"]
    assert origin["parameters"] == {"rounding": "rounded"}
    assert origin["inputs"].keys() == {"code", "source", "lock", "python"}
    assert "data/claims/A4.yml" in origin["data"]
    assert all(not Path(name).is_absolute() for name in origin["data"])
    text = path.read_text()
    assert str(root) not in text
    assert str(Path.home()) + "/" not in text


def test_a_failing_cell_is_told_with_its_traceback(root: Path) -> None:
    import nbformat

    from compendium.execution.running import RunError, execute

    cells = [nbformat.v4.new_code_cell("def inner():\n    return 1 / 0"), nbformat.v4.new_code_cell("inner()")]
    with pytest.raises(RunError, match="N1, cell 2: ZeroDivisionError: division by zero") as told:
        execute(nbformat.v4.new_notebook(cells=cells), {}, root, "N1")
    assert "return 1 / 0" in str(told.value)
    assert "\x1b" not in str(told.value)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no message\nat all"), "ValueError: no message"),
        (TimeoutError("x" * 300), f"TimeoutError: {'x' * 200}"),
        (KeyError(), "KeyError: "),
    ],
)
@pytest.mark.parametrize("begun", [0, 2])
def test_what_libraries_make_of_a_kernels_nonsense_is_told_in_one_line(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str, begun: int
) -> None:
    from papermill.engines import papermill_engines

    from compendium.execution.running import RunError, execute

    def fail(engine: object, work: nbformat.NotebookNode, **_: object) -> None:
        for cell in work.cells[: begun + 1]:
            cell["metadata"]["papermill"]["start_time"] = "2026-01-01"
        raise error

    monkeypatch.setattr(papermill_engines, "execute_notebook_with_engine", fail)
    cells = [nbformat.v4.new_markdown_cell("Words."), *(nbformat.v4.new_code_cell("1") for _ in range(3))]
    with pytest.raises(RunError) as caught:
        execute(nbformat.v4.new_notebook(cells=cells), {}, root, "N1")
    assert str(caught.value) == f"N1, cell {begun or '?'}: the kernel answers nothing that can be read ({told})"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), DataError("A4: no")])
def test_what_is_not_the_kernels_fault_is_not_laid_to_it(root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from papermill.engines import papermill_engines

    from compendium.execution.running import execute

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(papermill_engines, "execute_notebook_with_engine", fail)
    with pytest.raises(type(error)) as caught:
        execute(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), {}, root, "N1")
    assert caught.value is error


def test_a_file_where_a_folder_should_be_is_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("kept")
    done = compendium("run", "A4", "-o", str(tmp_path / "taken"), cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(tmp_path / "taken") in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "taken").read_text() == "kept"
