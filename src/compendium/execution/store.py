"""Executed notebooks kept by content: the same inputs give the same result without running.

The inputs of a run are the notebook's code, its parameters, the package's own source, the lock file,
and every data file that the run read, as it recorded itself. Standard library only: a hit must not
cost the import of what it saves.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compendium.corpus.digest import ABSENT, content_hash, sha256

LOADED_BY_NOTEBOOKS = ("model", "corpus", "checking", "display", "chapter.py", "volumes.py", "parameters.py", "__init__.py")
# Not loaded by a chapter's notebook: a change of these leaves every chapter's results as they are.
OF_SYNTHESIS = ("volumes.py", "display/apps.py", "display/diagrams.py", "checking/ledger.py", "checking/multiverse.py",
                "corpus/package.py", "corpus/integrity.py")  # fmt: skip
FORMAT = 4  # of the records; entries of another format are not looked at
VARIANTS = 8  # states of the data kept for one notebook and parameters; older ones are dropped


@cache
def source_hash(synthesis: bool = True) -> str:
    """A hash of the package's source, as far as notebooks load it: those of the synthesis, or of chapters alone."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for name in LOADED_BY_NOTEBOOKS:
        part = package / name
        for path in sorted(part.rglob("*")) if part.is_dir() else [part]:
            name = path.relative_to(package).as_posix()
            if path.is_file() and path.suffix in {".py", ".json"} and (synthesis or name not in OF_SYNTHESIS):
                digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def code_hash(notebook: Mapping[str, Any]) -> str:
    """A hash of what a notebook computes: its cells without outputs and counters."""
    cells = [[c["cell_type"], "".join(c["source"]), c.get("metadata", {}).get("tags", [])] for c in notebook["cells"]
             if "injected-parameters" not in c.get("metadata", {}).get("tags", [])]  # fmt: skip
    return sha256(json.dumps(cells, ensure_ascii=False).encode())


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file at once: readers see the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run depends on before it has read any data."""

    notebook: str
    code: str
    parameters: str
    source: str
    lock: str
    python: str

    @property
    def key(self) -> str:
        return sha256(json.dumps([FORMAT, self.notebook, self.code, self.parameters, self.source, self.lock, self.python]).encode())[:32]


def inputs_of(root: Path, name: str, notebook: Mapping[str, Any], parameters: Mapping[str, Any]) -> Inputs:
    """The inputs of a run of a notebook as read from its file."""
    return Inputs(
        name, code_hash(notebook), json.dumps(parameters, sort_keys=True, ensure_ascii=False), source_hash(name[:1] not in "AB"),
        content_hash(root / "requirements.lock"), ".".join(map(str, sys.version_info[:2])),
    )  # fmt: skip


class Store:
    """A folder of executed notebooks. Several processes may use it at once.

    Parameters
    ----------
    root : Path
        The checkout; paths of data files are kept relative to it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".cache" / "runs"

    def find(self, inputs: Inputs) -> bytes | None:
        """The executed notebook of these inputs, if the data that it read are as they were.

        A damaged entry counts as none.
        """
        found = self.lookup(inputs)
        return None if found is None else found[0]

    def lookup(self, inputs: Inputs) -> tuple[bytes, dict[str, Any]] | None:
        """The executed notebook of these inputs with the record of its run."""
        for record, path in self._variants(inputs):
            if all(content_hash(self._path(name)) == digest for name, digest in record["reads"].items()):
                try:
                    content = path.with_suffix(".ipynb").read_bytes()
                except OSError:
                    continue
                if sha256(content) == record["result"]:
                    return content, record
        return None

    def keep(self, inputs: Inputs, reads: Mapping[str, str], content: bytes, seconds: float = 0) -> None:
        """Keep an executed notebook under its inputs and the hashes of what it read.

        The record holds no path outside the checkout's, no user and no host. The duration stands in it
        and not in the notebook, whose bytes depend on its inputs alone.
        """
        name = sha256(json.dumps(sorted(reads.items())).encode())[:16]
        entry = self.folder / inputs.key / name
        write_whole(entry.with_suffix(".ipynb"), content)
        record = {"reads": dict(sorted(reads.items())), "result": sha256(content), "seconds": round(seconds, 3), "inputs": {
            "notebook": inputs.notebook, "code": inputs.code, "parameters": inputs.parameters, "source": inputs.source,
            "lock": inputs.lock, "python": inputs.python}}  # fmt: skip
        write_whole(entry.with_suffix(".json"), json.dumps(record, indent=1))
        self._latest(inputs, record)
        for _, path in self._variants(inputs)[VARIANTS:]:
            for old in (path, path.with_suffix(".ipynb")):
                with contextlib.suppress(OSError):
                    old.unlink()

    def why(self, inputs: Inputs) -> list[str]:
        """What differs from the last run of this notebook with these parameters, in sentences."""
        path = self._latest_path(inputs)
        try:
            last = json.loads(path.read_text(encoding="utf-8"))
            before, reads = dict(last["inputs"]), dict(last["reads"])
        except (OSError, ValueError, KeyError, TypeError):
            return [f"{inputs.notebook} has not been run with these parameters"]
        words = {"code": "the notebook's code", "source": "the package's source", "lock": "the lock file", "python": "the Python version"}
        changed = [f"{word} changed" for key, word in words.items() if before.get(key) != getattr(inputs, key)]
        for name, digest in reads.items():
            now = content_hash(self._path(name))
            if now != digest:
                changed.append(f"{name} {'is gone' if now == ABSENT else 'is new' if digest == ABSENT else 'changed'}")
        return changed or (["nothing changed"] if self.find(inputs) is not None else ["the stored result is damaged or gone"])

    def reads(self, log: Iterable[str]) -> dict[str, str] | None:
        """What a run recorded as read, with the hash of each at that moment, by path relative to the checkout.

        Returns
        -------
        dict or None
            None where a file changed while the run read it: then nothing can be kept.
        """
        found: dict[str, str] = {}
        for line in log:
            digest, _, name = line.partition("\t")
            path = Path(name)
            key = str(path.relative_to(self.root)) if path.is_relative_to(self.root) else name
            if found.setdefault(key, digest) != digest:
                return None
        return found

    def _path(self, name: str) -> Path:
        return self.root / name  # an absolute name stays as it is

    def _variants(self, inputs: Inputs) -> list[tuple[dict[str, Any], Path]]:
        found = []
        dated = []
        with contextlib.suppress(OSError):
            for path in (self.folder / inputs.key).glob("*.json"):
                with contextlib.suppress(FileNotFoundError):  # dropped a moment ago by another run
                    dated.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(dated, reverse=True):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                if isinstance(record["reads"], dict) and isinstance(record["result"], str):
                    found.append((record, path))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # half gone or damaged: as if it were not there
        return found

    def _latest_path(self, inputs: Inputs) -> Path:
        return self.folder / "latest" / f"{sha256((inputs.notebook + inputs.parameters).encode())[:32]}.json"

    def _latest(self, inputs: Inputs, record: Mapping[str, Any]) -> None:
        write_whole(self._latest_path(inputs), json.dumps(record, indent=1))
