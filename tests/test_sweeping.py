"""Sweeps: the same findings as a kernel's, resumable, here and on a cluster."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from compendium.checking.findings import findings_of
from compendium.corpus.errors import DataError
from compendium.execution import sweeping
from compendium.execution.batch import run_many
from compendium.execution.runs import Job, notebook_names
from compendium.execution.universes import forked, product

SMALL = """
import os, time
from compendium.chapter import listening
from compendium.model.claim import Basis, Finding, Verdict
with open(os.environ.get("TRACE", os.devnull), "a") as trace:
    trace.write(f"{n}\\n")
if n == 13:
    raise RuntimeError("unlucky")
time.sleep(pause)
if listening.get():
    listening.get()(Finding("A4.1", Verdict.HOLDS if n % 2 else Verdict.FAILS, Basis.TABLE, None, str(n), "How."))
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "requirements.lock").touch()
    cells = [nbformat.v4.new_code_cell("n: int = 0  # a number\npause: float = 0.0  # seconds", metadata={"tags": ["parameters"]}),
             nbformat.v4.new_code_cell(SMALL)]  # fmt: skip
    (tmp_path / "notebooks" / "T1.ipynb").write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    return tmp_path


def traced(checkout: Path) -> list[int]:
    return sorted(int(line) for line in (checkout / "trace").read_text().split())


def test_forked_cells_find_what_kernels_find(root: Path) -> None:
    for name, result in zip(notebook_names(root), run_many(root, [Job(n) for n in notebook_names(root)]), strict=True):
        assert result.content is not None, result.error
        ((_, found),) = forked(root / "notebooks" / f"{name}.ipynb", [{}], 1)
        assert found == list(findings_of(json.loads(result.content))), name


def test_the_product_of_parameters() -> None:
    assert product({"a": [1, 2], "b": ["x"]}) == [{"a": 1, "b": "x"}, {"a": 2, "b": "x"}]
    assert product({}) == [{}]


def test_results_come_in_order_and_are_kept(checkout: Path) -> None:
    universes = [{"n": n} for n in (5, 2, 9)]
    results = sweeping.sweep(checkout, "T1", universes, 2)
    assert [r[0]["because"] for r in results] == ["5", "2", "9"]
    (checkout / "trace").unlink()
    assert sweeping.sweep(checkout, "T1", universes, 2) == results
    assert not (checkout / "trace").exists()


def test_a_failing_universe_is_named_and_the_others_are_kept(checkout: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 3 universes failed; the first: T1 n=13: T1, cell 2: RuntimeError: unlucky"):
        sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 13}, {"n": 3}], 2)
    (checkout / "trace").unlink()
    sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 3}, {"n": 4}], 2)
    assert traced(checkout) == [0, 4]  # the defaults, to warm up, and what was missing


def test_changed_data_are_swept_again(checkout: Path) -> None:
    sweeping.sweep(checkout, "T1", [{"n": 1}])
    (checkout / "data" / "new.csv").write_text("1")
    (checkout / "trace").unlink()
    sweeping.sweep(checkout, "T1", [{"n": 1}])
    assert 1 in traced(checkout)


def test_a_torn_line_is_passed_over(checkout: Path) -> None:
    sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 2}])
    (kept,) = (checkout / ".cache" / "sweeps").glob("*.jsonl")
    kept.write_bytes(kept.read_bytes()[:-20])
    assert len(sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 2}])) == 2


def test_a_line_that_was_changed_is_passed_over(checkout: Path) -> None:
    before = sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 2}])
    (kept,) = (checkout / ".cache" / "sweeps").glob("*.jsonl")
    text = kept.read_text()
    assert '"holds"' in text
    kept.write_text(text.replace('"holds"', '"fails"'))
    assert sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 2}]) == before


def test_an_interrupted_sweep_resumes_and_leaves_no_process(checkout: Path) -> None:
    code = ("import sys, pathlib; from compendium.execution import sweeping; "
            "sweeping.sweep(pathlib.Path(sys.argv[1]), 'T1', [{'n': 1}, {'n': 2, 'pause': 50.0}], 2, told=lambda d, t: print(d, flush=True))")  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code, str(checkout)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert [process.stdout.readline().strip() for _ in range(2)] == ["0", "1"]
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert children
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    (checkout / "trace").unlink()
    sweeping.sweep(checkout, "T1", [{"n": 1}])
    assert not (checkout / "trace").exists()


def test_wrong_universes_are_refused_before_anything_runs(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="parameter n = 'x' is not allowed"):
        sweeping.checked(checkout, "T1", [{"n": 1}, {"n": "x"}])
    table = tmp_path / "rows.csv"
    table.write_text("n,pause\n1,0.5\n2,0.0\n")
    assert sweeping.checked(checkout, "T1", sweeping.universes_from_csv(table)) == [{"n": 1, "pause": 0.5}, {"n": 2, "pause": 0.0}]
    for row in ("1,0.5,2", "1"):
        table.write_text(f"n,pause\n1,0.5\n{row}\n")
        with pytest.raises(DataError, match=r"rows.csv, row 3: as many values are allowed as the head has names$"):
            sweeping.universes_from_csv(table)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not readable as a CSV file"):
        sweeping.universes_from_csv(table)


def test_parquet_and_robustness(checkout: Path, tmp_path: Path) -> None:
    universes = [{"n": n} for n in (0, 1, 2)]
    results = sweeping.sweep(checkout, "T1", universes)
    assert sweeping.write_parquet(tmp_path / "t.parquet", "T1", universes, results) == 3
    frame = pd.read_parquet(tmp_path / "t.parquet")
    assert list(frame["p_n"]) == [0, 1, 2]
    assert sweeping.robustness(results, results[0]) == {"A4.1": pytest.approx(2 / 3, abs=1e-4)}


# More machines


def test_a_cluster_gives_the_same_findings_though_a_worker_is_killed(checkout: Path) -> None:
    from distributed import LocalCluster

    universes = [{"n": n, "pause": 0.2} for n in range(12) if n != 13]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        victims = [worker.pid for worker in cluster.workers.values()]

        def told(done: int, total: int) -> None:
            if done == 2:
                os.kill(victims[0], signal.SIGKILL)

        results = sweeping.sweep(checkout, "T1", universes, scheduler=cluster.scheduler_address, told=told)
    assert [r[0]["because"] for r in results] == [str(u["n"]) for u in universes]
    assert results == sweeping.sweep(checkout, "T1", universes, 2)


def test_a_scheduler_that_cannot_be_reached(checkout: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DataError, match="no Dask scheduler answers at"):
        sweeping.sweep(checkout, "T1", [{"n": 1}], scheduler=address)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A cluster whose one worker is a thread of the test."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_a_cell_that_fails_on_a_cluster_is_named_and_the_others_are_kept(checkout: Path, scheduler: str) -> None:
    with pytest.raises(DataError, match=r"^1 of 3 universes failed; the first: T1 n=13: T1, cell 2: RuntimeError: unlucky$"):
        sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 13}, {"n": 3}], scheduler=scheduler)
    (checkout / "trace").unlink()
    assert len(sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 3}], scheduler=scheduler)) == 2
    assert not (checkout / "trace").exists()


def test_a_worker_that_fails_is_told_with_its_error(checkout: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(sweeping, "findings_in", fail)
    with pytest.raises(DataError, match=r"^2 of 2 universes failed; the first: T1 n=\d: MemoryError: no room$"):
        sweeping.sweep(checkout, "T1", [{"n": 1}, {"n": 2}], scheduler=scheduler)


def test_a_cluster_needs_its_extra(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(DataError, match=r"--executor dask needs the extra \[cluster\]: pip install 'compendium\[cluster\]'"):
        sweeping.sweep(checkout, "T1", [{"n": 1}], scheduler="tcp://127.0.0.1:1")
