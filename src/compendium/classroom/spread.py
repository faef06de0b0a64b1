"""Every variant that can be drawn, checked: it can be solved, its tests pass, its difficulty is within limits."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compendium.classroom.assignment import Assignment
from compendium.classroom.marking import listening
from compendium.classroom.solution import answers_of, beside, failures, solve
from compendium.corpus.errors import DataError


@dataclass(frozen=True, slots=True)
class Spread:
    """What the variants of an assignment have in common, and in what they differ.

    Parameters
    ----------
    variants, different : int
        How many were solved, and how many different sets of answers they have.
    measures : mapping
        Least, mean and most of each measure of difficulty.
    """

    variants: int
    different: int
    measures: Mapping[str, tuple[float, float, float]]


def spread(assignment: Assignment, one_in: int = 1) -> Spread:
    """Solve every variant and test each solution.

    Parameters
    ----------
    one_in : int
        Leave out all but the first of every so many variants.

    Raises
    ------
    DataError
        For the first variant that cannot be solved, fails a test or lies outside the limits.
    """
    measure: Callable[..., Mapping[str, float]] = getattr(assignment.maker, "measures", lambda parameters, secret, answers: {})
    found: dict[str, list[float]] = {}
    seen: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="compendium-spread-") as name:
        solved = assignment.variants[::one_in]
        for variant in solved:
            with beside(assignment.released(variant), Path(name)):
                answers = solve(assignment, variant)
                told: list[Any] = []
                token = listening.set(told)
                wrong = failures(assignment, answers, answers)
                listening.reset(token)
            if wrong:
                item, result = next(iter(wrong.items()))
                raise DataError(f"{assignment.name}: with {variant.all} the solution fails {item}: {result.error}")
            measures = measure(dict(variant.parameters), dict(variant.secret), answers)
            if set(measures) != set(assignment.card.difficulty):
                raise DataError(
                    f"{assignment.name}: measures of {sorted(measures)}; the card has limits for {sorted(assignment.card.difficulty)}"
                )
            for key, value in measures.items():
                low, high = assignment.card.difficulty[key]
                if not low <= value <= high:
                    raise DataError(f"{assignment.name}: with {variant.all} {key} is {value}; {low} to {high} are allowed")
                found.setdefault(key, []).append(float(value))
            seen.add(repr(answers_of(assignment, answers)))
    spans = {key: (min(values), sum(values) / len(values), max(values)) for key, values in found.items()}
    return Spread(len(solved), len(seen), spans)
