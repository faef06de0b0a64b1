"""Quantities: printed values, and what arithmetic makes of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from compendium.model.interval import Interval
from compendium.model.outcome import Outcome, Truth
from compendium.model.printed import Printed

Number = int | Fraction | Decimal


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number known as well as its print allows.

    Parameters
    ----------
    value : Fraction
        The number as printed, or as computed from printed numbers.
    rounded : Interval
        What it may be if the printed numbers behind it were rounded.
    truncated : Interval
        What it may be if the printed numbers were cut off. Agreement tries rounding first.
    text : str
        How to show it; empty for a computed quantity, which is then shown to four figures.
    label : str
        What it is: row and column, or the name that a claim gives it.

    Examples
    --------
    >>> growth = Quantity.printed("358,478") / Quantity.printed("8,451")
    >>> growth.agrees(Quantity.printed("42")).rounded
    True
    """

    value: Fraction
    rounded: Interval
    truncated: Interval
    text: str = ""
    label: str = ""

    @classmethod
    def printed(cls, text: str, *, exact: bool = False, label: str = "") -> Quantity:
        number = Printed.parse(text, exact=exact)
        return cls(number.value, number.rounded, number.truncated, "".join(text.split()), label)

    @classmethod
    def exact(cls, number: Number, label: str = "") -> Quantity:
        point = Interval.of(number)
        return cls(Fraction(number), point, point, _show(Fraction(number)), label)

    def named(self, label: str) -> Quantity:
        """The same quantity under another name."""
        return replace(self, label=label)

    def qualified(self, qualifier: str | None, about: Fraction) -> Quantity:
        """The quantity under a word such as *about*, *nearly* or *over*.

        Parameters
        ----------
        qualifier : str or None
            ``about`` and ``nearly`` allow a distance of ``about``; the others open one end.
        about : Fraction
            Share of the value that *about* and *nearly* may be off.
        """
        if qualifier is None:
            return self
        ends: dict[str, Callable[[Interval], Interval]] = {
            "about": lambda i: i.widened(about),
            "nearly": lambda i: Interval(i.widened(about).low, i.high),
            "over": lambda i: Interval(self.value, math.inf),
            "at least": lambda i: Interval(i.low, math.inf),
            "under": lambda i: Interval(-math.inf, self.value),
            "at most": lambda i: Interval(-math.inf, i.high),
        }
        move = ends[qualifier]
        return replace(self, rounded=move(self.rounded), truncated=move(self.truncated),
                       text=f"{qualifier} {self}")  # fmt: skip

    @property
    def _either(self) -> Interval:
        # The author may have worked from rounded sources and cut off only the result.
        return self.rounded.hull(self.truncated)

    def _with(self, other: Quantity | Number, operation: str) -> Quantity:
        b = other if isinstance(other, Quantity) else Quantity.exact(other)
        rounded = getattr(self.rounded, operation)(b.rounded)
        either = getattr(self._either, operation)(b._either)
        return Quantity(getattr(self.value, operation)(b.value), rounded, either)

    def __add__(self, other: Quantity | Number) -> Quantity:
        return self._with(other, "__add__")

    def __radd__(self, other: Number) -> Quantity:
        return self + other

    def __sub__(self, other: Quantity | Number) -> Quantity:
        return self._with(other, "__sub__")

    def __rsub__(self, other: Number) -> Quantity:
        return Quantity.exact(other) - self

    def __mul__(self, other: Quantity | Number) -> Quantity:
        return self._with(other, "__mul__")

    def __rmul__(self, other: Number) -> Quantity:
        return self * other

    def __truediv__(self, other: Quantity | Number) -> Quantity:
        return self._with(other, "__truediv__")

    def __rtruediv__(self, other: Number) -> Quantity:
        return Quantity.exact(other) / self

    def agrees(self, other: Quantity | Number, about: str = "") -> Outcome:
        """Whether both can be the same number: their intervals meet."""
        b = other if isinstance(other, Quantity) else Quantity.exact(other)
        rounded = self.rounded.meets(b.rounded)
        truncated = self.truncated.meets(b.truncated)
        relation = "agrees with" if rounded else "agrees, cut off, with" if truncated else "is not"
        name = about or self.label
        text = f"{name + ': ' if name else ''}{self} {relation} {b}"
        return Outcome.single(text, rounded, truncated)

    def close_to(self, other: Quantity | Number, tolerance: Number, about: str = "") -> Outcome:
        """Whether both differ by at most ``tolerance``, a share of ``other``."""
        b = other if isinstance(other, Quantity) else Quantity.exact(other)
        share = Fraction(tolerance)
        rounded = self.rounded.meets(b.rounded.widened(share))
        truncated = self.truncated.meets(b.truncated.widened(share))
        apart = (self.value - b.value) / b.value if b.value else Fraction(0)
        name = about or self.label
        text = f"{name + ': ' if name else ''}{self} against {b}, {float(apart):+.1%}"
        return Outcome.single(text, rounded, truncated)

    def _compared(self, other: Quantity | Number, sign: str) -> Outcome:
        b = other if isinstance(other, Quantity) else Quantity.exact(other)
        truths = [_above(x, y, sign) for x, y in ((self.rounded, b.rounded), (self.truncated, b.truncated))]
        relation = "above" if sign == ">" else "at least"
        word = {True: "is", False: "is not", None: "may or may not be"}[truths[0]]
        if self.label == b.label:
            text = f"{self.label + ': ' if self.label else ''}{self} {word} {relation} {b}"
        else:
            text = f"{f'{self.label} {self}'.strip()} {word} {relation} {f'{b.label} {b}'.strip()}"
        return Outcome.single(text, *truths)

    def __gt__(self, other: Quantity | Number) -> Outcome:
        return self._compared(other, ">")

    def __ge__(self, other: Quantity | Number) -> Outcome:
        return self._compared(other, ">=")

    def __lt__(self, other: Quantity | Number) -> Outcome:
        return (other if isinstance(other, Quantity) else Quantity.exact(other)) > self

    def __le__(self, other: Quantity | Number) -> Outcome:
        return (other if isinstance(other, Quantity) else Quantity.exact(other)) >= self

    def __str__(self) -> str:
        return self.text or _show(self.value)

    def __float__(self) -> float:
        return float(self.value)


def _above(a: Interval, b: Interval, sign: str) -> Truth:
    surely = a.low > b.high if sign == ">" else a.low >= b.high
    never = a.high <= b.low if sign == ">" else a.high < b.low
    return True if surely else False if never else None


def _show(number: Fraction) -> str:
    """Four significant figures, whole numbers and short decimals in full, thousands apart."""
    value = float(number)
    if value == int(value):
        return f"{int(value):,}"
    if (number * 10_000).denominator == 1 and abs(value) < 1000:
        return f"{value:.4f}".rstrip("0")
    places = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"
