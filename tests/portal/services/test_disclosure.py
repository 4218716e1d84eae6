"""What an answer tells of few people, whatever the statement is written like."""

from __future__ import annotations

import pytest

from portal.services.statements import resolve
from tests.portal.services.test_statements import LAKE


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("SELECT department, count(*) FROM fact_encounter GROUP BY 1", {"_col1"}),
        ("SELECT count(*) AS n, avg(total_cost) AS cost FROM fact_encounter", {"n"}),
        ("SELECT count_if(is_readmitted_30d) AS n, approx_distinct(patient_key) AS p FROM fact_encounter", {"n", "p"}),
        ("SELECT sum(CASE WHEN is_readmitted_30d THEN 1 ELSE 0 END) AS n FROM fact_encounter", {"n"}),
        ("SELECT count(*) + 0 AS n FROM fact_encounter", {"n"}),
        ("SELECT n AS people FROM (SELECT count(*) AS n FROM fact_encounter)", {"n", "people"}),
        ("WITH c(d, n) AS (SELECT department, count(*) FROM fact_encounter GROUP BY 1) SELECT * FROM c", {"_col1", "n"}),
        ("SELECT 'a' AS what, 1 AS n UNION SELECT 'b', count(*) FROM fact_encounter", {"_col1", "n"}),
        ("SELECT (SELECT count(*) FROM fact_encounter) AS n", {"_col0", "n"}),
        ("SELECT count(is_readmitted_30d) * 1.0 / count(*) AS rate FROM fact_encounter", set()),
        ("SELECT total_cost FROM fact_encounter", set()),
        ("SELECT count(*) FROM dim_diagnosis", set()),
    ],
)  # fmt: skip
def test_columns_that_count_people_are_known_by_name(sql, counts):
    assert resolve(LAKE, sql, "r1").told.counts == counts


@pytest.mark.parametrize(
    ("select", "aggregates"),
    [
        ("department, sum(total_cost) AS cost, count(*) AS n {} GROUP BY 1", {"cost", "n"}),
        ("department, max(admitted_at) AS newest {} GROUP BY department", {"newest"}),
        ("department, geometric_mean(total_cost) AS cost {} GROUP BY 1", {"cost"}),
        ("geometric_mean(total_cost) AS cost, count(*) AS n {}", {"cost", "n"}),
        ("department, map_agg(encounter_class, total_cost) AS costs {} GROUP BY 1", {"costs"}),
        ("Department AS d, 'all' AS what, upper(department) AS big, max(total_cost) AS m {} GROUP BY department", {"m"}),
        ("date_trunc('month', admitted_at) AS month, max(total_cost) AS m {} GROUP BY date_trunc('month', admitted_at)", {"m"}),
        ("department || '!' AS d, max(total_cost) AS m {} GROUP BY department || '!'", {"m"}),
        ("date_add('day', 2, admitted_at) AS d, max(total_cost) AS m {} GROUP BY date_add('day', 2, admitted_at)", {"m"}),
        ("department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY ROLLUP (department, encounter_class)", {"m"}),
        ("department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY ROLLUP (1, 2)", {"m"}),
        ("department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY GROUPING SETS ((1, 2), ())", {"m"}),
        ("department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY 1, CUBE (encounter_class)", {"m"}),
        ("d, g AS mean FROM (SELECT department AS d, geometric_mean(total_cost) AS g {} GROUP BY 1)", {"g", "mean"}),
        ("d, g * 2 AS twice FROM (SELECT department, geometric_mean(total_cost) {} GROUP BY 1) AS t (d, g)", {"_col1", "g", "twice"}),
        ("lag(total_cost) IGNORE NULLS OVER (ORDER BY admitted_at) AS before {}", set()),
        ("max(total_cost) OVER (PARTITION BY department) AS most {}", set()),
    ],
)  # fmt: skip
def test_columns_that_say_something_of_a_group_are_known_by_name(select, aggregates):
    assert resolve(LAKE, f"SELECT {select.format('FROM fact_encounter')}", "r1").told.aggregates == aggregates


CARDIOLOGY = "FROM fact_encounter WHERE department = 'Cardiology'"
GROUPED = "SELECT diagnosis_key, count(*) AS n FROM fact_encounter GROUP BY 1"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT * {CARDIOLOGY}",
        f"SELECT DISTINCT * {CARDIOLOGY}",
        f"SELECT DISTINCT encounter_key {CARDIOLOGY}",
        f"SELECT DISTINCT department, admitted_at {CARDIOLOGY}",
        f"SELECT department, count(*) OVER () AS n {CARDIOLOGY}",
        f"SELECT count(*) FILTER (WHERE is_readmitted_30d) OVER () AS n {CARDIOLOGY}",
        f"SELECT lag(total_cost) IGNORE NULLS OVER (ORDER BY admitted_at) AS before {CARDIOLOGY}",
        "SELECT f.* FROM fact_encounter f JOIN dim_patient p ON f.patient_key = p.patient_key AND p.state = 'MA'",
        "SELECT * FROM gold_releases.fact_encounter WHERE total_cost > 9",
        f"SELECT * FROM (SELECT * {CARDIOLOGY})",
        f"WITH a AS (SELECT * {CARDIOLOGY}), b AS (SELECT * FROM a) SELECT * FROM b",
        f"SELECT encounter_key {CARDIOLOGY} UNION SELECT 1",
        f"SELECT t.* FROM dim_time CROSS JOIN LATERAL (SELECT * {CARDIOLOGY}) t",
        "SELECT * FROM (dim_time t CROSS JOIN fact_encounter f) WHERE f.total_cost > 9",
        f"SELECT f.* FROM ({GROUPED}) g JOIN fact_encounter f ON f.diagnosis_key = g.diagnosis_key WHERE n = 1",
    ],
)
def test_rows_about_people_picked_by_a_condition_are_narrow(sql):
    assert resolve(LAKE, sql, "r1").told.is_narrow


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM fact_encounter LIMIT 5",
        "SELECT f.* FROM fact_encounter f JOIN dim_patient p ON f.patient_key = p.patient_key",
        "SELECT * FROM dim_time WHERE is_weekend",
        f"SELECT count(*) {CARDIOLOGY}",
        f"SELECT DISTINCT department {CARDIOLOGY}",
        f"SELECT DISTINCT date_trunc('month', admitted_at) AS month {CARDIOLOGY}",
        f"SELECT encounter_class, max(total_cost) {CARDIOLOGY} GROUP BY 1",
        f"SELECT encounter_class, sum(count(*)) OVER () {CARDIOLOGY} GROUP BY 1",
        f"SELECT * FROM ({GROUPED}) WHERE n > 5",
        f"WITH g AS ({GROUPED}) SELECT * FROM g WHERE n > 5",
        f"WITH g AS ({GROUPED}) SELECT d.*, n FROM g JOIN dim_diagnosis d USING (diagnosis_key) WHERE n > 5",
        f"SELECT encounter_class, count(*) {CARDIOLOGY} GROUP BY 1 UNION {GROUPED}",
    ],
)
def test_groups_and_what_is_of_nobody_are_not_narrow(sql):
    assert not resolve(LAKE, sql, "r1").told.is_narrow


def test_with_clauses_that_name_the_former_one_twice_each_are_looked_at_once():
    clauses = [f"a{n} AS (SELECT x.* FROM a{n - 1} x, a{n - 1} y)" for n in range(1, 30)]
    for table in ("dim_time", "fact_encounter"):
        sql = f"WITH a0 AS (SELECT * FROM {table}), {', '.join(clauses)} SELECT * FROM a29 WHERE 1 = 1"
        assert resolve(LAKE, sql, "r1").told.is_narrow == (table == "fact_encounter")
