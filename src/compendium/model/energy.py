"""Energy quantities in one unit and in another, by stated factors.

The factors are those of the BP Statistical Review: a tonne of oil equivalent is 11.63 MWh and 7.33
barrels, a cubic metre of natural gas is 10 kWh (36 MJ). They are averages; a crude or a gas of its own
may be some per cent off, which is why comparisons that need them allow a tolerance.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TypeVar

from compendium.model.column import Column
from compendium.model.quantity import Quantity

T = TypeVar("T", Quantity, Column)

MWH_PER_TONNE = Fraction(1163, 100)
"""Megawatt hours in a tonne of oil equivalent."""

BARRELS_PER_TONNE = Fraction(733, 100)
"""Barrels in a tonne of oil."""

KWH_PER_CUBIC_METRE = Fraction(10)
"""Kilowatt hours in a cubic metre of natural gas."""

DAYS = 365


def million_tonnes(terawatt_hours: T) -> T:
    """Oil in TWh as million tonnes of oil equivalent."""
    return terawatt_hours / MWH_PER_TONNE


def million_barrels_a_day(terawatt_hours: T) -> T:
    """Oil in TWh a year as million barrels a day.

    Examples
    --------
    >>> str(million_barrels_a_day(Quantity.exact(1163)))
    '2.008'
    """
    return million_tonnes(terawatt_hours) * BARRELS_PER_TONNE / DAYS


def billion_cubic_metres(terawatt_hours: T) -> T:
    """Natural gas in TWh as billion cubic metres."""
    return terawatt_hours / KWH_PER_CUBIC_METRE
