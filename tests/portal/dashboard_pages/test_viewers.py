"""Dashboard pages show viewers no small count, and nothing unsafe leaves the page of an analyst unasked."""

from __future__ import annotations

from itertools import combinations

import pytest

from portal.privacy.suppression import MINIMUM_CELL_SIZE
from tests.support.chart_truth import ADMITTED
from tests.support.dashboard_pages import CHARTS_BY_KEY, figures, metrics


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("encounters", {}),
        ("encounters", {"compare": "previous"}),
        ("encounters", {"from": "2025-02-01", "to": "2025-02-28"}),
        ("encounters", {"from": "2025-02-03", "class": ["AMB"], "payer": ["Aetna"], "hour": ["7"]}),
        ("medications", {}),
        ("medications", {"therapeutic": ["Analgesic"]}),
        ("orders", {}),
        ("orders", {"kind": ["dispense"]}),
        ("patients", {"compare": "previous"}),
    ],
)
def test_a_viewer_is_shown_no_small_count_anywhere(lake, open_page, page, query):
    if "compare" in query:
        query = {**query, "compare": lake.former_id}
    app = open_page(page, "viewer", **query)
    assert not app.error
    assert not [toggle for toggle in app.toggle if toggle.label == "Safe to share"]
    for key, figure in figures(app).items():
        counts = [
            n for trace in figure["data"] for n in _counts(CHARTS_BY_KEY[key].kind, trace, "compare" in query)
        ]
        assert not [n for n in counts if 0 < abs(n) < MINIMUM_CELL_SIZE], key
    for name, value in metrics(app).items():
        assert (
            not (value.isdigit() and 0 < int(value) < MINIMUM_CELL_SIZE) or name == "Medications"
        )  # drugs, not people


def test_a_viewer_filters_by_whole_months_and_one_dimension(lake, open_page):
    app = open_page("encounters", "viewer", **{"from": "2025-02-03", "class": ["AMB"], "payer": ["Medicare"]})
    assert app.query_params["from"] == ["2025-02-01"] or app.query_params["from"] == "2025-02-01"
    assert "payer" not in app.query_params
    months = lake.now.ask(
        "encounters",
        f"encounter_class = 'AMB' AND {ADMITTED} >= '2025-02-01'",
        "SELECT month, count(*) FROM r GROUP BY ALL",
    )
    shown = metrics(app)["Encounters"]
    whole = sum(n for _, n in months)
    sums = {
        sum(some) for size in range(1, len(months)) for some in combinations([n for _, n in months], size)
    }
    assert int(shown.removeprefix("≥ ")) in (sums if shown.startswith("≥ ") else {whole})
    assert {"payers", "readmissions", "arrivals"}.isdisjoint(figures(app))
    assert "encounters-by-month" in figures(app)


def test_a_viewer_of_the_whole_release_is_shown_the_true_total(lake, open_page):
    for page, name in (
        ("encounters", "Encounters"),
        ("medications", "Administrations"),
        ("orders", "Orders and dispenses"),
        ("patients", "Patients"),
    ):
        ((true,),) = lake.now.ask(page, "true", "SELECT count(*) FROM r")
        assert metrics(open_page(page, "viewer"))[name] == f"{true:,}"


def test_what_leaves_the_page_of_an_analyst_is_safe_unless_asked_otherwise(lake, open_page):
    app = open_page("encounters", "analyst")
    (toggle,) = [each for each in app.toggle if each.label == "Safe to share"]
    assert toggle.value
    assert not app.button(key="arrivals-png").disabled
    two = open_page("encounters", "analyst", **{"class": ["AMB"], "payer": ["Medicare"]})
    assert two.button(key="arrivals-png").disabled
    assert "more than one attribute" in two.button(key="arrivals-png").help
    (toggle,) = [each for each in two.toggle if each.label == "Safe to share"]
    toggle.set_value(False).run()
    assert not two.button(key="arrivals-png").disabled


def test_a_release_of_synthetic_batches_alone_is_exempt(first_run, open_page):
    app = open_page("encounters", "viewer", release=first_run.run_id)
    assert not app.error
    assert any("Synthetic data" in each.value for each in app.markdown)
    drawn = [n for trace in figures(app)["encounters-by-department"]["data"] for n in trace["x"]]
    assert any(0 < n < MINIMUM_CELL_SIZE for n in drawn)


def _counts(kind, trace, compare):
    """Every count that a trace carries, drawn or at hand in the browser."""
    if kind == "week":
        return [] if compare else [n for row in trace.get("z", []) for n in row if n is not None and n == n]
    if kind in {"rate", "line"}:
        rows = trace.get("customdata") or []
        return [n for _, *ns in rows for n in ns[:2] if n is not None]
    if kind == "parts":
        return [row[1] for row in trace["customdata"] if len(row) > 1]
    if kind == "pyramid":
        return [row[1] for row in trace["customdata"]]
    if trace.get("yaxis") == "y2":  # the band behind merged months
        return []
    side = trace["y"] if kind in {"months", "histogram", "dose"} else trace["x"]
    return [n for n in side if n is not None and n == n]
