"""The Sphinx extension of the book: its style, its charts, what stands in the head and at the foot of a page."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from compendium.book.trimming import UNUSED, trim

EVERYWHERE = ("compendium.css", "compendium.js")
ON_DEMAND = ("ledger.js", "explorer.js", "search.js")  # scripts of single pages, which compendium.js asks for


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", _copy_assets)
    app.connect("html-page-context", _dress, priority=900)
    app.connect("env-updated", _write_vega)
    app.connect("build-finished", _clean, priority=900)  # after the theme, which writes its colours of code then
    # A change of this package draws every page anew: Sphinx compares this value with the last build's.
    app.add_config_value("compendium_source", _source(), "env")
    for name in EVERYWHERE:
        (app.add_css_file if name.endswith(".css") else app.add_js_file)(name)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _source() -> str:
    from compendium.corpus.digest import sha256

    folder = Path(__file__).parent
    return sha256(b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.suffix in {".py", ".js", ".css"}))


def _copy_assets(app: Any) -> None:
    target = Path(app.outdir) / "_static"
    target.mkdir(parents=True, exist_ok=True)
    for name in (*EVERYWHERE, *ON_DEMAND):
        (target / name).write_bytes(files("compendium.book").joinpath("assets", name).read_bytes())


def _write_vega(app: Any, env: Any) -> list[str]:
    import vl_convert

    from compendium.book.figures import version_of_vegalite

    version = version_of_vegalite()
    target = Path(app.outdir) / "_static" / f"vega-{version}.js"
    if not target.is_file():
        bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
        # The bundle declares globals, `_` among them, that would break Sphinx's own scripts.
        target.write_text(f"(function(){{{bundle}}})();\n", encoding="utf-8")
    return []


def _dress(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave out scripts that no page needs; add the head's metadata and the foot."""
    from compendium.book.figures import version_of_vegalite

    for key in ("script_files", "css_files"):
        if key in context:
            context[key] = [item for item in context[key] if _used(item)]
    if app.builder.format != "html":
        return
    from compendium.book import head

    tags = [head.policy(), f'<meta name="compendium-vega" content="vega-{version_of_vegalite()}.js" />']
    if doctree is not None:
        edition, corpus = _edition(), _corpus()
        reviews = _reviews()[pagename] if pagename in corpus.chapters else []  # all findings are read for them
        tags.append(head.metadata(edition, corpus, pagename, _plain(context.get("title", pagename)), reviews))
        if app.builder.name == "html":
            context["body"] = context.get("body", "") + _foot(pagename)
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


def _used(item: Any) -> bool:
    body = getattr(item, "attributes", {}).get("body") or ""
    name = f"{getattr(item, 'filename', item) or ''} {body}".lower()
    if name.lstrip().startswith(("http://", "https://", "//")):
        return False
    return not any(word in name for word in UNUSED)


def _plain(title: str) -> str:
    import html
    import re

    return html.unescape(re.sub(r"<[^>]+>", "", title))


def _foot(pagename: str) -> str:
    from compendium.book.citing import PAGES, place_of
    from compendium.book.foot import foot
    from compendium.corpus.place import find_data
    from compendium.execution.parameters import parameters_of, read_notebook

    path = find_data().parent / "notebooks" / f"{pagename}.ipynb"
    corpus = _corpus()
    place = place_of(corpus, pagename) if pagename in PAGES or pagename in corpus.chapters else None
    parameters = parameters_of(read_notebook(path), path.name) if path.is_file() else {}
    return foot(_edition(), place, pagename if path.is_file() else "", parameters)


@cache
def _edition() -> Any:
    from compendium.book.edition import read_edition
    from compendium.corpus.place import find_data

    return read_edition(find_data().parent)


@cache
def _corpus() -> Any:
    from compendium.corpus.corpus import Corpus
    from compendium.corpus.place import find_data

    return Corpus(find_data())


@cache
def _reviews() -> dict[str, list[dict[str, Any]]]:
    """The ClaimReviews of each chapter's page."""
    from compendium.book.publishing import reviews
    from compendium.corpus.place import find_data
    from compendium.execution.runs import FRESH
    from compendium.volumes import open_volumes

    fresh = find_data().parent / FRESH
    volumes = open_volumes(findings=fresh if fresh.is_dir() else None)
    return {chapter: reviews(volumes, _edition(), chapter) for chapter in volumes.corpus.chapters}


def _clean(app: Any, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        trim(Path(app.outdir))
