"""The warm process: it has imported what notebooks need, and forks a kernel for each request.

Started by :mod:`compendium.execution.warm` with one end of a socket pair; nobody else can reach it,
since it has no name anywhere. It serves one client and ends, with every kernel it forked, when that
client closes its end or dies. It holds no zmq context, no event loop and no thread, because none of
these survives a fork.

Messages are single JSON packets. ``{"do": "fork", "argv": [...], "env": {...}, "cwd": ...}`` comes with
the descriptors of the kernel's output and error streams; ``{"do": "poll", "pid": n}`` asks for an exit
status. Answers are ``{"pid": n}``, ``{"status": n or null}`` or ``{"error": text}``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from compendium.execution.process import PR_SET_PDEATHSIG

PACKET = 1 << 20
PRELOADED = ("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.debugger",
             "IPython.core.oinspect", "IPython.extensions.storemagic", "sqlite3", "tornado.platform.asyncio",
             "pandas", "altair", "great_tables", "compendium.chapter", "compendium.display.maps")


def preload() -> None:
    """All that can be done once for every notebook: imports, and the reading of the data."""
    imports()
    for _ in read_ahead():
        pass


def imports() -> None:
    """Import what notebooks import, and use it once, so that what is set up on first use is set up."""
    import importlib

    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # the debugger would warn of frozen modules, into nobody's notebook
    for name in PRELOADED:
        importlib.import_module(name)
    import altair as alt
    import pandas as pd
    from great_tables import GT

    frame = pd.DataFrame({"a": ["x"], "b": [1]})
    alt.Chart(frame).mark_bar().encode(x="a:N", y="b:Q").to_dict()
    GT(frame, id="warm").as_raw_html()
    transform_once()


def read_ahead() -> Iterator[None]:
    """Read the data that chapters read, a chapter a step; a fork reads a file again only if it has changed since."""
    from compendium.corpus.corpus import Corpus
    from compendium.corpus.place import find_data

    with contextlib.suppress(Exception):  # a fault in the data is for the notebook that meets it to tell
        corpus = Corpus(find_data())
        for chapter in corpus.chapters:
            for read in (corpus.claims, corpus.tables, corpus.readings, corpus.errata, corpus.events, corpus.memberships, corpus.routes):
                with contextlib.suppress(Exception):
                    read(chapter)
            gc.freeze()
            yield


def transform_once() -> None:
    """Let IPython's shell turn a cell into Python once: it asks twice for each, and tokenizes it each time."""
    from IPython.core.interactiveshell import InteractiveShell

    plain = InteractiveShell.transform_cell
    last: dict[str, str] = {}

    def once(self: Any, raw_cell: str) -> str:
        if raw_cell in last:
            return last.pop(raw_cell)
        transformed: str = plain(self, raw_cell)
        last.clear()
        last[raw_cell] = transformed
        return transformed

    InteractiveShell.transform_cell = once


def threads() -> int:
    """How many threads this process has."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def serve(link: socket.socket) -> None:
    """Answer requests until the client's end is closed; then end every kernel. Read ahead while there is none."""
    statuses: dict[int, int | None] = {}
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the client, who closes the link
    waiting = selectors.DefaultSelector()
    waiting.register(link, selectors.EVENT_READ)
    waiting.register(reader, selectors.EVENT_READ)
    inherited = (link.fileno(), reader, writer)
    ahead, unread = read_ahead(), True
    try:
        while True:
            events = waiting.select(0 if unread else None)
            if not events:
                unread = next(ahead, "all is read") is None
            for key, _ in events:
                if key.fd == reader:
                    with contextlib.suppress(BlockingIOError):
                        os.read(reader, 4096)
                    _reap(statuses)
                elif not _answer(link, statuses, inherited):
                    return
    finally:
        for pid, status in statuses.items():
            if status is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)


def _reap(statuses: dict[int, int | None]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        statuses[pid] = os.waitstatus_to_exitcode(status)


def _answer(link: socket.socket, statuses: dict[int, int | None], inherited: tuple[int, ...]) -> bool:
    try:
        packet, descriptors, _, _ = socket.recv_fds(link, PACKET, 2)
    except ConnectionError:
        return False
    if not packet:
        return False
    try:
        request = json.loads(packet)
        if request["do"] == "fork":
            server = os.getpid()
            pid = os.fork()
            if pid == 0:
                _become_kernel(request, descriptors, inherited, server)
            statuses[pid] = None
            answer: dict[str, Any] = {"pid": pid}
        else:
            _reap(statuses)
            pid = request["pid"]
            answer = {"status": statuses[pid]} if pid in statuses else {"error": f"no kernel {pid}"}
            if answer.get("status") is not None:
                del statuses[pid]
    except (OSError, ValueError, KeyError, TypeError) as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    try:
        link.send(json.dumps(answer).encode())
    except OSError:
        return False
    return True


def _become_kernel(request: dict[str, Any], descriptors: list[int], inherited: tuple[int, ...], server: int) -> NoReturn:
    """Turn this freshly forked process into the kernel that an ordinary start would have made."""
    code = 1
    try:
        os.setsid()
        # If the warm process is killed outright, its kernels go with it. It has one thread, so the
        # signal comes when the process dies, not when some thread does.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it died before the signal was asked for
            os._exit(1)
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(name, signal.SIG_DFL if name != signal.SIGPIPE else signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        blank = os.open(os.devnull, os.O_RDONLY)
        for number, descriptor in enumerate([blank, *descriptors]):
            os.dup2(descriptor, number)
        for descriptor in (*inherited, blank, *descriptors):
            if descriptor > 2:
                os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["env"])
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        if request["cwd"]:
            os.chdir(request["cwd"])
        _reseed()
        gc.enable()
        code = _run([*request["argv"], f"--IPKernelApp.parent_handle={os.getppid()}"])
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _reseed() -> None:
    """New randomness for this process; ``random`` and ``tempfile`` see to themselves after a fork."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _run(argv: list[str]) -> int:
    import atexit

    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher.py", *argv]
    try:
        # No history of what ran: it would be one database in the user's home for all kernels at once.
        IPKernelApp.launch_instance(argv=[*argv, "--HistoryManager.enabled=False"])
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    finally:
        # The thread that answered the request to end still sends what was printed. ipykernel stops the
        # sender first and then waits for that thread, which waits for the sender: ten seconds.
        if IPKernelApp.initialized() and (control := IPKernelApp.instance().control_thread):
            control.join(1)
        atexit._run_exitfuncs()
    return 0


def main() -> None:
    """Preload, report readiness, and serve. The argument is the descriptor of the link."""
    if sys.path and sys.path[0] in ("", str(Path.cwd())):
        del sys.path[0]  # put there by -m; a kernel adds its own folder itself
    link = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # what is imported and read here stays; looking for garbage in it takes a third of the time
    try:
        imports()
        count = threads()
        if count != 1:
            raise RuntimeError(f"{count} threads after the imports; a fork would break them")
        gc.freeze()  # keeps the shared pages shared; to look for garbage first costs more than there is
        link.send(json.dumps({"ready": os.getpid()}).encode())
    except Exception as error:
        link.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        return
    serve(link)


if __name__ == "__main__":
    main()
