"""A held release, from its first question to a signature that publishes it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.lake.uris import split
from portal.athena import client as athena_client
from portal.core import pseudonyms
from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import entry as review_entry
from portal.reviews import read_model, sign_off
from portal.runs import alerts
from tests.support import quarantine

FINDING = ("patients", "PAT-M01")
TODAY = datetime.now(UTC).date()


@pytest.fixture
def lee(acting):
    return acting("dr.lee", "clinician")


@pytest.fixture
def kim(acting):
    return acting("dr.kim", "clinician")


@pytest.fixture
def query(lee, held_run):
    event = reviews.open_query(lee, held_run.run_id, *FINDING, "Who is this patient?", assignee="dr.kim")
    yield event.subject["query_id"]
    if reviews._query(lee, event.subject["query_id"], {"open", "answered", "closed"}).state != "closed":
        reviews.close(lee, event.subject["query_id"], "other", "The test has ended.")


def _state(aws, query_id):
    return next(q for q in read_model.all_queries(read_model.log(aws)) if q.query_id == query_id)


def _decided(aws, run_id, *kept):
    """Dismiss what bars an approval and close every query but those `kept`.

    The code of what is still undecided.
    """
    made = releases.get(aws, run_id)
    for query in read_model.of_run(aws, run_id).open_queries:
        if query.query_id not in kept:
            reviews.close(aws, query.query_id, "other", "For the test.")
    for finding in sign_off.outstanding(aws, read_model.of_run(aws, run_id), made).barring:
        reviews.dismiss(aws, run_id, *finding.key, "For the test.")
    return sign_off.outstanding(aws, read_model.of_run(aws, run_id), made).code


def _bar(aws, run_id):
    """Bar the approval where a test before this one has decided every finding."""
    if not sign_off.outstanding(aws, read_model.of_run(aws, run_id), releases.get(aws, run_id)).barring:
        reviews.reject(aws, run_id, "patients", "PAT-M01", "The ward must say whose row it is.")


def _approve(aws, run_id, text):
    return sign_off.sign(aws, run_id, "approve", text, confirmed=_decided(aws, run_id))


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
    [label] = pseudonyms.labels(lee, "patients", [quality.NO_KEY])
    assert (last.kind, last.by, last.payload) == (
        "rows_unmasked",
        "dr.lee",
        {"why": "to call the ward", "rows": 1, "row_hash": label},
    )


def test_a_held_release_is_published_by_a_signature_and_no_other_way(
    portal, acting, lee, held_run, on_its_base, query, notifications
):
    run_id = held_run.run_id
    former = on_its_base
    _bar(lee, run_id)
    with pytest.raises(ServiceError, match="cannot be approved"):
        sign_off.sign(lee, run_id, "approve", "Fine.")
    confirmed = _decided(lee, run_id, query)
    with pytest.raises(ServiceError, match="must be closed"):
        sign_off.sign(lee, run_id, "approve", "Fine.", confirmed=confirmed)
    reviews.close(lee, query, "verified", "Seen.")
    with pytest.raises(ServiceError, match="started run"):
        sign_off.sign(acting("tester", "clinician"), run_id, "approve", "My own run.")

    sign_off.sign(lee, run_id, "reject", "Ask the ward first.")
    assert releases.current(portal).release_id == former
    assert notifications[-1] == {
        "run_id": run_id,
        "state": "REJECTED",
        "rules_with_findings": notifications[-1]["rules_with_findings"],
        "reviewed_by": "dr.lee",
    }
    with pytest.raises(ServiceError, match="must approve"):
        sign_off.publish_signed(lee, run_id)
    with pytest.raises(ServiceError, match=r"was rejected by dr\.lee"):
        releases.publish(portal, run_id, reason="I want to")

    _approve(lee, run_id, "The ward has confirmed it.")
    try:
        assert releases.current(portal).release_id == run_id
        assert (notifications[-1]["state"], notifications[-1]["reviewed_by"]) == ("PUBLISHED", "dr.lee")
        signature = read_model.of_run(lee, run_id).signature
        assert (signature.by, signature.role, signature.is_valid) == ("dr.lee", "clinician", True)
        counted = athena_client.run_query(portal, "SELECT count(*) FROM fact_encounter").frame.iloc[0, 0]
        assert counted == releases.get(portal, run_id).tables["fact_encounter"]
        _after_its_release_changed(portal, lee, run_id)
        _after_what_is_under_it_changed(portal, lee, run_id)
        _after_a_question(portal, lee, run_id)
    finally:
        assert releases.rollback(portal, reason="the test is over").release_id == former


def test_an_approval_takes_no_newer_release_back(portal, lee, held_run, on_its_base):
    bucket, key = split(portal.lake.current_release())
    s3 = portal.client("s3")
    kept = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({**json.loads(kept), "release_id": "run-newer"}))
    confirmed = _decided(lee, held_run.run_id)
    before = len(read_model.log(lee).events)
    try:
        with pytest.raises(ServiceError, match="'run-newer' was published after"):
            sign_off.sign(lee, held_run.run_id, "approve", "Too late.", confirmed=confirmed)
        assert len(read_model.log(lee).events) == before
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=kept)


def test_a_rejection_of_what_readers_see_says_so_until_it_is_taken_back(
    portal, lee, on_its_base, notifications
):
    present = releases.current(portal)
    before = len(notifications)
    with pytest.raises(sign_off.Unfinished, match=r"\(rejected\)\. Analysts still see this release"):
        sign_off.sign(lee, on_its_base, "reject", "Not yet.")
    assert [a.run_id for a in alerts.now(portal, []) if a.kind == "rejected"] == [on_its_base]
    _approve(lee, on_its_base, "Seen.")
    assert [a for a in alerts.now(portal, []) if a.kind == "rejected"] == []
    assert releases.current(portal) == present
    assert [told["state"] for told in notifications[before:]] == ["REJECTED", "APPROVED"]
    assert ["Analysts still see" in told.get("why", "") for told in notifications[before:]] == [True, False]


def _after_its_release_changed(portal, lee, run_id):
    s3 = portal.client("s3")
    bucket, key = split(portal.lake.release(run_id))
    kept = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    changed = {**json.loads(kept), "created_at": "2030-01-01T00:00:00Z"}
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(changed))
    try:
        assert not read_model.of_run(lee, run_id).signature.is_valid
    finally:
        s3.put_object(Bucket=bucket, Key=key, Body=kept)


def _after_what_is_under_it_changed(portal, lee, run_id):
    for address in (
        portal.lake.audit(run_id),
        f"{portal.lake.results(run_id)}more.parquet",
        f"{portal.lake.gold_release('dim_time', run_id)}more.parquet",
    ):
        made = releases.get(portal, run_id)
        before = signatures.fingerprint(portal, made)
        bucket, key = split(address)
        s3 = portal.client("s3")
        kept = s3.get_object(Bucket=bucket, Key=key)["Body"].read() if key.endswith(".json") else None
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
        try:
            assert signatures.fingerprint(portal, made) != before, address
            assert "Changed since review" in read_model.of_run(lee, run_id).signature.invalid_reason
        finally:
            if kept is None:
                s3.delete_object(Bucket=bucket, Key=key)
            else:
                s3.put_object(Bucket=bucket, Key=key, Body=kept)


def _after_a_question(portal, lee, run_id):
    """A query that is opened after the signature takes it away, until the release is signed again."""
    _approve(lee, run_id, "All of it is in place again.")
    assert read_model.of_run(lee, run_id).signature.is_valid
    later = reviews.open_query(lee, run_id, *FINDING, "One more thing?").subject["query_id"]
    assert (
        f"Query {later} was opened after the signature"
        in read_model.of_run(lee, run_id).signature.invalid_reason
    )
    reviews.close(lee, later, "verified", "Seen.")
    assert not read_model.of_run(lee, run_id).signature.is_valid
    with pytest.raises(ServiceError, match="no valid approval"):
        releases.check_approved(portal, releases.get(portal, run_id))
    _approve(lee, run_id, "And that.")
    releases.check_approved(portal, releases.get(portal, run_id))


class _Broken:
    """Stands where Lambda is: answers that the function failed, or is not there."""

    def __init__(self, error=None):
        self.error = error

    def invoke(self, **_):
        if self.error:
            raise self.error
        return {"FunctionError": "Unhandled"}


@pytest.mark.parametrize("error", [None, EndpointConnectionError(endpoint_url="https://lambda")])
def test_a_signature_stands_where_nobody_could_be_told(lee, first_run, error, monkeypatch):
    monkeypatch.setitem(lee._clients._clients, "lambda", _Broken(error))
    confirmed = _decided(lee, first_run.run_id)
    before = len(read_model.log(lee).events)
    with pytest.raises(sign_off.Unfinished, match=r"\(approved\)\. The notification could not be sent"):
        sign_off.sign(lee, first_run.run_id, "approve", "Seen.", confirmed=confirmed)
    assert [event.kind for event in read_model.log(lee).events[before:]] == ["release_signed"]


def test_a_publish_that_fails_after_the_signature_is_said(
    lee, held_run, on_its_base, monkeypatch, notifications
):
    def overtaken(*_, **__):
        raise ServiceError("in the meantime another one was published.")

    monkeypatch.setattr(releases, "publish_approved", overtaken)
    with pytest.raises(
        ServiceError,
        match=r"Your approval was recorded as event \d+, but publication failed: in the meantime",
    ):
        _approve(lee, held_run.run_id, "Seen.")
    assert notifications[-1]["state"] == "APPROVED"
    sign_off.sign(lee, held_run.run_id, "reject", "For the tests that follow.")


def test_nothing_goes_back_to_a_release_that_was_rejected(portal, lee, held_run, on_its_base):
    former = on_its_base
    with pytest.raises(sign_off.Unfinished, match="Analysts still see"):
        sign_off.sign(lee, former, "reject", "It was wrong after all.")
    try:
        with pytest.raises(ServiceError, match=r"was rejected by dr\.lee"):
            releases.publish(portal, former, reason="again")
    finally:
        _approve(lee, former, "It was not.")
    assert releases.publish(portal, former, reason="again").release_id == former


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
