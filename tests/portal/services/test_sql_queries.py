"""The SQL page's history by person, saved queries, estimates; profiles; lineage."""

from __future__ import annotations

import pytest

from pipeline.contracts import load
from pipeline.contracts.lineage import downstream, upstream
from portal.services import profile, sql_queries, warehouse
from portal.services.aws import ServiceError


def test_a_person_sees_their_own_history_and_nobody_elses(acting, first_run):
    ann, bob = acting("ann", "analyst"), acting("bob", "analyst")
    warehouse.ask(ann, sql_queries.marked(ann, "SELECT 1 AS one"))
    with pytest.raises(ServiceError, match="Only SELECT"):
        warehouse.ask(ann, sql_queries.marked(ann, "DROP TABLE fact_encounter"))
    with pytest.raises(ServiceError, match="COLUMN_NOT_FOUND"):
        warehouse.ask(ann, sql_queries.marked(ann, "SELECT nothing FROM dim_time"))
    assert [(q.sql, q.state) for q in sql_queries.history(ann)] == [
        ("SELECT nothing FROM dim_time", "FAILED"),
        ("SELECT 1 AS one", "SUCCEEDED"),
    ]
    assert sql_queries.history(bob) == []


def test_a_comment_before_a_statement_hides_nothing(acting, first_run):
    ann = acting("ann", "analyst")
    with pytest.raises(ServiceError, match="not DELETE"):
        warehouse.ask(ann, "-- select\nDELETE FROM dim_time")
    assert len(warehouse.ask(ann, "-- what is there\nSHOW TABLES").frame) > 0


def test_saved_queries_are_everybodys_and_removed_by_their_author_or_an_engineer(acting):
    ann, bob, eve = acting("ann", "analyst"), acting("bob", "analyst"), acting("eve", "engineer")
    sql_queries.save(ann, "By class", "SELECT 1")
    with pytest.raises(ServiceError, match="already"):
        sql_queries.save(bob, "by class ", "SELECT 2")
    with pytest.raises(ServiceError, match="name of 1 to 100"):
        sql_queries.save(bob, "  ", "SELECT 2")
    (found,) = sql_queries.saved(bob)
    assert (found.name, found.sql, found.description) == ("By class", "SELECT 1", "Saved by ann")
    with pytest.raises(ServiceError, match="by somebody else"):
        sql_queries.remove(bob, found.query_id)
    sql_queries.remove(eve, found.query_id)
    assert sql_queries.saved(ann) == []


def test_the_estimate_is_no_less_than_what_is_scanned(portal, first_run):
    sql = "SELECT * FROM fact_encounter JOIN dim_diagnosis USING (diagnosis_key)"
    from portal.services.warehouse import table

    named = sql.replace("fact_encounter", table(portal, "fact_encounter", first_run.run_id)).replace(
        "dim_diagnosis", table(portal, "dim_diagnosis", first_run.run_id)
    )
    at_most = sql_queries.bytes_at_most(portal, sql, first_run.run_id)
    assert 0 < warehouse.ask(portal, named).scanned <= at_most
    assert sql_queries.bytes_at_most(portal, "SELECT 1", first_run.run_id) == 0


def test_a_profile_agrees_with_plain_queries_and_tells_no_text(portal, first_run):
    found = profile.of(portal, "fact_encounter", first_run.run_id).frame.set_index("column")
    assert list(found.index) == [c.name for c in load("gold", "fact_encounter").data_columns]
    table = warehouse.table(portal, "fact_encounter", first_run.run_id)
    row = warehouse.ask(
        portal,
        f"SELECT count(*) AS n, count(is_readmitted_30d) AS known, max(total_cost) AS most FROM {table} t",
    ).frame.iloc[0]
    assert found.loc["is_readmitted_30d", "empty"] == pytest.approx(1 - row["known"] / row["n"])
    assert float(found.loc["total_cost", "greatest"]) == float(row["most"])
    assert found.loc["department", "greatest"] is None


def test_lineage_goes_from_the_extract_to_the_fact():
    steps = {step.writes for step in upstream("gold.fact_encounter")}
    assert {"gold.fact_encounter", "silver.encounters", "gold.dim_patient", "silver.patients"} <= steps
    assert "gold.fact_medication_admin" not in steps
    assert {step.writes for step in downstream("bronze.patients")} >= {
        "silver.patients",
        "gold.dim_patient",
        "quality.rule_result",
    }
    assert upstream("bronze.patients") == ()
