"""Charts on the page: a static picture at once, a live chart when it comes into view.

The picture is drawn by vl-convert while the book is built and stands in the page as SVG, so that
print, EPUB and readers without scripts have it. The specification lies in a script file (not JSON),
so that pages opened from disk can load it too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes

from compendium.display import CHART

SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
COLUMN = 760  # pixels of a page's column
NUMBER = re.compile(r"-?\d+\.\d{3,}")
# What Vega says of each mark to readers of the screen: they are told nothing from within a picture, and the
# chart's description and table say it. With it go defaults of SVG written out. Half of a large chart's bytes.
UNHEARD = re.compile(r' (?:aria-[a-z]+|role|class|pointer-events)="[^"]*"| (?:opacity|stroke-width|fill-opacity|stroke-opacity)="1"')
CACHE = "charts"  # below the doctree folder, so that a changed page redraws only its own charts


@cache
def version_of_vegalite() -> str:
    """The Vega-Lite version that vl-convert draws with, of the major version that Altair writes."""
    import vl_convert

    return str(vl_convert.get_vegalite_versions()[-1])


def digest(spec: dict[str, Any]) -> str:
    """The name of a chart: a hash of its specification."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:16]


def static_svg(spec: dict[str, Any], folder: Path) -> str:
    """The chart as SVG, drawn once and kept.

    Parameters
    ----------
    folder : Path
        Where drawn charts are kept by name.
    """
    name = digest(spec)
    kept = folder / f"{name}.svg"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    import vl_convert

    svg = vl_convert.vegalite_to_svg(spec, vl_version=version_of_vegalite())
    svg = NUMBER.sub(lambda m: f"{float(m.group()):.2f}".rstrip("0").rstrip("."), svg)
    svg = UNHEARD.sub("", svg)
    # Identifiers (of clip paths and gradients) are counted from one in each picture; on a page they must differ.
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(svg, encoding="utf-8")
    return svg


def figure(spec: dict[str, Any], svg: str, anchor: str, folder: str) -> str:
    """The chart as HTML: description, static picture, where the live one goes, and its data on demand.

    Parameters
    ----------
    anchor : str
        The chart's permanent anchor.
    folder : str
        Where the picture lies, as seen from the page.
    """
    name = digest(spec)
    size = SIZE.search(svg)
    width, height = (round(float(size[1])), round(float(size[2]))) if size else (600, 400)
    wide = " cc-wide-chart" if width > COLUMN else ""  # keeps its size and scrolls; small, its words could not be read
    return (
        f'<div class="cc-figure" id="{escape(anchor)}"><figure class="cc-chart{wide}" data-chart="{name}" tabindex="0" role="img" '
        f'aria-label="{escape(spec.get("description", ""))}"><div class="cc-chart-picture">'
        f'<img src="{folder}/{name}.svg" alt="" width="{width}" height="{height}" loading="lazy"></div></figure>'
        f'<details class="cc-chart-data" data-chart="{name}"><summary>Data of this chart</summary></details></div>'
    )


class ChartPlugin:
    """Tells myst-nb how to put a Vega-Lite chart on a page."""

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = [("*", CHART, 1)]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """The chart as raw HTML; None for any other MIME type."""
        if inline or data.mime_type != CHART:
            return None
        spec = data.content if isinstance(data.content, dict) else json.loads(data.content)
        env = renderer.renderer.document.settings.env
        svg = static_svg(spec, Path(env.app.doctreedir) / CACHE)
        specs = Path(env.app.outdir) / "_static" / CACHE
        specs.mkdir(parents=True, exist_ok=True)
        text = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
        (specs / f"{digest(spec)}.js").write_text(f'compendiumChart("{digest(spec)}",{text});\n', encoding="utf-8")
        (specs / f"{digest(spec)}.svg").write_text(svg, encoding="utf-8")
        anchor = f"chart-{data.cell_metadata.get('compendium', digest(spec))}"
        return [nodes.raw("", figure(spec, svg, anchor, f"_static/{CACHE}"), format="html")]
