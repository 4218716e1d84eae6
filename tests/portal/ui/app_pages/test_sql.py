"""The SQL page: asked, paged, charted, saved, taken from the history; its address; roles."""

from __future__ import annotations

import pytest

from portal.athena import sql_queries
from portal.ui import session, sharing
from tests.portal.ui.app_pages.conftest import parameter, press
from tests.support.links import PICTURE, assert_unlinked

ROWS = "SELECT a.date_key AS day, b.week_of_year AS week FROM dim_time a CROSS JOIN dim_time b LIMIT 250"
SMALL = "SELECT department, count(*) AS n FROM fact_encounter GROUP BY 1 ORDER BY 1"


@pytest.fixture
def page(filled_lake, as_role):
    """The SQL page as a role with the statement typed and asked."""

    def asked(role, sql):
        app = as_role("sql", role)
        app.text_area(key="sql").set_value(sql).run()
        return press(app, "Run")

    return asked


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_an_answer_is_shown_paged_and_charted(page, role):
    app = page(role, ROWS)
    assert not app.exception
    assert [e.value for e in app.error] == []
    assert len(app.dataframe[0].value) == 200
    app.number_input[0].set_value(2).run()
    assert len(app.dataframe[0].value) == 50
    assert app.get("plotly_chart")
    assert any("250 rows" in c.value and "As of Release " in c.value for c in app.caption)


def test_the_address_has_the_question_s_id_and_a_reload_shows_statement_and_answer(page, as_role):
    literal = "SELECT 'Maria Garcia' AS typed"
    app = page("analyst", literal)
    assert set(app.query_params) == {"asked"}
    assert "Garcia" not in str(dict(app.query_params))
    asked = parameter(app, "asked")
    again = as_role("sql", "analyst", asked=asked)
    assert again.text_area(key="sql").value == literal
    assert again.dataframe[0].value["typed"].to_list() == ["Maria Garcia"]
    other = as_role("sql", "clinician", asked=asked)
    assert any("belongs to someone else" in i.value for i in other.info)
    assert "Garcia" not in str([t.value for t in other.text_area])


def test_a_draft_outlives_a_refusal_and_a_reload(page, as_role):
    app = page("analyst", "SELECT * FROM hdp_silver.patients")
    assert "'hdp_silver.patients' not found" in app.error[0].value
    assert app.text_area(key="sql").value == "SELECT * FROM hdp_silver.patients"
    assert "asked" not in app.query_params
    assert as_role("sql", "analyst").text_area(key="sql").value == "SELECT * FROM hdp_silver.patients"
    assert "silver" not in as_role("sql", "engineer").text_area(key="sql").value


def test_what_athena_refuses_is_one_sentence_and_still_there_after_a_reload(page, as_role):
    app = page("analyst", "SELECT nothing FROM dim_time")
    assert app.error[0].value.startswith("Athena query failed: COLUMN_NOT_FOUND")
    again = as_role("sql", "analyst", asked=parameter(app, "asked"))
    assert again.error[0].value == app.error[0].value


def test_every_role_that_may_ask_sees_exact_counts_and_synthetic_data_need_no_toggle(page):
    for role in ("analyst", "clinician"):
        app = page(role, SMALL)
        assert (app.dataframe[0].value["n"] < 11).any()
        assert not app.toggle


def test_with_safe_to_share_on_rows_about_people_cannot_be_downloaded(page, monkeypatch):
    monkeypatch.setattr(sharing, "is_synthetic", lambda _: False)
    app = page("analyst", "SELECT department FROM fact_encounter LIMIT 3")
    assert app.toggle[0].value
    assert [b.proto.disabled for b in app.get("download_button")] == [True, True]
    app.toggle[0].set_value(False).run()
    assert [b.proto.disabled for b in app.get("download_button")] == [False, False]


def test_with_safe_to_share_on_the_exports_say_what_is_suppressed(page, monkeypatch):
    monkeypatch.setattr(sharing, "is_synthetic", lambda _: False)
    app = page("analyst", SMALL)
    assert any("values suppressed" in caption.value for caption in app.caption)


def test_looking_at_rule_results_shows_no_keys(filled_lake, as_role):
    app = as_role("sql", "analyst")
    app.button(key="look-rule_result").click().run()
    app = press(app, "Run")
    assert [e.value for e in app.error] == []
    assert "rule_id" in app.dataframe[0].value.columns
    assert "sample_keys" not in app.dataframe[0].value.columns


def test_a_statement_is_saved_taken_and_removed(page, as_role):
    app = page("analyst", "SELECT 7 AS seven")
    app.text_input[0].set_value("Seven").run()
    app = press(app, "Save")
    assert any("Seven" in m.value for m in app.markdown)
    other = as_role("sql", "clinician")
    other = press(other, "Use")
    assert other.text_area(key="sql").value == "SELECT 7 AS seven"
    refused = press(other, "Remove")
    assert "by another user" in refused.error[0].value
    press(as_role("sql", "engineer"), "Remove")
    assert not any("Seven" in m.value for m in as_role("sql", "analyst").markdown)


def test_the_name_of_a_saved_query_and_of_a_table_become_no_picture(page, as_role):
    ann = session.process_context().on_behalf_of(session.auth.User("ann", "analyst"))
    sql_queries.save(ann, PICTURE, "SELECT 8 AS eight")
    try:
        app = page("analyst", f'SELECT * FROM "{PICTURE}"')
        told = [each.value for each in (*app.markdown, *app.caption, *app.error) if "evil" in each.value]
        assert len(told) == 3
        for text in told:
            assert_unlinked(text)
    finally:
        for query in sql_queries.list_saved(ann):
            sql_queries.remove(ann, query.query_id)


def test_the_history_is_the_person_s_and_shows_an_answer_again(page, monkeypatch):
    app = page("analyst", "SELECT 41 AS first_one")
    earlier = parameter(app, "asked")
    app = page("analyst", "SELECT 42 AS second_one")
    person = session.process_context().on_behalf_of(
        session.auth.User(f"analyst@{session.process_context().settings.user}", "analyst")
    )
    assert [q.sql for q in sql_queries.history(person)][:2] == [
        "SELECT 42 AS second_one",
        "SELECT 41 AS first_one",
    ]
    app.session_state["history"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
    app = app.run()
    app = press(app, "Show result")
    assert parameter(app, "asked") == earlier
    assert app.dataframe[0].value["first_one"].to_list() == [41]
    assert app.text_area(key="sql").value == "SELECT 41 AS first_one"


def test_a_long_question_is_cancelled_and_asked_once_by_a_double_click(page):
    days = ", ".join(f"dim_time AS t{n}" for n in range(6))
    app = page("analyst", f"SELECT sum(t0.year + t5.year) AS n FROM {days}")
    asked = parameter(app, "asked")
    assert any("Running since" in i.value for i in app.info)
    app = press(app, "Run")
    assert parameter(app, "asked") == asked
    app = press(app, "Cancel").run()
    assert [e.value for e in app.error] == ["The query was cancelled."]


def test_a_viewer_is_told_who_may_ask(filled_lake, as_role):
    app = as_role("sql", "viewer")
    assert not app.exception
    assert not app.text_area
    assert "available to analysts, clinicians and engineers" in app.info[0].value


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_over_an_empty_lake_it_says_what_is_missing(empty_lake, as_role, role):
    app = as_role("sql", role)
    assert not app.exception
    assert not app.error
    assert "Nothing has been published yet." in app.info[0].value
