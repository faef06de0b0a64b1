"""What the head of a page tells reference managers, search engines and the browser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from compendium.book.edition import Edition
from compendium.corpus.corpus import Corpus
from compendium.display.anchors import of_table

# Nothing from outside, and nothing that data could smuggle in: scripts come from the book's own files, or
# stand in the page with their hash listed here, which is put in the place of unsafe-inline when the pages
# are finished. Vega compiles its expressions, hence unsafe-eval. ``file:`` is for pages opened from disk.
POLICY = ("default-src 'self' file:; script-src 'self' file: 'unsafe-inline' 'unsafe-eval'; style-src 'self' file: 'unsafe-inline'; "
          "img-src 'self' file: data:; font-src 'self' file: data:; connect-src 'self' file:; object-src 'none'; base-uri 'none'; "
          "form-action 'self' file:")  # fmt: skip


def policy() -> str:
    """The Content-Security-Policy that the page keeps."""
    return f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">'


def metadata(edition: Edition, corpus: Corpus, page: str, title: str, reviews: Sequence[dict[str, Any]]) -> str:
    """Highwire and Dublin Core tags and schema.org JSON-LD of one page.

    Parameters
    ----------
    page : str
        The page's name without ending, such as ``A4`` or ``index``.
    reviews : sequence of dict
        ClaimReviews that stand on the page.
    """
    front = page in ("index", "intro")
    tags = [("citation_title", edition.title if front else f"{title}")]
    tags += [("citation_author", author) for author in edition.authors]
    tags += [("citation_publication_date", edition.date.strftime("%Y/%m/%d")), ("citation_language", "en")]
    if not front:
        tags.append(("citation_inbook_title", edition.title))
    if edition.doi:
        tags.append(("citation_doi", edition.doi))
    if edition.url:
        tags.append(("citation_public_url", edition.address(f"{page}.html")))
        tags.append(("citation_pdf_url", edition.address("compendium.pdf")))
    tags += [("DC.title", edition.title if front else title), *(("DC.creator", author) for author in edition.authors)]
    tags += [("DC.date", edition.date.isoformat()), ("DC.language", "en"), ("DC.type", "Text"), ("DC.isPartOf", edition.title)]
    tags += [("DC.rights", " and ".join(edition.licences)), ("DC.identifier", edition.doi or edition.address(f"{page}.html"))]
    tags += [("DC.subject", word) for word in edition.keywords]
    described = _about(corpus, page) or edition.abstract
    metas = [f'<meta name="{name}" content="{escape(value)}">' for name, value in tags]
    metas.append(f'<meta name="description" content="{escape(described)}">')
    parts = [_page(edition, corpus, page, title), *_datasets(edition, corpus, page), *map(_short, reviews)]
    graph = {"@context": "https://schema.org", "@graph": parts}
    text = json.dumps(graph, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return "\n".join([*metas, f'<script type="application/ld+json">{text}</script>'])


def _short(review: dict[str, Any]) -> dict[str, Any]:
    """A review without its body, which stands on the page and in the files to download, and weighs as much again."""
    return {key: value for key, value in review.items() if key != "reviewBody"}


def _about(corpus: Corpus, page: str) -> str:
    if page not in corpus.chapters:
        return ""
    record = corpus.chapter(page)
    return f"{', '.join(record.authors)}, {record.title}: tables computed again, sentences tested, and what follows from each error."


def _page(edition: Edition, corpus: Corpus, page: str, title: str) -> dict[str, Any]:
    book: dict[str, Any] = {
        "@type": "Book", "@id": edition.address("index.html"), "name": edition.title, "version": edition.version, "inLanguage": "en",
        "datePublished": edition.date.isoformat(), "license": "https://creativecommons.org/licenses/by/4.0/", "abstract": edition.abstract,
        "author": [{"@type": "Organization", "name": author} for author in edition.authors],
    }  # fmt: skip
    if page in ("index", "intro"):
        return book
    part: dict[str, Any] = {"@type": "Chapter", "@id": edition.address(f"{page}.html"), "name": title,
                            "isPartOf": {"@type": "Book", "@id": book["@id"], "name": edition.title}}  # fmt: skip
    if page in corpus.chapters:
        record, volume = corpus.chapter(page), corpus.sources.volumes[page[0]]  # type: ignore[index]
        part["about"] = {"@type": "Chapter", "name": record.title, "author": [{"@type": "Person", "name": a} for a in record.authors],
                         "isPartOf": {"@type": "Book", "name": volume.title}}  # fmt: skip
    return part


def _datasets(edition: Edition, corpus: Corpus, page: str) -> list[dict[str, Any]]:
    if page not in corpus.chapters:
        return []
    return [{
        "@type": "Dataset", "@id": edition.address(f"{page}.html", of_table(table.id)), "name": f"{table.id}: {table.caption}",
        "description": f"{table.caption}, {len(table.cells)} cells as printed, with the line of the text where each stands.",
        "license": "https://creativecommons.org/licenses/by/4.0/", "isPartOf": {"@id": edition.address("index.html")},
        "distribution": {"@type": "DataDownload", "encodingFormat": "application/json", "contentUrl": edition.address("data/tables.json")},
    } for table in corpus.tables(page) if table.cells]  # fmt: skip
