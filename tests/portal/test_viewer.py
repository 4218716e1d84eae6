"""What a viewer sees beside the viewer tables says nothing of any other count.

It is the same whatever the counts are.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from portal.core.errors import ServiceError
from portal.dashboards import profile
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.quality import results as quality
from portal.releases import service as releases
from portal.ui import cache
from tests.support import page_drivers


@pytest.fixture
def drawn(portal, held_run, monkeypatch):
    """Draws a page for a role over the held release, as published: one of its batches is not synthetic."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.page_link", lambda *_, **__: None)
    present = replace(releases.current(portal), release_id=held_run.run_id)
    monkeypatch.setattr(releases, "current", lambda _: present)

    def open_page(name, role="viewer", **query):
        page_drivers.forget_caches()
        app = AppTest.from_file(str(page_drivers.PAGES / f"{name}.py"), default_timeout=60)
        app.session_state["role"] = role
        for key, value in {"run": held_run.run_id, **query}.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        assert role != "viewer" or not app.error
        return [_said(each) for each in app.main]

    yield open_page
    page_drivers.forget_caches()


def _said(element):
    proto = element.proto
    if hasattr(element, "children") and element.children:
        return [_said(child) for child in element.children.values()]
    value = getattr(element, "value", None)
    return value.to_csv() if hasattr(value, "to_csv") else str(proto)


@pytest.fixture
def other_counts(monkeypatch):
    """The same outcomes of rules, the same facts, and other counts of everything else."""

    def change():
        results, find, get = quality.results, releases.find, releases.get
        monkeypatch.setattr(
            cache, "results", lambda run_id, version: _other(results(cache.session.context(), run_id))
        )
        monkeypatch.setattr(
            cache,
            "reconciliation",
            lambda _: [
                {
                    "table_name": "patients",
                    "batch_id": "b",
                    "received": 77,
                    "loaded": 70,
                    "quarantined": 7,
                    "duplicates": 3,
                }
            ],
        )
        monkeypatch.setattr(releases, "get", lambda aws, name: _grown(get(aws, name)))
        monkeypatch.setattr(releases, "find", lambda aws, name: (made := find(aws, name)) and _grown(made))

    return change


def _other(frame):
    return frame.assign(
        failed=frame["failed"] * 3 + 1, checked=frame["checked"] * 5, rate=frame["rate"] / 2, detail="mrn 4"
    )


def _grown(made):
    tables = {name: n if name.startswith("fact_") else n + 5 for name, n in made.tables.items()}
    reasons = [{**reason, "failed": 99, "checked": 100} for reason in made.reasons]
    return replace(made, tables=tables, reasons=reasons)


@pytest.mark.parametrize("page", ["overview", "quality", "alerts", "dictionary"])
def test_a_page_without_charts_is_the_same_whatever_the_counts_are(drawn, other_counts, page):
    before = drawn(page)
    assert before
    other_counts()
    assert drawn(page) == before


@pytest.mark.parametrize("page", ["overview", "quality"])
def test_the_same_page_of_an_analyst_tells_them(drawn, other_counts, page):
    before = drawn(page, "analyst")
    other_counts()
    assert drawn(page, "analyst") != before


def test_the_rows_of_facts_on_the_overview_are_the_totals_of_the_published_tables(drawn, portal, held_run):
    tables = releases.get(portal, held_run.run_id).tables
    said = str(drawn("overview"))
    facts = {name: n for name, n in tables.items() if name.startswith("fact_") and n >= MINIMUM_CELL_SIZE}
    assert facts
    assert all(f",{name},{n}" in said for name, n in facts.items())
    assert not [name for name in tables if name.startswith("dim_") and f",{name}," in said]


def test_a_column_is_not_profiled_for_a_viewer(acting, held_run, first_run):
    with pytest.raises(ServiceError, match="available to analysts, clinicians and engineers"):
        profile.of(acting("vic", "viewer"), "dim_patient", held_run.run_id)
    assert len(profile.of(acting("vic", "viewer"), "dim_patient", first_run.run_id).frame), (
        "synthetic data alone"
    )
