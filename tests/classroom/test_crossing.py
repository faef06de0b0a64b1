"""What crosses between a student's kernel and the examiner: data comes over as it was, and nothing else does."""

from __future__ import annotations

import datetime
import enum
import functools
import json
import math
from collections import Counter, OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compendium.classroom.crossing import DEEPEST, LARGEST, MIME, MOST, Crossing, Parcel, decoded, encoded
from compendium.model.column import Column
from compendium.model.interval import Interval
from compendium.model.quantity import Quantity

bounds = st.fractions() | st.sampled_from([math.inf, -math.inf])
intervals = st.tuples(bounds, bounds).map(lambda pair: Interval(min(pair), max(pair)))
quantities = st.builds(Quantity, st.fractions(), intervals, intervals, st.text(max_size=5), st.text(max_size=5))
decimals = st.decimals(allow_nan=False, places=3) | st.sampled_from(
    [Decimal("NaN"), Decimal("-Infinity"), Decimal("1E-40"), Decimal("0.10")]
)
moments = st.datetimes() | st.datetimes(timezones=st.just(datetime.UTC))
dates = st.dates() | moments.map(lambda moment: moment.replace(fold=0))  # which of the two hours that a clock repeats is not written
whole = st.integers() | st.integers(-(10**300), 10**300)
scalars = st.none() | st.booleans() | whole | st.floats() | st.fractions() | decimals | st.text() | dates
keys = scalars | st.tuples(scalars, scalars)
values = st.recursive(
    scalars | intervals | quantities | st.sets(keys, max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def whole_of(value: Any) -> Any:
    """A value down to the types of its parts: 1 is not True, and one NaN is as good as another."""
    if isinstance(value, dict):
        return dict, [(whole_of(k), whole_of(v)) for k, v in value.items()]
    if isinstance(value, (list, tuple)):
        return type(value), [whole_of(part) for part in value]
    if isinstance(value, set):
        return set, sorted(repr(whole_of(part)) for part in value)
    return type(value), repr(value)


def crossed(value: Any) -> Any:
    return decoded(encoded(value))


def holding(parcel: Parcel) -> dict[str, Any]:
    """What a parcel brings over."""
    (text,) = [content for kind, content in parcel._repr_mimebundle_().items() if kind == MIME]
    content: dict[str, Any] = json.loads(text)
    return content


# What crosses


@settings(deadline=None)
@given(values)
def test_a_value_comes_over_as_it_was(value: Any) -> None:
    assert whole_of(crossed(value)) == whole_of(value)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), quantities, max_size=4), st.lists(st.text(max_size=5), max_size=3), st.text(max_size=5))
def test_a_column_comes_over_with_its_blanks_and_its_label(cells: dict[str, Quantity], blank: list[str], label: str) -> None:
    column = crossed(Column(cells, blank, label))
    assert isinstance(column, Column)
    assert (list(column.items()), column.blank, column.label) == (list(cells.items()), tuple(blank), label)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**62), 2**62), st.floats(), st.text(max_size=5)), min_size=1, max_size=5))
def test_a_table_comes_over_with_its_columns_and_its_index(rows: list[tuple[int, float, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["people", "share", "state"], index=[f"row {n}" for n in range(len(rows))])
    pd.testing.assert_frame_equal(crossed(frame), frame)
    pd.testing.assert_series_equal(crossed(frame["share"]), frame["share"], check_names=False)


def test_a_table_keeps_heads_of_several_words() -> None:
    frame = pd.DataFrame({("People", 2000): [1.5, 2.5], ("People", 2010): [3.5, 4.5]}, index=[7, 9])
    pd.testing.assert_frame_equal(crossed(frame), frame)


def test_a_head_that_comes_as_a_list_is_taken_as_the_words_that_it_lists() -> None:
    table = decoded('{"frame":[[7],[[["People",2000],[1.5]]]]}')
    assert list(table.columns) == [("People", 2000)]


def test_half_a_character_crosses() -> None:
    assert crossed("\ud83d") == "\ud83d"


class Rank(enum.IntEnum):
    FIRST = 1


class Word(str):
    pass


Pair = namedtuple("Pair", "low high")


@pytest.mark.parametrize(
    ("given", "comes"),
    [
        (Rank.FIRST, 1),
        (Word("silk"), "silk"),
        (Pair(1, 2), (1, 2)),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (frozenset({1, 2}), frozenset({1, 2})),
        (np.float64(1.5), 1.5),
        (np.int32(7), 7),
        (np.bool_(True), True),
        (np.str_("silk"), "silk"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.RangeIndex(3), [0, 1, 2]),
        (pd.NA, None),
        (pd.Timestamp("1996-05-01 12:30"), datetime.datetime(1996, 5, 1, 12, 30)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_of_a_library_or_of_a_type_of_one_s_own_crosses_as_what_it_holds(given: Any, comes: Any) -> None:
    assert whole_of(crossed(given)) == whole_of(comes)


def test_a_chart_crosses_as_its_description() -> None:
    chart = alt.Chart(alt.Data(values=[{"year": 1990, "value": 1.5}])).mark_bar().encode(x="year:O", y="value:Q")
    assert crossed(chart) == chart.to_dict()


# What is refused


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


ALLOWED = "; what can be handed in are numbers, texts, truth values, lists, tuples, sets, dicts and tables of them"
LEVELS = f"a value of more than {DEEPEST} levels or 100,000 parts"


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), f"a value of type object{ALLOWED}"),
        (1j, f"a value of type complex{ALLOWED}"),
        (b"silk", f"a value of type bytes{ALLOWED}"),
        (range(3), f"a value of type range{ALLOWED}"),
        (dict, f"a value of type type{ALLOWED}"),
        ([{"deep": (len,)}], f"a value of type builtin_function_or_method{ALLOWED}"),
        (np.array([1j]), f"a value of type complex{ALLOWED}"),
        (pd.Period("2000"), f"a value of type Period{ALLOWED}"),
        (np.sin, f"a value of type ufunc{ALLOWED}"),
        (np.longdouble(1), f"a value of type longdouble{ALLOWED}"),
        (10**1000, "a whole number of more than 1000 digits"),
        (Fraction(1, 10**1000), "a whole number of more than 1000 digits"),
        (nested(DEEPEST + 1), LEVELS),
        (endless(), LEVELS),
        ([0] * MOST, LEVELS),
        ("x" * LARGEST, "a value of 1,000,002 characters; at most 1,000,000 are taken"),
    ],
    ids=[
        "object", "complex", "bytes", "range", "class", "function within", "complex array", "period", "function of numpy", "long float", "long number", "fine fraction", "deep",
        "endless", "many", "long text",
    ],
)  # fmt: skip
def test_what_does_not_cross_is_named(value: Any, says: str) -> None:
    with pytest.raises(Crossing) as caught:
        encoded(value)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("given", "comes"),
    [
        (pd.NaT, None),
        ({frozenset({1})}, {frozenset({1})}),
        (Decimal("1." + "1" * 2500 + "E-50"), Decimal("1." + "1" * 2500 + "E-50")),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), None),
    ],
    ids=["missing time", "set of sets", "decimal of many digits", "two columns of one name"],
)
def test_what_is_not_refused_at_once_comes_over(given: Any, comes: Any) -> None:
    try:
        text = encoded(given)
    except Crossing:
        return
    assert decoded(text) == comes


def test_a_number_of_a_thousand_digits_crosses() -> None:
    assert crossed(10**999) == 10**999


def test_the_largest_values_cross() -> None:
    assert crossed(nested(DEEPEST)) == nested(DEEPEST)
    assert crossed([0] * (MOST - 2)) == [0] * (MOST - 2)
    assert crossed("x" * (LARGEST - 2)) == "x" * (LARGEST - 2)


def tagged(kind: str, body: Any) -> str:
    return json.dumps({kind: body})


POINT = {"interval": [1, 1]}
HOSTILE = {
    "nothing": (None, "a value of more than 1,000,000 characters"),
    "bytes": (b"1", "a value of more than 1,000,000 characters"),
    "too long": (" " * LARGEST + "1", "a value of more than 1,000,000 characters"),
    "no JSON": ("total", "a value that is not understood (JSONDecodeError)"),
    "half of it": ('{"tuple":[1,', "a value that is not understood (JSONDecodeError)"),
    "very deep": ("[" * 900_000, "a value that is not understood (RecursionError)"),
    "deep": ("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), LEVELS),
    "many": ("[" + "0," * MOST + "0]", LEVELS),
    "no kind": ("{}", "a value that is not understood (ValueError)"),
    "two kinds": ('{"int":"1","set":[]}', "a value that is not understood (ValueError)"),
    "unknown kind": (tagged("object", []), "a value that is not understood (KeyError)"),
    "a class": (tagged("__class__", "int"), "a value that is not understood (KeyError)"),
    "long int": (tagged("int", "9" * 2001), "a number of more than 1000 digits"),
    "word for int": (tagged("int", "seven"), "a value that is not understood (ValueError)"),
    "word for float": (tagged("float", "seven"), "a value that is not understood (ValueError)"),
    "word for decimal": (tagged("decimal", "seven"), "a value that is not understood (InvalidOperation)"),
    "large decimal": (tagged("decimal", "1e999999"), "a decimal number beyond all measure"),
    "small decimal": (tagged("decimal", "1e-999999"), "a decimal number beyond all measure"),
    "no such day": (tagged("date", "1996-02-30"), "a value that is not understood (ValueError)"),
    "division by nothing": (tagged("fraction", [1, 0]), "a value that is not understood (ZeroDivisionError)"),
    "fraction of texts": (tagged("fraction", ["1", "2"]), "a value that is not understood (TypeError)"),
    "set of lists": (tagged("set", [[1]]), "a value that is not understood (TypeError)"),
    "list for key": (tagged("dict", [[[1], 2]]), "a value that is not understood (TypeError)"),
    "key alone": (tagged("dict", [[1]]), "a value that is not understood (ValueError)"),
    "upside down": (tagged("interval", [2, 1]), "a value that is not understood (ValueError)"),
    "from no number": (tagged("interval", [{"float": "nan"}, 1]), "a value that is not understood (ValueError)"),
    "one end": (tagged("interval", [1]), "a value that is not understood (ValueError)"),
    "bare quantity": (tagged("quantity", [1, 1, 1, "1", ""]), "a quantity without its intervals"),
    "half a quantity": (tagged("quantity", [1, POINT, None, "1", ""]), "a quantity without its intervals"),
    "quantity of no number": (tagged("quantity", [{"float": "inf"}, POINT, POINT, "1", ""]), "a value that is not understood (OverflowError)"),
    "short quantity": (tagged("quantity", [1, POINT]), "a value that is not understood (ValueError)"),
    "column of numbers": (tagged("column", [{"dict": [["a", 1]]}, [], ""]), "a column of other things than quantities"),
    "column of no cells": (tagged("column", [[], [], ""]), "a value that is not understood (AttributeError)"),
    "ragged table": (tagged("frame", [[0, 1, 2], [["a", [1, 2]]]]), "a value that is not understood (ValueError)"),
    "series of two lengths": (tagged("series", [[0, 1], [1]]), "a value that is not understood (ValueError)"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_text_that_nobody_honest_sends_is_refused(name: str) -> None:
    text, says = HOSTILE[name]
    with pytest.raises(Crossing) as caught:
        decoded(text)
    assert str(caught.value) == says
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("text", [tagged("interval", [0, "1e9999"]), tagged("quantity", ["1e9999", POINT, POINT, "1", ""])])
def test_a_text_in_place_of_a_number_is_refused(text: str) -> None:
    with pytest.raises(Crossing):
        decoded(text)


kinds = st.sampled_from(
    [
        "int",
        "decimal",
        "float",
        "date",
        "fraction",
        "tuple",
        "set",
        "frozenset",
        "dict",
        "quantity",
        "interval",
        "column",
        "series",
        "frame",
        "object",
    ]
)
plain = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.sampled_from(["", "a", "1", "NaT", "nan", "1996-05-01"])
forged = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(kinds, inner, min_size=1, max_size=1), max_leaves=12
)


@settings(deadline=None)
@given(forged.map(json.dumps) | st.text())
@example('{"fraction":[1]}')
@example("NaN")
def test_whatever_is_sent_gives_plain_data_or_a_refusal(text: str) -> None:
    try:
        value = decoded(text)
    except Crossing:
        return
    parts = [value]
    while parts:
        part = parts.pop()
        assert type(part) in (
            type(None), bool, int, float, str, Fraction, Decimal, datetime.date, datetime.datetime, list, tuple, set, frozenset, dict,
            Quantity, Interval, Column, pd.Series, pd.DataFrame,
        )  # fmt: skip
        if isinstance(part, (list, tuple, set, frozenset, Mapping)):
            parts += [*part, *(part.values() if isinstance(part, Mapping) else ())]


# Parcels


class Scale:
    def __call__(self, number: float) -> float:
        return 2 * number

    def half(self, number: float) -> float:
        return number / 2


def share_of(part: float, whole: float = 100, *, digits: int = 1) -> float:
    return round(part / whole, digits)


@pytest.mark.parametrize(
    "function", [share_of, len, Scale(), Scale().half, [].append, functools.partial(share_of, whole=10)], ids=lambda f: type(f).__name__
)
def test_a_function_is_announced_and_not_sent(function: Callable[..., Any]) -> None:
    assert holding(Parcel.value({"share_of": function}, "share_of")) == {"function": "share_of"}


def test_a_name_that_is_not_there_is_told() -> None:
    assert holding(Parcel.value({"growth": 1}, "share")) == {"missing": "share"}


def test_a_value_goes_as_text() -> None:
    content = holding(Parcel.value({"growth": (1, Fraction(1, 3))}, "growth"))
    assert decoded(content["value"]) == (1, Fraction(1, 3))
    assert repr(Parcel.value({"growth": 1}, "growth")) == "", "the answer would stand in the output"


def test_a_chart_that_can_be_called_is_a_value_still() -> None:
    chart = alt.Chart(alt.Data(values=[])).mark_bar()
    chart_like = type("Chart", (), {"to_dict": lambda self: {}, "__call__": lambda self: 1})()
    assert list(holding(Parcel.value({"chart": chart}, "chart"))) == ["value"]
    assert list(holding(Parcel.value({"chart": chart_like}, "chart"))) == ["refused"]


def test_a_class_is_refused() -> None:
    assert holding(Parcel.value({"growth": Scale}, "growth")) == {"refused": f"a value of type type{ALLOWED}"}


def test_a_call_gets_its_arguments_as_they_were_given() -> None:
    content = holding(Parcel.call({"share_of": share_of}, "share_of", encoded([[1], {"whole": 3, "digits": 3}])))
    assert decoded(content["value"]) == 0.333


def test_a_call_that_fails_tells_the_error_in_five_hundred_characters() -> None:
    def long(word: str) -> None:
        raise ValueError(word * 400)

    none = holding(Parcel.call({"share_of": share_of}, "share_of", encoded([[1, 0], {}])))
    assert none == {"error": "ZeroDivisionError: division by zero"}
    told = holding(Parcel.call({"long": long}, "long", encoded([["no "], {}])))["error"]
    assert told.startswith("ValueError: no no no")
    assert len(told) == 500
    gone = holding(Parcel.call({}, "share_of", encoded([[], {}])))
    assert gone == {"error": "KeyError: 'share_of'"}


def test_a_result_that_cannot_cross_is_refused_with_its_type() -> None:
    content = holding(Parcel.call({"scale": lambda: Scale()}, "scale", encoded([[], {}])))
    assert content == {"refused": f"a value of type Scale{ALLOWED}"}


def test_a_value_that_fails_when_it_is_looked_at_is_an_error() -> None:
    class Trap(Mapping[str, int]):
        def __getitem__(self, key: str) -> int:
            raise LookupError("no way in")

        def __iter__(self) -> Any:
            raise OSError("no way through")

        def __len__(self) -> int:
            return 1

    assert holding(Parcel.value({"growth": Trap()}, "growth")) == {"error": "OSError: no way through"}
