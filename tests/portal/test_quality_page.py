"""The quality page by AppTest over a held release: what each role sees, says and is refused."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from streamlit.testing.v1 import AppTest

import portal
from pipeline.reviews import log as review_log
from portal.core import pseudonyms
from portal.core.auth import User
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import service as runs
from portal.ui import cache, drafts, session
from portal.ui.quality import failing_rows_table

PAGE = str(Path(portal.__file__).parent / "ui" / "app_pages" / "quality.py")
MISSING = ("patients", "PAT-M01")
"""The rule that holds the release: a patient without an identifier."""

pytestmark = pytest.mark.usefixtures("held_run")


@pytest.fixture
def open_page(held_run, monkeypatch):
    """Opens the page as somebody of a role; every call is a browser session of its own."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    _forget()

    def open_as(role="clinician", run=held_run.run_id, finding=MISSING):
        app = AppTest.from_file(PAGE, default_timeout=60)
        app.session_state["role"] = role
        app.query_params["run"] = run
        app.query_params["rule"] = ":".join(finding)
        return app.run()

    yield open_as
    _forget()


def _forget():
    session.process_context.clear()
    for cached in (
        cache.run,
        cache.recent_runs,
        cache.published,
        cache.history,
        cache.alerts,
        drafts.all_drafts,
    ):
        cached.clear()


@pytest.fixture
def as_another(monkeypatch):
    """For as long as it lasts, pages are drawn for another clinician."""

    @contextmanager
    def person():
        with monkeypatch.context() as there:
            there.setattr(session, "user", lambda: User("dr.lee", "clinician"))
            yield

    return person


@pytest.fixture
def query(acting, held_run):
    """An open query on the finding, closed when the test is over."""
    lee = acting("dr.lee", "clinician")
    opened = reviews.open_query(lee, held_run.run_id, *MISSING, "Which ward was it?", assignee="clinician")
    query_id = opened.subject["query_id"]
    yield query_id
    if _state_of(lee, query_id) != "closed":
        reviews.close(lee, query_id, "other", "The test is over.")


def _state_of(aws, query_id):
    return next(q.state for q in read_model.all_queries(read_model.log(aws)) if q.query_id == query_id)


def _press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def _press_key(app, key):
    app.button(key=key).click().run()
    assert not app.exception
    return app


def _said(app):
    kinds = (app.markdown, app.caption, app.success, app.info, app.warning, app.error)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def _table(app, column):
    return next(each.value for each in app.dataframe if column in each.value.columns)


def test_findings_come_with_count_denominator_rate_limit_and_change(open_page):
    app = open_page("analyst")
    table = _table(app, "What is checked")
    row = table[table["Rule"] == "PAT-M01"].iloc[0]
    assert (row["Failing"], row["What is counted"], row["Threshold"]) == (1, "patient records", "none")
    assert row["Severity"] == 0, "a rank, so that the column sorts by how serious it is"
    assert list(table["Severity"]) == sorted(table["Severity"])
    assert {m.label for m in app.metric} >= {
        "Rules passed",
        "Rules failed",
        "Rule errors",
        "Not applicable",
    }
    assert "1 of " in _said(app)
    assert "patient records fail" in _said(app)
    assert "Change since the previous run: ★ New." in _said(app)


def test_rules_are_ordered_by_change_or_by_number(open_page):
    app = open_page()
    app.segmented_control(key="order").set_value("Most failing").run()
    failing = list(_table(app, "What is checked")["Failing"])
    assert failing == sorted(failing, reverse=True)
    app.segmented_control(key="order").set_value("Change").run()
    changes = list(_table(app, "What is checked")["Change"])
    assert changes == sorted(changes)


def test_a_rule_says_what_to_do_and_gives_the_query_for_its_rows(open_page, portal):
    app = open_page()
    assert "**Likely cause and fix.**" in _said(app)
    assert "**Impact on analysis.**" in _said(app)
    sql = next(code.value for code in app.code if "quarantine_patients" in code.value)
    assert "contains(rule_ids, 'PAT-M01')" in sql
    limit = app.number_input(key="limit-PAT-M01").set_value(100.0).run()
    assert "would have failed **0** times" in _said(limit)


def test_an_analyst_sees_masked_rows_and_no_form(open_page):
    app = open_page("analyst", finding=("patients", "PAT-C01"))
    rows = _table(app, "birth_date")
    assert rows["birth_date"].iloc[0] == "••/••/••••", "how it is written, not the date"
    assert list(rows.columns[:2]) == ["row", "birth_date"], "the failing field first"
    assert "ISO 8601" in rows["expected"].iloc[0]
    assert rows["patient_id"].iloc[0] == "•••"
    assert rows["row"].iloc[0].startswith("row ")
    labels = {button.label for button in app.button}
    assert not labels & {
        "Unmask patient identifiers",
        "Raise a query",
        "Save the decision",
        "Approve and sign …",
    }


def test_one_record_is_unmasked_with_a_reason_that_is_written_down(open_page, portal, held_run):
    finding = ("patients", "PAT-C01")
    app = open_page(finding=finding)
    assert "Select one row to unmask its record." in _said(app)
    _choose_rows(app, portal, held_run, [0])
    key = "patients-PAT-C01-0"
    _press_key(app, f"unmask-{key}")
    assert "A reason for access is required" in _said(app)
    app.text_input(key=f"why-{key}").set_value("to call the ward")
    _press_key(app, f"unmask-{key}")
    record = app.table[0].value.set_index("Field")["Value"]
    assert (record["row"], record["birth_date"]) == ("Q2", "03/09/1984")
    assert _table(app, "birth_date")["birth_date"].iloc[0] == "••/••/••••", "the table stays masked"
    last = read_model.log(portal).events[-1]
    assert (last.kind, last.by, last.payload) == (
        "rows_unmasked",
        "clinician@tester",
        {"why": "to call the ward", "rows": 1, "row_hash": _label(portal, "Q2")},
    )
    other = open_page("analyst", finding=finding)
    _choose_rows(other, portal, held_run, [0])
    assert not other.table, "it was shown to one person alone"


@pytest.fixture
def none_left_open(acting, held_run):
    """Closes what a test has asked, also where the test ended early."""
    lee = acting("dr.lee", "clinician")
    before = {query.query_id for query in read_model.of_run(lee, held_run.run_id).open_queries}
    yield
    for query in read_model.of_run(lee, held_run.run_id).open_queries:
        if query.query_id not in before:
            reviews.close(lee, query.query_id, "other", "The test is over.")


def _label(portal, key):
    [label] = pseudonyms.labels(portal, "patients", [key])
    return label


def _choose_rows(app, portal, run, numbers):
    """As clicks in the table of failing rows of PAT-C01 do."""
    version = signatures.version(portal, run.run_id)
    key = f"rows-{run.run_id}-{version}-patients-PAT-C01"
    app.session_state[key] = {"selection": {"rows": numbers, "columns": [], "cells": []}}
    app.run()
    assert not app.exception


@pytest.mark.usefixtures("none_left_open")
def test_a_query_about_a_chosen_row_goes_from_open_to_closed_and_back(open_page, portal, held_run):
    finding = ("patients", "PAT-C01")
    app = open_page(finding=finding)
    _choose_rows(app, portal, held_run, [0, 40])  # 40 was chosen while there were more
    assert "about 1 selected record" in _said(app)
    app.text_area(key=f"ask-{held_run.run_id}-patients-PAT-C01").set_value(
        "Is this March or September?"
    ).run()
    _press(app, "Raise a query")
    assert "The query was raised." in _said(app)
    made = read_model.all_queries(read_model.log(portal))
    made = next(q for q in made if q.question == "Is this March or September?")
    assert made.rows == (_label(portal, "Q2"),)
    failing, about, *_ = (each.value for each in app.dataframe if "birth_date" in each.value)
    assert about["row"].tolist() == failing["row"].tolist()[:1], "the query shows its row"
    assert about["birth_date"].tolist() == ["••/••/••••"]

    reply = f"reply-{made.query_id}"
    app.text_area(key=reply).set_value("September.").run()
    _press_key(app, f"answer-{made.query_id}")
    assert _state_of(portal, made.query_id) == "answered"
    app.text_area(key=reply).set_value("Who says so?").run()
    _press_key(app, f"return-{made.query_id}")
    assert _state_of(portal, made.query_id) == "open"
    app.text_input(key=f"assignee-{made.query_id}").set_value("registration").run()
    _press_key(app, f"assign-{made.query_id}")
    app.text_area(key=reply).set_value("The ward has looked it up.").run()
    app.selectbox(key=f"why-{made.query_id}").set_value("source_corrected").run()
    _press_key(app, f"close-{made.query_id}")
    closed = next(q for q in read_model.all_queries(read_model.log(portal)) if q.query_id == made.query_id)
    assert (closed.state, closed.assignee) == ("closed", "registration")
    assert closed.events[-1].payload["reason"] == "source_corrected"
    app.text_area(key=reply).set_value("It came again.").run()
    _press_key(app, f"reopen-{made.query_id}")
    assert _state_of(portal, made.query_id) == "open"
    app.text_area(key=reply).set_value("Enough.").run()
    app.selectbox(key=f"why-{made.query_id}").set_value("other").run()
    _press_key(app, f"close-{made.query_id}")


def test_the_second_reviewer_is_told_what_changed_however_slowly_they_type(open_page, query, as_another):
    first = open_page()
    with as_another():
        second = open_page()
    first.text_area(key=f"reply-{query}").set_value("Ward 4, a power cut.").run()
    _press_key(first, f"answer-{query}")
    with as_another():
        reply = second.text_area(key=f"reply-{query}").set_value("A long answer")
        reply.run()  # leaving the field draws the page, with what the first one wrote
        second.segmented_control(key="show").set_value("All rules").run()
        _press_key(second, f"answer-{query}")
        assert "made a change at the same time" in second.error[0].value
        assert "Ward 4, a power cut" in second.error[0].value
        assert second.text_area(key=f"reply-{query}").value == "A long answer"
        _press_key(second, f"answer-{query}")
        assert "was answered" in _said(second), "told once, sending again is an answer to that too"
        assert second.text_area(key=f"reply-{query}").value == ""


def test_another_tab_takes_neither_what_was_typed_nor_what_is_news_to_it(open_page, query, as_another):
    name = f"reply-{query}"
    with as_another():
        tab, other = open_page(), open_page()
        tab.text_area(key=name).set_value("A long answer").run()
    first = open_page()
    first.text_area(key=name).set_value("Ward 4, a power cut.").run()
    _press_key(first, f"answer-{query}")
    with as_another():
        other.segmented_control(key="show").set_value("All rules").run()
        assert open_page().text_area(key=name).value == "A long answer"
        _press_key(tab, f"answer-{query}")
        assert "made a change at the same time" in tab.error[0].value


def test_what_a_browser_brings_to_a_new_session_is_kept(open_page, query):
    app = open_page()
    app.text_area(key=f"reply-{query}").set_value("Half an answer").run()
    del app.session_state[f"reply-{query}-mine"]  # the portal was restarted, the browser was not
    app.run()
    assert not app.exception
    assert app.text_area(key=f"reply-{query}").value == "Half an answer"


def test_what_was_typed_is_kept_where_the_drawing_ends_before_the_form(open_page, query, monkeypatch):
    """A session that ended during a rerun of the page lost what had been typed."""
    app = open_page()
    app.text_area(key=f"reply-{query}").set_value("Half an answer")

    def busy(*_):
        raise ServiceError("AWS is busy.")

    with monkeypatch.context() as there:
        there.setattr(read_model, "of_run", busy)
        app.run()
    assert not app.text_area
    assert open_page().text_area(key=f"reply-{query}").value == "Half an answer"


def test_what_is_typed_and_sent_by_one_click_is_not_there_again(open_page, query):
    app = open_page()
    app.text_area(key=f"reply-{query}").set_value("Ward 4.")
    _press_key(app, f"answer-{query}")
    assert app.text_area(key=f"reply-{query}").value == ""
    assert open_page().text_area(key=f"reply-{query}").value == ""


def test_what_was_typed_is_there_again_after_a_look_at_another_rule(open_page, query):
    app = open_page()
    app.text_area(key=f"reply-{query}").set_value("Half an ans").run()
    app.selectbox(key="open-rule").set_value(("patients", "PAT-C01")).run()
    app.selectbox(key="open-rule").set_value(MISSING).run()
    assert app.text_area(key=f"reply-{query}").value == "Half an ans"


def test_what_aws_refuses_is_one_sentence_and_loses_nothing(open_page, query, monkeypatch):
    app = open_page()
    app.text_area(key=f"reply-{query}").set_value("An answer").run()

    def refused(*_, **__):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(review_log, "append", refused)
        _press_key(app, f"answer-{query}")
    assert "AWS returned AccessDenied: no" in app.error[0].value
    assert app.text_area(key=f"reply-{query}").value == "An answer"


def test_a_half_written_comment_outlives_a_reload_until_it_is_sent_for_its_writer_and_run_alone(
    open_page, as_another, held_run
):
    key = f"decide-{held_run.run_id}-patients-PAT-M01"  # of this run: another's form has another key
    open_page().text_area(key=key).set_value("The ward says").run()
    with as_another():
        assert open_page().text_area(key=key).value == ""
    app = open_page()
    assert app.text_area(key=key).value == "The ward says"
    app.segmented_control(key=f"decision-{drafts.about(held_run.run_id, MISSING)}").set_value(
        "must_fix"
    ).run()
    _press(app, "Save the decision")
    assert open_page().text_area(key=key).value == ""


def test_no_decision_and_no_reason_is_preset(open_page, held_run):
    app = open_page()
    name = drafts.about(held_run.run_id, MISSING)
    app.text_area(key=f"decide-{name}").set_value("A comment.").run()
    assert app.segmented_control(key=f"decision-{name}").value is None
    _press(app, "Save the decision")
    assert "Select a decision first" in _said(app)
    app.segmented_control(key=f"decision-{name}").set_value("accept").run()
    assert app.selectbox(key=f"reason-{name}").value is None
    _press(app, "Save the decision")
    assert "Select a reason" in _said(app)
    app.text_area(key=f"decide-{name}").set_value("").run()


@pytest.mark.usefixtures("none_left_open")
def test_accepting_takes_what_the_form_holds_at_the_click(open_page, portal, acting, held_run):
    app = open_page()
    name = drafts.about(held_run.run_id, MISSING)
    app.text_area(key=f"decide-{name}").set_value("One row, known to the ward.").run()
    app.segmented_control(key=f"decision-{name}").set_value("accept").run()
    app.selectbox(key=f"reason-{name}").set_value("known_limitation").run()
    app.number_input(key=f"margin-{name}").set_value(7.5)  # no drawing between this and the click
    _press(app, "Save the decision")
    try:
        made = read_model.of_run(portal, held_run.run_id).accepted[MISSING]
        assert made.margin == pytest.approx(0.075)
        assert f"Accepted until {made.until}" in _said(app)
        app.text_area(key=f"decide-{name}").set_value("On second thoughts.").run()
        _press(app, "Withdraw the acceptance")
        assert MISSING not in read_model.of_run(portal, held_run.run_id).accepted
    finally:
        if MISSING in read_model.of_run(portal, held_run.run_id).accepted:
            reviews.withdraw(acting("dr.lee", "clinician"), held_run.run_id, *MISSING, "The test is over.")
    app.segmented_control(key=f"decision-{name}").set_value("must_fix").run()
    app.text_area(key=f"decide-{name}").set_value("It must be put right.").run()
    _press(app, "Save the decision")
    assert "marked it: must be fixed" in _said(app).replace("\\", "")
    assert MISSING in {
        (query.table_name, query.rule_id) for query in read_model.of_run(portal, held_run.run_id).open_queries
    }


def test_a_chosen_row_is_verified_as_true_and_taken_back(open_page, portal, held_run):
    finding = ("patients", "PAT-C01")
    app = open_page(finding=finding)
    _choose_rows(app, portal, held_run, [0, 40])  # 40 was chosen while there were more
    app.text_area(key=f"decide-{held_run.run_id}-patients-PAT-C01").set_value("The ward says so.").run()
    _press(app, "Confirm 1 record as correct")
    assert len(read_model.of_run(portal, held_run.run_id).accepted_rows[finding]) == 1
    assert "clinician@tester confirmed 1 row as correct" in _said(app).replace("\\", "")
    app.text_area(key=f"decide-{held_run.run_id}-patients-PAT-C01").set_value(
        "It was September after all."
    ).run()
    _press(app, "Undo the confirmation of 1")
    assert finding not in read_model.of_run(portal, held_run.run_id).accepted_rows


def test_the_work_list_sorts_queries_out_and_names_no_record(open_page, query, acting, held_run, portal):
    lee = acting("dr.lee", "clinician")
    rows = reviews.open_query(lee, held_run.run_id, "patients", "PAT-C01", "Which?", rows=["Q2"])
    try:
        app = open_page()
        listed = _table(app, "Days open").set_index("Query")
        assert listed.loc[query, ["Record", "Assignee", "Days open", "Comments"]].tolist() == [
            "the whole finding",
            "clinician",
            0,
            1,
        ]
        about = listed.loc[rows.subject["query_id"]]
        assert about["Record"] == _label(portal, "Q2")
        assert about["Value"] == "•••"
        assert "birth_date" in about["Field"]
        assert "Q2" not in listed.astype(str).to_numpy().ravel().tolist()
        app.segmented_control(key="work").set_value("Assigned to me").run()
        mine = _table(app, "Days open")
        assert query in set(mine["Query"])
        assert set(mine["Assignee"]) == {"clinician"}
        app.segmented_control(key="work").set_value("Due").run()
        assert "No queries." in _said(app)
    finally:
        reviews.close(lee, rows.subject["query_id"], "other", "The test is over.")
    app.segmented_control(key="work").set_value("Closed").run()
    assert rows.subject["query_id"] in set(_table(app, "Days open")["Query"])


def _decide_all(aws, run_id, *kept):
    """Dismiss what bars an approval, and close every query but those `kept`."""
    for query in read_model.of_run(aws, run_id).open_queries:
        if query.query_id not in kept:
            reviews.close(aws, query.query_id, "other", "For the test.")
    for finding in sign_off.outstanding(
        aws, read_model.of_run(aws, run_id), releases.get(aws, run_id)
    ).barring:
        reviews.dismiss(aws, run_id, *finding.key, "For the test.")


def test_the_sign_off_lists_what_bars_it_and_offers_no_approval(open_page, acting, held_run, portal):
    lee = acting("dr.lee", "clinician")
    _decide_all(lee, held_run.run_id)
    reviews.reject(lee, held_run.run_id, *MISSING, "It must be fixed.")
    app = open_page()
    assert "1 finding prevents approval" in _said(app)
    listed = _table(app, "Decision")
    assert listed[["Decision", "Rule"]].to_numpy().tolist() == [["Must be fixed", "PAT-M01"]]
    assert "open query prevents approval" in _said(app)
    assert app.button(key=f"approve-{held_run.run_id}").disabled
    assert not app.button(key=f"reject-{held_run.run_id}").disabled
    _decide_all(lee, held_run.run_id)


def test_a_signature_is_confirmed_over_the_undecided_findings(
    open_page, acting, held_run, portal, on_its_base
):
    run_id = held_run.run_id
    _decide_all(acting("dr.lee", "clinician"), run_id)
    app = open_page()
    app.text_area(key=f"sign-{run_id}").set_value("Seen by me.").run()
    app.button(key=f"approve-{run_id}").click().run()
    undecided = sign_off.outstanding(
        portal, read_model.of_run(portal, run_id), releases.get(portal, run_id)
    ).undecided
    assert undecided, "else this test shows nothing"
    assert f"{len(undecided)} findings are undecided" in _said(app)
    assert app.button(key=f"confirm-{run_id}").disabled
    app.checkbox(key=f"seen-{run_id}").check().run()
    assert not app.button(key=f"confirm-{run_id}").disabled
    app.button(key=f"approve-{run_id}").click().run()
    assert app.button(key=f"confirm-{run_id}").disabled, "each confirmation is one of its own"
    app.checkbox(key=f"seen-{run_id}").check().run()
    app.button(key=f"confirm-{run_id}").click().run()
    assert not app.exception
    signature = read_model.of_run(portal, run_id).signature
    assert (signature.by, signature.verdict, signature.is_valid) == ("clinician@tester", "approve", True)
    last = read_model.log(portal).events[-1]
    assert len(last.payload["undecided"]) == len(undecided)
    sign_off.sign(
        acting("dr.lee", "clinician"),
        on_its_base,
        "approve",
        "The base stays.",
        confirmed=_code(acting("dr.lee", "clinician"), on_its_base),
    )


def _code(aws, run_id):
    return sign_off.outstanding(aws, read_model.of_run(aws, run_id), releases.get(aws, run_id)).code


def _sign(app, run_id, verdict, comment):
    app.text_area(key=f"sign-{run_id}").set_value(comment).run()
    app.button(key=f"{verdict}-{run_id}").click().run()
    app.button(key=f"confirm-{run_id}").click().run()
    assert not app.exception
    return app


def test_who_started_the_run_cannot_sign_it(open_page, held_run, portal, monkeypatch):
    starter = runs.plan(portal, held_run.run_id)["started_by"]
    monkeypatch.setenv("HDP_ROLE_CHOICE", "false")
    monkeypatch.setenv("HDP_USER", starter)
    monkeypatch.setenv("HDP_ROLE", "clinician")
    _forget()
    app = _sign(open_page(), held_run.run_id, "reject", "My own run.")
    assert f"{starter} started run" in _said(app)
    assert "Another person must sign" in _said(app)
    assert app.text_area(key=f"sign-{held_run.run_id}").value == "My own run."


def test_what_was_made_anew_since_the_page_was_drawn_is_not_signed(open_page, held_run, monkeypatch):
    app = open_page()
    run_id = held_run.run_id
    app.text_area(key=f"sign-{run_id}").set_value("Fine.").run()
    app.button(key=f"reject-{run_id}").click().run()
    monkeypatch.setattr(signatures, "fingerprint", lambda *_: "another")
    app.button(key=f"confirm-{run_id}").click().run()
    assert "was rebuilt after this page was loaded" in _said(app)


def test_an_event_altered_by_hand_is_told_and_nothing_can_be_signed(
    open_page, cloud, query, acting, held_run
):
    file = sorted((cloud.state / "s3" / "hdp-quality" / "reviews").glob("0*.json"))[-1]
    kept = file.read_text()
    document = json.loads(kept)
    document["payload"]["text"] = "Something else was asked."
    file.write_text(json.dumps(document))
    try:
        app = open_page()
        assert any("Audit trail integrity check failed" in error.value for error in app.error)
        assert "Signing is disabled, because the integrity check of the audit trail failed." in _said(app)
        assert not any(button.label == "Approve and sign …" for button in app.button)
        with pytest.raises(ServiceError, match="integrity check failed"):
            reviews.reject(acting("dr.lee", "clinician"), held_run.run_id, *MISSING, "Nothing may follow it.")
    finally:
        file.write_text(kept)


def test_the_trend_counts_the_runs_before(open_page):
    app = open_page()
    charts = [each for each in app.get("plotly_chart") if "PAT-M01" in each.proto.alt]
    assert charts, "the rule's history is told in words too"
    app.segmented_control(key="trend-by").set_value("By table and category").run()
    assert any("by table and category" in each.proto.alt for each in app.get("plotly_chart"))


@pytest.mark.parametrize("name", ["run-nowhere", "../run"])
def test_a_run_without_results_is_said_not_passed_over(open_page, name):
    app = open_page(run=name)
    assert any(f"{name} has no results to review" in warning.value for warning in app.warning)


def test_a_run_older_than_those_listed_can_be_reviewed(open_page, held_run, monkeypatch):
    newer = [run for run in cache.recent_runs(500) if run.run_id != held_run.run_id]
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(cache, "recent_runs", lambda _: newer)
        app = open_page()
    assert app.selectbox[0].value == held_run.run_id
    assert not any("has no results to review" in warning.value for warning in app.warning)


def test_the_export_says_where_its_rows_come_from(portal, held_run):
    finding = ("patients", "PAT-C01")
    rows = quality.failing_rows(portal, held_run.run_id, *finding)
    text = failing_rows_table.export(rows, held_run.run_id, finding)
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert head[0] == f"# run: {held_run.run_id}"
    assert "PAT-C01 of patients" in head[1]
    assert "1, masked" in head[3]
    assert "1984" not in text
