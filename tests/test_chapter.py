"""A chapter as notebooks use it, and the proof that its checks can fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from compendium import open_chapter
from compendium.checking.findings import findings_of
from compendium.corpus.errors import DataError
from compendium.execution.parameters import read_notebook
from compendium.execution.running import RunError, execute
from compendium.execution.universes import findings_in


def findings(root: Path, name: str, **parameters: object) -> dict[str, dict]:
    """The findings of a notebook's cells, run in this process: quick, and under the data of the test."""
    return {finding["claim"]: finding for finding in findings_in(root / "notebooks" / f"{name}.ipynb", parameters)}


def test_a_mutated_figure_turns_a_verdict(root: Path, data: Path, spoil: Callable) -> None:
    before = findings(root, "A4")
    assert before["A4.51"]["verdict"] == "holds"
    spoil("tables/A4-table-2.csv", '"13,097,398"', '"13,007,398"')
    after = findings(root, "A4")
    assert after["A4.51"]["verdict"] == "fails"
    assert "Kazakhstan" in after["A4.51"]["because"]


def test_a_mended_error_turns_a_verdict(root: Path, data: Path, spoil: Callable) -> None:
    assert findings(root, "A4")["A4.52"]["verdict"] == "fails"
    spoil("tables/A4-table-2.csv", '"1,756,328"', '"1,756,338"')
    assert findings(root, "A4")["A4.52"]["verdict"] == "holds"


def test_a_mutated_claim_turns_a_verdict(root: Path, data: Path, spoil: Callable) -> None:
    assert findings(root, "A4")["A4.72"]["verdict"] == "holds"
    spoil("claims/A4.yml", "founders: {printed: \"4\"", "founders: {printed: \"5\"")
    assert findings(root, "A4")["A4.72"]["verdict"] == "fails"


@pytest.mark.parametrize(
    ("parameters", "claim", "verdict"),
    [
        ({"reading": "as printed"}, "A8.26", "holds"),
        ({"reading": "repaired"}, "A8.26", "fails"),
        ({"rounding": "rounded"}, "A4.49", "fails"),
        ({"notable": 0.5}, "A4.112", "fails"),
        ({"states": ["Kyrgyzstan", "Tajikistan"]}, "A4.87", "holds"),
        ({"by_far": 3.0}, "A4.57", "fails"),
    ],
)
def test_parameters_matter(root: Path, data: Path, parameters: dict, claim: str, verdict: str) -> None:
    assert findings(root, claim.partition(".")[0], **parameters)[claim]["verdict"] == verdict


@pytest.mark.parametrize("name", [*(f"A{n}" for n in range(10)), *(f"B{n}" for n in range(5))])
def test_a_notebook_holds_what_its_cells_find(root: Path, name: str) -> None:
    path = root / "notebooks" / f"{name}.ipynb"
    assert findings_in(path, {}) == list(findings_of(json.loads(path.read_bytes())))


def test_every_erratum_has_its_check(root: Path) -> None:
    from compendium.corpus.corpus import Corpus

    corpus = Corpus(root / "data")
    for chapter in corpus.chapters:
        errata = corpus.errata(chapter)
        if not errata:
            continue
        found = {f["claim"]: f for f in findings_of(json.loads((root / "notebooks" / f"{chapter}.ipynb").read_text()))}
        for erratum in errata:
            assert found[erratum.claim]["verdict"] == "fails", erratum.id
            own_table = found[erratum.claim]["strength"] == "conflict" and found[erratum.claim]["basis"] == "table"
            assert found[erratum.claim]["strength"] == "proved" or own_table, erratum.id


def test_every_proved_failure_is_an_erratum(root: Path) -> None:
    from compendium.corpus.corpus import Corpus

    corpus = Corpus(root / "data")
    for path in sorted((root / "notebooks").glob("[AB]*.ipynb")):
        proved = {f["claim"] for f in findings_of(json.loads(path.read_text())) if f["strength"] == "proved"}
        assert proved <= {e.claim for e in corpus.errata(path.stem)}, path.stem


def test_a_check_without_a_docstring_is_refused() -> None:
    chapter = open_chapter("A4")
    with pytest.raises(DataError, match="no docstring"):

        @chapter.check("A4.47", basis="table")
        def silent(claim):
            return claim["low"] > 1


def test_a_check_of_no_claim_is_refused() -> None:
    chapter = open_chapter("A4")
    with pytest.raises(DataError, match=r"no claim 'A4\.999'"):

        @chapter.check("A4.999", basis="table")
        def lost(claim):
            """Nothing."""


def test_where_nobody_listens_a_check_shows_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    chapter = open_chapter("A4")

    @chapter.check("A4.47", basis="table")
    def small(claim):
        """The number is compared with one."""
        return claim["low"].agrees(1)

    shown = capsys.readouterr().out
    assert f"A4.47 fails, proved: {chapter.claims['A4.47'].says}" in shown.replace("\\n", "\n")
    assert chapter.findings["A4.47"].how == "The number is compared with one."


def test_a_value_that_a_claim_does_not_name_is_told() -> None:
    chapter = open_chapter("A4")
    with pytest.raises(KeyError, match=r"claim A4\.47 names no value 'middle'; it names low, high"):
        chapter.claims["A4.47"]["middle"]
    unnumbered = next(claim for claim in chapter.claims.values() if not claim.values)
    with pytest.raises(KeyError, match=rf"claim {unnumbered.id} names no value 'low'; it names none"):
        unnumbered["low"]


def test_a_passage_says_where_it_stands() -> None:
    from compendium.model.claim import Passage

    passage = Passage("A4", "Trade", 3, 7)
    assert (str(passage), passage.volume) == ("A4, Trade, lines 3-7", "A")


def test_members_and_dates() -> None:
    chapter = open_chapter("A4")
    assert chapter.members("SCO", year=2016) == chapter.members("SCO") - {"India", "Pakistan"}
    assert chapter.date_of("eaeu-founded").text == "2015-01-01"
    with pytest.raises(DataError, match="has no event"):
        chapter.date_of("nothing")


def test_a_failing_cell_is_named(root: Path, tmp_path: Path) -> None:
    notebook = read_notebook(root / "notebooks" / "A4.ipynb")
    notebook.cells = notebook.cells[:3]
    notebook.cells[2].source = "1 / 0"
    with pytest.raises(RunError, match=r"A4, cell \d: ZeroDivisionError"):
        execute(notebook, {}, root, "A4")
