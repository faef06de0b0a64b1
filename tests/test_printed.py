"""Printed values: exact, and honest about what the print does not say."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compendium.model.interval import Interval
from compendium.model.printed import Printed, is_missing
from compendium.model.quantity import Quantity

numbers = st.decimals(min_value=-10_000, max_value=10_000, places=6, allow_nan=False)
places = st.integers(0, 4)
roundings = st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_HALF_DOWN])


def printed(number: Decimal, digits: int, rounding: str) -> str:
    return f"{number.quantize(Decimal(1).scaleb(-digits), rounding=rounding):f}"


@given(numbers, places, roundings)
def test_rounding_is_allowed_for(number: Decimal, digits: int, rounding: str) -> None:
    assert Printed.parse(printed(number, digits, rounding)).rounded.contains(number)


@given(numbers.filter(lambda n: abs(n) >= 1), places)
def test_cutting_off_is_allowed_for(number: Decimal, digits: int) -> None:
    assert Printed.parse(printed(number, digits, ROUND_DOWN)).truncated.contains(number)


@given(numbers, numbers, places, places, roundings, st.sampled_from(["+", "-", "*", "/"]))
def test_arithmetic_contains_the_unrounded_result(a: Decimal, b: Decimal, m: int, n: int, rounding: str, sign: str) -> None:
    x, y = Quantity.printed(printed(a, m, rounding)), Quantity.printed(printed(b, n, rounding))
    exact = {"+": lambda p, q: p + q, "-": lambda p, q: p - q, "*": lambda p, q: p * q, "/": lambda p, q: p / q}[sign]
    if sign == "/" and y.rounded.hull(y.truncated).contains(0):
        with pytest.raises(ZeroDivisionError, match=r"^the divisor may be zero at its printed precision$"):
            exact(x, y)
        return
    assert exact(x, y).rounded.contains(exact(Fraction(a), Fraction(b)))


def test_what_has_no_upper_end_divides_down_to_nothing() -> None:
    above_two = Interval.of(2, float("inf"))
    assert Interval.of(1) / above_two == Interval.of(0, Fraction(1, 2))
    assert Interval.of(-1) / above_two == Interval.of(Fraction(-1, 2), 0)


@given(numbers, numbers, places, places)
def test_agreement_is_symmetric(a: Decimal, b: Decimal, m: int, n: int) -> None:
    x, y = Quantity.printed(printed(a, m, ROUND_HALF_UP)), Quantity.printed(printed(b, n, ROUND_HALF_UP))
    one, other = x.agrees(y), y.agrees(x)
    assert (one.rounded, one.truncated) == (other.rounded, other.truncated)


@given(numbers, st.integers(0, 3))
def test_more_digits_never_widen(number: Decimal, digits: int) -> None:
    coarse = Printed.parse(printed(number, digits, ROUND_HALF_UP)).rounded
    fine = Printed.parse(printed(number, digits + 1, ROUND_HALF_UP)).rounded
    assert fine.high - fine.low < coarse.high - coarse.low


@given(numbers, places)
def test_a_value_agrees_with_itself_in_fewer_digits(number: Decimal, digits: int) -> None:
    full = Quantity.exact(number)
    assert full.agrees(Quantity.printed(printed(number, digits, ROUND_HALF_UP))).rounded is True


@pytest.mark.parametrize(
    ("text", "value", "step"),
    [("5.3", "5.3", "0.1"), ("1,135.19", "1135.19", "0.01"), ("42", "42", "1"), ("75%", "75", "1"), ("US$14", "14", "1"), ("−3.0", "-3", "0.1")],
)
def test_spellings(text: str, value: str, step: str) -> None:
    number = Printed.parse(text)
    assert (number.value, number.step) == (Fraction(value), Fraction(step))


@pytest.mark.parametrize("text", ["", "five", "1,35", "1.2.3", "12-14", "nan", "1e5"])
def test_what_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a printed number"):
        Printed.parse(text)


def test_dashes_and_dots_print_nothing() -> None:
    assert all(map(is_missing, ["..", "----", "—", "", "n/a", "…"]))
    assert not is_missing("0")


def test_counts_are_exact() -> None:
    assert Quantity.printed("40", exact=True).rounded.is_point
    assert Quantity.printed("40", exact=True).agrees(41).rounded is False


@pytest.mark.parametrize(
    ("qualifier", "inside", "outside"),
    [("about", 104, 107), ("nearly", 96, 101), ("over", 101, 99), ("at least", 100, 99), ("under", 99, 101), ("at most", 100, 101)],
)
def test_qualifiers(qualifier: str, inside: int, outside: int) -> None:
    number = Quantity.printed("100", exact=True).qualified(qualifier, Fraction(1, 20))
    assert number.agrees(inside).rounded is True
    assert number.agrees(outside).rounded is False


def test_binary_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="not exact"):
        Interval.of(0.1)


def test_an_interval_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="cannot run"):
        Interval.of(2, 1)


def test_open_ends_stay_open() -> None:
    above = Interval.of(1, float("inf"))
    assert (above * Interval.of(0)) == Interval.of(0)
    assert (Interval.of(1) / above).low == 0


def test_truncation_is_tried_second() -> None:
    growth = Quantity.printed("5,605,425") / Quantity.printed("68,664")
    outcome = growth.agrees(Quantity.printed("81"))
    assert (outcome.rounded, outcome.truncated) == (False, True)


@given(numbers, numbers)
def test_order_is_decided_only_where_it_is_certain(a: Decimal, b: Decimal) -> None:
    x, y = Quantity.printed(printed(a, 0, ROUND_HALF_UP)), Quantity.printed(printed(b, 0, ROUND_HALF_UP))
    if (x > y).rounded is True:
        assert a > b or abs(a - b) == 0
    if (x > y).rounded is False:
        assert a <= b
