"""What is typed on the quality page is kept until it is sent, and is not there again after that."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipeline.reviews import log as review_log
from portal.core.errors import ServiceError
from portal.reviews import read_model
from portal.ui import drafts
from tests.support.held import FINDING as MISSING
from tests.support.quality_page import press, press_key

pytestmark = pytest.mark.usefixtures("held_run")


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
    press_key(app, f"answer-{query}")
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
        press_key(app, f"answer-{query}")
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
    press(app, "Save the decision")
    assert open_page().text_area(key=key).value == ""
