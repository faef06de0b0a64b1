"""Executing one notebook, and keeping of it only what its inputs determine."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from compendium.corpus.errors import DataError
from compendium.execution.kernels import manager_class

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class RunError(DataError):
    """A cell of a notebook failed; the message names notebook, cell and error, and holds the traceback."""


def execute(notebook: nbformat.NotebookNode, parameters: Mapping[str, Any], folder: Path, name: str,
            environment: Mapping[str, str] | None = None, warm: bool = True) -> nbformat.NotebookNode:  # fmt: skip
    """Execute a notebook with papermill.

    Parameters
    ----------
    notebook : NotebookNode
        The notebook as read; it is not changed.
    parameters : mapping
        Values that differ from the defaults, validated.
    folder : Path
        Where the kernel runs: the checkout, so that the data are found.
    environment : mapping, optional
        The kernel's environment; this process's where none is given.
    warm : bool
        Whether the kernel is forked from a warm process.

    Returns
    -------
    NotebookNode
        With outputs, without times, paths or counters of this run.

    Raises
    ------
    RunError
        Where a cell fails, or its kernel: ends, falls silent, or answers what cannot be read.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill.engines import papermill_engines
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import prepare_notebook_metadata, raise_for_execution_errors
    from papermill.parameterize import parameterize_notebook

    # papermill.execute_notebook in its own steps, without its writing and reading again what is in memory
    # already: that costs as much as the cells of a chapter.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    work = nbformat.from_dict({**notebook, "metadata": {**notebook["metadata"]}, "cells": [_emptied(cell) for cell in notebook.cells]})
    work.metadata["kernelspec"] = dict(KERNELSPEC)
    work.metadata["papermill"] = {}
    if parameters:
        work = parameterize_notebook(work, dict(parameters), False, kernel_name=None, language=None, engine_name=None)
    work = prepare_notebook_metadata(work, None, None, False)
    try:
        done = papermill_engines.execute_notebook_with_engine(
            None, work, input_path=None, output_path=None, kernel_name="python3", progress_bar=False, log_output=False,
            start_timeout=60, stdout_file=None, stderr_file=None, shutdown_kernel="immediate",
            kernel_manager_class=manager_class(dict(environment or os.environ), str(folder), warm),
        )  # fmt: skip
        raise_for_execution_errors(done, None)
    except DeadKernelError:
        raise RunError(f"{name}, cell {_running(work)}: the kernel ended while the cell ran") from None
    except PapermillExecutionError as error:
        trace = ANSI.sub("", "\n".join(error.traceback)).strip().splitlines()
        raise RunError("\n    ".join([f"{name}, cell {error.exec_count}: {error.ename}: {error.evalue}", *trace])) from None
    except Exception as error:  # what the libraries raise at a message that is none is of many kinds
        if isinstance(error, (DataError, OSError)) and not isinstance(error, TimeoutError):  # such as a full disk: not the kernel's fault
            raise
        told = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:200]}"
        raise RunError(f"{name}, cell {_running(work)}: the kernel answers nothing that can be read ({told})") from None
    return settled(done)


def _running(work: nbformat.NotebookNode) -> int | str:
    """The number of the last code cell that was begun."""
    code = [cell for cell in work.cells if cell["cell_type"] == "code"]
    begun = [n for n, cell in enumerate(code, 1) if cell["metadata"]["papermill"].get("start_time")]
    return begun[-1] if begun else "?"


def _emptied(cell: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(json.loads(json.dumps({key: value for key, value in cell.items() if key != "outputs"})))
    kept["metadata"] = {"tags": [], **kept.get("metadata", {}), "papermill": {}}
    return {**kept, "outputs": []} if cell["cell_type"] == "code" else kept


def settled(notebook: Mapping[str, Any]) -> nbformat.NotebookNode:
    """An executed notebook without what differs from run to run."""
    key = notebook["cells"][0].get("id", "cell").rsplit("-", 1)[0] if notebook["cells"] else "cell"
    cells = []
    count = 0
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        kept = {**cell, "metadata": {"tags": list(tags)} if tags else {}}
        if "injected-parameters" in tags:
            kept["id"] = f"{key}-injected"
        if cell["cell_type"] == "code":
            count += 1
            kept["execution_count"] = count
            kept["outputs"] = [_settled_output(output, count) for output in cell["outputs"]]
        cells.append(kept)
    metadata = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    nodes = [nbformat.NotebookNode(cell) for cell in cells]
    return nbformat.NotebookNode({**notebook, "metadata": nbformat.NotebookNode(metadata), "cells": nodes})


def _settled_output(output: Mapping[str, Any], count: int) -> nbformat.NotebookNode:
    kept = {key: value for key, value in output.items() if key != "metadata" or output["output_type"] != "stream"}
    if "execution_count" in kept:
        kept["execution_count"] = count
    return nbformat.NotebookNode(kept)


def text_of(notebook: Mapping[str, Any]) -> str:
    """A notebook as the text of its file."""
    charts: list[str] = []

    def short(kind: str, value: Any) -> Any:
        if not kind.endswith("json"):
            return value
        # A chart is one line of the file, not one a number: smaller, and a diff of one line.
        charts.append(json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
        return f"@chart {len(charts) - 1}@"

    def shortened(output: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**output, "data": {k: short(k, v) for k, v in output["data"].items()}} if "data" in output else output

    cells = [{**cell, "outputs": [shortened(o) for o in cell["outputs"]]} if "outputs" in cell else cell for cell in notebook["cells"]]
    text = json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return re.sub(r'"@chart (\d+)@"', lambda m: charts[int(m[1])], text)
