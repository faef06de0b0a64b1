"""Building the book: executed notebooks and pages to one folder, Jupyter Book on it, and the swap."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compendium.corpus.digest import content_hash, sha256
from compendium.corpus.errors import DataError
from compendium.execution.process import run_bound
from compendium.execution.store import write_whole

BUILD = "_build"
WARNING = re.compile(r"^(?P<path>/[^\s:]+?)(?::(?P<line>\d+))?: (?P<kind>WARNING|ERROR|CRITICAL): (?P<what>.*)$")
CHART_NAME = re.compile(rb'data-chart="(\w+)"')
ANSI = re.compile(r"\x1b\[[0-9;]*m")

Say = Callable[[str], None]


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Only one build at a time in a checkout; a second one waits."""
    from filelock import FileLock  # not at the head: a site that is up to date needs little else

    folder = root / BUILD
    folder.mkdir(exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


def listed(root: Path) -> list[str]:
    """The notebooks that the table of contents lists, in its order."""
    contents = (root / "book" / "_toc.yml").read_text(encoding="utf-8")
    entries = re.findall(r"^\s*-?\s*(?:file|root):\s*(\S+)\s*$", contents, re.MULTILINE)
    return [name for name in entries if (root / "notebooks" / f"{name}.ipynb").is_file()]


@dataclass(frozen=True, slots=True)
class Work:
    """What a site is made of besides the pages of text in ``book/``, each by its name.

    Attributes
    ----------
    notebooks : mapping of name to content
        Executed notebooks.
    data : mapping of file name to content
        What the site offers for download under ``data/``.
    pages : mapping of file name to content
        The back matter, which is computed from the data.
    """

    notebooks: Mapping[str, bytes]
    data: Mapping[str, bytes]
    pages: Mapping[str, bytes]


ROOMS = ("html/notebooks", "html/data", "stage")  # where these stand when the site is built


def stage(root: Path, work: Work) -> Path:
    """The folder that Jupyter Book reads: pages, contents and executed notebooks.

    A file is written only where it differs, so that Sphinx reads again only what changed.
    """
    folder = root / BUILD / "stage"
    wanted: dict[Path, bytes] = {folder / f"{name}.ipynb": folded(name, content) for name, content in work.notebooks.items()}
    for path in sorted((root / "book").rglob("*")):
        if path.is_file():
            wanted[folder / path.relative_to(root / "book")] = path.read_bytes()
    wanted |= {folder / name: content for name, content in work.pages.items()}
    for old in folder.rglob("*") if folder.is_dir() else ():
        if old.is_file() and old not in wanted:
            old.unlink()
    for path, content in wanted.items():
        if not path.is_file() or path.read_bytes() != content:
            write_whole(path, content)
    return folder


SUMMARY = "chapter.summary()"


def folded(name: str, content: bytes) -> bytes:
    """An executed notebook as a page: what was found at its head, code one click away."""
    notebook = json.loads(content)
    cells = notebook["cells"]
    summary = next((cell for cell in cells if "".join(cell["source"]).strip() == SUMMARY), None)
    if summary is not None:
        # The notebook can say what it found only after it has run; a reader wants it before the tables.
        cells.remove(summary)
        cells[1:1] = [_heading("In short", f"{name}-in-short"), summary]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["metadata"]["compendium"] = cell["id"]  # names its chart for good
            tags = cell["metadata"].setdefault("tags", [])
            tags.append("hide-input" if cell["outputs"] else "hide-cell")
    return json.dumps(notebook, ensure_ascii=False).encode()


def _heading(text: str, key: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": key, "metadata": {}, "source": [f"## {text}"]}


def fingerprint(root: Path, pages: bool = True) -> str:
    """A hash of everything that the book is made of: pages, notebooks, data, package, settings and lock.

    Parameters
    ----------
    pages : bool
        Whether the pages of text count, on which nothing but themselves depends.
    """
    parts = {}
    folders = [root / "notebooks", root / "data", Path(__file__).resolve().parents[1]]
    for folder in [root / "book", *folders] if pages else folders:
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts and not path.name.startswith(".") and path.is_file():
                parts[str(path)] = content_hash(path)
    for name in ("_config.yml", "requirements.lock", "CITATION.cff", "CHANGELOG.md"):
        parts[name] = content_hash(root / name)
    return sha256(json.dumps(parts, sort_keys=True).encode())


def keep(root: Path, work: Work, made_of: str) -> None:
    """Note of what the site that now stands was made, for the next build that changes a page of text alone.

    Parameters
    ----------
    made_of : str
        The fingerprint without pages, taken before the work began: what changed meanwhile is not in the work.
    """
    hashes = {path: sha256(content) for path, content in _files(work).items()}
    write_whole(root / BUILD / "work.json", json.dumps({"made of": made_of, "files": hashes}))


def kept(root: Path) -> Work | None:
    """What the site was made of, where nothing but pages of text has changed since, and it stands as it was made."""
    try:
        record = json.loads((root / BUILD / "work.json").read_bytes())
        files = {path: (root / BUILD / path).read_bytes() for path in record["files"]}
        as_made = all(sha256(files[path]) == known for path, known in record["files"].items())
        if not as_made or record["made of"] != fingerprint(root, pages=False):
            return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    rooms: dict[str, dict[str, bytes]] = {room: {} for room in ROOMS}
    for path, content in files.items():
        room = next(room for room in ROOMS if path.startswith(f"{room}/"))
        rooms[room][path.removeprefix(f"{room}/")] = content
    notebooks, data, pages = rooms.values()
    work = Work({name.removesuffix(".ipynb"): content for name, content in notebooks.items()}, data, pages)
    return work if set(work.notebooks) == set(listed(root)) else None


def _files(work: Work) -> dict[str, bytes]:
    """Where each piece stands below the folder of the build."""
    parts = ({f"{name}.ipynb": content for name, content in work.notebooks.items()}, work.data, work.pages)
    return {f"{room}/{name}": content for room, part in zip(ROOMS, parts, strict=True) for name, content in part.items()}


def sphinx(root: Path, folder: Path, builder: str = "html") -> Path:
    """Run Jupyter Book on the staged folder.

    Returns
    -------
    Path
        The folder with the pages.

    Raises
    ------
    DataError
        Where a page has an error or a warning, with page and line.
    """
    out = root / BUILD / "sphinx"
    forget(root, out)
    begun = out / "begun"
    write_whole(begun, "")
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(folder),
               "--config", str(root / "_config.yml"), "--path-output", str(out), "--builder", builder]  # fmt: skip
    environment = {**os.environ, "PYTHONUTF8": "1", "TZ": "UTC"}  # charts are drawn as in Greenwich
    done = run_bound(command, cwd=root, env=environment)
    log = ANSI.sub("", done.stdout + done.stderr)
    write_whole(root / BUILD / f"{builder}.log", log)
    problems = list(_problems(log, folder, root))
    if done.returncode == 0:
        begun.unlink()
    if done.returncode or problems:
        reason = "; ".join(problems[:5]) or _last_words(log)
        raise DataError(f"the book was not built: {reason} (the whole log is in {BUILD}/{builder}.log)")
    return out / "_build" / builder


def forget(root: Path, out: Path) -> None:
    """Drop what Sphinx keeps from build to build where it no longer serves.

    That is so where what draws the pages has changed, of which Sphinx knows nothing; and where the build before
    did not come to its end: a page that was half written is newer than its source, and would stay as it is.
    """
    rooms = [Path(__file__).resolve().parents[1] / room for room in ("book", "display")]
    sources = [path for room in rooms for path in sorted(room.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    drawn_by = sha256("".join(map(content_hash, [*sources, root / "requirements.lock"])).encode())
    mark = out / "drawn-by"
    if (out / "begun").exists() or not mark.is_file() or mark.read_text(encoding="utf-8") != drawn_by:
        old = out.with_name("sphinx.old")  # aside at once: a folder of which a part is gone must not pass for a whole one
        shutil.rmtree(old, ignore_errors=True)
        if out.exists():
            os.replace(out, old)
        shutil.rmtree(old, ignore_errors=True)
        write_whole(mark, drawn_by)


def _last_words(log: str) -> str:
    """What a log says of the failure, where it names no page."""
    lines = [line.strip() for line in log.splitlines() if line.strip(" =\n")]
    return next((line for line in lines if "(exception: " in line), lines[-1] if lines else "no reason was given")


def _problems(log: str, folder: Path, root: Path) -> Iterator[str]:
    for line in log.splitlines():
        match = WARNING.match(line)
        if match:
            path = Path(match["path"])
            name = f"book/{path.relative_to(folder)}" if path.is_relative_to(folder) else str(path)
            if path.suffix == ".ipynb":
                name = f"notebooks/{path.name}"
            yield f"{name}{', line ' + match['line'] if match['line'] else ''}: {match['what']}"


def swap(new: Path, place: Path) -> None:
    """Put a finished folder in its place: readers see the old one or the new one, whole."""
    old = place.with_name(place.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        os.replace(place, old)
    os.replace(new, place)
    shutil.rmtree(old, ignore_errors=True)


def recover(place: Path) -> None:
    """Bring back the old folder where a build died between the two renames of a swap."""
    old = place.with_name(place.name + ".old")
    if old.is_dir() and not place.exists():
        os.replace(old, place)


def site(root: Path, work: Work) -> Path:
    """Build the site and put it in place.

    Returns
    -------
    Path
        The site's folder, ``_build/html``.
    """
    place = root / BUILD / "html"
    recover(place)
    pages = sphinx(root, stage(root, work))
    new = place.with_name("html.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(pages, new, ignore=shutil.ignore_patterns(".buildinfo", "_sphinx_design_static"))
    shown = {name for page in new.glob("*.html") for name in CHART_NAME.findall(page.read_bytes())}
    for drawn in (new / "_static" / "charts").glob("*"):
        if drawn.stem.encode() not in shown:
            drawn.unlink()  # of an earlier build, whose chart has changed since
    for path, content in _files(work).items():
        if path.startswith("html/"):
            write_whole(new / path.removeprefix("html/"), content)
    (new / ".nojekyll").touch()
    swap(new, place)
    return place
