"""Warm kernels, seen from the grader: one sandbox with a server in it, and kernels forked behind walls of their own."""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping

from compendium.classroom.bounds import Bounds
from compendium.classroom.inside import BASE
from compendium.classroom.sandbox import SO_PASSCRED, START, Sandbox, SandboxError, Way, behind_walls, kill_tree, next_user, ready, way


class WarmKernel(Sandbox):
    """A kernel forked inside a nest; the walls around it are its own."""

    def __init__(self, nest: Nest, files: Mapping[str, str], bounds: Bounds) -> None:
        self.bounds = bounds
        self.key = secrets.token_hex(24)
        self._open, self._process, self._pidfd, self.pid = None, None, -1, -1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
            with theirs:
                nest.ask(
                    {"key": self.key, "bounds": bounds.as_dict(), "files": dict(files), "user": next_user(nest.how), "base": BASE}, theirs
                )
            self.pid = ready(ours, nest.process)
        self._pidfd = os.pidfd_open(self.pid)

    def close(self) -> None:
        """End the kernel; the first process of its namespace then ends, and with it everything inside."""
        if self._pidfd >= 0:
            self.signal(9)
            select.select([self._pidfd], [], [], 5)
            os.close(self._pidfd)
            self._pidfd = -1


class Nest:
    """A sandbox with a warm server in it. Safe for threads; started when the first kernel is asked for."""

    def __init__(self, bounds: Bounds) -> None:
        self.how: Way = way()
        self._bounds = bounds
        self._lock = threading.Lock()
        self._link = socket.socket()
        self._ready = False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, files: Mapping[str, str], bounds: Bounds) -> WarmKernel:
        """A kernel with the released files in its folder."""
        return WarmKernel(self, files, bounds)

    def ask(self, settings: Mapping[str, object], link: socket.socket) -> None:
        """Hand settings and a link to a new fork; the server reads neither."""
        with tempfile.TemporaryFile() as stream:
            stream.write(json.dumps(settings).encode())
            stream.seek(0)
            with self._lock:
                try:
                    socket.send_fds(self._started(), [b'{"do":"start"}'], [stream.fileno(), link.fileno()])
                except ConnectionError:
                    raise SandboxError("the warm server inside the sandbox has ended") from None

    def _started(self) -> socket.socket:
        if self._ready:
            return self._link
        self.begin()
        assert self.process is not None
        end = time.monotonic() + START
        while not select.select([self._link], [], [], 0.1)[0]:
            if self.process.poll() is not None or time.monotonic() > end:
                raise SandboxError("the warm server did not start inside the sandbox")
        if self._link.recv(64) != b"ready":
            raise SandboxError("the warm server ended while it was starting")
        self._ready = True
        return self._link

    def begin(self) -> None:
        """Start the server, without waiting for it."""
        if self.process is not None:
            return
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        rights = Way(self.how.privileged, self.how.users, nested=False)  # its forks make namespaces; what it forks may not
        more = ["--cap-add", "CAP_SYS_ADMIN"] if self.how.privileged else []
        with theirs:
            self.process = behind_walls(rights, self._bounds, "compendium.classroom.nested", theirs, more)

    def close(self) -> None:
        self._link.close()
        if self.process is not None:
            kill_tree(self.process)

    def __enter__(self) -> Nest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
