"""Warm kernels: a kernel provisioner that forks kernels from a process with the imports done.

jupyter_client finds it by its entry point (group ``jupyter_client.kernel_provisioners``) when a
kernelspec names it, so papermill, nbclient, nbconvert, nbval, nbgrader and Jupyter Book use it without
knowing. Each process that starts kernels has a warm process of its own, which ends with it. Where a fork
is not to be had, the kernel is started in the ordinary way.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from compendium.corpus.digest import sha256
from compendium.execution.store import source_hash
from compendium.execution.warmserver import PACKET

START_TIMEOUT = 60.0  # seconds that the imports may take
SOON = 0.5  # seconds in which a kernel that was told to end should have ended
# A warm process serves only kernels that would have begun life as it did.
DECIDED_AT_START = ("PYTHON", "OMP_", "OPENBLAS_", "MKL_", "LANG", "LC_", "TZ", "MALLOC_")
FORKABLE = sys.platform == "linux"


class WarmError(Exception):
    """The warm process cannot be started or reached; the caller starts an ordinary kernel."""


class WarmProcess:
    """The client's end of the link to one warm process. Safe for threads.

    Parameters
    ----------
    python : str
        The interpreter that the kernels run.
    environment : dict
        The environment with which the process begins.
    """

    def __init__(self, python: str, environment: dict[str, str]) -> None:
        from compendium.corpus.files import READS

        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._link = ours
        self._owner = os.getpid()
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            ours.setsockopt(socket.SOL_SOCKET, option, PACKET)
            theirs.setsockopt(socket.SOL_SOCKET, option, PACKET)
        # Preloading must start no thread, of a linear algebra library or an allocator: a fork would lose it.
        limits = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
                  "JE_ARROW_MALLOC_CONF": "background_thread:false"}  # fmt: skip
        # What it reads ahead is read for no run: only its forks record.
        unrecorded = {name: value for name, value in environment.items() if name != READS}
        with theirs:
            self._process = subprocess.Popen(
                [python, "-m", "compendium.execution.warmserver", str(theirs.fileno())], pass_fds=[theirs.fileno()],
                env={**unrecorded, **limits}, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        ours.settimeout(START_TIMEOUT)
        answer = self._receive()
        if "ready" not in answer:
            self.close()
            raise WarmError(answer.get("error", "no answer"))

    @property
    def usable(self) -> bool:
        """Whether it is this process's own (not inherited by a fork) and still runs."""
        return self._owner == os.getpid() and self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def fork(self, argv: list[str], environment: dict[str, str], folder: str | None, out: int, err: int) -> ForkedKernel:
        """Fork a kernel.

        Raises
        ------
        WarmError
            Where the warm process does not answer or cannot fork.
        """
        request = {"do": "fork", "argv": argv, "env": environment, "cwd": folder}
        answer = self._ask(request, [out, err])
        return ForkedKernel(self, int(answer["pid"]))

    def status(self, pid: int) -> int | None:
        """Exit status of a kernel; None while it runs. A kernel whose warm process died was killed with it."""
        try:
            answer = self._ask({"do": "poll", "pid": pid})
        except WarmError:
            return -signal.SIGKILL
        status: int | None = answer["status"]
        return status

    def close(self) -> None:
        """Close the link: the warm process and its kernels end."""
        if self._owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            self._link.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, request: dict[str, Any], descriptors: list[int] | None = None) -> dict[str, Any]:
        with self._lock:
            if self._owner != os.getpid():
                raise WarmError("the link belongs to the parent process")
            try:
                socket.send_fds(self._link, [json.dumps(request).encode()], descriptors or [])
                answer = self._receive()
            except OSError as error:
                raise WarmError(str(error)) from None
        if "error" in answer:
            raise WarmError(answer["error"])
        return answer

    def _receive(self) -> dict[str, Any]:
        try:
            packet = self._link.recv(PACKET)
        except TimeoutError:
            return {"error": f"no answer within {START_TIMEOUT:.0f} seconds"}
        except OSError as error:
            return {"error": str(error)}
        answer: dict[str, Any] = json.loads(packet) if packet else {"error": "the warm process ended"}
        return answer


class ForkedKernel:
    """A forked kernel, with the part of ``subprocess.Popen`` that provisioners use."""

    stdin = stdout = stderr = None

    def __init__(self, warm: WarmProcess, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._warm = warm

    def poll(self) -> int | None:
        if self.returncode is None:
            self.returncode = self._warm.status(self.pid)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        end = None if timeout is None else time.monotonic() + timeout
        pause = 0.001
        while (status := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_processes: dict[str, WarmProcess] = {}
_guard = threading.Lock()


def warm_process(python: str, environment: dict[str, str]) -> WarmProcess:
    """This process's warm process for an interpreter and an environment, started when first asked for.

    A change of the package's source, or of a variable that takes effect when Python starts, means
    another one; the one before is ended.
    """
    decided = {k: v for k, v in environment.items() if k.startswith(DECIDED_AT_START)}
    source_hash.cache_clear()
    key = sha256(json.dumps([python, sorted(decided.items()), source_hash()]).encode())
    with _guard:
        process = _processes.get(key)
        if process is None or not process.usable:
            process = WarmProcess(python, environment)
            _processes[key] = process
        return process


def close_all() -> None:
    """End every warm process of this process."""
    with _guard:
        for process in _processes.values():
            process.close()
        _processes.clear()


atexit.register(close_all)


class WarmProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Starts kernels by forking a warm process; in every other respect a local provisioner."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel that ``cmd`` would have started, or start it in the ordinary way."""
        kernel = None
        if self._can_fork(cmd, kwargs):
            with contextlib.suppress(WarmError, OSError):
                kernel = await asyncio.to_thread(self._fork, cmd, kwargs)
        if kernel is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = kernel
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    async def wait(self) -> int | None:
        """Wait for the kernel's end, looking more often than every tenth of a second."""
        await self._ended()
        status: int | None = await super().wait()
        return status

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel, and see its end: who asks next need not wait a tenth of a second to ask again."""
        await super().kill(restart)
        await self._ended(SOON)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """See the end of a kernel that was asked to end, where it comes soon."""
        await super().shutdown_requested(restart)
        await self._ended(SOON)

    async def _ended(self, within: float = float("inf")) -> None:
        end, pause = time.monotonic() + within, 0.001
        while isinstance(self.process, ForkedKernel) and self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)

    @staticmethod
    def _can_fork(cmd: list[str], kwargs: dict[str, Any]) -> bool:
        plain = FORKABLE and len(cmd) > 3 and cmd[1:3] == ["-m", "ipykernel_launcher"]
        streams = [kwargs.get(name) for name in ("stdout", "stderr")]
        known = all(s is None or s == subprocess.DEVNULL or hasattr(s, "fileno") for s in streams)
        return plain and known and kwargs.get("preexec_fn") is None

    @staticmethod
    def _fork(cmd: list[str], kwargs: dict[str, Any]) -> ForkedKernel:
        environment = dict(os.environ if kwargs.get("env") is None else kwargs["env"])
        warm = warm_process(cmd[0], environment)
        with open(os.devnull, "wb") as blank:
            streams = []
            for number, name in ((1, "stdout"), (2, "stderr")):
                given = kwargs.get(name)
                streams.append(number if given is None else blank.fileno() if given == subprocess.DEVNULL else given.fileno())
            return warm.fork(cmd[3:], environment, str(kwargs["cwd"]) if kwargs.get("cwd") else str(Path.cwd()), *streams)
