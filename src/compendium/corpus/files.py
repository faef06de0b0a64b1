"""Reading the files of ``data/`` row by row, with errors that name file and row."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from compendium.corpus.digest import ABSENT, content_hash, sha256
from compendium.corpus.errors import DataError
from compendium.corpus.records import Record

R = TypeVar("R", bound=Record)
LIMIT = 5_000_000  # bytes; the largest file of the project is a tenth of it


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Safe YAML without guesses at dates, and without a key that comes twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            keys = [key.value for key, _ in node.value]
            twice = next((key for n, key in enumerate(keys) if key in keys[:n]), "?")
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} comes twice; it may come once", node.start_mark)
        return found


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# Breaks lines, hides or reorders text where it is shown, or cannot be written at all.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

READS = "COMPENDIUM_READS"  # names a file in which a run records what it read
FINDINGS = "COMPENDIUM_FINDINGS"  # names a folder of findings that a build has just computed

Signature = tuple[int, int, int]

_recorded: set[tuple[Path, str]] = set()


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file held when it was read, the hash of just that, and by what the file is known again."""

    digest: str
    value: Any
    signature: Signature


def _record(path: Path, digest: str) -> None:
    """Note what was read, with its hash at that moment: what a result depends on."""
    log = os.environ.get(READS)
    if log and (path, digest) not in _recorded:
        _recorded.add((path, digest))
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"{digest}\t{path}\n")


def _content(path: Path, kind: str) -> _Content:
    """A file's content, read again only if the file is another one than before."""
    content = _read(path, kind, _signature(path))
    _record(path, content.digest)
    return content


def _signature(path: Path) -> Signature:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file") from None
    return status.st_mtime_ns, status.st_size, status.st_ino


@cache
def _read(path: Path, kind: str, signature: Signature) -> _Content:
    raw = path.read_bytes()
    parse = {"yaml": _yaml, "csv": _csv, "json": _json}[kind]
    return _Content(sha256(raw), parse(path, _text(path, raw)), signature)


def plain_yaml(text: str) -> Any:
    """YAML as plain values: no objects, no aliases, no key twice, no characters that cannot be shown.

    Raises
    ------
    yaml.YAMLError
        Whatever is wrong with the text.
    """
    _refuse_bombs(text)
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader, stricter still)
    except yaml.YAMLError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
        # The library's constructors stumble over tags and numbers that are none.
        raise yaml.YAMLError(f"a value that cannot be read: {str(error)[:200]}") from None
    for part in _texts(value):
        if found := UNPRINTABLE.search(part):
            raise yaml.YAMLError(f"the character U+{ord(found[0]):04X} in {part[:40]!r} cannot be shown")
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from _texts(item)


def _yaml(path: Path, text: str) -> Any:
    try:
        return plain_yaml(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path.name}: not readable as YAML: {' '.join(str(error).split())[:500]}") from None


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path.name}: not readable as JSON: {error}") from None


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _csv(path: Path, text: str) -> Any:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        return tuple(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: not readable as CSV: {error}") from None


DEEPEST = 100  # levels; our files have five


def _refuse_bombs(text: str) -> None:
    """Refuse what is small to read and endless to build: aliases, and levels without number.

    A few aliases can stand for more text than memory holds; for each level the library calls itself,
    until the process dies.
    """
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise yaml.YAMLError(f"nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _text(path: Path, raw: bytes) -> str:
    if len(raw) > LIMIT:
        raise DataError(f"{path.name}: {len(raw):,} bytes; at most {LIMIT:,} are read")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise DataError(f"{path.name}: begins with a byte-order mark; save it as plain UTF-8")
    return text


def present(path: Path) -> bool:
    """Whether there is such a file; a result depends on that too."""
    try:
        found = path.is_file()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        found = False  # no file can have such a name
    if not found:
        _record(path, ABSENT)
    return found


def state(path: Path, kind: str) -> Signature:
    """By what a file is known again, for values built from it; that it was read is recorded."""
    return _content(path, kind).signature


def read_yaml(path: Path) -> Any:
    """The content of a YAML file."""
    return _content(path, "yaml").value


def read_json(path: Path) -> Any:
    """The content of a JSON file."""
    return _content(path, "json").value


def read_entries(path: Path, record: type[R]) -> list[R]:
    """The entries of a YAML list, validated."""
    return list(_entries(path, record, _content(path, "yaml").signature))


def read_rows(path: Path, record: type[R]) -> list[R]:
    """The rows of a CSV file, validated."""
    return list(_rows(path, record, _content(path, "csv").signature))


@cache
def _entries(path: Path, record: type[R], signature: Signature) -> tuple[R, ...]:
    content = _read(path, "yaml", signature).value
    if content is None:
        return ()
    if not isinstance(content, list):
        raise DataError(f"{path.name}: holds a {type(content).__name__}; a list of entries is allowed")
    return tuple(validated(entry, record, path, _name(entry, n)) for n, entry in enumerate(content, 1))


@cache
def _rows(path: Path, record: type[R], signature: Signature) -> tuple[R, ...]:
    head, rows = _read(path, "csv", signature).value
    wanted = tuple(record.model_fields)
    if head != wanted:
        raise DataError(f"{path.name}: its head is {','.join(head)[:200]!r}; {','.join(wanted)} is allowed")
    found = []
    for number, row in enumerate(rows, 2):
        if any(UNPRINTABLE.search(cell) for cell in row.values() if isinstance(cell, str)):
            raise DataError(f"{path.name}, row {number}: holds a character that cannot be shown")
        if None in row or None in row.values():
            raise DataError(f"{path.name}, row {number}: {len(wanted)} fields are allowed, no more and no fewer")
        found.append(validated(row, record, path, f"row {number}"))
    return tuple(found)


def validated(entry: Any, record: type[R], path: Path, where: str) -> R:
    """One entry as a record; an error names file, entry, field and what is allowed."""
    try:
        return record.model_validate(entry)
    except ValidationError as error:
        problems = "; ".join(_problem(detail) for detail in error.errors()[:3])
        raise DataError(f"{path.name}, {where}: {problems}") from None


def unique(path: Path, names: Iterable[str], what: str) -> None:
    """Refuse a name that comes twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{path.name}: {what} {name[:80]!r} comes twice; each may come once")
        seen.add(name)


def files(folder: Path, pattern: str) -> Iterator[Path]:
    """The files of a folder in the order of their names; none where there is no folder."""
    _record(folder, content_hash(folder))
    yield from sorted(folder.glob(pattern))


NAME = re.compile(r"[\w.-]{1,40}")


def _name(entry: Any, number: int) -> str:
    name = entry.get("id") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and NAME.fullmatch(name) else f"entry {number}"


def _problem(detail: Any) -> str:
    field = ".".join(str(part) for part in detail["loc"]) or "entry"
    given = repr(detail.get("input"))
    return f"{field[:80]}: {' '.join(detail['msg'].split())[:300]} (found {given[:80]})"
