"""A kernel provisioner that puts kernels behind walls: any Jupyter client uses it by the name ``compendium-sandbox``."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from jupyter_client.connect import LocalPortCache
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

from compendium.classroom.bounds import Bounds
from compendium.classroom.relay import Relay
from compendium.classroom.sandbox import Sandbox

SPEC = {"argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "Python 3 (sandbox)",
        "language": "python", "metadata": {"kernel_provisioner": {"provisioner_name": "compendium-sandbox", "config": {}}}}  # fmt: skip


class SandboxProvisioner(KernelProvisionerBase):  # type: ignore[misc]
    """Starts each kernel in a sandbox of its own. What the kernelspec would run is not run: an IPython kernel is.

    The kernelspec may set bounds under ``metadata.kernel_provisioner.config.bounds``.
    """

    bounds: dict[str, Any] = {}  # noqa: RUF012 (jupyter_client sets it from the kernelspec)
    _sandbox: Sandbox | None = None
    _relay: Relay | None = None
    _ports = False

    def __init__(self, **kwargs: Any) -> None:
        self.bounds = kwargs.pop("bounds", {})
        super().__init__(**kwargs)

    @property
    def has_process(self) -> bool:
        return self._sandbox is not None

    async def poll(self) -> int | None:
        return None if self._sandbox is not None and self._sandbox.alive else 1

    async def wait(self) -> int | None:
        while await self.poll() is None:
            await asyncio.sleep(0.02)
        self._end()
        return 0

    async def send_signal(self, signum: int) -> None:
        """An interrupt goes to the kernel's own process; whatever would end it ends the sandbox."""
        if self._sandbox is None:
            return
        if signum == 0:
            return
        if signum == signal.SIGINT:
            self._sandbox.interrupt()
        else:
            self._end()

    async def kill(self, restart: bool = False) -> None:
        self._end()

    async def terminate(self, restart: bool = False) -> None:
        self._end()

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Let the manager write its connection file; the sandbox gets one of its own."""
        manager = self.parent
        if manager is not None:
            if manager.cache_ports and not self._ports:
                cache = LocalPortCache.instance()
                for name in ("shell", "iopub", "stdin", "hb", "control"):
                    setattr(manager, f"{name}_port", cache.find_available_port(manager.ip))
                self._ports = True
            manager.write_connection_file()
            self.connection_info = manager.get_connection_info()
        kwargs.pop("extra_arguments", None)
        prepared: dict[str, Any] = await super().pre_launch(cmd=["compendium-sandbox"], **kwargs)
        return prepared

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        key = self.connection_info["key"]
        text = key.decode() if isinstance(key, bytes) else str(key)
        self._sandbox = Sandbox({}, Bounds(**self.bounds), key=text)
        try:
            self._relay = Relay(self._sandbox, self.connection_info)
        except BaseException:
            self._end()  # the manager forgets a kernel that it could not start
            raise
        return self.connection_info

    async def cleanup(self, restart: bool = False) -> None:
        if self._ports and not restart:
            cache = LocalPortCache.instance()
            for name in ("shell", "iopub", "stdin", "hb", "control"):
                cache.return_port(self.connection_info[f"{name}_port"])

    def _end(self) -> None:
        if self._relay is not None:
            self._relay.close()
            self._relay = None
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None
