"""Results kept by name in a file of lines, so that interrupted work resumes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from compendium.corpus.digest import sha256


class Kept:
    """Named JSON values in one file, good for one state of their inputs, which its name should tell.

    Lines are appended in one write each, so that two processes at once do not mix them; each ends with a
    hash of itself, and one that is torn or spoiled is passed over.

    Parameters
    ----------
    path : Path
        The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.values: dict[str, Any] = {}
        if path.is_file():
            for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
                try:
                    name, value, mark = json.loads(line)
                    if mark == _mark(name, value):
                        self.values[name] = value
                except (ValueError, TypeError):
                    continue

    def keep(self, name: str, value: Any) -> None:
        """Keep a value, here and in the file."""
        self.values[name] = value
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = f"\n{json.dumps([name, value, _mark(name, value)], ensure_ascii=False)}\n".encode()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)


def _mark(name: str, value: Any) -> str:
    return sha256(json.dumps([name, value]).encode())[:16]
