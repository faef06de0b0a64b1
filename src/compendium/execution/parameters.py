"""Parameters of a notebook: read from its annotated cell, checked before anything runs.

The cell is never executed here. Annotations are resolved from ``compendium.parameters`` and a few
names of the standard library; nothing else is known to them.
"""

from __future__ import annotations

import ast
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import annotated_types
import nbformat
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from compendium import parameters as types
from compendium.corpus.errors import DataError
from compendium.execution.notebook import plain_notebook

KNOWN: dict[str, Any] = {
    "Literal": typing.Literal, "Annotated": typing.Annotated, "Optional": typing.Optional,
    "list": list, "str": str, "int": int, "float": float, "bool": bool, "None": None,
    **{name: getattr(annotated_types, name) for name in ("Ge", "Gt", "Le", "Lt", "Len")},
    **{name: getattr(types, name) for name in vars(types) if name[0].isupper()},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, its annotation as written, its default, and what it is for."""

    name: str
    annotation: str
    default: Any
    help: str
    allows: Any

    def check(self, value: Any) -> Any:
        """The value, if the annotation allows it.

        Raises
        ------
        DataError
            Otherwise: parameter, value, and what is allowed.
        """
        try:
            return TypeAdapter(self.allows).validate_python(value, strict=not isinstance(value, int) or isinstance(value, bool))
        except ValidationError:
            raise DataError(f"parameter {self.name} = {repr(value)[:80]} is not allowed; allowed is {allowed(self.allows)}") from None


def allowed(annotation: Any) -> str:
    """What an annotation allows, in words."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in args)
    if origin is typing.Annotated:
        bounds = [f"{word} {getattr(m, attribute)}" for m in args[1:] for attribute, word in
                  (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below")) if hasattr(m, attribute)]
        lengths = [f"{m.min_length} to {m.max_length} of them" for m in args[1:] if hasattr(m, "min_length")]
        return ", ".join([allowed(args[0]), *bounds, *lengths])
    if origin is list:
        return f"a list, each {allowed(args[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "True or False"}
    return names.get(annotation, str(annotation))


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook from its file, without its outputs: what is to be run.

    Raises
    ------
    DataError
        Where there is none, or where it is not a notebook of format 4.
    """
    if not path.is_file():
        has = ", ".join(p.stem for p in sorted(path.parent.glob("*.ipynb"))) or "none"
        raise DataError(f"there is no notebook {path.stem!r}; there are {has}")
    content = plain_notebook(path)
    for cell in content["cells"]:
        if "outputs" in cell:
            cell["outputs"] = []  # most of the file, and most of the time that checking it takes
    try:
        return nbformat.reads(json.dumps(content), as_version=4)
    except Exception as error:  # nbformat raises a different type for each way of being broken
        first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise DataError(f"{path.name}: not a notebook: {first}") from None


def parameters_of(notebook: nbformat.NotebookNode, name: str) -> dict[str, Parameter]:
    """The parameters that a notebook declares, by name, in its order.

    Raises
    ------
    DataError
        Where there is not exactly one cell tagged ``parameters``, or an annotation is unknown.
    """
    cells = [c for c in notebook.cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(cells) != 1:
        raise DataError(f"{name}: {len(cells)} cells are tagged 'parameters'; exactly one is allowed")
    source = cells[0].source
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # ast raises each of them
        where = f", line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else f": {error}"
        raise DataError(f"{name}: the parameters cell is not Python{where}") from None
    found = {}
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = _parameter(node, node.target.id, source, name)
        elif not isinstance(node, (ast.Import, ast.ImportFrom, ast.Expr)):
            raise DataError(f"{name}: the parameters cell may hold annotated assignments only, not line {node.lineno}")
    return found


def _parameter(node: ast.AnnAssign, target: str, source: str, notebook: str) -> Parameter:
    annotation = ast.unparse(node.annotation)
    try:
        assert node.value is not None
        default = ast.literal_eval(node.value)
        allows = _resolve(node.annotation)
        TypeAdapter(allows)
    except (ValueError, TypeError, KeyError, PydanticSchemaGenerationError) as error:
        raise DataError(f"{notebook}: parameter {target}: {annotation} is not understood ({error})") from None
    line = source.splitlines()[(node.end_lineno or node.lineno) - 1]
    parameter = Parameter(target, annotation, default, line.partition("  # ")[2].strip(), allows)
    parameter.check(default)
    return parameter


def _resolve(node: ast.expr) -> Any:
    """An annotation as a type, from names that are known and constants; no code is run."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return -node.operand.value  # type: ignore[operator]
    if isinstance(node, ast.Name):
        if node.id not in KNOWN:
            raise KeyError(f"{node.id} is not among {', '.join(sorted(KNOWN))}")
        return KNOWN[node.id]
    if isinstance(node, ast.Subscript):
        inner = node.slice
        items = tuple(_resolve(e) for e in inner.elts) if isinstance(inner, ast.Tuple) else _resolve(inner)
        return _resolve(node.value)[items]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _resolve(node.func)(*map(_resolve, node.args), **{k.arg: _resolve(k.value) for k in node.keywords if k.arg})
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _resolve(node.left) | _resolve(node.right)
    raise ValueError(f"{ast.unparse(node)} is not allowed in an annotation")


def validated(declared: Mapping[str, Parameter], given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parameters given, each checked.

    Raises
    ------
    DataError
        For the first one that the notebook does not know or does not allow.
    """
    for key in given:
        if key not in declared:
            raise DataError(f"{name} has no parameter {key[:80]!r}; it has {', '.join(declared) or 'none'}")
    return {key: declared[key].check(value) for key, value in given.items()}
