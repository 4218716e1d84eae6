"""The findings that a chart is marked with: those of the tables that its measure is made from."""

from __future__ import annotations

from portal.dashboards import catalog
from portal.reviews.decisions import Finding
from portal.ui.dashboards.quality_badge import SILVER, touching


def _finding(table, failed=3):
    return Finding(table, "X-1", "error", "fail", failed, 100, "undecided")


def _keys(findings):
    charts = [chart for charts in catalog.CHARTS.values() for chart in charts]
    return {chart.key for chart in charts if touching(chart, findings)}


def test_a_finding_marks_the_charts_of_its_table_and_of_the_gold_table_made_from_it():
    assert "readmissions" in _keys([_finding("encounters")]) & _keys([_finding("fact_encounter")])
    assert "not-given" not in _keys([_finding("encounters")])
    assert "not-given" in _keys([_finding("medications")])
    assert _keys([_finding("patients")]) >= {"cohort", "active-patients"}


def test_without_failing_records_or_of_another_table_nothing_is_marked():
    assert _keys([_finding("encounters", failed=0), _finding("dim_time")]) == set()
    assert set(SILVER) <= {
        table for charts in catalog.CHARTS.values() for c in charts for table in c.dataset.tables
    }
