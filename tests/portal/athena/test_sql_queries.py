"""What people ask in SQL, by role; their history, saved queries and estimates."""

from __future__ import annotations

import pytest

from pipeline.contracts.model import load
from pipeline.releases.publish import view_refresher
from portal.athena import client as athena_client
from portal.athena import estimates, sql_queries
from portal.athena.running import RunningQueries
from portal.athena.sql_guard import Statement, queryable_tables
from portal.core.errors import ServiceError
from portal.releases import service as releases


def test_a_person_sees_their_own_history_as_typed_and_nobody_elses(acting, portal, first_run):
    """Two people of this test alone: the others' histories grow with each test."""
    ines, otto = acting("ines", "analyst"), acting("otto", "analyst")
    published = releases.current(portal).release_id
    typed = "-- how many\nSELECT 1 AS one,\r\n 'it''s' AS said -- | x"
    sql_queries.run(ines, typed)
    with pytest.raises(ServiceError, match="not DROP"):
        sql_queries.run(ines, "DROP TABLE fact_encounter")
    with pytest.raises(ServiceError, match="COLUMN_NOT_FOUND"):
        sql_queries.run(ines, "SELECT nothing FROM dim_time")
    assert [(q.sql, q.state, q.release_id) for q in sql_queries.history(ines)] == [
        ("SELECT nothing FROM dim_time", "FAILED", published),
        (typed.replace("\r", ""), "SUCCEEDED", published),
    ]
    assert sql_queries.history(otto) == []


def test_an_answer_is_given_again_to_who_asked_and_to_nobody_else(acting, portal, first_run):
    ann, bob = acting("ann", "analyst"), acting("bob", "analyst")
    query_id = sql_queries.start(ann, "SELECT count(*) AS days FROM dim_time", first_run.run_id)
    assert sql_queries.wait(ann, query_id, 30).state == "SUCCEEDED"
    answer = sql_queries.fetch_result(ann, query_id)
    assert (answer.sql, answer.release_id) == ("SELECT count(*) AS days FROM dim_time", first_run.run_id)
    assert answer.frame["days"].iloc[0] > 60
    own = athena_client.run_query(
        portal, f'SELECT * FROM "{portal.lake.database("quality")}"."rule_result" LIMIT 1'
    )
    for person, asked in [(bob, query_id), (ann, own.query_id), (ann, "nowhere"), (ann, "../x")]:
        for call in (sql_queries.fetch_result, sql_queries.cancel, sql_queries.get):
            with pytest.raises(ServiceError, match="You have no query"):
                call(person, asked)


def test_names_are_refused_to_every_role_in_every_way(acting, portal, first_run):
    silver = portal.lake.database("silver")
    for role in ("analyst", "clinician", "engineer"):
        person = acting("somebody", role)
        for name in (f'"{silver}"."patients"', f"{silver}.patients", "quality.quarantine_patients"):
            with pytest.raises(ServiceError, match="not found"):
                sql_queries.run(person, f"SELECT * FROM {name}")
        assert "sample_keys" not in sql_queries.run(person, "SELECT * FROM rule_result LIMIT 1").frame.columns
    first = f'SELECT * FROM "{silver}"."patients" LIMIT 1'
    with pytest.raises(ServiceError, match="Only the review role"):
        athena_client.run_query(portal, first)
    assert len(athena_client.run_query(portal.assume_review_role(), first).frame) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda aws: sql_queries.start(aws, "SELECT 1", "r"),
        lambda aws: sql_queries.run(aws, "SELECT 1", "r"),
        lambda aws: sql_queries.validate(aws, "SELECT 1", "r"),
        lambda aws: sql_queries.get(aws, "x"),
        lambda aws: sql_queries.fetch_result(aws, "x"),
        lambda aws: sql_queries.cancel(aws, "x"),
        sql_queries.history,
        sql_queries.list_saved,
        lambda aws: sql_queries.save(aws, "n", "SELECT 1"),
        lambda aws: sql_queries.remove(aws, "x"),
        lambda aws: estimates.estimate_scan(aws, Statement("", ""), "r"),
    ],
)
def test_a_viewer_may_not_ask(acting, call):
    with pytest.raises(ServiceError, match="cannot run SQL queries"):
        call(acting("vic", "viewer"))


def test_a_half_done_publish_shows_in_no_answer(acting, portal, first_run, on_its_base):
    """The views still point at one release while another is the published one.

    Names are those of the published.
    """
    ann = acting("ann", "analyst")
    view_sql = f'SELECT max(release_id) AS r FROM "{portal.lake.database("gold")}"."dim_time"'
    refresh = view_refresher(portal.client("athena"), portal.lake)
    refresh("a-release-that-was-killed-half-way")
    try:
        assert athena_client.run_query(portal, view_sql).frame["r"].isna().all()
        both = "SELECT max(d.release_id) AS d, max(f.release_id) AS f FROM dim_time d, fact_encounter f"
        assert sql_queries.run(ann, both).frame.to_dict("records") == [{"d": on_its_base, "f": on_its_base}]
    finally:
        refresh(on_its_base)


def test_a_held_release_is_seen_by_those_who_decide_on_it_alone(acting, held_run, on_its_base):
    sql = "SELECT DISTINCT release_id FROM gold_releases.dim_time"
    for role in ("clinician", "engineer"):
        assert held_run.run_id in set(sql_queries.run(acting("x", role), sql).frame["release_id"])
    seen = set(sql_queries.run(acting("x", "analyst"), sql).frame["release_id"])
    assert on_its_base in seen


@pytest.mark.parametrize("names", [("o'brien@h.org", "o_brien@h.org"), ("a b", "a%20b"), ("zoë", "zo_")])
def test_two_people_have_two_histories_however_their_names_are_written(acting, names):
    one, other = (acting(name, "analyst") for name in names)
    query_id = sql_queries.start(one, "SELECT 1 AS mine", "r1")
    assert [q.query_id for q in sql_queries.history(one)] == [query_id]
    assert sql_queries.history(other) == []
    with pytest.raises(ServiceError, match="You have no query"):
        sql_queries.get(other, query_id)


def test_a_question_that_runs_is_cancelled(acting, first_run):
    ann = acting("ann", "analyst")
    days = ", ".join(f"dim_time AS t{n}" for n in range(6))
    query_id = sql_queries.start(ann, f"SELECT sum(t0.year + t5.year) AS n FROM {days}", first_run.run_id)
    assert not sql_queries.wait(ann, query_id, 0.5).is_over
    with pytest.raises(ServiceError, match="still running"):
        sql_queries.fetch_result(ann, query_id)
    sql_queries.cancel(ann, query_id)
    assert sql_queries.wait(ann, query_id, 10).state == "CANCELLED"
    with pytest.raises(ServiceError, match="was cancelled"):
        sql_queries.fetch_result(ann, query_id)


def test_a_query_whose_page_was_closed_is_cancelled(acting, first_run, monkeypatch):
    seconds = iter([0.0, 0.0, 0.0, *[100.0] * 9])
    running = RunningQueries(lambda: next(seconds))
    monkeypatch.setattr(sql_queries, "RUNNING", running)
    ann = acting("ann", "analyst")
    days = ", ".join(f"dim_time AS t{n}" for n in range(6))
    query_id = sql_queries.start(ann, f"SELECT sum(t0.year + t5.year) AS n FROM {days}", first_run.run_id)
    assert not sql_queries.get(ann, query_id).is_over
    running.sweep()
    assert sql_queries.wait(ann, query_id, 10).state == "CANCELLED"


def test_an_error_names_the_place_in_the_sql_as_typed(acting, first_run):
    ann = acting("ann", "analyst")
    with pytest.raises(ServiceError, match=r"COLUMN_NOT_FOUND: line 2:3: Column 'nope' cannot be resolved"):
        sql_queries.run(ann, "SELECT date_key,\n  nope FROM dim_time", first_run.run_id)
    with pytest.raises(ServiceError, match=r"Invalid SQL: line 2:2: Function 'len' not registered\."):
        sql_queries.run(ann, "SELECT\n len('a')", first_run.run_id)


def test_a_type_that_cannot_be_shown_names_the_column_to_cast(acting, first_run):
    ann = acting("ann", "analyst")
    with pytest.raises(
        ServiceError, match=r"wait \(interval day to second\)\. Use CAST\(wait AS varchar\)\."
    ):
        sql_queries.run(ann, "SELECT 1 AS n, INTERVAL '2' DAY AS wait", first_run.run_id)


def test_what_there_is_is_told_from_the_contracts(acting, first_run):
    ann = acting("ann", "analyst")
    assert set(sql_queries.run(ann, "SHOW TABLES").frame["table_name"]) == set(queryable_tables())
    told = sql_queries.run(ann, "DESCRIBE fact_encounter").frame
    assert list(told["column_name"]) == [c.name for c in load("gold", "fact_encounter").columns]


def test_saved_queries_are_everybodys_and_removed_by_their_author_or_an_engineer(acting):
    ann, bob, eve = acting("ann", "analyst"), acting("bob", "analyst"), acting("eve", "engineer")
    sql_queries.save(ann, "By class", "SELECT 1")
    with pytest.raises(ServiceError, match="already"):
        sql_queries.save(bob, "by class ", "SELECT 2")
    with pytest.raises(ServiceError, match="name of 1 to 100"):
        sql_queries.save(bob, "  ", "SELECT 2")
    (found,) = sql_queries.list_saved(bob)
    assert (found.name, found.sql, found.description) == ("By class", "SELECT 1", "Saved by ann")
    with pytest.raises(ServiceError, match="by another user"):
        sql_queries.remove(bob, found.query_id)
    sql_queries.remove(eve, found.query_id)
    assert sql_queries.list_saved(ann) == []


def test_more_saved_queries_than_athena_gives_at_once_are_all_listed(acting):
    ann = acting("ann", "analyst")
    names = [f"Query {n:02}" for n in range(60)]
    for name in names:
        ann.client("athena").create_named_query(
            Name=name,
            Database=ann.lake.database("gold"),
            QueryString="SELECT 1",
            WorkGroup=ann.lake.workgroup,
        )
    found = sql_queries.list_saved(ann)
    for query in found:
        sql_queries.remove(acting("eve", "engineer"), query.query_id)
    assert [query.name for query in found] == names
    assert sql_queries.list_saved(ann) == []


def test_the_estimate_is_no_less_than_what_is_scanned(acting, first_run):
    ann = acting("ann", "analyst")
    sql = "SELECT * FROM fact_encounter JOIN dim_diagnosis USING (diagnosis_key)"
    at_most = estimates.estimate_scan(ann, sql_queries.validate(ann, sql, first_run.run_id), first_run.run_id)
    assert 0 < sql_queries.run(ann, sql, first_run.run_id).scanned <= at_most
    nothing = sql_queries.validate(ann, "SELECT 'fact_encounter'", first_run.run_id)
    assert estimates.estimate_scan(ann, nothing, first_run.run_id) == 0
