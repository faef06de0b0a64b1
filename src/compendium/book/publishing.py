"""What the built book offers to machines: every file below ``data/``, made from the executed notebooks."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from compendium.book.citing import PAGES, Place, places
from compendium.book.edition import Edition
from compendium.book.forms import FORMS, schema
from compendium.checking.ledger import tables
from compendium.display.anchors import of_claim
from compendium.model.moment import Moment
from compendium.volumes import SWEPT, Volumes

# A cell that a spreadsheet would run as a formula is written with a quote before it.
FORMULA = re.compile(r"^[=+\-@\t\r]")
RATING = {"holds": 5, "fails": 1}


def published(volumes: Volumes, edition: Edition, notebooks: Path) -> dict[str, bytes]:
    """Every file below ``data/``, by its name there.

    Parameters
    ----------
    notebooks : Path
        The folder with ``multiverse/``, whose results the explorer reads.
    """
    forms = {
        "ledger": volumes.entries, "tables": tables(volumes.corpus), "arguments": arguments(volumes), "errata": errata(volumes),
        "events": events(volumes), "memberships": [row.model_dump() for row in volumes.memberships],
        "anchors": [asdict(place) for place in all_places(volumes)],
    }  # fmt: skip
    found = {f"{name}.json": _json(value) for name, value in forms.items()}
    found |= {f"schemas/{name}.schema.json": _json(schema(name)) for name in FORMS}
    found["claimreviews.jsonld"] = _json({"@context": "https://schema.org", "@graph": reviews(volumes, edition)})
    found["ledger.csv"] = as_csv(volumes.entries)
    found["compendium.sqlite"] = as_sqlite(forms)
    found["ledger.js"] = _script("ledger", {
        "chapters": {key: volumes.corpus.chapter(key).short for key in volumes.corpus.chapters}, "entries": volumes.entries,
        "citation": f"In: {edition.title}. Version {edition.version}, {edition.year}."})  # fmt: skip
    found["explorer.js"] = _script("explorer", {
        "chapters": {key: volumes.corpus.chapter(key).short for key in volumes.multiverse},
        "says": {claim: volumes.claims[claim].says for swept in volumes.multiverse.values() for claim in swept.verdicts}})  # fmt: skip
    found["search.js"] = _script("search", [[p.id, p.kind, p.title, f"{p.page}#{p.anchor}"] for p in all_places(volumes) if p.anchor])
    for key in volumes.multiverse:
        found[f"multiverse-{key}.js"] = _script(f"multiverse-{key}", json.loads((notebooks / SWEPT / f"{key}.json").read_bytes()))
    return found


def arguments(volumes: Volumes) -> dict[str, Any]:
    """The argument of both volumes in the public form."""
    nodes = [{"id": key, "says": claim.says, "verdict": str(volumes.verdicts[key]), "standing": str(volumes.standings[key])}
             for key, claim in volumes.claims.items()]  # fmt: skip
    edges: list[Any] = [{"source": a, "target": b, "kind": of["kind"]} for a, b, of in volumes.graph.edges(data=True)]
    return {"nodes": nodes, "edges": edges, "propositions": [p.model_dump() for p in volumes.propositions]}


def errata(volumes: Volumes) -> list[dict[str, Any]]:
    """The errata in the public form, those first on which most rests."""
    return [{**w.erratum.model_dump(), "resting": list(w.resting), "brought_down": list(w.brought_down)} for w in volumes.weighed_errata()]


def events(volumes: Volumes) -> list[dict[str, Any]]:
    """The events in the public form, in order of time."""
    found = []
    for row in volumes.events:
        moment = Moment.parse(row.date)
        found.append({**row.model_dump(), "first": moment.first.isoformat(), "last": moment.last.isoformat(),
                      "actors": [a for a in row.actors.split("; ") if a]})  # fmt: skip
    return sorted(found, key=lambda e: (e["first"], e["last"], e["id"], e["chapter"]))


def all_places(volumes: Volumes) -> list[Place]:
    """Every permanent anchor: pages, and each claim, table, figure and erratum."""
    pages = [Place(key, "page", title, f"{key}.html") for key, title in PAGES.items()]
    return [Place("book", "book", "", "index.html"), *pages, *places(volumes.corpus)]


def reviews(volumes: Volumes, edition: Edition, chapter: str | None = None) -> list[dict[str, Any]]:
    """The tested claims as schema.org ClaimReviews, of one chapter or of all."""
    found = []
    for key, finding in volumes.findings.items():
        claim = volumes.claims[key]
        if finding.verdict not in RATING or (chapter is not None and claim.passage.chapter != chapter):
            continue  # a check that could not decide is no review
        word = f"{finding.verdict}, {finding.strength}" if finding.strength else str(finding.verdict)
        found.append({
            "@type": "ClaimReview",
            "url": edition.address(f"{claim.passage.chapter}.html", of_claim(key)), "claimReviewed": claim.says,
            "datePublished": edition.date.isoformat(), "author": {"@type": "Organization", "name": edition.authors[0]},
            "reviewBody": finding.because, "itemReviewed": {"@type": "Claim", "name": key},
            "reviewRating": {"@type": "Rating", "ratingValue": RATING[finding.verdict], "bestRating": 5, "worstRating": 1,
                             "alternateName": word},
        })  # fmt: skip
    return found


def as_csv(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """Entries as CSV, lists joined by spaces, safe to open in a spreadsheet."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(entries[0])
    writer.writerows([_cell(value) for value in entry.values()] for entry in entries)
    return stream.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = " ".join(str(item) if not isinstance(item, list) else "-".join(map(str, item)) for item in value)
    text = str(value)
    return f"'{text}" if FORMULA.match(text) else text


def as_sqlite(forms: Mapping[str, Any]) -> bytes:
    """Everything as one SQLite database: a table for each kind of entry, links as tables of pairs."""
    sets: dict[str, Iterable[Mapping[str, Any]]] = {
        "claims": forms["ledger"], "tables": [{k: v for k, v in t.items() if k != "cells"} for t in forms["tables"]],
        "cells": [{"table_id": t["id"], **c} for t in forms["tables"] for c in t["cells"]], "edges": forms["arguments"]["edges"],
        "propositions": forms["arguments"]["propositions"], "errata": forms["errata"], "events": forms["events"],
        "memberships": forms["memberships"], "anchors": forms["anchors"],
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "compendium.sqlite"
        # Transactions by hand: where the system's language is Turkish, Python does not know INSERT for the start of one.
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("BEGIN")
        for name, rows in sets.items():
            listed = list(rows)
            if not listed:
                continue
            columns = ", ".join(f'"{column}"' for column in listed[0])
            base.execute(f'CREATE TABLE "{name}" ({columns})')
            marks = ", ".join("?" * len(listed[0]))
            base.executemany(f'INSERT INTO "{name}" VALUES ({marks})', [list(map(_plain, row.values())) for row in listed])  # noqa: S608
        base.execute("COMMIT")
        base.execute("VACUUM")
        base.close()
        return path.read_bytes()


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, float, str)) else json.dumps(value, ensure_ascii=False)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def _script(name: str, value: Any) -> bytes:
    """Data as a script, which a page opened from disk can load."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f"compendiumData({json.dumps(name)},{text});\n".encode()
