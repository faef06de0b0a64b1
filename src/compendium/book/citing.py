"""Citations of the book and of any single claim, table, figure or erratum in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from compendium.book.edition import Edition
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.display.anchors import of_claim, of_erratum, of_table

FORMATS = ("text", "bibtex", "ris", "csl")
EXHIBITS = "exhibits.html"
PAGES = {"S1": "What holds", "S2": "Arguments", "S3": "What depends on which choice", "S4": "Chronology", "S5": "Memberships",
         "S6": "The map", "S7": "Open data"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """Something in the book that can be cited: its number, what it is, and where it stands."""

    id: str
    kind: str
    title: str
    page: str
    anchor: str = ""


def place_of(corpus: Corpus, name: str) -> Place:
    """The place that a number names.

    Parameters
    ----------
    name : str
        A chapter (``A4``), claim (``A4.87``), table, figure or map (``A4-table-1``), erratum (``A4-E1``),
        synthesis page (``S1``), or ``book``.

    Raises
    ------
    DataError
        Where there is no such thing.
    """
    if name == "book":
        return Place("book", "book", "", "index.html")
    if name in PAGES:
        return Place(name, "page", PAGES[name], f"{name}.html")
    chapter = re.split(r"[.-]", name)[0]
    if chapter not in corpus.chapters:
        raise DataError(f"{name!r}: nothing in the book has this number; allowed are book, {', '.join(PAGES)}, a chapter (A4), "
                        "a claim (A4.87), a table (A4-table-1) and an erratum (A4-E1)")  # fmt: skip
    page = f"{chapter}.html"
    if name == chapter:
        return Place(name, "chapter", f"{chapter}: {corpus.chapter(chapter).short}", page)
    if name.startswith(f"{chapter}."):
        return Place(name, "claim", corpus.claim(name).says, page, of_claim(name))
    if re.fullmatch(r"[AB]\d-E\d+", name):
        for erratum in corpus.errata(chapter):
            if erratum.id == name:
                return Place(name, "erratum", erratum.title, page, of_erratum(name))
        raise DataError(f"there is no erratum {name!r}; {chapter} has {', '.join(e.id for e in corpus.errata(chapter)) or 'none'}")
    table = corpus.table(name)
    # The volumes' pictures are lost; what became of each stands in the list of exhibits.
    return Place(name, table.kind, table.caption, page if table.kind == "table" else EXHIBITS, of_table(name))


def places(corpus: Corpus) -> list[Place]:
    """Every place of the chapters that has a number of its own."""
    found = []
    for chapter in corpus.chapters:
        names = [chapter, *corpus.claims(chapter), *(t.id for t in corpus.tables(chapter)), *(e.id for e in corpus.errata(chapter))]
        found += [place_of(corpus, name) for name in names]
    return found


def cite(edition: Edition, place: Place, form: str) -> str:
    """A citation of a place in one of four forms.

    Parameters
    ----------
    form : {'text', 'bibtex', 'ris', 'csl'}
        ``csl`` is CSL-JSON.
    """
    forms = {"text": _text, "bibtex": _bibtex, "ris": _ris, "csl": _csl}
    if form not in forms:
        raise DataError(f"--format {form}: allowed are {', '.join(FORMATS)}")
    return forms[form](edition, place)


def _label(place: Place) -> str:
    kinds = {"claim": "Claim", "erratum": "Erratum", "page": "", "chapter": "Chapter"}
    return f"{kinds.get(place.kind, place.kind.capitalize())} {place.id}".strip()


def _title(edition: Edition, place: Place) -> str:
    if place.kind == "book":
        return edition.title
    return place.title if place.kind == "chapter" else f"{_label(place)}: {place.title}"


def _text(edition: Edition, place: Place) -> str:
    own = "" if place.kind == "book" else f"{_title(edition, place).rstrip('.')}. In: "
    link = f" https://doi.org/{edition.doi}" if edition.doi else f" {edition.address(place.page, place.anchor)}" if edition.url else ""
    return f"{'; '.join(edition.authors)} ({edition.year}). {own}{edition.title}. Version {edition.version}.{link}"


def _bibtex(edition: Edition, place: Place) -> str:
    key = f"compendium{edition.year}" + ("" if place.kind == "book" else "-" + re.sub(r"[^A-Za-z0-9]", "-", place.id))
    fields = {"author": " and ".join(f"{{{a}}}" for a in edition.authors), "title": f"{{{_escaped(_title(edition, place))}}}"}
    if place.kind != "book":
        fields["booktitle"] = f"{{{_escaped(edition.title)}}}"
    fields |= {"year": str(edition.year), "version": edition.version, "note": f"Version {edition.version}"}
    fields |= _links(edition, place)
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{'misc' if place.kind == 'book' else 'incollection'}{{{key},\n{lines}\n}}"


def _links(edition: Edition, place: Place) -> dict[str, str]:
    found = {"doi": edition.doi} if edition.doi else {}
    return found | ({"url": edition.address(place.page, place.anchor)} if edition.url else {})


def _escaped(text: str) -> str:
    return re.sub(r"([&%$#_{}])", r"\\\1", text)


def _ris(edition: Edition, place: Place) -> str:
    lines = [("TY", "BOOK" if place.kind == "book" else "CHAP"), *(("AU", a) for a in edition.authors), ("TI", _title(edition, place))]
    if place.kind != "book":
        lines.append(("T2", edition.title))
    lines += [("PY", str(edition.year)), ("DA", edition.date.strftime("%Y/%m/%d")), ("ET", edition.version), ("LA", "en")]
    lines += [({"doi": "DO", "url": "UR"}[name], value) for name, value in _links(edition, place).items()]
    return "\n".join(f"{tag}  - {value}" for tag, value in [*lines, ("ER", "")])


def _csl(edition: Edition, place: Place) -> str:
    date = edition.date
    item: dict[str, object] = {
        "id": f"compendium-{place.id}", "type": "book" if place.kind == "book" else "chapter", "title": _title(edition, place),
        "author": [{"literal": a} for a in edition.authors], "issued": {"date-parts": [[date.year, date.month, date.day]]},
        "version": edition.version, "language": "en",
    }  # fmt: skip
    if place.kind != "book":
        item["container-title"] = edition.title
    item |= {{"doi": "DOI", "url": "URL"}[name]: value for name, value in _links(edition, place).items()}
    return json.dumps([item], ensure_ascii=False, indent=1)
