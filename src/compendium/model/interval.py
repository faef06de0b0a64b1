"""Closed intervals of exact numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

Exact = int | Fraction | Decimal
Bound = Fraction | float  # a float only ever stands for an infinite bound


def _exact(number: Exact | Bound) -> Bound:
    if isinstance(number, float):
        if math.isinf(number):
            return number
        raise TypeError("binary floats are not exact: write the number as int, Decimal or Fraction")
    return Fraction(number)


def _product(a: Bound, b: Bound) -> Bound:
    if a == 0 or b == 0:
        return Fraction(0)  # 0 times an open end is 0, not NaN
    return a * b


@dataclass(frozen=True, slots=True)
class Interval:
    """All numbers from ``low`` to ``high``, both included.

    Parameters
    ----------
    low, high : Fraction, or an infinite float for an open end
        Bounds, in whatever unit the quantity has; ``low <= high``.

    Raises
    ------
    ValueError
        Where ``low`` is above ``high``.

    Examples
    --------
    >>> Interval.of(2) / Interval.of(3)
    Interval(low=Fraction(2, 3), high=Fraction(2, 3))
    """

    low: Bound
    high: Bound

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"an interval cannot run from {self.low} down to {self.high}")

    @classmethod
    def of(cls, low: Exact | Bound, high: Exact | Bound | None = None) -> Interval:
        """An interval from exact numbers; a single number is a point."""
        first = _exact(low)
        return cls(first, first if high is None else _exact(high))

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    def meets(self, other: Interval) -> bool:
        """Whether some number lies in both intervals."""
        return self.low <= other.high and other.low <= self.high

    def contains(self, number: Exact | Bound) -> bool:
        return self.low <= _exact(number) <= self.high

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    def widened(self, share: Exact) -> Interval:
        """The interval with each bound moved outwards by ``share`` of its size."""
        part = Fraction(share)
        return Interval(self.low - _product(max(self.low, -self.low), part), self.high + _product(max(self.high, -self.high), part))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __add__(self, other: Interval) -> Interval:
        return Interval(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        corners = [_product(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return Interval(min(corners), max(corners))

    def __truediv__(self, other: Interval) -> Interval:
        if other.contains(0):
            raise ZeroDivisionError("the divisor may be zero at its printed precision")
        return self * Interval(_reciprocal(other.high), _reciprocal(other.low))


def _reciprocal(bound: Bound) -> Bound:
    return Fraction(0) if isinstance(bound, float) else 1 / bound
