"""The PDF and the EPUB: one document each, with numbers, links and pictures that are right, and the same bytes each time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from lxml import etree
from lxml.html import fragment_fromstring

from compendium.book import epub as binding
from compendium.book import printing
from compendium.book.edition import read_edition
from compendium.book.leaves import columns, contents, gather
from compendium.corpus.errors import DataError

from .test_running import compendium

ENGINE = printing.find_engine()
XHTML = "{http://www.w3.org/1999/xhtml}"


def needed(program: str, package: str) -> str:
    """The path of a program that a test reads with; under CI it must be there."""
    found = shutil.which(program)
    if found is None:
        sentence = f"{program} is not installed (on Debian: apt-get install {package})"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return found


def text_of(path: Path, first: int, last: int) -> str:
    command = [needed("pdftotext", "poppler-utils"), "-layout", "-f", str(first), "-l", str(last), str(path), "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# A small book


PAGE = '<!DOCTYPE html><html><body><nav>menu</nav><article class="bd-article"><section id="{id}"><h1>{title}<a class="headerlink" href="#{id}">#</a></h1>{body}</section></article></body></html>'
CHART = (
    '<figure class="cc-chart" role="img" tabindex="0" aria-label="Exports: 2016 four, 2017 five."><svg viewBox="0 0 20 10" width="20" height="10">'
    '<clipPath id="1a-clip"><rect width="20" height="10"/></clipPath><rect clip-path="url(#1a-clip)" width="9" height="9"/></svg></figure>'
)
PICTURE = '<figure class="cc-chart" aria-label="Imports: 2016 two."><img src="_static/charts/b.svg" alt="" loading="lazy" width="20" height="10"></figure>'


def wide_table(anchor: str) -> str:
    heads = "".join(f"<th>Contractsof{n}</th>" for n in range(14))
    return f'<div class="cc-table" id="{anchor}"><table><thead><tr>{heads}</tr></thead><tbody><tr>{"<td>1</td>" * 14}</tr></tbody></table></div>'


@pytest.fixture
def small(tmp_path: Path, root: Path) -> tuple[Path, Path]:
    """A checkout and its site, of two chapters that repeat a heading."""
    site = tmp_path / "site"
    (site / "_static" / "charts").mkdir(parents=True)
    (site / "_static" / "charts" / "b.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><rect width="5" height="5"/></svg>')
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "_toc.yml").write_text(
        "root: intro\nparts:\n  - caption: Volume A\n    chapters:\n      - file: A1\n      - file: A2\n")
    shutil.copy(root / "CITATION.cff", tmp_path)
    card = '<div class="cc-card" id="claim-{0}-1" role="group" aria-label="Claim"><p><a href="#claim-{0}-1">{0}</a></p></div>'
    same = '<section id="in-short"><h2>In short</h2><p>See <a href="#in-short">here</a>.</p></section>'
    write = lambda name, **fields: (site / f"{name}.html").write_text(PAGE.format(id="head", **fields))  # noqa: E731
    write("intro", title="Start", body='<p><a href="A2.html#claim-a2-1">A claim</a>, <a href="A1.html">a page</a>, <a href="data/ledger.json">data</a>, '
          '<a href="A1.html#lost">lost</a>, <a href="https://example.org/">outside</a></p><script>alert(1)</script>')
    write("A1", title="First", body=same + card.format("a1") + CHART + '<details class="hide"><pre>code()</pre></details>')
    write("A2", title="Second", body=same + card.format("a2") + PICTURE + wide_table("a2-table-1") + '<section id="claim-a1-1"><p>Named as another page\'s claim.</p></section>')
    return tmp_path, site


def bound(root: Path, site: Path) -> Any:
    return gather(root, site, read_edition(root), lambda page, anchor: f"#{anchor or page}")


def ids(leaf: Any) -> set[str]:
    return {e.get("id") for e in leaf.body.iter() if e.get("id")}


def test_repeated_anchors_differ_and_permanent_ones_stay(small: tuple[Path, Path]) -> None:
    intro, first, second = bound(*small).leaves
    assert {"A1--in-short", "claim-a1-1"} <= ids(first)
    assert {"A2--in-short", "claim-a2-1", "a2-table-1", "A2--claim-a1-1"} <= ids(second)
    assert not ids(first) & ids(second)
    links = {a.text: a.get("href") for a in intro.body.iter("a")}
    assert links == {"A claim": "#claim-a2-1", "a page": "#A1", "lost": "#A1", "outside": "https://example.org/"}
    assert next(a.get("href") for a in second.body.iter("a")) == "#A2--in-short"


def test_code_and_scripts_stay_out_and_pictures_are_files_with_words(small: tuple[Path, Path]) -> None:
    sheaf = bound(*small)
    assert "code()" not in etree.tostring(sheaf.leaves[1].body, encoding="unicode")
    assert "alert" not in etree.tostring(sheaf.leaves[0].body, encoding="unicode")
    images = [image for leaf in sheaf.leaves for image in leaf.body.iter("img")]
    assert [image.get("alt") for image in images] == ["Exports: 2016 four, 2017 five.", "Imports: 2016 two."]
    assert {Path(image.get("src")).name for image in images} == set(sheaf.pictures)
    assert any(b"viewBox" in content for content in sheaf.pictures.values())
    assert all(image.get("loading") is None for image in images)


@pytest.mark.parametrize(("old", "new", "told"), [
    ("_static/charts/b.svg", "_static/charts/c.svg", "A2.html shows _static/charts/c.svg, which is not in the site"),
    ("_static/charts/b.svg", "https://example.org/c.svg", "A2.html shows https://example.org/c.svg"),
    ("article", "div", "A2.html: the page has no article"),
])  # fmt: skip
def test_what_is_missing_is_named(small: tuple[Path, Path], old: str, new: str, told: str) -> None:
    page = small[1] / "A2.html"
    page.write_text(page.read_text().replace(old, new))
    with pytest.raises(DataError, match=re.escape(told)):
        bound(*small)


def test_a_missing_page_is_named(small: tuple[Path, Path]) -> None:
    (small[1] / "A2.html").unlink()
    with pytest.raises(DataError, match=r"A2.html is in the book's contents but not in .*; build the site first"):
        bound(*small)


def test_columns_need_their_longest_words() -> None:
    table = fragment_fromstring('<table><tr><th colspan="2">Exports and imports</th></tr><tr><td>Russia</td><td>1 234</td></tr></table>')
    assert columns(table) == [6, 3]


def test_a_browser_that_cannot_number_pages_is_refused(small: tuple[Path, Path], tmp_path: Path) -> None:
    old = tmp_path / "chromium"
    old.write_text("#!/bin/sh\necho Chromium 120.0.1\n")
    old.chmod(0o755)
    with pytest.raises(DataError, match="needs version 131 or newer"):
        printing.pdf(*small, str(old))


def added(page: Path, html: str) -> None:
    page.write_text(page.read_text().replace("</section></article>", f"{html}</section></article>"))


def published(root: Path) -> None:
    """Give the book an address and a DOI, as a later edition may have them."""
    card = root / "CITATION.cff"
    card.write_text(re.sub(r"(?m)^(?:url|doi):.*\n", "", card.read_text()) + "url: https://example.org/book/\ndoi: 10.1234/x_y\n")


def test_a_drawing_keeps_the_language_that_it_names_and_a_picture_without_words_has_none(small: tuple[Path, Path]) -> None:
    (small[1] / "logo.png").write_bytes(b"\x89PNG")
    added(small[1] / "A1.html", '<p><svg xmlns="http://www.w3.org/2000/svg" id="own"><rect/></svg><img src="logo.png"><noscript>Without <b>scripts</b></noscript></p>')
    sheaf = bound(*small)
    (drawing,) = (content for content in sheaf.pictures.values() if b'id="own"' in content)
    assert drawing.count(b"xmlns=") == 1
    assert sheaf.pictures["logo.png"] == b"\x89PNG"
    images = list(sheaf.leaves[1].body.iter("img"))
    assert [image.get("alt") for image in images[1:]] == ["", ""]
    assert images[-1].get("src") == "pictures/logo.png"
    text = etree.tostring(sheaf.leaves[1].body, encoding="unicode")
    assert "Without <b>scripts</b>" in text
    assert "noscript" not in text


def test_cells_name_their_heads_by_the_new_anchors(small: tuple[Path, Path]) -> None:
    added(small[1] / "A1.html", '<table><tr><th id="state">State</th></tr><tr><td headers="state lost">Russia</td><td headers="lost">1</td></tr></table>')
    leaf = bound(*small).leaves[1]
    assert [cell.get("headers") for cell in leaf.body.iter("td")] == ["A1--state", None]
    assert next(leaf.body.iter("th")).get("id") == "A1--state"


def test_a_book_with_an_address_links_to_the_files_beside_its_pages(small: tuple[Path, Path]) -> None:
    published(small[0])
    links = {a.text: a.get("href") for a in bound(*small).leaves[0].body.iter("a")}
    assert links["data"] == "https://example.org/book/data/ledger.json"
    assert links["A claim"] == "#claim-a2-1"


def test_an_epub_holds_what_xhtml_allows(small: tuple[Path, Path], tmp_path: Path) -> None:
    published(small[0])
    (small[1] / "logo.png").write_bytes(b"\x89PNG id=\"1\"")
    added(small[1] / "A1.html", '<p class="box" data-mark="1" align="left">Words<figure><img src="logo.png" alt="A logo"></figure></p>')
    with zipfile.ZipFile(binding.epub(*small, tmp_path / "small.epub")) as archive:
        page = etree.fromstring(archive.read("EPUB/A1.xhtml"))
        assert archive.read("EPUB/pictures/logo.png") == b"\x89PNG id=\"1\""  # only drawings are written anew
        package = archive.read("EPUB/package.opf").decode()
        title = archive.read("EPUB/title.xhtml").decode()
    (box,) = (element for element in page.iter() if element.get("class") == "box")
    assert box.tag == f"{XHTML}div"
    assert box.attrib == {"class": "box"}
    assert '<dc:identifier id="id">https://doi.org/10.1234/x_y</dc:identifier>' in package
    assert 'href="pictures/logo.png" media-type="image/png"' in package
    assert '<a href="https://doi.org/10.1234/x_y">10.1234/x_y</a>' in title
    assert '<a href="https://example.org/book/">' in title


# Printing, by a browser that is none


@pytest.fixture
def engine(tmp_path: Path) -> Callable[[str, str], str]:
    def write(prints: str, version: str = "Chromium 140.0.1") -> str:
        path = tmp_path / "chromium"
        path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "{version}"; exit; }}\n{prints}\n')
        path.chmod(0o755)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("prints", "version", "told"),
    [
        ("exit 0", "a browser", r"/chromium does not say its version; is it Chromium or Chrome\?$"),
        ("echo first >&2; echo last >&2; exit 1", "Chromium 140.0.1", "^chromium could not print the book: last$"),
        ("exit 0", "Chromium 140.0.1", "^chromium could not print the book: no message$"),
        ("exec sleep 60", "Chromium 140.0.1", r"^chromium did not print the book within 0\.2 seconds$"),
    ],
)
def test_a_browser_that_does_not_print_is_told(small: tuple[Path, Path], engine: Callable[..., str], monkeypatch: pytest.MonkeyPatch,
                                               prints: str, version: str, told: str) -> None:  # fmt: skip
    if "sleep" in prints:  # any other has all the time it needs
        monkeypatch.setattr(printing, "SECONDS", 0.2)
    with pytest.raises(DataError, match=told):
        printing.pdf(*small, engine(prints, version))
    assert not (small[0] / printing.TARGET).exists()


def sheets(path: Path, places: dict[str, int]) -> Path:
    """A PDF of four empty pages, without bookmarks or tags, some of which have names."""
    with pikepdf.new() as document:
        for _ in range(4):
            document.add_blank_page()
        document.Root.Dests = pikepdf.Dictionary({
            f"/{name}": pikepdf.Array([document.pages[n - 1].obj, pikepdf.Name.Fit]) for name, n in places.items()})  # fmt: skip
        document.save(path)
    return path


PLACES = {"intro": 1, "A1": 2, "A1--in-short": 2, "A2": 3, "A2--in-short": 3}


def test_a_book_with_an_address_says_so_in_its_pdf(small: tuple[Path, Path], engine: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    published(small[0])
    monkeypatch.setattr(printing, "_print", lambda engine, folder, edition: sheets(folder / "book.pdf", PLACES))
    with pikepdf.open(printing.pdf(*small, engine(""), small[0] / "small.pdf")) as document:
        assert len(document.pages) == 4
        assert "/Outlines" not in document.Root
        with document.open_metadata() as metadata:
            assert metadata["dc:identifier"] == "https://doi.org/10.1234/x_y"
    edition = read_edition(small[0])
    html = printing.document(bound(*small), edition, PLACES)
    assert '<dt>DOI</dt><dd><a href="https://doi.org/10.1234/x_y">https://doi.org/10.1234/x_y</a></dd>' in html
    assert '<dt>On the web</dt><dd><a href="https://example.org/book/">https://example.org/book/</a></dd>' in html
    assert re.findall(r'<span class="toc-page">(\d*)</span>', html) == ["1", "2", "2", "3", "3"]


def test_contents_that_move_what_they_list_are_given_up(small: tuple[Path, Path], engine: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    prints: list[Path] = []

    def move(engine: str, folder: Path, edition: object) -> Path:
        prints.append(folder)
        return sheets(folder / "book.pdf", {**PLACES, "A2": 3 + len(prints) % 2})

    monkeypatch.setattr(printing, "_print", move)
    with pytest.raises(DataError, match="the PDF's table of contents moves the pages that it lists"):
        printing.pdf(*small, engine(""))
    assert len(prints) == printing.PASSES
    assert not prints[0].exists()
    assert not (small[0] / printing.TARGET).exists()


@pytest.mark.browser
def test_a_small_pdf_is_the_same_twice_and_turns_a_wide_table(small: tuple[Path, Path], tmp_path: Path) -> None:
    engine = needed("chromium", "chromium")
    first, second = (printing.pdf(*small, engine, tmp_path / name).read_bytes() for name in ("1.pdf", "2.pdf"))
    assert first == second
    with pikepdf.open(tmp_path / "1.pdf") as document:
        lying = [page.MediaBox[2] > page.MediaBox[3] for page in document.pages]
    assert lying.count(True) == 1


def test_a_small_epub_is_the_same_twice(small: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = (binding.epub(*small, tmp_path / name).read_bytes() for name in ("1.epub", "2.epub"))
    assert first == second
    checked(tmp_path / "1.epub")


# The whole book


@pytest.fixture(scope="module")
def site(root: Path) -> Path:
    done = compendium("build", cwd=root)
    assert done.returncode == 0, done.stderr
    return root / "_build" / "html"


@pytest.fixture(scope="module")
def printed(root: Path, site: Path) -> Path:
    """The PDF that the build printed."""
    needed("chromium", "chromium")
    return root / "_build" / "compendium.pdf"


@pytest.fixture(scope="module")
def document(printed: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(printed) as opened:
        yield opened


@pytest.fixture(scope="module")
def book(root: Path, site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return binding.epub(root, site, tmp_path_factory.mktemp("epub") / "compendium.epub")


def bookmarks(document: pikepdf.Pdf) -> list[tuple[str, int]]:
    """Every bookmark with its page, in order."""
    numbers = {page.objgen: n for n, page in enumerate(document.pages, 1)}
    found: list[tuple[str, int]] = []

    def walk(item: Any) -> None:
        while item is not None:
            place = item.Dest if "/Dest" in item else item.A.D
            if not isinstance(place, pikepdf.Array):
                place = document.Root.Dests[f"/{str(place).lstrip('/')}"]
            found.append((" ".join(str(item.Title).split()), numbers[place[0].objgen]))
            walk(item.get("/First"))
            item = item.get("/Next")

    walk(document.Root.Outlines.First)
    return found


@pytest.mark.browser
@pytest.mark.slow
def test_the_title_page_says_how_to_cite(root: Path, printed: Path) -> None:
    edition = read_edition(root)
    words = " ".join(text_of(printed, 1, 1).split())
    for part in (edition.title.partition(": ")[0], *edition.authors, f"Version {edition.version}", "How to cite", "MIT License", "Creative Commons Attribution 4.0"):
        assert part in words
    assert ("DOI" in words) == bool(edition.doi)


@pytest.mark.browser
@pytest.mark.slow
def test_the_contents_name_the_right_pages(root: Path, site: Path, printed: Path, document: pikepdf.Pdf) -> None:
    marks = bookmarks(document)
    leaves = bound(root, site).leaves
    begin = next(page for title, page in marks if title == "Contents")
    first = printing.pages_of(printed)[leaves[0].name]
    listed = re.findall(r"^\s*(\S.*?)\s{2,}(\d+)\s*$", text_of(printed, begin, first - 1), re.MULTILINE)
    expected = [title for leaf in leaves for title in (leaf.title, *(h.text for h in leaf.headings if h.level == 2))]
    assert len(listed) >= 0.95 * len(expected)  # a title of two lines is not matched
    assert {(title, int(page)) for title, page in listed} <= set(marks)


@pytest.mark.browser
@pytest.mark.slow
def test_every_link_of_the_pdf_leads_somewhere(document: pikepdf.Pdf) -> None:
    places = {str(name) for name in document.Root.Dests}
    lost, outside, count = set(), set(), 0
    for page in document.pages:
        for note in page.get("/Annots", []):
            count += 1
            if "/Dest" in note:
                name = str(note.Dest)
                lost |= {name} - places - {f"/{name}"} if f"/{name}" not in places else set()
            else:
                outside.add(str(note.A.URI))
    assert count > 1000
    assert lost == set()
    assert all(address.startswith(("https://", "http://", "mailto:")) for address in outside), outside


@pytest.mark.browser
@pytest.mark.slow
def test_the_pdf_is_tagged_and_says_what_it_is(root: Path, document: pikepdf.Pdf) -> None:
    edition = read_edition(root)
    assert document.Root.MarkInfo.Marked
    assert "/StructTreeRoot" in document.Root
    assert str(document.Root.Lang) == "en"
    assert str(document.docinfo.Title) == edition.title
    assert str(document.docinfo.Author) == "; ".join(edition.authors)
    assert str(document.docinfo.Subject) == edition.abstract
    assert edition.date.strftime("%Y%m%d") in str(document.docinfo.CreationDate)
    with document.open_metadata() as metadata:
        assert metadata["dc:title"] == edition.title
        assert metadata["xmp:ModifyDate"].startswith(edition.date.isoformat())
    figures = [item for item in document.objects if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/Figure"]
    assert len(figures) >= 50
    assert all("/Alt" in figure for figure in figures)


@pytest.mark.browser
@pytest.mark.slow
def test_the_printed_page_asks_for_nothing_outside(root: Path, site: Path) -> None:
    sheaf = bound(root, site)
    html = printing.document(sheaf, read_edition(root), {})
    assert set(re.findall(r'\bsrc="([^"/]*)', html)) == {"pictures"}
    assert not re.search(r"<(?:script|link|iframe|object|embed)\b|@import|url\(", html)
    for name, content in sheaf.pictures.items():
        if name.endswith(".svg"):
            assert not re.search(rb'(?:href|src)="(?!#|data:)|url\((?!#)|@import', content), name


def checked(path: Path) -> None:
    """Hold a book against epubcheck; Debian's is a Java archive, not a program that Python can start."""
    program = shutil.which("epubcheck")
    if program is None:
        pytest.fail("epubcheck is not installed, and no EPUB is right before it says so (on Debian: apt-get install epubcheck)")
    real = Path(program).resolve()
    command = ["java", "-jar", str(real)] if real.suffix == ".jar" else [program]
    done = subprocess.run([*command, "--failonwarnings", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


@pytest.mark.slow
def test_epubcheck_finds_nothing(book: Path) -> None:
    checked(book)


@pytest.mark.slow
def test_every_page_is_in_the_epub_once(root: Path, book: Path) -> None:
    with zipfile.ZipFile(book) as archive:
        names = archive.namelist()
        assert names[0] == "mimetype"
        assert archive.getinfo("mimetype").compress_type == zipfile.ZIP_STORED
        spine = re.findall(r'<itemref idref="c-([^"]+)"', archive.read("EPUB/package.opf").decode())
        nav = archive.read("EPUB/nav.xhtml").decode()
    pages = [name for name, _ in contents(root)]
    assert spine == pages
    assert all(f"EPUB/{name}.xhtml" in names and f'href="{name}.xhtml"' in nav for name in pages)


@pytest.mark.slow
def test_every_picture_of_the_epub_has_words(book: Path) -> None:
    count = 0
    with zipfile.ZipFile(book) as archive:
        for name in archive.namelist():
            if name.endswith(".xhtml"):
                tree = etree.fromstring(archive.read(name))
                assert tree.get("lang") == "en"
                for image in tree.iter(f"{XHTML}img"):
                    count += 1
                    assert len(image.get("alt", "")) > 20, f"{name}: {image.get('src')}"
    assert count >= 50


@pytest.mark.slow
def test_two_epubs_are_the_same_bytes(root: Path, site: Path, book: Path, tmp_path: Path) -> None:
    assert binding.epub(root, site, tmp_path / "again.epub").read_bytes() == book.read_bytes()
    date = read_edition(root).date
    with zipfile.ZipFile(book) as archive:
        assert {info.date_time[:3] for info in archive.infolist()} == {(date.year, date.month, date.day)}
