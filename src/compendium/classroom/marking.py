"""Comparisons for test cells: each says what was asked, what was given and how far off it is.

A test cell may use plain ``assert``. These functions do more: they know that a printed number is an
interval, they accept an answer in whatever type holds it, and what they find is told to the student in
the feedback. Each returns None or raises :class:`Mismatch`, which is an AssertionError.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from compendium.model.interval import Interval
from compendium.model.quantity import Quantity

NEAR = Fraction(1, 10**9)  # what binary floats may be off where a number is exact
WIDE = Fraction(
    1, 50
)  # of the number, that an answer's own range may have beyond the expected one's: a range that holds everything is none
FAR = 10**300  # and beyond, a number is told as large and no more
SHOWN = 300  # characters of an answer that feedback repeats


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that was compared.

    ``expected`` and ``off`` are empty where the test keeps them to itself.
    """

    what: str
    right: bool
    given: str
    expected: str = ""
    off: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Mismatch(AssertionError):
    """An answer that is not the expected one."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        super().__init__(f"{comparison.what}: {comparison.off or 'not what was asked for'}")


# Who is told of comparisons; the grader, while a test cell runs.
listening: ContextVar[list[Comparison] | None] = ContextVar("listening", default=None)


def agrees(given: Any, expected: Any, what: str, *, within: float | str = 0, shown: bool = True) -> None:
    """A number, or a mapping of numbers, lies where the expected one may lie.

    Parameters
    ----------
    given : number, Quantity, or mapping
    expected : number, Quantity, or mapping with the same keys
        A quantity stands for all that its print allows; a given quantity agrees if the two meet.
    what : str
        What is compared, as feedback names it.
    within : number
        Share of the expected number that an answer may be off besides.
    shown : bool
        Whether feedback may tell expected value and distance: False for calls on other data.
    """
    if isinstance(expected, Mapping):
        _same_keys(given, expected, what, shown)
        for key, wanted in expected.items():
            agrees(given[key], wanted, f"{what}, {key}", within=within, shown=shown)
        return
    span = _span(expected).widened(max(Fraction(str(within)), NEAR))
    answer = _number(given)
    if answer is None:
        return _tell(what, False, given, as_text(expected) if shown else "", "no number was given" if shown else "")
    right = answer.meets(span) and _narrow(answer, span)
    if not right and answer.meets(span):
        return _tell(what, False, given, as_text(expected) if shown else "", "the range given is too wide to be an answer" if shown else "")
    _tell(what, right, given, as_text(expected) if shown else "", "" if right or not shown else _distance(answer, _span(expected)))


def same_bounds(given: Any, expected: Any, what: str, *, shown: bool = True) -> None:
    """Two bounds, low and high, are those of the expected interval (or pair)."""
    low, high = (_span(expected).low, _span(expected).high) if isinstance(expected, (Quantity, Interval)) else expected
    if isinstance(given, (Interval, Quantity)):
        span = _span(given)
        given = (span.low, span.high)
    try:
        pair = list(given)
    except TypeError:
        pair = []
    if len(pair) != 2:
        return _tell(what, False, given, f"{_plain(low)} to {_plain(high)}" if shown else "", "two numbers are asked for, low and high")
    for name, one, wanted in (("low", pair[0], low), ("high", pair[1], high)):
        agrees(one, wanted, f"{what}, {name} end", shown=shown)


def equals(given: Any, expected: Any, what: str, *, shown: bool = True) -> None:
    """The answer is just the expected word, truth value or count."""
    right = type(given) in _KIN.get(type(expected), (type(expected),)) and given == expected
    _tell(what, right, given, as_text(expected) if shown else "", "")


def same_set(given: Any, expected: Iterable[Any], what: str, *, shown: bool = True) -> None:
    """The answer names the same things, in any order."""
    wanted = set(expected)
    try:
        named = set(given) if not isinstance(given, (str, Mapping)) or isinstance(given, Mapping) else {given}
    except TypeError:
        return _tell(what, False, given, _listed(wanted) if shown else "", "a list or set of names is asked for")
    missing, extra = wanted - named, named - wanted
    said = [f"{len(missing)} missing" if missing else "", f"{len(extra)} too many" if extra else ""]
    _tell(what, not missing and not extra, given, _listed(wanted) if shown else "", ", ".join(s for s in said if s))


def same_order(given: Any, expected: Iterable[Any], what: str, *, shown: bool = True) -> None:
    """The answer names the same things in the same order."""
    wanted = list(expected)
    try:
        named = list(given)
    except TypeError:
        named = None
    if named is None or isinstance(given, (set, frozenset)):  # a set has no order; that it comes in the right one is chance
        return _tell(what, False, given, _listed(wanted) if shown else "", "a list is asked for")
    off = (
        ""
        if named == wanted
        else "the right names in another order"
        if sorted(map(str, named)) == sorted(map(str, wanted))
        else "other names"
    )
    _tell(what, named == wanted, given, " > ".join(map(str, wanted)) if shown else "", off)


_KIN: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,), str: (str,)}


def _tell(what: str, right: bool, given: Any, expected: str, off: str) -> None:
    comparison = Comparison(what, right, as_text(given), expected, off)
    told = listening.get()
    if told is not None:
        told.append(comparison)
    if not right:
        raise Mismatch(comparison)


def _same_keys(given: Any, expected: Mapping[Any, Any], what: str, shown: bool) -> None:
    if not isinstance(given, Mapping):
        return _tell(what, False, given, f"one number each for {_listed(expected)}" if shown else "", "a dict is asked for")
    same_set(given, expected, f"{what}, keys", shown=shown)


def _number(value: Any) -> Interval | None:
    if isinstance(value, (Quantity, Interval)):
        span = _span(value)
        return None if isinstance(span.low, float) or isinstance(span.high, float) else span
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return Interval.of(Fraction(value)) if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return Interval.of(Fraction(value)) if value.is_finite() else None
    return Interval.of(value) if isinstance(value, (int, Fraction)) else None


def _span(value: Any) -> Interval:
    if isinstance(value, Quantity):
        return value.rounded.hull(value.truncated)
    if isinstance(value, Interval):
        return value
    span = _number(value)
    if span is None:
        raise TypeError(f"{value!r} is not a number to compare with")
    return span


def _narrow(answer: Interval, span: Interval) -> bool:
    """Whether an answer's own range says about as much as the expected one's."""
    width = span.high - span.low
    return math.isinf(width) or answer.high - answer.low <= 2 * width + WIDE * _middle(span)


def _middle(span: Interval) -> Any:
    """How large the numbers of a span are: a fraction, or infinite."""
    low: Any = span.low
    return abs(low + span.high) / 2


def _distance(answer: Interval, span: Interval) -> str:
    """How far off, as an interval: from the nearest to the farthest that the print allows."""
    below = answer.high < span.low
    near, far = (span.low - answer.high, span.high - answer.low) if below else (answer.low - span.high, answer.high - span.low)
    sizes = _plain(near) if near == far or _plain(near) == _plain(far) else f"{_plain(near)} to {_plain(far)}"
    middle = _middle(span)
    share = near / middle if middle and isinstance(near, Fraction) and isinstance(middle, Fraction) else FAR
    told = f" (about {float(share):.2g} of the expected number)" if share < FAR else ""
    return f"{'too low' if below else 'too high'} by {sizes}{told}"


def _plain(number: Any) -> str:
    if abs(number) >= FAR:
        size = "∞" if isinstance(number, float) and math.isinf(number) else f"more than {FAR:.0e}"
        return f"-{size}" if number < 0 else size
    value = float(number)
    return f"{int(value):,}" if value == int(value) and abs(value) < 1e15 else f"{value:,.6g}"


def as_text(value: Any) -> str:
    """A value as feedback shows it."""
    if isinstance(value, Quantity):
        span = _span(value)
        text = _plain(value.value) if span.is_point else f"{_plain(span.low)} to {_plain(span.high)}"
    elif isinstance(value, Interval):
        text = f"{_plain(value.low)} to {_plain(value.high)}"
    elif isinstance(value, Fraction) or (isinstance(value, (float, Decimal)) and math.isfinite(value)):
        text = _plain(value)
    elif isinstance(value, (list, tuple, set, frozenset)):
        text = ", ".join(as_text(v) for v in (sorted(value, key=str) if isinstance(value, (set, frozenset)) else value)) or "nothing"
    elif isinstance(value, Mapping):
        text = ", ".join(f"{k}: {as_text(v)}" for k, v in value.items()) or "nothing"
    else:
        text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + " …"


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(sorted(map(str, names))) or "none"
