"""Ways to spoil files, drawn from a seed, and a process of its own to try each in.

Every trial runs in a fork with the package loaded: what it reads, caches or breaks is its own, a crash
or a hang is seen, and a thousand trials cost what a thousand forks cost.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

NASTY: list[Any] = [
    None, True, -1, 0, 10**30, int("9" * 400), 1.5, float("nan"), float("inf"), [], {}, [[]], {"a": {"b": []}}, "", " ", "\t", "0", "-0",
    "1e400", "NaN", "∞", "٣", "12,34", "1,000,000.001", "9" * 60, "x" * 3000, "é" * 700, "\u202eright to left", "a\u2028b", "nul\x00", "bell\x07",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]>", "{{ config }}", "${HOME}", "=1+1", "+cmd|' /C calc'!A0", "@SUM(A1)", "-2+3",
    "../../../etc/passwd", "/dev/zero", "C:\\con", "A4.1", "A4.9999", "B9.1", "A4-table-99", "2019-13-45", "2013-09/2013-01", "99999-01",
    "\n\nname: x", "a: b", "- a", "# gone", "\"", "'", "\\", "|", "`", "*a", "&a", "!!python/object:os.system", "%s%s%s%n", "', DROP TABLE",
]  # fmt: skip

RAW: list[bytes] = [
    b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"[", b"{", b"]", b"- - - - ", b"\t\t", b"a: &x [*x]\n", b"? : :\n", b"!!python/object/apply:os.system [id]\n",
    b"'", b'"', b",,,,,,,,", b"\r", b"\r\n", b"%YAML 3.0\n", b"---\n...\n---\n", b"<<: *x\n", b"\xc3\x28", "ÿ".encode("latin-1"), b"[" * 3000, b"- " * 3000,
]  # fmt: skip


def spoiled(content: bytes, suffix: str, chance: random.Random) -> bytes:
    """A file's content with one thing changed."""
    ways: list[Callable[[bytes, random.Random], bytes]] = [_cut, _flipped, _inserted, _line_gone, _line_twice, _lines_swapped]
    if suffix in (".yml", ".json"):
        ways += [_value_replaced(suffix)] * 6
    if suffix == ".csv":
        ways += [_cell_replaced] * 6 + [_column_changed]
    return chance.choice(ways)(content, chance)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _flipped(content: bytes, chance: random.Random) -> bytes:
    if not content:
        return b"\xff"
    place = chance.randrange(len(content))
    return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    place = chance.choice([0, len(content), chance.randrange(len(content) + 1)])
    return content[:place] + chance.choice(RAW) + content[place:]


def _lines(content: bytes, chance: random.Random) -> tuple[list[bytes], int]:
    lines = content.splitlines(keepends=True) or [b"\n"]
    return lines, chance.randrange(len(lines))


def _line_gone(content: bytes, chance: random.Random) -> bytes:
    lines, number = _lines(content, chance)
    return b"".join(lines[:number] + lines[number + 1 :])


def _line_twice(content: bytes, chance: random.Random) -> bytes:
    lines, number = _lines(content, chance)
    return b"".join(lines[: number + 1] + lines[number:])


def _lines_swapped(content: bytes, chance: random.Random) -> bytes:
    lines, number = _lines(content, chance)
    other = chance.randrange(len(lines))
    lines[number], lines[other] = lines[other], lines[number]
    return b"".join(lines)


def _value_replaced(suffix: str) -> Callable[[bytes, random.Random], bytes]:
    def replaced(content: bytes, chance: random.Random) -> bytes:
        value = yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if suffix == ".yml" else json.loads(content)
        for _ in range(chance.choice([1, 1, 1, 2])):
            value = _one_replaced(value, chance)
        if suffix == ".json":
            return json.dumps(value).encode()
        return yaml.dump(value, Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")

    return replaced


def _one_replaced(value: Any, chance: random.Random) -> Any:
    """A structure with one of its values, keys or entries changed, anywhere in it."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        kept = dict(value)
        deed = chance.random()
        if deed < 0.8:
            kept[key] = _one_replaced(value[key], chance)
        elif deed < 0.9:
            del kept[key]
        else:
            kept["unknown"] = kept.pop(key)
        return kept
    if isinstance(value, list) and value and chance.random() < 0.9:
        place = chance.randrange(len(value))
        deed = chance.random()
        if deed < 0.8:
            return [*value[:place], _one_replaced(value[place], chance), *value[place + 1 :]]
        return [*value, value[place]] if deed < 0.9 else value[:place] + value[place + 1 :]
    return chance.choice(NASTY)


def _cell_replaced(content: bytes, chance: random.Random) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    number = chance.randrange(len(rows))
    if rows[number]:
        rows[number][chance.randrange(len(rows[number]))] = str(chance.choice(NASTY))
    return _written(rows)


def _column_changed(content: bytes, chance: random.Random) -> bytes:
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    place = chance.randrange(len(rows[0]))
    if chance.random() < 0.5:
        return _written([row[:place] + row[place + 1 :] for row in rows])
    return _written([[*row, "more"] for row in rows])


def _written(rows: list[list[str]]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode("utf-8", "surrogatepass")


class Trial:
    """What became of something tried in a process of its own."""

    def __init__(self, value: Any, output: str, status: int) -> None:
        self.value = value
        self.output = output
        self.status = status


def tried(deed: Callable[[], Any], seconds: float = 20.0) -> Trial:
    """Do something in a fork: its value (as JSON), all that it printed, and its exit status.

    Status 99 stands for an exception that nobody caught; a negative one for a signal. What takes more seconds of
    the processor than allowed ends by SIGXCPU, -24; what waits without end, by SIGKILL after ten times as long,
    so that a busy machine fails no test.
    """
    reader, writer = os.pipe()
    printed_reader, printed_writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.close(reader)
            os.close(printed_reader)
            os.dup2(printed_writer, 1)
            os.dup2(printed_writer, 2)
            sys.stdout = open(1, "w", closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            sys.stderr = open(2, "w", closefd=False, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 1))
            try:
                value = deed()
                os.write(writer, json.dumps(value).encode()[:60_000])
                status = 0
            except SystemExit as leaving:
                status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(writer)
    os.close(printed_writer)
    taken: dict[int, bytes] = {reader: b"", printed_reader: b""}
    open_ends = {reader, printed_reader}
    while open_ends:
        ready, _, _ = select.select(list(open_ends), [], [], 10 * seconds)
        if not ready:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            break
        for end in ready:
            part = os.read(end, 65536)
            taken[end] += part
            if not part:
                open_ends.discard(end)
    os.close(reader)
    os.close(printed_reader)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = taken[printed_reader].decode("utf-8", "replace")
    return Trial(json.loads(taken[reader]) if taken[reader] else None, text, status)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of a folder with its size and time: to see that nothing was written."""
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*")) if p.is_file()}
