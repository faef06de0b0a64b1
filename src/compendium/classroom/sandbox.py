"""Sandboxes: bubblewrap around a kernel that runs what a student wrote.

Inside there is no network, nothing of the teacher's but the Python environment and the public data
(read-only), one small private folder in memory, a clean environment and a user without rights. All that
leaves is what the kernel says over Unix sockets in that private folder.

The sockets are reached through ``/proc/PID/root``. A path there could be made to lead elsewhere by whoever
runs inside, so they are connected exactly once, before anything of a student has run, and never again
(see :mod:`compendium.classroom.line`).
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from compendium.classroom.bounds import Bounds
from compendium.classroom.inside import BASE, PRIVATE
from compendium.corpus.errors import DataError
from compendium.corpus.place import find_data

START = 60.0  # seconds that a kernel may take to start
INSTALL = "install bubblewrap (on Debian: apt-get install bubblewrap)"
SO_PASSCRED, SCM_CREDENTIALS = 16, 2
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp/home", "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8",  # noqa: S108
    "IPYTHONDIR": "/tmp/home/.ipython", "MPLCONFIGDIR": "/tmp/home", "TMPDIR": "/tmp", "MALLOC_ARENA_MAX": "2",  # noqa: S108
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1", "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip
USERS = "root:x:0:0::/:/bin/false\nstudent:x:1000:1000::/tmp/home:/bin/false\n"


class SandboxError(Exception):
    """A sandbox that could not be started, in words for the teacher."""


@dataclass(frozen=True, slots=True)
class Way:
    """How sandboxes can be had here.

    Parameters
    ----------
    privileged : bool
        Whether bubblewrap runs as root and the kernel drops to a user of its own; otherwise in a user namespace.
    users : tuple of int
        First and last of the user numbers to drop to.
    nested : bool
        Whether user namespaces inside can be forbidden.
    """

    privileged: bool
    users: tuple[int, int] = (0, 0)
    nested: bool = True


@cache
def way() -> Way:
    """How a sandbox can be had, tried with one that does nothing.

    Raises
    ------
    DataError
        Where it cannot: what to install or to allow.
    """
    bwrap = shutil.which("bwrap")
    if sys.platform != "linux" or bwrap is None:
        raise DataError(f"nothing was graded: there is no sandbox for what students wrote; {INSTALL}")
    try:
        help_ = subprocess.run([bwrap, "--help"], capture_output=True, text=True, check=False)
    except OSError as problem:  # of another machine, or without its loader
        raise DataError(f"nothing was graded: bubblewrap is there but cannot run ({problem.strerror}); {INSTALL}") from None
    nested = "--disable-userns" in help_.stdout + help_.stderr
    # Root in a user namespace is still root to the limit of processes, so as root there is one way only.
    tries = [Way(True, _users())] if os.geteuid() == 0 else [Way(False, nested=nested), Way(False, nested=False)]
    error = ""
    for candidate in tries:
        words = [bwrap, *_walls(candidate, Bounds()), "/usr/bin/true"]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False, env={})
        except (OSError, subprocess.TimeoutExpired) as problem:
            error = str(problem)
            continue
        if done.returncode == 0:
            return candidate
        error = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit status {done.returncode}"
    raise DataError(
        f"nothing was graded: bubblewrap is there but cannot run ({error}); allow user namespaces, or grade as root in a container"
    )


def _users() -> tuple[int, int]:
    """User numbers that nobody has, within what this system maps."""
    ranges = [line.split() for line in Path("/proc/self/uid_map").read_text().splitlines()]
    last = max((int(first) + int(count) - 1 for first, _, count in ranges), default=65535)
    return (1_900_000_000, 1_900_059_999) if last > 2_000_000_000 else (61_200, 65_000) if last >= 65_000 else (last, last)


_turn = iter(range(1 << 62))
_guard = threading.Lock()


def next_user(how: Way) -> int | None:
    """A user number for one sandbox, so that what one uses up does not count for another."""
    if not how.privileged:
        return None
    first, last = how.users
    with _guard:
        turn = next(_turn)
    return first + (os.getpid() * 101 + turn) % (last - first + 1)


def _walls(how: Way, bounds: Bounds) -> list[str]:
    """bubblewrap's words for what every sandbox has: no network, a read-only system, a private folder."""
    words = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent",
             "--new-session", "--hostname", "sandbox", "--clearenv"]  # fmt: skip
    if how.privileged:
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--uid", "1000", "--gid", "1000", *(["--disable-userns"] if how.nested else [])]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            words += ["--ro-bind", name, name]
    words += ["--ro-bind", "/usr", "/usr", "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]
    space = str(bounds.space)
    # Before what is bound, which may itself lie below /tmp.
    words += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", space, "--tmpfs", "/dev/shm",  # noqa: S108
              "--perms", "1777", "--size", space, "--tmpfs", "/tmp"]  # noqa: S108 # fmt: skip
    made: set[Path] = {Path("/tmp")}  # noqa: S108
    for path in _needed():
        for parent in reversed([p for p in path.parents if p not in made and p != Path("/")]):
            words += ["--perms", "0755", "--dir", str(parent)]  # bubblewrap itself would shut them to all but root
            made.add(parent)
        words += ["--ro-bind", str(path), str(path)]
    words += ["--remount-ro", "/dev", "--chdir", "/tmp"]  # noqa: S108
    for name, value in {**ENVIRONMENT, "COMPENDIUM_DATA": str(find_data())}.items():
        words += ["--setenv", name, value]
    return words


def _needed() -> list[Path]:
    """The folders that Python and the package live in, the outermost only, none that /usr already holds."""
    package = Path(__file__).resolve().parents[1]
    wanted = {Path(sys.prefix).absolute(), Path(sys.base_prefix).resolve(), package, find_data().resolve()}
    outer = [p for p in wanted if not any(q != p and p.is_relative_to(q) for q in wanted)]
    return sorted(p for p in outer if not p.is_relative_to("/usr"))


def behind_walls(how: Way, bounds: Bounds, module: str, link: socket.socket, more: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    """Start one of our modules inside bubblewrap, with its end of a link.

    The arguments come by descriptor: inside, anyone can read the command line of the first process.
    """
    passwd = _memory(USERS.encode())
    walls = [*_walls(how, bounds), *more, "--ro-bind-data", str(passwd), "/etc/passwd", "--remount-ro", "/"]
    arguments = _memory(b"\0".join(word.encode() for word in walls))
    tail = [sys.executable, "-I", "-B", "-m", module, str(link.fileno())]
    try:
        words = [shutil.which("bwrap") or "bwrap", "--args", str(arguments), *tail]
        return subprocess.Popen(words, pass_fds=[passwd, arguments, link.fileno()], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=_stderr(), env={}, cwd="/")  # fmt: skip
    finally:
        os.close(passwd)
        os.close(arguments)


def _memory(content: bytes) -> int:
    descriptor = os.memfd_create("compendium", 0)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


class Sandbox:
    """One kernel behind walls; ends with :meth:`close`, and with the process that started it.

    Parameters
    ----------
    files : mapping
        What lies in its folder, by plain name.
    bounds : Bounds
    unsafe : bool
        Without any walls: the teacher's own word.
    """

    def __init__(self, files: Mapping[str, str], bounds: Bounds, *, unsafe: bool = False, key: str | None = None) -> None:
        self.bounds = bounds
        self.key = key or secrets.token_hex(24)
        self._open = tempfile.mkdtemp(prefix="cu-") if unsafe else None
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self.pid = -1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._start(ours, theirs, files)
        except BaseException:
            self.close()
            raise
        finally:
            ours.close()
            theirs.close()

    def _start(self, ours: socket.socket, theirs: socket.socket, files: Mapping[str, str]) -> None:
        ours.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
        if self._open is None:
            how = way()
            user = next_user(how)
            self._process = behind_walls(how, self.bounds, "compendium.classroom.inside", theirs)
        else:
            user = None
            environment = {
                **ENVIRONMENT,
                "HOME": f"{self._open}/home",
                "IPYTHONDIR": f"{self._open}/home/.ipython",
                "COMPENDIUM_DATA": str(find_data()),
            }
            self._process = subprocess.Popen([sys.executable, "-I", "-m", "compendium.classroom.inside", str(theirs.fileno())],
                                             pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=_stderr(), env=environment, cwd=self._open, start_new_session=True)  # fmt: skip
        theirs.close()
        send(ours, {"key": self.key, "bounds": self.bounds.as_dict(), "files": dict(files), "user": user, "base": self._open or BASE})
        self.pid = ready(ours, self._process)
        self._pidfd = os.pidfd_open(self.pid)

    def path(self, number: int) -> str:
        """Where one of the kernel's sockets is, seen from outside. Only to be used before a student's code has run."""
        return f"{self._open or f'/proc/{self.pid}/root{BASE}'}/{PRIVATE}/k-{number}"

    def fileno(self) -> int:
        """Becomes readable when the kernel's process ends."""
        return self._pidfd

    @property
    def alive(self) -> bool:
        return self._pidfd >= 0 and not select.select([self._pidfd], [], [], 0)[0]

    def interrupt(self) -> None:
        """Interrupt the kernel's own process, and no other."""
        self.signal(signal.SIGINT)

    def signal(self, number: int) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)  # a descriptor, so that no other process of that number is hit

    @property
    def memory(self) -> int:
        """Bytes that all its processes hold together."""
        return memory_of(self.pid) if self._open is None else 0

    def close(self) -> None:
        """End everything inside."""
        if self._process is not None:
            if self._open is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            kill_tree(self._process)
            self._process = None
        if self._open is not None:
            shutil.rmtree(self._open, ignore_errors=True)
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _stderr() -> int | None:
    return None if os.environ.get("COMPENDIUM_SANDBOX_DEBUG") else subprocess.DEVNULL


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """End bubblewrap and with it the sandbox's first process, and so every process inside."""
    for child in _children(process.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)
    process.kill()
    process.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (OSError, ValueError):
        return []


def send(link: socket.socket, settings: Mapping[str, object]) -> None:
    """Send settings; as a file, since released files may be longer than a packet."""
    with tempfile.TemporaryFile() as stream:
        stream.write(json.dumps(settings).encode())
        stream.seek(0)
        with contextlib.suppress(ConnectionError):  # the other end has gone; whoever waits for its word is told
            socket.send_fds(link, [b'{"do":"start"}'], [stream.fileno()])


def ready(link: socket.socket, process: subprocess.Popen[bytes] | None) -> int:
    """Wait for the kernel's word; its process number as seen from here, which the system itself vouches for."""
    end = time.monotonic() + START
    while time.monotonic() < end:
        if select.select([link], [], [], 0.05)[0]:
            try:
                word, ancillary, _, _ = link.recvmsg(64, socket.CMSG_SPACE(12))
            except ConnectionError:  # it ended with its settings unread
                word, ancillary = b"", []
            if word != b"ready":
                raise SandboxError("the kernel ended while it was starting")
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == SCM_CREDENTIALS:
                    return int(struct.unpack("3i", data[:12])[0])
            raise SandboxError("the kernel's process number did not come along")
        if process is not None and process.poll() is not None:
            raise SandboxError(f"the sandbox ended with status {process.returncode} before its kernel stood")
    raise SandboxError(f"the kernel did not start within {START:.0f} seconds")


def memory_of(pid: int) -> int:
    """Bytes of memory of all processes in the same process namespace."""
    try:
        space = Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except OSError:
        return 0
    total = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{entry.name}/ns/pid").stat().st_ino == space:
                    total += _own_memory(entry.name)
    return total


def _own_memory(pid: str) -> int:
    sizes = 0
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(("RssAnon:", "RssShmem:")):
            sizes += int(line.split()[1]) << 10
    return sizes
