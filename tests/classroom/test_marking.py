"""Comparisons: which answers they take for the expected one, and what they tell of those that they do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compendium.classroom.marking import SHOWN, Comparison, Mismatch, agrees, as_text, equals, listening, same_bounds, same_order, same_set
from compendium.model.interval import Interval
from compendium.model.quantity import Quantity

PRINTED = Quantity.printed("42.5")  # 42.45 to 42.55 if rounded, 42.5 to 42.6 if cut off


@pytest.fixture(autouse=True)
def told() -> Iterator[list[Comparison]]:
    """What the grader is told."""
    comparisons: list[Comparison] = []
    token = listening.set(comparisons)
    yield comparisons
    listening.reset(token)


def wrong(compare: Callable[..., None], *arguments: Any, **options: Any) -> Comparison:
    """The comparison that says that an answer is not the expected one."""
    with pytest.raises(Mismatch) as caught:
        compare(*arguments, "growth", **options)
    found = caught.value.comparison
    assert not found.right
    assert str(caught.value) == f"{found.what}: {found.off or 'not what was asked for'}"
    return found


def off(compare: Callable[..., None], *arguments: Any, **options: Any) -> str:
    return wrong(compare, *arguments, **options).off


# Numbers


@pytest.mark.parametrize(
    "given",
    [42.5, 42.45, 42.6, Fraction(85, 2), Decimal("42.5"), Quantity.printed("42.6"), Interval(Fraction(42), Fraction(43)), PRINTED],
    ids=repr,
)
def test_a_number_agrees_in_whatever_type_holds_it(given: Any, told: list[Comparison]) -> None:
    agrees(given, PRINTED, "growth")
    assert [(c.what, c.right, c.expected, c.off) for c in told] == [("growth", True, "42.45 to 42.6", "")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (40, "too low by 2.45 to 2.6 (about 0.058 of the expected number)"),
        (43, "too high by 0.4 to 0.55 (about 0.0094 of the expected number)"),
        (Interval(Fraction(10), Fraction(20)), "too low by 22.45 to 32.6 (about 0.53 of the expected number)"),
        (-(10**9), "too low by 1e+09 (about 2.4e+07 of the expected number)"),
        (Interval(Fraction(0), Fraction(100)), "the range given is too wide to be an answer"),
        *((nothing, "no number was given") for nothing in (
            "42.5", None, True, [42.5], math.nan, math.inf, Decimal("NaN"), Decimal("Infinity"), 1j, {"growth": 42.5},
        )),
    ],
    ids=repr,
)  # fmt: skip
def test_a_number_that_is_not_the_expected_one_is_told_with_its_distance(given: Any, says: str, told: list[Comparison]) -> None:
    found = wrong(agrees, given, PRINTED)
    assert (found.given, found.expected, found.off) == (as_text(given), "42.45 to 42.6", says)
    assert told == [found]


@pytest.mark.parametrize(
    "given",
    [
        PRINTED.qualified("over", Fraction(0)),
        Interval(-math.inf, Fraction(43)),
        Interval(-math.inf, math.inf),
        10**400,
        Fraction(10**400, 3),
    ],
    ids=["over 42.5", "up to 43", "anything", "long number", "long fraction"],
)
def test_a_number_without_end_or_measure_is_told_as_wrong(given: Any, told: list[Comparison]) -> None:
    assert told == [wrong(agrees, given, PRINTED)]


def test_a_number_agrees_with_a_range_that_is_open() -> None:
    agrees(50, PRINTED.qualified("over", Fraction(0)), "growth")


def test_a_distance_from_nothing_is_no_share_of_it() -> None:
    assert off(agrees, 2, 0) == "too high by 2"


@pytest.mark.parametrize("given", [41, "41", Interval(Fraction(0), Fraction(100))], ids=repr)
def test_what_a_test_keeps_to_itself_is_not_told(given: Any) -> None:
    found = wrong(agrees, given, PRINTED, shown=False)
    assert (found.expected, found.off) == ("", "")


def test_an_answer_may_be_off_by_the_share_allowed() -> None:
    agrees(103, 100, "growth", within=0.03)
    agrees(97, 100, "growth", within="0.03")
    assert off(agrees, 103.5, 100, within=0.03) == "too high by 3.5 (about 0.035 of the expected number)"


@settings(deadline=None)
@given(st.fractions(-(10**6), 10**6), st.fractions(-(10**6), 10**6))
def test_an_exact_number_agrees_with_itself_alone(given: Fraction, expected: Fraction) -> None:
    agrees(expected, expected, "growth")
    agrees(float(expected), expected, "growth")
    if abs(given - expected) > abs(expected) / 10**8:
        assert off(agrees, given, expected).startswith("too low by" if given < expected else "too high by")


def test_a_test_cannot_compare_with_what_is_no_number() -> None:
    with pytest.raises(TypeError, match="'forty-two' is not a number to compare with"):
        agrees(42, "forty-two", "growth")


# Several numbers


def test_each_number_of_a_mapping_is_compared(told: list[Comparison]) -> None:
    agrees({"Iran": 2, "Turkey": Fraction(3)}, {"Iran": 2, "Turkey": 3}, "growth")
    assert [c.what for c in told] == ["growth, keys", "growth, Iran", "growth, Turkey"]
    found = wrong(agrees, {"Iran": 2, "Turkey": 4}, {"Iran": 2, "Turkey": 3})
    assert (found.what, found.off) == ("growth, Turkey", "too high by 1 (about 0.33 of the expected number)")


def test_a_mapping_with_other_keys_is_told_how_many() -> None:
    found = wrong(agrees, {"Iran": 2, "Iraq": 1, "Oman": 1}, {"Iran": 2, "Turkey": 3})
    assert (found.what, found.expected, found.off) == ("growth, keys", "Iran, Turkey", "1 missing, 2 too many")


def test_a_single_number_in_place_of_a_mapping_is_told() -> None:
    found = wrong(agrees, 5, {"Turkey": 3, "Iran": 2})
    assert (found.expected, found.off) == ("one number each for Iran, Turkey", "a dict is asked for")
    assert wrong(agrees, 5, {"Turkey": 3}, shown=False).expected == ""


# Bounds


SPAN = Interval(Fraction(2), Fraction(7, 2))


@pytest.mark.parametrize(
    "given", [(2, 3.5), [2, Decimal("3.5")], SPAN, Quantity(Fraction(3), SPAN, Interval(Fraction(3), Fraction(3)))], ids=repr
)
@pytest.mark.parametrize("expected", [SPAN, (2, 3.5), Quantity(Fraction(3), SPAN, SPAN)], ids=repr)
def test_bounds_agree_in_whatever_type_holds_them(given: Any, expected: Any, told: list[Comparison]) -> None:
    same_bounds(given, expected, "growth")
    assert [(c.what, c.right) for c in told] == [("growth, low end", True), ("growth, high end", True)]


def test_the_bound_that_is_wrong_is_named() -> None:
    found = wrong(same_bounds, (2, 4), SPAN)
    assert (found.what, found.expected, found.off) == ("growth, high end", "3.5", "too high by 0.5 (about 0.14 of the expected number)")
    assert wrong(same_bounds, (3.5, 2), SPAN).what == "growth, low end", "bounds upside down"


@pytest.mark.parametrize("given", [3, None, (), (1, 2, 3), "2 to 3.5", {2: 1}], ids=repr)
def test_what_is_no_pair_of_bounds_is_told(given: Any) -> None:
    found = wrong(same_bounds, given, SPAN)
    assert (found.expected, found.off) == ("2 to 3.5", "two numbers are asked for, low and high")
    assert wrong(same_bounds, given, SPAN, shown=False).expected == ""


# Words


@pytest.mark.parametrize(
    ("given", "expected"), [("silk", "silk"), (3, 3), (True, True), (2, 2.0), (2.5, 2.5), (["a"], ["a"]), (None, None)], ids=repr
)
def test_the_expected_word_or_count_is_taken(given: Any, expected: Any) -> None:
    equals(given, expected, "growth")


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Silk", "silk"), (4, 3), (3.0, 3), (1, True), (True, 1), (True, 1.0), (("a",), ["a"]), (0, None), ("", None)],
    ids=repr,
)
def test_another_word_or_one_of_another_kind_is_not_taken(given: Any, expected: Any) -> None:
    found = wrong(equals, given, expected)
    assert (found.given, found.expected, found.off) == (as_text(given), as_text(expected), "")
    assert wrong(equals, given, expected, shown=False).expected == ""


# Names


@pytest.mark.parametrize("given", [["b", "a"], ("a", "b", "a"), {"a", "b"}, {"a": 1, "b": 2}], ids=lambda given: type(given).__name__)
def test_the_same_names_in_any_order_are_the_same_set(given: Any) -> None:
    same_set(given, ["a", "b"], "growth")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["a"], "1 missing"),
        (["a", "b", "c", "d"], "2 too many"),
        (["c"], "2 missing, 1 too many"),
        ("ab", "2 missing, 1 too many"),
        (5, "a list or set of names is asked for"),
        ([["a"], ["b"]], "a list or set of names is asked for"),
    ],
    ids=repr,
)
def test_another_set_is_told_by_how_many(given: Any, says: str) -> None:
    found = wrong(same_set, given, ["b", "a"])
    assert (found.expected, found.off) == ("a, b", says)
    assert wrong(same_set, given, ["b", "a"], shown=False).expected == ""


def test_no_names_at_all_are_told_as_none() -> None:
    assert wrong(same_set, ["a"], []).expected == "none"


def test_the_order_counts_where_it_is_asked_for() -> None:
    same_order(("b", "a"), ["b", "a"], "growth")
    found = wrong(same_order, ["a", "b"], ["b", "a"])
    assert (found.given, found.expected, found.off) == ("a, b", "b > a", "the right names in another order")
    assert off(same_order, ["b"], ["b", "a"]) == "other names"
    assert off(same_order, ["b", "c"], ["b", "a"]) == "other names"
    assert off(same_order, 7, ["b", "a"]) == "a list is asked for"
    assert off(same_order, {"a"}, ["a"]) == "a list is asked for"  # that a set comes in the right order is chance
    assert wrong(same_order, 7, ["b", "a"], shown=False).expected == ""
    assert wrong(same_order, ["a", "b"], ["b", "a"], shown=False).expected == ""


def test_an_answer_is_compared_where_nobody_listens() -> None:
    listening.set(None)
    equals("silk", "silk", "growth")
    with pytest.raises(AssertionError, match="growth: not what was asked for"):
        equals("road", "silk", "growth")


# How values are shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("silk", "silk"),
        (1234567, "1234567"),
        (1234567.0, "1,234,567"),
        (Fraction(10, 3), "3.33333"),
        (Decimal("0.5"), "0.5"),
        (1e15, "1e+15"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (True, "True"),
        (None, "None"),
        (Quantity.exact(1234), "1,234"),
        (PRINTED, "42.45 to 42.6"),
        (SPAN, "2 to 3.5"),
        (Interval(Fraction(2), Fraction(2)), "2 to 2"),
        (["b", 1.0, (2.5, "a")], "b, 1, 2.5, a"),
        ({"b", "a"}, "a, b"),
        (frozenset(), "nothing"),
        ([], "nothing"),
        ({"Iran": PRINTED, "Turkey": 1.0}, "Iran: 42.45 to 42.6, Turkey: 1"),
        ({}, "nothing"),
        ("x" * SHOWN, "x" * SHOWN),
        ("x" * (SHOWN + 1), "x" * SHOWN + " …"),
    ],
)
def test_a_value_is_shown_as_a_reader_would_write_it(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_a_comparison_travels_as_a_dict(told: list[Comparison]) -> None:
    equals("silk", "silk", "the word")
    assert [Comparison(**c.as_dict()) for c in told] == told
    assert told[0].as_dict() == {"what": "the word", "right": True, "given": "silk", "expected": "silk", "off": ""}
