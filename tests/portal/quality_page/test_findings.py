"""Findings on the quality page: their numbers, their rows, and what of these a role is shown."""

from __future__ import annotations

import pytest

from portal.core.vocabulary import CHANGES, HARMS
from portal.quality import results as quality
from portal.reviews import read_model
from portal.ui import cache
from portal.ui.quality import failing_rows_table
from tests.support.quality_page import choose_rows, label_of, press_key, said, shown_table

pytestmark = pytest.mark.usefixtures("held_run")


def test_findings_are_sentences_with_records_share_and_harm_and_the_worst_come_first(open_page):
    app = open_page("analyst")
    table = shown_table(app, "Finding")
    row = table[table["Rule"] == "PAT-M01"].iloc[0]
    assert row["Finding"] == "1 patient has no identifier"
    assert (row["What is counted"], row["Harm"], row["Outcome"]) == (
        "patient records",
        "Attribution",
        "■ Blocks",
    )
    assert list(table["Outcome"]).index("■ Blocks") == 0, "what holds the release comes first"
    rest = table[table["Outcome"] != "■ Blocks"]["Harm"].map(list(HARMS.values()).index)
    assert list(rest) == sorted(rest)
    assert row["Share"] == "2.27 %"
    assert "patient records fail" in said(app)
    assert "Change since the previous run: ★ New." in said(app)


def test_all_rules_are_in_a_tab_with_their_numbers(open_page):
    app = open_page("analyst", tab="Rules")
    assert {m.label for m in app.metric} >= {
        "Rules passed",
        "Rules failed",
        "Rule errors",
        "Not applicable",
    }
    table = shown_table(app, "What is checked")
    row = table[table["Rule"] == "PAT-M01"].iloc[0]
    assert (row["Failing"], row["What is counted"], row["Threshold"]) == (1, "patient records", "none")
    assert row["Severity"] == 0, "a rank, so that the column sorts by how serious it is"
    app.segmented_control(key="trend-by").set_value("By table and category").run()
    assert any("by table and category" in each.proto.alt for each in app.get("plotly_chart"))


def test_the_charts_show_the_release_before_and_after(open_page):
    app = open_page(tab="Charts")
    table = shown_table(app, "Measure").set_index("Measure")
    assert list(table.columns) == ["Published release", "This release", "Change"]
    assert int(table.loc["Encounters", "This release"].replace(",", "")) > 0
    assert {each.proto.alt for each in app.get("plotly_chart")} == {
        "Encounters per month, before and after this release",
        "Administrations per month, before and after this release",
    }
    assert "[Encounters](app_pages/encounters.py)" in said(app)


def test_findings_are_ordered_by_change_or_by_number_and_filtered_to_undecided_ones(open_page):
    app = open_page()
    app.segmented_control(key="order").set_value("Most records").run()
    sentences = shown_table(app, "Finding")["Finding"]
    numbers = [int(text.split()[0].replace(",", "")) for text in sentences if text[0].isdigit()]
    assert numbers == sorted(numbers, reverse=True)
    app.segmented_control(key="order").set_value("Change").run()
    changes = [list(CHANGES.values()).index(each) for each in shown_table(app, "Finding")["Change"][1:]]
    assert changes == sorted(changes)
    app.segmented_control(key="show").set_value("To decide").run()
    assert set(shown_table(app, "Finding")["Decision"]) == {"Undecided"}


def test_a_rule_says_what_to_do_and_gives_the_query_for_its_rows(open_page, portal):
    app = open_page()
    assert "**Likely cause and fix.**" in said(app)
    assert "**Impact on analysis.**" in said(app)
    sql = next(code.value for code in app.code if "quarantine_patients" in code.value)
    assert "contains(rule_ids, 'PAT-M01')" in sql
    limit = app.number_input(key="limit-PAT-M01").set_value(100.0).run()
    assert "would have failed **0** times" in said(limit)


def test_an_analyst_sees_masked_rows_and_no_form(open_page):
    app = open_page("analyst", finding=("patients", "PAT-C01"))
    rows = shown_table(app, "birth_date")
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
    assert "Select one row to unmask its record." in said(app)
    choose_rows(app, portal, held_run, [0])
    key = "patients-PAT-C01-0"
    press_key(app, f"unmask-{key}")
    assert "A reason for access is required" in said(app)
    app.text_input(key=f"why-{key}").set_value("to call the ward")
    press_key(app, f"unmask-{key}")
    record = app.table[0].value.set_index("Field")["Value"]
    assert (record["row"], record["birth_date"]) == ("Q2", "03/09/1984")
    assert shown_table(app, "birth_date")["birth_date"].iloc[0] == "••/••/••••", "the table stays masked"
    last = read_model.log(portal).events[-1]
    assert (last.kind, last.by, last.payload) == (
        "rows_unmasked",
        "clinician@tester",
        {"why": "to call the ward", "rows": 1, "row_hash": label_of(portal, "Q2")},
    )
    other = open_page("analyst", finding=finding)
    choose_rows(other, portal, held_run, [0])
    assert not other.table, "it was shown to one person alone"


def test_the_history_of_a_rule_has_a_text(open_page):
    charts = [each for each in open_page().get("plotly_chart") if "PAT-M01" in each.proto.alt]
    assert charts, "the rule's history is told in words too"


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
