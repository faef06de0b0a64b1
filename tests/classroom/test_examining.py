"""The examiner: what it takes for an answer, what it tells of it, and the process that it is forked from."""

from __future__ import annotations

import json
import math
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compendium.classroom import examiner
from compendium.classroom.assignment import Assignment, read_assignment
from compendium.classroom.crossing import decoded, encoded
from compendium.classroom.examiner import Channel, Examiner, Examiners, Names, StudentFunction, names_of, opened
from compendium.classroom.solution import Examined, Expected, Unanswered, beside, examine
from compendium.classroom.variant import Variant
from compendium.corpus.errors import DataError
from compendium.model.interval import Interval
from compendium.model.quantity import Quantity

from .conftest import SMALL
from .test_crossing import forged, values

LONG = 60.0  # seconds after which a test that waits has failed
VARIANT = Variant({"base": 19, "word": "belt"}, {"slip": 4})
T = TypeVar("T")


# What a parcel holds


def test_a_value_is_opened() -> None:
    assert opened("growth", {"value": encoded((1, Fraction(1, 3)))}) == (1, Fraction(1, 3))


@pytest.mark.parametrize(
    ("parcel", "says"),
    [
        ({"lost": "its kernel ended"}, "growth: its kernel ended"),
        ({"refused": "a value of type complex"}, "growth is a value of type complex"),
        ({"error": "ZeroDivisionError: division by zero"}, "growth raised ZeroDivisionError: division by zero"),
        ({"error": "no " * 1000}, "growth raised " + ("no " * 1000)[:500]),
        ({"value": "{"}, "growth is a value that is not understood (JSONDecodeError)"),
        ({"value": 42}, "growth is a value of more than 1,000,000 characters"),
        ({"function": "growth"}, "growth gave no answer"),
        ({}, "growth gave no answer"),
    ],
    ids=["lost", "refused", "error", "long error", "forged", "no text", "function", "empty"],
)
def test_a_parcel_without_a_value_says_why(parcel: dict[str, Any], says: str) -> None:
    with pytest.raises(Unanswered) as caught:
        opened("growth", parcel)
    assert str(caught.value) == says


def test_a_student_s_function_is_called_over_there() -> None:
    asked = []

    def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
        asked.append((what, name, decoded(arguments)))
        return {"value": encoded(0.5)}

    assert StudentFunction("share_of", ask)(1, (2, 3), digits=1) == 0.5
    assert asked == [("call", "share_of", [[1, (2, 3)], {"digits": 1}])]
    with pytest.raises(Unanswered, match=r"share_of\(\) raised KeyError: 'x'"):
        StudentFunction("share_of", lambda *_: {"error": "KeyError: 'x'"})()


# Names


def test_names_are_the_teacher_s_first_and_the_student_s_only_where_there_is_none() -> None:
    asked: list[str] = []

    def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
        asked.append(name)
        return {"missing": name} if name == "share" else {"function": name} if name == "times" else {"value": encoded([len(asked)])}

    names = Names({"expected": 1}, ask)
    assert names["expected"] == 1
    assert (names["growth"], names["growth"]) == ([1], [1]), "asked for twice within one test"
    assert isinstance(names["times"], StudentFunction)
    for name in ("share", "print", "__builtins__", "__debug__"):
        with pytest.raises(KeyError, match=name):
            names[name]
    assert asked == ["growth", "times", "share"]
    names.fetched = {}
    assert names["growth"] == [4]


# What a test finds


def test_a_test_that_passes_gives_its_points() -> None:
    found = examine("assert growth == 42", "<growth>", {"growth": 42})
    assert (found, found.points(3)) == (Examined(), 3)


@pytest.mark.parametrize(("last", "points"), [("1.5", 1.5), ("7", 3), ("-2", 0), ("True", 3), ("None", 3), ("'half'", 3)])
def test_the_last_expression_gives_partial_credit_within_what_there_is(last: str, points: float) -> None:
    assert examine(last, "<growth>", {}).points(3) == points


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("growth", "There is no answer called growth."),
        ("x = 1\nassert x == 2", "AssertionError: assert x == 2"),
        ("assert 1 == 2, 'one is not two'", "AssertionError: one is not two"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines"),
        ("raise ValueError", "ValueError: raise ValueError"),
        ("def inner():\n    raise KeyError\ninner()", "KeyError: raise KeyError"),
        ("exec('raise KeyError')", "KeyError: exec('raise KeyError')"),
        ("exec(compile('\\n' * 9 + 'raise KeyError', '<far>', 'exec'))", "KeyError"),
    ],
)
def test_a_test_that_fails_tells_why_in_one_line(source: str, says: str) -> None:
    found = examine(source, "<growth>", {})
    assert (found.error, found.points(3)) == (says, 0)


def test_comparisons_are_kept_up_to_the_one_that_fails() -> None:
    source = "from compendium.classroom.marking import equals\nfor n in (1, 2, 3):\n    equals(n, min(n, 2), f'number {n}')\nequals(4, 4, 'four')"
    found = examine(source, "<growth>", {})
    assert [(c.what, c.right) for c in found.comparisons] == [("number 1", True), ("number 2", True), ("number 3", False)]
    assert found.error == "number 3: not what was asked for"


def test_what_a_test_prints_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert examine("import sys\nprint('the answer')\nprint('is 42', file=sys.stderr)", "<growth>", {}).error == ""
    assert capsys.readouterr() == ("", "")


def test_a_test_that_asks_for_what_the_solution_lacks_is_the_teacher_s_mistake() -> None:
    with pytest.raises(DataError, match="the solution has no 'growht'"):
        examine("assert growth == expected.growht", "<growth>", {"growth": 42, "expected": Expected({"growth": 42})})


# What is no answer earns nothing


@pytest.fixture(scope="module")
def small() -> Assignment:
    return read_assignment(SMALL)


@pytest.fixture(scope="module")
def released(small: Assignment) -> Iterator[Path]:
    """A folder with what was released, in which to work."""
    with tempfile.TemporaryDirectory() as name, beside(small.released(VARIANT), Path(name)):
        yield Path(name)


Ask = Callable[[str, str, str], Mapping[str, Any]]


def points(small: Assignment, ask: Ask) -> dict[str, float]:
    names = names_of(small, VARIANT, ask)  # type: ignore[arg-type]
    return {c.id: examine(c.source, f"<{c.id}>", names).points(c.points) for c in small.items if c.role == "test"}


def honest(small: Assignment) -> Ask:
    solution = examiner.solve(small, VARIANT)

    def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
        if name == "times" and what == "value":
            return {"function": name}
        return {"value": encoded(solution["times"](*decoded(arguments)[0]) if what == "call" else solution[name])}

    return ask


def test_right_answers_earn_everything(small: Assignment, released: Path) -> None:
    assert points(small, honest(small)) == {"total-test": 2, "times-test": 3, "odd-test": 2}


EVERYTHING = Interval(-math.inf, math.inf)


def is_no_answer(text: str) -> bool:
    """No number near one that is asked for: a hundred and seventy-one drawn by chance is an answer."""
    try:
        value = decoded(text)
    except Exception:
        return True
    number = isinstance(value, (int, float, Fraction, Decimal)) and not math.isnan(value)
    return not number or not 19 <= abs(value) <= 10**6


junk = (values.map(encoded) | forged.map(json.dumps) | st.text(max_size=5)).filter(is_no_answer)
parcels = st.fixed_dictionaries(
    {},
    optional={
        "value": junk, "function": st.text(max_size=5), "missing": st.text(max_size=5), "refused": st.text(max_size=5),
        "error": st.text(max_size=5), "lost": st.text(max_size=5),
    },
)  # fmt: skip


@pytest.mark.filterwarnings("ignore:Calling int on a single element:FutureWarning")
@settings(deadline=None, max_examples=60)
@given(st.lists(parcels, min_size=1, max_size=4))
@example([{}])
@example([{"value": "NaN"}])
@example([{"value": "Infinity"}])
@example([{"value": "true"}])
@example([{"value": "null"}])
@example([{"value": encoded(EVERYTHING)}])
@example([{"value": encoded(Quantity(Fraction(19), EVERYTHING, EVERYTHING))}])
@example([{"value": encoded(Interval(Fraction(-(10**12)), Fraction(10**12)))}])
@example([{"value": '{"set":[171,19]}'}])
@example([{"value": '{"frame":[[0],[["total",[171]]]]}'}])
@example([{"value": '{"series":[[0],[171]]}'}])
@example([{"value": '{"dict":[["total",171]]}'}])
@example([{"value": '"171"'}])
@example([{"value": "9" * 4000}])
@example([{"function": "total"}, {"function": "times"}, {"function": "odd"}])
@example([{"function": "times"}, {"value": encoded(EVERYTHING)}])
def test_what_is_no_answer_earns_nothing(small: Assignment, released: Path, sent: list[dict[str, Any]]) -> None:
    """Whatever a kernel sends in place of answers, in whatever order, no test gives a point for it."""
    count = iter(range(10**6))
    assert points(small, lambda *_: sent[next(count) % len(sent)]) == {"total-test": 0, "times-test": 0, "odd-test": 0}


# The examiner, spoken to as the grader does


def request_for(folder: Path, work: Path) -> dict[str, Any]:
    return {"folder": str(folder), "parameters": dict(VARIANT.parameters), "secret": dict(VARIANT.secret), "work": str(work)}


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], None]], Path]:
    """A copy of the assignment with something in its notebook changed."""

    def change(edit: Callable[[dict[str, Any]], None]) -> Path:
        folder = shutil.copytree(SMALL, tmp_path / "small")
        path = folder / "small.ipynb"
        notebook = json.loads(path.read_text())
        edit(notebook["cells"])
        path.write_text(json.dumps(notebook))
        return folder

    return change


def replacing(old: str, new: str) -> Callable[[Any], None]:
    def edit(cells: Any) -> None:
        (cell,) = [c for c in cells if old in "".join(c["source"])]
        cell["source"] = "".join(cell["source"]).replace(old, new)

    return edit


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path / "work", monkeypatch)


class Bench:
    """An examiner in the test's own process: its limits and its end are recorded, and not put in force."""

    def __init__(self, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        work.mkdir()
        monkeypatch.chdir(work.parent)  # so that the folder before is returned to
        monkeypatch.setattr(examiner, "_read", {})
        monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: self.limits.append((kind, limit)))
        monkeypatch.setattr(signal, "pidfd_send_signal", lambda pidfd, number: self.signals.append(number))
        for name, content in read_assignment(SMALL).released(VARIANT).items():
            (work / name).write_text(content)
        self.work = work
        self.limits: list[tuple[int, tuple[int, int]]] = []
        self.signals: list[int] = []

    def hold(self, folder: Path, client: Callable[[Examiner], T]) -> T:
        """What the grader, at the other end, makes of it."""
        ours, theirs = socket.socketpair()

        def talk() -> T:
            with ours:
                grader = Examiner(Channel(ours))
                try:
                    return client(grader)
                finally:
                    grader.close()

        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(talk)
            examiner._become(request_for(folder, self.work), [theirs.detach()])
            return told.result(LONG)


def test_the_examiner_asks_for_answers_and_tells_what_it_found(bench: Bench) -> None:
    asked: list[tuple[str, str]] = []

    def ask(what: str, name: str, arguments: str) -> dict[str, Any]:
        asked.append((what, name))
        if what == "call":
            return {"value": encoded(decoded(arguments)[0][0] * 19)}
        return {"function": name} if name == "times" else {"value": encoded(171 if asked.count(("value", "total")) == 1 else 5)}

    def client(grader: Examiner) -> list[Examined]:
        return [grader.examine(item, ask, LONG) for item in ("times-test", "total-test", "total-test")]

    before = Path.cwd()
    first, second, third = bench.hold(SMALL, client)
    assert (first.error, len(first.comparisons)) == ("", 4), "it uses what another test imports"
    assert (second.error, [c.what for c in second.comparisons]) == ("", ["the sum"])
    assert third.error == "the sum: too low by 166 (about 0.97 of the expected number)", "it was graded on what was fetched before"
    assert asked == [("value", "times"), *[("call", "times")] * 4, ("value", "total"), ("value", "total")]
    assert bench.limits == [(resource.RLIMIT_AS, (4 << 30, 4 << 30)), (resource.RLIMIT_CORE, (0, 0))]
    assert Path.cwd() == bench.work != before
    assert bench.signals == [signal.SIGKILL], "closing it does not end a test that hangs"


Change = Callable[[Callable[[Any], None]], Path]


def test_a_solution_at_fault_is_told_before_anything_is_examined(bench: Bench, changed: Change) -> None:
    folder = changed(replacing("sum(range(base))", "sum(range(bass))"))
    with pytest.raises(
        DataError, match=r"small, cell total: the solution fails with .*'base': 19.*: NameError: name 'bass' is not defined"
    ):
        bench.hold(folder, lambda grader: None)
    assert bench.signals == []


def test_a_folder_without_an_assignment_is_told(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no assignment 'other'; there are none"):
        bench.hold(tmp_path / "other", lambda grader: None)


def test_a_test_at_fault_is_told_and_the_next_one_is_examined(bench: Bench, changed: Change) -> None:
    folder = changed(replacing("odd == expected.odd", "odd == expected.even"))
    number = int((bench.work / "numbers.txt").read_text().split()[0])

    def client(grader: Examiner) -> Examined:
        with pytest.raises(DataError, match="the solution has no 'even'"):
            grader.examine("odd-test", lambda *_: {"value": str(number)}, LONG)
        return grader.examine("total-test", lambda *_: {"value": "171"}, LONG)

    assert bench.hold(folder, client) == Examined(comparisons=bench.hold(SMALL, client_of("total-test", "171")).comparisons)


def client_of(item: str, value: str) -> Callable[[Examiner], Examined]:
    return lambda grader: grader.examine(item, lambda *_: {"value": value}, LONG)


def test_setup_that_looks_at_an_answer_does_no_harm(bench: Bench, changed: Change) -> None:
    def edit(cells: Any) -> None:
        (setup,) = [c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == "setup"]
        marks = {**setup["metadata"]["nbgrader"], "grade_id": "look"}
        place = 1 + next(n for n, c in enumerate(cells) if "total = sum" in "".join(c["source"]))
        cells.insert(place, {**setup, "id": "look", "metadata": {"nbgrader": marks}, "source": "half = total / 2"})

    found = bench.hold(changed(edit), client_of("total-test", "170"))
    assert found.error == "the sum: too low by 1 (about 0.0058 of the expected number)"


# Messages


def pair() -> tuple[socket.socket, Channel]:
    ours, theirs = socket.socketpair()
    return ours, Channel(theirs)


def test_a_message_may_come_in_pieces() -> None:
    link, channel = pair()
    writer, reader = socket.socketpair()
    Channel(writer).send({"value": "é" * 1000})
    content = reader.recv(1 << 16)
    with link, writer, reader, ThreadPoolExecutor(1) as pool:
        received = pool.submit(channel.receive)
        for place in range(0, len(content), 700):
            link.sendall(content[place : place + 700])
        assert received.result(LONG) == {"value": "é" * 1000}
        channel.close()


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x09{"], ids=["nothing", "half a length", "half a message"])
def test_an_end_within_a_message_is_an_end(sent: bytes) -> None:
    link, channel = pair()
    link.sendall(sent)
    link.close()
    with pytest.raises(EOFError):
        channel.receive()
    channel.close()


def test_what_does_not_come_in_time_is_not_waited_for() -> None:
    link, channel = pair()
    with link, pytest.raises(TimeoutError):
        channel.receive(0.0)  # a moment long past
    channel.close()


# The warm process, from the grader's side


def test_a_process_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch, small: Assignment, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with Examiners() as examiners, pytest.raises(EOFError):
        examiners.new(small, VARIANT, tmp_path)


def test_a_process_is_started_once_and_only_where_one_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    real = subprocess.Popen
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(a) or real(*a, **k))
    Examiners().close()
    assert started == []
    with Examiners() as examiners:
        examiners.begin()
        examiners.begin()
    assert len(started) == 1


def test_a_process_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Impatient(subprocess.Popen[bytes]):
        """Waits no longer than a tenth of a second for what would have two."""

        def wait(self, timeout: float | None = None) -> int:
            return super().wait(timeout and 0.1)

    made: list[Impatient] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **k: made.append(Impatient(["sleep", "600"], **k)) or made[-1])
    with Examiners() as examiners:
        examiners.begin()
    assert [process.returncode for process in made] == [-signal.SIGKILL]


def test_nothing_is_forked_from_a_process_with_a_second_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(sys, "argv", ["examiner", str(theirs.detach())])
    monkeypatch.setattr(examiner, "threads", lambda: 2)
    with ours:
        with pytest.raises(RuntimeError, match="a thread was started by the imports"):
            examiner.main()
        ours.settimeout(LONG)
        assert ours.recv(64) == b"", "the grader was told that it is ready"


# The process that forks

SERVER = """
import os, signal, socket, sys
from compendium.classroom.zygote import serve, threads

prepared = []

def become(request, descriptors):
    if request.get("fail"):
        raise ArithmeticError("no way out")
    with socket.socket(fileno=descriptors[0]) as link:
        prepared.append("by a fork")
        interrupt = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        link.sendall(repr((request["name"], os.getppid(), threads(), prepared, interrupt, len(descriptors))).encode())
        if request.get("stay"):
            link.recv(1)

serve(socket.socket(fileno=int(sys.argv[1])), lambda request: prepared.append(request["name"]), become)
"""


class Server:
    """A process that forks for each request, and its client's end of the link."""

    def __init__(self, first: str = "", **environment: str) -> None:
        self._code = first + SERVER
        self.link, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link.settimeout(LONG)
        self._environment = {k: v for k, v in os.environ.items() if k != "COMPENDIUM_SANDBOX_DEBUG"} | environment

    def start(self) -> Server:
        words = [sys.executable, "-c", self._code, str(self.theirs.fileno())]
        with self.theirs:
            self.process = subprocess.Popen(
                words, pass_fds=[self.theirs.fileno()], stderr=subprocess.PIPE, text=True, env=self._environment
            )
        return self

    def ask(self, **request: Any) -> socket.socket:
        """The link to the process that was forked for it."""
        ours, theirs = socket.socketpair()
        ours.settimeout(LONG)
        with theirs:
            socket.send_fds(self.link, [json.dumps({"name": "a", **request}).encode()], [theirs.fileno()])
        return ours

    def end(self) -> tuple[int, str]:
        """The exit status, and what was written to standard error by it and by all that it forked."""
        self.link.close()
        _, errors = self.process.communicate(timeout=LONG)
        return self.process.returncode, errors

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.link.close()
        self.process.kill()
        self.process.communicate()


def told(link: socket.socket) -> bytes:
    """All that comes until the other end is closed."""
    with link, link.makefile("rb") as stream:
        return stream.read()


def test_each_request_is_forked_with_what_was_prepared_and_with_its_descriptors() -> None:
    with Server() as server:
        assert server.link.recv(64) == b"ready"
        pid = server.process.pid
        assert told(server.ask(name="a")).decode() == repr(("a", pid, 1, ["a", "by a fork"], True, 1))
        assert told(server.ask(name="b")).decode() == repr(("b", pid, 1, ["a", "b", "by a fork"], True, 1))
        assert server.end() == (0, "")


def test_an_interrupt_in_the_terminal_does_not_end_it() -> None:
    with Server() as server:
        assert server.link.recv(64) == b"ready"
        server.process.send_signal(signal.SIGINT)
        assert told(server.ask()).startswith(b"('a', ")
        assert server.end() == (0, "")


@pytest.mark.parametrize("debug", [{}, {"COMPENDIUM_SANDBOX_DEBUG": "1"}], ids=["silently", "with a traceback"])
def test_a_forked_process_that_fails_ends_alone(debug: dict[str, str]) -> None:
    with Server(**debug) as server:
        assert server.link.recv(64) == b"ready"
        assert told(server.ask(fail=True)) == b""
        assert told(server.ask()).startswith(b"('a', ")
        code, errors = server.end()
        assert code == 0
        assert errors.count("ArithmeticError: no way out") == errors.count("Traceback") == len(debug)


@pytest.mark.parametrize("debug", [{}, {"COMPENDIUM_SANDBOX_DEBUG": "1"}], ids=["silently", "with a traceback"])
@pytest.mark.parametrize("fail", [False, True])
def test_the_status_of_a_forked_process_says_whether_it_failed(fail: bool, debug: dict[str, str]) -> None:
    """The side of the child, in a process whose status can be had: the one that forks waits for none."""
    with Server("import os; os.fork = lambda: 0\n", **debug) as server:
        assert server.link.recv(64) == b"ready"
        with server.ask(fail=fail, stay=True) as link:
            if not fail:
                assert link.recv(4096) == repr(("a", os.getpid(), 1, ["a", "by a fork"], True, 1)).encode()
            assert server.link.recv(64) == b"", "it holds the link of the one that forked it"
        code, errors = server.end()
        assert code == int(fail)
        assert ("ArithmeticError: no way out" in errors) == (fail and bool(debug))


def test_a_forked_process_ends_with_the_one_that_forked_it() -> None:
    with Server() as server:
        assert server.link.recv(64) == b"ready"
        with server.ask(stay=True) as link:
            assert link.recv(4096).startswith(b"('a', ")
            server.process.kill()
            assert link.recv(1) == b"", "it would wait for ever"


def test_a_client_that_has_gone_before_is_no_error() -> None:
    server = Server()
    server.link.close()
    with server:
        assert server.end() == (0, "")


def test_a_client_that_breaks_the_link_is_no_error() -> None:
    """A link that is closed with something unread in it is reset."""
    with Server() as server:
        readable, _, _ = select.select([server.link], [], [], LONG)
        assert readable == [server.link]
        assert server.end() == (0, "")
