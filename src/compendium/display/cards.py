"""Cards: a claim, its verdict and the numbers behind it, as HTML and as plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from compendium.checking.findings import FINDING, plain
from compendium.display.anchors import of_claim
from compendium.model.claim import Claim, Finding, Standing, Strength, Verdict

# Sign and word, never colour alone.
SIGN = {Verdict.HOLDS: "✓", Verdict.FAILS: "✗", Verdict.REPORTED: "○", Verdict.JUDGEMENT: "◇"}
STANDING_SIGN = {Standing.STANDS: "▲", Standing.WEAKENED: "△", Standing.FALLS: "▽", Standing.DISPUTED: "◇"}
BASIS = {
    "arithmetic": "by arithmetic", "table": "against a table", "chapter": "against the same chapter",
    "volume": "against another chapter", "volumes": "against the other volume", "open-data": "against open data",
    "none": "",
}  # fmt: skip


def lines_of(claim: Claim) -> str:
    """The lines of the source text where a claim stands, in words."""
    first, last = claim.passage.first, claim.passage.last
    return f"line {first}" if first == last else f"lines {first}–{last}"


def badge(verdict: Verdict, strength: str | None = None) -> str:
    """A verdict as sign and word."""
    word = f"{verdict}, {strength}" if strength else str(verdict)
    return f'<span class="cc-badge cc-{verdict}"><span aria-hidden="true">{SIGN[verdict]}</span> {word}</span>'


def card(claim: Claim, finding: Finding) -> dict[str, Any]:
    """A finding as a MIME bundle: HTML for the page, text for the terminal, data for the ledger."""
    strength = str(finding.strength) if finding.strength else None
    place = f"{claim.passage.section}, {lines_of(claim)}"
    html = (
        f'<div class="cc-card cc-{finding.verdict}" id="{of_claim(claim.id)}" role="group" aria-label="Claim {claim.id}">'
        f'<p class="cc-head">{badge(finding.verdict, strength)} <a class="cc-id" href="#{of_claim(claim.id)}">{claim.id}</a>'
        f' <span class="cc-basis">{BASIS[finding.basis]}</span></p>'
        f'<p class="cc-says">{escape(claim.says)}</p>'
        f'<p class="cc-because">{escape(finding.because)}</p>'
        f'<p class="cc-passage">{escape(finding.how)} <span>{escape(place)}</span></p></div>'
    )
    word = f"{finding.verdict}, {strength}" if strength else str(finding.verdict)
    text = f"{claim.id} {word}: {claim.says}\n  {finding.because}"
    return {"text/html": html, "text/plain": text, FINDING: plain(finding)}


def listing(claims: Iterable[Claim], verdicts: Mapping[str, Verdict], summary: str) -> str:
    """Claims as a folded list, each with its anchor."""
    items = "".join(
        f'<li id="{of_claim(c.id)}"><span class="cc-id">{c.id}</span> {badge(verdicts[c.id])} {escape(c.says)} '
        f'<span class="cc-passage">{escape(c.passage.section)}, {lines_of(c)}</span></li>'
        for c in claims
    )
    return f'<details class="cc-list"><summary>{escape(summary)}</summary><ul>{items}</ul></details>'


def summary(head: str, fails: Mapping[Strength, Sequence[Finding]], claims: Mapping[str, Claim]) -> tuple[str, str]:
    """Failures in lines, as HTML and as text: what is proved or in conflict at once, what is doubtful folded."""
    lists, text = {}, [head]
    for strength, findings in fails.items():
        items = []
        for f in findings:
            says = claims[f.claim].says
            items.append(f'<li>{badge(f.verdict, strength)} <a class="cc-id" href="#{of_claim(f.claim)}">{f.claim}</a> '
                         f'{escape(says)} <em>{escape(f.because)}</em></li>')  # fmt: skip
            text.append(f"  {f.claim} {f.verdict}, {strength}: {says} {f.because}")
        lists[strength] = f"<ul>{''.join(items)}</ul>" if items else ""
    doubtful = lists.pop(Strength.DOUBTFUL)
    count = len(fails[Strength.DOUBTFUL])
    folded = f'<details class="cc-list"><summary>{count} doubtful</summary>{doubtful}</details>' if doubtful else ""
    return f'<div class="cc-summary"><p>{escape(head)}</p>{"".join(lists.values())}{folded}</div>', "\n".join(text)
