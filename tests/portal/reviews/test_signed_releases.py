"""A held release is published by a signature and no other way, and stays so while what was signed stands."""

from __future__ import annotations

import json
import re

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.lake.uris import split
from portal.athena import client as athena_client
from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import alerts
from tests.support.held import FINDING


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
    unfinished = sign_off.sign(lee, on_its_base, "reject", "Not yet.").unfinished
    assert "(rejected). Analysts still see this release" in unfinished
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
    unfinished = sign_off.sign(lee, first_run.run_id, "approve", "Seen.", confirmed=confirmed).unfinished
    assert "(approved). The notification could not be sent" in unfinished
    assert [event.kind for event in read_model.log(lee).events[before:]] == ["release_signed"]


def test_a_publish_that_fails_after_the_signature_is_said(
    lee, held_run, on_its_base, monkeypatch, notifications
):
    def overtaken(*_, **__):
        raise ServiceError("in the meantime another one was published.")

    monkeypatch.setattr(releases, "publish_approved", overtaken)
    unfinished = _approve(lee, held_run.run_id, "Seen.").unfinished
    recorded = r"Your approval was recorded as event \d+, but publication failed: in the meantime"
    assert re.match(recorded, unfinished)
    assert notifications[-1]["state"] == "APPROVED"
    sign_off.sign(lee, held_run.run_id, "reject", "For the tests that follow.")


def test_nothing_goes_back_to_a_release_that_was_rejected(portal, lee, held_run, on_its_base):
    former = on_its_base
    assert "Analysts still see" in sign_off.sign(lee, former, "reject", "It was wrong after all.").unfinished
    try:
        with pytest.raises(ServiceError, match=r"was rejected by dr\.lee"):
            releases.publish(portal, former, reason="again")
    finally:
        _approve(lee, former, "It was not.")
    assert releases.publish(portal, former, reason="again").release_id == former
