"""Errata in paragraphs: what is wrong, how it is proved, what survives, and what hangs on it."""

from __future__ import annotations

import re

import pytest

from compendium.corpus.records import ErratumRecord
from compendium.display.telling import Weighed, listed, told
from compendium.model.claim import Basis, Finding, Strength, Verdict

FINDING = Finding("A4.52", Verdict.FAILS, Basis.TABLE, Strength.PROVED, "1 + 1 < 3", "How.")
CHAPTERS = {"A4": "Trade & <transit>"}


def erratum(**fields: object) -> ErratumRecord:
    return ErratumRecord.model_validate(
        {"id": "A4-E1", "claim": "A4.52", "title": "A sum", "what": "It is 3", "proof": "Added up, 2", **fields}
    )


def html_of(entry: Weighed) -> str:
    return told([entry], {"A4.52": FINDING}, CHAPTERS)._repr_html_()


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


def test_an_erratum_is_a_paragraph_with_verdict_place_and_proof() -> None:
    html = html_of(Weighed(erratum(), (), ()))
    assert (
        text_of(html)
        == "1. A sum. A4-E1✗ fails, proved A4.52, in Trade &amp; &lt;transit&gt;. It is 3. Added up, 2. 1 + 1 &lt; 3 No claim rests on it."
    )
    assert '<a class="cc-id" href="A4.html#claim-a4-52">A4.52</a>' in html
    assert '<a href="A4.html#errata-a4">' in html


@pytest.mark.parametrize(
    ("resting", "down", "told"),
    [
        ((), (), "No claim rests on it."),
        (("A4.1",), (), "1 claim rests on it."),
        (("A4.1", "A4.2"), ("B2.3", "A4.4"), "2 claims rest on it; B2.3, A4.4 would stand better without it."),
    ],
)
def test_what_rests_on_it_is_counted(resting: tuple[str, ...], down: tuple[str, ...], told: str) -> None:
    html = html_of(Weighed(erratum(), resting, down))
    assert text_of(html).endswith(f" {told}")
    assert [f"{claim.partition('.')[0]}.html#claim-{claim.lower().replace('.', '-')}" for claim in down] == re.findall(
        r'href="(\w+\.html#claim[^"]+)"', html
    )[1:]


def test_repair_and_what_survives_are_told_where_there_are_any() -> None:
    assert "Repair: It must be 2. What survives: The rest." in html_of(Weighed(erratum(repair="It must be 2", survives="The rest"), (), ()))
    assert not re.search("Repair|survives", html_of(Weighed(erratum(), (), ())))


def test_errata_are_numbered_in_the_order_given_and_markup_is_escaped() -> None:
    entries = [Weighed(erratum(id=f"A4-E{n}", title=f"Title <{n}>!"), (), ()) for n in (7, 2)]
    shown = told(entries, {"A4.52": FINDING}, CHAPTERS)
    assert [text_of(head) for head in re.findall("<h3>(.*?)</h3>", shown._repr_html_())] == [
        "1. Title &lt;7&gt;! A4-E7",
        "2. Title &lt;2&gt;! A4-E2",
    ]
    assert [line.partition(":")[0] for line in repr(shown).splitlines()] == ["1. A4-E7 Title <7>!", "2. A4-E2 Title <2>!"]
    assert "It is 3. Added up, 2. 1 + 1 < 3" in repr(shown)


def test_of_no_errata_it_is_said_that_there_are_none() -> None:
    shown = listed("A4", [], {})
    assert (shown._repr_html_(), repr(shown)) == ("<p>Errata: none.</p>", "Errata: none.")
