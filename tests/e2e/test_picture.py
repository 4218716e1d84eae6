"""A chart that is saved as PNG stands alone.

What says what it shows lies inside the picture, and is not cut.
"""

from __future__ import annotations

import base64
import struct
from datetime import date

import pandas as pd
import pytest

from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.query_builder import Filters
from portal.ui.dashboards import figures, picture

CHARTS_BY_KEY = {chart.key: chart for chart in ENCOUNTER_CHARTS}
MONTHS = pd.DataFrame(
    [
        {"month": f"2025-{n:02}", "class": c, "encounters": 100 + n}
        for n in range(1, 13)
        for c in ("AMB", "EMER", "IMP", "Other or suppressed")
    ]
)
DEPARTMENTS = pd.DataFrame(
    {"department": ["Internal medicine", "A department with a name of forty letters"], "encounters": [40, 30]}
)
FILTERS = Filters(
    date(2025, 1, 1),
    date(2025, 12, 31),
    {"class": ("IMP",), "department": tuple(f"Internal medicine {n}" for n in range(12))},
)


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("key", "frame"), [("encounters-by-month", MONTHS), ("encounters-by-department", DEPARTMENTS)]
)
def test_title_filters_release_and_date_are_inside_the_picture(browser, tmp_path, key, frame):
    chart = CHARTS_BY_KEY[key]
    words = FILTERS.describe(chart.dataset)
    note = picture.footnote(
        "run-20261127T194008Z-b653",
        None,
        "Hatched months have fewer than 11. " * 4,
        "small counts: suppressed",
    )
    figure = picture.standalone(figures.figure(chart, frame), chart.title, f"Filters: {words}", note)
    file = tmp_path / "chart.html"
    file.write_text(figure.to_html(include_plotlyjs=True, config={"displayModeBar": False}))
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    page.goto(file.as_uri())
    page.wait_for_selector(".main-svg .gtitle")
    frame_box = page.locator(".svg-container").bounding_box()
    boxes = {
        name: page.locator(name).first.bounding_box() for name in (".gtitle", ".annotation-text", ".barlayer")
    }
    for name, box in boxes.items():
        assert box["x"] >= frame_box["x"], name
        assert box["y"] >= frame_box["y"], name
        assert box["x"] + box["width"] <= frame_box["x"] + frame_box["width"], name
        assert box["y"] + box["height"] <= frame_box["y"] + frame_box["height"], name
    assert boxes[".gtitle"]["y"] + boxes[".gtitle"]["height"] <= boxes[".barlayer"]["y"], (
        "the title is above the plot"
    )
    labels = page.locator(".xaxislayer-above").bounding_box()
    assert labels["y"] + labels["height"] <= boxes[".annotation-text"]["y"], "the footnote is below the axis"
    if page.locator(".legend").count():
        legend = page.locator(".legend").first.bounding_box()
        assert boxes[".gtitle"]["y"] + boxes[".gtitle"]["height"] <= legend["y"], (
            "the legend is below the title"
        )
    said = " ".join(page.locator(".gtitle tspan, .annotation-text tspan").all_text_contents()).replace(
        "\u200b", ""
    )
    for part in (
        chart.title,
        "Inpatient (IMP)",
        "Internal medicine 11",
        "2025-01-01 to 2025-12-31",
        "run-20261127T194008Z-b653",
        "UTC",
        "small counts: suppressed",
    ):
        assert all(word in said for word in part.split()), part
    uri = page.evaluate(
        "Plotly.toImage(document.querySelector('.plotly-graph-div'), {format: 'png', scale: 1})"
    )
    content = base64.b64decode(uri.partition(",")[2])
    assert struct.unpack(">II", content[16:24]) == (figure.layout.width, figure.layout.height)
    (tmp_path / "chart.png").write_bytes(content)
    page.close()
