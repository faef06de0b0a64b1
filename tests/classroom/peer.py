"""A kernel that is none: it stands at a kernel's five sockets and says what a test has it say."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import zmq

from compendium.classroom.bounds import Bounds
from compendium.classroom.line import DELIMITER

KINDS = {"shell": zmq.ROUTER, "iopub": zmq.XPUB, "stdin": zmq.ROUTER, "control": zmq.ROUTER, "hb": zmq.ROUTER}
Said = tuple[str, list[bytes]]
"""A channel and what is sent on it; replies get their address from whom they answer."""


def frames(kind: str, parent: str, content: Any) -> list[bytes]:
    return [DELIMITER, b"signature", *(json.dumps(part).encode() for part in ({"msg_type": kind}, {"msg_id": parent}, {}, content))]


def printed(parent: str, text: str, name: str = "stdout") -> Said:
    return "iopub", frames("stream", parent, {"name": name, "text": text})


def idle(parent: str) -> Said:
    return "iopub", frames("status", parent, {"execution_state": "idle"})


def replied(parent: str, **content: Any) -> Said:
    return "shell", frames("execute_reply", parent, {"status": "ok", **content})


def nothing(code: str, parent: str) -> Iterator[Said]:
    """What a kernel says of a cell that does nothing."""
    yield idle(parent)
    yield replied(parent)


class Peer:
    """Alive until it is closed.

    ``says`` makes what comes of an execute request; ``heard`` is what came on each channel, without addresses.
    """

    def __init__(self, says: Callable[[str, str], Iterator[Said]] = nothing, bounds: Bounds | None = None, *, silent: bool = False) -> None:
        self.key, self.bounds, self.memory = "k" * 48, bounds or Bounds(), 0
        self.interrupts = 0
        self.closed = threading.Event()
        self.heard: dict[str, list[list[bytes]]] = {name: [] for name in KINDS}
        self._says, self._silent = says, silent
        self._folder = tempfile.mkdtemp(prefix="peer-")  # a socket's path is short
        self._readable, self._writable = os.pipe()
        self._context = zmq.Context()
        self._sockets = {name: self._context.socket(kind) for name, kind in KINDS.items()}
        for number, socket in enumerate(self._sockets.values(), 1):
            socket.setsockopt(zmq.LINGER, 0)
            socket.bind(f"ipc://{self.path(number)}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._stand, daemon=True)
        self._thread.start()

    def path(self, number: int) -> str:
        return f"{self._folder}/k-{number}"

    def fileno(self) -> int:
        return self._readable

    @property
    def alive(self) -> bool:
        return not self.closed.is_set()

    def interrupt(self) -> None:
        self.interrupts += 1

    def close(self) -> None:
        if not self.closed.is_set():
            self.closed.set()
            os.write(self._writable, b".")

    def _stand(self) -> None:
        poller = zmq.Poller()
        names = {socket: name for name, socket in self._sockets.items()}
        for socket in names:
            poller.register(socket, zmq.POLLIN)
        while not self._stop.is_set():
            for socket, _ in poller.poll(20):
                self._hear(names[socket], socket.recv_multipart())

    def _hear(self, name: str, parts: list[bytes]) -> None:
        if self._silent or name == "iopub":
            return
        address, parts = parts[0], parts[1:]
        self.heard[name].append(parts)
        if name == "hb":
            self._sockets["hb"].send_multipart([address, *parts])
        if DELIMITER not in parts:
            return
        place = parts.index(DELIMITER)
        before, (header, content) = parts[:place], (json.loads(parts[place + n]) for n in (2, 5))
        parent = header["msg_id"]
        said: Iterator[Said] = iter(())
        if header["msg_type"] == "kernel_info_request":
            said = iter([(name, frames("kernel_info_reply", parent, {})), idle(parent)])
        elif header["msg_type"] == "execute_request":
            said = self._says(content["code"], parent)
        for channel, answer in said:
            self._sockets[channel].send_multipart(answer if channel == "iopub" else [address, *before, *answer])

    def deaf(self) -> None:
        """The kernel's program closes its sockets, and lives on."""
        self._stop.set()
        self._thread.join()
        self._context.destroy(linger=0)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
        self.deaf()
        os.close(self._readable)
        os.close(self._writable)
        shutil.rmtree(self._folder)
