"""Permanent anchors: where on its page a claim, a table or an erratum stands."""

from __future__ import annotations


def of_claim(claim_id: str) -> str:
    """The permanent anchor of a claim."""
    return f"claim-{claim_id.lower().replace('.', '-')}"


def of_table(table_id: str) -> str:
    """The permanent anchor of a table."""
    return table_id.lower().replace(".", "-")


def of_erratum(erratum_id: str) -> str:
    """The permanent anchor of an erratum."""
    return f"erratum-{erratum_id.lower()}"
