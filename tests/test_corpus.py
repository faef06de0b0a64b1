"""The data folder: sound, and clear about what is wrong when it is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from compendium.corpus import files
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.integrity import audit, problems
from compendium.model.moment import Moment
from compendium.model.table import Cell, Table


def test_the_data_are_sound(corpus: Corpus) -> None:
    assert list(problems(corpus)) == []


def test_the_data_package_is_valid(root: Path) -> None:
    from frictionless import Package

    report = Package(str(root / "data" / "datapackage.json")).validate()
    assert report.valid, report.flatten(["path", "rowNumber", "message"])[:5]


def test_the_data_package_lists_every_table_file(root: Path) -> None:
    described = json.loads((root / "data" / "datapackage.json").read_text())
    paths = {path for resource in described["resources"] for path in ([resource["path"], *resource.get("extrapaths", [])])}
    present = {str(p.relative_to(root / "data")) for p in (root / "data").rglob("*.csv")}
    assert present == {p for p in paths if p.endswith(".csv")}


def test_wilson_as_printed(corpus: Corpus) -> None:
    table = corpus.table("A4-table-2")
    assert table.cell("Turkmenistan", "Exports / China").printed == "388,478"
    assert table.under("Imports").columns == ["China", "Russia"]
    assert len(table.cells) == 30


def test_the_part_of_a_table_below_a_head() -> None:
    cells = tuple(Cell("Row", head, "", "", "1", 1) for head in ("Out / Here / Now", "Out / There", "In / Here"))
    table = Table("A4-table-9", "A table", cells)
    assert table.under("Out").columns == ["Here / Now", "There"]
    assert table.under("Out").row("Row").label == "Row"
    with pytest.raises(KeyError, match=r"A4-table-9 has no head 'Off'; it has Out, In.$"):
        table.under("Off")
    with pytest.raises(KeyError, match=r"A4-table-9 has no row 'Line'; it has Row.$"):
        table.row("Line")
    with pytest.raises(KeyError, match=r"A4-table-9 has no column 'Out'; it has Out / Here / Now, Out / There, In / Here.$"):
        table["Out"]
    with pytest.raises(KeyError, match=r"A4-table-9 has no cell in row 'Row', column 'Out'.$"):
        table.cell("Row", "Out")


def test_a_reading_changes_one_cell(corpus: Corpus) -> None:
    table = corpus.table("A4-table-1").repaired(corpus.repairs("A4-table-1"))
    changed = [c for c in table.cells if c.reading == "repaired"]
    assert [(c.row, c.column, c.printed) for c in changed] == [("Turkmenistan", "2016", "388,478")]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("claims/A4.yml", "- id: A4.2\n", "- id: A4.1\n", ["A4.yml", "A4.1", "comes twice"]),
        ("claims/A4.yml", "- id: A4.3\n", "- id: A5.3\n", ["A5.3", "must begin with A4."]),
        ("claims/A4.yml", "lines: [2344, 2350]", "lines: [44, 50]", ["A4.2", "outside the chapter"]),
        ("claims/A4.yml", "lines: [2344, 2350]", "lines: [2344, 2450]", ["A4.2", "at most 40"]),
        ("claims/A4.yml", "kind: quotation", "kind: rumour", ["kind", "rumour"]),
        ("claims/A4.yml", 'low: "42"', 'low: "forty"', ["A4.47", "is not a printed number"]),
        ("tables/A4-table-1.csv", "row,column", "line,column", ["A4-table-1.csv", "head"]),
        ("tables/A4-table-1.csv", ",2648,", ",none,", ["A4-table-1.csv", "row 2", "line"]),
        ("tables/A4-table-1.yml", "chapter: A4", "chapter: C4", ["A4-table-1.yml", "chapter"]),
        ("readings/A4.yml", 'printed: "358,478"', 'printed: "1"', ["A4.yml", "prints '358,478'"]),
        ("events/A4.csv", "2015-01-01", "2015-13-01", ["A4.csv", "row", "date"]),
        ("memberships/A4.csv", "A4,A4.92", "A4,A4.999", ["A4.csv", "A4.999"]),
        ("memberships/A4.csv", "A4,A4.92", "A5,A4.92", ["A4.csv", "chapter 'A5'; only A4 is allowed here"]),
        ("tables/A4-table-1.yml", "id: A4-table-1", "id: A4-table-9", ["A4-table-1.yml", "its id is 'A4-table-9'; 'A4-table-1' is allowed"]),
        ("claims/A4.yml", "supports: [A4.6]", "supports: [A4.2]", ["A4.yml, A4.2: supports itself"]),
        ("claims/A4.yml", "- id: A4.2\n", "- id: A4.2\n  attacks: [A4.999]\n", ["A4.yml, A4.2: attacks 'A4.999', which does not exist"]),
        ("errata/A4.yml", "claim: A4.48\n", "claim: A4.999\n", ["errata/A4.yml, A4-E1: there is no claim 'A4.999'"]),
        ("comparisons.yml", 'columns: ["1990"', 'columns: ["Nowhere", "1990"', ["comparisons.yml, entry", "has no column 'Nowhere'; it has"]),
    ],
)
def test_errors_name_file_and_place(data: Path, name: str, old: str, new: str, told: list[str]) -> None:
    path = data / name
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {name}: the test needs another example"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    found = "\n".join(problems(Corpus(data), "A4"))
    for part in told:
        assert part in found


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\xef\xbb\xbf- id: A4.1", "byte-order mark"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a: &x [1]\nb: *x", "aliases are not allowed"),
        (b"a: [1", "not readable as YAML"),
        (b"just a text", "a list of entries is allowed"),
        (b"- !!python/object/apply:os.system ['true']", "not readable as YAML"),
    ],
)
def test_a_broken_file_is_refused(data: Path, content: bytes, told: str) -> None:
    (data / "claims" / "A4.yml").write_bytes(content)
    with pytest.raises(DataError, match=told):
        Corpus(data).claims("A4")


def test_a_claim_on_both_sides_of_a_proposition_is_refused(data: Path) -> None:
    path = data / "propositions.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    entry = next(entry for entry in entries if entry.get("asserts") and entry.get("denies"))
    entry["denies"].append(entry["asserts"][0])
    path.write_text(yaml.safe_dump(entries), encoding="utf-8")
    (told,) = problems(Corpus(data), "A4")
    assert told.startswith("propositions.yml, ")
    assert "asserts a proposition or denies it, not both" in told


def test_a_route_to_a_place_without_coordinates_is_told(data: Path) -> None:
    (path,) = sorted((data / "routes").glob("*.csv"))[:1]
    places = data / "places.csv"
    route = next(iter(Corpus(data).routes(path.stem)))
    kept = [line for line in places.read_text(encoding="utf-8").splitlines(keepends=True) if not line.startswith(f"{route.start},")]
    places.write_text("".join(kept), encoding="utf-8")
    found = list(problems(Corpus(data), path.stem))
    assert f"{path.name}: route {route.route!r} names {route.start!r}, which is not in places.csv" in found


@pytest.mark.parametrize("content", ['{"a": NaN}', '{"a": Infinity}', "{", "[" * 100_000])
def test_json_that_is_none_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "some.json").write_text(content)
    with pytest.raises(DataError, match=r"^some\.json: not readable as JSON: "):
        files.read_json(tmp_path / "some.json")


def test_json_is_read_with_its_state(tmp_path: Path) -> None:
    (tmp_path / "some.json").write_text('{"a": [1, 2.5, null]}')
    assert files.read_json(tmp_path / "some.json") == {"a": [1, 2.5, None]}


def test_a_name_that_no_file_can_have_is_absent(tmp_path: Path) -> None:
    assert not files.present(tmp_path / ("n" * 5000))


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda c: c.chapter("A11"), "there are A0"),
        (lambda c: c.table("A4-table-9"), "there is no table"),
        (lambda c: c.claim("A4.999"), "there is no claim"),
        (lambda c: c.external("nothing"), "there is no open series"),
    ],
)
def test_what_does_not_exist_is_named(corpus: Corpus, ask, told: str) -> None:
    with pytest.raises(DataError, match=told):
        ask(corpus)


def test_the_audit_finds_a_wrong_figure(data: Path, tmp_path: Path) -> None:
    corpus = Corpus(data)
    lines = [""] * corpus.sources.volumes["A"].lines
    text = tmp_path / "volume.txt"
    text.write_text("\n".join(lines))
    found = list(audit(corpus, "A", text))
    assert any(line.startswith("A4-table-1: Kazakhstan, 1996") for line in found)


@pytest.mark.parametrize(("text", "first", "last"), [("2013", "2013-01-01", "2013-12-31"), ("2012-02", "2012-02-01", "2012-02-29"),
                                                     ("2013-09/2013-11", "2013-09-01", "2013-11-30")])  # fmt: skip
def test_moments(text: str, first: str, last: str) -> None:
    moment = Moment.parse(text)
    assert (moment.first.isoformat(), moment.last.isoformat()) == (first, last)


@pytest.mark.parametrize("text", ["", "13", "2013-13", "2013/2013-13", "2013-02-30", "2014/2013", "spring 2013"])
def test_no_date(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each has its own words)
        Moment.parse(text)


def test_a_notebook_loads_only_what_it_uses() -> None:
    code = "import sys; from compendium import open_chapter; open_chapter; print([m for m in ('typer', 'sphinx', 'papermill', 'nbformat') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
