"""Numbers as they are printed, with the precision that the print carries."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from compendium.model.interval import Interval

MISSING = re.compile(r"[\s.…–—-]*|n/?a|N/?A")
NUMBER = re.compile(r"(?P<sign>[-−–]?)\s*(?P<digits>\d{1,3}(?:,\d{3})+|\d+|(?=\.\d))(?P<decimals>\.\d+)?", re.ASCII)
LONGEST = 40  # characters; nothing that is counted or measured needs more
MARKS = re.compile(r"[\s$€£%*+]|US\$|USD")


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed number: its value and the size of one step of its last digit.

    Parameters
    ----------
    text : str
        The spelling of the source.
    value : Fraction
        The number that the spelling denotes.
    step : Fraction
        One unit in the last printed place; 0 for a count, which is exact.

    Examples
    --------
    >>> Printed.parse("5.3").rounded
    Interval(low=Fraction(21, 4), high=Fraction(107, 20))
    >>> Printed.parse("5.3").truncated
    Interval(low=Fraction(53, 10), high=Fraction(27, 5))
    """

    text: str
    value: Fraction
    step: Fraction

    @classmethod
    def parse(cls, text: str, *, exact: bool = False) -> Printed:
        """Read a printed number.

        Raises
        ------
        ValueError
            Where the text is not one number, with the text in the message.
        """
        match = NUMBER.fullmatch(MARKS.sub("", text)) if len(text) <= LONGEST else None
        if match is None:
            raise ValueError(f"{text[:80]!r} is not a printed number such as 5.3, 1,135.19 or 42")
        decimals = match["decimals"] or ""
        value = Fraction((match["digits"].replace(",", "") or "0") + decimals)
        step = Fraction(0) if exact else Fraction(1, 10 ** max(len(decimals) - 1, 0))
        return cls(text, -value if match["sign"] else value, step)

    @property
    def rounded(self) -> Interval:
        """What the number may have been if it was rounded to what is printed."""
        return Interval(self.value - self.step / 2, self.value + self.step / 2)

    @property
    def truncated(self) -> Interval:
        """What the number may have been if its further digits were cut off."""
        if self.value < 0:
            return Interval(self.value - self.step, self.value)
        return Interval(self.value, self.value + self.step)


def is_missing(text: str) -> bool:
    """Whether a cell prints no number: blank, dots, dashes or n/a."""
    return MISSING.fullmatch(text.strip()) is not None
