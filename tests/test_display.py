"""Tables, charts, maps and energy units."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import altair as alt
import pandas as pd
import pytest

from compendium import open_chapter
from compendium.corpus.records import PlaceRecord, RouteRecord
from compendium.display import CHART, charts, maps
from compendium.display.tables import show_rows
from compendium.model import energy
from compendium.model.quantity import Quantity


def test_a_table_marks_its_repaired_cell_and_says_why() -> None:
    html = open_chapter("A4", reading="repaired").show("A4-table-1")._repr_html_()
    assert re.search(r"388,478 \[a\]", html)
    assert "[a] Repaired reading" in html
    assert "358,478" not in html


def test_a_table_has_caption_scopes_and_no_style_of_its_own() -> None:
    html = open_chapter("A4").show("A4-table-2")._repr_html_()
    assert html.count("<caption>") == 1
    assert 'scope="col"' in html
    assert "<style" not in html
    assert 'id="a4-table-2"' in html
    assert "Imports" in html


def test_recomputed_columns_stand_beside_the_printed_ones_and_look_otherwise() -> None:
    chapter = open_chapter("A4")
    table = chapter.table("A4-table-1")
    shown = chapter.show("A4-table-1", computed={"Twice": table["1996"] + table["1996"]})
    html = shown._repr_html_()
    assert re.search(r'colspan="1"[^>]*>\s*<span class="gt_column_spanner">Recomputed</span>', html)
    assert len(re.findall(r'<td[^>]*style="[^"]*font-style: italic', html)) == len(table.rows)
    head, *lines = repr(shown).splitlines()[1:]
    assert head.split("\t")[-1] == "Recomputed / Twice"
    assert [line.split("\t")[0] for line in lines] == table.rows


def test_a_day_is_the_same_day_in_every_time_zone() -> None:
    frame = pd.DataFrame([{"first": "2013-09-07", "named": "2013-09-07", "year": "2013"}])
    x = alt.X("first:T", scale=alt.Scale(domain=["1990-01-01", "2018-01-01"]))
    plain = alt.Chart(frame).mark_point().encode(x=x, y="named:N").to_dict()
    spec = charts.dated(plain)
    (rows,) = spec["datasets"].values()
    assert rows == [{"first": "2013-09-07T00:00", "named": "2013-09-07", "year": "2013"}]
    assert spec["encoding"]["x"]["scale"]["domain"] == ["1990-01-01T00:00", "2018-01-01T00:00"]
    bundle = alt.Chart(frame).mark_point().encode(x=x)._repr_mimebundle_()
    assert '"first": "2013-09-07T00:00"' in json.dumps(bundle)


def test_a_column_of_sentences_is_left_room_on_a_narrow_page() -> None:
    html = show_rows([{"Claim": "B2.1", "What was found": "a sentence that goes on for more than forty letters"}], "Rows", "rows")._repr_html_()
    heads = re.findall(r'<th class="gt_col_heading( cc-long)?[^>]*>([^<]+)<', html)
    assert heads == [("", "Claim"), (" cc-long", "What was found")]


def test_numbers_stand_to_the_right_and_words_and_claims_to_the_left() -> None:
    row = {"State": "Kyrgyzstan", "Share": "5.3 [a]", "Claims": "A4.3, B2.1", "Found": "holds", "Year": "1996"}
    html = show_rows([row], "Rows", "rows")._repr_html_()
    assert re.findall(r'<td class="gt_row gt_(\w+)">', html) == ["right", "left", "left", "right"]


def test_markup_in_data_is_escaped() -> None:
    html = show_rows([{"What": "<script>alert(1)</script>"}], "Rows", "rows")._repr_html_()
    assert "<script>" not in html


def test_cards_escape_what_they_show() -> None:
    from compendium.display.cards import card
    from compendium.model.claim import Basis, Claim, Finding, Passage, Verdict

    claim = Claim("A4.1", Passage("A4", "<b>", 1, 1), "figure", "<img src=x>")
    html = card(claim, Finding("A4.1", Verdict.HOLDS, Basis.TABLE, None, "<i>", "<u>"))["text/html"]
    assert not re.search(r"<(img|i|u|b)\b", html)


def test_charts_are_emitted_under_a_name_that_notebooks_may_hold() -> None:
    charts.enable()
    bundle = alt.Chart(charts.long({"x": open_chapter("A4").table("A4-table-1")["1996"]})).mark_bar().encode(x="value:Q")._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert CHART in data


def test_the_same_state_has_the_same_colour() -> None:
    first, second = charts.colours(["China", "Japan"]), charts.colours(["Russia", "China"])
    assert first.range[0] == second.range[1] == charts.CHINA
    assert len(charts.colours([str(n) for n in range(12)]).range) == 12


PLACES = {
    "Here": PlaceRecord(place="Here", country="Kazakhstan", latitude=43, longitude=77),
    "There": PlaceRecord(place="There", country="China", latitude=44, longitude=87),
}
LEG = RouteRecord(route="Line", kind="railway", leg=1, start="Here", end="There", stage="planned", year="2015", length_km="", capacity="",
                  chapter="B2", claim="B2.1")  # fmt: skip


def test_a_map_has_countries_routes_and_places() -> None:
    spec = maps.map_of(PLACES, [LEG], highlight=["Kazakhstan"], title="Map").to_dict()
    text = json.dumps(spec)
    assert "Here" in text
    assert spec["width"] == 640
    features = next(json.loads(data) for data in spec["datasets"].values() if isinstance(data, str))
    assert all(f["geometry"]["type"] == "MultiPolygon" for f in features)
    names = {f["name"] for f in features}
    assert {"Kazakhstan", "China"} <= names
    assert "Portugal" not in names


def test_an_unknown_country_is_named() -> None:
    with pytest.raises(KeyError, match="no outline for Atlantis"):
        maps.map_of(PLACES, [LEG], highlight=["Atlantis"])


def test_energy_units() -> None:
    assert energy.billion_cubic_metres(Quantity.exact(550)).agrees(55).rounded is True
    assert energy.million_tonnes(Quantity.exact(1163)).agrees(100).rounded is True
    assert energy.million_barrels_a_day(Quantity.exact(1163)).agrees(Fraction(733, 365)).rounded is True
