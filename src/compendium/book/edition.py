"""The edition: title, authors, version and date of the book, from ``CITATION.cff``."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from compendium.corpus.errors import DataError
from compendium.corpus.files import plain_yaml

NAME = "CITATION.cff"


@dataclass(frozen=True, slots=True)
class Edition:
    """What a citation of this book says of it. ``url`` and ``doi`` are empty until there are any."""

    title: str
    authors: tuple[str, ...]
    version: str
    date: datetime.date
    abstract: str
    keywords: tuple[str, ...]
    licences: tuple[str, ...]
    url: str = ""
    doi: str = ""
    repository: str = ""

    @property
    def year(self) -> int:
        return self.date.year

    @property
    def epoch(self) -> int:
        """The release date in seconds since 1970: ``SOURCE_DATE_EPOCH``, so that builds do not depend on the clock."""
        return int(datetime.datetime(self.date.year, self.date.month, self.date.day, tzinfo=datetime.UTC).timestamp())

    def address(self, page: str, anchor: str = "") -> str:
        """The address of a place in the book: absolute where the book's own address is known."""
        return f"{self.url.rstrip('/') + '/' if self.url else ''}{page}{'#' + anchor if anchor else ''}"


def read_edition(root: Path) -> Edition:
    """The edition of a checkout.

    Raises
    ------
    DataError
        Where ``CITATION.cff`` is missing or lacks title, authors, version or date.
    """
    path = root / NAME
    try:
        card: dict[str, Any] = plain_yaml(path.read_text(encoding="utf-8"))
        authors = tuple(a.get("name") or f"{a['given-names']} {a['family-names']}" for a in card["authors"])
        licences = card["license"] if isinstance(card["license"], list) else [card["license"]]
        date = card["date-released"]
        return Edition(
            card["title"], authors, str(card["version"]), date if isinstance(date, datetime.date) else datetime.date.fromisoformat(date),
            " ".join(card.get("abstract", "").split()), tuple(card.get("keywords", ())), tuple(licences),
            card.get("url", ""), card.get("doi", ""), card.get("repository-code", ""),
        )  # fmt: skip
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise DataError(f"{NAME}: title, authors, license, version and date-released are needed ({problem})") from None
