"""The corpus: what ``data/`` says, read into immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from compendium.corpus import files
from compendium.corpus.errors import DataError
from compendium.corpus.records import (
    CellRecord,
    ChapterRecord,
    ClaimRecord,
    ComparisonRecord,
    ErratumRecord,
    EventRecord,
    ExternalRecord,
    GlossaryRecord,
    MembershipRecord,
    PlaceRecord,
    PropositionRecord,
    ReadingRecord,
    RouteRecord,
    Sources,
    TableRecord,
)
from compendium.model.claim import Claim, Passage
from compendium.model.moment import Moment
from compendium.model.quantity import Quantity
from compendium.model.table import Cell, Table


@dataclass(frozen=True)
class Corpus:
    """Everything that the data folder says; each part is read when it is asked for.

    Parameters
    ----------
    folder : Path
        The ``data`` folder.
    about : Fraction
        Share that *about* and *nearly* allow in prose.
    """

    folder: Path
    about: Fraction = Fraction(1, 20)

    @cached_property
    def sources(self) -> Sources:
        path = self.folder / "sources.yml"
        return files.validated(files.read_yaml(path), Sources, path, "file")

    def chapter(self, key: str) -> ChapterRecord:
        try:
            return self.sources.chapters[key]  # type: ignore[index]
        except KeyError:
            raise DataError(f"there is no chapter {key!r}; there are {', '.join(self.chapters)}") from None

    @property
    def chapters(self) -> list[str]:
        return list(self.sources.chapters)

    def claims(self, chapter: str) -> dict[str, Claim]:
        """The claims of one chapter, by id, in the order of the text."""
        found: dict[str, Claim] = self._once(f"claims {chapter}", lambda: self._read_claims(chapter))
        return found

    def claim(self, claim_id: str) -> Claim:
        """One claim of any chapter."""
        chapter = claim_id.partition(".")[0]
        found = self.claims(chapter).get(claim_id)
        if found is None:
            raise DataError(f"there is no claim {claim_id!r} in {chapter}.yml")
        return found

    def tables(self, chapter: str) -> list[Table]:
        """The tables, figures and maps of one chapter, as printed."""
        return [self.table(path.stem) for path in files.files(self.folder / "tables", f"{chapter}-*.yml")]

    def table(self, table_id: str) -> Table:
        """One table as printed."""
        found: Table = self._once(f"table {table_id}", lambda: self._read_table(table_id))
        return found

    def readings(self, chapter: str) -> list[ReadingRecord]:
        """The repairs of one chapter's tables, each checked against what is printed."""
        path = self.folder / "readings" / f"{chapter}.yml"
        found = files.read_entries(path, ReadingRecord) if files.present(path) else []
        for n, reading in enumerate(found, 1):
            printed = self._cell(path, n, reading).printed
            if printed != reading.printed:
                raise DataError(f"{path.name}, entry {n}: {reading.table} prints {printed!r}, not {reading.printed!r}")
        return found

    def repairs(self, table_id: str) -> dict[tuple[str, str], str]:
        """The repaired text of a table's cells, by row and column."""
        readings = self.readings(table_id.partition("-")[0])
        return {(r.row, r.column): r.repaired for r in readings if r.table == table_id}

    def errata(self, chapter: str) -> list[ErratumRecord]:
        path = self.folder / "errata" / f"{chapter}.yml"
        found = files.read_entries(path, ErratumRecord) if files.present(path) else []
        files.unique(path, (e.id for e in found), "erratum")
        return found

    def events(self, chapter: str | None = None) -> list[EventRecord]:
        return self._by_chapter("events", EventRecord, chapter)

    def memberships(self, chapter: str | None = None) -> list[MembershipRecord]:
        return self._by_chapter("memberships", MembershipRecord, chapter)

    def routes(self, chapter: str | None = None) -> list[RouteRecord]:
        return self._by_chapter("routes", RouteRecord, chapter)

    @cached_property
    def places(self) -> dict[str, PlaceRecord]:
        path = self.folder / "places.csv"
        rows = files.read_rows(path, PlaceRecord)
        files.unique(path, (row.place for row in rows), "place")
        return {row.place: row for row in rows}

    @cached_property
    def propositions(self) -> list[PropositionRecord]:
        """Sentences on which chapters take sides."""
        path = self.folder / "propositions.yml"
        found = files.read_entries(path, PropositionRecord) if files.present(path) else []
        files.unique(path, (entry.id for entry in found), "proposition")
        for entry in found:
            for claim in (*entry.asserts, *entry.denies):
                if claim not in self.claims(claim.partition(".")[0]):
                    raise DataError(f"{path.name}, {entry.id}: there is no claim {claim!r}")
        return found

    @cached_property
    def comparisons(self) -> list[ComparisonRecord]:
        """Which columns of which tables open series can be held against."""
        path = self.folder / "comparisons.yml"
        found = files.read_entries(path, ComparisonRecord) if files.present(path) else []
        for n, entry in enumerate(found, 1):
            missing = set(entry.columns) - set(self.table(entry.table).columns)
            if missing:
                has = ", ".join(self.table(entry.table).columns)
                raise DataError(f"{path.name}, entry {n}: {entry.table} has no column {min(missing)!r}; it has {has}")
            if not files.present(self.folder / "external" / f"{entry.series}.csv"):
                raise DataError(f"{path.name}, entry {n}: there is no open series {entry.series!r} in external/")
        return found

    @cached_property
    def glossary(self) -> list[GlossaryRecord]:
        """Organisations and terms, with the forms that the volumes give them."""
        path = self.folder / "glossary.yml"
        found = files.read_entries(path, GlossaryRecord) if files.present(path) else []
        files.unique(path, (entry.term for entry in found), "term")
        return found

    def external(self, name: str) -> Table:
        """An open series as a table: a row an entity, a column a period.

        Raises
        ------
        DataError
            Where there is no file of that name; the message lists what there is.
        """
        path = self.folder / "external" / f"{name}.csv"
        if not files.present(path):
            has = ", ".join(p.stem for p in files.files(path.parent, "*.csv")) or "none"
            raise DataError(f"there is no open series {name!r}; there are {has}")
        rows = files.read_rows(path, ExternalRecord)
        if not rows:
            raise DataError(f"{path.name}: holds no row; at least one is needed")
        files.unique(path, (f"{row.entity} {row.period}" for row in rows), "entity and period")
        cells = tuple(Cell(r.entity, r.period, r.unit, r.period, r.value, n) for n, r in enumerate(rows, 2))
        first = rows[0]
        return Table(name, f"{first.series} ({first.unit})", cells,
                     source=f"{first.source}; {first.vintage}; {first.licence}")  # fmt: skip

    def _once(self, name: str, read: Any) -> Any:
        store: dict[str, Any] = self.__dict__.setdefault("_store", {})
        if name not in store:
            store[name] = read()
        return store[name]

    def _by_chapter(self, kind: str, record: Any, chapter: str | None) -> list[Any]:
        return list(self._once(f"{kind} {chapter}", lambda: self._read_by_chapter(kind, record, chapter)))

    def _read_by_chapter(self, kind: str, record: Any, chapter: str | None) -> list[Any]:
        found = []
        for path in files.files(self.folder / kind, f"{chapter or '*'}.csv"):
            for n, row in enumerate(files.read_rows(path, record), 2):
                if row.chapter != path.stem:
                    raise DataError(f"{path.name}, row {n}: chapter {row.chapter!r}; only {path.stem} is allowed here")
                if row.claim not in self.claims(row.chapter):
                    raise DataError(f"{path.name}, row {n}: claim {row.claim!r} is not in claims/{row.chapter}.yml")
                found.append(row)
        return found

    def _read_claims(self, chapter: str) -> dict[str, Claim]:
        path = self.folder / "claims" / f"{chapter}.yml"
        if not files.present(path):
            return {}
        first, last = self.chapter(chapter).lines
        return dict(_claims(path, files.state(path, "yaml"), chapter, (first, last), self.about))

    def _read_table(self, table_id: str) -> Table:
        card_path = self.folder / "tables" / f"{table_id}.yml"
        if not files.present(card_path):
            has = ", ".join(p.stem for p in files.files(card_path.parent, "*.yml"))
            raise DataError(f"there is no table {table_id!r}; there are {has or 'none'}")
        card = files.validated(files.read_yaml(card_path), TableRecord, card_path, "file")
        if card.id != table_id:
            raise DataError(f"{card_path.name}: its id is {card.id!r}; {table_id!r} is allowed")
        cells_path = card_path.with_suffix(".csv")
        rows = files.read_rows(cells_path, CellRecord) if files.present(cells_path) else []
        files.unique(cells_path, (f"{r.row} × {r.column}" for r in rows), "cell")
        lines = self.sources.volumes[card.chapter[0]].lines  # type: ignore[index]
        for n, row in enumerate(rows, 2):
            if row.line > lines:
                raise DataError(f"{cells_path.name}, row {n}: line {row.line}; the volume has {lines}")
        return Table(
            card.id, card.caption, tuple(Cell(**row.model_dump()) for row in rows), card.chapter, card.section,
            (card.lines[0], card.lines[1]), card.source, tuple(card.footnotes), tuple(card.damage), card.kind,
            card.recovered, card.missing, tuple(card.numbers),
        )  # fmt: skip

    def _cell(self, path: Path, n: int, reading: ReadingRecord) -> Cell:
        try:
            return self.table(reading.table).cell(reading.row, reading.column)
        except KeyError as error:
            raise DataError(f"{path.name}, entry {n}: {error.args[0]}") from None


@cache
def _claims(path: Path, state: files.Signature, chapter: str, lines: tuple[int, int], about: Fraction) -> dict[str, Claim]:
    """The claims of a file in one state, built once a process: a warm process builds them for all its forks."""
    entries = files.read_entries(path, ClaimRecord)
    files.unique(path, (entry.id for entry in entries), "claim")
    for entry in entries:
        if not entry.id.startswith(chapter + "."):
            raise DataError(f"{path.name}, {entry.id}: the id must begin with {chapter}.")
        if entry.lines[0] < lines[0] or entry.lines[1] > lines[1]:
            raise DataError(f"{path.name}, {entry.id}: lines {entry.lines} are outside the chapter, {lines[0]} to {lines[1]}")
    return {entry.id: _claim(entry, chapter, about) for entry in entries}


def _claim(entry: ClaimRecord, chapter: str, about: Fraction) -> Claim:
    values = {
        name: Quantity.printed(v.printed, exact=v.exact, label=f"stated {name.replace('_', ' ')}").qualified(v.qualifier, about)
        for name, v in entry.values.items()
    }
    return Claim(
        entry.id, Passage(chapter, entry.section, *entry.lines), entry.kind, entry.says, tuple(entry.numbers), values,
        {name: tuple(list_) for name, list_ in entry.names.items()},
        {name: Moment.parse(text) for name, text in entry.dates.items()},
        tuple(entry.entities), tuple(entry.supports), tuple(entry.attacks), tuple(entry.compare), entry.note,
    )  # fmt: skip
