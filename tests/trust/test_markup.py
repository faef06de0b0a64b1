"""Markup planted in every field that holds words: pages show it as words."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import html

from compendium.book import matter
from compendium.corpus.corpus import Corpus

from ..test_running import compendium
from ..visiting import Visit, browser, pages  # noqa: F401
from .conftest import NIGHTLY

PLANT = ' <img src=x onerror="planted()"><script>planted()</script></td>{{7*7}}[x](javascript:planted())'
SHORT = "<b onclick=planted()>b</b>"

# Words for people. Names by which notebooks find a row, a state or a place are left as they are.
YAML_FIELDS = {
    "claims": ["says", "note"],
    "errata": ["title", "what", "proof", "repair", "survives"],
    "readings": ["proof"],
    "tables": ["caption", "section", "source", "footnotes", "damage", "recovered", "missing"],
    "propositions.yml": ["says", "note"],
    "comparisons.yml": ["note"],
    "glossary.yml": ["name", "says", "note"],
}
CSV_FIELDS = {"tables": ["note"], "events": ["what", "place"], "external": ["vintage", "licence"]}


def planted(value: Any, longest: int = 560) -> Any:
    if isinstance(value, list):
        return [planted(item) for item in value]
    if not value:
        return value
    return value[: longest - len(PLANT)] + PLANT


def plant(data: Path) -> int:
    """Plant markup all over a data folder; how many fields hold some."""
    import csv

    count = 0
    for name, fields in YAML_FIELDS.items():
        for path in [data / name] if name.endswith(".yml") else sorted((data / name).glob("*.yml")):
            content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
            for entry in content if isinstance(content, list) else [content]:
                for field in fields:
                    if entry.get(field):
                        entry[field] = planted(entry[field])
                        count += 1
            path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False), encoding="utf-8")
    for name, fields in CSV_FIELDS.items():
        for path in sorted((data / name).glob("*.csv")):
            with path.open(newline="", encoding="utf-8") as stream:
                rows = list(csv.DictReader(stream))
            for row in rows:
                for field in fields:
                    if row[field]:
                        row[field] += SHORT
                        count += 1
            with path.open("w", newline="", encoding="utf-8") as stream:
                writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    return count


@pytest.fixture(scope="module")
def checkout(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("planted")
    for name in ("data", "notebooks", "book"):
        shutil.copytree(root / name, folder / name)
    for name in ("_config.yml", "CITATION.cff", "CHANGELOG.md", "requirements.lock", "pyproject.toml", "README.md"):
        shutil.copy(root / name, folder / name)
    return folder, plant(folder / "data")


def taken_for_markup(page: str) -> list[str]:
    """What a page holds as elements or links of what was planted as words."""
    tree = html.fromstring(page)
    found = [f"<{e.tag} {name}>" for e in tree.iter() if isinstance(e.tag, str) for name, value in e.attrib.items()
             if name.startswith("on") and "planted" in value]
    found += [f"<{e.tag}> holds planted()" for e in tree.iter("script", "style") if "planted()" in (e.text or "") and e.get("type") != "application/ld+json"]
    found += [f"<a href={e.get('href')}>" for e in tree.iter("a") if (e.get("href") or "").lower().startswith("javascript:")]
    found += ["<img src=x>" for e in tree.iter("img") if e.get("src") == "x"]
    return found


@pytest.mark.parametrize("name", ["A4", "B3"])
def test_an_executed_chapter_takes_words_for_words(checkout: tuple[Path, int], name: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    folder, count = checkout
    done = compendium("run", name, "-o", str(tmp_path), cwd=folder)
    assert done.returncode == 0, done.stderr
    notebook = json.loads((tmp_path / f"{name}.ipynb").read_text(encoding="utf-8"))
    seen = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            for kind, content in output.get("data", {}).items():
                if kind in ("text/html", "image/svg+xml"):
                    text = "".join(content)
                    assert taken_for_markup(f"<div>{text}</div>") == [], text[:500]
                    seen += text.count("planted()")
    assert seen > 50, "what was planted is not shown"
    if name == "A4":
        record_property("fields with planted markup", count)


def test_the_back_matter_takes_words_for_words(checkout: tuple[Path, int]) -> None:
    folder, _ = checkout
    texts = {name: text for name, text in matter.pages(Corpus(folder / "data"), folder).items() if "planted()" in text}
    assert {"glossary.md", "exhibits.md"} <= set(texts)
    assert {name: re.findall(r"<img.*|<script.*|(?<!\\)\]\(javascript.*", text) for name, text in texts.items()} == {name: [] for name in texts}


BUILD = """
from pathlib import Path
from compendium import cli
from compendium.book import building
root = Path.cwd()
building.site(root, cli._work(root, None))
"""


@pytest.mark.skipif(not NIGHTLY, reason="builds a whole book; at night")
def test_the_built_pages_take_words_for_words(checkout: tuple[Path, int], browser, record_property: Callable[[str, object], None]) -> None:  # type: ignore[no-untyped-def]
    folder, _ = checkout
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    site = folder / "_build" / "html"
    found = pages(site)
    shown = 0
    for page in found:
        text = page.read_text(encoding="utf-8")
        assert taken_for_markup(text) == [], page.name
        shown += text.count("planted()")
        visit = Visit(browser, page.as_uri())
        visit.page.evaluate("() => { window.planted = function () { document.title = 'planted'; }; }")
        visit.page.wait_for_timeout(300)
        assert visit.page.evaluate("[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on') && a.value.includes('planted'))).length") == 0, page.name
        assert visit.page.title() != "planted", page.name
        assert not any("planted" in error for error in visit.errors), visit.errors
        visit.context.close()
    record_property("pages with planted markup looked at", len(found))
    record_property("places where planted markup stands as words", shown)
    assert shown > 2000
