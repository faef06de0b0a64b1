"""Errata told in paragraphs: what is wrong, how it is proved, and what hangs on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from compendium.corpus.records import ErratumRecord
from compendium.display.anchors import of_claim, of_erratum
from compendium.display.cards import badge
from compendium.display.tables import Shown
from compendium.model.claim import Finding


@dataclass(frozen=True, slots=True)
class Weighed:
    """An erratum with what rests on it: claims through supports, and those that would stand better without it."""

    erratum: ErratumRecord
    resting: tuple[str, ...]
    brought_down: tuple[str, ...]


def listed(chapter: str, errata: Sequence[ErratumRecord], findings: Mapping[str, Finding]) -> Shown:
    """A chapter's errata in the order of their numbers, each with its permanent anchor."""
    return Shown(lambda: _listed(chapter, errata, findings))


def _listed(chapter: str, errata: Sequence[ErratumRecord], findings: Mapping[str, Finding]) -> tuple[str, str]:
    parts, text = [], []
    for e in errata:
        finding = findings.get(e.claim)
        verdict = badge(finding.verdict, str(finding.strength) if finding.strength else None) + " " if finding else ""
        lines = [("Proof", e.proof), ("Repair", e.repair or "none is forced"), ("What survives", e.survives)]
        touches = f"<dt>Touches</dt><dd>{_links(e.touches)}</dd>" if e.touches else ""
        told = "".join(f"<dt>{name}</dt><dd>{escape(_stop(value))}</dd>" for name, value in lines if value)
        parts.append(
            f'<section class="cc-erratum" id="{of_erratum(e.id)}" aria-label="Erratum {e.id}"><p class="cc-head">{verdict}'
            f'<a class="cc-id" href="#{of_erratum(e.id)}">{e.id}</a> <strong>{escape(_stop(e.title))}</strong></p>'
            f"<p>{escape(_stop(e.what))} ({_links([e.claim])})</p><dl>{told}{touches}</dl></section>"
        )
        text.append(f"{e.id} {_stop(e.title)} {_stop(e.what)} Proof: {_stop(e.proof)}")
    if not parts:
        return "<p>Errata: none.</p>", "Errata: none."
    return f'<div class="cc-errata" id="errata-{chapter.lower()}">{"".join(parts)}</div>', "\n".join(text)


def told(weighed: Sequence[Weighed], findings: Mapping[str, Finding], chapters: Mapping[str, str]) -> Shown:
    """Errata, one paragraph each, in the order given."""
    return Shown(lambda: _drawn(weighed, findings, chapters))


def _drawn(weighed: Sequence[Weighed], findings: Mapping[str, Finding], chapters: Mapping[str, str]) -> tuple[str, str]:
    parts, text = [], []
    for rank, entry in enumerate(weighed, 1):
        e = entry.erratum
        chapter = e.id.partition("-")[0]
        finding = findings[e.claim]
        sentences = [f"{_stop(e.what)} {_stop(e.proof)}"]
        if e.repair:
            sentences.append(f"Repair: {_stop(e.repair)}")
        if e.survives:
            sentences.append(f"What survives: {_stop(e.survives)}")
        count = len(entry.resting)
        rests = "No claim rests on it" if not count else f"{count} {'claim rests' if count == 1 else 'claims rest'} on it"
        falls = f"; {_links(entry.brought_down)} would stand better without it" if entry.brought_down else ""
        parts.append(
            f'<section class="cc-erratum"><h3>{rank}. {escape(_stop(e.title))} <span class="cc-id">{e.id}</span></h3>'
            f'<p>{badge(finding.verdict, str(finding.strength))} {_links([e.claim])}, in '
            f'<a href="{chapter}.html#errata-{chapter.lower()}">{escape(chapters[chapter])}</a>. {escape(" ".join(sentences))} '
            f'<em>{escape(finding.because)}</em> {rests}{falls}.</p></section>'
        )
        text.append(f"{rank}. {e.id} {e.title}: {' '.join(sentences)} {finding.because} {len(entry.resting)} claims rest on it.")
    return f'<div class="cc-errata">{"".join(parts)}</div>', "\n".join(text)


def _links(claims: Sequence[str]) -> str:
    return ", ".join(f'<a class="cc-id" href="{c.partition(".")[0]}.html#{of_claim(c)}">{c}</a>' for c in claims)


def _stop(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else text + "."
