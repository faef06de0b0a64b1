"""Many runs in warm kernels, each compared with the run of an ordinary kernel, byte by byte.

    .venv/bin/python bench/endurance.py [--runs 2000]

Writes bench/ENDURANCE.md: how many runs, failures and differences.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compendium.corpus.errors import DataError
from compendium.execution import batch
from compendium.execution.parameters import read_notebook
from compendium.execution.running import execute, text_of

ROOT = Path(__file__).resolve().parents[1]


def run(name: str, warm: bool) -> str:
    return text_of(execute(read_notebook(ROOT / "notebooks" / f"{name}.ipynb"), {}, ROOT, name, warm=warm))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    runs = parser.parse_args().runs
    names = sorted(p.stem for p in (ROOT / "notebooks").glob("[AB][0-9].ipynb"))
    print("ordinary kernels", file=sys.stderr)
    wanted = {name: run(name, warm=False) for name in names}
    batch._prepare()
    found: Counter[str] = Counter()
    began = time.perf_counter()

    def one(name: str) -> str:
        try:
            return "same" if run(name, warm=True) == wanted[name] else f"different: {name}"
        except (DataError, RuntimeError, OSError) as error:
            return f"failed: {name}: {error}"

    with ThreadPoolExecutor(batch.cores() + 2) as pool:
        for number, result in enumerate(pool.map(one, itertools.islice(itertools.cycle(names), runs)), 1):
            found[result] += 1
            if number % 100 == 0:
                print(f"{number} of {runs}: {dict(found)}", file=sys.stderr, flush=True)
    bad = {what: count for what, count in found.items() if what != "same"}
    text = (f"# Endurance\n\n{runs} runs of {len(names)} notebooks in warm kernels, {batch.cores() + 2} at once, in "
            f"{time.perf_counter() - began:.0f} s: {found['same']} equal to the run of an ordinary kernel, byte by byte; "
            f"{sum(bad.values())} failed or differed.\n")  # fmt: skip
    (ROOT / "bench" / "ENDURANCE.md").write_text(text + "".join(f"\n- {count}: {what}" for what, count in bad.items()))
    print(text)


if __name__ == "__main__":
    main()
