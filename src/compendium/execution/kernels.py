"""Kernel managers for batch work: warm, over local sockets, without waiting for silence."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import Type

PROVISIONER = "compendium-warm"
ARGV = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


class PromptClient(AsyncKernelClient):  # type: ignore[misc]
    """A client that is ready when the kernel has said so on both channels.

    The usual client then waits until a channel has been silent for 0.2 seconds; this one reads until
    the kernel is idle after the very request that it answered.
    """

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        end, patience = time.monotonic() + (timeout or 60), 0.02
        while time.monotonic() < end:
            request = self.kernel_info()
            if await self._answered(request, patience):
                return
            patience = min(2 * patience, 1.0)
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
        raise RuntimeError(f"Kernel didn't respond in {timeout:.0f} seconds")

    async def _answered(self, request: str, patience: float) -> bool:
        try:
            while True:
                reply = await self.get_shell_msg(timeout=1)
                if reply["parent_header"].get("msg_id") == request:
                    break
            self._handle_kernel_info_reply(reply)
            while True:  # nothing at all means that the subscription came too late for this request: ask again
                message = await self.get_iopub_msg(timeout=patience)
                idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
                if idle and message["parent_header"].get("msg_id") == request:
                    return True
        except Empty:
            return False


class BatchManager(AsyncKernelManager):  # type: ignore[misc]
    """Starts warm kernels over sockets in a private folder: no ports to race for, no one else to listen."""

    client_class = "compendium.execution.kernels.PromptClient"
    client_factory = Type(klass="compendium.execution.kernels.PromptClient")
    environment: dict[str, str] | None = None
    folder: str | None = None
    starts_by = PROVISIONER

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sockets = tempfile.mkdtemp(prefix="ck-")  # mode 0700, and a short name: socket paths are limited
        self.transport = "ipc"
        self.ip = f"{self._sockets}/k"
        self.connection_file = f"{self._sockets}/connection.json"

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(argv=list(ARGV), display_name="Python 3", language="python",
                          metadata={"kernel_provisioner": {"provisioner_name": self.starts_by}})  # fmt: skip

    async def start_kernel(self, **kwargs: Any) -> None:
        if self.environment is not None:
            kwargs.setdefault("env", dict(self.environment))
        if self.folder is not None:
            kwargs.setdefault("cwd", self.folder)
        await super().start_kernel(**kwargs)

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._sockets)

    # The manager's own shutdown calls the one, nbclient the other.
    cleanup_resources = _async_cleanup_resources


def manager_class(environment: dict[str, str], folder: str, warm: bool = True) -> type[BatchManager]:
    """A manager class whose kernels have an environment and a folder of their own."""
    provisioner = PROVISIONER if warm else "local-provisioner"
    return type("BatchManager", (BatchManager,), {"environment": environment, "folder": folder, "starts_by": provisioner})
