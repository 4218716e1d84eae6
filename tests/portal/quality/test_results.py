"""What a run's results show: changes since the run before, the scorecard, and how much of it to whom."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner

from pipeline.contracts.model import all_contracts
from pipeline.reviews.events import Event
from pipeline.reviews.integrity import Log
from portal.cli.quality import show_command
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.quality import scorecard
from portal.reviews import read_model
from portal.ui.quality import work_list


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


@pytest.mark.parametrize("name", ["x' OR 1=1", "run id", ""])
def test_an_id_that_is_none_reaches_no_query(portal, name):
    with pytest.raises(ServiceError, match="is not an id"):
        quality.results(portal, name)


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
