"""Which columns of a SQL answer are figures of groups, and what of it is safe to share."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.lake.uris import Lake
from portal.athena.sql_guard import validate
from portal.privacy.sql_results import Disclosure, safe_to_share

LAKE = Lake("t")


VISITS = "SELECT patient_key, count(*) AS visits FROM fact_encounter GROUP BY 1"


@pytest.mark.parametrize(
    ("sql", "counts"),
    [
        ("SELECT department, count(*) FROM fact_encounter GROUP BY 1", {"_col1"}),
        ("SELECT count(*) AS n, avg(total_cost) AS cost FROM fact_encounter", {"n"}),
        (
            "SELECT count_if(is_readmitted_30d) AS n, approx_distinct(patient_key) AS p FROM fact_encounter",
            {"n", "p"},
        ),
        ("SELECT sum(CASE WHEN is_readmitted_30d THEN 1 ELSE 0 END) AS n FROM fact_encounter", {"n"}),
        ("SELECT count(*) + 0 AS n FROM fact_encounter", {"n"}),
        ("SELECT n AS people FROM (SELECT count(*) AS n FROM fact_encounter)", {"people"}),
        (
            "WITH c(d, n) AS (SELECT department, count(*) FROM fact_encounter GROUP BY 1) SELECT * FROM c",
            {"n"},
        ),
        ("SELECT 'a' AS what, 1 AS n UNION SELECT 'b', count(*) FROM fact_encounter", {"n"}),
        ("SELECT (SELECT count(*) FROM fact_encounter) AS n", {"n"}),
        ("SELECT count(is_readmitted_30d) * 1.0 / count(*) AS rate FROM fact_encounter", set()),
        ("SELECT total_cost FROM fact_encounter", set()),
        (f"SELECT visits, count(*) AS patients FROM ({VISITS}) GROUP BY visits", {"patients"}),
        (
            f"WITH v AS ({VISITS}) SELECT visits, count(*) AS patients FROM v GROUP BY 1 ORDER BY 1",
            {"patients"},
        ),
        (
            f"SELECT v.visits AS visits, count(*) AS visits_of FROM ({VISITS}) v GROUP BY v.visits",
            {"visits_of"},
        ),
        (
            "SELECT CASE WHEN visits > 5 THEN 'often' ELSE 'seldom' END AS how, count(*) AS patients FROM "
            f"({VISITS}) GROUP BY CASE WHEN visits > 5 THEN 'often' ELSE 'seldom' END",
            {"patients"},
        ),
        (f"SELECT max(visits) AS most FROM ({VISITS})", {"most"}),
        (f"SELECT visits FROM ({VISITS})", {"visits"}),
        (f"SELECT visits FROM ({VISITS}) GROUP BY visits", {"visits"}),
        ("SELECT count(*) FROM dim_diagnosis", set()),
    ],
)
def test_columns_that_count_people_are_known_by_name(sql, counts):
    assert validate(LAKE, sql, "r1").disclosure.counts == counts


@pytest.mark.parametrize(
    ("select", "aggregates"),
    [
        ("department, sum(total_cost) AS cost, count(*) AS n {} GROUP BY 1", {"cost", "n"}),
        ("department, max(admitted_at) AS newest {} GROUP BY department", {"newest"}),
        ("department, geometric_mean(total_cost) AS cost {} GROUP BY 1", {"cost"}),
        ("geometric_mean(total_cost) AS cost, count(*) AS n {}", {"cost", "n"}),
        ("department, map_agg(encounter_class, total_cost) AS costs {} GROUP BY 1", {"costs"}),
        (
            "Department AS d, 'all' AS what, upper(department) AS big, max(total_cost) AS m {} GROUP BY "
            "department",
            {"m"},
        ),
        (
            "date_trunc('month', admitted_at) AS month, max(total_cost) AS m {} GROUP BY "
            "date_trunc('month', admitted_at)",
            {"m"},
        ),
        ("department || '!' AS d, max(total_cost) AS m {} GROUP BY department || '!'", {"m"}),
        (
            "date_add('day', 2, admitted_at) AS d, max(total_cost) AS m {} GROUP BY date_add('day', 2, "
            "admitted_at)",
            {"m"},
        ),
        (
            "department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY ROLLUP (department, "
            "encounter_class)",
            {"m"},
        ),
        ("department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY ROLLUP (1, 2)", {"m"}),
        (
            "department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY GROUPING SETS ((1, "
            "2), ())",
            {"m"},
        ),
        (
            "department AS d, encounter_class AS c, max(total_cost) AS m {} GROUP BY 1, CUBE "
            "(encounter_class)",
            {"m"},
        ),
        (
            "d, g AS mean FROM (SELECT department AS d, geometric_mean(total_cost) AS g {} GROUP BY 1)",
            {"mean"},
        ),
        (
            "d, g * 2 AS twice FROM (SELECT department, geometric_mean(total_cost) {} GROUP BY 1) AS t (d, "
            "g)",
            {"twice"},
        ),
        ("lag(total_cost) IGNORE NULLS OVER (ORDER BY admitted_at) AS before {}", set()),
        ("max(total_cost) OVER (PARTITION BY department) AS most {}", set()),
    ],
)
def test_columns_that_say_something_of_a_group_are_known_by_name(select, aggregates):
    assert (
        validate(LAKE, f"SELECT {select.format('FROM fact_encounter')}", "r1").disclosure.aggregates
        == aggregates
    )


CARDIOLOGY = "FROM fact_encounter WHERE department = 'Cardiology'"
GROUPED = "SELECT diagnosis_key, count(*) AS n FROM fact_encounter GROUP BY 1"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM fact_encounter LIMIT 5",
        "SELECT f.* FROM fact_encounter f JOIN dim_patient p ON f.patient_key = p.patient_key",
        f"SELECT * {CARDIOLOGY}",
        f"SELECT DISTINCT * {CARDIOLOGY}",
        f"SELECT DISTINCT encounter_key {CARDIOLOGY}",
        f"SELECT DISTINCT department, admitted_at {CARDIOLOGY}",
        f"SELECT department, count(*) OVER () AS n {CARDIOLOGY}",
        f"SELECT count(*) FILTER (WHERE is_readmitted_30d) OVER () AS n {CARDIOLOGY}",
        f"SELECT lag(total_cost) IGNORE NULLS OVER (ORDER BY admitted_at) AS before {CARDIOLOGY}",
        "SELECT f.* FROM fact_encounter f JOIN dim_patient p ON f.patient_key = p.patient_key AND p.state "
        "= 'MA'",
        "SELECT * FROM gold_releases.fact_encounter WHERE total_cost > 9",
        f"SELECT * FROM (SELECT * {CARDIOLOGY})",
        f"WITH a AS (SELECT * {CARDIOLOGY}), b AS (SELECT * FROM a) SELECT * FROM b",
        f"SELECT encounter_key {CARDIOLOGY} UNION SELECT 1",
        f"SELECT t.* FROM dim_time CROSS JOIN LATERAL (SELECT * {CARDIOLOGY}) t",
        "SELECT * FROM (dim_time t CROSS JOIN fact_encounter f) WHERE f.total_cost > 9",
        f"SELECT f.* FROM ({GROUPED}) g JOIN fact_encounter f ON f.diagnosis_key = g.diagnosis_key WHERE n "
        "= 1",
    ],
)
def test_rows_about_people_are_known(sql):
    assert validate(LAKE, sql, "r1").disclosure.lists_people


@pytest.mark.parametrize(
    "sql",
    [
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
def test_groups_and_what_is_of_nobody_are_no_rows_about_people(sql):
    assert not validate(LAKE, sql, "r1").disclosure.lists_people


def test_with_clauses_that_name_the_former_one_twice_each_are_looked_at_once():
    clauses = [f"a{n} AS (SELECT x.* FROM a{n - 1} x, a{n - 1} y)" for n in range(1, 30)]
    for table in ("dim_time", "fact_encounter"):
        sql = f"WITH a0 AS (SELECT * FROM {table}), {', '.join(clauses)} SELECT * FROM a29 WHERE 1 = 1"
        assert validate(LAKE, sql, "r1").disclosure.lists_people == (table == "fact_encounter")


def shared(counts, aggregates, frame):
    shown, note = safe_to_share(Disclosure(frozenset(counts), frozenset(aggregates)), pd.DataFrame(frame))
    return shown, note


def test_frequent_attenders_keep_their_number_of_visits_and_lose_only_small_numbers_of_patients():
    shown, note = shared({"patients"}, {"patients"}, {"visits": [1, 2, 3, 4], "patients": [900, 40, 12, 3]})
    assert shown["visits"].to_list() == [1, 2, 3, 4]
    assert shown["patients"].isna().to_list() == [False, False, True, True]
    assert note.startswith("2 values suppressed")


def test_an_answer_of_large_groups_leaves_whole():
    frame = {"department": ["a", "b"], "n": [11, 40], "cost": [1.0, 2.0]}
    shown, note = shared({"n"}, {"n", "cost"}, frame)
    assert (shown.to_dict("list"), note) == (frame, "")


@pytest.mark.parametrize(
    "n",
    [
        pd.array([5, 40, 50], dtype="Int64"),
        pd.array([Decimal("5"), Decimal("40"), Decimal("50")], dtype="object"),
        pd.array(["5", "40", "fifty"], dtype="string"),
    ],
    ids=["number", "decimal", "text"],
)
def test_figures_of_a_small_group_are_suppressed_in_any_type(n):
    shown, _ = shared({"n"}, {"n", "most"}, {"k": list("abc"), "n": n, "most": ["x", "y", "z"]})
    assert shown["n"].isna().to_list() == [True, True, False]
    assert shown["most"].isna().to_list() == [True, True, False]


def test_totals_beside_their_groups_disclose_no_small_group():
    """GROUP BY ROLLUP (department): the row of all is known too."""
    shown, _ = shared({"n"}, {"n"}, {"k": ["a", "b", "c", None], "n": [5, 40, 50, 95]})
    assert shown["n"].isna().to_list() == [True, True, False, False]


def test_rows_about_people_do_not_leave():
    shown, why = safe_to_share(Disclosure(lists_people=True), pd.DataFrame({"age": [4]}))
    assert shown is None
    assert "not safe to share" in why


def test_a_second_column_of_a_name_is_suppressed_as_the_first():
    shown, _ = shared({"n"}, {"n"}, {"n": pd.array([5, 40, 50], dtype="Int64"), "n.1": [50.5, 400.0, 500.0]})
    assert shown["n.1"].isna().to_list() == [True, True, False]


def test_whether_a_group_is_large_is_no_count():
    frame = {"n": pd.array([40, 50], dtype="Int64"), "is_large": pd.array([True, True], dtype="boolean")}
    shown, note = shared({"n", "is_large"}, set(), frame)
    assert (shown.to_dict("list"), note) == (pd.DataFrame(frame).to_dict("list"), "")


def test_sums_of_rollup_by_two_keys_disclose_no_small_group():
    """What is shown are sums of the four groups: a small one is no combination of them."""
    sums = {
        ("D1", "A"): (1, 0, 0, 0),
        ("D1", "B"): (0, 1, 0, 0),
        ("D1", None): (1, 1, 0, 0),
        ("D2", "A"): (0, 0, 1, 0),
        ("D2", "B"): (0, 0, 0, 1),
        ("D2", None): (0, 0, 1, 1),
        (None, None): (1, 1, 1, 1),
    }
    stays = np.array(list(sums.values())) @ [5, 100, 4, 200]
    frame = pd.DataFrame(sums, columns=None).T.index.to_frame(index=False, name=["department", "class"])
    shown, _ = shared({"n"}, {"n"}, frame.assign(n=pd.array(stays, dtype="Int64")))
    visible = np.array(list(sums.values()))[shown["n"].notna()]
    for small in ((1, 0, 0, 0), (0, 0, 1, 0)):
        known = np.linalg.matrix_rank(visible)
        assert np.linalg.matrix_rank(np.vstack([visible, small])) == known + 1
    assert shown["n"].iloc[-1] == 309
