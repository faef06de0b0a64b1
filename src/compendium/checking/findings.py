"""Findings as executed notebooks hold them: written by checks, read by the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from compendium.corpus.errors import DataError
from compendium.model.claim import Basis, Finding, Strength, Verdict

FINDING = "application/vnd.compendium.finding+json"


def plain(finding: Finding) -> dict[str, Any]:
    """A finding as JSON data."""
    return {k: list(v) if isinstance(v, tuple) else (str(v) if v is not None else None) for k, v in asdict(finding).items()}


def finding_from(data: Any) -> Finding:
    """A finding from JSON data, as :func:`plain` writes it.

    Raises
    ------
    DataError
        Where the data are not those of a finding.
    """
    try:
        return Finding(
            data["claim"], Verdict(data["verdict"]), Basis(data["basis"]), Strength(data["strength"]) if data["strength"] else None,
            data["because"], data["how"], tuple(data["against"]), tuple(data["numbers"]),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"not a finding: {str(data)[:80]} ({type(error).__name__}: {str(error)[:80]})") from None


def findings_of(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The findings that an executed notebook records, in its order, as JSON data."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            for output in cell.get("outputs", []):
                if FINDING in output.get("data", {}):
                    yield output["data"][FINDING]
