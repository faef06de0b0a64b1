"""A chapter as a notebook sees it: its tables and claims, its checks, and what they found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from fractions import Fraction
from typing import Any

from compendium.checking.argument import Graph, ends_of, graph_of, resting_on, standings
from compendium.checking.deciding import decide
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.place import find_data
from compendium.display import charts
from compendium.display.cards import card, listing, summary
from compendium.display.outline import outline
from compendium.display.tables import Shown, show_rows, show_table
from compendium.display.telling import listed
from compendium.model.claim import Basis, Claim, Finding, Standing, Strength, Verdict
from compendium.model.column import Column
from compendium.model.moment import Moment
from compendium.model.outcome import Outcome
from compendium.model.table import Table

Test = Callable[..., Outcome]

# Who is told of findings instead of the notebook's reader: a sweep, which wants no cards.
listening: ContextVar[Callable[[Finding], None] | None] = ContextVar("listening", default=None)


def open_chapter(key: str, *, reading: str = "as printed", rounding: str = "either", about: float | str = "0.05") -> Chapter:
    """Open a chapter of the two volumes.

    Parameters
    ----------
    key : str
        ``A0`` to ``A9`` or ``B0`` to ``B4``.
    reading : {'as printed', 'repaired'}
        Which value a damaged cell takes.
    rounding : {'either', 'rounded', 'truncated'}
        How printed digits came about; ``either`` tries rounding first.
    about : float
        Share of a number that *about* and *nearly* allow in prose.

    Raises
    ------
    DataError
        Where there is no such chapter, or the data folder is not sound.

    Examples
    --------
    >>> wilson = open_chapter("A4", reading="repaired")
    >>> str(wilson.table("A4-table-1")["2016"]["Turkmenistan"])
    '388,478'
    """
    charts.enable()
    return Chapter(key, Corpus(find_data(), Fraction(str(about))), reading, rounding)


class Chapter:
    """One chapter under one choice of parameters. Made by :func:`open_chapter`."""

    def __init__(self, key: str, corpus: Corpus, reading: str, rounding: str) -> None:
        self.key = key
        self.corpus = corpus
        self.reading = reading
        self.rounding = rounding
        self.about = corpus.chapter(key)
        self.claims: Mapping[str, Claim] = corpus.claims(key)
        self.findings: dict[str, Finding] = {}

    # What the volumes say

    def table(self, table_id: str, reading: str | None = None) -> Table:
        """A table of any chapter, under this chapter's reading or the one named."""
        table = self.corpus.table(table_id)
        if (reading or self.reading) == "repaired":
            return table.repaired(self.corpus.repairs(table_id))
        return table

    def claim(self, claim_id: str) -> Claim:
        """A claim of any chapter."""
        return self.corpus.claim(claim_id)

    def open_data(self, name: str) -> Table:
        """An open series: a row an entity, a column a period."""
        return self.corpus.external(name)

    def members(self, organisation: str, status: Iterable[str] = ("member", "founder"), year: int | None = None,
                chapter: str | None = None) -> frozenset[str]:  # fmt: skip
        """States that this chapter (or the one named) gives a standing in an organisation.

        Parameters
        ----------
        status : iterable of str
            Standings that count, such as ``member`` and ``founder``.
        year : int, optional
            Leave out who, by the passage, had not yet joined or had left before this year.
        """
        wanted = set(status)
        return frozenset(
            row.state for row in self.corpus.memberships(chapter or self.key)
            if row.organisation == organisation and row.status in wanted
            and (year is None or ((not row.since or Moment.parse(row.since).first.year <= year)
                                  and (not row.until or Moment.parse(row.until).last.year >= year)))
        )  # fmt: skip

    def date_of(self, event: str, chapter: str | None = None) -> Moment:
        """When this chapter (or the one named) says that an event was.

        Raises
        ------
        DataError
            Where the chapter does not date the event.
        """
        where = chapter or self.key
        for row in self.corpus.events(where):
            if row.id == event:
                return Moment.parse(row.date)
        raise DataError(f"events/{where}.csv has no event {event!r}")

    def events(self) -> list[dict[str, Any]]:
        """The chapter's dated events in order of time: first and last possible day, what, who, claim."""
        rows = [(Moment.parse(r.date), r) for r in self.corpus.events(self.key)]
        rows.sort(key=lambda pair: (pair[0].first, pair[0].last, pair[1].id))
        return [{"id": r.id, "date": r.date, "first": m.first.isoformat(), "last": m.last.isoformat(), "what": r.what,
                 "actors": r.actors, "place": r.place, "claim": r.claim} for m, r in rows]  # fmt: skip

    @staticmethod
    def threshold(value: float) -> Fraction:
        """A parameter as the exact number that it is written as: 0.1 is one tenth."""
        return Fraction(str(value))

    # Checks

    def check(self, *claim_ids: str, basis: str, against: Iterable[str] = (),
              fails_as: str | None = None) -> Callable[[Test], Test]:  # fmt: skip
        """Test claims with a function, show each card, and record the findings.

        The function takes the claim and returns an outcome; its docstring says in one sentence how
        the claim is tested. It looks only at data.

        Parameters
        ----------
        claim_ids : str
            Claims of this chapter. Each is tested by one check.
        basis : {'arithmetic', 'table', 'chapter', 'volume', 'volumes', 'open-data'}
            What the claim is tested against.
        against : iterable of str
            Claims and tables that the claim is compared with; a failure names their passages.
        fails_as : {'proved', 'conflict', 'doubtful'}, optional
            What a failure would show, where it is less or more than usual for the basis: arithmetic
            and tables prove, passages conflict, open series leave doubt.
        """
        strength = Strength(fails_as) if fails_as else None

        def run(test: Test) -> Test:
            how = " ".join((test.__doc__ or "").split())
            if not how:
                raise DataError(f"the check of {', '.join(claim_ids)} has no docstring; it says how the claim is tested")
            for claim_id in claim_ids:
                if claim_id not in self.claims:
                    raise DataError(f"claims/{self.key}.yml has no claim {claim_id!r}")
                claim = self.claims[claim_id]
                outcome = test(claim)
                finding = decide(claim, outcome, Basis(basis), how, rounding=self.rounding,
                                 fails_as=strength, against=tuple(against))  # fmt: skip
                self.findings[claim_id] = finding
                listener = listening.get()
                if listener is None:
                    _display(card(claim, finding))
                else:
                    listener(finding)
            return test

        return run

    # What they come to

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each claim, tested or not."""
        return {key: self.findings[key].verdict if key in self.findings else claim.untested
                for key, claim in self.claims.items()}  # fmt: skip

    @property
    def graph(self) -> Graph:
        """The chapter's argument; edges run from a reason to what it is a reason for."""
        return graph_of(self.claims.values())

    @property
    def standings(self) -> dict[str, Standing]:
        """What is left of each claim, given the findings so far."""
        return standings(self.graph, self.findings)

    def show(self, table_id: str, computed: Mapping[str, Column] | None = None,
             marks: Mapping[tuple[str, str], str] | None = None, stub: str = "State",
             reading: str | None = None) -> Shown:  # fmt: skip
        """A table under this chapter's reading or the one named, with recomputed columns and marked cells."""
        return show_table(self.table(table_id, reading), computed, marks, stub)

    def argument(self, *roots: str) -> Shown:
        """The argument for the theses named, or for all that the chapter argues for."""
        graph = self.graph
        return outline(roots or ends_of(graph), graph, self.claims, self.verdicts, self.findings, self.standings)

    def rests_on(self, claim_id: str) -> Shown:
        """What rests on a claim, the nearest first, with its standing."""
        standing = self.standings
        rows = [{"Claim": key, "Says": self.claims[key].says, "Standing": standing[key]}
                for key in resting_on(self.graph, claim_id)]  # fmt: skip
        return show_rows(rows, f"What rests on {claim_id}", f"rests-on-{claim_id.lower().replace('.', '-')}")

    def summary(self) -> Shown:
        """How many claims there are by verdict, and each failure in a line, the strongest first."""
        counts = Counter(self.verdicts.values())
        head = f"{len(self.claims)} claims: {', '.join(f'{counts[v]} {v}' for v in Verdict)}."
        fails = {strength: [f for f in self.findings.values() if f.strength is strength] for strength in Strength}
        return Shown(lambda: summary(head, fails, self.claims))

    def errata(self) -> Shown:
        """The chapter's defects, each with its proof, repair, and what it touches."""
        return listed(self.key, self.corpus.errata(self.key), self.findings)

    def untested(self) -> Shown:
        """The claims that nothing here can test, folded."""
        rest = [claim for key, claim in self.claims.items() if key not in self.findings]
        verdicts = {claim.id: claim.untested for claim in rest}
        html = listing(rest, verdicts, f"{len(rest)} claims that nothing here can test")
        return Shown(lambda: (html, f"{len(rest)} claims that nothing here can test"))


def _display(bundle: dict[str, Any]) -> None:
    from IPython.display import display

    display(bundle, raw=True)
