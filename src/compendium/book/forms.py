"""The public forms: what each file below ``data/`` of the built book holds, as types that write its JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Id = Annotated[str, Field(pattern=r"^[AB]\d\.\d{1,3}[a-z]?$", description="A claim's permanent number.", examples=["A4.87"])]
Lines = Annotated[list[int], Field(min_length=2, max_length=2, description="First and last line of the source text.")]
Verdict = Literal["holds", "fails", "reported", "judgement"]
Basis = Literal["arithmetic", "table", "chapter", "volume", "volumes", "open-data", "none"]
Standing = Literal["stands", "weakened", "falls", "disputed"]


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LedgerEntry(Form):
    """One claim with its finding."""

    id: Id
    volume: Literal["A", "B"]
    chapter: str
    section: str
    lines: Lines
    kind: str
    says: Annotated[str, Field(description="The claim in the compendium's words.")]
    numbers: Annotated[list[str], Field(description="Figures of these lines that the entry accounts for, as printed.")]
    verdict: Verdict
    basis: Annotated[Basis, Field(description="What it was tested against.")]
    strength: Annotated[Optional[Literal["proved", "conflict", "doubtful"]], Field(description="Of a failure; otherwise null.")]
    because: Annotated[str, Field(description="What was computed, in one sentence; empty where nothing was.")]
    how: Annotated[str, Field(description="How the claim is tested, in one sentence.")]
    conflicts_with: Annotated[list[list[Any]], Field(description="Of a failure: volume, first and last line of what it is held against.")]
    entities: list[str]
    supports: Annotated[list[Id], Field(description="Claims that this one is a reason for.")]
    attacks: Annotated[list[Id], Field(description="Claims that this one speaks against.")]
    compare: Annotated[list[Id], Field(description="Claims elsewhere about the same matter.")]
    standing: Annotated[Standing, Field(description="What is left of it, counting reasons and attacks of both volumes.")]
    robustness: Annotated[Optional[float], Field(ge=0, le=1, description="Share of universes that keep its verdict; null if untested.")]


class CellForm(Form):
    row: str
    column: str
    printed: str
    value: Optional[float]
    unit: str
    period: str
    line: int
    note: str
    reading: str
    repaired: Annotated[Optional[str], Field(description="What it must have been, where a repair is proved.")]


class TableEntry(Form):
    """One table, or the recovered data of one figure or map, cell by cell."""

    id: str
    volume: Literal["A", "B"]
    chapter: str
    kind: Literal["table", "figure", "map"]
    caption: str
    section: str
    source: Annotated[str, Field(description="Source named in the chapter.")]
    lines: Lines
    numbers: list[str]
    footnotes: list[str]
    damage: list[str]
    recovered: Annotated[str, Field(description="Of a figure: what could be recovered.")]
    missing: Annotated[str, Field(description="Of a figure: what could not.")]
    cells: list[CellForm]


class ArgumentNode(Form):
    id: Id
    says: str
    verdict: Verdict
    standing: Standing


class ArgumentEdge(Form):
    source: Annotated[Id, Field(description="The reason or the attacker.")]
    target: Id
    kind: Literal["support", "attack"]


class PropositionEntry(Form):
    id: str
    says: str
    asserts: list[Id]
    denies: list[Id]
    note: str


class Arguments(Form):
    """The argument of both volumes as a graph, and the sentences on which chapters take sides."""

    nodes: list[ArgumentNode]
    edges: list[ArgumentEdge]
    propositions: list[PropositionEntry]


class ErratumEntry(Form):
    """A defect, proved or in conflict with its own table."""

    id: str
    claim: Id
    title: str
    what: str
    proof: str
    repair: str
    touches: list[Id]
    survives: str
    resting: Annotated[list[Id], Field(description="Claims that it touches or that rest on those.")]
    brought_down: Annotated[list[Id], Field(description="Claims that would stand better without it.")]


class EventEntry(Form):
    """A dated event, as one passage dates it."""

    id: Annotated[str, Field(description="Names the event, not the passage: two chapters that date it use the same.")]
    chapter: str
    date: Annotated[str, Field(description="As precise as the passage: 2013, 2013-09, 2013-09-07, or a span.")]
    first: Annotated[str, Field(description="First possible day.")]
    last: Annotated[str, Field(description="Last possible day.")]
    what: str
    actors: list[str]
    place: str
    claim: Id


class MembershipEntry(Form):
    """A state's standing in an organisation, as one passage gives it."""

    organisation: str
    state: str
    status: str
    since: str
    until: str
    chapter: str
    claim: Id


class AnchorEntry(Form):
    """A permanent place in the book."""

    id: str
    kind: str
    page: str
    anchor: str
    title: str


FORMS: dict[str, TypeAdapter[Any]] = {
    "ledger": TypeAdapter(list[LedgerEntry]), "tables": TypeAdapter(list[TableEntry]), "arguments": TypeAdapter(Arguments),
    "errata": TypeAdapter(list[ErratumEntry]), "events": TypeAdapter(list[EventEntry]),
    "memberships": TypeAdapter(list[MembershipEntry]), "anchors": TypeAdapter(list[AnchorEntry]),
}  # fmt: skip


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file below ``data/``."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"{name}.json", **FORMS[name].json_schema()}
