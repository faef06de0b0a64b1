"""Tables as a good journal prints them, by Great Tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from html import escape

import pandas as pd
from great_tables import GT, loc, style

from compendium.display.anchors import of_table
from compendium.model.column import Column
from compendium.model.table import Table

STYLE = re.compile(r"<style>.*?</style>\s*", re.DOTALL)
MARKS = "abcdefghijklmnopqrstuvwxyz"


class Shown:
    """Something to show, drawn when it is shown: HTML for the page, text for the terminal."""

    def __init__(self, draw: Callable[[], tuple[str, str]]) -> None:
        self._draw = draw

    @cached_property
    def _drawn(self) -> tuple[str, str]:
        return self._draw()

    def _repr_html_(self) -> str:
        return self._drawn[0]

    def __repr__(self) -> str:
        return self._drawn[1]


def show_table(table: Table, computed: Mapping[str, Column] | None = None,
               marks: Mapping[tuple[str, str], str] | None = None, stub: str = "") -> Shown:  # fmt: skip
    """A table as printed, with computed columns beside it and marked cells explained below.

    Parameters
    ----------
    computed : mapping of head to Column, optional
        Columns to set on the right under the head *recomputed*, by row label.
    marks : mapping of (row, column) to sentence, optional
        Cells to mark, each with the footnote that says what is the matter. Repaired cells and cells
        with a note of damage are marked without being named here.
    stub : str
        What the rows are.
    """
    cells = {(c.row, c.column): c for c in table.cells}
    heads = list(table.columns)
    frame = pd.DataFrame(
        [[row, *(cells[row, h].printed if (row, h) in cells else "" for h in heads)] for row in table.rows],
        columns=[stub, *heads],
    )
    notes = dict(marks or {})
    for key, cell in cells.items():
        if cell.reading == "repaired":
            notes.setdefault(key, f"Repaired reading; see the readings of {table.chapter}.")
        elif cell.note:
            notes.setdefault(key, cell.note[:1].upper() + cell.note[1:])
    letters = _letters(notes.values())
    for (row, head), note in notes.items():
        frame.loc[frame[stub] == row, head] += f" [{letters[note]}]"
    added = []
    for head, column in (computed or {}).items():
        name = f"Recomputed / {head}"
        frame[name] = [str(column[row]) if row in column else "" for row in table.rows]
        added.append(name)
    sources = [f"Source named in the chapter: {table.source}." if table.source else "", *table.footnotes]
    columns = [*heads, *added]
    return Shown(lambda: _finish(frame, stub, columns, added, notes, letters, sources, table.caption,
                                 of_table(table.id), _label(table.id)))  # fmt: skip


def show_rows(rows: Sequence[Mapping[str, object]], caption: str, name: str, notes: Sequence[str] = ()) -> Shown:
    """Any rows as a table: one mapping a row, all with the same keys.

    Parameters
    ----------
    name : str
        A short name, unique on the page, that becomes its anchor.
    """
    if not rows:
        return Shown(lambda: (f"<p>{caption}: none.</p>", f"{caption}: none."))
    heads = list(rows[0])
    frame = pd.DataFrame([[str(row[h]) for h in heads] for row in rows], columns=heads)
    return Shown(lambda: _finish(frame, heads[0], heads[1:], [], {}, {}, notes, caption, name, ""))


def _finish(frame: pd.DataFrame, stub: str, heads: list[str], added: list[str], marked: Mapping[tuple[str, str], str],
            letters: Mapping[str, str], sources: Sequence[str], caption: str, name: str, label: str) -> tuple[str, str]:  # fmt: skip
    numeric = [h for h in heads if all(_numeric(v) for v in frame[h])]
    # Great Tables escapes heads and notes itself, and leaves the cells to whoever fills them.
    cells = frame.map(lambda value: escape(str(value), quote=False))
    table = GT(cells, rowname_col=stub, id=name).tab_header(title=caption, subtitle=label or None)
    if stub:
        table = table.tab_stubhead(label=stub)
    spanners: dict[str, list[str]] = {}
    for head in heads:
        first, _, rest = head.partition(" / ")
        if rest:
            spanners.setdefault(first, []).append(head)
    for first, columns in spanners.items():
        table = table.tab_spanner(label=first, columns=columns)
    table = table.cols_label({h: h.partition(" / ")[2] or h for h in heads})
    table = table.cols_align("right", columns=numeric) if numeric else table
    text_heads = [h for h in heads if h not in numeric]
    table = table.cols_align("left", columns=text_heads) if text_heads else table
    rows = list(frame[stub])
    for row, head in marked:
        table = table.tab_style(style.css("background: var(--cc-mark, #fff3c4); color: inherit"),
                                loc.body(columns=[head], rows=[rows.index(row)]))  # fmt: skip
    for head in added:
        table = table.tab_style(style.css("font-style: italic"), loc.body(columns=[head]))
    for source in sources:
        if source:
            table = table.tab_source_note(source)
    for note, letter in letters.items():
        table = table.tab_source_note(f"[{letter}] {note}")
    # The page's own style sheet draws the table; Great Tables' would repeat 6 kB a table and know no dark mode.
    html = STYLE.sub("", table.as_raw_html()).replace("<div ", '<div class="cc-table" ', 1)
    html = ROW_HEAD.sub(r'<th scope="row" \1', _captioned(html))
    if not spanners:
        html = _with_room(html, [max(map(len, cells[head])) for head in [stub, *heads]])
    lines = ["\t".join(str(value) for value in line) for line in [list(frame.columns), *frame.to_numpy().tolist()]]
    return html, "\n".join([caption, *lines])


HEADING = re.compile(r"<tr class=\"gt_heading\">\s*<td[^>]*>(.*?)</td>\s*</tr>\s*", re.DOTALL)


ROW_HEAD = re.compile(r'<th (class="[^"]*gt_stub")')


def _captioned(html: str) -> str:
    """The title as the table's caption, which screen readers announce, instead of as rows of its head."""
    parts = HEADING.findall(html)
    caption = " ".join(f'<span class="cc-caption-{n}">{part}</span>' for n, part in enumerate(parts))
    return HEADING.sub("", html).replace("<thead>", f"<caption>{caption}</caption>\n<thead>", 1)


COLUMN_HEAD = re.compile(r'<th class="gt_col_heading')
SENTENCE = 40  # letters


def _with_room(html: str, lengths: Sequence[int]) -> str:
    """Columns that hold sentences are marked, so that the page leaves them room where it is narrow."""
    wide = iter(lengths)
    return COLUMN_HEAD.sub(lambda found: f"{found[0]} cc-long" if next(wide, 0) > SENTENCE else found[0], html)


def _letters(notes: Iterable[str]) -> dict[str, str]:
    return {note: MARKS[n] for n, note in enumerate(dict.fromkeys(notes))}


WORDS = re.compile(r"[A-Za-z]{3}|\b[AB]\d")  # or the number of a claim


def _numeric(value: str) -> bool:
    return not WORDS.search(re.sub(r"\[[a-z]\]", "", value))


def _label(table_id: str) -> str:
    chapter, kind, number = table_id.split("-")
    return f"{chapter}, {kind.capitalize()} {number}"
