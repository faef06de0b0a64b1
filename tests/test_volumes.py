"""Both volumes at once, and the multiverse of each chapter."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compendium import open_volumes
from compendium.checking.findings import findings_of
from compendium.checking.multiverse import FAILURES, Axis, Multiverse, design, letter
from compendium.corpus.errors import DataError
from compendium.execution import multiverse
from compendium.execution.parameters import parameters_of, read_notebook
from compendium.execution.store import OF_SYNTHESIS
from compendium.execution.universes import findings_in
from compendium.volumes import Volumes

CHAPTERS = [f"A{n}" for n in range(10)] + [f"B{n}" for n in range(5)]


@pytest.fixture(scope="module")
def volumes() -> Volumes:
    return open_volumes()


# Volumes


def test_the_ledger_has_every_claim_once(volumes: Volumes) -> None:
    ids = [entry["id"] for entry in volumes.entries]
    assert len(ids) == len(set(ids)) == len(volumes.claims)
    assert {e["id"]: e["verdict"] for e in volumes.entries} == {key: str(v) for key, v in volumes.verdicts.items()}


def test_a_changed_finding_changes_the_ledger(root: Path, tmp_path: Path) -> None:
    for chapter in CHAPTERS:
        found = list(findings_of(json.loads((root / "notebooks" / f"{chapter}.ipynb").read_bytes())))
        for finding in found:
            if finding["claim"] == "A4.65":
                assert finding["verdict"] == "holds"
                finding |= {"verdict": "fails", "strength": "proved"}
        (tmp_path / f"{chapter}.json").write_text(json.dumps(found))
    spoiled = open_volumes(findings=tmp_path)
    assert spoiled.verdicts["A4.65"] == "fails"
    assert spoiled.standings["A4.65"] == "falls"
    assert open_volumes().standings["A4.65"] != "falls"


def test_a_chapter_that_was_not_executed_is_named(tmp_path: Path) -> None:
    for chapter in CHAPTERS:
        (tmp_path / f"{chapter}.json").write_text("[]")
    with pytest.raises(DataError, match=r"A0\.json: holds no finding; execute it first"):
        open_volumes(findings=tmp_path)


def test_an_erratum_weighs_what_rests_on_it(volumes: Volumes) -> None:
    weighed = volumes.weighed_errata()
    assert len(weighed) == len(volumes.errata) > 10
    assert [len(w.resting) for w in weighed] == sorted((len(w.resting) for w in weighed), reverse=True)
    for w in weighed:
        assert set(w.erratum.touches) <= set(w.resting) | {w.erratum.claim}
        assert set(volumes.rests_on(w.erratum.claim)) <= set(w.resting)
    by_standing = volumes.weighed_errata("standings it lowers")
    assert [len(w.brought_down) for w in by_standing] == sorted((len(w.brought_down) for w in by_standing), reverse=True)
    assert "A8.20" in next(w for w in weighed if w.erratum.id == "A8-E1").brought_down


def test_a_claim_that_its_own_check_confirms_does_not_fall_with_its_reasons(volumes: Volumes) -> None:
    reasons = [a for a, b, of in volumes.graph.in_edges("A4.51", data=True) if of["kind"] == "support"]
    assert {volumes.standings[r] for r in reasons} == {"falls"}
    assert volumes.verdicts["A4.51"] == "holds"
    assert volumes.standings["A4.51"] == "weakened"


def test_chapters_do_not_load_what_their_results_ignore(root: Path) -> None:
    import subprocess
    import sys

    code = ("import sys; from compendium.execution.universes import findings_in; from pathlib import Path\n"
            "findings_in(Path('notebooks/B2.ipynb'), {}); print(*[m for m in sys.modules if m.startswith('compendium.')])")  # fmt: skip
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    ignored = {f"compendium.{name.removesuffix('.py').replace('/', '.')}" for name in OF_SYNTHESIS}
    assert "compendium.display.maps" in loaded
    assert not ignored & set(loaded)


# The design of sweeps

sizes = st.lists(st.integers(1, 4), min_size=1, max_size=6)


@given(sizes, st.integers(1, 300))
def test_a_design_begins_with_the_default_and_repeats_nothing(counts: list[int], most: int) -> None:
    axes = [Axis(f"p{n}", tuple(range(count))) for n, count in enumerate(counts)]
    found = design(axes, most)
    assert found[0] == (0,) * len(axes)
    assert len(found) == len(set(found))
    total = 1
    for count in counts:
        total *= count
    if total <= most:
        assert len(found) == total
    singles = {u for u in found if sum(map(bool, u)) == 1}
    assert len(singles) == sum(count - 1 for count in counts)


def test_a_design_goes_from_the_default_outwards() -> None:
    axes = [Axis("a", (0, 1)), Axis("b", (0, 1, 2)), Axis("c", (0, 1))]
    whole = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 2, 0), (1, 0, 0), (0, 1, 1), (0, 2, 1), (1, 0, 1), (1, 1, 0), (1, 2, 0), (1, 1, 1), (1, 2, 1)]
    assert design(axes, 12) == whole
    assert sorted(design(axes, 11)) == sorted(u for u in whole if sum(map(bool, u)) <= 2)
    assert design(axes[:1], 2) == [(0,), (1,)]


@given(st.data())
def test_a_multiverse_survives_its_file(data: st.DataObject) -> None:
    universes = tuple(design([Axis("a", (1, 2)), Axis("b", (True, False, None))], 100))
    rows = st.text("hpcdrj", min_size=len(universes), max_size=len(universes))
    verdicts = data.draw(st.dictionaries(st.sampled_from(["A1.1", "A1.2", "A1.3"]), rows))
    swept = Multiverse("A1", "x", (Axis("a", (1, 2), "help"), Axis("b", (True, False, None))), universes, verdicts)
    assert Multiverse.from_json(json.loads(json.dumps(swept.to_json()))) == swept
    for claim, row in verdicts.items():
        same = sum((v in FAILURES) == (row[0] in FAILURES) and (v in FAILURES or v == row[0]) for v in row)
        assert swept.robustness[claim] == round(same / len(row), 4)


def test_what_turns_a_verdict_alone_is_named() -> None:
    axes = (Axis("a", ("x", "y")), Axis("b", (1, 2, 3)))
    universes = tuple(design(axes, 100))
    row = "".join("d" if u[1] == 2 else "h" for u in universes)
    swept = Multiverse("A1", "", axes, universes, {"A1.1": row})
    assert swept.turned_by("A1.1") == {"b": [3]}
    assert swept.counts(0) == {"holds": 1}
    assert swept.counts(universes.index((0, 2))) == {"fails": 1}
    assert swept.to_json()["universes"] == ["00", "01", "02", "10", "11", "12"]
    everywhere = Multiverse("A1", "", axes, universes, {"A1.1": row, "A1.2": "h" * 6})
    assert everywhere.to_json()["verdicts"] == {"A1.1": row, "A1.2": "h"}
    assert everywhere.turned_by("A1.2") == {}
    assert everywhere.robustness == {"A1.1": 0.6667, "A1.2": 1.0}


@pytest.mark.parametrize("name", CHAPTERS)
def test_every_parameter_has_values_to_try(root: Path, name: str) -> None:
    path = root / "notebooks" / f"{name}.ipynb"
    for parameter in parameters_of(read_notebook(path), name).values():
        axis = multiverse.axis_of(parameter)
        assert axis.values[0] == parameter.default
        assert len(axis.values) >= 2, f"{name}: nothing but the default of {parameter.name} is tried"
        assert [parameter.check(value) for value in axis.values] == list(axis.values)


# What is committed


@pytest.mark.parametrize("name", CHAPTERS)
def test_what_was_swept_is_what_a_universe_finds(root: Path, volumes: Volumes, name: str) -> None:
    swept = volumes.multiverse[name]
    chance = random.Random(name)
    for number in (0, chance.randrange(1, len(swept.universes))):
        given_values = {axis.name: axis.values[v] for axis, v in zip(swept.axes, swept.universes[number], strict=True) if v}
        found = {f["claim"]: letter(f) for f in findings_in(root / "notebooks" / f"{name}.ipynb", given_values)}
        assert found == {claim: row[number] for claim, row in swept.verdicts.items()}, given_values


def test_the_explorer_is_small(root: Path) -> None:
    files = list((root / "notebooks" / "multiverse").glob("*.json"))
    assert len(files) == len(CHAPTERS)
    assert sum(path.stat().st_size for path in files) < 5_000_000
