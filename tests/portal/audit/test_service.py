"""The audit log: events are written before their action, once, and found by period, person and patient."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pipeline.lake.uris import Lake, split
from portal.audit import events, report, service
from portal.audit.service import Search
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError

TODAY = datetime.now(UTC).date()
NOW = Search(TODAY, TODAY)


@pytest.fixture
def log(portal, aws, lake_prefix):
    """Return the context of a person on a lake of this test."""
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-quality")
    settings = replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix)

    def person(name, role="clinician", origin="203.0.113.9", **more):
        return Context(settings).on_behalf_of(User(name, role, **more), origin)

    return person


def officer(log):
    return log("pat.privacy", "privacy_officer")


def stored(context):
    bucket, prefix = split(context.lake.audit_log())
    found = context.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"] for item in found]


def put(context, at, action="publish", name="lee", **fields):
    """Write an event of another time, as it would have been written then."""
    event = events.AuditEvent(
        events.event_id(at, action), events.timestamp(at), action, name, name, ("engineer",), "hdp", **fields
    )
    bucket, prefix = split(context.lake.audit_log())
    body = json.dumps(event.document()).encode()
    context.client("s3").put_object(Bucket=bucket, Key=f"{prefix}{event.key}.json", Body=body)
    return event


def test_an_event_says_who_did_what_when_from_where_and_why(log):
    lee = log("Dr. Lee", subject="s-1", more_roles=("administrator",))
    before = datetime.now(UTC)
    service.record(
        lee, "unmask", {"run": "run-1", "table": "patients"}, reason=" checking a date ", patients=["pt-77"]
    )
    (found,) = service.search(officer(log), NOW)
    assert (found.subject, found.name, found.roles) == ("s-1", "Dr. Lee", ("administrator", "clinician"))
    assert (found.action, found.origin, found.reason) == ("unmask", "203.0.113.9", "checking a date")
    assert (found.target_text, found.patients) == ("run run-1, table patients", ("pt-77",))
    assert before - timedelta(seconds=1) <= datetime.fromisoformat(found.at) <= datetime.now(UTC)
    assert not found.is_failed


def test_an_event_is_keyed_by_date_locked_for_six_years_and_never_overwritten(log, monkeypatch):
    lee, options = log("lee"), {}
    write = service.write_json

    def observed(*args, **given):
        options.update(given)
        return write(*args, **given)

    monkeypatch.setattr(service, "write_json", observed)
    event = service.record(lee, "publish", {"release": "run-1"})
    assert stored(lee) == [f"audit_log/{TODAY}/{event.event_id}.json"]
    assert (options["ObjectLockMode"], options["IfNoneMatch"]) == ("GOVERNANCE", "*")
    assert options["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6 * 365)


class _Refusing:
    """S3 that does not accept a write."""

    exceptions = type("Exceptions", (), {"ClientError": ClientError})

    def __init__(self, error):
        self._error = error

    def put_object(self, **_):
        raise self._error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (EndpointConnectionError(endpoint_url="https://s3"), "AWS could not be reached"),
        (ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutObject"), "AccessDenied: no"),
    ],
)
def test_an_action_whose_event_cannot_be_written_does_not_happen(log, monkeypatch, error, cause):
    lee, done = log("lee"), []
    monkeypatch.setattr(Context, "client", lambda *_: _Refusing(error))
    with (
        pytest.raises(ServiceError, match=f"audit log could not be written.*{cause}.*nothing was done"),
        service.recorded(lee, "publish", {"release": "run-1"}),
    ):
        done.append(True)
    assert not done


def test_an_action_that_fails_after_it_was_recorded_is_marked(log):
    lee = log("lee")
    with (
        pytest.raises(ServiceError, match="another release"),
        service.recorded(lee, "publish", {"release": "run-1"}),
    ):
        raise ServiceError("another release")
    with service.recorded(lee, "publish", {"release": "run-2"}):
        pass
    found = service.search(officer(log), NOW)
    assert {event.target_text: event.is_failed for event in found} == {
        "release run-1": True,
        "release run-2": False,
    }


def test_a_write_whose_response_was_lost_is_recognized(log, monkeypatch):
    lee, lost = log("lee"), []

    def put_twice(s3, uri, document, **options):
        write(s3, uri, document, **options)
        lost.append(uri)
        return write(s3, uri, document, **options)

    write = service.write_json
    monkeypatch.setattr(service, "write_json", put_twice)
    service.record(lee, "publish", {"release": "run-1"})
    assert lost
    assert len(stored(lee)) == 1


def test_a_sign_in_is_recorded_once_however_often_the_page_is_loaded(log):
    at = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    lee = log("lee", subject="s-1", signed_in_at=at)
    for _ in range(3):
        service.record_sign_in(lee)
    service.record_sign_in(log("lee", subject="s-1", signed_in_at=at + timedelta(hours=8)))
    service.record_sign_in(log("kim", subject="s-2", signed_in_at=at))
    found = service.search(officer(log), Search(at.date(), at.date()))
    assert sorted((event.name, event.at) for event in found) == [
        ("kim", "2026-03-29T01:30:00.000Z"),
        ("lee", "2026-03-29T01:30:00.000Z"),
        ("lee", "2026-03-29T09:30:00.000Z"),
    ]


@pytest.mark.parametrize(
    ("since", "until", "days"),
    [
        ("2026-02-28", "2026-02-28", [28]),
        ("2026-02-01", "2026-02-28", [27, 28]),
        ("2026-02-28", "2026-03-01", [28, 1]),
        ("2025-12-31", "2026-02-27", [31, 27]),
        ("2026-03-02", "2026-04-01", []),
    ],
)
def test_a_period_includes_its_first_and_last_day(log, since, until, days):
    lee = log("lee")
    for at in (
        "2025-12-31T23:59:59Z",
        "2026-02-27T12:00:00Z",
        "2026-02-28T00:00:00Z",
        "2026-03-01T23:59:59Z",
    ):
        put(lee, datetime.fromisoformat(at))
    found = service.search(officer(log), Search(date.fromisoformat(since), date.fromisoformat(until)))
    assert [event.date.day for event in reversed(found)] == days


def test_events_are_found_by_person_patient_and_action(log):
    lee, noon = log("lee"), datetime(2026, 2, 1, 12, tzinfo=UTC)
    put(lee, noon, "unmask", "Dr. Lee", patients=("pt-1",))
    put(lee, noon, "unmask", "Kim", patients=("pt-1", "pt-2"))
    put(lee, noon, "publish", "Dr. Lee")
    everything = Search(noon.date(), noon.date())

    def names(**filters):
        found = service.search(officer(log), replace(everything, **filters))
        return sorted((event.name, event.action) for event in found)

    assert len(names()) == 3
    assert names(person="lee") == [("Dr. Lee", "publish"), ("Dr. Lee", "unmask")]
    assert names(patient="pt-1 ") == [("Dr. Lee", "unmask"), ("Kim", "unmask")]
    assert names(patient="pt-") == []
    assert names(actions=("publish",)) == [("Dr. Lee", "publish")]
    assert names(person="kim", actions=("publish",)) == []


def test_a_thousand_and_more_events_are_listed_and_counted_by_day(log):
    lee = log("lee")
    for number in range(1005):
        put(lee, datetime(2026, 2, 1 + number % 2, 8, tzinfo=UTC) + timedelta(seconds=number), "sign_in")
    found = service.search(officer(log), Search(date(2026, 2, 1), date(2026, 2, 2)))
    assert report.trend(found, date(2026, 2, 1), date(2026, 2, 3)) == [
        {"Date": date(2026, 2, 1), "Action": "Sign-in", "Events": 503},
        {"Date": date(2026, 2, 2), "Action": "Sign-in", "Events": 502},
        {"Date": date(2026, 2, 3), "Action": "Sign-in", "Events": 0},
    ]
    assert [event.at for event in found] == sorted((event.at for event in found), reverse=True)


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician", "engineer", "administrator"])
def test_only_a_privacy_officer_reads_the_log(log, role):
    with pytest.raises(ServiceError, match=r"cannot view the audit log\. Required role: privacy officer\."):
        service.search(log("somebody", role), NOW)


def test_a_period_that_ends_before_it_begins_is_refused(log):
    with pytest.raises(ServiceError, match="begins on 2026-02-02, after its end on 2026-02-01"):
        service.search(officer(log), Search(date(2026, 2, 2), date(2026, 2, 1)))


def test_the_object_of_an_action_is_told_in_the_order_of_a_sentence():
    target = {"from": "2026-01-01", "deputy": "kim", "to": "2026-01-09", "person": "lee", "revoked": ""}
    event = events.AuditEvent("e", "2026-01-01", "change_roles", "a", "a", (), "hdp", target)
    assert event.target_text == "person lee, deputy kim, from 2026-01-01, to 2026-01-09"


def test_the_log_lies_beside_the_audits_of_runs_and_not_among_them():
    lake = Lake("hdp")
    assert not lake.audit("run-1").startswith(lake.audit_log())
