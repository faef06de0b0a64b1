"""What the pages carry of the theme: only what they use."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from compendium.corpus.digest import sha256

# What a Jupyter Book page loads that this book does not use: live code, a second copy of its icons as
# a 1.5 MB script, mathematics, diagrams, tabs, boxes that open.
UNUSED = ("fontawesome.js", "thebe", "mathjax", "mermaid", "require.js", "vega", "tabs.js", "design-tabs",
          "togglebutton", "togglehint", "toggleopen")  # fmt: skip

# Written by the theme's templates, past the list of scripts: the icon script, Bootstrap's (80 kB for one menu
# and for hints that browsers show by themselves; compendium.js opens the menu), and the settings of live code.
LEFTOVERS = re.compile(
    r'<script[^>]*(?:fontawesome|bootstrap)\.js[^>]*></script>\s*|<script type="text/x-thebe-config">.*?</script>\s*'
    r'|<link rel="preload" as="script"[^>]*bootstrap\.js[^>]*>\s*'
    r'|<link rel="preload" as="font"[^>]*fontawesome[^>]*>\s*'
    r'|<script>\s*(?:const|var|let)?\s*(?:THEBE_JS_URL|kernelName|thebe_selector|DOCUMENTATION_OPTIONS\.pagename)[^<]*</script>\s*',
    re.DOTALL,
)
GONE = ("**/*.map", "**/fontawesome.js*", "**/bootstrap.js*", "sphinx-thebe.*", "togglebutton.*", "design-tabs.js")
# Handlers that the theme writes into its buttons; compendium.js does the same for them, so that a page may forbid such.
HANDLERS = {'onclick="window.print()"': 'data-does="print"', 'onclick="toggleFullScreen()"': 'data-does="fullscreen"'}
# A hint is shown by Bootstrap, or by the browser where it is a title.
HINT = re.compile(r'\s*data-bs-(?:placement="[^"]*"|toggle="tooltip")')
# Scripts that stand in a page. The policy of the page lists the hash of each; any other is not run.
INLINE = re.compile(r'<script(?![^>]*\b(?:src=|type="application/))[^>]*>(.*?)</script>', re.DOTALL)
POLICY = "script-src &#x27;self&#x27; file: "
ANY = f"{POLICY}&#x27;unsafe-inline&#x27;"
# The index of all pages, which the theme loads on each of them.
SEARCH = re.compile(r'<script src="(?:_static/searchtools\.js|_static/language_data\.js|searchindex\.js)[^>]*></script>\s*')
ASSET = re.compile(r'(href|src)="((?:\./)?_static/[^"?]+\.(?:css|js))(?:\?[^"]*)?"')
INDEX = re.compile(r"Search\.setIndex\((.*)\)\s*;?\s*", re.DOTALL)
FACE = re.compile(r'(@font-face\{[^}]*?)src:[^}]*url\(([^)]+\.ttf)\)[^}]*\}')
GLYPH = re.compile(r'"\\([0-9a-f]{3,5})"')
SIDEBAR = '<div id="pst-primary-sidebar"'
NAMED = re.compile(r"[.#](-?[A-Za-z_](?:[\w-]|\\.)*)")  # a class or an element of its own
ICON = re.compile(r"^(fa|fas|far|fab|fa-.*)$")
WORD = re.compile(r"[A-Za-z_][\w-]*")
NOT = re.compile(r":(?:not|where|is|has)\([^()]*\)")
# Code is folded away; the spans of names, signs and strings are most of its weight.
PLAIN = re.compile(r'<span class="(?:n|p|w|o|nn|nb|nd|nf|sa|si|mf|mi|s1|s2)">([^<]*)</span>')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
VARIABLE = re.compile(r"""(?<![\w-])(--[\w-]+)\s*:(?:"[^"]*"|'[^']*'|\([^)"']*\)|[^;}"'])*;?""")
ASKED = re.compile(r"--[\w-]+(?!\s*:)(?![\w-])")


def used_words(pages: Iterable[Path], scripts: Iterable[Path]) -> set[str]:
    """Names that stand in an attribute of a page, or anywhere in a script, which may add them to a page."""
    words: set[str] = set()
    for page in pages:
        for value in re.findall(r'\b(?:class|id)="([^"]*)"', page.read_text(encoding="utf-8")):
            words.update(value.split())
    for script in scripts:
        words.update(WORD.findall(script.read_text(encoding="utf-8", errors="replace")))
    return words


def purged(css: str, used: set[str]) -> str:
    """A style sheet without the rules of classes that no page uses.

    Icons count as used only where a page names them: scripts are full of words that are icons' names too.
    """
    return "".join(_kept(COMMENT.sub("", css), used))


def _kept(css: str, used: set[str]) -> Iterator[str]:
    for head, body in _blocks(css):
        if body is None:
            yield head
        elif head.lstrip().startswith(("@media", "@supports", "@layer", "@container")):
            inner = "".join(_kept(body, used))
            if inner.strip():
                yield f"{head}{{{inner}}}"
        elif head.lstrip().startswith("@"):
            yield f"{head}{{{body}}}"
        else:
            selectors = [s for s in head.split(",") if all(name.replace("\\", "") in used for name in NAMED.findall(NOT.sub("", s)))]
            if "(" in head and head.count("(") != sum(s.count("(") for s in head.split(",") if s.count("(") == s.count(")")):
                selectors = [head]  # a comma within brackets: leave the rule as it is
            if selectors:
                yield f"{','.join(selectors).strip()}{{{body}}}"  # what is trimmed twice is as if trimmed once


def _blocks(css: str) -> Iterator[tuple[str, str | None]]:
    """Rules of a style sheet as head and body; statements without a body have none."""
    start = at = 0
    while at < len(css):
        sign = css[at]
        if sign in "\"'":
            at = _after_string(css, at)
            continue
        if sign == ";":
            yield css[start : at + 1], None
            start = at + 1
        elif sign == "{":
            end = _matching(css, at)
            yield css[start:at].strip(), css[at + 1 : end]
            start = at = end + 1
            continue
        at += 1


def _matching(css: str, at: int) -> int:
    depth = 0
    while at < len(css):
        if css[at] in "\"'":
            at = _after_string(css, at)
            continue
        depth += {"{": 1, "}": -1}.get(css[at], 0)
        if depth == 0:
            return at
        at += 1
    return len(css)


def _after_string(css: str, at: int) -> int:
    end = at + 1
    while end < len(css) and css[end] != css[at]:
        end += 2 if css[end] == "\\" else 1
    return end + 1


def trim(folder: Path) -> None:
    """Trim the pages and style sheets of a finished site."""
    pages = list(folder.rglob("*.html"))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        # The book's title in the sidebar stands outside every landmark of the theme.
        named = text.replace(f"{SIDEBAR} class", f'{SIDEBAR} role="complementary" aria-label="Book" class')
        if page.name != "search.html":
            named = SEARCH.sub("", named)
        for handler, mark in HANDLERS.items():
            named = named.replace(handler, mark)
        named = HINT.sub("", named).replace("data-bs-title=", "title=")
        trimmed = PLAIN.sub(r"\1", LEFTOVERS.sub("", named))
        if trimmed != text:
            page.write_text(trimmed, encoding="utf-8")
    for unused in (path for name in GONE for path in folder.glob(f"_static/{name}")):
        unused.unlink(missing_ok=True)  # found by two patterns
    shown = used_words(pages, ())
    scripts = [script for script in folder.glob("_static/**/*.js") if not script.name.startswith("vega")]
    used = {w for w in used_words((), scripts) if not ICON.match(w)} | shown
    sheets = list(folder.glob("_static/**/*.css"))
    for sheet in sheets:
        if sheet.stat().st_size > 4_000:
            sheet.write_text(purged(sheet.read_text(encoding="utf-8"), shown if sheet.name == "pygments.css" else used), encoding="utf-8")
    _drop_variables(sheets, [*pages, *scripts])
    _shrink_fonts(folder)
    _settle(folder, pages)


def _drop_variables(sheets: Sequence[Path], users: Iterable[Path]) -> None:
    """Take away the variables of the style sheets that nothing asks for, a third of the theme's own sheet."""
    outside = {name for path in users for name in ASKED.findall(path.read_text(encoding="utf-8", errors="replace"))}
    texts = {sheet: sheet.read_text(encoding="utf-8") for sheet in sheets}
    while True:  # one that only a variable that is gone asked for goes as well
        asked = outside.union(*(ASKED.findall(text) for text in texts.values()))
        fewer = {sheet: _with_variables(text, asked) for sheet, text in texts.items()}
        if fewer == texts:
            break
        texts = fewer
    for sheet, text in texts.items():
        if text != sheet.read_text(encoding="utf-8"):
            sheet.write_text(text, encoding="utf-8")


def _with_variables(css: str, wanted: set[str]) -> str:
    return VARIABLE.sub(lambda match: match[0] if match[1] in wanted else "", css)


def _shrink_fonts(folder: Path) -> None:
    """Icon fonts with the icons that the style sheets name, and no others: 4 kB in the place of 300."""
    sheets = {sheet: sheet.read_text(encoding="utf-8") for sheet in folder.glob("_static/**/*.css")}
    icons = {int(code, 16) for text in sheets.values() for code in GLYPH.findall(text)}
    for sheet, text in sheets.items():

        def shrunk(match: re.Match[str], sheet: Path = sheet) -> str:
            font = (sheet.parent / match[2]).resolve()
            if not font.is_file():
                return match[0]
            kept = _subset(font, icons)
            return f'{match[1]}src:url({match[2].removesuffix(".ttf")}.woff) format("woff")}}' if kept else ""

        changed = FACE.sub(shrunk, text)
        if changed != text:
            sheet.write_text(changed, encoding="utf-8")


def _subset(font: Path, icons: set[int]) -> bool:
    """Write those of a font's glyphs that are wanted as ``.woff``; the whole font goes. Whether there were any."""
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    with TTFont(font, recalcTimestamp=False) as whole:
        wanted = icons & whole.getBestCmap().keys()
        if wanted:
            subsetter = Subsetter(Options(layout_features=[], name_IDs=[], notdef_outline=False, hinting=False, desubroutinize=True))
            subsetter.populate(unicodes=wanted)
            subsetter.subset(whole)
            whole.flavor = "woff"
            whole.save(font.with_suffix(".woff"))
    for old in (font, font.with_suffix(".woff2")):
        old.unlink(missing_ok=True)
    return bool(wanted)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _settle(folder: Path, pages: Iterable[Path]) -> None:
    """Make the site the same whether it was built at once or in steps.

    Sphinx marks the address of a file with a hash of what it was before it was trimmed, or with none in a
    first build; a word that no page has any more stays in the search index, without a page.
    """
    files = (path for path in folder.glob("_static/**/*.*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256(path.read_bytes())[:8] for path in files}

    def marked(match: re.Match[str]) -> str:
        name = match[2].removeprefix("./")
        return f'{match[1]}="{match[2]}?v={hashes[name]}"' if name in hashes else match[0]

    for page in pages:
        text = page.read_text(encoding="utf-8")
        settled = ASSET.sub(marked, text)
        if ANY in settled:
            listed = sorted({f"&#x27;sha256-{_hash(script)}&#x27;" for script in INLINE.findall(settled)})
            settled = settled.replace(ANY, POLICY + " ".join(listed), 1)
        if settled != text:
            page.write_text(settled, encoding="utf-8")
    index = folder / "searchindex.js"
    if index.is_file() and (match := INDEX.fullmatch(index.read_text(encoding="utf-8"))):
        content = json.loads(match[1])
        for part in ("terms", "titleterms"):
            content[part] = {term: where for term, where in content[part].items() if where != []}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        index.write_text(f"Search.setIndex({text})", encoding="utf-8")
