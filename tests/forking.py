"""Part of a test in a process of its own, forked from the test's."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from typing import Any


class Fork:
    """A process that does one piece of work and ends; what the work returns comes back as JSON."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = 70
            try:
                os.close(self._reader)
                os.write(writer, json.dumps(work()).encode())
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(writer)

    def end(self) -> tuple[int, Any]:
        """The exit status, and what the work returned; None where it ended the process itself."""
        with os.fdopen(self._reader, "rb") as stream:
            content = stream.read()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), json.loads(content) if content else None
