"""What each page of the book carries: its edition, its head, its foot, and only the files that it uses."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import vl_convert

from compendium.book import site
from compendium.book.edition import Edition, read_edition
from compendium.book.figures import version_of_vegalite
from compendium.book.foot import foot
from compendium.book.head import metadata
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError


@pytest.fixture
def edition(root: Path) -> Edition:
    return replace(read_edition(root), url="", doi="", repository="")


# The edition


@pytest.mark.parametrize(
    ("card", "told"),
    [
        (None, "FileNotFoundError"),
        ("title: [", "ParserError"),
        ("[]", "TypeError"),
        ("title: A book\n", "KeyError: 'authors'"),
        ("title: A\nauthors: [{name: B}]\nlicense: MIT\nversion: 1\ndate-released: soon\n", "ValueError"),
        ("title: A\nauthors: [B]\nlicense: MIT\nversion: 1\ndate-released: 2026-01-01\n", "AttributeError"),
    ],
)
def test_an_edition_that_lacks_something_is_told(tmp_path: Path, card: str | None, told: str) -> None:
    if card is not None:
        (tmp_path / "CITATION.cff").write_text(card)
    with pytest.raises(
        DataError, match=rf"^CITATION\.cff: title, authors, license, version and date-released are needed \({told}"
    ) as error:
        read_edition(tmp_path)
    assert error.value.__suppress_context__


def test_an_edition_has_its_authors_by_name_and_its_date(tmp_path: Path) -> None:
    (tmp_path / "CITATION.cff").write_text(
        "title: A\nauthors: [{name: The group}, {given-names: Anna, family-names: Beispiel}]\nlicense: MIT\nversion: 1.0\ndate-released: '2026-01-02'\n"
    )
    edition = read_edition(tmp_path)
    assert (edition.authors, edition.licences, edition.version, edition.year) == (("The group", "Anna Beispiel"), ("MIT",), "1.0", 2026)
    assert edition.epoch == 1767312000
    assert edition.address("A4.html", "claim-a4-1") == "A4.html#claim-a4-1"


# The head


def tags(html: str) -> dict[str, str]:
    return dict(re.findall(r'<meta name="([^"]+)" content="([^"]*)">', html))


def test_an_edition_with_address_and_doi_says_them_on_every_page(corpus: Corpus, edition: Edition) -> None:
    published = replace(edition, url="https://example.org/book/", doi="10.1234/x_y")
    found = tags(metadata(published, corpus, "A4", "Trade", []))
    assert found["citation_doi"] == found["DC.identifier"] == "10.1234/x_y"
    assert found["citation_public_url"] == "https://example.org/book/A4.html"
    assert found["citation_pdf_url"] == "https://example.org/book/compendium.pdf"
    assert tags(metadata(replace(published, doi=""), corpus, "A4", "Trade", []))["DC.identifier"] == "https://example.org/book/A4.html"


def test_an_edition_without_them_claims_neither(corpus: Corpus, edition: Edition) -> None:
    found = tags(metadata(edition, corpus, "A4", "Trade", []))
    assert not {"citation_doi", "citation_public_url", "citation_pdf_url"} & found.keys()
    assert found["DC.identifier"] == "A4.html"
    assert found["citation_inbook_title"] == found["DC.isPartOf"]


# The foot


@pytest.mark.parametrize(
    "repository", ["https://github.com/someone/book", "https://github.com/someone/book/", "https://github.com/someone/book.git"]
)
def test_a_notebook_of_a_known_repository_can_be_run_elsewhere(edition: Edition, repository: str) -> None:
    html = foot(replace(edition, repository=repository, version="2.1"), None, "A4", {})
    assert 'href="https://mybinder.org/v2/gh/someone/book/v2.1?labpath=notebooks%2FA4.ipynb"' in html
    assert 'href="https://colab.research.google.com/github/someone/book/blob/v2.1/notebooks/A4.ipynb"' in html


@pytest.mark.parametrize("repository", ["", "https://git.example.org/book"])
def test_of_any_other_nothing_is_promised(edition: Edition, repository: str) -> None:
    html = foot(replace(edition, repository=repository), None, "A4", {})
    assert "compendium run A4" in html
    assert not re.search("binder|colab|https://git", html)


def test_a_page_of_text_has_nothing_to_run(edition: Edition) -> None:
    html = foot(edition, None, "", {})
    assert "Cite this" in html
    assert not re.search("Run it yourself|Take it along", html)


# The Sphinx extension


def app(folder: Path, name: str = "html", kind: str = "html") -> SimpleNamespace:
    return SimpleNamespace(outdir=str(folder), builder=SimpleNamespace(name=name, format=kind))


def test_the_charts_library_is_one_file_that_breaks_no_other_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        vl_convert, "javascript_bundle", lambda given, vl_version: f"var _ = {vl_version}; {given}"
    )  # the true one takes seconds
    (tmp_path / "_static").mkdir()
    assert site._write_vega(app(tmp_path), None) == []
    (bundle,) = (tmp_path / "_static").iterdir()
    assert bundle.name == f"vega-{version_of_vegalite()}.js"
    # Nothing of it is global but what it gives to the window.
    assert bundle.read_text(encoding="utf-8") == f"(function(){{var _ = {version_of_vegalite()}; window.vegaEmbed = vegaEmbed;}})();\n"
    bundle.write_text("kept")
    site._write_vega(app(tmp_path), None)
    assert bundle.read_text() == "kept"


@pytest.mark.parametrize(
    ("item", "used"),
    [
        ("_static/compendium.js", True),
        (SimpleNamespace(filename="_static/compendium.css", attributes={}), True),
        ("https://cdn.example.org/x.js", False),
        (SimpleNamespace(filename="//cdn.example.org/x.css", attributes={}), False),
        (SimpleNamespace(filename="_static/togglebutton.js", attributes={}), False),
        (SimpleNamespace(filename=None, attributes={"body": "let toggleHintShow = 'Click to show';"}), False),
        (SimpleNamespace(filename=None, attributes={"body": "DOCUMENTATION_OPTIONS.pagename = 'A4'"}), True),
    ],
)
def test_a_page_loads_its_own_files_and_only_those_it_uses(tmp_path: Path, item: Any, used: bool) -> None:
    context: dict[str, Any] = {"script_files": [item]}
    site._dress(app(tmp_path, "latex", "latex"), "A4", "page.html", context, None)
    assert context == {"script_files": [item] if used else []}  # and a page of another format gets nothing else


@pytest.mark.parametrize(
    ("builder", "document", "has"), [("html", True, {"foot", "metadata"}), ("singlehtml", True, {"metadata"}), ("html", False, set())]
)
def test_a_page_has_its_policy_and_a_document_its_metadata_and_foot(tmp_path: Path, builder: str, document: bool, has: set[str]) -> None:
    context: dict[str, Any] = {"title": "Trade &amp; <em>transit</em>", "body": "<p>Words.</p>", "metatags": "<meta>"}
    site._dress(app(tmp_path, builder), "method", "page.html", context, object() if document else None)
    assert context["metatags"].startswith("<meta>")
    assert 'http-equiv="Content-Security-Policy"' in context["metatags"]
    assert f'content="vega-{version_of_vegalite()}.js"' in context["metatags"]
    assert ('<meta name="citation_title" content="Trade &amp; transit">' in context["metatags"]) == ("metadata" in has)
    assert context["body"].startswith("<p>Words.</p>")
    assert ('class="cc-use"' in context["body"]) == ("foot" in has)


def test_only_a_finished_site_is_trimmed(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text('<button data-bs-title="Colours"></button>')
    site._clean(app(tmp_path), RuntimeError("no"))
    site._clean(app(tmp_path, "latex", "latex"), None)
    assert page.read_text() == '<button data-bs-title="Colours"></button>'
    site._clean(app(tmp_path), None)
    assert page.read_text() == '<button title="Colours"></button>'
