"""The command line. It parses words, calls the library, and turns errors into one sentence."""

from __future__ import annotations

import errno
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compendium.book.building import Work
    from compendium.corpus.corpus import Corpus
    from compendium.execution.batch import Result

from compendium.classroom.commands import app as course

app = typer.Typer(
    help="What holds in two volumes on Central Eurasia, number by number and argument by argument.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip


NO_FAULT_OF_OURS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)

app.add_typer(course, name="course")


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _corpus() -> Corpus:
    from compendium.corpus.corpus import Corpus
    from compendium.corpus.place import find_data

    return Corpus(find_data())


@app.command()
def check(
    chapter: Annotated[Optional[str], typer.Argument(help="A chapter key such as A4; all where none is given.")] = None,
    describe_data: Annotated[bool, typer.Option("--describe", help="Write data/datapackage.json anew first.")] = False,
) -> None:
    """Check that the data folder is sound: every file, row and cross-reference.

    Example: compendium check A4
    """
    import json

    from compendium.corpus.integrity import problems
    from compendium.corpus.package import describe
    from compendium.execution.store import write_whole

    corpus = _corpus()
    if describe_data:
        write_whole(corpus.folder / "datapackage.json", json.dumps(describe(corpus), indent=1, ensure_ascii=False) + "\n")
    if chapter:
        corpus.chapter(chapter)
    found = 0
    for problem in problems(corpus, chapter):
        print(problem)
        found += 1
    _say(f"{found} problems" if found else "The data are sound.")
    raise typer.Exit(1 if found else 0)


@app.command()
def audit(
    text: Annotated[Path, typer.Argument(help="The text extracted from a volume's PDF.")],
) -> None:
    """Find every transcribed figure in a source text that you own.

    Example: compendium audit volume-a.txt
    """
    import hashlib

    from compendium.corpus.errors import DataError
    from compendium.corpus.integrity import audit as audited

    if not text.is_file():
        raise DataError(f"{text}: there is no such file")
    corpus = _corpus()
    digest = hashlib.sha256(text.read_bytes()).hexdigest()
    volumes = corpus.sources.volumes
    volume = next((key for key, record in volumes.items() if record.sha256 == digest), None)
    if volume is None:
        raise DataError(f"{text.name}: not one of the two texts; allowed is a file whose sha256 is in sources.yml")
    found = 0
    for problem in audited(corpus, volume, text):
        print(problem)
        found += 1
    _say(f"{found} figures not found" if found else f"Every transcribed figure of volume {volume} stands on its line.")
    raise typer.Exit(1 if found else 0)


def _root() -> Path:
    """The checkout: the folder that holds ``data`` and ``notebooks``."""
    from compendium.corpus.place import find_data

    return find_data().parent


def _words(words: list[str]) -> Iterator[tuple[str, str]]:
    from compendium.corpus.errors import DataError

    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise DataError(f"-p {word}: allowed is name=value")
        yield name, value


def _given(words: list[str]) -> dict[str, Any]:
    """``name=value`` words as a mapping; values are read as YAML, so that 2000 is a number."""
    import yaml

    from compendium.corpus.files import plain_yaml

    given: dict[str, Any] = {}
    for name, value in _words(words):
        try:
            given[name] = plain_yaml(value) if value else ""
        except yaml.YAMLError:
            given[name] = value
    return given


@app.command()
def run(
    chapter: Annotated[str, typer.Argument(help="A notebook, such as A4.")],
    parameter: Annotated[Optional[list[str]], typer.Option("-p", "--parameter", help="name=value; repeat for more.")] = None,
    output: Annotated[Optional[Path], typer.Option("-o", "--output", help="Folder for the executed notebook.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Write the outputs into the committed notebook (defaults only).")] = False,
    why: Annotated[bool, typer.Option("--why", help="Say what changed since the last run, and run nothing.")] = False,
) -> None:
    """Execute a notebook with parameters of your own and print what it finds.

    Example: compendium run A4 -p reading='as printed' -o runs
    """
    import json

    from compendium.checking.findings import findings_of
    from compendium.corpus.errors import DataError
    from compendium.execution import runs
    from compendium.execution.store import write_whole

    root = _root()
    job = runs.Job(chapter, _given(parameter or []))
    if refresh and job.parameters:
        raise DataError("--refresh writes the committed notebook, which has default parameters; leave out -p or use -o")
    if why:
        from compendium.execution.store import Store

        for sentence in Store(root).why(runs.inputs_for(root, job)):
            print(sentence)
        return
    if runs.is_synthesis(chapter):
        _executed(root, [name for name in runs.notebook_names(root) if not runs.is_synthesis(name)])
    content = runs.stored(root, job) or runs.run(root, job)
    if refresh:
        write_whole(root / runs.NOTEBOOKS / f"{chapter}.ipynb", runs.without_origin(content))
    if output:
        name = "-".join([chapter, *(f"{k}={v}" for k, v in job.parameters.items())]).replace("/", "_")[:150]
        write_whole(output / f"{name}.ipynb", content)
        write_whole(output / f"{name}.provenance.json", json.dumps(runs.provenance(root, job), indent=1, ensure_ascii=False) + "\n")
        _say(f"Written: {output / (name + '.ipynb')}")
    for finding in findings_of(json.loads(content)):
        strength = f", {finding['strength']}" if finding["strength"] else ""
        print(f"{finding['claim']}\t{finding['verdict']}{strength}\t{finding['because']}")


@app.command()
def sweep(
    chapter: Annotated[Optional[str], typer.Argument(help="A notebook, such as A4.")] = None,
    parameter: Annotated[Optional[list[str]], typer.Option("-p", "--parameter", help="name=value,value,...; all combinations.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Vary every parameter of the chapter, or of all; for the book.")] = False,
    notebooks: Annotated[bool, typer.Option("--notebooks", help="Keep the executed notebook of each universe too (slower).")] = False,
    rows: Annotated[Optional[Path], typer.Option("--csv", help="A CSV file instead: a row a universe, a column a parameter.")] = None,
    output: Annotated[Optional[Path], typer.Option("-o", "--output", help="Folder for the Parquet file.")] = None,
    jobs: Annotated[Optional[int], typer.Option(min=1, help="Universes at once; as many as processors where not given.")] = None,
    executor: Annotated[str, typer.Option(help="local, or dask with --scheduler.")] = "local",
    scheduler: Annotated[Optional[str], typer.Option(help="Address of a Dask scheduler.")] = None,
) -> None:
    """Run a notebook under many choices of parameters and print how robust each claim is.

    Example: compendium sweep A4 -p reading='as printed,repaired' -p notable=0.05,0.1,0.2 -o runs
    """
    from compendium.corpus.errors import DataError
    from compendium.execution import sweeping
    from compendium.execution.universes import product

    if everything:
        if parameter or rows or output or notebooks:
            raise DataError("--all chooses the universes itself and writes notebooks/multiverse; leave out -p, --csv, -o, --notebooks")
        _sweep_all(_root(), [chapter] if chapter else _corpus().chapters, jobs)
        return
    if chapter is None:
        raise DataError("name a notebook, such as A4, or give --all")
    if notebooks and not output:
        raise DataError("--notebooks needs -o FOLDER to keep them in")
    if executor not in ("local", "dask"):
        raise DataError(f"--executor {executor}: allowed are local and dask")
    if (executor == "dask") != (scheduler is not None):
        raise DataError("--executor dask and --scheduler ADDRESS go together")
    if rows and parameter:
        raise DataError("give -p or --csv, not both")
    root = _root()
    values = {name: _values(value) for name, value in _words(parameter or [])}
    universes = sweeping.checked(root, chapter, sweeping.universes_from_csv(rows) if rows else product(values))

    def told(done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{done} of {total} universes", end="" if done < total else "\n", file=sys.stderr)

    if notebooks:
        assert output is not None
        _keep_notebooks(root, chapter, universes, jobs, output)
    results = sweeping.sweep(root, chapter, universes, jobs, scheduler, told)
    (default,) = sweeping.sweep(root, chapter, [{}], jobs)
    if output:
        target = output / f"{chapter}.parquet"
        count = sweeping.write_parquet(target, chapter, universes, results)
        _say(f"Written: {target}, {count} rows")
    shares = sweeping.robustness(results, default)
    for finding in default:
        print(f"{finding['claim']}\t{finding['verdict']}\t{shares[finding['claim']]:.3f}")


def _keep_notebooks(root: Path, chapter: str, universes: list[dict[str, Any]], jobs: int | None, output: Path) -> None:
    from compendium.execution.batch import run_many
    from compendium.execution.progress import Progress
    from compendium.execution.runs import Job
    from compendium.execution.store import write_whole

    with Progress(len(universes)) as report:
        results = run_many(root, [Job(chapter, universe) for universe in universes], jobs, report)
    for number, result in enumerate(_all_done(results)):
        write_whole(output / f"{chapter}-{number:04d}.ipynb", result)


def _sweep_all(root: Path, chapters: list[str], jobs: int | None, quiet: bool = False) -> None:
    """Sweep the chapters whose multiverse is not of their present inputs; print how many verdicts turn."""
    from compendium.execution import multiverse

    executed = _executed(root, chapters, jobs)
    for chapter in chapters:
        if multiverse.is_current(root, chapter, executed[chapter]):
            if not quiet:
                _say(f"{chapter}: nothing changed")
            continue

        def told(done: int, total: int, chapter: str = chapter) -> None:
            if sys.stderr.isatty() or done == total:
                print(f"\r{chapter}: {done} of {total} universes", end="" if done < total else "\n", file=sys.stderr)

        swept = multiverse.sweep_all(root, chapter, executed[chapter], jobs, told)
        turned = sum(share < 1 for share in swept.robustness.values())
        if not quiet:
            print(f"{chapter}\t{len(swept.universes)} universes\t{turned} of {len(swept.verdicts)} verdicts turn")


def _values(value: str) -> list[Any]:
    """``a,b,c`` as a list; a list of lists is written ``[a,b],[c]``."""
    import yaml

    from compendium.corpus.errors import DataError
    from compendium.corpus.files import plain_yaml

    try:
        found = plain_yaml(f"[{value}]")
    except yaml.YAMLError:
        raise DataError(f"-p {value}: allowed are values separated by commas") from None
    return list(found)


def _executed(root: Path, names: list[str] | None = None, jobs: int | None = None) -> dict[str, bytes]:
    """Notebooks executed with default parameters, from the store where nothing changed."""
    from compendium.execution.batch import run_many
    from compendium.execution.progress import Progress
    from compendium.execution.runs import Job, is_synthesis, notebook_names, publish

    every = notebook_names(root)
    wanted = every if names is None else names
    found: dict[str, bytes] = {}
    synthesis = [name for name in wanted if is_synthesis(name)]
    chapters = [name for name in (every if synthesis else wanted) if not is_synthesis(name)]
    for batch in (chapters, synthesis):
        with Progress(len(batch)) as report:
            found |= zip(batch, _all_done(run_many(root, [Job(name) for name in batch], jobs, report)), strict=True)
        for name in batch:
            publish(root, name, found[name])
    return {name: found[name] for name in wanted}


def _all_done(results: list[Result]) -> list[bytes]:
    from compendium.corpus.errors import DataError

    failed = [result for result in results if result.content is None]
    if failed:
        raise DataError("\n".join([f"{len(failed)} of {len(results)} notebooks failed", *(result.error for result in failed)]))
    return [result.content for result in results if result.content is not None]


@app.command()
def ledger(
    format: Annotated[str, typer.Option(help="json or text.")] = "json",
    chapter: Annotated[Optional[str], typer.Option(help="Only this chapter.")] = None,
) -> None:
    """Print every claim of both volumes with its finding.

    Example: compendium ledger --format json > ledger.json
    """
    _check_format(format, chapter)
    from compendium.execution.runs import FRESH
    from compendium.volumes import open_volumes

    root = _root()
    _executed(root, _corpus().chapters)
    _print(open_volumes(findings=root / FRESH).entries, format, chapter, ("id", "verdict", "strength", "says"))


@app.command()
def tables(
    format: Annotated[str, typer.Option(help="json or text.")] = "json",
    chapter: Annotated[Optional[str], typer.Option(help="Only this chapter.")] = None,
) -> None:
    """Print every table, and the recovered data of every figure, cell by cell.

    Example: compendium tables --format json > tables.json
    """
    _check_format(format, chapter)
    from compendium.checking.ledger import tables as assembled

    _print(assembled(_corpus()), format, chapter, ("id", "kind", "caption"))


@app.command()
def cite(
    number: Annotated[str, typer.Argument(metavar="ID", help="Such as A4.87, A4-table-1, A4-E1, A4, S1; or book.")],
    format: Annotated[str, typer.Option(help="text, bibtex, ris or csl (CSL-JSON).")] = "text",
) -> None:
    """Print a citation of the book or of anything in it that has a number.

    Example: compendium cite A4.87 --format bibtex
    """
    from compendium.book.citing import cite as cited
    from compendium.book.citing import place_of
    from compendium.book.edition import read_edition

    print(cited(read_edition(_root()), place_of(_corpus(), number), format))


@app.command()
def build(
    formats: Annotated[str, typer.Option(help="Of html, pdf, epub; html is always made.")] = "html,pdf,epub",
    jobs: Annotated[Optional[int], typer.Option(min=1, help="Notebooks at once; two more than processors where not given.")] = None,
) -> None:
    """Execute the notebooks and build the book.

    Example: compendium build --formats html
    """
    from compendium.book import building
    from compendium.corpus.errors import DataError
    from compendium.execution.store import write_whole

    root = _root()
    wanted = formats.split(",")
    if unknown := set(wanted) - {"html", "pdf", "epub"}:
        raise DataError(f"--formats {','.join(sorted(unknown))}: allowed are html, pdf and epub")
    with building.locked(root):
        site, record = root / building.BUILD / "html", root / building.BUILD / "built"
        building.recover(site)
        if record.is_file() and record.read_text() == f"{building.fingerprint(root)} {formats}" and site.is_dir():
            _say("Nothing changed; the book is as it was.")
        else:
            record.unlink(missing_ok=True)  # killed from here on, the book may be of either version: the next build makes it again
            write_whole(record, f"{_build(root, wanted, jobs)} {formats}")
    print(f"Open {(site / 'index.html').as_uri()}")


def _build(root: Path, wanted: list[str], jobs: int | None) -> str:
    """Make the book; the fingerprint of what it was made of."""
    from compendium.book import building, epub, printing

    work = building.kept(root)
    if work is None:
        _sweep_all(root, [name for name in building.listed(root) if name in _corpus().chapters], jobs, quiet=True)
    # After the sweeps, which write what the book shows, and before all else: what changes meanwhile is not in the book.
    made_of, without_pages = building.fingerprint(root), building.fingerprint(root, pages=False)
    if work is None:
        work = _work(root, jobs)
    _say("building the site")
    site = building.site(root, work)
    building.keep(root, work, without_pages)
    engine = printing.find_engine() if "pdf" in wanted else None
    if engine:
        _say("printing the PDF")
        _say(f"PDF: {printing.pdf(root, site, engine)}")
    elif "pdf" in wanted:
        _say("No PDF: install Chromium (on Debian: apt-get install chromium) and build again.")
    if "epub" in wanted:
        _say(f"EPUB: {epub.epub(root, site)}")
    return made_of


def _work(root: Path, jobs: int | None) -> Work:
    """All that the site is made of besides its pages of text, computed where it is not in the store."""
    from compendium.book.building import Work, listed
    from compendium.book.edition import read_edition
    from compendium.book.matter import pages
    from compendium.book.publishing import published
    from compendium.execution.runs import FRESH, NOTEBOOKS
    from compendium.volumes import open_volumes

    executed = _executed(root, listed(root), jobs)
    data = published(open_volumes(findings=root / FRESH), read_edition(root), root / NOTEBOOKS)
    return Work(executed, data, {name: text.encode() for name, text in pages(_corpus(), root).items()})


@app.command()
def release(
    output: Annotated[Optional[Path], typer.Option("-o", "--output", help="Folder for the archive; _build where not given.")] = None,
) -> None:
    """Pack the built book, its notebooks, data and source into one archive: an RO-Crate with checksums.

    Example: compendium release -o dist
    """
    from compendium.book import building
    from compendium.book.edition import read_edition
    from compendium.book.release import built_formats, pack

    root = _root()
    with building.locked(root):
        built_formats(root)  # says what is missing before anything runs
        print(pack(root, _executed(root, building.listed(root)), read_edition(root), output))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 chooses a free one.")] = 8000,
) -> None:
    """Serve the built book on this machine, until Ctrl-C.

    Example: compendium serve --port 8080
    """
    import functools
    import http.server

    from compendium.book import building
    from compendium.corpus.errors import DataError

    site = _root() / building.BUILD / "html"
    if not (site / "index.html").is_file():
        raise DataError("there is no built book; run compendium build first")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        server.serve_forever()


def _print(entries: list[dict[str, Any]], format: str, chapter: str | None, columns: tuple[str, ...]) -> None:
    import json

    if chapter:
        entries = [entry for entry in entries if entry["chapter"] == chapter]
    if format == "json":
        print(json.dumps(entries, ensure_ascii=False, indent=1))
    else:
        for entry in entries:
            print("\t".join(str(entry[column] or "") for column in columns))


def _check_format(format: str, chapter: str | None) -> None:
    from compendium.corpus.errors import DataError

    if format not in ("json", "text"):
        raise DataError(f"--format {format}: allowed are json and text")
    if chapter:
        _corpus().chapter(chapter)


def main() -> None:
    """Run the command line; a user's mistake ends in one sentence and exit status 1."""
    from compendium.corpus.errors import DataError

    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        signal.signal(signal.SIGINT, lambda *_: None)  # a second one would stop the ending of what runs
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        if sys.argv[1:] == ["build"]:  # nothing to parse, and to parse it takes longer than to find that nothing changed
            build()
        else:
            app()
    except DataError as error:
        _say(f"compendium: {error}")
        raise SystemExit(1) from None
    except OSError as error:  # a full disk, a folder that cannot be written, a file where a folder should be
        if error.filename is None and error.errno not in NO_FAULT_OF_OURS:
            raise
        _say(f"compendium: {f'{error.filename}: ' if error.filename else ''}{error.strerror}")
        raise SystemExit(1) from None
    except (KeyboardInterrupt, SystemExit):
        if not interrupted:
            raise
        _say("compendium: interrupted; what was finished is kept")
        raise SystemExit(130) from None
