"""What one row or entry of each file in ``data/`` must look like."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from compendium.model.moment import Moment
from compendium.model.printed import Printed, is_missing

Chapter = Literal["A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "B0", "B1", "B2", "B3", "B4"]
ClaimId = Annotated[str, StringConstraints(pattern=r"^(A\d|B[0-4])\.[0-9]{1,3}[a-z]?$")]
TableId = Annotated[str, StringConstraints(pattern=r"^(A\d|B[0-4])-(table|figure|map)-[0-9]+(\.[0-9]+)?[a-z]?$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Lines = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]

Kind = Literal[
    # matters of fact
    "figure", "count", "share", "date", "event", "ranking", "trend", "membership", "definition",
    "quotation", "attribution", "description", "consistency",
    # matters of judgement
    "thesis", "inference", "forecast", "norm", "interpretation",
]  # fmt: skip
Qualifier = Literal["about", "nearly", "over", "under", "at least", "at most"]
Status = Literal[
    "member", "founder", "observer", "dialogue partner", "candidate", "partner", "associate",
    "signatory", "guest", "not a member",
]  # fmt: skip
Stage = Literal["planned", "negotiated", "agreed", "under construction", "in operation", "stalled",
                "cancelled", "closed", "unclear"]  # fmt: skip


class Record(BaseModel):
    """Frozen, and refusing fields that the schema does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=False)


class VolumeRecord(Record):
    title: Text = Field(description="Title of the volume, or a description where the title page is lost.")
    title_note: str = Field(default="", description="What is to be known about the title.")
    editors: list[str] = Field(description="Editors, as named in the volume.")
    occasion: Text = Field(description="What the volume came out of, with place and date.")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(description="Checksum of the text extracted from the PDF.")
    lines: Annotated[int, Field(ge=1)] = Field(description="Number of lines of that text.")


class ChapterRecord(Record):
    lines: Lines = Field(description="First and last line of the chapter in the extracted text.")
    title: Text = Field(description="Short title of the chapter.")
    title_note: str = Field(default="", description="What is to be known about the title.")
    short: Text = Field(description="Name by which the book calls the chapter.")
    authors: list[str] = Field(description="Authors, in the order of the chapter.")


class Sources(Record):
    volumes: dict[Literal["A", "B"], VolumeRecord] = Field(description="The two volumes, by key.")
    chapters: dict[Chapter, ChapterRecord] = Field(description="The chapters of both volumes, by key.")


class CellRecord(Record):
    """One printed cell: a row of ``data/tables/*.csv``."""

    row: Text = Field(description="Head of the row; levels are joined by ' / '.")
    column: Text = Field(description="Head of the column; levels are joined by ' / '.")
    unit: str = Field(description="Unit of the figure; blank where there is none.")
    period: str = Field(description="Year or span to which the figure belongs; blank where there is none.")
    printed: Text = Field(description="What the cell prints, in the spelling of the source.")
    line: Annotated[int, Field(ge=1)] = Field(description="Line of the extracted text where the cell stands.")
    note: str = Field(description="What is damaged in this cell.")

    @field_validator("printed")
    @classmethod
    def a_number_or_a_word(cls, printed: str) -> str:
        if any(mark in printed for mark in "<>{}"):
            raise ValueError("a cell prints a number, a word or a dash, never markup")
        return printed


class TableRecord(Record):
    """What stands around a table: ``data/tables/*.yml``."""

    id: TableId = Field(description="Permanent number: chapter, kind and printed number.")
    caption: Text = Field(description="What the table shows, in our words.")
    kind: Literal["table", "figure", "map"] = Field(default="table", description="Whether it is printed as a table, a figure or a map.")
    chapter: Chapter = Field(description="Chapter in which it stands.")
    section: Text = Field(description="Section in which it stands.")
    lines: Lines = Field(description="First and last line of caption, heads, cells and source note.")
    source: str = Field(default="", description="Source that the author names.")
    footnotes: list[Text] = Field(default=[], description="Footnotes of the table, in our words.")
    damage: list[Text] = Field(default=[], description="What the extraction did to it.")
    numbers: list[str] = Field(default=[], description="Figures of these lines that stand in no cell.")
    recovered: str = Field(default="", description="Of figures and maps: what is recovered, and from where.")
    missing: str = Field(default="", description="Of figures and maps: what is not, and where it could be found.")


class ReadingRecord(Record):
    """A damaged or self-contradicting cell, and what it must have been: ``readings.yml``."""

    table: TableId = Field(description="Table in which the cell stands.")
    row: Text = Field(description="Row of the cell.")
    column: Text = Field(description="Column of the cell.")
    printed: Text = Field(description="What the cell prints.")
    repaired: Text = Field(description="What it must have been.")
    proof: Text = Field(description="Why it must have been that.")
    claims: list[ClaimId] = Field(default=[], description="Claims whose verdict depends on it.")


class ValueRecord(Record):
    """A number in prose."""

    printed: Text = Field(description="The number in digits.")
    unit: str = Field(default="", description="Its unit.")
    qualifier: Qualifier | None = Field(default=None, description="Word that widens or bounds it.")
    exact: bool = Field(default=False, description="Whether it is a count, which is not rounded.")

    @field_validator("printed")
    @classmethod
    def one_number(cls, printed: str) -> str:
        Printed.parse(printed)
        return printed


class ClaimRecord(Record):
    """One thing that a passage asserts: an entry of ``data/claims/*.yml``."""

    id: ClaimId = Field(description="Permanent number: chapter, and place in the list.")
    lines: Lines = Field(description="First and last line of the passage, at most 40 apart.")
    section: Text = Field(description="Section in which the passage stands.")
    kind: Kind = Field(description="What kind of thing is said; the last five are matters of judgement.")
    says: Annotated[str, StringConstraints(min_length=8, max_length=600, strip_whitespace=True)] = Field(
        description="The claim, in our words."
    )
    numbers: list[str] = Field(default=[], description="Figures of the passage that this entry accounts for, as printed.")
    values: dict[str, ValueRecord] = Field(default={}, description="Figures that a check reads, by name.")
    names: dict[str, list[str]] = Field(default={}, description="Lists of names that a check reads, by name.")
    dates: dict[str, str] = Field(default={}, description="Dates and spans that a check reads, by name.")
    entities: list[str] = Field(default=[], description="States, organisations, persons and projects that it is about.")
    supports: list[ClaimId] = Field(default=[], description="Claims that this one is a reason for.")
    attacks: list[ClaimId] = Field(default=[], description="Claims that this one speaks against.")
    compare: list[ClaimId] = Field(default=[], description="Claims elsewhere about the same matter.")
    note: str = Field(default="", description="What is to be known about the passage.")

    @model_validator(mode="before")
    @classmethod
    def short_forms(cls, entry: Any) -> Any:
        # `low: "42"` is short for `low: {printed: "42"}`.
        if isinstance(entry, dict) and isinstance(entry.get("values"), dict):
            values = {k: {"printed": v} if isinstance(v, str) else v for k, v in entry["values"].items()}
            return {**entry, "values": values}
        return entry

    @field_validator("lines")
    @classmethod
    def short_passage(cls, lines: list[int]) -> list[int]:
        if not 0 <= lines[1] - lines[0] <= 40:
            raise ValueError("a passage runs forward and spans at most 40 source lines")
        return lines

    @field_validator("dates")
    @classmethod
    def real_dates(cls, dates: dict[str, str]) -> dict[str, str]:
        for text in dates.values():
            Moment.parse(text)
        return dates


class EventRecord(Record):
    """A dated event: a row of ``events.csv``."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")] = Field(
        description="Name of the event; chapters that date the same event share it."
    )
    chapter: Chapter = Field(description="Chapter that dates it.")
    date: str = Field(description="Date as precise as the passage: year, month, day or a span with '/'.")
    what: Text = Field(description="What happened, in our words.")
    actors: str = Field(description="Who acted; names are separated by '; '.")
    place: str = Field(description="Where; blank where the passage does not say.")
    claim: ClaimId = Field(description="Claim that has the passage.")

    @field_validator("date")
    @classmethod
    def real_date(cls, text: str) -> str:
        Moment.parse(text)
        return text


class MembershipRecord(Record):
    """A state's standing in an organisation, as one passage gives it: a row of ``memberships.csv``."""

    organisation: Text = Field(description="Organisation, by its short name.")
    state: Text = Field(description="State, by its common English name.")
    status: Status = Field(description="What the state is in it.")
    since: str = Field(description="Since when; blank where the passage does not say.")
    until: str = Field(description="Until when; blank where the passage does not say.")
    chapter: Chapter = Field(description="Chapter that says so.")
    claim: ClaimId = Field(description="Claim that has the passage.")

    @field_validator("since", "until")
    @classmethod
    def real_or_blank(cls, text: str) -> str:
        if text:
            Moment.parse(text)
        return text


class PlaceRecord(Record):
    """Where a named place is: a row of ``places.csv``. Coordinates are common geography."""

    place: Text = Field(description="Name of the place.")
    country: Text = Field(description="State in which it lies.")
    latitude: Annotated[float, Field(ge=-90, le=90)] = Field(description="Degrees north.")
    longitude: Annotated[float, Field(ge=-180, le=180)] = Field(description="Degrees east.")


class RouteRecord(Record):
    """One leg of a corridor, railway, pipeline or road: a row of ``routes.csv``."""

    route: Text = Field(description="Name of the whole route.")
    kind: Literal["oil pipeline", "gas pipeline", "railway", "road", "corridor", "sea lane",
                  "power line", "port", "project"] = Field(description="What it is.")  # fmt: skip
    leg: Annotated[int, Field(ge=1)] = Field(description="Place of this leg in the route, from 1.")
    start: Text = Field(description="Where the leg begins, a name from places.csv.")
    end: Text = Field(description="Where the leg ends, a name from places.csv.")
    stage: Stage = Field(description="How far it has come, by the passage.")
    year: str = Field(description="Year of that stage; blank where the passage does not say.")
    length_km: str = Field(description="Length in kilometres; blank where the passage does not say.")
    capacity: str = Field(description="Capacity with its unit; blank where the passage does not say.")
    chapter: Chapter = Field(description="Chapter that says so.")
    claim: ClaimId = Field(description="Claim that has the passage.")


class ErratumRecord(Record):
    """A defect, proved or in conflict with its own table: an entry of ``errata.yml``. Its claim's check shows it."""

    id: Annotated[str, StringConstraints(pattern=r"^(A\d|B[0-4])-E[0-9]{1,2}$")] = Field(
        description="Permanent number: chapter, E, and a number."
    )
    claim: ClaimId = Field(description="Claim that fails; its check holds the proof.")
    title: Text = Field(description="The defect in a few words.")
    what: Text = Field(description="What is printed, and what is wrong with it.")
    proof: Text = Field(description="The computation, in words.")
    repair: str = Field(default="", description="What it must be; blank where no repair is forced.")
    touches: list[ClaimId] = Field(default=[], description="Other claims that the defect touches.")
    survives: str = Field(default="", description="What is left of the argument under the repair.")


class PropositionRecord(Record):
    """A sentence on which chapters take sides: an entry of ``propositions.yml``."""

    id: Annotated[str, StringConstraints(pattern=r"^p[0-9]{1,3}$")] = Field(description="Permanent number.")
    says: Text = Field(description="The sentence, in our words.")
    asserts: list[ClaimId] = Field(default=[], description="Claims that assert it.")
    denies: list[ClaimId] = Field(default=[], description="Claims that deny it.")
    note: str = Field(default="", description="Where the positions differ in scope or in degree.")

    @model_validator(mode="after")
    def two_voices(self) -> PropositionRecord:
        if set(self.asserts) & set(self.denies):
            raise ValueError("a claim asserts a proposition or denies it, not both")
        if len({claim.partition(".")[0] for claim in (*self.asserts, *self.denies)}) < 2:
            raise ValueError("at least two chapters must take a position")
        return self


class ComparisonRecord(Record):
    """Columns of a table that an open series can be held against: an entry of ``comparisons.yml``."""

    table: TableId = Field(description="Table whose columns are compared.")
    columns: Annotated[list[Text], Field(min_length=1)] = Field(description="Columns that are compared.")
    series: Text = Field(description="Open series, by the name of its file in external/.")
    factor: Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+|/[0-9]+)?$")] = Field(
        default="1", description="What turns the unit of the series into that of the table: a number or a fraction."
    )
    note: str = Field(default="", description="What is the same, and which definition differs.")


class ExternalRecord(Record):
    """One figure of an open series: a row of ``external/*.csv``."""

    entity: Text = Field(description="State or other unit of the series.")
    period: Text = Field(description="Year or span.")
    value: Text = Field(description="The figure, as published.")
    unit: Text = Field(description="Unit of the figure.")
    series: Text = Field(description="Name of the series at its source.")
    source: Text = Field(description="Who publishes it.")
    vintage: Text = Field(description="Release or date of the copy used.")
    licence: Text = Field(description="Terms under which the figure may be used.")

    @field_validator("value")
    @classmethod
    def one_number(cls, value: str) -> str:
        if not is_missing(value):
            Printed.parse(value)
        return value


class GlossaryRecord(Record):
    """An organisation or term, and how the volumes spell it: an entry of ``glossary.yml``."""

    term: Text = Field(description="Form that the book uses.")
    name: str = Field(default="", description="Full name, where the term is a short one.")
    kind: Literal["organisation", "bank or fund", "company", "treaty", "programme", "pipeline", "state or region", "concept", "measure"] = (
        Field(description="What it is.")
    )
    variants: dict[Text, Annotated[list[Chapter], Field(min_length=1)]] = Field(
        min_length=1, description="Forms that the volumes use, each with the chapters that use it."
    )
    says: Text = Field(description="One sentence, in our words.")
    note: str = Field(default="", description="What is to be known about the forms.")
