"""The warm server inside a sandbox: imports done, nothing of any student in it, one more wall around each kernel.

For each request it forks a process that enters namespaces of its own - processes, mounts, network, messages -
with a private folder of its own, becomes a user of its own and turns into a kernel. The settings come as
a descriptor that this server hands on without reading.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from compendium.classroom.inside import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, become_kernel, drop, furnish, limit
from compendium.classroom.zygote import serve, threads

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
SIGKILL = 9


def preload() -> None:
    """Import what students' notebooks import, and read the public data once."""
    import importlib

    from compendium.execution.warmserver import preload as chapters

    for name in ("ipykernel.kernelapp", "ipykernel.ipkernel", "compendium.classroom.crossing", "compendium.classroom.marking"):
        importlib.import_module(name)
    chapters()


def _called(libc: Any, name: str, *arguments: Any) -> None:
    if getattr(libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def _mount(libc: Any, kind: bytes, where: bytes, flags: int, options: bytes = b"") -> None:
    _called(libc, "mount", kind, where, kind, flags, options)


def _below(folder: str) -> list[str]:
    """What is mounted below a folder, parents first."""
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        places = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return sorted(place for place in places if place.startswith(folder))


def _become(_: dict[str, Any], descriptors: list[int]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    settings_file, link = descriptors
    os.setsid()
    user, group = os.getuid(), os.getgid()
    spaces = NEWNS | NEWPID | NEWNET | NEWIPC | NEWUTS
    if user != 0:
        _called(libc, "unshare", NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w") as stream:
                stream.write(text)
    _called(libc, "unshare", spaces)
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)  # a change of user forgets it
    first = os.fork()
    if first:
        os.close(settings_file)
        os.close(link)
        os.waitpid(first, 0)
        return
    libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    with os.fdopen(settings_file, encoding="utf-8") as stream:
        settings = json.load(stream)
    _called(libc, "mount", None, b"/", None, MS_REC | MS_PRIVATE, None)
    size = f"size={settings['bounds']['space']},mode=1777,nr_inodes=20000".encode()
    kept = {place: os.open(place, os.O_PATH | os.O_DIRECTORY) for place in _below("/tmp/")}  # noqa: S108
    for place in (b"/tmp", b"/dev/shm"):
        _mount(libc, b"tmpfs", place, MS_NOSUID | MS_NODEV, size)
    for where, descriptor in kept.items():  # a package that itself lives below /tmp must not be hidden by it
        Path(where).mkdir(0o755, parents=True, exist_ok=True)
        _called(libc, "mount", f"/proc/self/fd/{descriptor}".encode(), where.encode(), None, MS_BIND | MS_REC, None)
        os.close(descriptor)
    try:
        _mount(libc, b"proc", b"/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:  # without rights of one's own the system may refuse: then there is none to look into
        _mount(libc, b"tmpfs", b"/proc", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, b"size=4096")
    kernel = os.fork()
    if kernel:
        os.close(link)
        while True:  # the first process of its namespace: when it ends, everything in it does
            pid, _status = os.wait()
            if pid == kernel:
                return
    _kernel(settings, link)


def _kernel(settings: dict[str, Any], descriptor: int) -> None:
    import gc
    import random

    gc.enable()
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
    drop(settings["user"])
    furnish(settings)
    limit(settings["bounds"])
    link = socket.socket(fileno=descriptor)
    link.set_inheritable(False)
    become_kernel(link, settings)


def main() -> None:
    from compendium.classroom.lean import lean

    lean()
    link = socket.socket(fileno=int(sys.argv[1]))
    os.chdir("/")
    preload()
    if threads() != 1:
        raise RuntimeError("a thread was started by the imports; a fork would break it")
    serve(link, lambda _: None, _become)


if __name__ == "__main__":
    main()
