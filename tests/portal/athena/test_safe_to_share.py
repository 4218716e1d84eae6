"""Of an answer in SQL what is safe to share: no figure of a small group, and no row about a person."""

from __future__ import annotations

import pytest

from portal.athena import sql_queries

SMALL = "SELECT department, count(*) AS n, avg(total_cost) AS cost FROM fact_encounter GROUP BY 1 ORDER BY 1"


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_answers_are_exact_and_what_is_safe_to_share_is_not(acting, first_run, role):
    person = acting("x", role)
    answer = sql_queries.run(person, SMALL)
    assert (answer.frame["n"] < 11).any(), "the sample has a small department"
    safe, note = sql_queries.safe_to_share(person, answer)
    kept = safe["n"].notna()
    assert not (answer.frame["n"][kept] < 11).any()
    assert safe["cost"][~kept].isna().all()
    assert (safe["n"][kept] == answer.frame["n"][kept]).all()
    assert "values suppressed" in note


def test_frequent_attenders_are_told_by_their_number_of_visits(acting, first_run):
    """Finding 42: the number of visits was taken for a small count, and both columns were blank."""
    person = acting("x", "analyst")
    visits = "SELECT patient_key, count(*) AS visits FROM fact_encounter GROUP BY 1"
    sql = f"SELECT visits, count(*) AS patients FROM ({visits}) GROUP BY visits ORDER BY visits"
    answer = sql_queries.run(person, sql)
    safe, _ = sql_queries.safe_to_share(person, answer)
    assert safe["visits"].to_list() == answer.frame["visits"].to_list()
    assert safe["visits"].notna().all()


STAYS = (
    "(VALUES ('a', 5), ('b', 40), ('c', 50), ('d', 60)) AS t (k, times), unnest(sequence(1, times)) AS u (x)"
)
TYPES = {
    "double": "avg(x)",
    "decimal": "sum(CAST(x AS decimal(12, 2)))",
    "timestamp": "max(TIMESTAMP '2025-01-01 00:00:00' + x * INTERVAL '1' DAY)",
    "date": "max(DATE '2025-01-01')",
    "varchar": "max(k)",
    "boolean": "count(*) < 100",
    "array": "array_agg(x)",
    "an aggregate that nobody here knows": "geometric_mean(x)",
    "a count that is a decimal": "sum(CASE WHEN x > 0 THEN 1.0 ELSE 0 END)",
    "a count that is a text": "CAST(count(*) AS varchar)",
}


@pytest.mark.parametrize("figure", TYPES.values(), ids=TYPES)
def test_of_a_small_group_no_figure_of_any_type_is_shared(acting, figure):
    ann = acting("ann", "analyst")
    people = "(SELECT count(*) AS none FROM fact_encounter WHERE admitted_at IS NULL)"
    sql = (
        f"SELECT k, ARRAY[1, 2] AS list, count(*) AS n, {figure} FROM {STAYS}, {people} GROUP BY k ORDER BY k"
    )
    answer = sql_queries.run(ann, sql, "r1")
    seen, _ = sql_queries.safe_to_share(ann, answer)
    assert seen["k"].to_list() == ["a", "b", "c", "d"]
    for name in seen.columns[2:]:
        assert seen[name].isna().to_list() == [True, True, False, False], name
        assert seen[name][2:].to_list() == answer.frame[name][2:].to_list()


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_a_few_rows_about_people_are_shown_to_roles_that_may_open_rows_and_not_shared(
    acting, first_run, role
):
    sql = "SELECT admitted_at, department FROM fact_encounter WHERE encounter_key IS NOT NULL LIMIT 3"
    answer = sql_queries.run(acting("x", role), sql)
    assert len(answer.frame) == 3
    assert sql_queries.safe_to_share(acting("x", role), answer)[0] is None
