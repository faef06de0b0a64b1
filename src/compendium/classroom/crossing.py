"""What crosses between the student's kernel and the examiner: data, as JSON, and nothing else.

The same code runs on both sides. In the kernel it may be tampered with, so the examiner's side believes
nothing: :func:`decoded` makes plain values of a few known types, within limits of size and depth, and
raises :class:`Crossing` for anything else. No class, no code, no reference crosses.
"""

from __future__ import annotations

import datetime
import json
import math
import types
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from compendium.model.column import Column
from compendium.model.interval import Interval
from compendium.model.quantity import Quantity

LARGEST = 1_000_000  # characters of one value's text
DEEPEST = 40  # levels of one value
MOST = 100_000  # parts of one value
DIGITS = 1_000  # of one whole number
MIME = "application/vnd.compendium.value"
CALLABLE = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
Plain = dict[str, Any] | list[Any] | str | int | float | bool | None


class Crossing(ValueError):
    """A value that cannot cross; the message says which kind it is and what can."""


def encoded(value: Any) -> str:
    """A value as text.

    Raises
    ------
    Crossing
        Where it is of no kind that crosses, or too large.

    Examples
    --------
    >>> decoded(encoded({"Kazakhstan": 1.5, "both": (1, 2)}))
    {'Kazakhstan': 1.5, 'both': (1, 2)}
    """
    text = json.dumps(_plain(value, DEEPEST, [MOST]), ensure_ascii=True, separators=(",", ":"))
    if len(text) > LARGEST:
        raise Crossing(f"a value of {len(text):,} characters; at most {LARGEST:,} are taken")
    return text


def _plain(value: Any, depth: int, left: list[int]) -> Plain:
    left[0] -= 1
    if depth <= 0 or left[0] <= 0:
        raise Crossing(f"a value of more than {DEEPEST} levels or {MOST:,} parts")
    kind = type(value)
    if value is None or kind in (bool, str):
        return value  # type: ignore[no-any-return]
    if kind is int:
        if abs(value) >= 10**DIGITS:
            raise Crossing(f"a whole number of more than {DIGITS} digits")
        return {"int": str(value)} if abs(value) >= 1 << 53 else value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is Fraction:
        return {"fraction": [_plain(value.numerator, depth - 1, left), _plain(value.denominator, depth - 1, left)]}
    if kind is Decimal:
        if len(str(value)) > 2 * DIGITS:
            raise Crossing(f"a decimal number of more than {2 * DIGITS:,} characters")
        return {"decimal": str(value)}
    if kind in (list, tuple, set, frozenset):
        items = [_plain(item, depth - 1, left) for item in value]
        return items if kind is list else {kind.__name__: items}
    if isinstance(value, Quantity):
        return {
            "quantity": [_plain(part, depth - 1, left) for part in (value.value, value.rounded, value.truncated, value.text, value.label)]
        }
    if isinstance(value, Interval):
        return {"interval": [_plain(value.low, depth - 1, left), _plain(value.high, depth - 1, left)]}
    if isinstance(value, Column):
        return {"column": [_plain(dict(value), depth - 1, left), _plain(list(value.blank), depth - 1, left), str(value.label)]}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(k, depth - 1, left), _plain(v, depth - 1, left)] for k, v in value.items()]}
    if isinstance(value, (datetime.date, datetime.datetime)) and kind.__name__ != "NaTType":  # pandas's missing time
        return {"date": value.isoformat()}
    return _library(value, depth, left)


def _library(value: Any, depth: int, left: list[int]) -> Plain:
    """Values of libraries, known by name so that none is imported for it."""
    module, name = type(value).__module__.partition(".")[0], type(value).__name__
    if module == "numpy" and hasattr(value, "tolist"):
        made = value.tolist()  # an array as lists, a scalar as a number; one that is no number of Python's stays itself
        if type(made) is not type(value):
            return _plain(made, depth, left)
    if module == "pandas" and name == "Series":
        return {"series": [_plain(list(part), depth - 1, left) for part in (value.index.tolist(), value.tolist())]}
    if module == "pandas" and name == "DataFrame":
        if not value.columns.is_unique:
            raise Crossing("a table with two columns of one name")
        columns = [[_plain(c, depth - 1, left), _plain(value[c].tolist(), depth - 1, left)] for c in value.columns]
        return {"frame": [_plain(value.index.tolist(), depth - 1, left), columns]}
    if module == "pandas" and name in ("Index", "RangeIndex", "NAType", "NaTType"):
        return _plain(list(value) if "Index" in name else None, depth - 1, left)
    if module == "altair" and hasattr(value, "to_dict"):
        return {"dict": [[k, _plain(v, depth - 1, left)] for k, v in value.to_dict().items()]}
    kin: Any
    for kin in (bool, int, float, str, list, tuple, set, dict):  # a subclass crosses as what it extends
        if isinstance(value, kin):
            return _plain(kin(value), depth - 1, left)
    raise Crossing(
        f"a value of type {name}; what can be handed in are numbers, texts, truth values, lists, tuples, sets, dicts and tables of them"
    )


def decoded(text: Any) -> Any:
    """A value from a text that may come from anyone.

    Raises
    ------
    Crossing
        Where the text is not what :func:`encoded` writes.
    """
    if not isinstance(text, str) or len(text) > LARGEST:
        raise Crossing(f"a value of more than {LARGEST:,} characters")
    try:
        return _value(json.loads(text), DEEPEST, [MOST])
    except Crossing:
        raise
    except (ValueError, TypeError, ArithmeticError, RecursionError, LookupError, AttributeError) as error:
        raise Crossing(f"a value that is not understood ({type(error).__name__})") from None


def _value(plain: Any, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth <= 0 or left[0] <= 0:
        raise Crossing(f"a value of more than {DEEPEST} levels or {MOST:,} parts")
    if isinstance(plain, list):
        return [_value(item, depth - 1, left) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, body),) = plain.items()
    if kind in ("int", "decimal", "float", "date"):
        return _scalar(kind, str(body))
    parts = _value(body, depth, left) if kind != "dict" else [(_value(k, depth - 1, left), _value(v, depth - 1, left)) for k, v in body]
    made = _MADE[kind](parts)
    return made


def _scalar(kind: str, text: str) -> Any:
    if len(text) > 2 * DIGITS:
        raise Crossing(f"a number of more than {DIGITS} digits")
    if kind == "date":
        return datetime.datetime.fromisoformat(text) if "T" in text else datetime.date.fromisoformat(text)
    if kind == "decimal":
        number = Decimal(text)
        if number.is_finite() and abs(number.adjusted()) > DIGITS:
            raise Crossing("a decimal number beyond all measure")  # as a fraction it would fill the memory
        return number
    return int(text) if kind == "int" else float(text)


def _fraction(part: Any) -> Fraction:
    """A number as a fraction; never from a text, whose exponent could fill the memory."""
    if type(part) not in (int, float, Fraction):
        raise Crossing("a bound that is not a number")
    return Fraction(part)


def _quantity(parts: list[Any]) -> Quantity:
    value, rounded, truncated, text, label = parts
    if not (isinstance(rounded, Interval) and isinstance(truncated, Interval)):
        raise Crossing("a quantity without its intervals")
    return Quantity(_fraction(value), rounded, truncated, str(text), str(label))


def _interval(parts: list[Any]) -> Interval:
    low, high = (part if isinstance(part, float) and math.isinf(part) else _fraction(part) for part in parts)
    return Interval(low, high)


def _column(parts: list[Any]) -> Column:
    cells, blank, label = parts
    if not all(isinstance(q, Quantity) for q in cells.values()):
        raise Crossing("a column of other things than quantities")
    return Column(cells, [str(b) for b in blank], str(label))


def _series(parts: list[Any]) -> Any:
    import pandas as pd

    return pd.Series(parts[1], index=parts[0])


def _frame(parts: list[Any]) -> Any:
    import pandas as pd

    index, columns = parts
    return pd.DataFrame(dict((_key(name), values) for name, values in columns), index=index)


def _key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


_MADE: dict[str, Any] = {
    "fraction": lambda p: Fraction(p[0], p[1]), "tuple": tuple, "set": set, "frozenset": frozenset, "dict": dict,
    "quantity": _quantity, "interval": _interval, "column": _column, "series": _series, "frame": _frame,
}  # fmt: skip


class Parcel:
    """What a kernel's expression evaluates to, so that a value travels as text and not as its repr.

    Used inside the kernel only: ``Parcel.value(globals(), "growth")``, ``Parcel.call(globals(), "share_of", arguments)``.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = json.dumps(content)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {MIME: self._content}

    def __repr__(self) -> str:
        return ""

    @classmethod
    def value(cls, names: Mapping[str, Any], name: str) -> Parcel:
        """The value of a name; ``missing`` where there is none, ``function`` for what can be called."""
        if name not in names:
            return cls({"missing": name})
        value = names[name]
        if isinstance(value, CALLABLE) or (callable(value) and not isinstance(value, type) and not hasattr(value, "to_dict")):
            return cls({"function": name})
        return cls._wrapped(lambda: value)

    @classmethod
    def call(cls, names: Mapping[str, Any], name: str, arguments: str) -> Parcel:
        """What a function makes of the arguments."""
        positional, named = decoded(arguments)
        return cls._wrapped(lambda: names[name](*positional, **named))

    @classmethod
    def _wrapped(cls, make: Any) -> Parcel:
        try:
            return cls({"value": encoded(make())})
        except Crossing as error:
            return cls({"refused": str(error)})
        except Exception as error:
            return cls({"error": f"{type(error).__name__}: {error}"[:500]})
