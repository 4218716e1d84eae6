"""Decisions on the quality page: none is preset, and each can be taken back."""

from __future__ import annotations

import pytest

from portal.reviews import commands as reviews
from portal.reviews import read_model
from portal.ui import drafts
from tests.support.held import FINDING as MISSING
from tests.support.quality_page import choose_rows, press, said, shown_table

pytestmark = pytest.mark.usefixtures("held_run")


def test_no_decision_and_no_reason_is_preset(open_page, held_run):
    app = open_page()
    name = drafts.about(held_run.run_id, MISSING)
    app.text_area(key=f"decide-{name}").set_value("A comment.").run()
    assert app.segmented_control(key=f"decision-{name}").value is None
    press(app, "Save the decision")
    assert "Select a decision first" in said(app)
    app.segmented_control(key=f"decision-{name}").set_value("accept").run()
    assert app.selectbox(key=f"reason-{name}").value is None
    press(app, "Save the decision")
    assert "Select a reason" in said(app)
    app.text_area(key=f"decide-{name}").set_value("").run()


@pytest.mark.usefixtures("none_left_open")
def test_accepting_takes_what_the_form_holds_at_the_click(open_page, portal, acting, held_run):
    app = open_page()
    name = drafts.about(held_run.run_id, MISSING)
    app.text_area(key=f"decide-{name}").set_value("One row, known to the ward.").run()
    app.segmented_control(key=f"decision-{name}").set_value("accept").run()
    app.selectbox(key=f"reason-{name}").set_value("known_limitation").run()
    app.number_input(key=f"margin-{name}").set_value(7.5)  # no drawing between this and the click
    press(app, "Save the decision")
    try:
        made = read_model.of_run(portal, held_run.run_id).accepted[MISSING]
        assert made.margin == pytest.approx(0.075)
        assert f"Accepted until {made.until}" in said(app)
        app.text_area(key=f"decide-{name}").set_value("On second thoughts.").run()
        press(app, "Withdraw the acceptance")
        assert MISSING not in read_model.of_run(portal, held_run.run_id).accepted
    finally:
        if MISSING in read_model.of_run(portal, held_run.run_id).accepted:
            reviews.withdraw(acting("dr.lee", "clinician"), held_run.run_id, *MISSING, "The test is over.")
    app.segmented_control(key=f"decision-{name}").set_value("must_fix").run()
    app.text_area(key=f"decide-{name}").set_value("It must be put right.").run()
    press(app, "Save the decision")
    assert "marked it: must be fixed" in said(app).replace("\\", "")
    assert MISSING in {
        (query.table_name, query.rule_id) for query in read_model.of_run(portal, held_run.run_id).open_queries
    }


def test_a_chosen_row_is_verified_as_true_and_taken_back(open_page, portal, held_run):
    finding = ("patients", "PAT-C01")
    app = open_page(finding=finding)
    choose_rows(app, portal, held_run, [0, 40])  # 40 was chosen while there were more
    app.text_area(key=f"decide-{held_run.run_id}-patients-PAT-C01").set_value("The ward says so.").run()
    press(app, "Confirm 1 record as correct")
    assert len(read_model.of_run(portal, held_run.run_id).accepted_rows[finding]) == 1
    assert "clinician@tester confirmed 1 row as correct" in said(app).replace("\\", "")
    app.text_area(key=f"decide-{held_run.run_id}-patients-PAT-C01").set_value(
        "It was September after all."
    ).run()
    press(app, "Undo the confirmation of 1")
    assert finding not in read_model.of_run(portal, held_run.run_id).accepted_rows


@pytest.mark.usefixtures("none_left_open")
def test_several_findings_are_decided_together(open_page, portal, held_run):
    app = open_page()
    table = shown_table(app, "Finding")
    ticked = [n for n, outcome in enumerate(table["Outcome"]) if outcome == "✕ Failed"][:2]
    chosen = {(table["Table"][n], table["Rule"][n]) for n in ticked}
    seen = read_model.of_run(portal, held_run.run_id).seen
    app.session_state[f"findings-All findings-Harm-{seen}"] = {
        "selection": {"rows": ticked, "columns": [], "cells": []}
    }
    app.run()
    assert "2 findings selected" in said(app)
    key = f"bulk-{held_run.run_id}"
    app.text_area(key=key).set_value("Known to the ward.").run()
    press(app, "Apply to 2 findings")
    assert "Select a decision first" in said(app), "nothing is preselected"
    app.segmented_control(key=f"{key}-verdict").set_value("dismiss").run()
    press(app, "Apply to 2 findings")
    assert "Applied to 2 findings." in said(app)
    decided = read_model.of_run(portal, held_run.run_id).decided
    assert {finding for finding in chosen if decided[finding].kind == "finding_dismissed"} == chosen
    assert "2 findings selected" not in said(app), "the next decision begins with an empty selection"
