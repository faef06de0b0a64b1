"""Many runs at once: what the store holds is read, the rest is shared out among warm kernels.

Runs wait for their kernels most of the time, so threads of one process drive them: one warm process,
one copy of the imports. Results come in the order asked for; one failure does not stop the others.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from compendium.corpus.errors import DataError
from compendium.execution.runs import Job, run, size, stored


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job: the executed notebook, or why there is none."""

    job: Job
    content: bytes | None
    error: str = ""
    from_store: bool = False


Report = Callable[[str, Result | Job], None]


def cores() -> int:
    """The processors that this process may use: how many universes go at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_many(root: Path, jobs: Sequence[Job], workers: int | None = None, report: Report = lambda *_: None) -> list[Result]:
    """Execute jobs, several at once.

    Parameters
    ----------
    workers : int, optional
        How many at once; two more than there are processors where none is given, since some always wait.
    report : callable
        Told ``("start", job)`` and ``("done", result)`` as they come, from several threads, one at a time.

    Returns
    -------
    list of Result
        In the order of ``jobs``.

    Raises
    ------
    KeyboardInterrupt
        After the running kernels were ended. What was finished is in the store.
    """
    results: dict[int, Result] = {}
    missing: list[int] = []
    for number, job in enumerate(jobs):
        try:
            content = stored(root, job)
        except DataError as error:
            results[number] = Result(job, None, str(error))
            report("done", results[number])
            continue
        if content is None:
            missing.append(number)
        else:
            results[number] = Result(job, content, from_store=True)
            report("done", results[number])
    if missing:
        _prepare()
        missing.sort(key=lambda n: -size(root, jobs[n]))  # the longest first, so that none is left alone at the end
        results.update(_run_missing(root, {n: jobs[n] for n in missing}, workers or cores() + 2, report))
    return [results[number] for number in range(len(jobs))]


def _prepare() -> None:
    """Start the warm process, and import what drives the kernels while it starts.

    The imports are done before the threads begin: two threads that import the same packages from
    different ends can each find the other's half done.
    """
    from compendium.execution.warm import FORKABLE, WarmError, warm_process

    def ahead() -> None:
        with contextlib.suppress(WarmError, OSError):
            warm_process(sys.executable, dict(os.environ))

    if FORKABLE:
        threading.Thread(target=ahead, daemon=True).start()
    import papermill.engines
    import papermill.execute  # noqa: F401

    import compendium.execution.running  # noqa: F401


def _run_missing(root: Path, jobs: dict[int, Job], workers: int, report: Report) -> dict[int, Result]:
    guard, stopped = threading.Lock(), threading.Event()

    def one(job: Job) -> Result:
        if stopped.is_set():
            return Result(job, None, "not started")
        with guard:
            report("start", job)
        try:
            result = Result(job, run(root, job))
        except DataError as error:
            result = Result(job, None, str(error))
        except Exception as error:
            if not stopped.is_set():
                raise
            result = Result(job, None, f"stopped: {error}")
        with guard:
            report("done", result)
        return result

    pool = ThreadPoolExecutor(min(workers, len(jobs)), thread_name_prefix="run")
    futures: dict[Future[Result], int] = {pool.submit(one, job): number for number, job in jobs.items()}
    try:
        left = set(futures)
        while left:
            done, left = wait(left, timeout=0.2, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
    except BaseException:
        from compendium.execution.warm import close_all

        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)
        close_all()  # ends the kernels, and with them the threads that wait for them
        raise
    pool.shutdown()
    return {number: future.result() for future, number in futures.items()}
