"""Warm kernels are kernels: the same results, the same life and death as ordinary ones."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

from compendium.checking.findings import FINDING
from compendium.corpus.errors import DataError
from compendium.execution import batch, warm
from compendium.execution.batch import run_many
from compendium.execution.kernels import BatchManager, manager_class
from compendium.execution.parameters import read_notebook
from compendium.execution.running import RunError, execute, text_of
from compendium.execution.runs import Job, run, stored, without_origin
from compendium.execution.store import Store

from .forking import Fork

pytestmark = pytest.mark.skipif(not warm.FORKABLE, reason="kernels are forked on Linux only")
ENVIRONMENT = dict(os.environ)


@pytest.fixture(scope="module")
def process():
    yield warm.warm_process(sys.executable, ENVIRONMENT)
    warm.close_all()


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it may go between the opening and the reading
        return False
    return state != "Z"


def gone(pid: int, within: float = 5) -> bool:
    end = time.monotonic() + within
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


class Kernel:
    """A warm kernel and its client, driven from a test."""

    def __init__(self, **environment: str) -> None:
        self._loop = asyncio.new_event_loop()
        self.manager = manager_class({**ENVIRONMENT, **environment}, "/")()
        self._do(self.manager.start_kernel())
        self.client = self.manager.client()
        self.client.start_channels()
        self._do(self.client.wait_for_ready(timeout=30))

    def _do(self, task):  # type: ignore[no-untyped-def]
        return self._loop.run_until_complete(task)

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid

    @property
    def is_forked(self) -> bool:
        return isinstance(self.manager.provisioner.process, warm.ForkedKernel)

    def ask(self, code: str, timeout: float = 20):  # type: ignore[no-untyped-def]
        """The value of an expression, by way of the kernel."""
        status = "aborted"
        while status == "aborted":  # a kernel drops what was queued behind a cell that failed
            reply = self._do(self.client.execute_interactive("", user_expressions={"it": code}, timeout=timeout, output_hook=lambda _: None))
            status = reply["content"]["status"]
        value = reply["content"]["user_expressions"]["it"]
        assert value["status"] == "ok", value
        return eval(value["data"]["text/plain"])

    def tell(self, code: str, timeout: float = 20) -> dict:
        return self._do(self.client.execute_interactive(code, timeout=timeout, output_hook=lambda _: None))["content"]

    def send(self, code: str) -> None:
        self.client.execute(code)

    def interrupt(self) -> None:
        self._do(self.manager.interrupt_kernel())

    def status(self, within: float = 5):  # type: ignore[no-untyped-def]
        """The exit status; a process has none before its last thread has ended."""
        end = time.monotonic() + within
        while (status := self._do(self.manager.provisioner.poll())) is None and time.monotonic() < end:
            time.sleep(0.01)
        return status

    def stop(self, now: bool = True) -> None:
        self.client.stop_channels()
        self._do(self.manager.shutdown_kernel(now=now))
        self._loop.close()


@pytest.fixture
def kernel(process):  # type: ignore[no-untyped-def]
    k = Kernel(COMPENDIUM_TEST="here")
    yield k
    pid = k.pid
    k.stop()
    assert pid is None or gone(pid)


def test_it_is_forked_with_its_own_folder_and_environment(kernel: Kernel) -> None:
    assert kernel.is_forked
    assert kernel.ask("__import__('os').getcwd()") == "/"
    assert kernel.ask("__import__('os').environ['COMPENDIUM_TEST']") == "here"
    assert kernel.ask("'pandas' in __import__('sys').modules") is True
    assert kernel.ask("__import__('sys').argv[0].endswith('ipykernel_launcher.py')") is True


def test_an_interrupt_stops_the_cell_and_not_the_kernel(kernel: Kernel) -> None:
    kernel.send("import time; time.sleep(60)")
    time.sleep(0.5)
    kernel.interrupt()
    assert kernel.ask("1 + 1") == 2


def test_an_error_has_its_traceback(kernel: Kernel) -> None:
    content = kernel.tell("1 / 0")
    assert content["ename"] == "ZeroDivisionError"
    assert any("1 / 0" in re.sub(r"\x1b\[[0-9;]*m", "", line) for line in content["traceback"])


@pytest.mark.parametrize(("code", "status"), [("import os; os._exit(7)", 7), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9)])
def test_a_crash_is_seen_with_its_status(process, code: str, status: int) -> None:
    kernel = Kernel()
    pid = kernel.pid
    kernel.send(code)
    assert gone(pid)
    assert kernel.status() == status
    kernel.stop()


def test_a_polite_shutdown(process) -> None:
    # One in seven kernels used to wait, when asked to end, for a thread that waited for another, until it was told by a signal.
    for _ in range(8):
        kernel = Kernel()
        forked = kernel.manager.provisioner.process
        kernel.stop(now=False)
        assert gone(forked.pid)
        assert forked.poll() == 0


def test_a_cell_is_turned_into_python_as_often_as_it_is_run(kernel: Kernel) -> None:
    for turn in (1, 2):
        kernel.tell(f"%alias_magic twice{turn} time")
        for _ in range(2):
            assert kernel.tell("n = globals().get('n', 0) + 1")["status"] == "ok"
    assert kernel.ask("n") == 4
    assert kernel.tell("%twice2 pass")["status"] == "ok"


def test_kernels_differ_in_what_must_differ(process) -> None:
    kernels = [Kernel(), Kernel()]
    expressions = ["__import__('random').random()", "float(__import__('numpy').random.rand())", "__import__('tempfile').mktemp()",
                   "__import__('os').getpid()", "__import__('uuid').uuid4().hex"]  # fmt: skip
    try:
        for expression in expressions:
            first, second = (k.ask(expression) for k in kernels)
            assert first != second, expression
    finally:
        for k in kernels:
            k.stop()


def test_no_thread_before_the_fork_and_no_zombie_after(process) -> None:
    assert len(list(Path(f"/proc/{process.pid}/task").iterdir())) == 1
    kernel = Kernel()
    pid = kernel.pid
    kernel.stop()
    assert gone(pid)
    assert not Path(f"/proc/{pid}").exists()


CLIENT = textwrap.dedent("""
    import os, sys, time
    from compendium.execution.warm import warm_process
    process = warm_process(sys.executable, dict(os.environ))
    kernel = process.fork(["-f", sys.argv[1]], dict(os.environ), "/tmp", 1, 2)
    print(process.pid, kernel.pid, flush=True)
    time.sleep(60)
""")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_orphan_when_the_parent_dies(tmp_path: Path, number: int) -> None:
    client = subprocess.Popen([sys.executable, "-c", CLIENT, str(tmp_path / "connection.json")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    server, kernel = map(int, client.stdout.readline().split())
    assert alive(server)
    assert alive(kernel)
    client.send_signal(number)
    client.wait(10)
    assert gone(kernel)
    assert gone(server)


def test_kernels_die_with_a_killed_warm_process(tmp_path: Path) -> None:
    process = warm.WarmProcess(sys.executable, ENVIRONMENT)
    kernel = process.fork(["-f", str(tmp_path / "c.json")], ENVIRONMENT, "/tmp", 1, 2)
    os.kill(process.pid, signal.SIGKILL)
    assert gone(kernel.pid)
    assert kernel.poll() == -signal.SIGKILL
    assert not process.usable
    process.close()


def test_a_dead_warm_process_is_replaced(process) -> None:
    first = warm.warm_process(sys.executable, ENVIRONMENT)
    os.kill(first.pid, signal.SIGKILL)
    gone(first.pid)
    second = warm.warm_process(sys.executable, ENVIRONMENT)
    assert second.pid != first.pid
    assert second.usable


def test_another_environment_is_another_process(process) -> None:
    here = warm.warm_process(sys.executable, ENVIRONMENT)
    other = warm.warm_process(sys.executable, {**ENVIRONMENT, "PYTHONHASHSEED": "5"})
    assert other.pid != here.pid
    assert warm.warm_process(sys.executable, {**ENVIRONMENT, "UNRELATED": "1"}).pid == here.pid


def test_where_there_is_no_fork_the_ordinary_start_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "FORKABLE", False)
    kernel = Kernel()
    try:
        assert not kernel.is_forked
        assert kernel.ask("2 + 2") == 4
    finally:
        kernel.stop()


def test_a_warm_process_that_cannot_start_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise warm.WarmError("no")

    monkeypatch.setattr(warm, "warm_process", broken)
    kernel = Kernel()
    try:
        assert not kernel.is_forked
        assert kernel.ask("2 + 2") == 4
    finally:
        kernel.stop()


def test_the_kernelspec_serves_any_jupyter_client() -> None:
    manager, client = start_new_kernel(kernel_name="compendium")
    try:
        assert isinstance(manager.provisioner.process, warm.ForkedKernel)
        reply = client.execute_interactive("x = 1", output_hook=lambda _: None, timeout=20)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_warm_and_ordinary_kernels_give_the_same_notebook(root: Path) -> None:
    notebook = read_notebook(root / "notebooks" / "A4.ipynb")
    assert text_of(execute(notebook, {}, root, "A4", warm=True)) == text_of(execute(notebook, {}, root, "A4", warm=False))


# Many at once


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of three small notebooks, one of which can be made to fail."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "requirements.lock").touch()
    for name in ("T1", "T2", "T3"):
        cells = [nbformat.v4.new_code_cell("fail: bool = False  # whether to fail", metadata={"tags": ["parameters"]}),
                 nbformat.v4.new_code_cell("assert not fail, 'as asked'\nprint('done')")]  # fmt: skip
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}})
        (tmp_path / "notebooks" / f"{name}.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def test_results_come_in_order_and_a_failure_stops_nothing(checkout: Path) -> None:
    jobs = [Job("T1"), Job("T2", {"fail": True}), Job("T3"), Job("T9")]
    first = run_many(checkout, jobs, 2)
    assert [r.job.notebook for r in first] == ["T1", "T2", "T3", "T9"]
    assert [r.content is None for r in first] == [False, True, False, True]
    assert "T2 fail=True, cell" in first[1].error
    assert "as asked" in first[1].error
    assert "there is no notebook 'T9'" in first[3].error
    again = run_many(checkout, jobs[:1], 2)
    assert again[0].from_store
    assert again[0].content == first[0].content


def test_two_batches_share_a_checkout(checkout: Path) -> None:
    code = "import sys, pathlib; from compendium.execution.batch import run_many; from compendium.execution.runs import Job; " \
           "print(sum(r.content is not None for r in run_many(pathlib.Path(sys.argv[1]), [Job(f'T{n}') for n in (1, 2, 3)])))"  # fmt: skip
    both = [subprocess.Popen([sys.executable, "-c", code, str(checkout)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["3", "3"]
    assert all(r.from_store for r in run_many(checkout, [Job("T1"), Job("T2"), Job("T3")]))


def test_an_interrupted_batch_leaves_no_kernel_and_resumes(checkout: Path) -> None:
    slow = checkout / "notebooks" / "T2.ipynb"
    slow.write_text(slow.read_text().replace("print('done')", "import time; time.sleep(0 if (__import__('pathlib').Path('go').exists()) else 60)"))
    code = "import sys, pathlib; from compendium.execution.batch import run_many; from compendium.execution.runs import Job; " \
           "run_many(pathlib.Path(sys.argv[1]), [Job('T1'), Job('T2')], 2, lambda what, about: print(what, about, flush=True) if what == 'done' else None)"  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", code, str(checkout)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert "T1" in process.stdout.readline()
    children = [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    process.send_signal(signal.SIGINT)
    assert process.wait(20) != 0
    assert all(gone(pid) for pid in children)
    (checkout / "go").touch()
    results = run_many(checkout, [Job("T1"), Job("T2")])
    assert [r.from_store for r in results] == [True, False]
    assert all(r.content for r in results)


def test_a_run_records_what_it_read(root: Path, tmp_path: Path) -> None:
    from compendium.execution.runs import inputs_for

    run(root, Job("A4", {"by_far": 1.25}))
    (record, _), *_ = Store(root)._variants(inputs_for(root, Job("A4", {"by_far": 1.25})))
    assert {"data/sources.yml", "data/claims/A4.yml", "data/tables/A4-table-1.csv", "data/readings/A4.yml"} <= record["reads"].keys()
    assert not any(name.startswith("/") for name in record["reads"])


def read_to_end(descriptor: int) -> str:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        return stream.read()


# The link to a warm process


@pytest.fixture
def linked() -> warm.WarmProcess:
    """A process that runs: a batch ends those that it finds."""
    return warm.warm_process(sys.executable, ENVIRONMENT)


@pytest.mark.parametrize(("number", "do"), [(signal.SIGTERM, "terminate"), (signal.SIGKILL, "kill")])
def test_a_forked_kernel_is_waited_for_and_ended_like_any_process(linked: warm.WarmProcess, tmp_path: Path, number: int, do: str) -> None:
    kernel = linked.fork(["-f", str(tmp_path / "c.json")], ENVIRONMENT, str(tmp_path), 1, 2)
    while Path(f"/proc/{kernel.pid}/cwd").readlink() != tmp_path:  # until then, signals are still the server's
        time.sleep(0.01)
    with pytest.raises(subprocess.TimeoutExpired):
        kernel.wait(0.02)
    getattr(kernel, do)()
    assert kernel.wait() == -number
    assert not alive(kernel.pid)
    getattr(kernel, do)()  # what has ended is not signalled: its number may be another's
    assert kernel.poll() == -number


def test_a_kernel_that_cannot_begin_says_why_on_its_own_stream(linked: warm.WarmProcess, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    kernel = linked.fork(["-f", "c.json"], ENVIRONMENT, str(tmp_path / "nowhere"), 1, writer)
    os.close(writer)
    assert "FileNotFoundError: [Errno 2] No such file or directory" in read_to_end(reader)
    assert kernel.wait(20) == 1


def test_a_warm_process_serves_nobody_who_inherits_it(linked: warm.WarmProcess) -> None:
    def inherited() -> list[object]:
        with pytest.raises(warm.WarmError) as error:
            linked.fork(["-f", "c.json"], ENVIRONMENT, None, 1, 2)
        linked.close()
        return [linked.usable, str(error.value)]

    assert Fork(inherited).end() == (0, [False, "the link belongs to the parent process"])
    assert linked.usable


def test_what_a_warm_process_does_not_understand_is_told(linked: warm.WarmProcess) -> None:
    with pytest.raises(warm.WarmError, match="KeyError: 'pid'"):
        linked._ask({"do": "dance"})
    assert linked.usable


@pytest.fixture
def program(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A program in place of the interpreter, which finds the link's descriptor in ``link``."""

    def write(code: str) -> str:
        path = tmp_path / "python"
        path.write_text(f"#!{sys.executable} -SE\nimport os, select, sys, time\nlink = int(sys.argv[3])\n{code}\n")
        path.chmod(0o755)
        return str(path)

    return write


READY = "os.write(link, b'{\"ready\": 1}')"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", "the warm process ended"),
        ("os.write(link, b'{\"error\": \"ImportError: no pandas\"}')", "ImportError: no pandas"),
        ("os.write(link, b'{}')", "no answer"),
    ],
)
def test_a_warm_process_that_does_not_begin_is_told(program, code: str, told: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(warm.WarmError, match=f"^{told}$"):
        warm.WarmProcess(program(code), ENVIRONMENT)


def test_a_warm_process_that_says_nothing_is_not_waited_for_without_end(program, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(warm, "START_TIMEOUT", 0.05)
    with pytest.raises(warm.WarmError, match=r"^no answer within 0 seconds$"):
        warm.WarmProcess(program("os.read(link, 1)"), ENVIRONMENT)


def test_a_warm_process_that_goes_with_the_request_unread_is_told(program) -> None:  # type: ignore[no-untyped-def]
    process = warm.WarmProcess(program(f"{READY}\nselect.select([link], [], [])"), ENVIRONMENT)
    with pytest.raises(warm.WarmError, match="reset by peer"):
        process.fork([], {}, None, 1, 2)
    process.close()


def test_a_closed_link_is_told_and_its_kernels_count_as_killed(program) -> None:  # type: ignore[no-untyped-def]
    process = warm.WarmProcess(program(f"{READY}\nos.read(link, 1)"), ENVIRONMENT)
    process.close()
    assert not process.usable
    with pytest.raises(warm.WarmError, match="Bad file descriptor"):
        process.fork([], {}, None, 1, 2)
    assert process.status(1) == -signal.SIGKILL


def test_a_warm_process_that_does_not_go_is_killed(program, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    process = warm.WarmProcess(program(f"{READY}\ntime.sleep(60)"), ENVIRONMENT)
    wait = process._process.wait
    monkeypatch.setattr(process._process, "wait", lambda timeout=None: wait(timeout and 0.05))  # five seconds are long for a test
    process.close()
    assert process._process.returncode == -signal.SIGKILL


# Kernels and those who start them


def test_sockets_outlive_a_restart_and_go_with_the_manager(process) -> None:  # type: ignore[no-untyped-def]
    async def where(manager: BatchManager) -> str:
        client = manager.client()
        client.start_channels()
        try:
            await client.wait_for_ready(timeout=30)
            reply = await client.execute_interactive("", user_expressions={"it": "__import__('os').getcwd()"}, output_hook=lambda _: None, timeout=20)
        finally:
            client.stop_channels()
        return eval(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])

    async def used() -> None:
        manager = BatchManager()
        folder = Path(manager.connection_file).parent
        await manager.start_kernel()
        assert await where(manager) == str(Path.cwd())
        first = manager.provisioner.pid
        await manager.restart_kernel(now=True)
        await manager.cleanup_resources(restart=True)
        assert gone(first)
        assert folder.is_dir()
        assert await where(manager) == str(Path.cwd())  # where no folder and no environment are given, as its starter has them
        await manager.shutdown_kernel(now=True)
        assert not folder.exists()
        await manager.cleanup_resources()  # as nbclient does once more

    asyncio.run(used())


@pytest.mark.parametrize(("number", "told"), [(signal.SIGKILL, "Kernel died before replying"), (signal.SIGSTOP, "Kernel didn't respond in 1 seconds")])
def test_a_kernel_that_never_answers_is_given_up(process, number: int, told: str) -> None:  # type: ignore[no-untyped-def]
    async def begun() -> None:
        manager = manager_class(ENVIRONMENT, "/")()
        await manager.start_kernel()
        os.kill(manager.provisioner.pid, number)
        client = manager.client()
        client.start_channels()
        try:
            with pytest.raises(RuntimeError, match=told):
                await client.wait_for_ready(timeout=30 if number == signal.SIGKILL else 1)
        finally:
            client.stop_channels()
            await manager.shutdown_kernel(now=True)
            await manager.cleanup_resources()

    asyncio.run(begun())


def test_a_kernel_that_ends_is_told_with_its_cell(process, root: Path) -> None:  # type: ignore[no-untyped-def]
    cells = [nbformat.v4.new_markdown_cell("Words."), nbformat.v4.new_code_cell("x = 1"), nbformat.v4.new_code_cell("import os; os._exit(3)")]
    with pytest.raises(RunError, match=r"^N1, cell 2: the kernel ended while the cell ran$"):
        execute(nbformat.v4.new_notebook(cells=cells), {}, root, "N1")


def test_where_there_is_no_fork_a_batch_starts_no_warm_process(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(warm, "FORKABLE", False)
    monkeypatch.setattr(warm, "warm_process", lambda *given: asked.append(given))
    monkeypatch.setattr(batch, "run", lambda root, job: job.notebook.encode())
    assert [result.content for result in run_many(checkout, [Job("T1"), Job("T2")])] == [b"T1", b"T2"]
    assert asked == []


def test_what_is_no_fault_of_a_notebook_ends_the_batch_and_its_kernels(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, closed, told = threading.Event(), threading.Event(), threading.Event()
    reports = []

    def run(root: Path, job: Job) -> bytes:
        if job.notebook == "T1":
            started.wait(20)
            raise RuntimeError("the disk is gone")
        started.set()
        closed.wait(20)
        raise RuntimeError("the kernel is gone")

    def report(what: str, about: object) -> None:
        reports.append((what, about))
        if what == "done":
            told.set()

    monkeypatch.setattr(batch, "run", run)
    monkeypatch.setattr(batch, "_prepare", lambda: None)
    monkeypatch.setattr(warm, "close_all", closed.set)
    with pytest.raises(RuntimeError, match="the disk is gone"):
        run_many(checkout, [Job("T1"), Job("T2")], 2, report)
    assert told.wait(20)
    assert [about for what, about in reports if what == "done"] == [batch.Result(Job("T2"), None, "stopped: the kernel is gone")]


def code_notebook(checkout: Path, source: str) -> None:
    path = checkout / "notebooks" / "T1.ipynb"
    content = json.loads(path.read_text())
    content["cells"][1]["source"] = source
    path.write_text(json.dumps(content))


def test_a_finding_that_is_none_is_told_and_nothing_is_kept(checkout: Path) -> None:
    code_notebook(checkout, f"from IPython.display import display\ndisplay({{{FINDING!r}: {{'claim': 'A4.1', 'verdict': 'perhaps'}}}}, raw=True)")
    with pytest.raises(DataError, match=r"^T1: .*A4\.1"):
        run(checkout, Job("T1"))
    assert not (checkout / ".cache" / "runs").exists()


def test_a_result_is_not_kept_where_a_file_changed_while_it_was_read(checkout: Path) -> None:
    path = checkout / "data" / "a.csv"
    code_notebook(checkout, textwrap.dedent(f"""
        from pathlib import Path
        from compendium.corpus import files
        path = Path({str(path)!r})
        for text in ("before", "after"):
            path.write_text(text)
            files._record(path, text)
    """))  # fmt: skip
    content = json.loads(run(checkout, Job("T1")))
    assert [cell["cell_type"] for cell in content["cells"]] == ["code", "code"]
    assert "compendium" not in content["metadata"]
    assert stored(checkout, Job("T1")) is None


def test_a_committed_notebook_does_not_say_what_it_was_made_from(checkout: Path) -> None:
    executed = run(checkout, Job("T1"))
    committed = without_origin(executed)
    assert "compendium" in json.loads(executed)["metadata"]
    assert "compendium" not in json.loads(committed)["metadata"]
    assert json.loads(committed)["cells"] == json.loads(executed)["cells"]
    assert without_origin(committed) == committed
