"""The warm process from inside: what it answers, what it forks, and how it ends."""

from __future__ import annotations

import atexit
import gc
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compendium.execution import warm, warmserver

from .forking import Fork

pytestmark = pytest.mark.skipif(not warm.FORKABLE, reason="kernels are forked on Linux only")


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, socket.socket]]:
    monkeypatch.setenv("COMPENDIUM_DATA", str(tmp_path / "none"))  # nothing to read ahead
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(20)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server(link: tuple[socket.socket, socket.socket]) -> Iterator[tuple[socket.socket, Fork]]:
    """A server without the imports, which its answers do not need."""
    ours, theirs = link

    def serve() -> str:
        ours.close()
        sys.stdout, sys.stderr = (os.fdopen(n, "w", closefd=False) for n in (1, 2))  # as a program has them, and not pytest's
        warmserver.serve(theirs)
        return "served"

    fork = Fork(serve)
    theirs.close()
    yield ours, fork
    ours.close()
    assert fork.end() == (0, "served")


def ask(ours: socket.socket, request: Any, *descriptors: int) -> Any:
    socket.send_fds(ours, [request if isinstance(request, bytes) else json.dumps(request).encode()], list(descriptors))
    return json.loads(ours.recv(warmserver.PACKET))


def request(**fields: Any) -> dict[str, Any]:
    return {"do": "fork", "argv": ["-f", "connection.json"], "env": dict(os.environ), "cwd": None, **fields}


def test_nonsense_is_answered_and_the_next_request_too(server: tuple[socket.socket, Fork]) -> None:
    ours, _ = server
    assert ask(ours, b"{")["error"].startswith("JSONDecodeError: ")
    assert ask(ours, {}) == {"error": "KeyError: 'do'"}
    assert ask(ours, {"do": "dance"}) == {"error": "KeyError: 'pid'"}
    assert ask(ours, [])["error"].startswith("TypeError: ")
    assert ask(ours, {"do": "poll", "pid": 1}) == {"error": "no kernel 1"}


def test_streams_that_came_with_nonsense_are_closed(server: tuple[socket.socket, Fork]) -> None:
    reader, writer = os.pipe()
    ask(server[0], b"{", writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b""  # ends only when nobody holds the other end


def test_a_kernel_that_cannot_begin_says_why_and_its_status_is_told_once(server: tuple[socket.socket, Fork], tmp_path: Path) -> None:
    ours, _ = server
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        pid = ask(ours, request(cwd=str(tmp_path / "nowhere")), out.fileno(), err.fileno())["pid"]
    while (answer := ask(ours, {"do": "poll", "pid": pid})) == {"status": None}:
        time.sleep(0.01)
    assert answer == {"status": 1}
    assert (tmp_path / "out").read_bytes() == b""
    told = (tmp_path / "err").read_text()
    assert told.startswith("Traceback")
    assert f"FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path / 'nowhere'}'" in told
    assert ask(ours, {"do": "poll", "pid": pid}) == {"error": f"no kernel {pid}"}


def test_a_kernel_that_has_ended_unasked_keeps_no_server(server: tuple[socket.socket, Fork]) -> None:
    ours, fork = server
    with open(os.devnull, "wb") as blank:
        pid = ask(ours, request(cwd="/nowhere"), blank.fileno(), blank.fileno())["pid"]
    while Path(f"/proc/{pid}").exists():  # till the server has seen its end
        time.sleep(0.01)
    ours.close()
    assert fork.end() == (0, "served")
    fork.end = lambda: (0, "served")  # type: ignore[method-assign]


def test_a_client_that_leaves_without_its_answer_ends_the_server(server: tuple[socket.socket, Fork]) -> None:
    ours, _ = server
    ours.send(b"{}")
    while not ours.recv(1, socket.MSG_PEEK):
        pass
    ours.close()  # with the answer unread, which the server meets as an error, not as an end


def test_a_client_that_is_gone_before_the_answer_is_no_fault(link: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = link
    ours.send(b"{}")
    ours.close()
    assert warmserver._answer(theirs, {}, ()) is False


# Turning into a kernel


def test_a_fork_becomes_the_kernel_that_was_asked_for(link: tuple[socket.socket, socket.socket], tmp_path: Path) -> None:
    ours, theirs = link
    out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)

    def become() -> None:
        os.fork = lambda: 0  # it is forked already; what follows is the kernel's part alone
        os.getppid = os.getpid
        warmserver._run = lambda argv: print(json.dumps({  # type: ignore[assignment]
            "argv": argv[:2], "env": sorted(os.environ), "word": os.environ["WORD"], "cwd": str(Path.cwd()), "session": os.getsid(0) == os.getpid(),
            "open": sorted(int(n.name) for n in Path("/proc/self/fd").iterdir() if n.exists() and n.readlink() == tmp_path / "out"),
        })) or 5  # fmt: skip
        socket.send_fds(ours, [json.dumps(request(env={"WORD": "yes"}, cwd=str(tmp_path))).encode()], [out, out])
        ours.close()
        sys.stdout = os.fdopen(1, "w", closefd=False)
        warmserver._answer(theirs, {}, (theirs.fileno(), out))

    status, nothing = Fork(become).end()
    os.close(out)
    assert (status, nothing) == (5, None)
    found = json.loads((tmp_path / "out").read_text())
    assert found == {"argv": ["-f", "connection.json"], "env": ["JPY_PARENT_PID", "WORD"], "word": "yes", "cwd": str(tmp_path), "session": True,
                     "open": [1, 2]}  # fmt: skip


def test_a_server_without_standard_streams_forks_kernels_that_have_them(tmp_path: Path) -> None:
    out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)

    def become() -> None:
        os.close(0)  # so that the first file opened takes its number
        warmserver._run = lambda argv: os.write(1, f"{Path('/proc/self/fd/0').readlink()} {Path.cwd()}".encode()) and 0  # type: ignore[assignment]
        warmserver._become_kernel(request(), [out, os.dup(out)], (), os.getppid())

    assert Fork(become).end() == (0, None)
    os.close(out)
    assert (tmp_path / "out").read_text() == f"/dev/null {Path.cwd()}"  # and where no folder is named, in the server's


def test_a_fork_whose_server_has_died_meanwhile_does_not_begin(tmp_path: Path) -> None:
    """Nobody would tell it to end."""
    out = os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT)

    def become() -> None:
        warmserver._run = lambda argv: os.write(1, b"begun") and 0  # type: ignore[assignment]
        warmserver._become_kernel(request(), [out, os.dup(out)], (), os.getpid())  # a server that is not its parent

    assert Fork(become).end() == (1, None)
    os.close(out)
    assert (tmp_path / "out").read_bytes() == b""


@pytest.mark.parametrize(("code", "status"), [(None, 0), (3, 3), ("words", 1), (0, 0)])
def test_a_kernel_leaves_with_its_status_when_all_is_tidied(monkeypatch: pytest.MonkeyPatch, code: int | str | None, status: int) -> None:
    from ipykernel.kernelapp import IPKernelApp

    done = []

    def launch(argv: list[str]) -> None:
        done.append(argv)
        raise SystemExit(code)

    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: done.append("tidied"))
    monkeypatch.setattr(IPKernelApp, "launch_instance", launch)
    assert warmserver._run(["-f", "c.json"]) == status
    assert done == [["-f", "c.json", "--HistoryManager.enabled=False"], "tidied"]
    assert sys.argv == ["ipykernel_launcher.py", "-f", "c.json"]


def test_a_kernel_that_comes_to_its_end_has_status_nought(monkeypatch: pytest.MonkeyPatch) -> None:
    from ipykernel.kernelapp import IPKernelApp

    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(atexit, "_run_exitfuncs", lambda: None)
    monkeypatch.setattr(IPKernelApp, "launch_instance", lambda argv: None)
    assert warmserver._run([]) == 0


def test_each_kernel_draws_numbers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    def drawn() -> float:
        warmserver._reseed()
        return float(np.random.rand())

    np.random.seed(1)
    same = float(np.random.rand())
    np.random.seed(1)
    assert drawn() != same
    np.random.seed(1)
    monkeypatch.delitem(sys.modules, "numpy")
    assert drawn() == same  # what is not imported needs no seed


# Beginning


def begun(link: tuple[socket.socket, socket.socket], imports: Any, first: str) -> tuple[dict[str, Any], tuple[int, Any]]:
    """What the program says first, and how it ends where its client leaves after that."""
    ours, theirs = link

    def program() -> dict[str, Any]:
        ours.close()
        sys.path[:] = [first, "/elsewhere"]
        sys.argv = ["warmserver", str(os.dup(theirs.fileno()))]
        theirs.close()
        warmserver.imports = imports
        warmserver.main()
        return {"path": sys.path, "garbage is left": not gc.isenabled()}

    fork = Fork(program)
    theirs.close()
    answer = json.loads(ours.recv(warmserver.PACKET))
    ours.close()
    assert answer.get("ready", fork.pid) == fork.pid
    return answer, fork.end()


@pytest.mark.parametrize(("first", "path"), [("", ["/elsewhere"]), ("/of/the/user", ["/of/the/user", "/elsewhere"])])
def test_it_is_ready_and_its_own_folder_is_not_the_kernels(link: tuple[socket.socket, socket.socket], first: str, path: list[str]) -> None:
    answer, end = begun(link, lambda: None, first)
    assert answer.keys() == {"ready"}
    assert end == (0, {"path": path, "garbage is left": True})


def test_an_import_that_fails_is_told(link: tuple[socket.socket, socket.socket]) -> None:
    def fails() -> None:
        raise ImportError("no pandas")

    answer, (status, _) = begun(link, fails, "")
    assert answer == {"error": "ImportError: no pandas"}
    assert status == 0


def test_an_import_that_leaves_a_thread_is_told(link: tuple[socket.socket, socket.socket]) -> None:
    def leaves() -> None:
        threading.Thread(target=threading.Event().wait, daemon=True).start()

    answer, (status, _) = begun(link, leaves, "")
    assert answer == {"error": "RuntimeError: 2 threads after the imports; a fork would break them"}
    assert status == 0
