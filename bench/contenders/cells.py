"""The cells alone, each notebook's in a process forked from one that has the packages: what no runner can do without.

    cells.py [profile]

Prints as JSON the seconds of the forked processes and, where asked, what they are spent on.
"""

import cProfile
import json
import os
import pstats
import sys
import time
from pathlib import Path
from tempfile import NamedTemporaryFile

from compendium.execution.universes import shown_in
from compendium.execution.warmserver import preload

PACKAGES = ("altair", "jsonschema", "referencing", "great_tables", "pandas", "fastjsonschema", "nbformat", "compendium")


def room(path: str) -> str:
    """The package that a profiled function belongs to."""
    parts = Path(path).parts
    named = [p for p in parts if p in PACKAGES]
    return named[-1] if named else "Python itself"


def main() -> None:
    preload()
    spent, shares = 0.0, {}
    for path in sorted(Path("notebooks").glob("*.ipynb")):
        with NamedTemporaryFile() as kept:
            if (child := os.fork()) == 0:
                profile, began = cProfile.Profile() if "profile" in sys.argv else None, time.process_time()
                if profile:
                    profile.enable()
                shown_in(path, {})
                if profile:
                    profile.disable()
                    profile.dump_stats(kept.name)
                else:
                    Path(kept.name).write_text(str(time.process_time() - began))
                os._exit(0)
            if os.waitpid(child, 0)[1]:
                sys.exit(f"{path}: the cells failed")
            if "profile" in sys.argv:
                for (file, _, _), (_, _, own, _, _) in pstats.Stats(kept.name).stats.items():
                    shares[room(file)] = shares.get(room(file), 0) + own
            else:
                spent += float(Path(kept.name).read_text())
    whole = sum(shares.values())
    print(json.dumps({"seconds": spent, "shares": {name: own / whole for name, own in sorted(shares.items(), key=lambda p: -p[1])}}))


if __name__ == "__main__":
    main()
