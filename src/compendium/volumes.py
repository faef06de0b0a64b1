"""Both volumes at once, as a synthesis notebook sees them: all claims, with what the executed chapters found."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from compendium.checking.argument import Graph, brought_down_by, graph_of, resting_on, standings
from compendium.checking.findings import finding_from, findings_of
from compendium.checking.ledger import all_claims, ledger
from compendium.checking.multiverse import Multiverse
from compendium.corpus import files
from compendium.corpus.corpus import Corpus
from compendium.corpus.errors import DataError
from compendium.corpus.place import find_data
from compendium.corpus.records import (
    ComparisonRecord,
    ErratumRecord,
    EventRecord,
    MembershipRecord,
    PropositionRecord,
    RouteRecord,
)
from compendium.display import charts
from compendium.display.apps import explorer, ledger_browser
from compendium.display.tables import Shown
from compendium.display.telling import Weighed, told
from compendium.model.claim import Claim, Finding, Standing, Verdict
from compendium.model.table import Table

SWEPT = "multiverse"  # below the notebooks' folder: what sweeping each of them found


def open_volumes(findings: Path | None = None) -> Volumes:
    """Open both volumes with the findings of the executed chapter notebooks.

    Parameters
    ----------
    findings : Path, optional
        A folder of findings that a build has just computed. Otherwise they are those that stand in the
        outputs of ``notebooks/A0.ipynb`` to ``B4.ipynb``.

    Raises
    ------
    DataError
        Where the data folder is not sound, or a chapter has not been executed.

    Examples
    --------
    >>> volumes = open_volumes()
    >>> volumes.standings["A4.46"]
    <Standing.STANDS: 'stands'>
    """
    charts.enable()
    folder = find_data()
    given = findings or os.environ.get(files.FINDINGS)
    corpus = Corpus(folder)
    notebooks = folder.parent / "notebooks"
    found: dict[str, Finding] = {}
    for chapter in corpus.chapters:
        for data in _recorded(Path(given) / f"{chapter}.json" if given else notebooks / f"{chapter}.ipynb"):
            found[data["claim"]] = finding_from(data)
    swept = {c: Multiverse.from_json(files.read_json(path)) for c in corpus.chapters
             if files.present(path := notebooks / SWEPT / f"{c}.json")}  # fmt: skip
    return Volumes(corpus, found, swept)


def _recorded(path: Path) -> list[dict[str, Any]]:
    content = files.read_json(path)
    found = content if isinstance(content, list) else list(findings_of(content))
    if not found:
        raise DataError(f"{path.name}: holds no finding; execute it first (compendium run {path.stem} --refresh)")
    return found


class Volumes:
    """Both volumes under the chapters' default parameters. Made by :func:`open_volumes`."""

    def __init__(self, corpus: Corpus, found: Mapping[str, Finding], swept: Mapping[str, Multiverse]) -> None:
        self.corpus = corpus
        self.findings = found
        self.multiverse = swept

    @cached_property
    def claims(self) -> dict[str, Claim]:
        """All claims by id, in the order of the texts."""
        return all_claims(self.corpus)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdict of each claim, tested or not."""
        return {key: self.findings[key].verdict if key in self.findings else claim.untested
                for key, claim in self.claims.items()}  # fmt: skip

    @cached_property
    def graph(self) -> Graph:
        """The argument of both volumes; edges run from a reason to what it speaks for or against."""
        return graph_of(self.claims.values())

    @cached_property
    def standings(self) -> dict[str, Standing]:
        """What is left of each claim, counting reasons and attacks of all chapters."""
        return standings(self.graph, self.findings)

    @cached_property
    def robustness(self) -> dict[str, float]:
        """For each tested claim the share of universes in which it keeps its verdict."""
        return {claim: share for swept in self.multiverse.values() for claim, share in swept.robustness.items()}

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """The ledger: every claim in the public form, as in ``data/ledger.json`` of the built book."""
        return ledger(self.corpus, self.findings.values(), self.robustness)

    @cached_property
    def errata(self) -> list[ErratumRecord]:
        """All defects on record, in the order of the chapters."""
        return [e for chapter in self.corpus.chapters for e in self.corpus.errata(chapter)]

    @property
    def events(self) -> list[EventRecord]:
        """All dated events, as each chapter dates them."""
        return self.corpus.events()

    @property
    def memberships(self) -> list[MembershipRecord]:
        """All standings of states in organisations, as each passage gives them."""
        return self.corpus.memberships()

    @property
    def routes(self) -> list[RouteRecord]:
        """All legs of corridors, railways, pipelines, roads and projects."""
        return self.corpus.routes()

    @property
    def propositions(self) -> list[PropositionRecord]:
        """Sentences on which chapters take sides, with the claims that assert and deny each."""
        return self.corpus.propositions

    @property
    def comparisons(self) -> list[ComparisonRecord]:
        """Which columns of which tables open series can be held against."""
        return self.corpus.comparisons

    def table(self, table_id: str) -> Table:
        """A table of any chapter, as printed."""
        return self.corpus.table(table_id)

    def open_data(self, name: str) -> Table:
        """An open series: a row an entity, a column a period."""
        return self.corpus.external(name)

    def rests_on(self, claim_id: str) -> list[str]:
        """Claims of any chapter that rest on a claim through supports, the nearest first."""
        return resting_on(self.graph, claim_id)

    def weighed_errata(self, by: str = "claims resting on it") -> list[Weighed]:
        """The errata, those first on which most rests.

        Parameters
        ----------
        by : {'claims resting on it', 'standings it lowers'}
            Whether to count all claims that an erratum's claims support, or those that would stand
            better if its check had not failed.
        """
        found = []
        for erratum in self.errata:
            ids = [erratum.claim, *erratum.touches]
            resting = dict.fromkeys(c for c in [*erratum.touches, *(c for i in ids for c in self.rests_on(i))] if c != erratum.claim)
            found.append(Weighed(erratum, tuple(resting), tuple(brought_down_by(self.graph, self.findings, [erratum.claim]))))
        first, second = ("brought_down", "resting") if by == "standings it lowers" else ("resting", "brought_down")
        return sorted(found, key=lambda w: (-len(getattr(w, first)), -len(getattr(w, second)), self.errata.index(w.erratum)))

    def show_errata(self, most: int, by: str = "claims resting on it") -> Shown:
        """The errata that matter most, each told in a paragraph with its proof."""
        return told(self.weighed_errata(by)[:most], self.findings, self.chapters)

    @cached_property
    def chapters(self) -> dict[str, str]:
        """Short name of each chapter, by key."""
        return {key: self.chapter_of(key) for key in self.corpus.chapters}

    def browser(self) -> Shown:
        """The ledger as a list to be searched and filtered."""
        return ledger_browser(len(self.claims), self.chapters)

    def explorer(self) -> Shown:
        """A choice of parameters for each chapter, with what its universe shows."""
        return explorer(sum(len(swept.universes) for swept in self.multiverse.values()))

    def chapter_of(self, claim_id: str) -> str:
        """A chapter's short name with its key: ``A4 Wilson``."""
        key = claim_id.partition(".")[0].partition("-")[0]
        return f"{key} {self.corpus.chapter(key).short}"
