"""Sandboxes and the lines to them: what starts, what is let through, what is cut, and what is left when something fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from jupyter_client.connect import LocalPortCache
from jupyter_client.kernelspec import KernelSpec

from compendium.classroom import line as lines
from compendium.classroom import nest as nests
from compendium.classroom import provisioner as provisioners
from compendium.classroom import relay as relays
from compendium.classroom import sandbox as sandboxes
from compendium.classroom.bounds import Bounds
from compendium.classroom.line import DELIMITER, FLOOD, Keeping, Line, Lost, Run, message, unpacked
from compendium.classroom.nest import Nest, WarmKernel
from compendium.classroom.provisioner import SPEC, SandboxProvisioner
from compendium.classroom.relay import Relay
from compendium.classroom.sandbox import Sandbox, SandboxError, Way, behind_walls, kill_tree, memory_of, next_user, ready, way
from compendium.corpus.errors import DataError

from .peer import Peer, Said, frames, idle, nothing, printed, replied

LONG = 60.0  # seconds after which a test that waits has failed


def until(holds: Callable[[], object], says: str = "it never came to it") -> None:
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end, says
        time.sleep(0.005)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the line and the relay, each look at the clock comes five seconds after the last one."""
    ticks = itertools.count(0, 5)
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)), strftime=time.strftime, gmtime=time.gmtime)
    monkeypatch.setattr(lines, "time", clock)
    monkeypatch.setattr(relays, "time", clock)


def descriptors() -> set[int]:
    return {int(path.name) for path in Path("/proc/self/fd").iterdir()}


def open_files() -> int:
    return len(descriptors())


# The line to a kernel


@contextlib.contextmanager
def line_to(peer: Peer) -> Iterator[Line]:
    with peer, contextlib.closing(Line(peer)) as line:
        yield line


def test_a_kernel_that_does_not_answer_is_lost_and_its_sockets_are_closed(hurried: None) -> None:
    with Peer(silent=True) as peer:
        before = open_files()
        with pytest.raises(Lost, match=r"^the kernel did not answer$"):
            Line(peer)
        until(lambda: open_files() <= before, "files are left open")


def test_a_kernel_that_takes_in_nothing_more_is_lost() -> None:
    with line_to(Peer()) as line:
        assert line.run("1", LONG) == Run()
        line.kernel.deaf()  # type: ignore[attr-defined]
        said = set()

        def tried() -> bool:
            try:
                line.run("1", 0)  # what went before the end was noticed has no answer
            except Lost as error:
                said.add(str(error))
            return "the kernel takes in nothing more" in said

        until(tried)


def test_output_is_kept_as_a_notebook_would() -> None:
    def says(code: str, parent: str) -> Iterator[Said]:
        yield printed(parent, "one ")
        yield printed(parent, "two\n")
        yield printed(parent, "oh", "stderr")
        yield printed(parent, "three", "whatever")
        yield "iopub", frames("display_data", parent, {"data": {"text/plain": "42", "text/html": "<b>42</b>"}})
        yield printed(parent, "four")
        yield "iopub", frames("display_data", parent, {"data": {"text/html": "<b>42</b>"}})
        yield "iopub", frames("clear_output", parent, {})
        yield printed("another", "of another cell")
        yield "iopub", [b"no message"]
        yield from nothing(code, parent)

    with line_to(Peer(says)) as line:
        run = line.run("1", LONG)
    assert run.outputs == [
        {"output_type": "stream", "name": "stdout", "text": "one two\n"},
        {"output_type": "stream", "name": "stderr", "text": "oh"},
        {"output_type": "stream", "name": "stdout", "text": "three"},
        {"output_type": "display_data", "data": {"text/plain": "42"}, "metadata": {}},
        {"output_type": "stream", "name": "stdout", "text": "four"},
    ]
    assert (run.cut, run.error) == (False, "")


def test_output_beyond_the_bound_is_cut_once() -> None:
    def says(code: str, parent: str) -> Iterator[Said]:
        yield printed(parent, "x" * 100)
        for _ in range(3):
            yield printed(parent, "y" * 200)
        yield printed(parent, "z")
        yield from nothing(code, parent)

    with line_to(Peer(says, Bounds(output=300))) as line:
        run = line.run("1", LONG)
    assert [output["text"] for output in run.outputs] == ["x" * 100, "[more output was cut]\n"]
    assert run.cut


@pytest.mark.parametrize("parent", ["its own", "another"])
def test_who_sends_without_end_is_lost(parent: str) -> None:
    """Also where the messages belong to no cell that is asked about."""

    def says(code: str, request: str) -> Iterator[Said]:
        for _ in range(200):
            yield printed(request if parent == "its own" else parent, "x")

    with line_to(Peer(says, Bounds(output=1_000))) as line, pytest.raises(Lost, match=r"^it sent more output than is ever taken in$"):
        line.run("1", LONG)


def test_many_small_messages_count_as_much_as_large_ones() -> None:
    keeping = Keeping(1_000, Run())
    for _ in range(FLOOD):
        keeping.count([])
    with pytest.raises(Lost):
        keeping.count([])


@pytest.mark.parametrize(
    "forged",
    [
        [],
        [b"a", b"b"],
        [DELIMITER],
        [DELIMITER, b"", b"{", b"{}", b"{}", b"{}"],
        [DELIMITER, b"", b"{}", b"{}", b"{}", b"{}"],
        [DELIMITER, b"", b"[]", b"{}", b"{}", b"{}"],
        [DELIMITER, b"", b'{"msg_type": "stream"}', b"7", b"{}", b"{}"],
        [DELIMITER, b"", b'{"msg_type": 7}', b"{}", b"{}", b"{}"],
        [DELIMITER, b"", b'{"msg_type": "stream"}', b"{}", b"{}", b"[]"],
        [DELIMITER, b"", b'{"msg_type": "stream"}', b"{}", b"{}", b"[" * 100_000],
        [DELIMITER, b"", b"\xff", b"{}", b"{}", b"{}"],
    ],
)
def test_what_is_no_message_says_nothing(forged: list[bytes]) -> None:
    assert unpacked(forged) == ("", "", {})


def test_a_message_whose_parent_is_no_text_belongs_to_nobody() -> None:
    assert unpacked([DELIMITER, b"", b'{"msg_type": "stream"}', b'{"msg_id": 7}', b"{}", b'{"text": "x"}']) == ("stream", "", {"text": "x"})


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)
headers = st.dictionaries(st.sampled_from(["msg_type", "msg_id", "text"]), values)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=3)), st.lists(st.binary(max_size=9) | (headers | values).map(lambda v: json.dumps(v).encode()), max_size=6)
)
def test_anything_can_be_unpacked(before: list[bytes], after: list[bytes]) -> None:
    kind, parent, content = unpacked([*before, DELIMITER, *after])
    assert (type(kind), type(parent), type(content)) == (str, str, dict)


# The relay


class Client:
    """A Jupyter client's side of the sockets."""

    def __init__(self, folder: str) -> None:
        self.connection = {
            "transport": "ipc",
            "ip": f"{folder}/c",
            "key": "k" * 48,
            **{f"{name}_port": n for n, name in enumerate(relays.CHANNELS, 1)},
        }
        self._context = zmq.Context()
        self._sockets: dict[str, Any] = {}

    def connect(self) -> None:
        for name in relays.CHANNELS:
            found = self._sockets[name] = self._context.socket(zmq.SUB if name == "iopub" else zmq.DEALER)
            if name == "iopub":
                found.setsockopt(zmq.SUBSCRIBE, b"")
            found.connect(f"ipc://{self.connection['ip']}-{self.connection[f'{name}_port']}")

    def send(self, channel: str, kind: str, **content: Any) -> str:
        identity, parts = message(b"k" * 48, "client", kind, content)
        self._sockets[channel].send_multipart(parts)
        return identity

    def receive(self, channel: str) -> tuple[str, str, dict[str, Any]]:
        assert self._sockets[channel].poll(LONG * 1000), f"nothing came on {channel}"
        return unpacked(self._sockets[channel].recv_multipart())

    def hears(self) -> None:
        """Ask until something is heard on the channel of output, so that it is connected there too."""
        while not self._sockets["iopub"].poll(20):
            self.send("shell", "kernel_info_request")
        while self._sockets["iopub"].poll(100):
            self._sockets["iopub"].recv_multipart()
        while self._sockets["shell"].poll(0):
            self._sockets["shell"].recv_multipart()

    def run(self, code: str) -> tuple[str, list[dict[str, Any]]]:
        """Its id, and what is heard on the channel of output until the cell is done."""
        request, heard = self.send("shell", "execute_request", code=code), []
        while True:
            kind, parent, content = self.receive("iopub")
            if kind == "status" and parent == request:
                return request, heard
            if kind != "status":
                heard.append({"kind": kind, "parent": parent, **content})

    def refused(self) -> bool:
        """Whether nobody stands at the sockets any more."""
        for name in relays.CHANNELS:
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
                probe.connect(f"{self.connection['ip']}-{self.connection[f'{name}_port']}")
                return False
        return True

    def close(self) -> None:
        self._context.destroy(linger=0)


@pytest.fixture
def client() -> Iterator[Client]:
    with tempfile.TemporaryDirectory(prefix="client-") as folder:
        found = Client(folder)
        yield found
        found.close()


@contextlib.contextmanager
def relayed(peer: Peer, client: Client) -> Iterator[Relay]:
    with peer, contextlib.closing(Relay(peer, client.connection)) as relay:
        client.connect()
        client.hears()
        yield relay


def test_a_relay_to_a_kernel_that_does_not_answer_leaves_no_socket(client: Client, hurried: None) -> None:
    with Peer(silent=True) as peer:
        before = open_files()
        with pytest.raises(Lost, match=r"^the kernel did not answer$"):
            Relay(peer, client.connection)
        assert client.refused()
        until(lambda: open_files() <= before, "files are left open")


def test_what_the_kernel_says_comes_whole_and_in_order(client: Client) -> None:
    """Also where it comes faster than it can be handed on."""

    def says(code: str, parent: str) -> Iterator[Said]:
        made = [printed(parent, str(n)) for n in range(300)]
        yield from made
        yield replied(parent, payload=[])
        yield idle(parent)

    with relayed(Peer(says), client):
        request, heard = client.run("1")
        assert [output["text"] for output in heard] == [str(n) for n in range(300)]
        assert client.receive("shell") == ("execute_reply", request, {"status": "ok", "payload": []})
        client.send("control", "kernel_info_request")
        assert client.receive("control")[0] == "kernel_info_reply"


def test_what_a_client_says_on_stdin_leads_nowhere(client: Client) -> None:
    with relayed(Peer(), client) as relay:
        client.send("stdin", "input_reply", value="secret")
        for _ in range(3):
            client.run("1")
        assert relay._kernel.heard["stdin"] == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "forged", [[b"no message"], [DELIMITER], frames("stream", "x", {})[:2], [DELIMITER, b"", b"{}", b"{}", b"{}", b"{}"]]
)
def test_what_is_no_message_is_not_handed_on(client: Client, forged: list[bytes]) -> None:
    def says(code: str, parent: str) -> Iterator[Said]:
        yield "iopub", forged
        yield printed(parent, "after it")
        yield from nothing(code, parent)

    with relayed(Peer(says), client):
        request, heard = client.run("1")
        assert heard == [{"kind": "stream", "parent": request, "name": "stdout", "text": "after it"}]


def test_a_cell_that_has_had_its_share_is_cut_and_the_next_one_is_not(client: Client) -> None:
    def says(code: str, parent: str) -> Iterator[Said]:
        for n in range(40):
            yield printed(parent, f"{n} {'x' * 100}")
        yield from nothing(code, parent)

    with relayed(Peer(says, Bounds(output=2_000)), client):
        counts = [len(client.run("1")[1]) for _ in range(2)]
    assert counts[0] == counts[1]
    assert 5 < counts[0] < 20, "twice what a notebook keeps, counted with what goes around it"


def test_shares_are_forgotten_before_they_fill_the_memory(client: Client) -> None:
    with relayed(Peer(), client) as relay:
        start, end = frames("stream", "", {"text": "x"})[:3], [b"{}", b'{"text": "x"}']
        for n in range(10_002):
            relay._ask([DELIMITER, b"", b'{"msg_id": "%d"}' % n])
            assert relay._cut([*start, b'{"msg_id": "%d"}' % n, *end]) is not None
        assert len(relay._sizes) < 10_002
        assert len(relay._asked) < 10_002


def test_requests_that_nobody_made_have_one_share_together(client: Client) -> None:
    """A kernel may name another request with each message, to be counted anew."""

    def says(code: str, parent: str) -> Iterator[Said]:
        for n in range(800):
            yield printed(f"forged-{n}", "x" * 100)

    with relayed(Peer(says, Bounds(output=1_000)), client) as relay:
        client.send("shell", "execute_request", code="1")
        assert relay._kernel.closed.wait(LONG)  # type: ignore[attr-defined]
        until(client.refused, "the relay goes on without its kernel")
        assert len(relay._sizes) <= len(relay._asked) + 1


def test_a_kernel_that_sends_without_end_is_ended(client: Client) -> None:
    def says(code: str, parent: str) -> Iterator[Said]:
        for _ in range(800):
            yield printed(parent, "x" * 100)

    with relayed(Peer(says, Bounds(output=1_000)), client) as relay:
        client.send("shell", "execute_request", code="1")
        assert relay._kernel.closed.wait(LONG)  # type: ignore[attr-defined]
        until(client.refused, "the relay goes on without its kernel")


@pytest.mark.parametrize("why", ["dead", "too large"])
def test_the_relay_ends_with_its_kernel(client: Client, why: str) -> None:
    with relayed(Peer(), client) as relay:
        kernel: Any = relay._kernel
        if why == "dead":
            kernel.close()
        else:
            kernel.memory = int(kernel.bounds.memory * 1.25) + 1
        assert kernel.closed.wait(LONG)
        until(client.refused)


def test_a_kernel_that_closes_its_relay_as_it_ends_does_not_wait_for_itself(client: Client) -> None:
    peer = Peer()
    with relayed(peer, client) as relay:
        ended = threading.Event()
        close = peer.close

        def both() -> None:
            close()
            relay.close()
            ended.set()

        peer.close = both  # type: ignore[method-assign]
        peer.memory = 1 << 60
        assert ended.wait(LONG)
        until(client.refused)
        peer.close = close  # type: ignore[method-assign]


# The provisioner


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Peer]]:
    """What the provisioner takes for sandboxes: peers, those that were made."""
    found: list[Peer] = []

    def make(files: dict[str, str], bounds: Bounds, *, key: str) -> Peer:
        found.append(Peer(bounds=bounds))
        found[-1].key = key
        return found[-1]

    monkeypatch.setattr(provisioners, "Sandbox", make)
    yield found
    for peer in found:
        with peer:
            pass


def provisioner(client: Client, **words: Any) -> SandboxProvisioner:
    found = SandboxProvisioner(kernel_id="a", kernel_spec=KernelSpec(**SPEC), **words)
    found.connection_info = client.connection
    return found


def test_before_it_is_launched_there_is_no_process(client: Client) -> None:
    one = provisioner(client)

    async def tried() -> None:
        assert await one.poll() == 1
        await one.send_signal(signal.SIGINT)
        await one.kill()
        assert await one.wait() == 0
        await one.cleanup()

    asyncio.run(tried())
    assert not one.has_process


def test_without_a_manager_the_connection_is_what_it_was_given(client: Client, made: list[Peer]) -> None:
    one = provisioner(client, bounds={"seconds": 5, "output": 1_000})

    async def launched() -> Any:
        prepared = await one.pre_launch(env={"PATH": "/bin"}, extra_arguments=["--debug"])
        assert prepared == {"cmd": ["compendium-sandbox"], "env": {"PATH": "/bin"}}
        return await one.launch_kernel(prepared.pop("cmd"), **prepared)

    assert asyncio.run(launched()) == client.connection
    client.connect()
    client.hears()
    assert client.run("1")[1] == []
    assert (made[0].bounds, made[0].key) == (Bounds(seconds=5, output=1_000), "k" * 48)
    asyncio.run(one.kill())


async def by_itself(one: SandboxProvisioner, peer: Peer) -> None:
    async def ends() -> None:
        await asyncio.sleep(0)
        peer.close()

    assert (await asyncio.gather(one.wait(), ends()))[0] == 0


ENDS: dict[str, Callable[[SandboxProvisioner, Peer], Any]] = {
    "a signal": lambda one, _: one.send_signal(signal.SIGTERM),
    "killed": lambda one, _: one.kill(),
    "terminated": lambda one, _: one.terminate(),
    "by itself": by_itself,
}


@pytest.mark.parametrize("end", ENDS)
def test_only_an_interrupt_does_not_end_the_sandbox(client: Client, made: list[Peer], end: str) -> None:
    one = provisioner(client)

    async def lived() -> None:
        await one.launch_kernel([])
        await one.send_signal(0)
        await one.send_signal(signal.SIGINT)
        assert (await one.poll(), one.has_process, made[0].interrupts) == (None, True, 1)
        await ENDS[end](one, made[0])
        assert (await one.poll(), one.has_process) == (1, False)

    asyncio.run(lived())
    assert not made[0].alive
    assert client.refused()


def test_a_sandbox_whose_kernel_does_not_answer_is_ended(
    client: Client, made: list[Peer], hurried: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Peer, "_hear", lambda *_: None)
    one = provisioner(client)

    async def tried() -> None:
        with pytest.raises(Lost, match="did not answer"):
            await one.launch_kernel([])

    asyncio.run(tried())
    assert not made[0].alive
    assert not one.has_process


@pytest.mark.parametrize("cached", [True, False])
def test_ports_are_kept_over_a_restart_and_given_back_at_the_end(made: list[Peer], cached: bool, tmp_path: Path) -> None:
    from jupyter_client.manager import AsyncKernelManager

    class Manager(AsyncKernelManager):  # what a kernelspec on disk would do
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**SPEC)

    used = LocalPortCache.instance().currently_used_ports
    before = set(used)

    async def lived() -> None:
        manager = Manager(cache_ports=cached, connection_file=str(tmp_path / "kernel.json"))
        await manager.start_kernel()
        ports = manager.ports
        assert json.loads((tmp_path / "kernel.json").read_text())["shell_port"] == ports[0]
        assert used - before == (set(ports) if cached else set())
        await manager.restart_kernel(now=True)
        assert manager.ports == ports
        assert used - before == (set(ports) if cached else set())
        assert [peer.alive for peer in made] == [False, True]
        await manager.shutdown_kernel(now=True)
        assert not (tmp_path / "kernel.json").exists()

    asyncio.run(lived())
    assert used == before
    assert not made[1].alive


# How a sandbox can be had


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Path]]:
    """Another bubblewrap, as a script; it is looked for anew."""

    def make(script: str) -> Path:
        path = tmp_path / "bin" / "bwrap"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=":")
        return path

    way.cache_clear()
    yield make
    way.cache_clear()


HELP = 'echo "$*" >> "$0.words"\ncase "$1" in --help) echo "--disable-userns"; exit 0;; esac\n'


@pytest.mark.parametrize(
    ("script", "nested"), [("exit 0", True), ('case "$*" in *--disable-userns*) exit 1;; esac', False)], ids=["forbidden", "not forbidden"]
)
def test_who_is_not_root_has_user_namespaces(
    fake: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, script: str, nested: bool
) -> None:
    """Those inside are forbidden where bubblewrap and the system can."""
    path = fake(HELP + script)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    how = way()
    assert how == Way(privileged=False, nested=nested)
    assert next_user(how) is None
    words = path.with_name("bwrap.words").read_text().splitlines()[-1].split()
    assert {"--unshare-user", "--unshare-net", "--clearenv"} <= set(words)
    assert "--cap-add" not in words
    assert ("--disable-userns" in words) == nested


def test_a_bubblewrap_that_goes_away_is_told(fake: Callable[[str], Path]) -> None:
    fake('rm "$0"; exit 0')
    with pytest.raises(
        DataError, match=r"bubblewrap is there but cannot run \(.*No such file.*\); allow user namespaces, or grade as root"
    ):
        way()


def test_a_bubblewrap_of_another_machine_is_told(fake: Callable[[str], Path]) -> None:
    fake("").write_text("#!/no/such/loader\n")
    with pytest.raises(DataError, match=r"bubblewrap is there but cannot run \(No such file or directory\); install bubblewrap"):
        way()


def test_a_warm_server_that_has_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nests, "way", lambda: Way(False))
    nest = nests.Nest(Bounds())
    with pair() as (ours, theirs):
        nest._link, nest._ready = ours, True
        theirs.close()
        with pytest.raises(SandboxError, match=r"^the warm server inside the sandbox has ended$"):
            nest.ask({}, ours)


def test_users_take_turns_among_those_that_nobody_has() -> None:
    how = Way(True, (61_200, 61_202))
    turns = [next_user(how) for _ in range(6)]
    assert set(turns) == {61_200, 61_201, 61_202}
    assert turns[:3] == turns[3:]


def test_a_system_whose_programs_do_not_lie_in_usr_is_there_to_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Folders of their own where others have links into /usr."""
    monkeypatch.setattr(Path, "is_symlink", lambda path: False)
    words = sandboxes._walls(Way(False), Bounds())
    assert "--symlink" not in words
    bound = [words[n + 1 : n + 3] for n, word in enumerate(words) if word == "--ro-bind"]
    for name in ("/bin", "/lib", "/sbin", "/usr"):
        assert [name, name] in bound


# A sandbox starts, or leaves nothing


@contextlib.contextmanager
def pair(credentials: bool = True) -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, sandboxes.SO_PASSCRED, credentials)
        yield ours, theirs


def ended(code: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(["sh", "-c", f"exit {code}"])
    process.wait()
    return process


def test_the_system_itself_says_which_process_is_ready() -> None:
    with pair() as (ours, theirs):
        theirs.send(b"ready")
        assert ready(ours, None) == os.getpid()


def test_a_kernel_that_ends_while_it_starts_is_told() -> None:
    with pair() as (ours, theirs):
        theirs.close()
        with pytest.raises(SandboxError, match=r"^the kernel ended while it was starting$"):
            ready(ours, None)


def test_another_word_than_ready_is_no_start() -> None:
    with pair() as (ours, theirs):
        theirs.send(b"steady")
        with pytest.raises(SandboxError, match=r"^the kernel ended while it was starting$"):
            ready(ours, None)


def test_a_word_without_its_sender_is_no_start() -> None:
    with pair(credentials=False) as (ours, theirs), open(os.devnull) as other:
        theirs.send(b"ready")
        with pytest.raises(SandboxError, match=r"^the kernel's process number did not come along$"):
            ready(ours, None)
        before = descriptors()
        socket.send_fds(theirs, [b"ready"], [other.fileno()])
        with pytest.raises(SandboxError, match=r"^the kernel's process number did not come along$"):
            ready(ours, None)
        for descriptor in descriptors() - before:
            with contextlib.suppress(OSError):  # the one with which they were looked at
                os.close(descriptor)


def test_a_sandbox_that_ends_before_its_kernel_stands_is_told_with_its_status() -> None:
    with pair() as (ours, _), pytest.raises(SandboxError, match=r"^the sandbox ended with status 3 before its kernel stood$"):
        ready(ours, ended(3))


def test_a_kernel_that_does_not_start_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandboxes, "START", 0.01)
    with pair() as (ours, _), pytest.raises(SandboxError, match=r"^the kernel did not start within 0 seconds$"):
        ready(ours, None)


LEAVES = {"after it was told": "import socket\nsocket.socket(fileno=int(sys.argv[-1])).recv(100)", "at once": "pass"}


@pytest.mark.parametrize("when", ["after it was told", "at once"])
def test_a_sandbox_that_cannot_start_leaves_neither_folder_nor_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!{sys.executable} -IS\nimport sys\n{LEAVES[when]}\n")
    program.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    started: list[subprocess.Popen[bytes]] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            started.append(self)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(sys, "executable", str(program))
    before = open_files()
    with pytest.raises(SandboxError, match="ended while it was starting"):
        Sandbox({"a.txt": "a"}, Bounds(), unsafe=True)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert [process.returncode is None for process in started] == [False]
    until(lambda: open_files() <= before, "files are left open")


def test_without_walls_a_kernel_works_in_a_folder_that_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="t-") as folder:  # a socket's path is short
        monkeypatch.setattr(tempfile, "tempdir", folder)
        with Sandbox({"a.txt": "42"}, Bounds(), unsafe=True) as sandbox, contextlib.closing(Line(sandbox)) as line:
            assert sandbox.alive
            assert sandbox.memory == 0, "only what is behind walls is watched"
            mode = stat.S_IMODE(Path(sandbox.path(1)).parent.stat().st_mode)
            assert mode == 0o700, "others of this system reach the kernel"
            run = line.run("print(open('a.txt').read())\n1 / 0", LONG)
            assert run.outputs[0] == {"output_type": "stream", "name": "stdout", "text": "42\n"}
            assert run.error == "ZeroDivisionError: division by zero"
            pid = sandbox.pid
        assert not sandbox.alive
        assert list(Path(folder).iterdir()) == []
        assert not Path(f"/proc/{pid}").exists()
        sandbox.interrupt()
        sandbox.close()


def test_an_end_takes_all_processes_with_it() -> None:
    process = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        child = os.pidfd_open(int(process.stdout.readline()))
    kill_tree(process)
    assert process.returncode == -signal.SIGKILL
    with contextlib.closing(SimpleNamespace(close=lambda: os.close(child))):
        until(lambda: sandboxes.select.select([child], [], [], 0)[0])


def test_an_end_of_what_has_ended_is_no_error() -> None:
    process = ended(3)
    kill_tree(process)
    assert process.returncode == 3
    assert memory_of(process.pid) == 0


# Warm kernels


class Forks:
    """Gives out kernels as a nest does: processes that say that they are ready, and wait."""

    how = Way(True, (61_200, 65_000))
    process = None

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {}
        self.forked: list[subprocess.Popen[bytes]] = []

    def ask(self, settings: dict[str, Any], link: socket.socket) -> None:
        self.settings = settings
        code = f"import signal, socket; socket.socket(fileno={link.fileno()}).send(b'ready'); signal.pause()"
        self.forked.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", code], pass_fds=[link.fileno()]))


def test_a_warm_kernel_is_told_all_and_ends_when_it_is_closed() -> None:
    nest = Forks()
    kernel = WarmKernel(nest, {"a.txt": "a"}, Bounds(seconds=7))  # type: ignore[arg-type]
    assert nest.settings == {
        "key": kernel.key,
        "bounds": Bounds(seconds=7).as_dict(),
        "files": {"a.txt": "a"},
        "user": nest.settings["user"],
        "base": "/tmp",
    }
    assert 61_200 <= nest.settings["user"] <= 65_000
    assert kernel.pid == nest.forked[0].pid
    assert kernel.alive
    kernel.close()
    assert nest.forked[0].wait(LONG) == -signal.SIGKILL
    assert not kernel.alive
    kernel.close()


@pytest.fixture
def nest(monkeypatch: pytest.MonkeyPatch) -> Nest:
    """A nest whose server ends at once."""
    monkeypatch.setattr(nests, "way", lambda: Way(False))
    monkeypatch.setattr(nests, "behind_walls", lambda *_: subprocess.Popen(["false"]))
    return Nest(Bounds())


def test_a_nest_from_which_nothing_was_asked_starts_nothing(nest: Nest) -> None:
    with nest:
        pass
    assert nest.process is None


def test_a_server_that_ends_while_it_starts_is_told(nest: Nest) -> None:
    before = open_files()
    with nest, pytest.raises(SandboxError, match=r"^the warm server ended while it was starting$"):
        nest.start({}, Bounds())
    assert nest.process is not None
    assert nest.process.returncode is not None
    until(lambda: open_files() <= before, "files are left open")


def test_a_server_that_cannot_start_is_told_though_another_process_has_its_link(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[socket.socket] = []

    def behind(how: Way, bounds: Bounds, module: str, link: socket.socket, more: list[str]) -> subprocess.Popen[bytes]:
        assert (module, more) == ("compendium.classroom.nested", [])
        held.append(link.dup())
        return subprocess.Popen(["false"])

    monkeypatch.setattr(nests, "behind_walls", behind)
    with nest, pytest.raises(SandboxError, match=r"^the warm server did not start inside the sandbox$"):
        nest.start({}, Bounds())
    held[0].close()


def test_what_starts_behind_walls_shows_its_words_to_nobody(fake: Callable[[str], Path]) -> None:
    """They come by descriptor; only where they are found is in the command line, and the link's number."""
    path = fake('echo "$*" > "$0.words"; cat /proc/self/fd/"$2" | tr "\\0" "\\n" > "$0.arguments"')
    with pair() as (_, theirs):
        process = behind_walls(Way(False), Bounds(space=4242), "compendium.classroom.inside", theirs)
        assert process.wait(LONG) == 0
        words = path.with_name("bwrap.words").read_text().split()
        assert words == ["--args", words[1], sys.executable, "-I", "-B", "-m", "compendium.classroom.inside", str(theirs.fileno())]
    arguments = path.with_name("bwrap.arguments").read_text().splitlines()
    assert arguments[-2:] == ["--remount-ro", "/"]
    assert arguments[arguments.index("--size") + 1] == "4242"
