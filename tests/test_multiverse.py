"""Every universe of a notebook: which are run, what is kept of an attempt that failed, and when it is of today."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from compendium.corpus.errors import DataError
from compendium.execution import multiverse
from compendium.execution.parameters import parameters_of

PARAMETERS = "from __future__ import annotations\nn: Annotated[int, Ge(0)] = 1  # a number\nword: Literal['holds', 'fails'] = 'holds'  # what is found"
FOUND = """
import os
from compendium.chapter import listening
from compendium.model.claim import Basis, Finding, Strength, Verdict
with open(os.environ["TRACE"], "a") as trace:
    trace.write(f"{n}{word} ")
listening.get()(Finding("A4.1", Verdict(word), Basis.TABLE, Strength.PROVED if word == "fails" else None, str(n), "How."))
"""
FINDING = {"claim": "A4.1", "verdict": "holds", "basis": "table", "strength": None, "because": "1", "how": "How."}


def write(root: Path, more: str) -> None:
    cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(FOUND + more)]
    (root / "notebooks" / "T1.ipynb").write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path / "none"))  # nothing to read ahead
    monkeypatch.setenv("TRACE", str(tmp_path / "trace"))
    (tmp_path / "notebooks").mkdir()
    return tmp_path


@pytest.fixture
def executed() -> bytes:
    from compendium.checking.findings import FINDING as KIND

    output = {"output_type": "display_data", "data": {KIND: FINDING}, "metadata": {}}
    origin = {"inputs": {"code": "c", "source": "s"}, "data": {"data/a.csv": "1"}}
    return json.dumps({"cells": [{"cell_type": "code", "outputs": [output]}], "metadata": {"compendium": origin}}).encode()


def traced(checkout: Path) -> list[str]:
    return sorted(set((checkout / "trace").read_text().split()))


def test_a_universe_that_fails_is_named_and_the_others_are_not_run_again(checkout: Path, executed: bytes) -> None:
    told: list[tuple[int, int]] = []
    write(checkout, "if n == 2: raise RuntimeError('unlucky')")
    with pytest.raises(DataError) as error:
        multiverse.sweep_all(checkout, "T1", executed, 2, lambda *counts: told.append(counts))
    assert str(error.value).startswith("2 of 6 universes failed; the first: T1 {'n': 2")
    assert str(error.value).endswith("T1, cell 2: RuntimeError: unlucky")
    assert not multiverse.path_of(checkout, "T1").exists()
    assert not multiverse.is_current(checkout, "T1", executed)
    assert told[0] == (0, 6)
    write(checkout, "")
    (checkout / "trace").unlink()
    found = multiverse.sweep_all(checkout, "T1", executed, 2, lambda *counts: told.append(counts))
    assert traced(checkout) == ["1holds", "2fails", "2holds"]  # the default, from which the others are told apart, and what was missing
    assert told[-1] == (6, 6)
    assert sorted(found.verdicts["A4.1"]) == ["h", "h", "h", "p", "p", "p"]
    assert found.verdicts["A4.1"][0] == "h"
    assert multiverse.is_current(checkout, "T1", executed)


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"inputs": "of another state"}'])
def test_what_is_kept_of_another_state_or_cannot_be_read_is_not_current(checkout: Path, executed: bytes, content: str | None) -> None:
    path = multiverse.path_of(checkout, "T1")
    path.parent.mkdir(parents=True)
    if content is not None:
        path.write_text(content)
    assert not multiverse.is_current(checkout, "T1", executed)
    path.write_text(json.dumps({"inputs": multiverse.inputs_of(executed)}))
    assert multiverse.is_current(checkout, "T1", executed)


def test_a_parameter_that_no_rule_knows_is_named() -> None:
    cell = nbformat.v4.new_code_cell("name: str = 'x'  # a name", metadata={"tags": ["parameters"]})
    declared = parameters_of(nbformat.v4.new_notebook(cells=[cell]), "T1")
    with pytest.raises(DataError, match=r"^parameter name: no rule says which values of str a sweep tries$"):
        multiverse.axis_of(declared["name"])
