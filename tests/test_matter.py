"""The back matter: computed pages that list everything, and a page of examples that work."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from compendium.book import matter
from compendium.book.citing import places
from compendium.book.edition import read_edition
from compendium.book.publishing import as_csv
from compendium.corpus import records
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.integrity import audit

PAGES = ("dictionary.md", "exhibits.md", "references.md", "glossary.md", "changes.md")


def test_a_spreadsheet_takes_no_claim_for_a_formula() -> None:
    text = as_csv([{"id": "A4.1", "says": "=1+1", "numbers": ["-2", "3"], "note": None}]).decode()
    assert text == "id,says,numbers,note\nA4.1,'=1+1,'-2 3,\n"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    root = Path(__file__).resolve().parents[1]
    return matter.pages(Corpus(root / "data"), root)


def test_there_are_five_pages_with_a_title_each(pages: dict[str, str]) -> None:
    assert tuple(pages) == PAGES
    for name, text in pages.items():
        assert re.match(r"# \w", text), name
        assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1, name


def test_the_same_data_give_the_same_pages(pages: dict[str, str], corpus: Corpus, root: Path) -> None:
    assert matter.pages(corpus, root) == pages


def test_every_field_of_every_record_has_a_meaning() -> None:
    for record in vars(records).values():
        if isinstance(record, type) and issubclass(record, records.Record) and record is not records.Record:
            for name, field in record.model_fields.items():
                assert field.description, f"{record.__name__}.{name}"


def test_the_dictionary_has_every_file_and_every_field(pages: dict[str, str], root: Path) -> None:
    patterns = [pattern for pattern, _, _ in matter.DESCRIBED] + list(matter.OTHERS)
    for path in (root / "data").rglob("*"):
        name = path.relative_to(root / "data").as_posix()
        if path.is_file() and not path.name.startswith("."):
            assert any(fnmatch.fnmatch(name, pattern) for pattern in patterns), f"data/{name} is not in the data dictionary"
    for _, _, record in matter.DESCRIBED:
        for name, field in record.model_fields.items():
            assert f"| `{name}` | {field.description} |" in pages["dictionary.md"]
    for line in ("| `status` | What the state is in it. | text; one of `member`, `founder`,", "| number; at least -90; at most 90 |",
                 "at most 40 apart. | list of whole number; each at least 1; 2 of them |", "| true or false; `false` where left out |",
                 "each length to 2000; not empty |", "| record by name; may be left out |"):  # fmt: skip
        assert line in pages["dictionary.md"], line


def test_every_table_figure_and_map_is_listed_with_what_makes_it(pages: dict[str, str], corpus: Corpus, root: Path) -> None:
    text = pages["exhibits.md"]
    sections = dict(re.findall(r"^### (\S+, (?:Table|Figure|Map) \S+)\n\n(.*?)(?=\n\n#|\Z)", text, re.MULTILINE | re.DOTALL))
    tables = [table for chapter in corpus.chapters for table in corpus.tables(chapter)]
    assert len(sections) == len(tables)
    for table in tables:
        chapter, kind, number = table.id.split("-")
        section = sections[f"{chapter}, {kind.capitalize()} {number}"]
        for line in ("Shows", "Where", "Source named there", "Made by", "Data"):
            assert f"- *{line}*: " in section, table.id
        made_by = re.search(r"\*Made by\*: `([^`]+)`", section)
        assert made_by
        assert (root / made_by[1]).is_file()
        data = re.search(r"\*Data\*: `([^`]+)`", section)
        assert (root / data[1]).is_file() if data else not table.cells
        if table.kind != "table":
            assert ("Recovered" in section) == bool(table.recovered)


def test_every_open_series_is_listed_with_its_terms(pages: dict[str, str], corpus: Corpus) -> None:
    for path in (corpus.folder / "external").glob("*.csv"):
        section = pages["exhibits.md"].partition(f"### {path.stem}\n")[2].partition("\n###")[0]
        for line in ("Series", "Source", "Vintage", "Licence", "Figures"):
            assert f"- *{line}*: " in section, path.name


def test_links_of_the_back_matter_resolve(pages: dict[str, str], corpus: Corpus) -> None:
    known = {(place.page, place.anchor) for place in places(corpus)}
    for name, text in pages.items():
        for page, anchor in re.findall(r'href="([^"#]+)#?([^"]*)"', text):
            assert (page, anchor) in known, f"{name} links to {page}#{anchor}"
        assert not re.findall(r"\]\((?!https?://)", text), f"{name}: a link of another form"


def test_no_text_of_the_data_becomes_markup() -> None:
    assert matter._text("a*b_c [d] <e> `f` $g$ | h") == r"a\*b\_c \[d\] &lt;e&gt; \`f\` \$g\$ \| h"


# The bibliography


def test_both_bibliographies_read_the_same_by_pybtex(root: Path) -> None:
    from pybtex.database import parse_file

    for name in ("references.bib", "volumes.bib"):
        ours = matter.read_bibliography(root / "data" / name)
        theirs = parse_file(str(root / "data" / name)).entries
        assert list(ours) == list(theirs)
        for key, fields in ours.items():
            for role, people in theirs[key].persons.items():
                # An institution stands in a second pair of braces, and its name may have an *and* in it.
                corporate = str(people[0]).startswith("{")
                assert len(people) == (1 if corporate else len(fields[role].split(" and "))), key
            assert {f for f in fields if f not in ("type", "author", "editor")} == {f.lower() for f in theirs[key].fields}


def test_every_reference_has_names_title_year_and_lines_of_its_chapter(corpus: Corpus) -> None:
    entries = matter.read_bibliography(corpus.folder / "references.bib")
    assert {key.partition("-")[0] for key in entries} == {"A4", "A5", "A7", "A8", "B1", "B2"}
    for key, fields in entries.items():
        first, last = corpus.chapter(key.partition("-")[0]).lines
        assert fields["title"], key
        assert fields.get("author") or fields.get("editor"), key
        assert re.fullmatch(r"n\.d\.|(19|20)\d\d(--(19|20)\d\d)?", fields["year"]), key
        lines = [int(n) for pair in re.findall(r"lines? (\d+)(?:-(\d+))?", fields["note"]) for n in pair if n]
        assert lines, key
        assert all(first <= n <= last for n in lines), key
        assert ("urlprinted" in fields) <= ("address" in fields["note"]), key


def test_every_reference_and_chapter_is_on_the_page(pages: dict[str, str], corpus: Corpus) -> None:
    for fields in matter.read_bibliography(corpus.folder / "references.bib").values():
        assert matter._text(fields["title"]) in pages["references.md"]
    for chapter in corpus.chapters:
        assert f'<a href="{chapter}.html">' in pages["references.md"]


def test_a_bibliography_that_is_not_plain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "references.bib"
    for text in ("@book{A4-x-2000,\n  title = {A\nB}\n}\n", "@book{A4-x-2000,\n  title = {A}}\n", '@book{A4-x-2000,\n  title = "A"\n}\n'):
        path.write_text(text)
        with pytest.raises(DataError, match=r"references\.bib"):
            matter.read_bibliography(path)
    with pytest.raises(DataError, match="no such file"):
        matter.read_bibliography(tmp_path / "no.bib")


# The glossary


def test_glossary_forms_stand_under_chapters_in_their_order(corpus: Corpus) -> None:
    assert len(corpus.glossary) >= 40
    for entry in corpus.glossary:
        assert entry.says.endswith("."), entry.term
        for form, chapters in entry.variants.items():
            assert chapters == sorted(set(chapters), key=corpus.chapters.index), f"{entry.term}: {form}"


def test_a_form_belongs_to_two_terms_only_where_a_note_says_so(corpus: Corpus) -> None:
    terms: dict[tuple[str, str], list[str]] = {}
    for entry in corpus.glossary:
        for form, chapters in entry.variants.items():
            for chapter in chapters:
                terms.setdefault((form, chapter), []).append(entry.term)
    assert [key for key, names in terms.items() if len(names) > 1] == []


def test_chapters_that_speak_of_an_organisation_use_a_form_of_it(corpus: Corpus) -> None:
    """A claim's entities carry the book's names; a chapter with such a claim must have some form in the glossary."""
    forms = {entry.term: {c for chapters in entry.variants.values() for c in chapters} for entry in corpus.glossary}
    kinds = {entry.term: entry.kind for entry in corpus.glossary}
    missing = {}
    del forms["EU"]  # the claims write it for Europe too
    for chapter in corpus.chapters:
        named = {entity for claim in corpus.claims(chapter).values() for entity in claim.entities}
        for term in named & forms.keys():
            if chapter not in forms[term] and kinds[term] != "concept":
                missing[term, chapter] = sorted(forms[term])
    assert missing == {}


def test_every_abbreviated_organisation_of_the_memberships_is_explained(corpus: Corpus) -> None:
    known = {name for entry in corpus.glossary for name in (entry.term, *entry.variants)}
    short = {row.organisation for row in corpus.memberships() if re.fullmatch(r"[\w+]*[A-Z\d+]{2}[\w+]*", row.organisation)}
    assert "EAEU" in short
    assert short <= known


def test_the_glossary_page_has_every_form(pages: dict[str, str], corpus: Corpus) -> None:
    for entry in corpus.glossary:
        assert f"**{matter._text(entry.term)}**" in pages["glossary.md"]
        for form, chapters in entry.variants.items():
            assert f"{matter._text(form)} ({', '.join(chapters)})" in pages["glossary.md"]


def test_an_audit_finds_a_form_that_a_chapter_does_not_use(data: Path, tmp_path: Path) -> None:
    corpus = Corpus(data)
    first, last = corpus.chapter("B4").lines
    entries = [{"term": "SCO", "kind": "organisation", "says": "It is one.",
                "variants": {"Shanghai Cooperation Organization": ["B4"], "Energy-Club": ["B4"], "SCO": ["B4"], "S": ["B4"]}}]  # fmt: skip
    (data / "glossary.yml").write_text(yaml.safe_dump(entries, sort_keys=False))
    text = [""] * (last + 10)
    text[first : first + 5] = ["of the Shanghai Coopera-", "", "tion Organization, an Energy-", "", "Club"]
    text[last + 5] = "SCO"
    (tmp_path / "b.txt").write_text("\n".join(text))
    found = [problem for problem in audit(Corpus(data), "B", tmp_path / "b.txt") if problem.startswith("glossary")]
    assert found == ["glossary.yml, SCO: 'SCO' is not in B4", "glossary.yml, SCO: 'S' is not in B4"]


@pytest.mark.parametrize("entry", [
    {"term": "X", "kind": "organisation", "says": "It is.", "variants": {}},
    {"term": "X", "kind": "organisation", "says": "It is.", "variants": {"X": []}},
    {"term": "X", "kind": "organisation", "says": "It is.", "variants": {"X": ["C1"]}},
    {"term": "X", "kind": "beast", "says": "It is.", "variants": {"X": ["A1"]}},
])  # fmt: skip
def test_a_wrong_glossary_entry_is_named(data: Path, entry: dict[str, object]) -> None:
    (data / "glossary.yml").write_text(yaml.safe_dump([entry]))
    with pytest.raises(DataError, match=r"glossary\.yml, entry 1"):
        _ = Corpus(data).glossary


# Changes


def test_changes_are_the_changelog(root: Path, pages: dict[str, str], tmp_path: Path) -> None:
    assert pages["changes.md"] == (root / "CHANGELOG.md").read_text(encoding="utf-8")
    with pytest.raises(DataError, match=r"CHANGELOG\.md: there is no such file"):
        matter.changes(tmp_path)


# Using the data


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the built book below ``data/``, made from the committed notebooks."""
    from compendium.book.publishing import published as made
    from compendium.volumes import open_volumes

    root = Path(__file__).resolve().parents[1]
    folder = tmp_path_factory.mktemp("site")
    for name, content in made(open_volumes(), read_edition(root), root / "notebooks").items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def examples(language: str) -> list[str]:
    text = (Path(__file__).resolve().parents[1] / "book" / "using-the-data.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", examples("python"), ids=lambda code: re.search(r"data/?\W+(\w+)", code)[1])
def test_the_examples_in_python_work(published: Path, code: str) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=published, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_published_file_is_on_the_page(published: Path, root: Path) -> None:
    text = (root / "book" / "using-the-data.md").read_text(encoding="utf-8")
    files = {path.relative_to(published).as_posix() for path in published.rglob("*") if path.is_file() and path.suffix != ".js"}
    assert set(re.findall(r'href="([^"]+)"', text)) == files


def test_the_examples_in_r_name_fields_that_there_are(published: Path) -> None:
    codes = examples("r")
    assert len(codes) >= 7
    for code in codes:
        read = re.search(r'(\w+) <- fromJSON\("([^"]+)"\)', code)
        assert read
        content = json.loads((published / read[2]).read_text(encoding="utf-8"))
        first = content[0] if isinstance(content, list) else content
        for field in re.findall(rf"{read[1]}\$(\w+)", code):
            assert field in first or f"{read[1]}${field} <-" in code or read[2].endswith("jsonld"), code
