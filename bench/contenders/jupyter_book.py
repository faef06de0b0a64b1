"""jupyter-book build with kernels of the kind named; execution forced, cached or off.

    jupyter_book.py KERNEL force|cache|off
"""

import json
import subprocess
import sys
from pathlib import Path

kernel, execution = sys.argv[1:3]
pages = Path("pages")
pages.mkdir(exist_ok=True)
names = []
for path in sorted(Path("notebooks").glob("*.ipynb")):
    notebook = json.loads(path.read_text())
    notebook["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
    (pages / path.name).write_text(json.dumps(notebook))
    names.append(path.stem)
(pages / "_toc.yml").write_text("\n".join(["format: jb-book", f"root: {names[0]}", "chapters:", *(f"  - file: {n}" for n in names[1:])]))
config = f"title: Chapters\nexecute:\n  execute_notebooks: '{execution}'\n  timeout: 300\n"  # all else as a new book has it
Path("config.yml").write_text(config)
done = subprocess.run([sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "pages", "--config", "config.yml",
                       "--path-output", "out", *(["--all"] if execution == "force" else [])], capture_output=True, text=True, check=False)  # fmt: skip
if done.returncode or "Execution Failed" in done.stdout + done.stderr:
    sys.exit((done.stdout + done.stderr)[-3000:])
