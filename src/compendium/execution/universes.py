"""Universes: a notebook's findings under one choice of parameters, without a Jupyter kernel.

A sweep needs findings, not pages. So the code cells of a notebook are run as they stand, in order, in a
process forked for this universe alone, and the findings that its checks report are collected. A test
proves for every notebook that they equal those of a kernel.
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compendium.corpus.errors import DataError
from compendium.execution.parameters import parameters_of, read_notebook, validated

Findings = list[dict[str, Any]]


def product(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All choices of one value for each parameter."""
    return [dict(zip(values, choice, strict=True)) for choice in itertools.product(*values.values())]


def code_of(path: Path, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The code of a notebook's cells with their names, parameters set after the cell that declares them.

    Raises
    ------
    DataError
        Where a parameter is unknown or not allowed.
    """
    notebook = read_notebook(path)
    values = validated(parameters_of(notebook, path.name), given, path.stem)
    cells = []
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        tags = cell.metadata.get("tags", [])
        if "injected-parameters" in tags:
            continue
        cells.append((f"{path.stem}, cell {number}", cell.source))
        if "parameters" in tags:
            cells.append((f"{path.stem}, parameters", "\n".join(f"{name} = {value!r}" for name, value in values.items())))
    return cells


def findings_in(path: Path, given: Mapping[str, Any]) -> Findings:
    """The findings of a notebook under the parameters given, run in this process.

    Raises
    ------
    DataError
        Where a cell fails, with cell and error.
    """
    return _run(path, given, None)


def shown_in(path: Path, given: Mapping[str, Any]) -> tuple[Findings, dict[str, Any]]:
    """The findings of a notebook, and the tables and charts that it shows, by cell.

    A table is its HTML, a chart its Vega-Lite specification.
    """
    shown: dict[str, Any] = {}
    return _run(path, given, shown), shown


def _run(path: Path, given: Mapping[str, Any], shown: dict[str, Any] | None) -> Findings:
    from compendium.chapter import listening
    from compendium.checking.findings import plain

    found: Findings = []
    token = listening.set(lambda finding: found.append(plain(finding)))
    space: dict[str, Any] = {"__name__": "__main__"}
    printed = io.StringIO()  # what cells print is for a reader of the notebook
    try:
        for name, source in code_of(path, given):
            try:
                with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                    last = _execute(source, f"<{name}>", space)
                if shown is not None and (what := _drawn(last)) is not None:
                    shown[name.partition(", ")[2]] = what
            except DataError as error:
                raise DataError(f"{name}: {error}") from None
            except (Exception, SystemExit) as error:
                raise DataError(f"{name}: {type(error).__name__}: {error}") from error
    finally:
        listening.reset(token)
    return found


def _execute(source: str, name: str, space: dict[str, Any]) -> Any:
    """Run a cell; the value of its last expression is what it shows."""
    tree = ast.parse(source, name)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        exec(compile(tree, name, "exec"), space)  # noqa: S102 (the project's own notebooks)
        return None
    tree.body.pop()
    exec(compile(tree, name, "exec"), space)  # noqa: S102
    return eval(compile(ast.Expression(last.value), name, "eval"), space)  # noqa: S307


def _drawn(value: Any) -> Any:
    """What a table or chart draws; None for anything else."""
    import altair as alt

    from compendium.display.charts import dated
    from compendium.display.tables import Shown

    if isinstance(value, Shown):
        html = value._repr_html_()
        return html if 'class="cc-table"' in html else None
    return dated(value.to_dict()) if isinstance(value, alt.TopLevelMixin) else None


def drawn_forked(path: Path, universes: Sequence[Mapping[str, Any]], workers: int) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The findings of each universe, with what differs from the default one in what is shown.

    Yields
    ------
    tuple of int and dict or str
        First -1 with ``{"shown": {cell: what}}``, the default universe's; then the number of each universe
        with ``{"findings": [...], "shown": {cell: what}, "gone": [cell]}``, or what went wrong.
    """
    _warm_up(path)
    _, default = shown_in(path, {})
    yield -1, {"shown": default}

    def differing(universe: Mapping[str, Any]) -> dict[str, Any]:
        findings, shown = shown_in(path, universe)
        return {"findings": findings, "shown": {cell: what for cell, what in shown.items() if default.get(cell) != what},
                "gone": [cell for cell in default if cell not in shown]}  # fmt: skip

    yield from _share_out(differing, universes, workers)


def forked(path: Path, universes: Sequence[Mapping[str, Any]], workers: int) -> Iterator[tuple[int, Findings | str]]:
    """The findings of each universe, each in a process of its own, several at once.

    Yields
    ------
    tuple of int and list or str
        The number of the universe and its findings, or what went wrong, as they come.
    """
    _warm_up(path)
    for number, result in _share_out(lambda universe: {"findings": findings_in(path, universe)}, universes, workers):
        yield number, result if isinstance(result, str) else result["findings"]


def _share_out(work: Callable[[Mapping[str, Any]], dict[str, Any]], universes: Sequence[Mapping[str, Any]],
               workers: int) -> Iterator[tuple[int, dict[str, Any] | str]]:  # fmt: skip
    """Do the work for each universe in a process forked for it, several at once."""
    waiting = selectors.DefaultSelector()
    running: dict[int, tuple[int, int, bytearray]] = {}
    left = iter(enumerate(universes))
    try:
        while True:
            while len(running) < workers and (following := next(left, None)) is not None:
                pid, reader = _fork(work, following[1])
                running[reader] = (following[0], pid, bytearray())
                waiting.register(reader, selectors.EVENT_READ)
            if not running:
                return
            for key, _ in waiting.select():
                number, pid, buffer = running[key.fd]
                chunk = os.read(key.fd, 1 << 16)
                if chunk:
                    buffer.extend(chunk)
                    continue
                waiting.unregister(key.fd)
                os.close(key.fd)
                del running[key.fd]
                _, status = os.waitpid(pid, 0)
                yield number, _result(bytes(buffer), status)
    finally:
        for reader, (_, pid, _) in running.items():
            os.close(reader)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _warm_up(path: Path) -> None:
    """Import what the cells import and read the data once; the forks inherit both."""
    from compendium.execution.warmserver import preload

    preload()
    findings_in(path, {})


def _fork(work: Callable[[Mapping[str, Any]], dict[str, Any]], universe: Mapping[str, Any]) -> tuple[int, int]:
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    code = 1
    try:
        os.close(reader)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who ends its children
        blank = os.open(os.devnull, os.O_WRONLY)
        os.dup2(blank, 1)
        os.dup2(blank, 2)
        try:
            answer = work(universe)
        except DataError as error:
            answer = {"error": str(error)}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writer, "wb") as stream:
            stream.write(json.dumps(answer).encode())
        code = 0
    finally:
        os._exit(code)


def _result(content: bytes, status: int) -> dict[str, Any] | str:
    try:
        answer: dict[str, Any] = json.loads(content)
    except ValueError:
        return f"the process ended with status {os.waitstatus_to_exitcode(status)}"
    return str(answer["error"]) if "error" in answer else answer
