"""Every statement that the portal sends is known to Athena: checked with Trino's grammar, without a cloud."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

import pytest

import portal
from pipeline.athena.check import check
from pipeline.contracts.model import load, tables
from pipeline.lake.uris import Lake
from pipeline.lake.views import view_sql
from portal.athena.sql_guard import queryable_tables, validate
from portal.core.context import Context
from portal.core.settings import Settings
from portal.dashboards import profile
from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.dashboards.query_builder import Filters, QueryBuilder
from portal.dashboards.suppressed_views import source
from portal.quality import failing_sql

CONTEXT = Context(Settings("my-hdp", "my-hdp", "arn:aws:states:us-east-1:1:stateMachine:x", "ann", "analyst"))
CHARTS = (*ENCOUNTER_CHARTS, *MEDICATION_CHARTS, *ORDER_CHARTS, *PATIENT_CHARTS)
DATASETS = {chart.dataset.name: chart.dataset for chart in CHARTS}
BUILD = QueryBuilder(CONTEXT, "r-1")
SENDERS = {
    "dashboards/profile.py": 1,
    "dashboards/query_builder.py": 1,
    "quality/patient_timeline.py": 1,
    "quality/results.py": 3,
    "runs/history.py": 1,
    "ui/cache.py": 1,
    "ui/dashboards/card.py": 1,
}
"""Where the portal sends a statement of its own; a new place needs a test of its statement."""


def every_filter(dataset):
    chosen = {d.name: ("1", "2") if d.is_number else ("a", "O'Hara") for d in dataset.filters}
    return Filters(date(2025, 1, 1), date(2025, 6, 30), chosen)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.key)
def test_charts_with_and_without_filters(chart):
    for filters in (Filters(), every_filter(chart.dataset)):
        check(BUILD.chart_sql(chart, filters))
        check(BUILD.chart_sql(source(chart), filters))


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_filters_key_figures_and_records(dataset):
    check(BUILD.filter_values(dataset))
    check(BUILD.rows(dataset, Filters()))
    check(BUILD.rows(dataset, every_filter(dataset)))
    check(BUILD.aggregates(dataset, {"n": "count(*)"}, every_filter(dataset)))
    if dataset.date_sql:
        check(BUILD.time_zone(dataset))


@pytest.mark.parametrize("table", tables("gold"))
def test_profiles_and_views(table):
    check(profile.statement(CONTEXT, table, "r-1"))
    check(view_sql(Lake("my-hdp"), table, "r-1"))


RULES = [(load("silver", table), rule) for table in tables("silver") for rule in load("silver", table).rules]


@pytest.mark.parametrize(("contract", "rule"), RULES, ids=lambda each: getattr(each, "id", ""))
def test_failing_rows_of_every_rule(contract, rule):
    query = failing_sql.of_rule(Lake("my-hdp"), contract, rule, "run-1", ["b1", "b2"])
    if query:
        check(query.sql)


@pytest.mark.parametrize("table", sorted(queryable_tables()))
def test_what_a_user_types_after_it_is_rewritten(table):
    for sql in ("SHOW TABLES", f"DESCRIBE {table}"):
        check(validate(Lake("my-hdp"), sql, "r-1").athena_sql)
    typed = (
        f"WITH a AS (SELECT *, row_number() OVER (ORDER BY 1) AS n FROM {table}) "
        "SELECT DISTINCT n, count(*), "
        "approx_percentile(n, ARRAY[0.1, 0.9]), date_diff('day', DATE '2025-01-01', current_date), "
        "CAST(n AS decimal(10, 2)), try(1 / n), transform(ARRAY[n], x -> x + 1) "
        "FROM a TABLESAMPLE BERNOULLI (10) LEFT JOIN UNNEST(ARRAY[1]) AS u (k) ON TRUE "
        "WHERE n BETWEEN 1 AND 9 GROUP BY GROUPING SETS ((n), ()) "
        "HAVING count(*) FILTER (WHERE n > 1) > 0 ORDER BY 1 DESC NULLS FIRST"
    )
    check(validate(Lake("my-hdp"), typed, "r-1").athena_sql)


def test_no_other_module_sends_a_statement():
    root = Path(portal.__file__).parent
    found = {
        path.relative_to(root).as_posix(): len(calls)
        for path in root.rglob("*.py")
        if (calls := [n for n in ast.walk(ast.parse(path.read_text())) if is_sender(n)])
    }
    assert found == SENDERS


def is_sender(node):
    name = getattr(node.func, "attr", getattr(node.func, "id", "")) if isinstance(node, ast.Call) else ""
    return name == "run_query"
