"""How much is tried: a few hundred cases as a rule, ten thousand and more where COMPENDIUM_NIGHTLY is set."""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

NIGHTLY = bool(os.environ.get("COMPENDIUM_NIGHTLY"))


def cases(usual: T, at_night: T) -> T:
    """How many cases to try, or which."""
    return at_night if NIGHTLY else usual
