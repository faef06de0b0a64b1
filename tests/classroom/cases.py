"""What students do, honest and hostile: each makes a folder as it would be handed in."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Notebook = dict[str, Any]
ALL = {"total-test": 2.0, "times-test": 3.0, "odd-test": 2.0}


@dataclass(frozen=True)
class Case:
    """One thing that a student does.

    ``points`` are what each test must give; ``says`` is part of a sentence that the teacher must see.
    """

    name: str
    what: str
    make: Callable[[Notebook, Path], None]
    points: dict[str, float]
    says: str = ""


CASES: list[Case] = []


def case(what: str, lost: str = "", says: str = "") -> Callable[[Callable[[Notebook, Path], None]], None]:
    """Add a case: what it is, which questions it must cost, what the teacher must read."""

    def add(make: Callable[[Notebook, Path], None]) -> None:
        gone = set(ALL) if lost == "all" else {f"{name}-test" for name in lost.split()}
        CASES.append(Case(make.__name__.replace("_", "-"), what, make, {k: 0.0 if k in gone else v for k, v in ALL.items()}, says))

    return add


def cell(notebook: Notebook, identity: str) -> dict[str, Any]:
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == identity)


def put(notebook: Notebook, identity: str, source: str) -> None:
    cell(notebook, identity)["source"] = source


def save(notebook: Notebook, folder: Path, name: str = "small.ipynb") -> None:
    (folder / name).write_text(json.dumps(notebook))


def with_total(code: str) -> Callable[[Notebook, Path], None]:
    """A right notebook whose first answer does something else besides."""

    def make(notebook: Notebook, folder: Path) -> None:
        put(notebook, "total", code)
        save(notebook, folder)

    return make


def simple(name: str, what: str, code: str, lost: str = "", says: str = "") -> None:
    make = with_total(code)
    make.__name__ = name
    case(what, lost, says)(make)


RIGHT = "total = sum(range(base))\n"


@case("Everything right")
def right(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder)


simple("wrong", "One wrong answer", "total = sum(range(base)) + 1", "total")
simple("syntax-error", "A syntax error", "total = = 3", "total")
simple("renamed-answer", "The answer under another name", "sum_of_all = sum(range(base))", "total")
simple("another-type", "A number as text", "total = str(sum(range(base)))", "total")
simple("not-a-number", "Not a number", "total = float('nan')", "total")
simple("wide-interval", "An interval that holds every number",
       "from compendium.model.interval import Interval\nfrom compendium.model.quantity import Quantity\n"
       "span = Interval.of(-10**9, 10**9)\ntotal = Quantity(0, span, span)", "total")  # fmt: skip
simple("warning", "Warnings on stderr", RIGHT + "import warnings, sys\nwarnings.warn('careful')\nprint('oh', file=sys.stderr)")


@case("The notebook as it was given out", "all")
def untouched(notebook: Notebook, folder: Path) -> None:
    for identity in ("total", "times", "odd"):
        put(notebook, identity, "# YOUR CODE HERE\nraise NotImplementedError()")
    put(notebook, "why", "YOUR ANSWER HERE")
    save(notebook, folder)


@case("An answer's cell is missing", "total", "Cell total is missing")
def missing_cell(notebook: Notebook, folder: Path) -> None:
    notebook["cells"].remove(cell(notebook, "total"))
    save(notebook, folder)


@case("Test cells edited so that they pass", "total", "Cell total-test was edited")
def edited_test(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "total = 1")
    put(notebook, "total-test", "assert True")
    save(notebook, folder)


@case("Test cells deleted", "total", "Cell total-test was deleted")
def deleted_test(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "total = 1")
    notebook["cells"].remove(cell(notebook, "total-test"))
    save(notebook, folder)


@case("A cell's id renamed, its answer right", "", "Cell total is missing or was renamed")
def renamed_cell(notebook: Notebook, folder: Path) -> None:
    cell(notebook, "total")["metadata"]["nbgrader"]["grade_id"] = "sum"
    save(notebook, folder)


@case("Cells swapped", "", "another order")
def swapped_cells(notebook: Notebook, folder: Path) -> None:
    places = [notebook["cells"].index(cell(notebook, i)) for i in ("total", "odd")]
    a, b = places
    notebook["cells"][a], notebook["cells"][b] = notebook["cells"][b], notebook["cells"][a]
    save(notebook, folder)


@case("A test's id and points taken over by a cell of the student's", "total", "is there 2 times")
def usurped_test(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "total = 1")
    fake = copy.deepcopy(cell(notebook, "total-test"))
    fake["source"] = "pass"
    fake["metadata"]["nbgrader"]["points"] = 1000
    notebook["cells"].append(fake)
    save(notebook, folder)


@case("Helper cells of the student's own")
def helper_cells(notebook: Notebook, folder: Path) -> None:
    helper = {
        "cell_type": "code",
        "id": "own",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": "def add(n):\n    return sum(range(n))",
    }
    notebook["cells"].insert(notebook["cells"].index(cell(notebook, "total")), helper)
    put(notebook, "total", "total = add(base)")
    save(notebook, folder)


@case("Parameters forged", "", "parameters cell are not this student's")
def forged_parameters(notebook: Notebook, folder: Path) -> None:
    parameters = next(c for c in notebook["cells"] if "parameters" in c["metadata"].get("tags", []))
    parameters["source"] = "base: int = 2  # easier\nword: str = 'a'  # too"
    save(notebook, folder)


@case("Parameters set again in an answer", "total times odd")
def overwritten_parameters(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "base = 2\nnumbers = [2, 3]\n" + RIGHT)
    save(notebook, folder)


@case("Answers of another variant", "total times odd")
def copied_answers(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "total = 190")
    put(notebook, "times", "def times(number):\n    return 20 * number")
    put(notebook, "odd", "odd = 1")
    save(notebook, folder)


@case("An output forged, no code", "total", "came with an output but without an answer")
def forged_output(notebook: Notebook, folder: Path) -> None:
    put(notebook, "total", "")
    cell(notebook, "total")["outputs"] = [
        {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "21"}}
    ]
    cell(notebook, "total-test")["outputs"] = [
        {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "2.0"}}
    ]
    save(notebook, folder)


# Limits

simple("infinite-loop", "An infinite loop", "while True:\n    pass", "total", "longer than 3 seconds")
simple(
    "stubborn-loop",
    "An infinite loop that swallows interrupts",
    "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    "total",
    "could not be interrupted",
)
simple(
    "blocked-signals",
    "Interrupts blocked",
    "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nwhile True:\n    pass",
    "total",
    "longer than 3 seconds",
)
simple("os-exit", "os._exit", "import os\nos._exit(0)", "total", "the kernel died")
simple(
    "suicide",
    "The kernel kills itself and all that it may",
    "import os, signal\ntry:\n    os.kill(-1, signal.SIGKILL)\nexcept OSError:\n    pass\nos.kill(os.getpid(), signal.SIGKILL)",
    "total",
    "the kernel died",
)
simple("sys-exit", "sys.exit", "import sys\nsys.exit(3)", "total")
simple("output-flood", "100 MB of output", RIGHT + "print('x' * 100_000_000)", "", "output of total was cut")
simple(
    "raw-flood",
    "100 MB of output past Python",
    RIGHT + "import os\nfor _ in range(100):\n    os.write(1, b'y' * 1_000_000)",
    "",
    "output of total was cut",
)
simple(
    "message-flood",
    "One message of 100 MB",
    "from IPython.display import display\ndisplay({'text/plain': 'z' * 100_000_000}, raw=True)",
    "total",
    "In total",
)
simple("memory-bomb", "A memory bomb", "total = sum(range(base))\nhoard = bytearray(4 << 30)")
simple("memory-crowd", "Memory hoarded by many processes",
       "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        hoard = b'x' * (200 << 20)\n        time.sleep(60)\n        os._exit(0)\ntime.sleep(2.5)", "total", "MB of memory")  # fmt: skip
simple(
    "memory-files",
    "Memory hoarded in files that are in no folder",
    RIGHT
    + """
import os, subprocess
held = []
try:
    for n in range(100):
        held.append(os.memfd_create(str(n)))
        os.write(held[-1], b'x' * (16 << 20))
except OSError:
    pass
print('FOUND', held)
print('FOUND', [c for c in (['unshare', '-Ur', 'true'], ['unshare', '-m', 'true']) if subprocess.run(c, capture_output=True).returncode == 0])
""",
)
simple("fork-bomb", "A fork bomb", "import os\nwhile True:\n    os.fork()", "total", "In total")
simple(
    "thread-bomb",
    "A bomb of threads",
    RIGHT
    + "import threading, time\ntry:\n    for _ in range(10_000):\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\nexcept RuntimeError:\n    print('no more')",
)
simple("background", "A background process that outlives the kernel",
       RIGHT + "import subprocess\nsubprocess.Popen(['setsid', 'sleep', '98765'], start_new_session=True)")  # fmt: skip
simple(
    "full-disk",
    "The disk filled",
    RIGHT
    + "try:\n    for n in range(1000):\n        open(f'/tmp/work/{n}', 'wb').write(b'x' * (16 << 20))\nexcept OSError as error:\n    print(error)",
)
simple("deep-answer", "An answer nested a million deep", "total = []\nfor _ in range(1_000_000):\n    total = [total]", "total")
simple("huge-number", "A number that takes a year to test", "total = 10**900\nclass N(int): pass\ntotal = N(total)", "total")
simple("endless-answer", "An endless answer", "import itertools\ntotal = itertools.count()", "total")
simple("huge-answer", "An answer of 100 MB", "total = 'x' * 100_000_000", "total")


@case("A function that never returns", "times", "longer than 3 seconds")
def endless_function(notebook: Notebook, folder: Path) -> None:
    put(notebook, "times", "def times(number):\n    while True:\n        pass")
    save(notebook, folder)


@case("A function that kills the kernel when it is tested", "times", "the kernel died")
def deadly_function(notebook: Notebook, folder: Path) -> None:
    put(notebook, "times", "def times(number):\n    import os\n    os._exit(1)")
    save(notebook, folder)


@case("A function that knows only the visible call", "times")
def tailored_function(notebook: Notebook, folder: Path) -> None:
    put(notebook, "times", "def times(number):\n    return base if number == 1 else 0")
    save(notebook, folder)


@case("A class where a function is asked for", "times")
def class_for_function(notebook: Notebook, folder: Path) -> None:
    put(notebook, "times", "class times:\n    def __init__(self, number):\n        pass\n    def __eq__(self, other):\n        return True")
    save(notebook, folder)


# Lies

simple("lying-equals", "An object that equals everything",
       "class Yes(float):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    def __sub__(self, other): return 0.0\n"
       "    __rsub__ = __sub__\n    def __lt__(self, other): return True\n    __le__ = __gt__ = __ge__ = __lt__\n    def __hash__(self): return 0\n"
       "    def __int__(self): return self\ntotal = Yes(1)", "total")  # fmt: skip
simple("patched-grader", "The grader's own functions replaced",
       "import compendium.classroom.marking as m, compendium.classroom.crossing as c, builtins, json\n"
       "m.agrees = m.equals = m.same_set = lambda *a, **k: None\nbuiltins.AssertionError = type('A', (BaseException,), {})\ntotal = 1", "total")  # fmt: skip
simple("patched-crossing", "What crosses is forged",
       "import compendium.classroom.crossing as c\nc.encoded = lambda value: '{\"set\": [[1]], \"x\": 2}'\ntotal = 1", "total times odd")  # fmt: skip
simple("bombed-crossing", "What crosses is a bomb",
       "import compendium.classroom.crossing as c\nc.encoded = lambda value: '[' * 900_000\ntotal = 1", "total times odd")  # fmt: skip
simple("decimal-bomb", "A number with a monstrous exponent",
       "import compendium.classroom.crossing as c\nc.encoded = lambda value: '{\"decimal\": \"1e999999\"}'\ntotal = 1", "total times odd")  # fmt: skip
simple("patched-pandas", "pandas and numbers replaced",
       "import pandas as pd\npd.testing.assert_frame_equal = pd.testing.assert_series_equal = lambda *a, **k: None\n"
       "pd.Series.__eq__ = lambda *a: True\nimport fractions\nfractions.Fraction.__eq__ = lambda *a: True\ntotal = 1", "total")  # fmt: skip
simple("no-asserts", "Assertions switched off",
       "import ast, builtins\nip = get_ipython()\n"
       "class Strip(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\nip.ast_transformers.append(Strip())\ntotal = 1", "total")  # fmt: skip
simple("all-names", "A namespace in which every name is right",
       "import builtins\nclass Any:\n    def __getattr__(self, name): return self\n    def __call__(self, *a, **k): return self\n    def __eq__(self, o): return True\n"
       "expected = agrees = Any()\ntotal = Any()", "total")  # fmt: skip
simple("forged-messages", "Messages forged on the kernel's sockets",
       "ip = get_ipython()\nk = ip.kernel\nfor _ in range(50):\n    k.session.send(k.iopub_socket, 'status', {'execution_state': 'idle'}, parent=k.get_parent())\n"
       "    k.session.send(k.iopub_socket, 'execute_result', {'data': {'text/plain': '2.0'}, 'metadata': {}}, parent=k.get_parent())\ntotal = 1", "total")  # fmt: skip


# What is there to be read, written and reached

LOOK = """
import os, glob, subprocess, socket
found = []
def look(what, do):
    try:
        found.append((what, do()))
    except Exception as error:
        pass
"""
simple(
    "reads-answers",
    "Answers, hidden tests and sources looked for",
    RIGHT
    + LOOK
    + """
for place in ('/', '/tmp', '/root', '/home', '/work', '/srv', '/var', '/mnt', '/proc/1/cwd', '/proc/1/root', '/etc'):
    for folder, inner, names in os.walk(place):
        if folder.count('/') > 4 or folder.startswith('/proc/1/root/proc'):
            inner.clear()
        else:
            for name in names:
                if name.endswith(('small.ipynb', 'assignment.yml', 'gradebook.db', 'course.key', 'roster.csv', 'result.json', 'canary.txt')):
                    look(name, lambda: open(os.path.join(folder, name), errors='replace').read())
print('FOUND', found)
""",
)
simple(
    "reads-environment",
    "Environment, command lines and memory of others",
    RIGHT
    + LOOK
    + """
for name in glob.glob('/proc/[0-9]*'):
    for part in ('environ', 'cmdline', 'maps', 'fd'):
        look(name + part, lambda: open(f'{name}/{part}').read() if part != 'fd' else [os.readlink(f'{name}/fd/{n}') for n in os.listdir(f'{name}/fd')])
look('environ', lambda: dict(os.environ))
look('users', lambda: open('/etc/passwd').read())
look('shadow', lambda: open('/etc/shadow').read())
print('FOUND', [item for item in found if 'canary' in str(item)])
print(os.getuid(), len([p for p in os.listdir('/proc') if p.isdigit()]))
assert os.getuid() != 0
""",
)
simple(
    "climbs-out",
    "Paths with .. and links out of the folder",
    RIGHT
    + LOOK
    + """
for up in range(1, 8):
    for name in ('gradebook.db', 'course.key', 'submitted', 'source'):
        look(name, lambda: open('../' * up + name).read() if '.' in name else os.listdir('../' * up + name))
os.symlink('/proc/1/root', '/tmp/work/link')
look('link', lambda: os.listdir('/tmp/work/link/root'))
look('cwd', lambda: os.listdir('/proc/1/cwd/..'))
print('FOUND', [item for item in found if item[0] not in ('link', 'cwd')])
""",
)
simple(
    "writes-outside",
    "Writing outside the private folder",
    RIGHT
    + LOOK
    + """
import sys, compendium
for place in ('/', '/usr/bin', '/etc', '/dev', sys.prefix, os.path.dirname(compendium.__file__), os.environ['COMPENDIUM_DATA'], '/proc/sys/kernel/hostname'):
    look(place, lambda: open(os.path.join(place, 'canary'), 'w').write('x') if os.path.isdir(place) else open(place, 'w').write('x'))
for command in (['mount', '-t', 'tmpfs', 'none', '/usr'], ['mount', '-o', 'remount,rw', '/usr'], ['unshare', '-Urm', 'true'], ['nsenter', '-t', '1', '-m', 'true']):
    look(command, lambda: subprocess.run(command, check=True, capture_output=True).returncode)
print('FOUND', found)
""",
)
simple(
    "network",
    "Network of every kind",
    RIGHT
    + LOOK
    + """
import urllib.request
port = int(open('/tmp/work/numbers.txt').read().split()[0]) and PORT
def tcp(host, port):
    with socket.create_connection((host, port), 1) as s:
        return s.recv(10)
for host in ('127.0.0.1', 'localhost', '::1', '10.0.0.1', '192.168.0.1', '8.8.8.8', '169.254.169.254'):
    look(host, lambda: tcp(host, port))
look('dns', lambda: socket.getaddrinfo('example.org', 80))
look('http', lambda: urllib.request.urlopen('http://example.org', timeout=1).read(10))
def unix(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        s.connect(name)
        return name
for name in ('\\0compendium-canary', '/var/run/docker.sock', '/run/dbus/system_bus_socket', '/tmp/.X11-unix/X0'):
    look(name, lambda: unix(name))
def raw(kind):
    with socket.socket(*kind) as s:
        return str(kind)
for kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW, 1)):
    look('raw', lambda: raw(kind))
print('FOUND', found)
""",
)
simple(
    "socket-swap",
    "The kernel's sockets replaced by links to a socket outside",
    RIGHT
    + """
import os
for n in range(1, 6):
    os.unlink(f'/tmp/.k/k-{n}')
    os.symlink('CANARY_SOCKET', f'/tmp/.k/k-{n}')
""",
)


# The folder


@case("The notebook is a link to another student's", "all", "links are not followed")
def link_to_another(notebook: Notebook, folder: Path) -> None:
    (folder / "small.ipynb").symlink_to("../../right/small/small.ipynb")


@case("The folder is a link out of the course", "all", "links are not followed")
def link_folder(notebook: Notebook, folder: Path) -> None:
    folder.rmdir()
    folder.symlink_to("/etc")


@case("The notebook is a second name of another file", "all", "second name of another file")
def hard_link(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder, "other")
    os.link(folder / "other", folder / "small.ipynb")


@case("The notebook is a pipe", "all", "not a plain file")
def pipe(notebook: Notebook, folder: Path) -> None:
    os.mkfifo(folder / "small.ipynb")


@case("A file of 30 MB", "all", "at most 20,000,000 are read")
def huge_file(notebook: Notebook, folder: Path) -> None:
    notebook["cells"][0]["source"] = "x" * 30_000_000
    save(notebook, folder)


@case("A corrupted notebook", "all", "not a notebook that can be read")
def corrupted(notebook: Notebook, folder: Path) -> None:
    (folder / "small.ipynb").write_text(json.dumps(notebook)[:-300])


@case("A notebook nested ten thousand deep", "all", "not a notebook that can be read")
def nested(notebook: Notebook, folder: Path) -> None:
    (folder / "small.ipynb").write_text('{"nbformat": 4, "cells": ' + "[" * 100_000 + "]" * 100_000 + "}")


@case("Cells that are no cells", "all", "not a notebook that can be read")
def strange_cells(notebook: Notebook, folder: Path) -> None:
    notebook["cells"][3] = ["cell"]
    save(notebook, folder)


@case("Another file name", "", "it was taken for small.ipynb")
def other_name(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder, "small (final, really).ipynb")


@case("Two notebooks of one student", "", "small.ipynb counts")
def two_notebooks(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder)
    put(notebook, "total", "total = 1")
    save(notebook, folder, "small-old.ipynb")


@case("Two notebooks, neither of the right name", "all", "one notebook of that name is asked for")
def two_wrong_names(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder, "a.ipynb")
    save(notebook, folder, "b.ipynb")


@case("Handed in late", "", "after the due date")
def late(notebook: Notebook, folder: Path) -> None:
    save(notebook, folder)
    (folder / "timestamp.txt").write_text("2031-01-03 12:00:00.000000 UTC")


@case("Nothing handed in but an empty folder", "all", "no notebook")
def empty_folder(notebook: Notebook, folder: Path) -> None:
    pass


@case("Scripts in text, code and output")
def scripts(notebook: Notebook, folder: Path) -> None:
    put(notebook, "why", "<script>alert(1)</script><img src=x onerror=alert(2)>")
    put(
        notebook,
        "total",
        RIGHT + "from IPython.display import HTML, display\ndisplay(HTML('<script>alert(3)</script>'))\nprint('<script>alert(4)</script>')",
    )
    put(notebook, "odd", "odd = '<script>alert(5)</script>'")
    save(notebook, folder)


_scripts = CASES.pop()
CASES.append(Case(_scripts.name, _scripts.what, _scripts.make, {**ALL, "odd-test": 0.0}))
