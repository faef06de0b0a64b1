"""A relay between a client's sockets and a sandboxed kernel's: what any Jupyter client needs to use a sandbox unmodified.

It connects to the kernel once, before the client can send anything, takes in no message beyond the bound,
and cuts output before the client sees it. The client's stdin channel leads nowhere.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import zmq

from compendium.classroom.line import DELIMITER, FLOOD, Kernel, Lost, bounded, message

UNREADABLE = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
CHANNELS = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}


class Relay:
    """Carries messages until the kernel ends; a thread of its own.

    Parameters
    ----------
    kernel : Kernel
        Just started: nothing of a student has run in it.
    connection : mapping
        The client's side: transport, ip and the five ports.
    """

    def __init__(self, kernel: Kernel, connection: Mapping[str, Any]) -> None:
        self._kernel = kernel
        self._context = zmq.Context()
        self._fronts: dict[str, Any] = {}
        self._backs: dict[str, Any] = {}
        kinds = {
            "shell": (zmq.ROUTER, zmq.DEALER),
            "control": (zmq.ROUTER, zmq.DEALER),
            "hb": (zmq.ROUTER, zmq.DEALER),
            "iopub": (zmq.XPUB, zmq.XSUB),
        }
        try:
            for name, (front, back) in kinds.items():
                self._fronts[name] = self._bound(front, connection, name)
                self._backs[name] = bounded(self._context, back, kernel, CHANNELS[name])
            self._fronts["stdin"] = self._bound(zmq.ROUTER, connection, "stdin")
            self._heard()
        except BaseException:
            self._context.destroy(linger=0)
            raise
        self._asked: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry, name="relay", daemon=True)
        self._thread.start()

    def _bound(self, kind: int, connection: Mapping[str, Any], name: str) -> Any:
        socket = self._context.socket(kind)
        socket.setsockopt(zmq.LINGER, 0)
        separator = ":" if connection["transport"] == "tcp" else "-"
        socket.bind(f"{connection['transport']}://{connection['ip']}{separator}{connection[f'{name}_port']}")
        return socket

    def _heard(self) -> None:
        """Hear from each of the kernel's sockets before anything of a student can run, so that all are connected."""
        self._backs["iopub"].send(b"\x01")  # everything is subscribed to here; a client's own wish then changes nothing
        self._backs["hb"].send_multipart([b"relay", b"", b"here"])
        waiting = {socket: name for name, socket in self._backs.items()}
        poller = zmq.Poller()
        for socket in waiting:
            poller.register(socket, zmq.POLLIN)
        end = time.monotonic() + 20
        while waiting and time.monotonic() < end:
            for name in ("shell", "control"):
                _, frames = message(self._kernel.key.encode(), "relay", "kernel_info_request", {})
                self._backs[name].send_multipart([b"relay", *frames])
            for socket, _ in poller.poll(50):
                waiting.pop(socket, None)
                with contextlib.suppress(zmq.Again):
                    while True:
                        socket.recv_multipart(zmq.DONTWAIT)
        if waiting:
            raise Lost("the kernel did not answer")

    def _carry(self) -> None:
        poller = zmq.Poller()
        names: dict[Any, tuple[str, bool]] = {}
        for front, sockets in ((True, self._fronts), (False, self._backs)):
            for name, socket in sockets.items():
                poller.register(socket, zmq.POLLIN)
                names[socket] = (name, front)
        looked = 0.0
        while not self._stop.is_set():
            for socket, _ in poller.poll(100):
                name, front = names[socket]
                for _ in range(64):
                    try:
                        frames = socket.recv_multipart(zmq.DONTWAIT)
                    except zmq.Again:
                        break
                    self._pass(name, front, frames)
            now = time.monotonic()
            if now - looked > 0.1:
                looked = now
                if not self._kernel.alive or self._kernel.memory > self._kernel.bounds.memory * 1.25:
                    self._kernel.close()
                    break
        self._context.destroy(linger=200)

    def _pass(self, name: str, front: bool, frames: list[bytes]) -> None:
        if name == "stdin":
            return
        if front and name in ("shell", "control"):
            self._ask(frames)
        if name == "iopub" and not front:
            frames_ = self._cut(frames)
            if frames_ is None:
                return
            frames = frames_
        target = (self._backs if front else self._fronts)[name]
        try:
            target.send_multipart(frames, zmq.DONTWAIT)
        except zmq.ZMQError:
            return  # a client that has gone, or a kernel that takes in no more

    def _ask(self, frames: list[bytes]) -> None:
        """Remember a request, whose output then has a share of its own."""
        with contextlib.suppress(*UNREADABLE):
            if len(self._asked) > 10_000:
                self._asked.clear()
                self._sizes.clear()
            self._asked.add(str(json.loads(frames[frames.index(DELIMITER) + 2])["msg_id"]))

    def _cut(self, frames: list[bytes]) -> list[bytes] | None:
        """An output message, or none where the request that it belongs to has had its share."""
        try:
            place = frames.index(DELIMITER)
            kind = json.loads(frames[place + 2])["msg_type"]
            request = str(json.loads(frames[place + 3]).get("msg_id", ""))
        except UNREADABLE:
            return None
        if request not in self._asked:
            request = ""  # a kernel may name requests that nobody made; all of these have one share together
        size = self._sizes.get(request, 0) + sum(map(len, frames))
        self._sizes[request] = size
        if size > FLOOD * self._kernel.bounds.output:
            self._kernel.close()
            return None
        return frames if kind == "status" or size <= 2 * self._kernel.bounds.output else None

    def close(self) -> None:
        self._stop.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)
