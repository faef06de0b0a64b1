"""Notebooks as plain JSON, looked at before anything else reads them; standard library only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compendium.corpus.errors import DataError

LIMIT = 20_000_000  # bytes; an executed chapter has less than one


def plain_notebook(path: Path) -> dict[str, Any]:
    """A notebook of format 4 whose cells have a kind, a source and tags.

    Raises
    ------
    DataError
        Where the file is not such a notebook.
    """
    size = path.stat().st_size
    if size > LIMIT:
        raise DataError(f"{path.name}: {size:,} bytes; at most {LIMIT:,} are read")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: not a notebook: {str(error)[:200]}") from None
    if not isinstance(content, dict) or content.get("nbformat") != 4 or not isinstance(content.get("metadata", {}), dict):
        raise DataError(f"{path.name}: not a notebook of format 4")
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise DataError(f"{path.name}: not a notebook: it has no list of cells")
    for number, cell in enumerate(cells, 1):
        if problem := _problem(cell):
            raise DataError(f"{path.name}: not a notebook: cell {number} has no {problem}")
    return content


def _problem(cell: Any) -> str:
    """What a cell lacks; empty where it lacks nothing."""
    if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
        return "kind"
    source, metadata = cell.get("source"), cell.get("metadata", {})
    if not isinstance(source, str) and not (isinstance(source, list) and all(isinstance(line, str) for line in source)):
        return "source"
    if not isinstance(metadata, dict):
        return "metadata"
    tags = metadata.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return "list of tags"
    outputs = cell.get("outputs", [])
    if not isinstance(outputs, list) or not all(isinstance(output, dict) for output in outputs):
        return "list of outputs"
    return ""
