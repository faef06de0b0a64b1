"""The examiner: a trusted process that runs test cells, and gets the student's values as data.

It holds the expected answers, and nothing of the student but copies. Its client, the grader, fetches
values from the sandboxed kernel for it and ends it where a test hangs on a hostile value. Run as a
program it is a warm process that forks one examiner for each submission.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from compendium.classroom.assignment import Assignment, read_assignment
from compendium.classroom.crossing import Crossing, decoded, encoded
from compendium.classroom.marking import Comparison
from compendium.classroom.solution import Examined, Expected, Unanswered, examine, quiet, run_trusted, solve
from compendium.classroom.variant import Variant
from compendium.classroom.zygote import serve, threads
from compendium.corpus.errors import DataError

MEMORY = 4 << 30  # bytes that a test may take for hostile values
Ask = Callable[[str, str, str], dict[str, Any]]


class StudentFunction:
    """Calls a function of the student's in the student's kernel; arguments and result cross as data."""

    def __init__(self, name: str, ask: Ask) -> None:
        self.__name__ = name
        self._ask = ask

    def __call__(self, *positional: Any, **named: Any) -> Any:
        return opened(self.__name__ + "()", self._ask("call", self.__name__, encoded([list(positional), named])))


def opened(name: str, parcel: Mapping[str, Any]) -> Any:
    """What a parcel holds.

    Raises
    ------
    Unanswered
        Where it holds an error or nothing that crosses.
    """
    if "value" in parcel:
        try:
            return decoded(parcel["value"])
        except Crossing as error:
            raise Unanswered(f"{name} is {error}") from None
    for kind, words in (("lost", "{}: {}"), ("refused", "{} is {}"), ("error", "{} raised {}")):
        if kind in parcel:
            raise Unanswered(words.format(name, str(parcel[kind])[:500]))
    raise Unanswered(f"{name} gave no answer")


class Names(dict[str, Any]):
    """The names of test cells: the teacher's own, and behind them the student's, fetched when asked for."""

    def __init__(self, own: Mapping[str, Any], ask: Ask) -> None:
        super().__init__(own)
        self._ask = ask
        self.fetched: dict[str, Any] = {}

    def __missing__(self, name: str) -> Any:
        if hasattr(builtins, name) or name.startswith("__"):
            raise KeyError(name)
        if name not in self.fetched:
            parcel = self._ask("value", name, "")
            if "missing" in parcel:
                raise KeyError(name)
            self.fetched[name] = StudentFunction(name, self._ask) if "function" in parcel else opened(name, parcel)
        return self.fetched[name]


class Channel:
    """Messages of JSON over a stream, each with its length before it."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link

    def send(self, message: Any) -> None:
        content = json.dumps(message).encode()
        self._link.sendall(struct.pack("!I", len(content)) + content)

    def receive(self, end: float | None = None) -> Any:
        """The next message.

        Raises
        ------
        TimeoutError, EOFError
        """
        (size,) = struct.unpack("!I", self._exactly(4, end))
        return json.loads(self._exactly(size, end))

    def _exactly(self, size: int, end: float | None) -> bytes:
        parts = b""
        while len(parts) < size:
            self._link.settimeout(None if end is None else max(0.001, end - time.monotonic()))
            part = self._link.recv(min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError
            parts += part
        return parts

    def close(self) -> None:
        self._link.close()


# In the examiner


_read: dict[str, Assignment] = {}


def _assignment(folder: str) -> Assignment:
    if folder not in _read:
        _read[folder] = read_assignment(Path(folder))
    return _read[folder]


def _prepare(request: dict[str, Any]) -> None:
    with contextlib.suppress(DataError):  # the forked examiner meets it again, and tells
        found = _assignment(request["folder"])
        if request["folder"] not in _solved:
            _solved.add(request["folder"])
            with contextlib.chdir("/"), contextlib.suppress(Exception):
                solve(found, Variant(request["parameters"], request["secret"]))  # reads the data that every other run reads


_solved: set[str] = set()


def _become(request: dict[str, Any], descriptors: list[int]) -> None:
    channel = Channel(socket.socket(fileno=descriptors[0]))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(request["work"])

    def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
        channel.send({"ask": what, "name": name, "arguments": arguments})
        answer: dict[str, Any] = channel.receive()
        return answer

    try:
        assignment = _assignment(request["folder"])
        names = names_of(assignment, Variant(request["parameters"], request["secret"]), ask)
    except DataError as error:
        channel.send({"failed": str(error)})
        return
    channel.send({"opened": os.getpid()})
    while True:
        try:
            request = channel.receive()
        except (EOFError, OSError):
            return
        try:
            names.fetched = {}  # each test sees the student's values as they are now
            result = examine(assignment.by_id[request["examine"]].source, f"<{request['examine']}>", names)
        except DataError as error:
            channel.send({"failed": str(error)})
            continue
        channel.send({"error": result.error, "value": result.value, "comparisons": [c.as_dict() for c in result.comparisons]})


def names_of(assignment: Assignment, variant: Variant, ask: Ask) -> Names:
    """What test cells know: the teacher's setup, what tests import and define, and what the solution gives."""
    expected = solve(assignment, variant)
    own: dict[str, Any] = {"__name__": "__main__", "__builtins__": builtins}
    for cell in assignment.cells:
        if cell.role in ("parameters", "setup"):
            with contextlib.suppress(DataError):  # setup that shows an answer fails here and does no harm
                run_trusted(assignment, cell, variant, own)
    for cell in assignment.items:
        if cell.role == "test":
            lasting = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
            kept: list[ast.stmt] = [node for node in ast.parse(cell.source).body if isinstance(node, lasting)]
            with quiet():
                exec(compile(ast.Module(kept, []), f"<{cell.id}>", "exec"), own)  # noqa: S102 (the teacher's)
    own["expected"] = Expected(expected)
    return Names(own, ask)


# In the grader


class Examiners:
    """The warm process, seen from the grader. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link = socket.socket()
        self._ready = False
        self._process: subprocess.Popen[bytes] | None = None

    def _started(self) -> socket.socket:
        """The link, once the process is there."""
        if self._ready:
            return self._link
        self.begin()
        if self._link.recv(64) != b"ready":
            raise EOFError
        self._ready = True
        return self._link

    def begin(self) -> None:
        """Start the process, without waiting for it."""
        if self._process is not None:
            return
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            words = [sys.executable, "-m", "compendium.classroom.examiner", str(theirs.fileno())]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, start_new_session=True,
                                             env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
                                                  "JE_ARROW_MALLOC_CONF": "background_thread:false"})  # fmt: skip

    def new(self, assignment: Assignment, variant: Variant, work: Path) -> Examiner:
        """An examiner for one submission, working in a folder that holds the released files.

        Raises
        ------
        OSError, EOFError
            Where none can be had: the warm process has ended, or does not answer.
        DataError
            Where the assignment is at fault.
        """
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            link = self._started()
            request = {
                "folder": str(assignment.folder.resolve()),
                "parameters": dict(variant.parameters),
                "secret": dict(variant.secret),
                "work": str(work),
            }
            socket.send_fds(link, [json.dumps(request).encode()], [theirs.fileno()])
        return Examiner(Channel(ours))

    def close(self) -> None:
        self._link.close()
        if self._process is None:
            return
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Examiners:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Examiner:
    """The grader's end of one examiner."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        answer = channel.receive(time.monotonic() + 120)
        if "failed" in answer:
            channel.close()
            raise DataError(answer["failed"])
        self._pidfd = os.pidfd_open(answer["opened"])

    def examine(self, item: str, ask: Ask, seconds: float) -> Examined:
        """Run one test cell.

        Raises
        ------
        TimeoutError
            Where it takes longer; this examiner is then of no use any more.
        EOFError
            Where it died.
        DataError
            Where the test itself is at fault.
        """
        end = time.monotonic() + seconds
        self._channel.send({"examine": item})
        while True:
            message = self._channel.receive(end)
            if "ask" in message:
                began = time.monotonic()
                self._channel.send(ask(message["ask"], message["name"], message["arguments"]))
                end += time.monotonic() - began  # the kernel's time has limits of its own
            elif "failed" in message:
                raise DataError(message["failed"])
            else:
                return Examined(message["error"], message["value"], tuple(Comparison(**c) for c in message["comparisons"]))

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError, OSError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.close(self._pidfd)
        self._channel.close()


def main() -> None:
    """Import what examinations need, then fork one for each request."""
    from compendium.classroom.lean import lean

    lean()
    link = socket.socket(fileno=int(sys.argv[1]))
    with contextlib.redirect_stdout(io.StringIO()):
        import pandas  # noqa: F401

        import compendium.chapter
        import compendium.classroom.marking
        import compendium.display.tables  # noqa: F401
    if threads() != 1:
        raise RuntimeError("a thread was started by the imports; a fork would break it")
    serve(link, _prepare, _become)


if __name__ == "__main__":
    main()
