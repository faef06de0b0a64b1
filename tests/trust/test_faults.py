"""Faults at each stage: afterwards the earlier result or the new one, whole; the next run needs no cleaning by hand."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from ..test_running import compendium
from .conftest import NIGHTLY, cases
from .spoiling import spoiled

Record = Callable[[str, object], None]
PROGRAM = Path(sys.executable).with_name("compendium")

CELL = """
import json, os, time
from pathlib import Path
from compendium.chapter import listening
from compendium.model.claim import Basis, Finding, Strength, Verdict
from IPython.display import display
time.sleep(pause)
for n in range(3):
    found = Finding(f"A4.{n + 1}", Verdict.HOLDS if (number + n) % 2 else Verdict.FAILS, Basis.TABLE, None, str(number + n), "How.")
    if listening.get():
        listening.get()(found)
print(number * 2)
"""


def small(folder: Path, cell: str = CELL) -> Path:
    """A checkout with one small notebook."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "data").mkdir()
    shutil.copy(Path(__file__).parents[2] / "data" / "sources.yml", folder / "data")
    (folder / "requirements.lock").touch()
    cells = [nbformat.v4.new_code_cell("number: int = 0  # a number\npause: float = 0.0  # seconds", metadata={"tags": ["parameters"]}),
             nbformat.v4.new_code_cell(cell)]  # fmt: skip
    for n, one in enumerate(cells):
        one.id = f"t1-{n}"
    (folder / "notebooks" / "T1.ipynb").write_text(json.dumps(nbformat.v4.new_notebook(cells=cells)))
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return small(tmp_path / "checkout")


def inside(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if (entry / "cwd").readlink().is_relative_to(folder):
                    found.append(int(entry.name))
    return found


def all_ended(folder: Path) -> bool:
    """Whether within a few seconds nothing runs in a folder any more."""
    for _ in range(100):
        if not inside(folder):
            return True
        time.sleep(0.1)
    return False


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def killed_after(seconds: float, words: list[str | Path], folder: Path, number: int = signal.SIGKILL) -> int:
    """Run a command and send it a signal at a moment; its exit status."""
    process = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(seconds)
    process.send_signal(number)
    return process.wait(30)


# Kills


def test_runs_killed_at_any_moment(checkout: Path, tmp_path: Path, record_property: Record) -> None:
    small(tmp_path / "other")
    assert compendium("run", "T1", "-p", "number=7", "-o", "out", cwd=tmp_path / "other").returncode == 0
    wanted = contents(tmp_path / "other" / "out")
    chance = random.Random(1)
    count = cases(5, 50)
    for _ in range(count):
        shutil.rmtree(checkout / ".cache", ignore_errors=True)
        killed_after(chance.uniform(0, 4), [PROGRAM, "run", "T1", "-p", "number=7", "-p", "pause=0.2", "-o", "out"], checkout)
        assert all_ended(checkout), "a process outlived the one that started it"
    shutil.rmtree(checkout / "out", ignore_errors=True)
    done = compendium("run", "T1", "-p", "number=7", "-o", "out", cwd=checkout)
    assert done.returncode == 0, done.stderr
    found = contents(checkout / "out")
    provenance = "T1-number=7.provenance.json"  # holds the seconds
    assert {k: v for k, v in found.items() if k != provenance} == {k: v for k, v in wanted.items() if k != provenance}
    record_property("runs killed", count)


def test_sweeps_killed_at_any_moment(checkout: Path, record_property: Record) -> None:
    chance = random.Random(2)
    words = [PROGRAM, "sweep", "T1", "-p", "number=1,2,3,4,5,6,7,8", "-p", "pause=0.1", "-o", "out", "--jobs", "2"]
    count = cases(4, 50)
    for _ in range(count):
        killed_after(chance.uniform(0.3, 2.5), words, checkout)
        assert all_ended(checkout)
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    interrupted = done.stdout
    shutil.rmtree(checkout / ".cache")
    assert subprocess.run(words, cwd=checkout, capture_output=True, text=True, check=True).stdout == interrupted
    record_property("sweeps killed", count)


SITE = """
import json
from pathlib import Path
from compendium.book import building
from compendium.execution.runs import publish
root = Path.cwd()
for path in sorted((root / "notebooks").glob("[AB]?.ipynb")):
    publish(root, path.stem, path.read_bytes())
with building.locked(root):
    building.site(root, building.Work({"B4": (root / "notebooks" / "B4.ipynb").read_bytes()}, {"a.json": (root / "book" / "a.txt").read_bytes()}, {}))
"""


@pytest.fixture(scope="module")
def book(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose book has two pages, built once."""
    folder = tmp_path_factory.mktemp("book") / "checkout"
    (folder / "book").mkdir(parents=True)
    for name in ("data", "notebooks"):
        shutil.copytree(root / name, folder / name)
    for name in ("_config.yml", "CITATION.cff", "CHANGELOG.md", "requirements.lock"):
        shutil.copy(root / name, folder / name)
    (folder / "book" / "_toc.yml").write_text("format: jb-book\nroot: start\nchapters:\n  - file: B4\n")
    (folder / "book" / "start.md").write_text("# Start\n\nOne.\n")
    (folder / "book" / "a.txt").write_text("1")
    done = subprocess.run([sys.executable, "-c", SITE], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def version_of(site: Path) -> set[str]:
    """Which versions the pages of a site are of: one, where it is whole."""
    words = {word for word in ("One.", "Two.") if word in (site / "start.html").read_text(encoding="utf-8")}
    return words | {{"1": "One.", "2": "Two."}[(site / "data" / "a.json").read_text()]}


def test_builds_killed_at_any_moment(book: Path, record_property: Record) -> None:
    site = book / "_build" / "html"
    names = set(contents(site))
    chance = random.Random(3)
    count = cases(5, 100)
    seen = set()
    for turn in range(count):
        word, number = (("Two.", "2"), ("One.", "1"))[turn % 2]
        (book / "book" / "start.md").write_text(f"# Start\n\n{word}\n")
        (book / "book" / "a.txt").write_text(number)
        killed_after(chance.uniform(0, 8), [sys.executable, "-c", SITE], book)
        assert all_ended(book)
        if not site.is_dir():  # died between the two renames: the next build begins by bringing the old one back
            assert (book / "_build" / "html.old").is_dir()
            continue
        assert len(version_of(site)) == 1, "a site of two versions"
        assert set(contents(site)) == names
        seen |= version_of(site)
    (book / "book" / "start.md").write_text("# Start\n\nOne.\n")
    (book / "book" / "a.txt").write_text("1")
    done = subprocess.run([sys.executable, "-c", SITE], cwd=book, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert version_of(site) == {"One."}
    once = contents(site)
    shutil.rmtree(book / "_build")
    assert subprocess.run([sys.executable, "-c", SITE], cwd=book, capture_output=True, check=False).returncode == 0
    assert contents(site) == once, "a build after many kills differs from one from nothing"
    record_property("builds killed", count)


def test_a_page_that_was_being_written_is_written_again(book: Path) -> None:
    words = [sys.executable, "-c", SITE]
    assert subprocess.run(words, cwd=book, capture_output=True, check=False).returncode == 0
    site = book / "_build" / "html"
    whole = contents(site)
    assert subprocess.run(words, cwd=book, capture_output=True, check=False).returncode == 0
    assert contents(site) == whole, "a build again, with nothing changed"
    process = subprocess.Popen(words, cwd=book, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    begun = book / "_build" / "sphinx" / "begun"
    while not begun.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert all_ended(book)
    page = book / "_build" / "sphinx" / "_build" / "html" / "B4.html"
    page.write_bytes(page.read_bytes()[:1000])  # newer than its source, so that Sphinx takes it for done
    assert subprocess.run(words, cwd=book, capture_output=True, check=False).returncode == 0
    assert contents(site) == whole


def versions(folder: Path) -> list[dict[str, str]]:
    """What a build leaves for a reader, and a release for an archive: the site, then each other file."""
    built = folder / "_build"
    others = [*built.glob("*.pdf"), *built.glob("*.epub"), *built.glob("*.zip")]
    return [contents(built / "html"), *({path.name: hashlib.sha256(path.read_bytes()).hexdigest()} for path in sorted(others))]


def test_what_a_killed_command_started_ends_with_it(tmp_path: Path) -> None:
    code = """
import os, signal, subprocess, sys, threading
from compendium.execution.process import run_bound
threading.Timer(1, os.kill, (os.getpid(), signal.SIGKILL)).start()
run_bound([sys.executable, "-c", "import time; time.sleep(60)"])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert all_ended(tmp_path)


def test_a_book_that_is_put_back_after_a_kill_is_built_again(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compendium import cli
    from compendium.book import building

    monkeypatch.chdir(book)
    record = book / "_build" / "built"
    record.write_text(f"{building.fingerprint(book)} html")
    before = (book / "book" / "start.md").read_text()
    (book / "book" / "start.md").write_text("# Start\n\nTwo.\n")

    def killed(*arguments: object) -> None:
        raise SystemExit(9)

    monkeypatch.setattr(cli, "_build", killed)
    with pytest.raises(SystemExit):
        cli.build("html", None)
    (book / "book" / "start.md").write_text(before)
    assert not record.is_file(), "a record of the old book would call the new one unchanged"


def test_what_changes_during_a_build_is_left_to_the_next(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from compendium import cli
    from compendium.book import building

    monkeypatch.chdir(book)
    changed = book / "data" / "external" / "README.md"
    (book / "_build" / "built").unlink(missing_ok=True)
    (book / "_build" / "work.json").unlink(missing_ok=True)
    before = (building.fingerprint(book), building.fingerprint(book, pages=False))

    def worked(root: Path, jobs: int | None) -> building.Work:
        changed.write_text("changed while the notebooks run")
        return building.Work({}, {}, {})

    monkeypatch.setattr(cli, "_sweep_all", lambda *_, **__: None)
    monkeypatch.setattr(cli, "_work", worked)
    monkeypatch.setattr(building, "site", lambda root, work: root / "_build" / "html")
    cli.build("html", None)
    assert (book / "_build" / "built").read_text() == f"{before[0]} html"
    assert json.loads((book / "_build" / "work.json").read_text())["made of"] == before[1]
    assert before[0] != building.fingerprint(book)
    changed.unlink()


@pytest.mark.skipif(not NIGHTLY, reason="builds the whole book many times; at night")
@pytest.mark.parametrize("word", ["build", "release"])
def test_whole_commands_killed_at_any_moment(root: Path, tmp_path: Path, word: str, record_property: Record) -> None:
    folder = tmp_path / "checkout"
    shutil.copytree(root, folder, ignore=shutil.ignore_patterns("_build", ".cache", ".venv*", ".git", ".bench", "__pycache__"))
    page = folder / "book" / "method.md"
    texts = [page.read_text(encoding="utf-8"), page.read_text(encoding="utf-8") + "\nA line more.\n"]
    wanted, seconds = [], 0.0
    for text in texts:
        page.write_text(text, encoding="utf-8")
        assert compendium("build", cwd=folder).returncode == 0
        began = time.monotonic()
        if word == "release":
            assert compendium("release", cwd=folder).returncode == 0
        seconds = max(seconds, time.monotonic() - began)
        wanted.append(versions(folder))
    chance = random.Random(5)
    count = 10
    for turn in range(count):
        page.write_text(texts[turn % 2], encoding="utf-8")
        if word == "release":
            assert compendium("build", cwd=folder).returncode == 0
            killed_after(chance.uniform(0, seconds), [PROGRAM, "release"], folder)
        else:
            killed_after(chance.uniform(0, 25), [PROGRAM, "build"], folder)
        assert all_ended(folder), "a process outlived the one that started it"
        if (folder / "_build" / "html").is_dir():
            for found, *allowed in zip(versions(folder), *wanted, strict=True):
                assert found in allowed, f"{sorted(found)[:3]} of neither version"
    for text, then in zip(texts, wanted, strict=True):
        page.write_text(text, encoding="utf-8")
        for step in ("build", "release")[: 1 + (word == "release")]:
            done = compendium(step, cwd=folder)
            assert done.returncode == 0, done.stderr
        assert versions(folder) == then
    record_property(f"whole {word}s killed", count)


# Ctrl-C


def test_ctrl_c_twice(checkout: Path, record_property: Record) -> None:
    process = subprocess.Popen([PROGRAM, "run", "T1", "-p", "pause=60.0"], cwd=checkout, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               text=True, start_new_session=True)  # fmt: skip
    time.sleep(3)
    for _ in range(2):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.05)
    assert process.wait(20) != 0
    assert "Traceback" not in process.stderr.read()
    assert all_ended(checkout)
    assert compendium("run", "T1", cwd=checkout).returncode == 0
    record_property("interrupted twice", 1)


# Space and rights


def limited(size: int) -> Callable[[], None]:
    """No file may grow beyond a size: what a full disk does, and with the same kind of error."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@pytest.mark.parametrize("words", [["run", "T1", "-o", "out"], ["sweep", "T1", "-p", "number=1,2", "-o", "out"]], ids=["run", "sweep"])
def test_no_space_is_one_sentence_and_leaves_nothing_half(checkout: Path, words: list[str], record_property: Record) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # its files would find no space either
    done = subprocess.run([PROGRAM, *words], cwd=checkout, capture_output=True, text=True, check=False, env=environment, preexec_fn=limited(200))
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("compendium: ")
    assert not list((checkout / "out").glob("*")) if (checkout / "out").is_dir() else True
    assert not [p for p in checkout.rglob(".*.*") if p.is_file() and p.name != ".lock"], "a temporary file was left"
    again = compendium(*words, cwd=checkout)
    assert again.returncode == 0, again.stderr
    record_property("commands without space", 1)


def full_disk(place: Path, words: list[str], page: str, texts: list[str], turns: int) -> None:
    """A build on a disk that has little room left, and again when there is room: each time of another text.

    It runs in a process of its own, on a disk of its own that ends with it.
    """
    site, ballast = place / "_build" / "html", place / "ballast"
    chance = random.Random(8)

    def run(text: str) -> subprocess.CompletedProcess[str]:
        (place / page).write_text(text, encoding="utf-8")
        return subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)

    assert run(texts[0]).returncode == 0
    old = contents(site)
    known = {texts[0]: old}
    for turn in range(turns):
        text = texts[(turn + 1) % 2]
        disk = os.statvfs(place)
        room = chance.choice([20_000, 500_000, 5_000_000])
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, disk.f_bavail * disk.f_frsize - room)
        done = run(text)
        assert done.returncode == 1, "there was room"
        if words[0] == str(PROGRAM):
            assert "Traceback" not in done.stderr
            assert "No space left" in done.stderr.splitlines()[-1]
        assert all_ended(place)
        ballast.unlink()
        assert contents(site) == old
        done = run(text)
        assert done.returncode == 0, done.stderr
        old = contents(site)
        assert known.setdefault(text, old) == old


def on_a_small_disk(root: Path, place: Path, *arguments: object) -> None:
    """``full_disk`` on a copy of a checkout, on a disk of 600 MB that only its process sees."""
    bwrap = shutil.which("bwrap")
    if bwrap is None or subprocess.run([bwrap, "--dev-bind", "/", "/", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no bubblewrap to make a small disk")
    disk = place.with_name("disk")
    disk.mkdir()
    code = (f"import shutil; from pathlib import Path; from tests.trust.test_faults import full_disk; "
            f"shutil.copytree({str(place)!r}, '{disk}/here'); full_disk(Path('{disk}/here'), *{arguments!r})")  # fmt: skip
    done = subprocess.run([bwrap, "--dev-bind", "/", "/", "--size", "600000000", "--tmpfs", str(disk), "--chdir", str(root), sys.executable, "-c", code],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


def test_a_full_disk_leaves_the_old_site(root: Path, book: Path, record_property: Record) -> None:
    turns = cases(1, 6)
    on_a_small_disk(root, book, [sys.executable, "-c", SITE], "book/start.md", ["# Start\n\nOne.\n", "# Start\n\nTwo.\n"], turns)
    record_property("builds without space", turns)


def test_a_release_without_space_leaves_the_old_one(tmp_path: Path) -> None:
    from compendium.execution.store import write_whole

    target = tmp_path / "compendium-1.zip"
    write_whole(target, b"old")
    code = f"from pathlib import Path; from compendium.execution.store import write_whole; write_whole(Path({str(target)!r}), b'n' * 100_000)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, preexec_fn=limited(1000))
    assert done.returncode == 1
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [target.name]


def test_a_folder_that_cannot_be_written_is_named(checkout: Path, record_property: Record) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None or subprocess.run([bwrap, "--dev-bind", "/", "/", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no bubblewrap to take the right to write away")
    for words in (["run", "T1"], ["sweep", "T1", "-p", "number=1"], ["build"]):
        before = contents(checkout)
        done = subprocess.run([bwrap, "--dev-bind", "/", "/", "--ro-bind", str(checkout), str(checkout), "--chdir", str(checkout), PROGRAM, *words],
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert "Read-only file system" in done.stderr
        assert str(checkout) in done.stderr
        assert contents(checkout) == before
    record_property("commands in a folder that cannot be written", 3)


# Kernels


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import os; os._exit(3)", "ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "ended"),
        ("import sys; sys.exit(4)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise Exception('\\x1b[31m' + 'x' * 100_000)", "x"),
        ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E"),
    ],
    ids=["exits", "is killed", "crashes", "leaves", "interrupts itself", "recurses", "shouts", "cannot say why"],
)
def test_a_notebook_that_fails_is_told_and_nothing_is_kept(tmp_path: Path, source: str, told: str, record_property: Record) -> None:
    checkout = small(tmp_path / "checkout", source)
    done = compendium("run", "T1", cwd=checkout)
    assert done.returncode == 1
    assert done.stderr.startswith("compendium: T1"), done.stderr[:500]
    assert told in done.stderr
    assert not list((checkout / ".cache" / "runs").glob("*/*.ipynb"))
    assert all_ended(checkout)
    record_property("ways of a kernel to fail", 1)


# What a kernel's own messages may hold, in place of what the protocol says.
MESSAGES = {
    "words without a stream": "k.session.send(k.iopub_socket, 'stream', {'text': 'x'}, parent=k.get_parent())",
    "no message": "k.iopub_thread.send_multipart([b'garbage'])",
    "a wrong signature": "k.iopub_thread.send_multipart([b'x', b'<IDS|MSG>', b'bad', b'{}', b'{}', b'{}', b'{}'])",
    "no JSON": "m = [b'{', b'[', b'1', b'no']; k.iopub_thread.send_multipart([b'x', b'<IDS|MSG>', k.session.sign(m), *m])",
    "a list for a head": "m = [b'[]', b'[]', b'1', b'2']; k.iopub_thread.send_multipart([b'x', b'<IDS|MSG>', k.session.sign(m), *m])",
    "a picture that is a number": "k.session.send(k.iopub_socket, 'display_data', {'data': {'image/png': 5}, 'metadata': {}}, parent=k.get_parent())",
    "silence": "k.iopub_thread.stop()",
}


@pytest.mark.parametrize("message", list(MESSAGES.values())[: cases(2, 99)], ids=list(MESSAGES)[: cases(2, 99)])
def test_a_kernel_that_answers_nonsense_is_told(tmp_path: Path, message: str, record_property: Record) -> None:
    checkout = small(tmp_path / "checkout", f"k = get_ipython().kernel\n{message}\n1")
    done = compendium("run", "T1", cwd=checkout)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("compendium: T1, cell 2: the kernel answers nothing that can be read ("), done.stderr[-1000:]
    assert len(done.stderr.splitlines()) == 1
    assert not list((checkout / ".cache" / "runs").glob("*/*.ipynb"))
    assert all_ended(checkout)
    record_property("kernels that answer nonsense", 1)


def test_a_kernel_that_hangs_and_hears_no_signal_ends_with_the_command(tmp_path: Path, record_property: Record) -> None:
    code = "import signal\nfor n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\nopen('hangs', 'w').close()\nwhile True: pass"
    checkout = small(tmp_path / "checkout", code)
    process = subprocess.Popen([PROGRAM, "run", "T1"], cwd=checkout, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True)
    while not (checkout / "hangs").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert process.stderr.read() == "compendium: interrupted; what was finished is kept\n"
    assert all_ended(checkout)
    record_property("kernels that hang", 1)


@pytest.mark.parametrize("nonsense", ["'a word'", "None", "[]", "{}", "{'claim': 1}", "{'claim': 'A4.1', 'verdict': 'maybe'}"])
def test_a_finding_that_is_none_is_refused(tmp_path: Path, nonsense: str, record_property: Record) -> None:
    source = f"from IPython.display import display\nfrom compendium.checking.findings import FINDING\ndisplay({{FINDING: {nonsense}, 'text/plain': 'x'}}, raw=True)"
    checkout = small(tmp_path / "checkout", source)
    done = compendium("run", "T1", cwd=checkout)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1, done.stdout
    assert "T1" in done.stderr
    record_property("findings that are none", 1)


# Caches and clocks


def test_spoiled_cache_entries_count_as_none(checkout: Path, record_property: Record) -> None:
    words = ["run", "T1", "-p", "number=5", "-o", "out"]
    assert compendium(*words, cwd=checkout).returncode == 0
    sweep = ["sweep", "T1", "-p", "number=1,2"]
    swept = compendium(*sweep, cwd=checkout).stdout
    whole = (checkout / "out" / "T1-number=5.ipynb").read_bytes()
    chance = random.Random(4)
    count = cases(6, 60)
    for _ in range(count):
        path = chance.choice([p for p in sorted((checkout / ".cache").rglob("*")) if p.is_file()])
        content = path.read_bytes()
        path.write_bytes(spoiled(content, ".txt", chance))
        (checkout / "out" / "T1-number=5.ipynb").unlink()
        done = compendium(*words, cwd=checkout)
        assert done.returncode == 0, f"{path}: {done.stderr}"
        assert (checkout / "out" / "T1-number=5.ipynb").read_bytes() == whole, path
        why = compendium("run", "T1", "-p", "number=5", "--why", cwd=checkout)
        assert why.returncode == 0, f"{path}: {why.stderr}"
        assert compendium(*sweep, cwd=checkout).stdout == swept, path
    record_property("spoiled cache entries", count)


def test_a_moved_clock_hides_no_change(checkout: Path, record_property: Record) -> None:
    assert compendium("run", "T1", cwd=checkout).returncode == 0
    for moment in (0, 4_000_000_000):
        for path in checkout.rglob("*"):
            os.utime(path, (moment, moment))
        assert compendium("run", "T1", "--why", cwd=checkout).stdout == "nothing changed\n"
        path = checkout / "notebooks" / "T1.ipynb"
        text = path.read_text()
        path.write_text(text.replace("number * 2", "number * 3"))
        os.utime(path, (moment, moment))
        assert compendium("run", "T1", "--why", cwd=checkout).stdout == "the notebook's code changed\n"
        path.write_text(text)
    record_property("clocks moved", 2)


# Several at once


def test_eight_at_once_do_not_damage_each_other(checkout: Path, record_property: Record) -> None:
    commands = [["run", "T1", "-p", f"number={n % 3}", "-o", f"out{n}"] for n in range(4)] + [["sweep", "T1", "-p", "number=0,1,2,3", "-o", f"out{n}"] for n in range(4, 8)]
    running = [subprocess.Popen([PROGRAM, *words], cwd=checkout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for words in commands]
    ended = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert [code for _, code in ended] == [0] * 8, [texts[1] for texts, _ in ended]
    assert (checkout / "out0" / "T1-number=0.ipynb").read_bytes() == (checkout / "out3" / "T1-number=0.ipynb").read_bytes()
    assert len({texts[0] for texts, _ in ended[4:]}) == 1
    assert all_ended(checkout)
    record_property("commands at once", 8)


def test_eight_builds_and_sweeps_at_once(book: Path, record_property: Record) -> None:
    sweep = [PROGRAM, "sweep", "B4", "-p", "quick=1,2,3,4,5", "-p", "rounding=rounded,either"]
    alone = subprocess.run(sweep, cwd=book, capture_output=True, text=True, check=True).stdout
    shutil.rmtree(book / ".cache" / "sweeps")
    commands = [[sys.executable, "-c", SITE], sweep] * cases(2, 4)
    running = [subprocess.Popen(words, cwd=book, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for words in commands]
    for words, process in zip(commands, running, strict=True):
        printed, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
        assert words != sweep or printed == alone
    assert len(version_of(book / "_build" / "html")) == 1
    record_property("builds and sweeps at once", len(running))
