"""Sweeps: one notebook under many choices of parameters, resumable, on this machine or on a cluster."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from compendium.corpus.digest import content_hash, sha256
from compendium.corpus.errors import DataError
from compendium.execution.batch import cores
from compendium.execution.kept import Kept
from compendium.execution.parameters import parameters_of, read_notebook, validated
from compendium.execution.runs import NOTEBOOKS, Job, inputs_for
from compendium.execution.store import write_whole
from compendium.execution.universes import Findings, findings_in, forked

Told = Callable[[int, int], None]  # how many are done, of how many


def universes_from_csv(path: Path) -> list[dict[str, Any]]:
    """One universe a row: the head names parameters, cells are read as YAML."""
    import yaml

    from compendium.corpus.files import plain_yaml

    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream, strict=True))
        for number, row in enumerate(rows, 2):
            if None in row or None in row.values():
                raise DataError(f"{path}, row {number}: as many values are allowed as the head has names")
        return [{name: plain_yaml(value) for name, value in row.items()} for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error, yaml.YAMLError) as error:
        raise DataError(f"{path}: not readable as a CSV file of parameters: {error}") from None


def checked(root: Path, notebook: str, universes: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The universes with each parameter validated, before anything runs."""
    path = root / NOTEBOOKS / f"{notebook}.ipynb"
    declared = parameters_of(read_notebook(path), path.name)
    return [validated(declared, universe, notebook) for universe in universes]


def sweep(root: Path, notebook: str, universes: Sequence[Mapping[str, Any]], workers: int | None = None,
          scheduler: str | None = None, told: Told = lambda *_: None) -> list[Findings]:  # fmt: skip
    """The findings of a notebook in each universe.

    What an earlier sweep of the same notebook, data and package found is not computed again.

    Parameters
    ----------
    scheduler : str, optional
        Address of a Dask scheduler whose workers have this checkout at the same path; this machine
        where none is given.

    Raises
    ------
    DataError
        Where a universe fails; what was finished is kept.
    """
    kept = _kept(root, notebook)
    known = {number: kept.values[_name(u)] for number, u in enumerate(universes) if _name(u) in kept.values}
    missing = [number for number in range(len(universes)) if number not in known]
    told(len(known), len(universes))
    if missing:
        chosen = [universes[number] for number in missing]
        path = root / NOTEBOOKS / f"{notebook}.ipynb"
        found = _on_cluster(path, chosen, scheduler) if scheduler else forked(path, chosen, workers or cores())
        failures = []
        for place, result in found:
            number = missing[place]
            if isinstance(result, str):
                failures.append(f"{Job(notebook, universes[number]).label}: {result}")
                continue
            known[number] = result
            kept.keep(_name(universes[number]), result)
            told(len(known), len(universes))
        if failures:
            raise DataError(f"{len(failures)} of {len(universes)} universes failed; the first: {failures[0]}")
    return [known[number] for number in range(len(universes))]


def _name(universe: Mapping[str, Any]) -> str:
    return json.dumps(universe, sort_keys=True, ensure_ascii=False)


def _kept(root: Path, notebook: str) -> Kept:
    """What earlier sweeps found, good for one state of notebook, data and package."""
    data = sha256("".join(content_hash(p) for p in sorted((root / "data").rglob("*")) if p.is_file()).encode())
    inputs = inputs_for(root, Job(notebook))
    return Kept(root / ".cache" / "sweeps" / f"{notebook}-{sha256((inputs.key + data).encode())[:24]}.jsonl")


def _on_cluster(path: Path, universes: Sequence[Mapping[str, Any]], scheduler: str) -> Iterator[tuple[int, Findings | str]]:
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise DataError("--executor dask needs the extra [cluster]: pip install 'compendium[cluster]'") from None
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, TimeoutError, ValueError) as error:
        raise DataError(f"no Dask scheduler answers at {scheduler}: {type(error).__name__}") from None
    with client:
        futures = {client.submit(_remote, str(path), dict(u), pure=False, retries=3): n for n, u in enumerate(universes)}
        for future in as_completed(list(futures)):
            try:
                yield futures[future], future.result()
            except Exception as error:  # a worker may fail in any way; the sweep says where and goes on
                yield futures[future], f"{type(error).__name__}: {error}"


def _remote(path: str, universe: dict[str, Any]) -> Findings | str:
    """Run on a worker: the findings of one universe, or what went wrong."""
    try:
        return findings_in(Path(path), universe)
    except DataError as error:
        return str(error)


def write_parquet(path: Path, notebook: str, universes: Sequence[Mapping[str, Any]], results: Sequence[Findings]) -> int:
    """One row a universe and claim: parameters, verdict, basis, strength and reason. Returns the number of rows."""
    import io

    import pandas as pd

    rows = [
        {"notebook": notebook, "universe": number, **{f"p_{k}": _cell(v) for k, v in universe.items()},
         **{k: finding[k] for k in ("claim", "verdict", "basis", "strength", "because")}}
        for number, (universe, findings) in enumerate(zip(universes, results, strict=True)) for finding in findings
    ]  # fmt: skip
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer, index=False)
    write_whole(path, buffer.getvalue())
    return len(rows)


def _cell(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) else json.dumps(value, ensure_ascii=False)


def robustness(results: Sequence[Findings], default: Findings) -> dict[str, float]:
    """For each claim the share of universes in which it keeps its verdict of the default universe."""
    verdicts = {finding["claim"]: finding["verdict"] for finding in default}
    same = dict.fromkeys(verdicts, 0)
    for findings in results:
        for finding in findings:
            same[finding["claim"]] += finding["verdict"] == verdicts[finding["claim"]]
    return {claim: round(count / len(results), 4) for claim, count in same.items()} if results else {}
