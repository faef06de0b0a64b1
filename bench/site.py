"""The built site against a default Jupyter Book of the same pages; writes bench/SITE.md.

    .venv/bin/python bench/site.py [--rounds 5]

Both are built from the same pages, with notebooks executed before. Both are served by the same plain file
server; whatever is asked of another host is refused and counted. Pagefind's search is made for a copy of
this book's site, in an environment of its own.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".bench" / "site"
PAGES = {"the front page": ("intro.html", "index.html"), "a chapter (A4)": ("A4.html",), "the longest chapter (B3)": ("B3.html",)}
OURS = [str(Path(sys.executable).parent / "compendium"), "build", "--formats", "html"]
# A chart of a notebook, in view: a picture, or what Vega draws.
PICTURE = """() => {
    const found = [...document.querySelectorAll('.cell_output :is(img, canvas, svg)')].find(e => e.getBoundingClientRect().width > 50);
    if (!found) return false;
    found.scrollIntoView();
    return found.complete !== false;
}"""
PAGEFIND = """<!doctype html><title>Search</title><ul id="search-results"></ul><script type="module">
const pagefind = await import("/pagefind/pagefind.js");
const found = await pagefind.search(new URLSearchParams(location.search).get("q"));
const first = await found.results[0].data();
document.getElementById("search-results").innerHTML = `<li><a href="${first.url}">${first.meta.title}</a></li>`;
</script>"""
STOCK = "from jupyter_book.cli.main import main; main()"


def copied() -> Path:
    """A checkout of pages, data and executed notebooks, from the built book."""
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "ours").mkdir(parents=True)
    for name in ("data", "notebooks", "book"):
        shutil.copytree(ROOT / name, WORK / "ours" / name)
    shutil.copytree(ROOT / ".cache", WORK / "ours" / ".cache", copy_function=os.link)  # its files are replaced, never written into
    for name in ("_config.yml", "CITATION.cff", "CHANGELOG.md", "requirements.lock"):
        shutil.copy(ROOT / name, WORK / "ours" / name)
    shutil.copytree(ROOT / "_build" / "stage", WORK / "stock" / "pages")
    (WORK / "stock" / "_config.yml").write_text("title: The same pages\nonly_build_toc_files: true\nexecute:\n  execute_notebooks: 'off'\n")
    return WORK


def built(which: str) -> float:
    """Seconds of a build as things are."""
    folder = WORK / which
    began = time.perf_counter()
    if which == "ours":
        words = OURS
    else:
        words = [str(ROOT / ".bench" / "env-stock" / "bin" / "python"), "-c", STOCK, "build", "pages", "--config", "_config.yml", "--path-output", "out"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{which}: {done.stderr[-2000:]}")
    return time.perf_counter() - began


def site_of(which: str) -> Path:
    return WORK / "ours" / "_build" / "html" if which == "ours" else WORK / "stock" / "out" / "_build" / "html"


def changed(which: str, turn: int) -> None:
    path = WORK / "ours" / "book" / "method.md" if which == "ours" else WORK / "stock" / "pages" / "method.md"
    path.write_text(f"{path.read_text()}\nChanged {turn}.\n")


class Files(http.server.SimpleHTTPRequestHandler):
    """A plain file server that writes no log."""

    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def visited(browser: Any, address: str, chart: bool) -> dict[str, float]:
    """A first visit: bytes, requests, requests refused, seconds to the first chart."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    found = {"bytes": 0.0, "requests": 0.0, "outside": 0.0, "chart": float("nan")}

    def judge(route: Any) -> None:
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        else:
            found["outside"] += 1
            route.abort()

    def finished(request: Any) -> None:
        found["requests"] += 1
        found["bytes"] += request.sizes()["responseBodySize"]

    page.route("**/*", judge)
    page.on("requestfinished", finished)
    began = time.perf_counter()
    page.goto(address, wait_until="load")
    if chart:
        try:
            page.wait_for_function(PICTURE, timeout=5000)
            found["chart"] = time.perf_counter() - began
        except Exception:  # no chart within five seconds
            found["chart"] = float("nan")
    context.close()
    return found


def searched(browser: Any, address: str, word: str) -> tuple[float, float]:
    """Seconds from opening the search with a word to its first result, and the bytes that came for it."""
    context = browser.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    began = time.perf_counter()
    page.goto(f"{address}/search.html?q={word}")
    page.wait_for_selector("#search-results li a, .cc-results a", timeout=20_000)
    seconds = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    context.close()
    return seconds, float(sum(sizes))


def with_pagefind(site: Path) -> Path:
    """A copy of a site whose search page asks Pagefind, and nothing else."""
    python = ROOT / ".bench" / "env-pagefind" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(ROOT / "bench" / "peers-pagefind.txt")], check=True)
    folder = WORK / "pagefind"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(site, folder)
    subprocess.run([str(python), "-m", "pagefind", "--site", str(folder)], check=True, capture_output=True)
    (folder / "search.html").write_text(PAGEFIND)
    return folder


def grown(count: int) -> tuple[float, float]:
    """Seconds of building the site with so many copies of chapter B4 besides, from nothing and with one page changed."""
    copied()
    folder = WORK / "ours"
    contents = folder / "book" / "_toc.yml"
    entries = contents.read_text().splitlines(keepends=True)
    page = (ROOT / "book" / "method.md").read_text()
    for number in range(count):
        (folder / "book" / f"copy{number:03d}.md").write_text(f"{page}\n\nCopy {number}.\n")
        entries.append(f"      - file: copy{number:03d}\n")
    contents.write_text("".join(entries))
    shutil.rmtree(folder / "_build", ignore_errors=True)
    whole = built("ours")
    changed("ours", 0)
    return whole, built("ours")


def told(values: list[float], form: str = ".2f") -> str:
    known = [v for v in values if v == v]
    return f"{statistics.median(known):{form}}" if known else "none"


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    copied()
    both = ("ours", "stock")
    times: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds):
        for which in both:
            shutil.rmtree(site_of(which).parents[0 if which == "ours" else 1], ignore_errors=True)
            times.setdefault((which, "from nothing"), []).append(built(which))
            changed(which, turn)
            times.setdefault((which, "one page changed"), []).append(built(which))
            print(turn, which, {k[1]: v[-1] for k, v in times.items() if k[0] == which}, file=sys.stderr, flush=True)
    lines = ["# The site", "", f"Made by `bench/site.py` in one run of {rounds} rounds; medians. The default is what a new Jupyter Book makes of the same pages.",
             "", "| | this book | a default book |", "| --- | ---: | ---: |"]  # fmt: skip
    for what in ("from nothing", "one page changed"):
        lines.append(f"| build {what}, seconds | {told(times['ours', what])} | {told(times['stock', what])} |")
    visits: dict[tuple[str, str], list[dict[str, float]]] = {}
    searches: dict[str, list[tuple[float, float]]] = {which: [] for which in (*both, "pagefind")}
    found = with_pagefind(site_of("ours"))
    with sync_playwright() as play, served(site_of("ours")) as ours, served(site_of("stock")) as stock, served(found) as third:
        chromium = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            for which, address in (("ours", ours), ("stock", stock)):
                for what, names in PAGES.items():
                    name = next(n for n in names if (site_of(which) / n).is_file())
                    visits.setdefault((which, what), []).append(visited(chromium, f"{address}/{name}", "chapter" in what))
                searches[which].append(searched(chromium, address, "Turkmenistan"))
            searches["pagefind"].append(searched(chromium, third, "Turkmenistan"))
        chromium.close()
    for what in PAGES:
        for key, title, form in (("bytes", "kB on first load", ".0f"), ("requests", "requests", ".0f"), ("outside", "requests to other hosts, refused", ".0f"),
                                 ("chart", "seconds to the first chart", ".2f")):  # fmt: skip
            if key == "chart" and "chapter" not in what:
                continue
            cells = [told([v[key] / (1000 if key == "bytes" else 1) for v in visits[which, what]], form) for which in both]
            lines.append(f"| {what}: {title} | {cells[0]} | {cells[1]} |")
    sizes = [sum(p.stat().st_size for p in site_of(which).rglob("*") if p.is_file()) / 1e6 for which in both]
    lines.append(f"| the whole site, MB | {sizes[0]:.1f} | {sizes[1]:.1f} |")
    lines += ["", "A default book does not know the charts of these notebooks, and shows their descriptions in the place of pictures.", ""]
    lines += ["## Search", "", "One word, on each site's own search page; Pagefind's is a page with nothing else on it.", "",
              "| | this book | a default book | Pagefind |", "| --- | ---: | ---: | ---: |"]  # fmt: skip
    for place, title, unit in ((0, "seconds to the first result", 1), (1, "kB that come for it", 1000)):
        cells = [told([one[place] / unit for one in searches[which]], ".2f" if unit == 1 else ".0f") for which in (*both, "pagefind")]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    lines += ["", "Pagefind reads its index with `fetch` and a WebAssembly module, which browsers refuse to pages opened from disk; "
              "the search of this book is a script that they allow, and finds claims, tables and errata besides pages. Most of what comes for "
              "a default book's are the pages found, of which it shows a line each; this one shows claims in their own words, and of pages the titles.", "",
              "## Growth", "", "So many copies of a page of text besides the book.", "",
              "| copies | from nothing, seconds | one page changed, seconds |", "| ---: | ---: | ---: |"]  # fmt: skip
    for count in (0, 50, 100, 200):
        whole, one = grown(count)
        lines.append(f"| {count} | {whole:.1f} | {one:.1f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    (ROOT / "bench" / "SITE.md").write_text(text)


if __name__ == "__main__":
    main()
