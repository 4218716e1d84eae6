"""What a page is given to show: changes since the last run, the scorecard, masked rows, the report."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.contracts.model import all_contracts, load
from pipeline.reviews.acceptances import Acceptance
from pipeline.reviews.events import Event
from pipeline.reviews.integrity import Log
from portal.athena import client as athena_client
from portal.cli.quality import show_command
from portal.core import pseudonyms
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.quality import failing_sql, report, rule_texts, scorecard
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, wording
from portal.ui.quality import work_list
from tests.support import quarantine


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
        (("error", None), ("not_applicable", None), "stable"),
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
    assert scorecard.scorecard(frame).loc["patients", "completeness"] == 0.5


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
    assert rule_texts.rate_text(rate, unit) == text


def test_refused_rows_are_masked_until_a_clinician_asks(portal, acting, held_run):
    masked = quality.failing_rows(portal, held_run.run_id, "patients", "PAT-C01")
    assert len(masked) == 1
    assert re.fullmatch("row [0-9a-f]{16}", masked["row"].iloc[0])
    assert masked["birth_date"].iloc[0] == "••/••/••••", "the form of a date is what has to be judged"
    assert not masked.astype(str).apply(lambda column: column.str.contains("Q2|1984")).any().any()
    with pytest.raises(ServiceError, match="cannot view patient identifiers"):
        quality.identified_rows(portal, held_run.run_id, "patients", "PAT-C01")
    clinician = acting("dr.lee", "clinician")
    whole = quality.identified_rows(clinician, held_run.run_id, "patients", "PAT-C01")
    assert (whole["row"].iloc[0], whole["birth_date"].iloc[0]) == ("Q2", "03/09/1984")


def test_the_rows_that_a_failed_run_refused_are_there_masked_with_the_rules(portal, failed_run, acting):
    rows = quality.quarantined_rows(portal, failed_run.run.run_id, "patients")
    assert len(rows) == 2  # Q2 with a date of the wrong form, and one without its key
    assert set(rows["birth_date"]) == {"••/••/••••", "••••-••-••"}, "how they are written, not the dates"
    assert "Q2" not in rows.to_csv()
    assert all(rows["refused by"])
    with pytest.raises(ServiceError, match="Viewers cannot"):
        quality.quarantined_rows(acting("v", "viewer"), failed_run.run.run_id, "patients")


def test_a_pseudonym_is_the_same_in_every_run_and_is_not_a_hash_of_run_and_key(portal, failed_run, held_run):
    [label] = pseudonyms.labels(portal, "patients", ["Q2"])
    failing = quality.failing_rows(portal, held_run.run_id, "patients", "PAT-C01")
    quarantined = quality.quarantined_rows(portal, failed_run.run.run_id, "patients")
    assert label in set(failing["row"])
    assert label in set(quarantined["row"])
    for text in (f"{held_run.run_id} Q2", "Q2", "patients Q2", "patients\0Q2"):
        assert hashlib.sha256(text.encode()).hexdigest()[:8] not in label


def test_loaded_rows_that_fail_a_warning_are_found_in_silver(acting, held_run, portal):
    results = quality.results(portal, held_run.run_id)
    found = results[(results["zone"] == "silver") & (results["failed"] > 0) & (results["level"] == "row")]
    row = found[~found["severity"].isin(["error", "block"])].iloc[0]
    keys = quarantine.stored_keys(portal, held_run.run_id)[row["table_name"], row["rule_id"]]
    clinician = acting("dr.lee", "clinician")
    rows = quality.identified_rows(clinician, held_run.run_id, row["table_name"], row["rule_id"])
    kept_apart = quarantine.raw_rows(portal, held_run.run_id, row["table_name"])
    refused = set(kept_apart[kept_apart["disposition"] == "refused"]["record_key"])
    assert set(rows["row"]) == set(keys) - refused
    assert len(rows)


@pytest.mark.parametrize(
    ("table", "rule", "expected"),
    [
        ("encounters", "ENC-M04", "'new'"),
        ("encounters", "ENC-C06", "'new', 'old'"),
        ("encounters", "ENC-C11", "'new', 'old'"),
        ("medications", "MED-P12", "'new', 'old'"),
        ("patients", "PAT-P06", "'new', 'old'"),
    ],
)
def test_failing_rows_of_a_rule_of_the_release_are_looked_up_in_all_its_batches(
    monkeypatch, table, rule, expected
):
    plan = {"batch_ids": ["new"], "release_batch_ids": ["new", "old"]}
    monkeypatch.setattr(quality, "read_json", lambda *_: (plan, "tag"))
    aws = Context(Settings("t", "t", "", "ann", "analyst"), Clients(_clients={"s3": None}))
    query = quality.failing_query(aws, "run-1", table, rule)
    assert f"silver.batch_id IN ({expected})" in query.sql


def test_rows_that_a_rule_of_the_release_refuses_are_looked_up_in_quarantine(monkeypatch):
    monkeypatch.setattr(
        quality, "read_json", lambda *_: ({"batch_ids": ["b"], "release_batch_ids": ["b"]}, "")
    )
    aws = Context(Settings("t", "t", "", "ann", "analyst"), Clients(_clients={"s3": None}))
    query = quality.failing_query(aws, "run-1", "encounters", "ENC-P02")
    assert '"quarantine_encounters"' in query.sql
    assert query.is_exact


@pytest.mark.parametrize("name", ["x' OR 1=1", "run id", ""])
def test_an_id_that_is_none_reaches_no_query(portal, name):
    with pytest.raises(ServiceError, match="is not an id"):
        quality.results(portal, name)


def test_only_the_version_that_fails_is_shown_and_only_of_the_batches_of_the_run(portal, held_run):
    """R1 came without a provider.

    Beside it, what silver would hold had it come again: with one, and elsewhere.
    """
    query = quality.failing_query(portal, held_run.run_id, "encounters", "ENC-M04")
    assert query.is_exact
    names = [column.name for column in load("silver", "encounters").columns]
    silver = f'"{portal.lake.database("silver")}"."encounters"'
    mine = f"SELECT * FROM {silver} WHERE encounter_id = 'R1'"
    elsewhere = ", ".join("'elsewhere' AS batch_id" if name == "batch_id" else name for name in names)
    passing = ", ".join("'1234567893' AS provider_npi" if name == "provider_npi" else name for name in names)
    more = f"({mine} UNION ALL SELECT {elsewhere} FROM ({mine}) UNION ALL SELECT {passing} FROM ({mine}))"
    sql = query.sql.replace(silver, more)
    found = athena_client.run_query(
        portal.assume_review_role(), sql, database=portal.lake.database("quality")
    ).frame
    assert list(found["encounter_id"]) == ["R1"]
    assert found["provider_npi"].isna().all()
    assert set(found["batch_id"]) <= set(held_run.batch_ids)


@pytest.mark.parametrize(
    ("table", "rule_id", "condition"),
    [
        ("encounters", "ENC-M04", "(provider_npi is null)"),
        ("medications", "MED-M04", "(status = 'completed') AND (route is null)"),
        (
            "encounters",
            "ENC-C04",
            "(diagnosis_code is not null) AND (diagnosis_code_system is null or diagnosis_code_system <> "
            "'ICD-10-CM')",
        ),
        ("encounters", "ENC-P08", None),
        ("encounters", "ENC-P14", None),
        ("encounters", "ENC-P07", None),
    ],
)
def test_a_condition_on_the_row_alone_is_asked_again_and_no_other(table, rule_id, condition):
    contract = load("silver", table)
    rule = next(r for r in contract.rules if r.id == rule_id)
    assert failing_sql.row_condition(contract, rule) == condition


def test_every_query_for_failing_rows_is_understood_by_athena(portal, held_run):
    reviewing = portal.assume_review_role()
    for table in ("patients", "encounters", "medications"):
        for rule in load("silver", table).rules:
            if query := quality.failing_query(portal, held_run.run_id, table, rule.id):
                athena_client.run_query(reviewing, query.sql, database=portal.lake.database("quality"))


def test_exact_repeats_are_found_where_they_were_kept(acting, held_run):
    rows = quality.identified_rows(acting("dr.lee", "clinician"), held_run.run_id, "encounters", "ENC-P01")
    assert list(rows["row"]) == ["R3"]


RULE = rule_texts.rules()["patients", "PAT-M04"]
BY_VALUE = rule_texts.rules()["patients", "PAT-P08-age"]


@pytest.mark.parametrize(
    ("rule", "measure", "words"),
    [
        (RULE, ("fail", 3, 12, 0.25), "3 of 12 patient records fail (25.00 %); threshold: up to 5.00 %."),
        (
            RULE,
            ("not_applicable", 0, 0, None),
            "Not applicable in this run: counts neither as passed nor as failed.",
        ),
        (RULE, ("error", 0, 0, None), "Rule error: the rule could not be evaluated. This is not a pass."),
        (
            BY_VALUE,
            ("fail", 0, 1204, 0.31),
            "Measured 0.31 (psi) over 1,204 values that were compared; threshold: up to 0.20.",
        ),
    ],
)
def test_a_measure_is_said_with_count_denominator_rate_and_limit(rule, measure, words):
    counted = "values that were compared" if rule is BY_VALUE else "patient records"
    rule = replace(rule, population=counted)
    assert rule_texts.measurement(rule, "patients", *measure) == words


@pytest.mark.parametrize(
    ("rate", "on", "words"),
    [
        (0.02, date(2025, 6, 1), "Accepted until 2025-06-30"),
        (None, date(2025, 6, 1), "Accepted until 2025-06-30; nothing was measured"),
        (0.02, date(2025, 7, 1), "Acceptance lapsed: it ended on 2025-06-30"),
        (
            0.05,
            date(2025, 6, 1),
            "Acceptance lapsed: it rose beyond the margin: 5 % now, 2 % accepted with a margin of 1 %",
        ),
    ],
)
def test_an_acceptance_that_lapsed_says_why(rate, on, words):
    made = Acceptance("patients", "PAT-M04", "dr.lee", "verified", "2025-06-30", 0.02, 0.01, 7)
    assert rule_texts.acceptance_status(made, rate, on) == words


def _query(number, *kinds, rule="PAT-M04", days=0):
    subject = {"run_id": "run-1", "table_name": "patients", "rule_id": rule, "query_id": f"Q-{number}"}
    said = {"text": "t", "assignee": "", "due": "2025-01-08", "record_keys": []}
    events = [Event(1, "2025-01-01T09:00:00Z", "lee", "clinician", "query_opened", subject, said)]
    for kind in kinds:
        at = f"2025-01-{1 + days:02d}T10:00:00Z"
        events.append(
            Event(2, at, "lee", "clinician", "query_closed", subject, {"text": "t", "reason": kind})
        )
    return read_model.all_queries(Log(tuple(events)))[0]


def test_a_rule_whose_queries_were_mostly_false_alarms_is_named():
    closed = [_query(n, "false_alarm") for n in range(3)] + [_query(3, "verified"), _query(4)]
    once = [_query(5, "false_alarm", rule="PAT-M03")]
    assert quality.false_alarms([*closed, *once]) == {("patients", "PAT-M04"): (3, 4)}


def test_days_open_stop_when_a_query_is_closed():
    assert work_list.days_open(_query(1), date(2025, 1, 11)) == 10
    assert work_list.days_open(_query(1, "verified", days=4), date(2025, 1, 11)) == 4


def test_a_finding_was_seen_from_its_first_run_to_its_last():
    past = pd.concat(
        [
            _results(("patients", "A", status, None)).assign(run_id=run)
            for run, status in (("r1", "pass"), ("r2", "fail"), ("r3", "error"), ("r4", "pass"))
        ]
    )
    assert quality.first_and_last_seen(past, ["r1", "r2", "r3", "r4"]) == {("patients", "A"): ("r2", "r3")}


def _report(portal, run_id):
    results, made = quality.results(portal, run_id), releases.get(portal, run_id)
    review = read_model.of_run(portal, run_id)
    return report.html(made, results, ["new"] * len(results), review)


def test_the_report_is_whole_and_carries_no_row(portal, acting, held_run):
    lee, run_id = acting("dr.lee", "clinician"), held_run.run_id
    opened = reviews.open_query(
        lee, run_id, "patients", "PAT-C01", "March or September?", rows=["Q2"]
    ).subject["query_id"]
    reviews.reject(lee, run_id, "patients", "PAT-C01", "The ward must correct it.")
    until = datetime.now(UTC).date()
    reviews.accept(
        lee, run_id, "patients", "PAT-M01", reason="known_limitation", text="One row.", until=until
    )
    try:
        page = _report(portal, run_id)
    finally:
        reviews.withdraw(lee, run_id, "patients", "PAT-M01", "The test is over.")
        reviews.close(lee, opened, "other", "The test is over.")
    made = releases.get(portal, run_id)
    for words in (
        "was held by the audit for review",
        "Blocks the release",
        "<td>new</td>",
        " patient records</td>",
        "<td>none</td>",
        f"Accepted until {until} (dr.lee)",
        "Rejected by dr.lee",
        "The ward must correct it.",
        "Known limitation of the source: One row.",
        "○ Open",
        "March or September?",
        *pseudonyms.labels(portal, "patients", ["Q2"]),
        signatures.fingerprint(portal, made),
        "The integrity of the review log was verified up to event",
        "@media print",
    ):
        assert words in page, words
    assert "I have reviewed this release and" in page, "the signature block names what a signature means"
    rules = re.findall(r"<tr><td>([A-Z0-9-]+[^<]*)</td>", page.partition("<h2>All rules</h2>")[2])
    assert len(rules) == len(quality.results(portal, run_id))
    for secret in ("Q2", "03/09/1984", "R2"):
        assert f">{secret}<" not in page


def test_a_report_over_an_altered_log_says_so_first(portal, held_run):
    review = replace(read_model.of_run(portal, held_run.run_id), problems=("Event 3 was <altered>.",))
    results = quality.results(portal, held_run.run_id)
    page = report.html(releases.get(portal, held_run.run_id), results, ["stable"] * len(results), review)
    assert "Audit trail integrity check failed." in page
    assert "Event 3 was &lt;altered&gt;." in page


def test_what_reviewers_write_cannot_become_markup(portal, acting, held_run):
    lee = acting("dr.lee", "clinician")
    event = reviews.open_query(lee, held_run.run_id, "patients", "PAT-M01", "<script>alert(1)</script>")
    try:
        page = _report(portal, held_run.run_id)
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
    finally:
        reviews.close(lee, event.subject["query_id"], "other", "The test is over.")
    picture = wording.as_markdown(replace(event, payload={"text": "see ![](http://x/y.png) and [this](z)"}))
    assert "![]" not in picture
    assert "](z)" not in picture


def test_stored_measures_are_judged_again_by_other_limits(portal, held_run, monkeypatch):
    frame = quality.results(portal, held_run.run_id)
    assert (scorecard.rescored(frame)["status"] == frame["status"]).all()
    failed = frame[(frame["status"] == "fail") & (frame["rate"] > 0)].iloc[0]
    lenient = [
        replace(
            c, rules=tuple(replace(r, threshold=1e9) if r.id == failed["rule_id"] else r for r in c.rules)
        )
        for c in all_contracts()
    ]
    monkeypatch.setattr(scorecard, "all_contracts", lambda: tuple(lenient))
    again = scorecard.rescored(frame)
    moved = again[again["status"] != frame["status"]]
    assert set(moved["rule_id"]) == {failed["rule_id"]}
    assert set(moved["status"]) == {"pass_with_failures"}


def test_the_scorecard_over_runs_counts_what_applied(portal, first_run, held_run):
    runs = [first_run.run_id, held_run.run_id]
    card = scorecard.trend(quality.history(portal, runs), runs)
    assert list(card.columns) == runs
    alone = scorecard.scorecard(quality.results(portal, held_run.run_id))
    for (table, kind), share in card[held_run.run_id].dropna().items():
        assert share == alone.loc[table, kind]


def test_a_terminal_tells_the_change_since_the_run_before(portal, first_run, held_run):
    session = SimpleNamespace(context=portal)
    answer = CliRunner().invoke(show_command, [held_run.run_id, "--all", "--json"], obj=session)
    changes = {row["rule_id"]: row["change"] for row in json.loads(answer.stdout)["results"]}
    assert (changes["PAT-M01"], changes["PAT-C06"]) == ("new", "stable")
    assert answer.exit_code == 1, "a rule of severity block has failed"


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("mrn 12, race 1,040", "Null markers emptied, by column: mrn 12, race 1,040."),
        (None, ""),
        (float("nan"), ""),
        ("", ""),
    ],
)
def test_null_markers_are_told_by_column(detail, words):
    assert rule_texts.null_markers(detail) == words


@pytest.mark.parametrize(("rule_id", "key"), [("PAT-C01", "Q2"), ("PAT-M01", None), ("ENC-M04", None)])
def test_failing_rows_say_in_which_line_of_which_file_they_are(portal, acting, held_run, rule_id, key):
    table = "encounters" if rule_id.startswith("ENC") else "patients"
    masked = quality.failing_rows(portal, held_run.run_id, table, rule_id)
    whole = quality.identified_rows(acting("dr.lee", "clinician"), held_run.run_id, table, rule_id)
    for rows in (masked, whole):
        assert len(rows)
        assert all(file.startswith(f"{table}/batch_id=") for file in rows["source_file"])
    if rule_id == "PAT-C01":
        assert (key, 3) in set(zip(whole["row"], whole["source_line"].astype(int), strict=True)), (
            "the line of Q2"
        )


def test_a_viewer_at_a_terminal_sees_outcomes_and_no_count(acting, held_run):
    session = SimpleNamespace(context=acting("vic", "viewer"))
    found = CliRunner().invoke(show_command, [held_run.run_id, "--json"], obj=session)
    told = json.loads(found.output)
    assert told["audit"] is None
    assert told["results"]
    assert all(
        set(row) == {"rule_id", "table_name", "severity", "status", "threshold"} for row in told["results"]
    )


def test_a_viewer_gets_row_counts_of_synthetic_data_only(acting, first_run, held_run):
    viewer = acting("vic", "viewer")
    assert quality.reconciliation(viewer, first_run.run_id)
    with pytest.raises(ServiceError, match="available to analysts, clinicians and engineers"):
        quality.reconciliation(viewer, held_run.run_id)
