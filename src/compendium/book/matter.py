"""Back matter as pages that are computed: dictionary of the data, tables and figures, references, glossary, changes."""

from __future__ import annotations

import itertools
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from compendium.book.citing import place_of
from compendium.corpus import files
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.records import (
    CellRecord,
    ChapterRecord,
    ClaimRecord,
    ComparisonRecord,
    ErratumRecord,
    EventRecord,
    ExternalRecord,
    GlossaryRecord,
    MembershipRecord,
    PlaceRecord,
    PropositionRecord,
    ReadingRecord,
    Record,
    RouteRecord,
    TableRecord,
    ValueRecord,
    VolumeRecord,
)
from compendium.model.table import Table

# Every file of data/ belongs to one of these patterns; a test holds it.
DESCRIBED: tuple[tuple[str, str, type[Record]], ...] = (
    ("sources.yml", "an entry of `volumes`: a volume", VolumeRecord),
    ("sources.yml", "an entry of `chapters`: a chapter", ChapterRecord),
    ("tables/*.csv", "a row: a cell", CellRecord),
    ("tables/*.yml", "the file: a table, figure or map", TableRecord),
    ("readings/*.yml", "an entry: a repaired cell", ReadingRecord),
    ("claims/*.yml", "an entry: a claim", ClaimRecord),
    ("claims/*.yml", "a value under `values`; text alone is short for `printed`", ValueRecord),
    ("events/*.csv", "a row: a dated event", EventRecord),
    ("memberships/*.csv", "a row: a state in an organisation", MembershipRecord),
    ("routes/*.csv", "a row: a leg of a route", RouteRecord),
    ("places.csv", "a row: a place", PlaceRecord),
    ("errata/*.yml", "an entry: a defect, proved or in conflict with its own table", ErratumRecord),
    ("propositions.yml", "an entry: a sentence on which chapters take sides", PropositionRecord),
    ("comparisons.yml", "an entry: columns that an open series is held against", ComparisonRecord),
    ("external/*.csv", "a row: a figure of an open series", ExternalRecord),
    ("glossary.yml", "an entry: an organisation or term", GlossaryRecord),
)  # fmt: skip
OTHERS = {
    "volumes.bib": "Full titles of the volumes and chapters, as BibTeX.",
    "references.bib": "References that survive in the two texts, as BibTeX.",
    "datapackage.json": "All of this as a Frictionless data package, with the checksum of each YAML file.",
    "README.md": "The same formats explained with examples.",
}
TYPES = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def pages(corpus: Corpus, root: Path) -> dict[str, str]:
    """The back matter, by the name of each page's file.

    Parameters
    ----------
    root : Path
        The checkout: its changes, its notebooks, and the record of what each notebook read.
    """
    return {
        "dictionary.md": dictionary(corpus), "exhibits.md": exhibits(corpus, readers(root)), "references.md": references(corpus),
        "glossary.md": glossary(corpus), "changes.md": changes(root),
    }  # fmt: skip


def dictionary(corpus: Corpus) -> str:
    """The data dictionary: every file of ``data/``, every field with its type, what is allowed, and what it means."""
    parts = ["# Data dictionary", "What each file below `data/` holds, from the schemas that loading enforces. A field without a default "
             "must be there; blank text is allowed where nothing else is said."]  # fmt: skip
    last = ""
    for pattern, entry, record in DESCRIBED:
        if pattern != last:
            count = len(list(corpus.folder.glob(pattern)))
            parts.append(f"## `{pattern}`" + (f"\n\n{count} files." if "*" in pattern else ""))
        last = pattern
        rows = [(f"`{name}`", field.description or "", _described(field)) for name, field in record.model_fields.items()]
        parts.append(f"One record is {entry}.\n\n{_table(('field', 'meaning', 'type and what is allowed'), rows)}")
    parts.append("## Other files\n\n" + _table(("file", "what it is"), [(f"`{name}`", text) for name, text in OTHERS.items()]))
    return _page(parts)


def _described(field: Any) -> str:
    """A field's type, what it allows, and what stands in it where it is left out."""
    kind, allowed = _type(field.annotation)
    allowed += _rules(field.metadata, kind)
    if not field.is_required():
        allowed.append("may be left out" if field.default in ("", None, [], {}) else f"`{str(field.default).lower()}` where left out")
    return "; ".join([kind, *dict.fromkeys(allowed)])


def _type(annotation: Any) -> tuple[str, list[str]]:
    """A type in words, with what it allows."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        kind, allowed = _type(inner[0])
        return kind, allowed + _rules(inner[1:], kind)
    if origin is typing.Literal:
        return "text", ["one of " + ", ".join(f"`{value}`" for value in inner)]
    if origin in (typing.Union, types.UnionType):
        return _type(next(part for part in inner if part is not type(None)))
    if origin is list:
        kind, allowed = _type(inner[0])
        return f"list of {kind}", [f"each {rule}" for rule in allowed]
    if origin is dict:
        kind, allowed = _type(inner[1])
        return f"{kind} by name", allowed
    return (TYPES[annotation], []) if annotation in TYPES else ("record", [])


def _rules(parts: Iterable[Any], kind: str) -> list[str]:
    """The limits that a type's metadata set, in words."""
    limits: dict[str, Any] = {}
    for part in itertools.chain.from_iterable((part, *getattr(part, "metadata", ())) for part in parts):
        for name in ("ge", "le", "pattern", "min_length", "max_length"):
            value = getattr(part, name, None)
            if value is not None:
                limits[name] = value
    least, most = limits.get("min_length"), limits.get("max_length")
    found = [f"{word} {limits[name]}" for name, word in (("ge", "at least"), ("le", "at most")) if name in limits]
    if "pattern" in limits:
        found.append("`{}`".format(limits["pattern"].replace("|", "\\|")))
    if least is not None and least == most:
        found.append(f"{least} of them")
    else:
        found += ["not blank" if kind == "text" else "not empty"] if least == 1 else [f"length from {least}"] if least else []
        found += [f"length to {most}"] if most else []
    return found


def readers(root: Path) -> dict[str, list[str]]:
    """Which notebooks read each data file, as their last runs recorded it; nothing of a notebook that has not been run."""
    from compendium.execution.runs import Job, inputs_for, notebook_names
    from compendium.execution.store import Store

    found: dict[str, list[str]] = {}
    for name in notebook_names(root):
        run = Store(root).lookup(inputs_for(root, Job(name)))
        for path in run[1]["reads"] if run else ():
            found.setdefault(path, []).append(name)
    return found


def exhibits(corpus: Corpus, read_by: Mapping[str, Sequence[str]]) -> str:
    """All tables, figures and maps with what makes each, and where every open figure comes from.

    Parameters
    ----------
    read_by : mapping of path to names
        Which notebooks read each data file.
    """
    parts = ["# Tables, figures and maps",
             "Every table, figure and map of the two volumes: what it shows, where it stands, what could be recovered, and which notebook "
             "computes it again. Then the open series, with provenance and rights.", "## Rights",
             "The two volumes are not distributed. Their figures, names, dates and titles are reported as facts, each with its line in the "
             "text. Data and text of the compendium are under CC BY 4.0, its code under the MIT licence. An open series keeps the terms "
             "named beside it below; no series needs an application or a payment."]  # fmt: skip
    for chapter in corpus.chapters:
        tables = corpus.tables(chapter)
        if tables:
            parts.append(f"## {chapter} {corpus.chapter(chapter).short}")
            parts += [_exhibit(corpus, table, read_by) for table in sorted(tables, key=lambda t: _natural(t.id))]
    parts.append("## Open series")
    parts += [_series(corpus, path, read_by) for path in sorted((corpus.folder / "external").glob("*.csv"))]
    return _page(parts)


def _exhibit(corpus: Corpus, table: Table, read_by: Mapping[str, Sequence[str]]) -> str:
    place = place_of(corpus, table.id)
    data = f"data/tables/{table.id}.csv"
    others = [name for name in read_by.get(data, ()) if name != table.chapter]
    link = f'<a href="{table.chapter}.html{"#" + place.anchor if table.kind == "table" else ""}">{table.chapter}</a>'
    chapter, kind, number = table.id.split("-")
    mark = "" if table.kind == "table" else f'<span id="{place.anchor}"></span>\n\n'
    return f"{mark}### {chapter}, {kind.capitalize()} {number}\n\n" + _facts({
        "Shows": _text(table.caption),
        "Where": f"{link}, {_text(table.section)}, lines {table.lines[0]} to {table.lines[1]} of the text",
        "Source named there": _text(table.source) or "none",
        "Made by": f"`notebooks/{table.chapter}.ipynb`{'; also read by ' + ', '.join(others) if others else ''}",
        "Data": f"`{data}`, {len(table.cells)} cells" if table.cells else "none: no figure survives",
        "Recovered": _text(table.recovered) or ("all cells" if kind == "table" else ""),
        "Missing": _text(table.missing),
        "Damage": " ".join(_stop(_text(note)) for note in table.damage),
    })  # fmt: skip


def _series(corpus: Corpus, path: Path, read_by: Mapping[str, Sequence[str]]) -> str:
    rows = files.read_rows(path, ExternalRecord)
    data = f"data/external/{path.name}"
    years = sorted({row.period for row in rows if row.period[:1].isdigit()})
    span = f" of {years[0]}" if len(years) == 1 else f" from {years[0]} to {years[-1]}" if years else ""
    entities = len({row.entity for row in rows})
    facts = {name: "; ".join(_text(value) for value in dict.fromkeys(getattr(row, name.lower()) for row in rows))
             for name in ("Series", "Unit", "Source", "Vintage", "Licence")}  # fmt: skip
    return f"### {path.stem}\n\n" + _facts({
        **facts, "Figures": f"{len(rows)}{span}" + (f", for {entities} states or items" if entities > 1 else ""),
        "Data": f"`{data}`", "Read by": ", ".join(read_by.get(data, ())),
    })  # fmt: skip


def _facts(facts: Mapping[str, str]) -> str:
    return _list(f"*{name}*: {value}" for name, value in facts.items() if value)


ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)\n\}$", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^  (\w+) = \{(.*)\},?$", re.MULTILINE)


def read_bibliography(path: Path) -> dict[str, dict[str, str]]:
    """The entries of a ``.bib`` file in the plain form of this project: a field a line, in braces.

    Returns
    -------
    dict
        By key, the fields, with the kind under ``type``; braces that protect capitals are gone.

    Raises
    ------
    DataError
        Where there is no such file, or an entry has another form.
    """
    if not path.is_file():
        raise DataError(f"{path.name}: there is no such file in data/")
    text = path.read_text(encoding="utf-8")
    found = {}
    for kind, key, body in ENTRY.findall(text):
        fields = {name: re.sub(r"\\([&%$#_{}])", r"\1", value.strip("{}")) for name, value in FIELD.findall(body)}
        if len(fields) != len(body.split("\n")) or key in found:
            raise DataError(f"{path.name}, {key}: a key may come once, and each field stands on a line of its own, in braces")
        found[key] = {"type": kind, **fields}
    if len(found) != len(re.findall(r"^@", text, re.MULTILINE)):
        raise DataError(f"{path.name}: after {next(reversed(found), 'the head')} an entry is not closed by a brace on a line of its own")
    return found


def references(corpus: Corpus) -> str:
    """The bibliography: both volumes with their chapters, and the references that survive in them."""
    chapters = read_bibliography(corpus.folder / "volumes.bib")
    cited = read_bibliography(corpus.folder / "references.bib")
    parts = ["# References", "## The two volumes"]
    for key, volume in corpus.sources.volumes.items():
        note = f" {_text(volume.title_note)}" if volume.title_note else ""
        parts.append(f"### {key}: {_text(volume.title)}\n\nEdited by {_and(volume.editors)}. {_text(volume.occasion)}.{note}")
        parts.append(_list(_chapter(corpus, name, chapters.get(name, {})) for name in corpus.chapters if name[0] == key))
    parts.append("## What the volumes cite\n\nBibliographies survive in the texts of A4 and A5 alone; a few source notes of tables "
                 "and figures name a work in full. Names and titles stand as printed, damage and all; an address that the print "
                 "has damaged is no link.")  # fmt: skip
    for chapter in dict.fromkeys(key.partition("-")[0] for key in cited):
        parts.append(f"### {chapter} {corpus.chapter(chapter).short}")
        parts.append(_list(_reference(fields) for key, fields in cited.items() if key.startswith(f"{chapter}-")))
    return _page(parts)


def _chapter(corpus: Corpus, name: str, fields: Mapping[str, str]) -> str:
    record = corpus.chapter(name)
    title = f"*{_stop(_text(fields['title']))}*" if fields.get("title") else _text(f"[{record.title}.] {record.title_note}")
    return f'<a href="{name}.html">{name}</a>. {_and(record.authors)}. {title}'


def _reference(fields: Mapping[str, str]) -> str:
    """A reference as a line: who, when, what, where, and what its note says."""
    who = fields.get("author") or f"{fields['editor']} (ed.)"
    volume = " ".join(part for part in (fields.get("volume"), f"({fields['number']})" if "number" in fields else "") if part)
    host = f"*{_text(fields['journal'])}* {volume}".strip() if "journal" in fields else ""
    if "booktitle" in fields:
        host = f"In *{_text(fields['booktitle'])}*" + (f", edited by {_people(fields['editor'])}" if "editor" in fields else "")
    url = f"<{fields['url']}>" if "url" in fields else f"`{fields['urlprinted']}`" if "urlprinted" in fields else ""
    rest = [host, _text(fields.get("howpublished", "")), fields.get("month", ""), fields.get("pages", "").replace("--", "–"),
            ": ".join(_text(fields[part]) for part in ("address", "publisher") if part in fields), url]  # fmt: skip
    told = f"{_people(who)} ({fields['year'].replace('--', '–')}). {_stop(_text(fields['title']))} " + ", ".join(filter(None, rest))
    return f"{_stop(told.strip())} <small>{_text(fields['note'])}</small>"


def _people(names: str) -> str:
    return _text(names.replace(" and ", "; ")) if "," in names else _text(names)


def glossary(corpus: Corpus) -> str:
    """Organisations and terms with every form that the volumes give them, by kind."""
    parts = ["# Glossary", "Organisations and terms of the two volumes. *Forms* are the spellings that the chapters use, "
             "each with those chapters."]  # fmt: skip
    kinds = dict.fromkeys(typing.get_args(GlossaryRecord.model_fields["kind"].annotation))
    for kind in kinds:
        entries = sorted((e for e in corpus.glossary if e.kind == kind), key=lambda e: e.term.casefold())
        if entries:
            parts.append(f"## {_plural(kind)}\n\n" + "\n\n".join(map(_term, entries)))
    return _page(parts)


def _term(entry: GlossaryRecord) -> str:
    key = re.sub(r"[^a-z0-9]+", "-", entry.term.lower()).strip("-")
    forms = "; ".join(f"{_text(form)} ({', '.join(chapters)})" for form, chapters in entry.variants.items())
    name = f", {_text(entry.name)}" if entry.name else ""
    note = f" {_text(entry.note)}" if entry.note else ""
    return f'<span id="term-{key}">**{_text(entry.term)}**</span>{name}\n: {_text(entry.says)}{note}\n  *Forms*: {forms}.'


def _plural(kind: str) -> str:
    first, *rest = kind.split(" or ")
    more = [word[:-1] + "ies" if word.endswith("y") else word + "s" for word in (first, *rest)]
    return " or ".join(more).replace(" or ", " and ").capitalize()


def changes(root: Path) -> str:
    """What changed from version to version, from ``CHANGELOG.md``."""
    path = root / "CHANGELOG.md"
    if not path.is_file():
        raise DataError("CHANGELOG.md: there is no such file; the page of changes is made from it")
    return path.read_text(encoding="utf-8")


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(parts) + "\n"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines)


def _list(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


SPECIAL = re.compile(r"([\\`*_\[\]{}$|~^])")


def _text(value: str) -> str:
    """Text of the data for Markdown: nothing in it is markup."""
    return SPECIAL.sub(r"\\\1", escape(" ".join(value.split()), quote=False))


def _stop(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _and(names: Sequence[str]) -> str:
    *first, last = map(_text, names)
    return f"{', '.join(first)} and {last}" if first else last


def _natural(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
