"""What a page is given to show: changes since the last run, the scorecard, masked rows, the report."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from pipeline.contracts import all_contracts, load
from portal.components import findings
from portal.services import quality, releases, report, review_log, reviews
from portal.services.aws import ServiceError


def _results(*rows):
    columns = ["table_name", "rule_id", "status", "rate", "category"]
    return pd.DataFrame([(*row, "completeness")[:5] for row in rows], columns=columns)


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (("pass", 0.0), ("fail", 0.1), "new"),
        (None, ("fail", 0.1), "new"),
        (("not_applicable", None), ("fail", 0.1), "new"),
        (("fail", 0.1), ("fail", 0.2), "worse"),
        (("fail", 0.2), ("fail", 0.1), "better"),
        (("fail", 0.1), ("fail", 0.1), "still there"),
        (("fail", 0.1), ("error", None), "still there"),
        (("fail", 0.1), ("pass", 0.0), "resolved"),
        (("error", None), ("not_applicable", None), "resolved"),
        (("pass", 0.0), ("pass", 0.0), "stable"),
    ],
)
def test_the_change_since_the_last_run(before, now, change):
    former = _results(("patients", "PAT-C01", *before)) if before else _results()
    assert list(quality.changes(_results(("patients", "PAT-C01", *now)), former)) == [change]


def test_what_did_not_apply_counts_neither_way():
    frame = _results(
        ("patients", "A", "pass", 0.0),
        ("patients", "B", "fail", 0.5),
        ("patients", "C", "not_applicable", None),
    )
    assert quality.scorecard(frame).loc["patients", "completeness"] == 0.5


@pytest.mark.parametrize(
    ("rate", "unit", "text"),
    [
        (0.0, "percent", "0.00 %"),
        (0.00001, "percent", "under 0.01 %"),
        (0.1234, "percent", "12.34 %"),
        (0.314, "psi", "0.31"),
        (None, "percent", "–"),
    ],
)
def test_a_count_above_zero_is_never_shown_as_no_percent(rate, unit, text):
    assert findings.share(rate, unit) == text


def test_refused_rows_are_masked_until_a_clinician_asks(portal, acting, held_run):
    masked = quality.failing_rows(portal, held_run.run_id, "patients", "PAT-C01")
    assert len(masked) == 1
    assert re.fullmatch("row [0-9a-f]{8}", masked["row"].iloc[0])
    assert masked["birth_date"].iloc[0] == "•••"
    assert not masked.astype(str).apply(lambda column: column.str.contains("Q2|1984")).any().any()
    with pytest.raises(ServiceError, match="may not see who a patient is"):
        quality.identified_rows(portal, held_run.run_id, "patients", "PAT-C01")
    clinician = acting("dr.lee", "clinician")
    whole = quality.identified_rows(clinician, held_run.run_id, "patients", "PAT-C01")
    assert (whole["row"].iloc[0], whole["birth_date"].iloc[0]) == ("Q2", "03/09/1984")


def test_loaded_rows_that_fail_a_warning_are_found_in_silver(acting, held_run, portal):
    results = quality.results(portal, held_run.run_id)
    found = results[(results["zone"] == "silver") & (results["failed"] > 0) & (results["level"] == "row")]
    row = found[~found["severity"].isin(["error", "block"])].iloc[0]
    clinician = acting("dr.lee", "clinician")
    rows = quality.identified_rows(clinician, held_run.run_id, row["table_name"], row["rule_id"])
    kept_apart = quality.quarantined(portal, held_run.run_id, row["table_name"])
    refused = set(kept_apart[kept_apart["disposition"] == "refused"]["record_key"])
    assert set(rows["row"]) == set(row["sample_keys"]) - refused
    assert len(rows)


def test_masking_leaves_only_columns_without_a_class():
    contract = load("silver", "patients")
    row = {column.name: "x" for column in contract.columns} | {"row": "P1", "surprise": "secret"}
    masked = quality.mask(pd.DataFrame([row]), contract, "salt")
    shown = {name for name in masked if masked[name].iloc[0] == "x"}
    assert shown == {column.name for column in contract.columns if column.classification == "none"}
    assert masked["surprise"].iloc[0] == "•••"


@pytest.mark.parametrize("name", ["x' OR 1=1", "run id", ""])
def test_an_id_that_is_none_reaches_no_query(portal, name):
    with pytest.raises(ServiceError, match="is no id"):
        quality.results(portal, name)


def test_the_report_is_whole_and_carries_no_row(portal, held_run):
    made = releases.get(portal, held_run.run_id)
    results = quality.results(portal, held_run.run_id)
    page = report.html(made, results, review_log.of_run(portal, held_run.run_id))
    assert page.count("<tr>") >= len(results)
    assert "was held by the audit for review" in page
    assert "Signed by" in page or "Not signed." in page
    for secret in ("Q2", "03/09/1984", "R2"):
        assert f">{secret}<" not in page


def test_what_reviewers_write_cannot_become_markup(portal, acting, held_run):
    lee = acting("dr.lee", "clinician")
    event = reviews.open_query(lee, held_run.run_id, "patients", "PAT-M01", "<script>alert(1)</script>")
    try:
        review = review_log.of_run(portal, held_run.run_id)
        page = report.html(
            releases.get(portal, held_run.run_id), quality.results(portal, held_run.run_id), review
        )
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
    finally:
        reviews.close(lee, event.subject["query_id"], "other", "The test is over.")


def test_stored_measures_are_judged_again_by_other_limits(portal, held_run, monkeypatch):
    frame = quality.results(portal, held_run.run_id)
    assert (quality.rescored(frame)["status"] == frame["status"]).all()
    failed = frame[(frame["status"] == "fail") & (frame["rate"] > 0)].iloc[0]
    lenient = [
        replace(
            c, rules=tuple(replace(r, threshold=1e9) if r.id == failed["rule_id"] else r for r in c.rules)
        )
        for c in all_contracts()
    ]
    monkeypatch.setattr(quality, "all_contracts", lambda: tuple(lenient))
    again = quality.rescored(frame)
    moved = again[again["status"] != frame["status"]]
    assert set(moved["rule_id"]) == {failed["rule_id"]}
    assert set(moved["status"]) == {"pass_with_failures"}


def test_the_scorecard_over_runs_counts_what_applied(portal, first_run, held_run):
    runs = [first_run.run_id, held_run.run_id]
    card = quality.trend(quality.history(portal, runs), runs)
    assert list(card.columns) == runs
    alone = quality.scorecard(quality.results(portal, held_run.run_id))
    for (table, kind), share in card[held_run.run_id].dropna().items():
        assert share == alone.loc[table, kind]
