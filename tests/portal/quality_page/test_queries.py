"""Queries on the quality page: asked, answered and closed by several reviewers, and listed."""

from __future__ import annotations

import pytest

from portal.reviews import commands as reviews
from portal.reviews import read_model
from tests.support.quality_page import choose_rows, label_of, press, press_key, said, shown_table, state_of

pytestmark = pytest.mark.usefixtures("held_run")


@pytest.mark.usefixtures("none_left_open")
def test_a_query_about_a_chosen_row_goes_from_open_to_closed_and_back(open_page, portal, held_run):
    finding = ("patients", "PAT-C01")
    app = open_page(finding=finding)
    choose_rows(app, portal, held_run, [0, 40])  # 40 was chosen while there were more
    assert "about 1 selected record" in said(app)
    app.text_area(key=f"ask-{held_run.run_id}-patients-PAT-C01").set_value(
        "Is this March or September?"
    ).run()
    press(app, "Raise a query")
    assert "The query was raised." in said(app)
    made = read_model.all_queries(read_model.log(portal))
    made = next(q for q in made if q.question == "Is this March or September?")
    assert made.rows == (label_of(portal, "Q2"),)
    failing, about, *_ = (each.value for each in app.dataframe if "birth_date" in each.value)
    assert about["row"].tolist() == failing["row"].tolist()[:1], "the query shows its row"
    assert about["birth_date"].tolist() == ["••/••/••••"]

    reply = f"reply-{made.query_id}"
    app.text_area(key=reply).set_value("September.").run()
    press_key(app, f"answer-{made.query_id}")
    assert state_of(portal, made.query_id) == "answered"
    app.text_area(key=reply).set_value("Who says so?").run()
    press_key(app, f"return-{made.query_id}")
    assert state_of(portal, made.query_id) == "open"
    app.text_input(key=f"assignee-{made.query_id}").set_value("registration").run()
    press_key(app, f"assign-{made.query_id}")
    app.text_area(key=reply).set_value("The ward has looked it up.").run()
    app.selectbox(key=f"why-{made.query_id}").set_value("source_corrected").run()
    press_key(app, f"close-{made.query_id}")
    closed = next(q for q in read_model.all_queries(read_model.log(portal)) if q.query_id == made.query_id)
    assert (closed.state, closed.assignee) == ("closed", "registration")
    assert closed.events[-1].payload["reason"] == "source_corrected"
    app.text_area(key=reply).set_value("It came again.").run()
    press_key(app, f"reopen-{made.query_id}")
    assert state_of(portal, made.query_id) == "open"
    app.text_area(key=reply).set_value("Enough.").run()
    app.selectbox(key=f"why-{made.query_id}").set_value("other").run()
    press_key(app, f"close-{made.query_id}")


def test_the_second_reviewer_is_told_what_changed_however_slowly_they_type(open_page, query, as_another):
    first = open_page()
    with as_another():
        second = open_page()
    first.text_area(key=f"reply-{query}").set_value("Ward 4, a power cut.").run()
    press_key(first, f"answer-{query}")
    with as_another():
        reply = second.text_area(key=f"reply-{query}").set_value("A long answer")
        reply.run()  # leaving the field draws the page, with what the first one wrote
        second.segmented_control(key="order").set_value("Change").run()
        press_key(second, f"answer-{query}")
        assert "made a change at the same time" in second.error[0].value
        assert "Ward 4, a power cut" in second.error[0].value
        assert second.text_area(key=f"reply-{query}").value == "A long answer"
        press_key(second, f"answer-{query}")
        assert "was answered" in said(second), "told once, sending again is an answer to that too"
        assert second.text_area(key=f"reply-{query}").value == ""


def test_another_tab_takes_neither_what_was_typed_nor_what_is_news_to_it(open_page, query, as_another):
    name = f"reply-{query}"
    with as_another():
        tab, other = open_page(), open_page()
        tab.text_area(key=name).set_value("A long answer").run()
    first = open_page()
    first.text_area(key=name).set_value("Ward 4, a power cut.").run()
    press_key(first, f"answer-{query}")
    with as_another():
        other.segmented_control(key="order").set_value("Change").run()
        assert open_page().text_area(key=name).value == "A long answer"
        press_key(tab, f"answer-{query}")
        assert "made a change at the same time" in tab.error[0].value


def test_the_work_list_sorts_queries_out_and_names_no_record(open_page, query, acting, held_run, portal):
    lee = acting("dr.lee", "clinician")
    rows = reviews.open_query(lee, held_run.run_id, "patients", "PAT-C01", "Which?", rows=["Q2"])
    try:
        app = open_page(tab="Queries")
        listed = shown_table(app, "Days open").set_index("Query")
        assert listed.loc[query, ["Record", "Assignee", "Days open", "Comments"]].tolist() == [
            "the whole finding",
            "clinician",
            0,
            1,
        ]
        about = listed.loc[rows.subject["query_id"]]
        assert about["Record"] == label_of(portal, "Q2")
        assert "Value" not in listed, "the table can be downloaded, so it has no value of a record"
        assert "birth_date" in about["Field"]
        assert "Q2" not in listed.astype(str).to_numpy().ravel().tolist()
        app.segmented_control(key="work").set_value("Assigned to me").run()
        mine = shown_table(app, "Days open")
        assert query in set(mine["Query"])
        assert set(mine["Assignee"]) == {"clinician"}
        app.segmented_control(key="work").set_value("Due").run()
        assert "No queries." in said(app)
    finally:
        reviews.close(lee, rows.subject["query_id"], "other", "The test is over.")
    app.segmented_control(key="work").set_value("Closed").run()
    assert rows.subject["query_id"] in set(shown_table(app, "Days open")["Query"])
