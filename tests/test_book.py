"""The built book as its readers meet it: found, read by any means, cited, taken along."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import extruct
import jsonschema
import pytest
from playwright.sync_api import Request

from compendium.book.forms import FORMS
from compendium.corpus.corpus import Corpus

from .trust.conftest import NIGHTLY
from .visiting import Visit, browser, pages, site  # noqa: F401

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    handler.log_message = lambda *_: None  # type: ignore[attr-defined]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def axe() -> str:
    import axe_playwright_python

    (script,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    return script.read_text(encoding="utf-8")


CONTRAST = """() => {
    const parse = c => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 ? m : [...m, 1]; };
    const light = c => { const p = c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : Math.pow((v + .055) / 1.055, 2.4));
        return .2126 * p[0] + .7152 * p[1] + .0722 * p[2]; };
    const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > .5) return c; }
        return document.documentElement.dataset.theme === 'dark' ? [18, 18, 18, 1] : [255, 255, 255, 1]; };
    const bad = [], walker = document.createTreeWalker(document.querySelector('article') || document.querySelector('#search-results'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const e = walker.currentNode.parentElement;
        if (!walker.currentNode.textContent.trim() || !e.checkVisibility({visibilityProperty: true}) || e.closest('svg, select, details:not([open])')) continue;
        const style = getComputedStyle(e), a = light(parse(style.color)), b = light(ground(e));
        const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), size = parseFloat(style.fontSize);
        if (ratio < (size >= 24 ? 3 : 4.5)) bad.push(`${ratio.toFixed(1)} ${e.tagName}.${e.className}: ${walker.currentNode.textContent.trim().slice(0, 40)}`);
    }
    return [...new Set(bad)].slice(0, 8);
}"""


LIGHT = [pytest.param((False, 1280), id="light and wide")]
DARK = [pytest.param((True, 360), id="dark and narrow")]


@pytest.fixture(scope="module", params=[*LIGHT, *DARK])
def looks(request: pytest.FixtureRequest, site: Path, browser) -> dict[str, dict[str, list[str]]]:
    """What axe, and our own tests of contrast and width, find on each page."""
    dark, width = request.param
    script = axe()
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", bypass_csp=True)
    found = {}
    for path in pages(site):
        page = context.new_page()
        page.goto(path.as_uri() + ("#q=A4.1" if path.stem == "S1" else ""))  # all rows at once would take axe half a minute
        page.wait_for_timeout(250)
        dim = page.evaluate(CONTRAST)
        over = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        found[path.name] = {"dim": dim, "over": [f"by {over} pixels"] if over > 0 else []}
        # axe takes longer than all else. Most that it finds is there in either light and at any width, so it looks at
        # both at night; so does its own test of contrast, which leaves hundreds of words undecided.
        if dark or NIGHTLY:
            page.evaluate(script)
            result = page.evaluate("on => axe.run(document, {resultTypes: ['violations'], rules: {'color-contrast': {enabled: on}}})", NIGHTLY)
            found[path.name]["barriers"] = [f"{v['id']}: {v['nodes'][0]['html'][:150]}" for v in result["violations"]]
        page.close()
    context.close()
    return found


@pytest.mark.parametrize("looks", DARK if not NIGHTLY else [*LIGHT, *DARK], indirect=True)
def test_no_page_has_a_barrier(looks: dict[str, dict[str, list[str]]]) -> None:
    assert {name: look["barriers"] for name, look in looks.items() if look["barriers"]} == {}


def test_every_word_can_be_read(looks: dict[str, dict[str, list[str]]]) -> None:
    assert {name: look["dim"] for name, look in looks.items() if look["dim"]} == {}


def test_no_page_is_wider_than_its_window(looks: dict[str, dict[str, list[str]]]) -> None:
    assert {name: look["over"] for name, look in looks.items() if look["over"]} == {}


def test_no_text_page_is_heavy(site: Path, browser, served: str) -> None:
    heavy = {}
    for path in pages(site):
        context = browser.new_context()  # its own cache, so that the first visit is one
        page = context.new_page()
        asked: list[Request] = []
        page.on("requestfinished", lambda request, asked=asked: asked.append(request))
        page.goto(f"{served}/{path.name}", wait_until="load")
        # Vega and a chart's data come after the page, when a chart is in view; its picture is there before.
        later = re.compile(r"/vega-|/charts/\w+\.js")
        size = sum(request.sizes()["responseBodySize"] for request in list(asked) if not later.search(request.url))
        # S1, S3 and the search load their data when opened.
        if path.stem not in {"S1", "S3", "search"} and size > 700_000:
            heavy[path.name] = size
        context.close()
    assert heavy == {}


@pytest.mark.parametrize("width", [360, 1280])
def test_the_menu_of_files_opens_by_key(site: Path, browser, width: int) -> None:
    with Visit(browser, (site / "A4.html").as_uri(), width=width) as visit:
        button, menu = visit.page.locator("[data-bs-toggle=dropdown]"), visit.page.locator(".dropdown-download-buttons .dropdown-menu")
        assert not menu.is_visible()
        button.focus()
        visit.page.keyboard.press("Enter")
        assert menu.is_visible()
        assert button.get_attribute("aria-expanded") == "true"
        box = menu.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("() => document.activeElement.closest('.dropdown-menu') !== null")
        visit.page.keyboard.press("Escape")
        assert not menu.is_visible()
        assert visit.page.evaluate("() => document.activeElement.dataset.bsToggle") == "dropdown"


def test_the_ledger_answers_at_once(site: Path, browser) -> None:
    entries = json.loads((site / "data" / "ledger.json").read_text())
    with Visit(browser, (site / "S1.html").as_uri()) as visit:
        visit.page.wait_for_selector("[data-app=ledger][data-ready=yes]")
        assert visit.page.locator(".cc-row").count() == len(entries)
        visit.page.select_option("#ledger-strength", "proved")
        proved = [e["id"] for e in entries if e["strength"] == "proved"]
        assert visit.page.locator(".cc-row:not([hidden])").count() == len(proved)
        visit.page.locator(f"#row-{proved[0].replace('.', chr(92) + '.')} summary").click()
        assert visit.page.locator(".cc-row[open] dt").first.inner_text() == "Computed"
        assert visit.outside == []


def test_the_ledger_opens_the_claim_that_the_address_names(site: Path, browser) -> None:
    with Visit(browser, (site / "S1.html").as_uri() + "#claim=A4.87") as visit:
        visit.page.wait_for_selector("#row-A4\\.87[open] .cc-row-card")
        visit.page.locator("#row-A4\\.87 summary").press("Enter")
        assert visit.page.locator("#row-A4\\.87").get_attribute("open") is None


def test_the_explorer_shows_what_a_run_finds(site: Path, browser, root: Path) -> None:
    from compendium.execution.universes import findings_in

    with Visit(browser, (site / "S3.html").as_uri() + "#chapter=A4") as visit:
        visit.page.wait_for_selector("[data-app=explorer][data-ready=yes]")
        assert "default universe" in visit.page.locator("[data-app=explorer] .cc-count").inner_text()
        visit.page.select_option("#explorer-reading", label="as printed")
        visit.page.wait_for_selector(".cc-turned li")
        said = visit.page.locator("[data-app=explorer] .cc-count").inner_text()
        found = Counter(f["verdict"] for f in findings_in(root / "notebooks" / "A4.ipynb", {"reading": "as printed"}))
        assert f"{found['holds']} hold, {found['fails']} fail" in said
        assert visit.page.locator("[data-app=explorer] .cc-shown .cc-table").count() > 0
        assert visit.outside == []


def test_the_search_finds_claims(site: Path, browser) -> None:
    with Visit(browser, (site / "search.html").as_uri() + "?q=Turkmenistan+exports") as visit:
        visit.page.wait_for_selector("[data-app=search] li")
        assert "A4." in visit.page.locator("[data-app=search] li").first.inner_text()
        visit.page.wait_for_selector("#search-results li")
        assert visit.outside == []


def test_a_search_fetches_no_page_that_it_finds(site: Path, browser, served: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("?")[0]))
    page.goto(f"{served}/search.html?q=Turkmenistan")
    page.wait_for_selector("#search-results li")
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if url.endswith(".html")] == [f"{served}/search.html"]
    page.close()


def test_a_chart_has_its_data_as_a_table(site: Path, browser) -> None:
    with Visit(browser, (site / "A4.html").as_uri()) as visit:
        visit.page.locator(".cc-chart-data summary").first.click()
        visit.page.wait_for_selector(".cc-chart-data td")
        assert visit.page.locator(".cc-chart-data th[scope=col]").count() > 1


def test_everything_can_be_reached_by_keyboard(site: Path, browser) -> None:
    with Visit(browser, (site / "A4.html").as_uri()) as visit:
        reached = visit.page.evaluate("""() => [...document.querySelectorAll('article a[href], article summary, article button, article figure.cc-chart')]
            .filter(e => e.checkVisibility()).every(e => e.tabIndex >= 0)""")
        assert reached


# What machines read


@pytest.mark.parametrize("name", FORMS)
def test_data_follow_their_schema(site: Path, name: str) -> None:
    schema = json.loads((site / "data" / "schemas" / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads((site / "data" / f"{name}.json").read_text()), schema, jsonschema.Draft202012Validator)


def test_counts_agree_everywhere(site: Path, browser, root: Path) -> None:
    entries = json.loads((site / "data" / "ledger.json").read_text())
    counts = Counter(e["verdict"] for e in entries)
    base = sqlite3.connect(site / "data" / "compendium.sqlite")
    assert dict(base.execute("SELECT verdict, count(*) FROM claims GROUP BY verdict")) == counts
    nodes = json.loads((site / "data" / "arguments.json").read_text())["nodes"]
    assert Counter(n["verdict"] for n in nodes) == counts
    printed = subprocess.run(["pdftotext", str(root / "_build" / "compendium.pdf"), "-"], capture_output=True, text=True, check=True).stdout
    printed = " ".join(printed.split())
    for chapter in Corpus(root / "data").chapters:
        own = Counter(e["verdict"] for e in entries if e["chapter"] == chapter)
        said = ", ".join(f"{own[v]} {v}" for v in ("holds", "fails", "reported", "judgement"))
        assert f"{sum(own.values())} claims: {said}." in (site / f"{chapter}.html").read_text(), chapter
        assert f"{sum(own.values())} claims: {said}." in printed, chapter
    with Visit(browser, (site / "S1.html").as_uri()) as visit:
        row = visit.page.locator("#claims-by-verdict tbody tr").last.inner_text().split("\t")
    strengths = Counter(e["strength"] for e in entries)
    assert [int(n) for n in row[1:]] == [counts["holds"], strengths["doubtful"], strengths["conflict"], strengths["proved"],
                                         counts["reported"], counts["judgement"], len(entries)]  # fmt: skip
    reviews = json.loads((site / "data" / "claimreviews.jsonld").read_text())["@graph"]
    assert len(reviews) == counts["holds"] + counts["fails"]
    errata = json.loads((site / "data" / "errata.json").read_text())
    assert {e["id"] for e in entries if e["strength"] == "proved"} <= {e["claim"] for e in errata}
    assert len(errata) == len({e["claim"] for e in errata})


def test_metadata_are_understood_by_others(site: Path) -> None:
    for name, kind in [("intro", "Book"), ("A4", "Chapter"), ("S1", "Chapter"), ("method", "Chapter")]:
        html = (site / f"{name}.html").read_text()
        found = extruct.extract(html, syntaxes=["json-ld", "dublincore"])
        graph = found["json-ld"][0]["@graph"]
        assert graph[0]["@type"] == kind, name
        assert graph[0]["name"]
        assert any(e["name"].lower() == "dc.title" for e in found["dublincore"][0]["elements"]), name
        assert html.count('name="citation_title"') == 1
    kinds = Counter(item["@type"] for item in extruct.extract((site / "A4.html").read_text(), syntaxes=["json-ld"])["json-ld"][0]["@graph"])
    assert kinds["Dataset"] == 4
    entries = json.loads((site / "data" / "ledger.json").read_text())
    assert kinds["ClaimReview"] == sum(e["chapter"] == "A4" and e["verdict"] in ("holds", "fails") for e in entries)


def test_no_anchor_is_lost(site: Path, root: Path) -> None:
    anchors = {f"{a['page']}#{a['anchor']}" if a["anchor"] else a["page"] for a in json.loads((site / "data" / "anchors.json").read_text())}
    released = set((root / "tests" / "anchors.txt").read_text().split())
    assert released <= anchors, "anchors that a release has promised are gone"
    for place in anchors:
        page, _, anchor = place.partition("#")
        html = (site / page).read_text()
        assert not anchor or f'id="{anchor}"' in html, place


def test_a_page_runs_no_script_that_its_policy_does_not_list(site: Path, browser) -> None:  # type: ignore[no-untyped-def]
    visit = Visit(browser, (site / "A4.html").as_uri())
    assert visit.errors == [], "a script of the page's own is not listed"
    for plant in ("const s = document.createElement('script'); s.textContent = 'window.planted = 1'; document.body.append(s);",
                  "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.planted = 1\">');",
                  "document.body.insertAdjacentHTML('beforeend', '<a id=planted-link href=\"javascript:window.planted = 1\">x</a>'); document.getElementById('planted-link').click();"):  # fmt: skip
        visit.page.evaluate(f"() => {{ {plant} }}")
        visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.planted") is None
    assert sum("Content Security Policy" in error for error in visit.errors) >= 3
    assert "unsafe-inline" not in (site / "A4.html").read_text(encoding="utf-8").partition("style-src")[0]
    visit.context.close()


def test_pages_keep_their_own_policy(site: Path) -> None:
    for path in pages(site):
        html = path.read_text()
        assert 'http-equiv="Content-Security-Policy"' in html, path.name
        assert "default-src 'self'" in html.replace("&#x27;", "'"), path.name


# What mystmd cannot write in the one form that asks for no template from the network; it has read it.
UNWRITTEN = re.compile(r"Unsupported node type: (?:outputs|span)$")


def remarks(folder: Path) -> list[str]:
    """What mystmd, which Jupyter Book 2 is made of, has to say of the pages in a folder."""
    names = sorted(p.name for p in folder.iterdir() if p.suffix in {".md", ".ipynb"})
    (folder / "myst.yml").write_text("version: 1\nproject:\n  title: Pages\nsite:\n  template: none\n")
    command = [str(Path(sys.executable).parent / "myst"), "build", *names, "--md"]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "HOME": str(folder)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 0, lines[-5:]
    assert len(list((folder / "_build" / "exports").glob("*.md"))) == len(names)
    return sorted({line for line in lines if line.lstrip().startswith(("⚠", "⛔", "❌")) and not UNWRITTEN.search(line)})


def without_outputs(notebook: Path) -> str:
    content = json.loads(notebook.read_bytes())
    return json.dumps({**content, "cells": [{**c, "outputs": []} if "outputs" in c else c for c in content["cells"]]})


@pytest.mark.skipif(shutil.which("node") is None, reason="mystmd runs on Node")
def test_mystmd_reads_every_page(site: Path, tmp_path: Path) -> None:
    stage = site.parent / "stage"
    shutil.copytree(stage / "images", tmp_path / "images")
    for page in stage.iterdir():
        if page.suffix in {".md", ".ipynb"}:
            (tmp_path / page.name).write_text(without_outputs(page) if page.suffix == ".ipynb" else page.read_text())
    assert remarks(tmp_path) == []


@pytest.mark.skipif(shutil.which("node") is None, reason="mystmd runs on Node")
def test_mystmd_minds_what_only_jupyter_book_1_knows(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Title\n\nThe share is {glue:text}`share` percent.\n\n```{tableofcontents}\n```\n")
    assert any("glue" in remark for remark in remarks(tmp_path))
