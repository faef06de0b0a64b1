"""The built book in a real browser: nothing asked of the network, charts drawn, no page wider than a phone."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from pathlib import Path

import pytest

from compendium.book import building, trimming
from compendium.corpus.errors import DataError

from .test_running import compendium
from .visiting import CHROMIUM, Visit, browser, pages, site  # noqa: F401

pytestmark = pytest.mark.browser


def test_no_page_asks_anything_of_the_network(site: Path, browser) -> None:
    assert len(pages(site)) >= 17
    for path in pages(site):
        with Visit(browser, path.as_uri()) as visit:
            live, charts = visit.see_everything()
            assert live == charts, f"{path.name}: {live} of {charts} charts are drawn"
            assert visit.outside == [], path.name
            assert visit.errors == [], path.name


def test_charts_are_there_before_scripts_run(site: Path, browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "A4.html").as_uri())
    assert page.locator("figure.cc-chart .cc-chart-picture img").count() == 4
    assert all(figure.get_attribute("aria-label") for figure in page.locator("figure.cc-chart").all())
    context.close()


def test_it_works_from_a_plain_file_server(site: Path, browser) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Visit(browser, f"http://127.0.0.1:{server.server_port}/A4.html") as visit:
            assert visit.see_everything() == (4, 4)
            assert visit.outside == []
        server.shutdown()


def test_every_claim_has_its_anchor(site: Path) -> None:
    entries = json.loads((site / "data" / "ledger.json").read_text())
    for chapter in ("A4", "B3"):
        html = (site / f"{chapter}.html").read_text()
        lost = [e["id"] for e in entries if e["chapter"] == chapter and f'id="claim-{e["id"].lower().replace(".", "-")}"' not in html]
        assert lost == []


def test_links_within_the_site_lead_somewhere(site: Path) -> None:
    import re

    names = {path.name: set(re.findall(r'\bid="([^"]+)"', path.read_text())) for path in site.glob("*.html")}
    for path in pages(site):
        for target, fragment in re.findall(r'href="([A-Za-z0-9_]*(?:\.html)?)#([^"]+)"', path.read_text()):
            page = target or path.name
            if fragment.startswith(("claim-", "a", "b")) and page in names and fragment != "main-content":
                assert fragment in names[page], f"{path.name} links to {page}#{fragment}"


def test_the_pdf_is_printed(site: Path, root: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    content = (root / "_build" / "compendium.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(content) > 500_000


def test_a_second_build_does_nothing(site: Path, root: Path) -> None:
    before = (site / "A4.html").stat().st_mtime_ns
    done = compendium("build", cwd=root)
    assert "Nothing changed" in done.stderr
    assert (site / "A4.html").stat().st_mtime_ns == before


# Trimming, building and swapping, without a browser


def test_a_style_sheet_keeps_the_rules_that_pages_use() -> None:
    css = """/* .kept */ @charset "UTF-8"; .kept, .gone > a {color: red} .gone {content: "}.kept{"} #here .kept:not(.gone) {margin: 0}
    #nowhere {margin: 1px} @media print {.gone {margin: 2px}} @media screen {.gone {margin: 3px} .kept {margin: 4px}}
    a:is(.kept, .gone) {margin: 5px} @font-face {font-family: F}"""
    kept = re.sub(r"\s+", " ", trimming.purged(css, {"kept", "here"})).strip()
    assert kept == ('@charset "UTF-8";.kept{color: red}#here .kept:not(.gone){margin: 0}@media screen{.kept{margin: 4px}}'
                    "a:is(.kept, .gone){margin: 5px}@font-face{font-family: F}")  # fmt: skip


def test_variables_that_nothing_asks_for_go(tmp_path: Path) -> None:
    sheet, page = tmp_path / "a.css", tmp_path / "a.html"
    page.write_text('<p style="color: var(--of-page)">')
    sheet.write_text(':root{--gone:1px;--of-page:red;--only-of-gone:2px;--gone-too:var(--only-of-gone);--kept:url("data:a;b}");'
                     "--last:var(--none, 3px)}a{top:var(--kept)}a:hover{--gone:4px}")  # fmt: skip
    trimming._drop_variables([sheet], [page])
    assert sheet.read_text() == ':root{--of-page:red;--kept:url("data:a;b}");}a{top:var(--kept)}a:hover{}'


def test_hints_are_titles_and_code_has_few_spans(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text('<button title="Search" data-bs-placement="bottom" data-bs-toggle="tooltip"></button><button data-bs-title="Colours"></button>'
                    '<script defer src="_static/scripts/bootstrap.js?v=1"></script>\n<span class="k">if</span> <span class="n">a</span>')  # fmt: skip
    trimming.trim(tmp_path)
    assert page.read_text() == '<button title="Search"></button><button title="Colours"></button><span class="k">if</span> a'


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site of one notebook, of which it is known what it was made of."""
    for name, text in {"book/_toc.yml": "root: A1\n", "notebooks/A1.ipynb": "{}", "data/a.csv": "1", "_config.yml": "", "requirements.lock": "",
                       "CITATION.cff": "", "CHANGELOG.md": "", "drawn/index.html": "page"}.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(building, "folded", lambda name, content: content)
    monkeypatch.setattr(building, "sphinx", lambda *_: tmp_path / "drawn")
    work = building.Work({"A1": b"executed"}, {"ledger.json": b"[]", "forms/ledger.schema.json": b"{}"}, {"changes.md": b"# Changes"})
    (tmp_path / "_build").mkdir()
    building.site(tmp_path, work)
    building.keep(tmp_path, work, building.fingerprint(tmp_path, pages=False))
    assert building.kept(tmp_path) == work
    return tmp_path


def test_a_changed_page_asks_for_no_other_work(built: Path) -> None:
    (built / "book" / "method.md").write_text("Another page.")
    assert building.kept(built) is not None


@pytest.mark.parametrize("name", ["data/a.csv", "notebooks/A1.ipynb", "requirements.lock", "_config.yml", "CITATION.cff",
                                  "_build/html/data/ledger.json", "_build/html/notebooks/A1.ipynb",
                                  "_build/stage/changes.md"])  # fmt: skip
def test_any_other_change_does(built: Path, name: str) -> None:
    (built / name).write_text("changed")
    assert building.kept(built) is None


def test_so_does_a_new_chapter_or_a_record_that_cannot_be_read(built: Path) -> None:
    (built / "notebooks" / "A2.ipynb").write_text("{}")
    building.keep(built, building.Work({"A1": b"executed"}, {}, {}), building.fingerprint(built, pages=False))
    assert building.kept(built) is not None
    (built / "book" / "_toc.yml").write_text("root: A1\nchapters:\n  - file: A2\n")
    assert building.kept(built) is None
    (built / "book" / "_toc.yml").write_text("root: A1\n")
    (built / "_build" / "work.json").write_text("[")
    assert building.kept(built) is None


def test_pages_are_drawn_anew_by_a_changed_package(tmp_path: Path) -> None:
    out = tmp_path / "sphinx"
    (tmp_path / "requirements.lock").write_text("")
    building.forget(tmp_path, out)
    (out / "page.html").write_text("as drawn")
    building.forget(tmp_path, out)
    assert (out / "page.html").exists()
    (tmp_path / "requirements.lock").write_text("sphinx==9")
    building.forget(tmp_path, out)
    assert [path.name for path in out.iterdir()] == ["drawn-by"]


def test_pictures_of_charts_that_are_no_more_are_left_behind(built: Path) -> None:
    charts = built / "drawn" / "_static" / "charts"
    charts.mkdir(parents=True)
    for name in ("now.svg", "now.js", "once.svg", "once.js"):
        (charts / name).touch()
    (built / "drawn" / "index.html").write_text('<figure data-chart="now">')
    building.site(built, building.Work({}, {}, {}))
    assert sorted(path.name for path in (built / "_build" / "html" / "_static" / "charts").iterdir()) == ["now.js", "now.svg"]


def test_a_failed_build_keeps_the_old_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "book").mkdir()
    old = tmp_path / "_build" / "html"
    old.mkdir(parents=True)
    (old / "index.html").write_text("old")

    def broken(*_: object) -> None:
        raise DataError("a page is wrong")

    monkeypatch.setattr(building, "stage", lambda *_: tmp_path)
    monkeypatch.setattr(building, "sphinx", broken)
    with pytest.raises(DataError, match="a page is wrong"):
        building.site(tmp_path, building.Work({}, {}, {}))
    assert (old / "index.html").read_text() == "old"


def test_a_build_that_died_between_the_renames_is_mended(tmp_path: Path) -> None:
    place = tmp_path / "html"
    (tmp_path / "html.old").mkdir()
    (tmp_path / "html.old" / "index.html").write_text("old")
    building.recover(place)
    assert (place / "index.html").read_text() == "old"


def test_problems_name_page_and_line(tmp_path: Path) -> None:
    log = f"{tmp_path}/stage/intro.md:12: WARNING: undefined label: 'nowhere'\n{tmp_path}/stage/A4.ipynb:3: ERROR: bad\nfine"
    found = list(building._problems(log, tmp_path / "stage", tmp_path))
    assert found == ["book/intro.md, line 12: undefined label: 'nowhere'", "notebooks/A4.ipynb, line 3: bad"]


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Build with a script in place of the interpreter that would run Jupyter Book."""
    (tmp_path / "requirements.lock").write_text("")

    def build(script: str) -> Path:
        program = tmp_path / "python"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setattr(building.sys, "executable", str(program))
        return building.sphinx(tmp_path, tmp_path / "stage")

    return build


def test_a_build_that_ends_well_leaves_its_pages_and_its_log(builder, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert builder("echo 'running \033[32mwell\033[0m'; echo \"$TZ $PYTHONUTF8\" >&2") == tmp_path / "_build" / "sphinx" / "_build" / "html"
    assert (tmp_path / "_build" / "html.log").read_text() == "running well\nUTC 1\n"
    assert not (tmp_path / "_build" / "sphinx" / "begun").exists()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo reading; echo 'Handler <f> threw an exception (exception: no room)'; echo ====; exit 2", "Handler <f> threw an exception (exception: no room)"),
        ("echo reading; echo 'no room' >&2; echo ====; exit 2", "no room"),
        ("exit 2", "no reason was given"),
        ("echo \"$PWD/stage/intro.md:3: WARNING: undefined label: 'nowhere'\"; exit 2", "book/intro.md, line 3: undefined label: 'nowhere'"),
    ],
)
def test_a_build_that_fails_says_why_and_is_begun_anew(builder, tmp_path: Path, script: str, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError) as error:
        builder(script)
    assert str(error.value) == f"the book was not built: {told} (the whole log is in _build/html.log)"
    (tmp_path / "_build" / "sphinx" / "half.html").touch()
    builder("true")
    assert not (tmp_path / "_build" / "sphinx" / "half.html").exists()


def test_a_warning_fails_a_build_that_came_to_its_end(builder, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=r"the book was not built: book/intro.md: no title \("):
        builder('echo "$PWD/stage/intro.md: WARNING: no title"')
    (tmp_path / "_build" / "sphinx" / "whole.html").touch()
    builder("true")
    assert (tmp_path / "_build" / "sphinx" / "whole.html").exists()
