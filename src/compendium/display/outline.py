"""Arguments as nested lists: each thesis with its reasons below it, readable on any screen and in print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from compendium.checking.argument import Graph, attackers_of, reasons_for
from compendium.display.anchors import of_claim
from compendium.display.cards import STANDING_SIGN, badge
from compendium.display.tables import Shown
from compendium.model.claim import Claim, Finding, Standing, Verdict


def outline(roots: Sequence[str], graph: Graph, claims: Mapping[str, Claim], verdicts: Mapping[str, Verdict],
            findings: Mapping[str, Finding], standing: Mapping[str, Standing]) -> Shown:  # fmt: skip
    """Theses with their reasons (＋) and what speaks against them (－), each with its standing.

    A claim that gives a reason twice is told in full once.
    """
    return Shown(lambda: _drawn(roots, graph, claims, verdicts, findings, standing))


def _drawn(roots: Sequence[str], graph: Graph, claims: Mapping[str, Claim], verdicts: Mapping[str, Verdict],
           findings: Mapping[str, Finding], standing: Mapping[str, Standing]) -> tuple[str, str]:  # fmt: skip
    told: set[str] = set()
    text: list[str] = []

    def node(key: str, role: str, depth: int) -> str:
        claim, state = claims[key], standing[key]
        finding = findings.get(key)
        strength = str(finding.strength) if finding and finding.strength else None
        sign = {"support": "＋", "attack": "－", "": ""}[role]
        word = {"support": "reason: ", "attack": "against: ", "": ""}[role]
        text.append(f"{'  ' * depth}{sign} {key} [{state}; {verdicts[key]}] {claim.says}")
        part = f'<span class="cc-role" aria-hidden="true">{sign}</span><span class="cc-sr">{word}</span>' if role else ""
        head = (
            f'{part}<span class="cc-standing cc-is-{state}"><span aria-hidden="true">{STANDING_SIGN[state]}</span> {state}</span> '
            f'<a class="cc-id" href="#{of_claim(key)}">{key}</a> {escape(claim.says)} {badge(verdicts[key], strength)}'
        )
        if key in told:
            return f"<li>{head} <em>(reasons given above)</em></li>" if graph.in_degree(key) else f"<li>{head}</li>"
        told.add(key)
        below = "".join(node(r, "support", depth + 1) for r in reasons_for(graph, key))
        below += "".join(node(a, "attack", depth + 1) for a in attackers_of(graph, key))
        return f"<li>{head}{f'<ul>{below}</ul>' if below else ''}</li>"

    items = "".join(node(root, "", 0) for root in roots)
    return f'<div class="cc-argument"><ul>{items}</ul></div>', "\n".join(text)
