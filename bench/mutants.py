"""Make the model and the checks a little wrong in every way that mutmut knows, and count what the tests notice.

    .venv/bin/python bench/mutants.py OUT.json [--children 2]

In a copy of the last commit, with mutmut in an environment of its own below .bench/. Half an hour or more; an
interrupted run goes on where it stopped, as long as the commit is the same. OUT.json is mutmut's own summary.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from pathlib import Path

from run import ROOT, WORK, environment


def copy_of_the_commit() -> Path:
    """A clone below .bench/, kept while its commit is the checkout's."""
    folder = WORK / "mutants"
    commits = [subprocess.run(["git", "-C", str(place), "rev-parse", "HEAD"], capture_output=True, text=True).stdout for place in (ROOT, folder)]
    if commits[0] != commits[1] or not folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--children", type=int, default=2)
    words = parser.parse_args()
    out = words.out.resolve()
    mutmut, folder = environment("mutmut") / "mutmut", copy_of_the_commit()
    # The mutants' own source comes before the checkout's, which the environment has installed. Python forgets a
    # folder that is not there when it starts.
    source = folder / "mutants" / "src"
    source.mkdir(parents=True, exist_ok=True)
    surroundings = {**os.environ, "PYTHONPATH": str(source)}
    subprocess.run([str(mutmut), "run", "--max-children", str(words.children)], cwd=folder, env=surroundings, check=True)
    subprocess.run([str(mutmut), "export-cicd-stats"], cwd=folder, env=surroundings, check=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / "mutants" / "mutmut-cicd-stats.json", out)


if __name__ == "__main__":
    main()
