"""The site's pages as leaves of one book: what paper and e-readers cannot use left out, anchors and links made to fit.

The PDF and the EPUB are made from the finished pages of the site, so that all three show the same text
and the same pictures. What folds on a screen is open here, code is left to the notebooks, and a picture
is a file of its own with its description as alternative text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import html  # type: ignore[import-untyped]

from compendium.book.edition import Edition
from compendium.corpus.errors import DataError
from compendium.corpus.files import plain_yaml

PICTURES = "pictures"
SVG = re.compile(r"<svg\b.*?</svg>", re.DOTALL)
# Elements that only a screen with scripts can use, and those that repeat what stands elsewhere in a book.
DROPPED = ("script", "style", "link", "meta", "template", "button", "form", "input", "select", "nav", "iframe")
DROPPED_CLASSES = ("headerlink", "hide", "cell_input", "cc-use", "cc-chart-data", "toctree-wrapper", "prev-next-area", "cc-copy")
# Attributes that speak to the site's scripts and style sheet. Names of groups would hide their text from readers of tagged PDF.
IDLE = ("style", "tabindex", "role", "aria-label", "loading", "download", "data-chart", "data-app", "data-quarto-disable-processing",
        "data-quarto-bootstrap", "target", "rel", "title")  # fmt: skip
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

Address = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a leaf, for tables of contents."""

    level: int
    text: str
    id: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """One page of the site, ready to be bound: its name, the part it stands in, and its content as a tree."""

    name: str
    part: str
    title: str
    body: Any
    headings: tuple[Heading, ...]


@dataclass(frozen=True, slots=True)
class Sheaf:
    """All leaves in order, and the pictures they show, by file name."""

    leaves: tuple[Leaf, ...]
    pictures: Mapping[str, bytes]


def contents(root: Path) -> list[tuple[str, str]]:
    """Every page of the book with its part, in the order of ``book/_toc.yml``; the first stands before all parts."""
    toc = plain_yaml((root / "book" / "_toc.yml").read_text(encoding="utf-8"))
    found = [(toc["root"], "")]
    for part in toc.get("parts", [toc]):
        found += [(name, part.get("caption", "")) for name in _files(part)]
    return found


def _files(entry: Mapping[str, Any]) -> Iterator[str]:
    for child in (*entry.get("chapters", ()), *entry.get("sections", ())):
        if "file" in child:
            yield child["file"]
        yield from _files(child)


def gather(root: Path, site: Path, edition: Edition, address: Address) -> Sheaf:
    """Read the pages of a finished site.

    Parameters
    ----------
    site : Path
        The folder with the pages.
    address : function of page and anchor
        How a place in the book is linked to; the anchor is empty for a page's head.

    Raises
    ------
    DataError
        Where a page or a picture is missing.
    """
    order = contents(root)
    pictures: dict[str, bytes] = {}
    bodies = {name: _body(site / f"{name}.html", pictures) for name, _ in order}
    taken: set[str] = set()
    anchors = {name: _rename(name, body, taken) for name, body in bodies.items()}
    leaves = []
    for name, part in order:
        body = bodies[name]
        _relink(name, body, anchors, order[0][0], edition, address)
        headings = tuple(_headings(body))
        leaves.append(Leaf(name, part, headings[0].text if headings else name, body, headings))
    return Sheaf(tuple(leaves), dict(sorted(pictures.items())))


def _body(path: Path, pictures: dict[str, bytes]) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path.name} is in the book's contents but not in {path.parent}; build the site first") from None
    # Before parsing: the parser would write SVG's attributes in lower case, which is another language.
    text = SVG.sub(lambda match: f'<img src="{_keep(match.group(), pictures)}" alt="">', text)
    page = html.document_fromstring(text.encode(), parser=html.HTMLParser(encoding="utf-8", remove_comments=True))
    articles = page.xpath("//article") or page.xpath("//main")
    if not articles:
        raise DataError(f"{path.name}: the page has no article")
    body = articles[0]
    body.tag = "section"
    body.attrib.clear()
    _drop(body)
    for image in body.iter("img"):
        _picture(image, path, pictures)
    _open(body)
    _mark(body)
    for element in body.iter():
        for name in IDLE:
            element.attrib.pop(name, None)
        for name in ("rowspan", "colspan"):
            if element.get(name) == "1":
                del element.attrib[name]
    _prune(body)
    return body


def _keep(svg: str, pictures: dict[str, bytes]) -> str:
    """Store an SVG that stands in a page as a file of its own; where it lies."""
    if "xmlns=" not in svg[: svg.index(">")]:
        svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    content = re.sub(r' (?:aria-hidden|focusable)="[^"]*"', "", svg, count=2).encode()
    name = f"{hashlib.sha256(content).hexdigest()[:16]}.svg"
    pictures[name] = content
    return f"{PICTURES}/{name}"


def _picture(image: Any, page: Path, pictures: dict[str, bytes]) -> None:
    source = image.get("src", "")
    if not source.startswith(f"{PICTURES}/"):
        if re.match(r"[a-z]+:|//", source):
            raise DataError(f"{page.name} shows {source[:80]}, which is not in the site")
        path = page.parent / source
        try:
            pictures[path.name] = path.read_bytes()
        except OSError:
            raise DataError(f"{page.name} shows {source}, which is not in the site") from None
        image.set("src", f"{PICTURES}/{path.name}")
    described = [figure.get("aria-label") for figure in image.iterancestors("figure")]
    if described and described[0]:
        image.set("alt", described[0])
    elif image.get("alt") is None:
        image.set("alt", "")
    image.attrib.pop("aria-hidden", None)


def _classes(element: Any) -> list[str]:
    return (element.get("class") or "").split()


def _drop(body: Any) -> None:
    for element in list(body.iter()):
        if element.getparent() is None:
            continue
        if element.tag in DROPPED or any(name in DROPPED_CLASSES for name in _classes(element)):
            element.drop_tree()
        elif element.tag == "noscript":
            element.drop_tag()


def _open(body: Any) -> None:
    """What folds on a screen stands open, with its summary as its head."""
    for element in list(body.iter("details")):
        element.tag = "div"
        element.attrib.pop("open", None)
        element.set("class", " ".join((*_classes(element), "cc-open")))
        for summary in element.findall("summary"):
            summary.tag = "p"
            summary.set("class", "cc-open-head")


def _mark(body: Any) -> None:
    """Marked and recomputed cells by class, not by inline style, which knows the site's colours only."""
    for cell in body.iter("td", "th"):
        style = cell.get("style") or ""
        added = [name for word, name in (("--cc-mark", "cc-marked"), ("italic", "cc-added")) if word in style]
        if added:
            cell.set("class", " ".join((*_classes(cell), *added)))
        if cell.tag == "th" and not cell.get("scope"):
            cell.set("scope", "row" if "gt_stub" in _classes(cell) else "col")


def _prune(body: Any) -> None:
    """Remove boxes that held only code."""
    for element in reversed(list(body.iter("div", "section"))):
        if element is not body and not len(element) and not (element.text or "").strip() and not element.get("id"):
            element.drop_tree()


def _own(name: str, anchor: str) -> bool:
    """Whether an anchor is permanent, and of this page: it names a claim, table, figure or erratum of the chapter."""
    return re.fullmatch(rf"(?:(?:claim|erratum|errata)-)?{re.escape(name.lower())}(?:-.*)?|chart-.*", anchor) is not None


def _rename(name: str, body: Any, taken: set[str]) -> dict[str, str]:
    """Make the anchors of a page unique in the book; their old names with the new ones.

    Permanent anchors stay. Those that are made from headings repeat from chapter to chapter and get the
    chapter's name before them.
    """
    found: dict[str, str] = {}
    for element in body.iter():
        old = element.get("id")
        if old is None:
            continue
        if old in found:  # a second use of a name on one page; links go to the first
            del element.attrib["id"]
            continue
        new = old if _own(name, old) and old not in taken else f"{name}--{old}"
        new = re.sub(r"[^\w.-]", "_", new)
        found[old] = new
        taken.add(new)
        element.set("id", new)
    for cell in body.iter("td", "th"):
        if heads := [found[head] for head in (cell.get("headers") or "").split() if head in found]:
            cell.set("headers", " ".join(heads))
        else:
            cell.attrib.pop("headers", None)
    return found


def _relink(name: str, body: Any, anchors: Mapping[str, Mapping[str, str]], first: str, edition: Edition, address: Address) -> None:
    for link in list(body.iter("a")):
        target = link.get("href", "")
        if re.match(r"(?:https?|mailto):", target):
            continue
        path, _, anchor = target.partition("#")
        page = name if not path else first if path == "index.html" else path.removesuffix(".html")
        if page in anchors:
            link.set("href", address(page, anchors[page].get(anchor, "")))
        elif edition.url and path:  # a file beside the pages
            link.set("href", edition.address(path))
        else:
            link.drop_tag()


def _headings(body: Any) -> Iterator[Heading]:
    for element in body.iter(*HEADINGS):
        holder = element if element.get("id") else next((a for a in element.iterancestors() if a.get("id")), element)
        yield Heading(int(element.tag[1]), " ".join(element.text_content().split()), holder.get("id") or "")


def columns(table: Any) -> list[int]:
    """The length of the longest word in each column of a table: what it needs at least."""
    widths: dict[int, int] = {}
    for row in table.iter("tr"):
        at = 0
        for cell in row.iterchildren("td", "th"):
            span = int(cell.get("colspan") or 1)
            if span == 1:
                longest = max(map(len, cell.text_content().split()), default=0)
                widths[at] = max(widths.get(at, 0), longest)
            at += span
    return [widths[n] for n in sorted(widths)]


def licences(edition: Edition) -> Sequence[str]:
    """The licences in words."""
    words = {"MIT": "Code: MIT License.", "CC-BY-4.0": "Text, data and pictures: Creative Commons Attribution 4.0 International."}
    return [words.get(name, f"{name}.") for name in edition.licences]
