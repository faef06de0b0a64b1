"""How much is tried: a few hundred cases as a rule, ten thousand and more where COMPENDIUM_NIGHTLY is set."""

from __future__ import annotations

import os

NIGHTLY = bool(os.environ.get("COMPENDIUM_NIGHTLY"))


def cases(usual: int, at_night: int) -> int:
    """How many cases to try."""
    return at_night if NIGHTLY else usual
