"""compendium: every notebook, from an empty store.

    ours.py [WORKERS [ordinary]]
"""

import functools
import sys
from pathlib import Path

from compendium.execution import running
from compendium.execution.batch import run_many
from compendium.execution.runs import Job, notebook_names

if "ordinary" in sys.argv:  # the same, with kernels as Jupyter starts them
    running.execute = functools.partial(running.execute, warm=False)
root = Path.cwd()
results = run_many(root, [Job(name) for name in notebook_names(root)], int(sys.argv[1]) if len(sys.argv) > 1 else None)
sys.exit("\n".join(r.error for r in results if r.error) or None)
