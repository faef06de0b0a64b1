"""Charts: one palette, one size, one way to show them, with a description for those who cannot see.

``import compendium.display.charts`` makes Altair emit ``application/vnd.vegalite.v6+json``: the
renderer that comes with it writes a name that notebooks may not hold.
"""

from __future__ import annotations

import re
from itertools import cycle
from typing import Any

import altair as alt
import pandas as pd
from altair.utils import schemapi

from compendium.display import CHART
from compendium.model.column import Column

# Okabe and Ito's palette, which the colour-blind can tell apart, without its yellow (too pale for lines).
CHINA, RUSSIA, THIRD = "#D55E00", "#0072B2", "#009E73"
PALETTE = [RUSSIA, CHINA, THIRD, "#CC79A7", "#56B4E9", "#E69F00", "#7A7A7A"]
COLOURS = {"China": CHINA, "Russia": RUSSIA, "United States": THIRD}


DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _bundle(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {CHART: dated(spec), "text/plain": spec.get("description") or "Chart"}


def dated(spec: dict[str, Any]) -> dict[str, Any]:
    """A Vega-Lite specification whose days are the same days in every time zone.

    A browser takes ``2013-09-07`` for midnight in Greenwich and shows it as the 6th west of it; with a time
    it takes it for midnight where it is.
    """
    fields: set[str] = set()
    parts = [spec]
    while parts:
        part = parts.pop()
        if isinstance(part, list):
            parts += part
        elif isinstance(part, dict):
            if part.get("type") == "temporal":
                fields.add(part.get("field", ""))
                domain = part.get("scale", {}).get("domain") if isinstance(part.get("scale"), dict) else None
                if isinstance(domain, list):
                    domain[:] = map(_midnight, domain)
            parts += (value for key, value in part.items() if key != "datasets")
    for rows in spec.get("datasets", {}).values() if fields else ():
        for row in rows if isinstance(rows, list) else ():
            row.update({key: _midnight(row[key]) for key in fields & row.keys()})
    return spec


def _midnight(value: Any) -> Any:
    return f"{value}T00:00" if isinstance(value, str) and DAY.fullmatch(value) else value


def enable() -> None:
    """Set theme and renderer for this process."""
    alt.renderers.register("compendium", _bundle)
    alt.renderers.enable("compendium")
    alt.theme.register("compendium", enable=True)(_theme)
    alt.data_transformers.disable_max_rows()
    _shorthands_once()
    schemapi.DEBUG_MODE = False  # a chart is checked whole when it is shown, and not each of its parts before


def _shorthands_once() -> None:
    """Let Altair prepare the reading of shorthands such as ``"state:N"`` once, not once for each.

    For every encoding given as a string it hashes the schemas of all its classes, 5 ms a string. The
    answer is always the same.
    """
    prepare = schemapi._FromDict
    if isinstance(prepare, type):
        prepared: dict[tuple[Any, ...], Any] = {}

        def once(classes: Any) -> Any:
            key = tuple(classes)
            if key not in prepared:
                prepared[key] = prepare(key)
            return prepared[key]

        schemapi._FromDict = once  # type: ignore[assignment,misc]


def _theme() -> alt.theme.ThemeConfig:
    font = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
    return {
        "config": {
            "font": font,
            "background": "transparent",
            "view": {"stroke": None, "continuousWidth": 520, "continuousHeight": 300},
            "range": {"category": PALETTE},
            "axis": {"grid": True, "gridOpacity": 0.25, "domain": False, "labelFontSize": 12, "titleFontSize": 12,
                     "titleFontWeight": "normal", "labelLimit": 260},
            "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "orient": "top"},
            "title": {"anchor": "start", "fontSize": 14, "fontWeight": 600, "subtitleFontSize": 12},
            "bar": {"cornerRadiusEnd": 1},
        }
    }


def colours(names: list[str]) -> alt.Scale:
    """The same colour for the same state in every chart."""
    spare = cycle(c for c in PALETTE if c not in (CHINA, RUSSIA, THIRD))
    return alt.Scale(domain=names, range=[COLOURS.get(name) or next(spare) for name in names])


def long(columns: dict[str, Column], row: str = "state", column: str = "series", value: str = "value") -> pd.DataFrame:
    """Columns as a long frame for Altair: one line a cell, with the printed text.

    Returns
    -------
    DataFrame
        Columns ``row``, ``column``, ``value`` (float, for drawing only) and ``printed``.
    """
    return pd.DataFrame(
        [(label, head, float(q), str(q)) for head, cells in columns.items() for label, q in cells.items()],
        columns=[row, column, value, "printed"],
    )


def described(chart: Any, text: str) -> Any:
    """The chart with a description that a screen reader speaks: what it shows, with its numbers."""
    return chart.properties(description=text)
