"""A process that has imported what is needed and forks itself for each request.

It serves one client over a socket without a name, and ends with it. It has no thread and no event loop,
since neither survives a fork.
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compendium.classroom.inside import PR_SET_PDEATHSIG, receive

Become = Callable[[dict[str, Any], list[int]], None]


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def serve(link: socket.socket, prepare: Callable[[dict[str, Any]], None], become: Become) -> None:
    """Fork for each request until the client's end is closed.

    Parameters
    ----------
    prepare : callable
        Called with the request in this process before the fork: what later forks may share.
    become : callable
        Called with the request and its descriptors in the forked process, which ends when it returns.
    """
    link.set_inheritable(False)
    gc.collect()
    gc.freeze()  # keeps the shared pages shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the client, who closes the link
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for: their sockets tell their end
    waiting = selectors.DefaultSelector()
    waiting.register(link, selectors.EVENT_READ)
    try:
        link.send(b"ready")
    except OSError:  # the client ended meanwhile
        return
    while True:
        waiting.select()
        try:
            request, descriptors = receive(link)
        except OSError:
            return
        if not request:
            return
        prepare(request)
        if os.fork() == 0:
            code = 1
            try:
                ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.default_int_handler)
                link.close()
                become(request, descriptors)
                code = 0
            except BaseException:
                if os.environ.get("COMPENDIUM_SANDBOX_DEBUG"):
                    import traceback

                    traceback.print_exc()
            finally:
                os._exit(code)
        for descriptor in descriptors:
            os.close(descriptor)
