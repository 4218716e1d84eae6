"""The SQL of a chart as people read it."""

from __future__ import annotations

import pytest

from portal.athena import sql_guard
from portal.athena.readable_sql import readable
from portal.core.context import Context
from portal.core.settings import Settings
from portal.dashboards.query_builder import Filters, QueryBuilder
from tests.support.dashboard_pages import CHARTS_BY_KEY
from tests.support.gold import RELEASE

TABLE = """(SELECT * FROM "hdp_gold_releases"."fact_encounter" WHERE release_id = 'run-1')"""


def test_tables_have_plain_names_and_clauses_have_lines():
    sql = f"SELECT month, count(*) AS n FROM (SELECT f.m AS month FROM {TABLE} f) r GROUP BY 1 ORDER BY 1"
    assert readable(sql).split("\n")[0] == "SELECT"
    assert "fact_encounter AS f" in readable(sql)
    assert "release_id" not in readable(sql)


def test_a_subquery_that_is_no_table_of_a_release_stays():
    assert "is_current" in readable("SELECT 1 FROM (SELECT * FROM dim_patient WHERE is_current) f")
    assert "release_id" in readable("SELECT 1 FROM (SELECT a FROM dim_patient WHERE release_id = 'x') f")


@pytest.mark.parametrize("chart", CHARTS_BY_KEY.values(), ids=lambda chart: chart.key)
def test_the_sql_page_accepts_the_sql_of_every_chart(chart):
    context = Context(Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", "ann", "analyst"))
    sql = readable(QueryBuilder(context, RELEASE).chart_sql(chart, Filters()))
    assert sql_guard.validate(context.lake, sql, RELEASE).tables
