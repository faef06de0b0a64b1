"""The README's first command, in a fresh clone of what is committed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .trust.conftest import NIGHTLY


@pytest.mark.slow
def test_make_book_in_a_fresh_clone(root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(root), str(clone)], check=True)
    clean = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH", "COMPENDIUM_DATA"} and not k.startswith("PYTEST")}
    if NIGHTLY:
        words = [f"PYTHON={sys.executable}"]
    else:  # with the environment of these tests, which the same rule has set up a moment ago
        words = [f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.installed"]
        clean["PYTHONPATH"] = str(clone / "src")
    done = subprocess.run(["make", "book", *words], cwd=clone, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Open file://" in done.stdout
    assert "PDF" in done.stderr
    assert (clone / "_build" / "html" / "A4.html").is_file()
    assert (clone / "_build" / "html" / "data" / "ledger.json").is_file()
    left = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True).stdout
    assert left == "", "the build writes only what git ignores"
