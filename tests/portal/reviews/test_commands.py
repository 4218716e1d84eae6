"""What reviewers do with a finding: queries, acceptances, confirmed rows, unmasking; and the log of it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.lake.uris import split
from portal.core import pseudonyms
from portal.core.errors import ServiceError
from portal.quality import received_rows
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import entry as review_entry
from portal.reviews import read_model
from tests.support import quarantine
from tests.support.held import FINDING

TODAY = datetime.now(UTC).date()


def _state(aws, query_id):
    return next(q for q in read_model.all_queries(read_model.log(aws)) if q.query_id == query_id)


def test_a_query_goes_from_open_to_closed_and_back(lee, kim, query):
    assert (_state(lee, query).state, _state(lee, query).assignee) == ("open", "dr.kim")
    reviews.answer(kim, query, "A row without a patient: the registration failed.")
    assert _state(lee, query).state == "answered"
    reviews.close(lee, query, "verified", "Agreed.")
    assert _state(lee, query).state == "closed"
    reviews.reopen(lee, query, "It is there again.")
    found = _state(lee, query)
    assert (found.state, found.question, len(found.events)) == ("open", "Who is this patient?", 4)
    reviews.assign(kim, query, "registration")
    assert _state(lee, query).assignee == "registration"
    assert found.is_due(TODAY + timedelta(days=7))
    assert not found.is_due(TODAY)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
def test_a_query_needs_a_text_of_sensible_length(lee, held_run, text):
    before = len(read_model.log(lee).events)
    with pytest.raises(ServiceError):
        reviews.open_query(lee, held_run.run_id, *FINDING, text)
    assert len(read_model.log(lee).events) == before


def test_a_closed_query_cannot_be_answered(lee, query):
    reviews.close(lee, query, "duplicate", "Asked before.")
    with pytest.raises(ServiceError, match="is closed"):
        reviews.answer(lee, query, "Too late")


def test_roles_that_may_not_review_are_refused(acting, held_run):
    for role in ("viewer", "analyst", "engineer"):
        with pytest.raises(ServiceError, match="Required role: clinician"):
            reviews.accept(
                acting("x", role), held_run.run_id, *FINDING, reason="verified", text="t", until=TODAY
            )


def test_the_second_reviewer_is_told_what_changed_and_nothing_is_written(lee, kim, held_run, query):
    seen = read_model.of_run(lee, held_run.run_id).seen
    reviews.answer(kim, query, "Kim was faster.", seen=seen)
    with pytest.raises(
        review_entry.ReviewConflict, match=r"dr\.kim made a change at the same time"
    ) as conflict:
        reviews.close(lee, query, "verified", "Lee's comment", seen=seen)
    assert [event.payload["text"] for event in conflict.value.changes] == ["Kim was faster."]
    assert _state(lee, query).state == "answered"


def test_what_is_said_of_a_finding_in_another_run_is_news_too(lee, kim, held_run, first_run):
    seen = read_model.of_run(lee, held_run.run_id).seen
    reviews.open_query(lee, first_run.run_id, *FINDING, "Of that run alone?")
    reviews.reject(kim, first_run.run_id, *FINDING, "Never.")
    wanted = {"reason": "verified", "text": "One row.", "until": TODAY, "seen": seen}
    with pytest.raises(review_entry.ReviewConflict) as conflict:
        reviews.accept(lee, held_run.run_id, *FINDING, **wanted)
    assert [event.payload.get("text") for event in conflict.value.changes] == ["Never."]
    for query in read_model.of_run(lee, first_run.run_id).open_queries:
        reviews.close(lee, query.query_id, "other", "The test has ended.")


def test_reviewers_at_the_same_moment_both_get_in_and_the_chain_holds(lee, kim, held_run):
    before = len(read_model.log(lee).events)
    people = [lee, kim] * 4
    threads = [
        threading.Thread(target=reviews.dismiss, args=(who, held_run.run_id, *FINDING, f"word {n}"))
        for n, who in enumerate(people)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = read_model.log(lee)
    assert len(log.events) == before + len(people)
    assert log.problems == ()


def test_an_acceptance_stands_until_withdrawn(lee, held_run):
    with pytest.raises(ServiceError, match="between today and a year"):
        reviews.accept(
            lee, held_run.run_id, *FINDING, reason="verified", text="t", until=TODAY - timedelta(days=1)
        )
    with pytest.raises(ServiceError, match="is not a valid reason"):
        reviews.accept(lee, held_run.run_id, *FINDING, reason="bored", text="t", until=TODAY)
    reviews.accept(
        lee, held_run.run_id, *FINDING, reason="known_limitation", text="One row.", until=TODAY, margin=0.01
    )
    made = read_model.of_run(lee, held_run.run_id).accepted[FINDING]
    assert (made.by, made.reason, made.covers(made.rate, TODAY)) == ("dr.lee", "known_limitation", True)
    reviews.withdraw(lee, held_run.run_id, *FINDING, "On second thoughts.")
    assert FINDING not in read_model.of_run(lee, held_run.run_id).accepted


def test_unmasking_is_written_down(lee, acting, held_run):
    before = read_model.log(lee).events
    for who, why in ((acting("x", "engineer"), "curious"), (lee, " ")):
        with pytest.raises(ServiceError, match=r"cannot view patient identifiers|reason for access"):
            reviews.unmask(who, held_run.run_id, *FINDING, 0, why)
    assert read_model.log(lee).events == before
    with pytest.raises(ServiceError, match="There is no record 2 among the 1 failing rows"):
        reviews.unmask(lee, held_run.run_id, *FINDING, 1, "to call the ward")
    assert read_model.log(lee).events == before
    record = reviews.unmask(lee, held_run.run_id, *FINDING, 0, "to call the ward")
    assert record["birth_date"] == "1990-01-02"
    last = read_model.log(lee).events[-1]
    key = received_rows.no_key(record["source_line"], record["source_file"])
    [label] = pseudonyms.labels(lee, "patients", [key])
    assert (last.kind, last.by, last.payload) == (
        "rows_unmasked",
        "dr.lee",
        {"why": "to call the ward", "rows": 1, "row_hash": label},
    )


def test_rows_are_accepted_and_counted_again(portal, lee, held_run):
    run_id = held_run.run_id
    finding, keys = next(iter(quarantine.stored_keys(portal, run_id).items()))
    key, [label] = keys[0], pseudonyms.labels(lee, finding[0], keys[:1])
    with pytest.raises(ServiceError, match="1 of 1 rows are not among the stored failing rows"):
        reviews.accept_rows(lee, run_id, *finding, ["nobody"], reason="verified", text="t", until=TODAY)
    with pytest.raises(ServiceError, match="between today and a year"):
        reviews.accept_rows(
            lee, run_id, *finding, [key], reason="verified", text="t", until=TODAY - timedelta(days=1)
        )
    event = reviews.accept_rows(lee, run_id, *finding, [key], reason="verified", text="True.", until=TODAY)
    assert key not in json.dumps(event.payload)
    assert list(read_model.of_run(lee, run_id).accepted_rows[finding]) == [label]
    reviews.withdraw_rows(lee, run_id, *finding, [key], "It is not.")
    assert finding not in read_model.of_run(lee, run_id).accepted_rows
    with pytest.raises(ServiceError, match="Not all of these rows"):
        reviews.withdraw_rows(lee, run_id, *finding, [key], "Twice.")


def test_a_tampered_log_is_found_and_takes_no_more(portal, lee, held_run, query):
    s3 = portal.client("s3")
    bucket, key = split(portal.lake.review(read_model.log(lee).events[-1].sequence))
    kept = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=kept.replace(b"Who is", b"Who was"))
    try:
        assert "was altered" in read_model.of_run(lee, held_run.run_id).problems[0]
        with pytest.raises(ServiceError, match="integrity check failed"):
            reviews.answer(lee, query, "More")
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=kept)
    assert read_model.log(lee).problems == ()


def test_an_accepted_finding_holds_no_later_run_and_says_so(portal, lee, held_run):
    run_id = held_run.run_id
    for reason in _audited_again(portal, run_id):
        if reason["severity"] == "block":
            finding = (reason["table"], reason["rule_id"])
            reviews.accept(lee, run_id, *finding, reason="verified", text="One row.", until=TODAY, margin=0.0)
    try:
        reasons = {(r["table"], r["rule_id"]): r for r in _audited_again(portal, run_id)}
        assert reasons[FINDING]["accepted"]["by"] == "dr.lee"
        assert releases.get(portal, run_id).decision == "publish_with_warnings"
    finally:
        for finding in list(read_model.of_run(lee, held_run.run_id).accepted):
            reviews.withdraw(lee, run_id, *finding, "The test is over.")
        _audited_again(portal, run_id)
    assert releases.get(portal, run_id).decision == "hold"


def _audited_again(portal, run_id):
    """The audit job run once more on its own; gives its reasons."""
    glue, name = portal.client("glue"), portal.lake.job("quality_audit")
    job_run = glue.start_job_run(JobName=name, Arguments={"--run_id": run_id})["JobRunId"]
    while (state := glue.get_job_run(JobName=name, RunId=job_run)["JobRun"]["JobRunState"]) != "SUCCEEDED":
        assert state in {"STARTING", "RUNNING"}, state
    return quality.audit(portal, run_id).reasons
