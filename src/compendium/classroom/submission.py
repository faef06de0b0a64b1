"""What a student handed in: read with care, since anything may stand in the folder and in the file."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from compendium.classroom.assignment import Assignment
from compendium.classroom.cells import Cell, cells_of, without_hidden
from compendium.corpus.digest import sha256

LARGEST = 20_000_000  # bytes of a notebook
MANY = 2_000  # cells of a notebook


class Unreadable(Exception):
    """A submission that cannot be graded, in a sentence for the teacher."""


@dataclass(frozen=True)
class Submission:
    """One student's notebook as handed in.

    Parameters
    ----------
    cells : tuple of Cell
        In the student's order; sources and ids only.
    outputs : frozenset of int
        Places of code cells that came with outputs. What the outputs say is never looked at.
    digest : str
        Hash of the file.
    when : datetime or None
        When it was handed in.
    notes : tuple of str
        What the teacher should know.
    """

    cells: tuple[Cell, ...]
    outputs: frozenset[int]
    digest: str
    when: datetime.datetime | None = None
    notes: tuple[str, ...] = ()


def read_file(folder: Path, name: str) -> tuple[bytes, list[str], datetime.datetime | None]:
    """The bytes of the notebook in a submission's folder, what is odd about it, and when it came.

    No link is followed, and nothing but a plain file of bounded size is opened.

    Raises
    ------
    Unreadable
        Where there is no notebook that could be meant.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise Unreadable("Nothing was handed in.") from None
    except OSError:
        raise Unreadable("The folder handed in is a link or no folder; links are not followed.") from None
    try:
        notes = []
        found = sorted(
            entry
            for entry in os.listdir(handle)  # noqa: PTH208 (a descriptor)
            if entry.endswith(".ipynb")
        )
        wanted = f"{name}.ipynb"
        if wanted not in found:
            if len(found) != 1:
                said = f"{len(found)} other notebooks ({', '.join(found)[:200]})" if found else "no notebook"
                raise Unreadable(f"There is no {wanted} but {said}; one notebook of that name is asked for.")
            notes.append(f"The notebook is called {found[0][:100]}; it was taken for {wanted}.")
            wanted = found[0]
        elif len(found) > 1:
            notes.append(
                f"{len(found)} notebooks were handed in; {wanted} counts, {', '.join(f for f in found if f != wanted)[:200]} does not."
            )
        return _bytes(handle, wanted), notes, _when(handle)
    finally:
        os.close(handle)


def _bytes(folder: int, name: str, most: int = LARGEST) -> bytes:
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        raise Unreadable(f"{name} is a link or cannot be opened; links are not followed.") from None
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is not a plain file.")
        if status.st_nlink > 1:
            raise Unreadable(f"{name} is a second name of another file; only files of their own are read.")
        if status.st_size > most:
            raise Unreadable(f"{name} has {status.st_size:,} bytes; at most {most:,} are read.")
        return stream.read(most + 1)


def _when(folder: int) -> datetime.datetime | None:
    """nbgrader's timestamp.txt, where there is one."""
    with contextlib.suppress(Unreadable, ValueError, UnicodeDecodeError):
        text = _bytes(folder, "timestamp.txt", 200).decode().strip().removesuffix("UTC").strip()
        when = datetime.datetime.fromisoformat(text)
        return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
    return None


def read_submission(folder: Path, assignment: Assignment) -> Submission:
    """A submission from its folder.

    Raises
    ------
    Unreadable
        Where it cannot be graded.
    """
    content, notes, when = read_file(folder, assignment.name)
    return parsed(content, assignment, notes, when)


def parsed(content: bytes, assignment: Assignment, notes: list[str] | None = None, when: datetime.datetime | None = None) -> Submission:
    """A submission from the bytes of its notebook."""
    try:
        notebook = json.loads(content)
        if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
            raise ValueError("it is no notebook of format 4")
        cells = cells_of(notebook)
        if len(cells) > MANY:
            raise ValueError(f"it has {len(cells):,} cells; {MANY:,} are allowed")
        for cell in cells:
            cell.source.encode()  # half of a surrogate pair cannot be written again
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError) as error:
        raise Unreadable(
            f"The file is not a notebook that can be read: {' '.join(str(error).split())[:200] or type(error).__name__}."
        ) from None
    outputs = frozenset(place for place, cell in enumerate(notebook["cells"]) if cell.get("cell_type") == "code" and cell.get("outputs"))
    return Submission(cells, outputs, sha256(content), when, (*(notes or ()), *_remarks(cells, outputs, assignment)))


def _remarks(cells: tuple[Cell, ...], outputs: frozenset[int], assignment: Assignment) -> list[str]:
    """What the teacher should know about the notebook, a sentence each."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.id, []).append(cell)
    remarks = []
    for wanted in assignment.cells:
        mine = found.get(wanted.id, []) if wanted.id else []
        if wanted.role in ("answer", "written", "test", "setup") and wanted.id:
            if not mine:
                remarks.append(f"Cell {wanted.id} is missing or was renamed." if wanted.role in ("answer", "written")
                               else f"Cell {wanted.id} was deleted; the original was used.")  # fmt: skip
            elif len(mine) > 1:
                remarks.append(f"Cell {wanted.id} is there {len(mine)} times.")
        if wanted.role in ("test", "setup") and mine and any(_bare(c.source) != _bare(without_hidden(wanted.source)) for c in mine):
            remarks.append(f"Cell {wanted.id} was edited; the original was used.")
        if wanted.role == "answer":
            remarks += [
                f"Cell {c.id} came with an output but without an answer." for c in mine if c.place in outputs and unanswered(c.source)
            ]
    order = [cell.id for cell in cells if cell.id in assignment.by_id]
    if order != [cell.id for cell in assignment.cells if cell.id in set(order)] and len(order) == len(set(order)):
        remarks.append("The cells stand in another order than they were given out in.")
    return remarks


def _bare(source: str) -> str:
    return "".join(source.split())


def unanswered(source: str) -> bool:
    """Whether a cell holds nothing but what was given out."""
    bare = _bare(source)
    return not bare or bare in ("#YOURCODEHEREraiseNotImplementedError()", "raiseNotImplementedError()", "YOURANSWERHERE")


def last_of(submission: Submission, identity: str) -> Cell | None:
    """The cell that counts for an id: the last one."""
    return next((cell for cell in reversed(submission.cells) if cell.id == identity), None)


def parameters_in(submission: Submission) -> str | None:
    """The source of the parameters cell as handed in."""
    return next((cell.source for cell in submission.cells if cell.role == "parameters"), None)
