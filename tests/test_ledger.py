"""The ledger and the tables in their public form, against the files that they are made of, read here anew."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from compendium.checking.findings import FINDING, finding_from, findings_of, plain
from compendium.checking.ledger import all_claims, ledger, tables
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.model.claim import Basis, Finding, Strength, Verdict

CHAPTERS = [f"A{n}" for n in range(10)] + [f"B{n}" for n in range(5)]
JUDGEMENTS = {"thesis", "inference", "forecast", "norm", "interpretation"}


def recorded(root: Path, chapter: str) -> list[dict]:
    return list(findings_of(json.loads((root / "notebooks" / f"{chapter}.ipynb").read_bytes())))


@pytest.fixture(scope="module")
def found(root: Path) -> dict[str, dict]:
    return {finding["claim"]: finding for chapter in CHAPTERS for finding in recorded(root, chapter)}


@pytest.fixture(scope="module")
def passages(root: Path) -> dict[str, list]:
    """Volume and lines of each claim and table."""
    read = {}
    for path in [*(root / "data" / "claims").glob("*.yml"), *(root / "data" / "tables").glob("*.yml")]:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for one in content if isinstance(content, list) else [content]:
            read[one["id"]] = [one["id"][0], *one["lines"]]
    return read


@pytest.fixture(scope="module")
def entries(root: Path, found: dict[str, dict]) -> dict[str, dict]:
    made = ledger(Corpus(root / "data"), map(finding_from, found.values()), {"A0.1": 0.5})
    return {entry["id"]: entry for entry in made}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_entry_says_what_the_files_say(root: Path, entries: dict[str, dict], found: dict[str, dict], passages: dict[str, list],
                                         chapter: str) -> None:  # fmt: skip
    written = yaml.safe_load((root / "data" / "claims" / f"{chapter}.yml").read_text(encoding="utf-8"))
    assert [key for key, entry in entries.items() if entry["chapter"] == chapter] == [claim["id"] for claim in written]
    for claim in written:
        finding = found.get(claim["id"])
        entry = dict(entries[claim["id"]])
        fails = finding is not None and finding["verdict"] == "fails"
        assert entry.pop("conflicts_with") == ([passages[other] for other in finding["against"] if other in passages] if fails else [])
        assert entry.pop("standing") in {"stands", "weakened", "falls", "disputed"}
        assert entry == {
            "id": claim["id"], "volume": chapter[0], "chapter": chapter, "section": claim["section"], "lines": claim["lines"],
            "kind": claim["kind"], "says": " ".join(claim["says"].split()), "numbers": claim.get("numbers", []),
            "verdict": finding["verdict"] if finding else "judgement" if claim["kind"] in JUDGEMENTS else "reported",
            "basis": finding["basis"] if finding else "none", "strength": finding["strength"] if finding else None,
            "because": finding["because"] if finding else "", "how": finding["how"] if finding else "",
            "entities": claim.get("entities", []), "supports": claim.get("supports", []), "attacks": claim.get("attacks", []),
            "compare": claim.get("compare", []), "robustness": 0.5 if claim["id"] == "A0.1" else None,
        }  # fmt: skip


def test_conflicts_are_with_passages_of_either_volume(entries: dict[str, dict]) -> None:
    assert {place[0] for entry in entries.values() for place in entry["conflicts_with"]} == {"A", "B"}


def test_the_tables_say_what_the_files_say(root: Path) -> None:
    repaired = {}
    for path in (root / "data" / "readings").glob("*.yml"):
        for repair in yaml.safe_load(path.read_text(encoding="utf-8")):
            repaired[repair["table"], repair["row"], str(repair["column"])] = repair["repaired"]
    made = tables(Corpus(root / "data"))
    assert len(made) == len(list((root / "data" / "tables").glob("*.yml")))
    seen = 0
    for table in made:
        path = root / "data" / "tables" / f"{table['id']}.yml"
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in ("id", "chapter", "caption", "section", "lines"):
            assert table[key] == written[key], table["id"]
        for key, without in (("kind", "table"), ("source", ""), ("recovered", ""), ("missing", ""), ("numbers", []), ("footnotes", []), ("damage", [])):
            assert table[key] == written.get(key, without), table["id"]
        assert table["volume"] == table["id"][0]
        cells = list(csv.DictReader(path.with_suffix(".csv").open(encoding="utf-8"))) if path.with_suffix(".csv").is_file() else []
        assert [c["row"] for c in table["cells"]] == [c["row"] for c in cells]
        for cell, printed in zip(table["cells"], cells, strict=True):
            for key in ("column", "unit", "period", "printed", "note"):
                assert cell[key] == printed[key], table["id"]
            assert (cell["line"], cell["reading"]) == (int(printed["line"]), "as printed")
            repair = repaired.get((table["id"], cell["row"], cell["column"]))
            assert cell["repaired"] == repair
            seen += repair is not None
            plainly = printed["printed"].replace(",", "").rstrip("%")
            if plainly.replace(".", "", 1).isdecimal():
                assert cell["value"] == pytest.approx(float(plainly)), table["id"]
    assert seen == len(repaired) > 0


def test_a_finding_about_nothing_and_a_second_one_are_refused(corpus: Corpus) -> None:
    def finding(claim: str) -> Finding:
        return Finding(claim, Verdict.HOLDS, Basis.TABLE, None, "So.", "How.")

    with pytest.raises(DataError, match=r"^a notebook has a finding about 'A4\.9999', which is not in data/claims$"):
        ledger(corpus, [finding("A4.9999")])
    with pytest.raises(DataError, match=r"^two checks test A4\.1; one is allowed$"):
        ledger(corpus, [finding("A4.1"), finding("A4.1")])
    assert list(all_claims(corpus))[:2] == ["A0.1", "A0.2"]


def test_a_finding_survives_its_json() -> None:
    whole = Finding("A4.1", Verdict.FAILS, Basis.TABLE, Strength.PROVED, "Because.", "How.", ("A4-table-1",), ("5", "6"))
    data = plain(whole)
    assert finding_from(json.loads(json.dumps(data))) == whole
    assert data == {"claim": "A4.1", "verdict": "fails", "basis": "table", "strength": "proved", "because": "Because.", "how": "How.",
                    "against": ["A4-table-1"], "numbers": ["5", "6"]}  # fmt: skip


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"claim": "A4.1"}, "not a finding: {'claim': 'A4.1'} (KeyError: 'verdict')"),
        (None, "not a finding: None (TypeError: 'NoneType' object is not subscriptable)"),
        ({"claim": "A4.1", "verdict": "maybe"}, "not a finding: {'claim': 'A4.1', 'verdict': 'maybe'} (ValueError: 'maybe' is not a valid Verdict)"),
        ("x" * 100, f"not a finding: {'x' * 80} (TypeError: string indices must be integers, not 'str')"),
    ],
)
def test_what_is_no_finding_is_named(data: object, why: str) -> None:
    with pytest.raises(DataError) as told:
        finding_from(data)
    assert str(told.value) == why


def test_findings_are_read_in_the_order_of_the_notebook() -> None:
    def output(name: str) -> dict:
        return {"data": {FINDING: {"claim": name}}}

    notebook = {"cells": [{"cell_type": "markdown"}, {"cell_type": "code"}, {"cell_type": "code", "outputs": [{"text": "no data"}, output("a"), output("b")]},
                          {"cell_type": "code", "outputs": [{"data": {"text/plain": "x"}}, output("c")]}]}  # fmt: skip
    assert [finding["claim"] for finding in findings_of(notebook)] == ["a", "b", "c"]
