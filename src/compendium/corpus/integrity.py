"""Whether the data folder is sound as a whole: every file read, every cross-reference met."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import networkx as nx

from compendium.corpus import files
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.model.claim import Claim

NOTE_MARK = re.compile(r"(?<![\d,.])((?:19|20)\d\d)[.,]\d{1,3}(?=\s|$)", re.MULTILINE)
HYPHEN = re.compile(r"-\s*\n\s*")
FIGURE = re.compile(r"\d[\d,]*(?:\.\d+)?|(?<!\S)\.\d+")


def problems(corpus: Corpus, only: str | None = None) -> Iterator[str]:
    """Each problem of the data folder as one sentence; nothing where all is sound.

    Parameters
    ----------
    only : str, optional
        A chapter key, to look at this chapter alone.
    """
    chapters = [only] if only else corpus.chapters
    known: set[str] = set()
    for chapter in corpus.chapters:
        try:
            known |= corpus.claims(chapter).keys()
        except DataError as error:
            if chapter in chapters:
                yield str(error)
    for chapter in chapters:
        yield from _of_chapter(corpus, chapter, known)
    yield from _circles(corpus, chapters)
    for path in files.files(corpus.folder / "external", "*.csv"):
        yield from _read(lambda path=path: corpus.external(path.stem))  # type: ignore[misc]
    for read in (lambda: corpus.places, lambda: corpus.propositions, lambda: corpus.comparisons, lambda: corpus.glossary):
        yield from _read(read)


def _of_chapter(corpus: Corpus, chapter: str, known: set[str]) -> Iterator[str]:
    try:
        claims = corpus.claims(chapter)
    except DataError:
        return  # told already
    for claim in claims.values():
        yield from _of_claim(claim, known)
    for read in (corpus.tables, corpus.readings, corpus.events, corpus.memberships, corpus.routes):
        yield from _read(lambda read=read: read(chapter))  # type: ignore[misc]
    try:
        for route in corpus.routes(chapter):
            for place in (route.start, route.end):
                if place not in corpus.places:
                    yield f"{chapter}.csv: route {route.route!r} names {place!r}, which is not in places.csv"
        for erratum in corpus.errata(chapter):
            for claim_id in (erratum.claim, *erratum.touches):
                if claim_id not in known:
                    yield f"errata/{chapter}.yml, {erratum.id}: there is no claim {claim_id!r}"
    except DataError as error:
        yield str(error)


def _circles(corpus: Corpus, chapters: list[str]) -> Iterator[str]:
    """Reasons that are given, over some steps, for themselves; one sentence for each knot of them."""
    supports: nx.DiGraph[str] = nx.DiGraph()
    for chapter in corpus.chapters:
        with contextlib.suppress(DataError):  # told already
            for claim in corpus.claims(chapter).values():
                supports.add_edges_from((claim.id, target) for target in claim.supports if target != claim.id)
    for knot in nx.strongly_connected_components(supports):
        if len(knot) > 1 and any(claim.partition(".")[0] in chapters for claim in knot):
            steps = [claim for claim, _ in nx.find_cycle(supports.subgraph(sorted(knot)))]
            first = steps.index(min(steps))
            circle = [*steps[first:], *steps[:first], steps[first]]
            yield f"{circle[0].partition('.')[0]}.yml, {circle[0]}: its reasons run in a circle: {' supports '.join(circle)}"


def _of_claim(claim: Claim, known: set[str]) -> Iterator[str]:
    for relation in ("supports", "attacks", "compare"):
        for target in getattr(claim, relation):
            if target == claim.id:
                yield f"{claim.passage.chapter}.yml, {claim.id}: {relation} itself"
            elif target not in known:
                yield f"{claim.passage.chapter}.yml, {claim.id}: {relation} {target!r}, which does not exist"


def _read(read) -> Iterator[str]:  # type: ignore[no-untyped-def]
    try:
        read()
    except DataError as error:
        yield str(error)


def audit(corpus: Corpus, volume: str, text: Path) -> Iterator[str]:
    """Each transcribed figure that does not stand on its line of a source text, and each form of the glossary that is not there.

    Parameters
    ----------
    volume : str
        ``A`` or ``B``.
    text : Path
        The text extracted from the volume's PDF, which the user owns.
    """
    # A note mark is sometimes glued to a year by the extraction: "2014.43".
    raw = NOTE_MARK.sub(r"\1", text.read_text(encoding="utf-8", errors="replace"))
    lines = raw.split("\n")
    for chapter in corpus.chapters:
        if chapter[0] != volume:
            continue
        for table in corpus.tables(chapter):
            for cell in table.cells:
                for figure in FIGURE.findall(cell.printed):
                    if _plain(figure) not in map(_plain, FIGURE.findall(lines[cell.line - 1])):
                        yield f"{table.id}: {cell.row}, {cell.column}: {cell.printed!r} is not on line {cell.line}"
        for claim in corpus.claims(chapter).values():
            passage = " ".join(lines[claim.passage.first - 1 : claim.passage.last])
            there = {_plain(figure) for figure in FIGURE.findall(passage)}
            for number in claim.numbers:
                if not {_plain(figure) for figure in FIGURE.findall(number)} <= there:
                    yield f"{claim.id}: {number!r} is not in lines {claim.passage.first}-{claim.passage.last}"
    yield from _forms(corpus, volume, lines)


def _forms(corpus: Corpus, volume: str, lines: list[str]) -> Iterator[str]:
    """Each form of the glossary that a chapter named beside it does not use."""
    texts = {chapter: _words("\n".join(lines[slice(corpus.chapter(chapter).lines[0] - 1, corpus.chapter(chapter).lines[1])]))
             for chapter in corpus.chapters if chapter[0] == volume}  # fmt: skip
    for entry in corpus.glossary:
        for form, chapters in entry.variants.items():
            pattern = re.compile(rf"(?<!\w){re.escape(form)}(?!\w)")
            for chapter in sorted(texts.keys() & set(chapters)):
                if not any(pattern.search(text) for text in texts[chapter]):
                    yield f"glossary.yml, {entry.term}: {form!r} is not in {chapter}"


def _words(text: str) -> tuple[str, str]:
    """A text on one line, twice: a hyphen at the end of a line may belong to the word or only divide it."""
    plain = text.replace("’", "'").replace("–", "-")
    return " ".join(HYPHEN.sub("", plain).split()), " ".join(HYPHEN.sub("-", plain).split())


def _plain(figure: str) -> str:
    return figure.replace(",", "").rstrip(".")
