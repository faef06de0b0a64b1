"""Runs of notebooks: from the store where nothing changed, by a kernel where something did."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from compendium.corpus.errors import DataError
from compendium.execution.notebook import plain_notebook
from compendium.execution.store import Inputs, Store, inputs_of

NOTEBOOKS = "notebooks"
CHAPTER = re.compile(r"[AB]\d")
FRESH = Path(".cache") / "findings"  # what the chapters' last runs found; a synthesis notebook reads it


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook with one choice of parameters."""

    notebook: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return " ".join([self.notebook, *(f"{k}={v}" for k, v in self.parameters.items())])


def notebook_names(root: Path) -> list[str]:
    """The notebooks of the checkout, chapters first, then the synthesis."""
    return sorted(path.stem for path in (root / NOTEBOOKS).glob("*.ipynb"))


def size(root: Path, job: Job) -> int:
    """Bytes of a job's notebook, outputs included: roughly in proportion to what its run costs."""
    path = root / NOTEBOOKS / f"{job.notebook}.ipynb"
    return path.stat().st_size if path.is_file() else 0


def is_synthesis(name: str) -> bool:
    """Whether a notebook is computed from the executed chapters, not from a chapter's data."""
    return not CHAPTER.fullmatch(name)


def publish(root: Path, name: str, executed: bytes) -> None:
    """Lay a chapter's findings where the synthesis notebooks read them; what has not changed is left alone."""
    from compendium.checking.findings import findings_of
    from compendium.execution.store import write_whole

    path = root / FRESH / f"{name}.json"
    content = json.dumps(list(findings_of(json.loads(executed))), ensure_ascii=False, indent=0).encode()
    if not path.is_file() or path.read_bytes() != content:
        write_whole(path, content)


def read_plain(root: Path, name: str) -> dict[str, Any]:
    """A notebook as plain JSON, without the cost of nbformat.

    Raises
    ------
    DataError
        Where there is none, or where it is not JSON.
    """
    if name not in notebook_names(root):
        raise DataError(f"there is no notebook {name[:80]!r}; there are {', '.join(notebook_names(root)) or 'none'}")
    return plain_notebook(root / NOTEBOOKS / f"{name}.ipynb")


def inputs_for(root: Path, job: Job) -> Inputs:
    """What the result of a job depends on, before data are read."""
    return inputs_of(root, job.notebook, read_plain(root, job.notebook), job.parameters)


def stored(root: Path, job: Job) -> bytes | None:
    """The executed notebook of a job, if its inputs are as they were."""
    return Store(root).find(inputs_for(root, job))


def provenance(root: Path, job: Job) -> dict[str, Any]:
    """What went into the stored result of a job: parameters, versions, hashes of all inputs, duration."""
    from compendium import __version__

    found = Store(root).lookup(inputs_for(root, job))
    record = found[1] if found else {}
    return {"notebook": job.notebook, "parameters": dict(job.parameters), "compendium": __version__, **record}


def run(root: Path, job: Job) -> bytes:
    """Execute a job whatever the store holds, and keep the result.

    Returns
    -------
    bytes
        The executed notebook.

    Raises
    ------
    DataError
        Where the notebook or a parameter is wrong, or a cell fails.
    """
    from compendium.checking.findings import finding_from, findings_of
    from compendium.corpus.files import FINDINGS, READS
    from compendium.execution.parameters import parameters_of, read_notebook, validated
    from compendium.execution.running import execute, text_of

    path = root / NOTEBOOKS / f"{job.notebook}.ipynb"
    notebook = read_notebook(path)
    given = validated(parameters_of(notebook, path.name), job.parameters, job.notebook)
    inputs = inputs_for(root, job)
    began = time.perf_counter()
    with tempfile.NamedTemporaryFile("r", prefix="compendium-reads-", encoding="utf-8") as log:
        environment = {**os.environ, READS: log.name}
        if is_synthesis(job.notebook):
            environment[FINDINGS] = str(root / FRESH)
        done = execute(notebook, given, root, job.label, environment=environment)
        for finding in findings_of(done):
            try:
                finding_from(finding)
            except DataError as error:
                raise DataError(f"{job.label}: {error}") from None
        store = Store(root)
        reads = store.reads(log.read().splitlines())
    if reads is None:
        return text_of(done).encode()
    done.metadata["compendium"] = origin(job, inputs, reads)
    content = text_of(done).encode()
    store.keep(inputs, reads, content, time.perf_counter() - began)
    return content


def origin(job: Job, inputs: Inputs, reads: Mapping[str, str]) -> dict[str, Any]:
    """What an executed notebook says of its origin: all that its bytes depend on, and nothing that differs from run to run."""
    from compendium import __version__

    return {
        "notebook": job.notebook, "parameters": dict(job.parameters), "version": __version__,
        "inputs": {"code": inputs.code, "source": inputs.source, "lock": inputs.lock, "python": inputs.python},
        "data": dict(sorted(reads.items())),
    }  # fmt: skip


def without_origin(content: bytes) -> bytes:
    """An executed notebook as it is committed: what it was made from stands beside it in the checkout."""
    from compendium.execution.running import text_of

    notebook = json.loads(content)
    notebook["metadata"].pop("compendium", None)
    return text_of(notebook).encode()
