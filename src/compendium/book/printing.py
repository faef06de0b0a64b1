"""The PDF: the site's pages as one document, printed by a browser, then given its metadata.

It is printed twice. The first print says on which page each heading came to stand; the table of contents
of the second has these numbers. Both have boxes of the same width for them, so nothing moves between.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from lxml import html  # type: ignore[import-untyped]

from compendium.book.citing import Place, cite
from compendium.book.edition import Edition, read_edition
from compendium.book.leaves import PICTURES, Leaf, Sheaf, columns, gather, licences
from compendium.corpus.errors import DataError
from compendium.execution.process import run_bound
from compendium.execution.store import write_whole

ENGINES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OLDEST = 131  # the first Chromium that draws the margin boxes of a page
TARGET = "_build/compendium.pdf"
# The longest words of a table's columns, in letters, with two letters of room a column: what a page can hold
# upright in the size of the text's tables, in a smaller one, and beyond that only lying.
# Past the last number even that is too narrow, and words are broken.
DENSE, LYING, BREAKING = 78, 112, 165
WHOLE = 14  # a table of no more rows stays on one page
PASSES = 4
SECONDS = 300

Pages = Mapping[str, int]


def find_engine() -> str | None:
    """A browser that can print, if there is one."""
    return next((found for name in ENGINES if (found := shutil.which(name))), None)


def pdf(root: Path, site: Path, engine: str, target: Path | None = None) -> Path:
    """Print the book as one PDF.

    Parameters
    ----------
    site : Path
        The finished site.
    engine : str
        A browser of the Chromium family.
    target : Path, optional
        Where the PDF goes; ``_build/compendium.pdf`` where not given.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    DataError
        Where a page or picture is missing, or the browser is too old or cannot print.
    """
    edition = read_edition(root)
    _check(engine)
    sheaf = gather(root, site, edition, lambda page, anchor: f"#{anchor or page}")
    place = target or root / TARGET
    with tempfile.TemporaryDirectory(prefix="compendium-print-") as temporary:
        folder = Path(temporary)
        (folder / PICTURES).mkdir()
        for name, content in sheaf.pictures.items():
            (folder / PICTURES / name).write_bytes(content)
        pages: Pages = {}
        for _ in range(PASSES):
            (folder / "book.html").write_text(document(sheaf, edition, pages), encoding="utf-8")
            printed = _print(engine, folder, edition)
            found = pages_of(printed)
            if all(found.get(anchor) == pages.get(anchor) for anchor in _listed(sheaf)) and pages:
                write_whole(place, finished(printed, edition, _titles(sheaf, edition)))
                return place
            pages = found
    raise DataError("the PDF's table of contents moves the pages that it lists; widen its column of numbers in print.css")


def _check(engine: str) -> None:
    done = subprocess.run([engine, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.\d+", done.stdout)
    if match is None:
        raise DataError(f"{engine} does not say its version; is it Chromium or Chrome?")
    if int(match[1]) < OLDEST:
        raise DataError(f"{Path(engine).name} {match[1]} cannot number pages; the PDF needs version {OLDEST} or newer")


# The document


def document(sheaf: Sheaf, edition: Edition, pages: Pages) -> str:
    """The whole book as one page of HTML.

    Parameters
    ----------
    pages : mapping of anchor to page number
        From an earlier print; empty before the first.
    """
    style = files("compendium.book").joinpath("assets", "print.css").read_text(encoding="utf-8")
    named = "\n".join(_named_page(leaf) for leaf in sheaf.leaves)
    running = f"@page {{ @top-left {{ content: {_quoted(edition.title.partition(': ')[0])}; }} }}"
    title = escape(edition.title)
    bound = "\n".join(_bound(sheaf))
    # The policy holds even if something slips through: nothing but the pictures beside the page may be loaded.
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src file:; style-src \'unsafe-inline\'">'
        f'<meta name="author" content="{escape("; ".join(edition.authors))}">'
        f"<style>{running}\n{style}\n{named}</style></head><body>\n"
        f"{_title_page(edition)}\n{_contents(sheaf, pages)}\n{bound}\n</body></html>\n"
    )


def _title_page(edition: Edition) -> str:
    title, _, subtitle = edition.title.partition(": ")
    citation = escape(cite(edition, Place("book", "book", "", "index.html"), "text"))
    doi = f"<dt>DOI</dt><dd>{_link(f'https://doi.org/{edition.doi}')}</dd>" if edition.doi else ""
    url = f"<dt>On the web</dt><dd>{_link(edition.url)}</dd>" if edition.url else ""
    rights = "".join(f"<dd>{escape(words)}</dd>" for words in licences(edition))
    return (
        f'<section class="title-page"><h1>{escape(title)}</h1><p class="subtitle">{escape(subtitle)}</p>'
        f'<p class="authors">{escape("; ".join(edition.authors))}</p>'
        f'<p class="version">Version {escape(edition.version)}, {edition.date.day} {edition.date:%B %Y}</p>'
        f'<p class="abstract">{escape(edition.abstract)}</p>'
        f'<dl class="imprint"><dt>How to cite</dt><dd>{citation}</dd>{doi}{url}<dt>Licences</dt>{rights}'
        "<dt>This file</dt><dd>The text, tables and charts of the compendium’s site. The code behind each page stands in its notebook.</dd>"
        "</dl></section>"
    )


def _link(address: str) -> str:
    return f'<a href="{escape(address)}">{escape(address)}</a>'


def _contents(sheaf: Sheaf, pages: Pages) -> str:
    parts, now = [], ""
    for leaf in sheaf.leaves:
        if leaf.part != now:
            parts.append(f'<li class="toc-part">{escape(leaf.part)}</li>')
            now = leaf.part
        parts.append(_entry("toc-chapter", leaf.name, leaf.title, pages))
        parts += [_entry("toc-section", h.id, h.text, pages) for h in leaf.headings if h.level == 2]
    return f'<nav class="contents" id="contents"><h1>Contents</h1><ol>{"".join(parts)}</ol></nav>'


def _entry(kind: str, anchor: str, text: str, pages: Pages) -> str:
    return (
        f'<li class="{kind}"><a href="#{anchor}"><span class="toc-text">{escape(text)}</span><span class="toc-dots"></span>'
        f'<span class="toc-page">{pages.get(anchor, "")}</span></a></li>'
    )


def _listed(sheaf: Sheaf) -> Iterator[str]:
    """Every anchor that the contents list."""
    for leaf in sheaf.leaves:
        yield leaf.name
        yield from (h.id for h in leaf.headings if h.level == 2)


def _titles(sheaf: Sheaf, edition: Edition) -> Iterator[str]:
    """The text of every heading of the document."""
    yield from (edition.title.partition(": ")[0], "Contents")
    for leaf in sheaf.leaves:
        yield leaf.part
        yield from (h.text for h in leaf.headings)


def _named_page(leaf: Leaf) -> str:
    """The running head of a chapter: pages of that name, upright and lying."""
    head = _quoted(leaf.title)
    return (
        f"#{leaf.name} {{ page: p-{leaf.name}; }} #{leaf.name} .lying {{ page: lying-{leaf.name}; }}\n"
        f"@page p-{leaf.name} {{ @top-right {{ content: {head}; }} }}\n"
        f"@page lying-{leaf.name} {{ size: A4 landscape; @top-right {{ content: {head}; }} }}"
    )


def _quoted(text: str) -> str:
    """A text as a CSS string. Angle brackets would end the style element early."""
    return '"' + re.sub(r'[\\"<>\n]', lambda m: f"\\{ord(m.group()):x} ", text) + '"'


def _bound(sheaf: Sheaf) -> Iterator[str]:
    part = ""
    for leaf in sheaf.leaves:
        begins = leaf.part != part
        part = leaf.part
        yield _chapter(leaf, begins)


def _chapter(leaf: Leaf, begins_part: bool) -> str:
    body = leaf.body
    for table in body.iter("table"):
        _set(table)
    for figure in body.iter("figure"):
        figure.tag = "div"  # the picture itself is tagged as a figure, with its words; one around it would have none
        _add_class(figure, "figure")
    text = str(html.tostring(body, encoding="unicode", with_tail=False))
    if leaf.part:
        # Chapters stand one step below their part, in the bookmarks as in the structure that screen readers read.
        text = re.sub(r"<(/?)h([1-5])\b", lambda m: f"<{m[1]}h{int(m[2]) + 1}", text)
    opening = f'<h1 class="part">{escape(leaf.part)}</h1>' if begins_part else ""
    level = 2 if leaf.part else 1
    return f'<section class="chapter level-{level}" id="{leaf.name}">{opening}{text}</section>'


def _set(table: Any) -> None:
    """Choose a table's size, or a lying page, by what its columns need."""
    widths = columns(table)
    needs = sum(widths) + 2 * len(widths)
    few = len(list(table.iter("tr"))) <= WHOLE
    for name, wanted in (("dense", needs > DENSE), ("breaking", needs > BREAKING), ("whole", few)):
        if wanted:
            _add_class(table, name)
    if needs > LYING:
        _add_class(table.getparent(), "lying")


def _add_class(element: Any, name: str) -> None:
    element.set("class", f"{element.get('class') or ''} {name}".strip())


# The browser


def _print(engine: str, folder: Path, edition: Edition) -> Path:
    printed = folder / "book.pdf"
    printed.unlink(missing_ok=True)
    command = [engine, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND",
               "--lang=en", "--font-render-hinting=none", "--no-pdf-header-footer", "--generate-pdf-document-outline",
               f"--user-data-dir={folder / 'browser'}", f"--print-to-pdf={printed}", (folder / "book.html").as_uri()]  # fmt: skip
    environment = {**os.environ, "TZ": "UTC", "SOURCE_DATE_EPOCH": str(edition.epoch)}
    try:
        done = run_bound(command, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        raise DataError(f"{Path(engine).name} did not print the book within {SECONDS} seconds") from None
    if done.returncode or not printed.is_file():
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise DataError(f"{Path(engine).name} could not print the book: {last}")
    return printed


def pages_of(printed: Path) -> dict[str, int]:
    """The page, from one, of each anchor that a link of the document leads to."""
    import pikepdf

    with pikepdf.open(printed) as document:
        numbers = {page.objgen: number for number, page in enumerate(document.pages, 1)}
        return {str(name).lstrip("/"): numbers[place[0].objgen] for name, place in document.Root.get("/Dests", {}).items()}


def finished(printed: Path, edition: Edition, titles: Iterable[str]) -> bytes:
    """The printed document with its metadata, and without the clock: the same print gives the same bytes.

    Parameters
    ----------
    titles : iterable of str
        The headings as they should be in the bookmarks.
    """
    import io

    import pikepdf

    pikepdf.settings.set_flate_compression_level(9)
    moment = datetime.datetime.fromtimestamp(edition.epoch, datetime.UTC)
    with pikepdf.open(printed) as document:
        producer = str(document.docinfo.get("/Producer", ""))
        _fold(document)
        _name(document, titles)
        _renumber(document)
        document.Root.Lang = pikepdf.String("en")
        document.Root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        document.Root.PageMode = pikepdf.Name.UseOutlines
        del document.docinfo
        with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=True) as metadata:
            metadata["dc:title"] = edition.title
            metadata["dc:creator"] = list(edition.authors)
            metadata["dc:description"] = edition.abstract
            metadata["dc:subject"] = set(edition.keywords) if len(edition.keywords) < 2 else list(edition.keywords)
            metadata["dc:language"] = ["en"]
            metadata["dc:rights"] = " ".join(licences(edition))
            metadata["pdf:Keywords"] = ", ".join(edition.keywords)
            metadata["pdf:Producer"] = producer
            metadata["xmp:CreatorTool"] = f"compendium {edition.version}"
            metadata["xmp:CreateDate"] = metadata["xmp:ModifyDate"] = moment.isoformat()
            if edition.doi:
                metadata["dc:identifier"] = f"https://doi.org/{edition.doi}"
        document.docinfo["/Subject"] = edition.abstract
        stream = io.BytesIO()
        document.save(stream, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate, recompress_flate=True)
        return stream.getvalue()


def _fold(document: Any) -> None:
    """Open the bookmarks as far as the chapters: a list of every heading would be as long as a chapter."""
    outline = document.Root.get("/Outlines")
    if outline is None:
        return
    tops = list(_siblings(outline.get("/First")))
    shown = len(tops)
    for top in tops:
        children = list(_siblings(top.get("/First")))
        for child in children:
            _close(child)
        if children:
            top.Count = len(children)
            shown += len(children)
    outline.Count = shown


def _close(item: Any) -> None:
    children = list(_siblings(item.get("/First")))
    for child in children:
        _close(child)
    if children:
        item.Count = -len(children)


def _name(document: Any, titles: Iterable[str]) -> None:
    """Name the bookmarks in full: the browser loses the space where a heading goes on in the next line."""
    import pikepdf

    full = {"".join(title.split()): title for title in titles}

    def walk(item: Any) -> None:
        for bookmark in _siblings(item):
            title = "".join(str(bookmark.Title).split())
            bookmark.Title = pikepdf.String(full.get(title, str(bookmark.Title)))
            walk(bookmark.get("/First"))

    if "/Outlines" in document.Root:
        walk(document.Root.Outlines.get("/First"))


def _renumber(document: Any) -> None:
    """Number the cells that others name as their heads from one: the browser's numbers go on from whatever it did before."""
    import pikepdf

    tree = document.Root.get("/StructTreeRoot", {}).get("/IDTree")
    if tree is None:
        return
    new = {old: f"node{rank:08d}" for rank, old in enumerate(sorted(_names(tree)), 1)}

    def renamed(values: Any) -> Any:
        return pikepdf.Array([pikepdf.String(new[str(v)]) if isinstance(v, pikepdf.String) and str(v) in new else v for v in values])

    for item in document.objects:
        if not isinstance(item, pikepdf.Dictionary):
            continue
        if str(item.get("/ID", "")) in new:
            item.ID = pikepdf.String(new[str(item.ID)])
        attributes = item.get("/A")
        for attribute in attributes if isinstance(attributes, pikepdf.Array) else ():
            if isinstance(attribute, pikepdf.Dictionary) and "/Headers" in attribute:
                attribute.Headers = renamed(attribute.Headers)
    for node in _nodes(tree):
        for key in ("/Names", "/Limits"):
            if key in node:
                node[key] = renamed(node[key])


def _nodes(tree: Any) -> Iterator[Any]:
    yield tree
    for kid in tree.get("/Kids", ()):
        yield from _nodes(kid)


def _names(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        yield from (str(name) for name in list(node.get("/Names", ()))[::2])


def _siblings(item: Any) -> Iterator[Any]:
    while item is not None:
        yield item
        item = item.get("/Next")


