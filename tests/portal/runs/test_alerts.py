"""Who is told of what: alerts by the newest runs, the schedule, subscriptions."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from pipeline.releases.model import Published, Release
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.runs import alerts, schedule
from portal.runs.model import Run
from portal.runs.schedule import Schedule

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday
NIGHTLY = Schedule(True, "cron(0 2 * * ? *)", time(2), weekdays_only=False)


def _run(name, status, started, seconds):
    ended = None if status == "RUNNING" else started + timedelta(seconds=seconds)
    return Run(name, status, started, ended, "arn")


def _kinds(past, newest=None, published=None, starts=None, is_signed=False, at=NOW):
    return [a.kind for a in alerts.alerts(past, newest, published, starts, is_signed=is_signed, at=at)]


def test_a_failed_newest_run_is_told_and_an_older_one_is_not():
    failed = _run("a", "FAILED", NOW - timedelta(hours=1), 60)
    good = _run("b", "SUCCEEDED", NOW, 60)
    assert _kinds([failed]) == ["failed"]
    assert _kinds([good, failed]) == []


def test_a_failed_run_says_what_readers_see():
    failed = _run("a", "FAILED", NOW - timedelta(hours=1), 60)

    def told(published):
        return alerts.alerts([failed], None, published, None, is_signed=False, at=NOW)[0].message

    assert told(Published("r0", "", "", "")).endswith("Analysts still see release r0.")
    assert "Its release is published, but" in told(Published("a", "", "", ""))
    assert told(None).endswith("Nothing has been published yet.")


def test_a_held_release_is_told_until_it_is_judged_or_published():
    held = Release("r", "r", [], "hold", "2026-11-23T08:00:00Z")
    assert _kinds([], held) == ["held"]
    assert _kinds([], held, is_signed=True) == []
    assert _kinds([], held, Published("r", "", "", "")) == []


def test_a_release_that_is_to_be_published_by_hand_waits_until_it_is():
    made = Release("c", "c", [], "publish", "2026-11-23T08:00:00Z", parent_release_id="a")
    before, after = Published("a", "", "", ""), Published("c", "", "", "", ["a"])
    told = lambda published: [  # noqa: E731
        each.message
        for each in alerts.alerts([], made, published, None, is_signed=False, is_manual=True, at=NOW)
    ]
    assert "waits for manual publication" in told(before)[0]
    assert told(after) == []
    assert told(Published("a", "2026-11-23T08:30:00Z", "", "")) == [], "who went back has decided"
    assert _kinds([], made, before) == []


def test_a_release_that_another_one_overtook_is_told():
    made = Release("c", "c", [], "publish", "2026-11-23T08:00:00Z", parent_release_id="a")
    assert _kinds([], made, Published("b", "", "", "", ["a"])) == ["held"]
    assert _kinds([], made, Published("a", "", "", "")) == []
    assert _kinds([], made, Published("c", "", "", "", ["a"])) == []
    assert _kinds([], made, Published("d", "", "", "", ["a", "c"])) == []


def test_a_run_that_takes_far_longer_than_all_others_is_late():
    past = [_run(str(n), "SUCCEEDED", NOW - timedelta(days=n + 1), 100) for n in range(3)]
    now = datetime.now(UTC)
    assert _kinds([_run("x", "RUNNING", now - timedelta(seconds=150), 0), *past]) == []
    assert _kinds([_run("x", "RUNNING", now - timedelta(seconds=900), 0), *past]) == ["late"]


def test_a_run_that_was_due_and_never_started_is_told_after_a_while():
    yesterday = _run("a", "SUCCEEDED", NOW - timedelta(days=1, hours=7), 60)
    today = _run("b", "SUCCEEDED", NOW - timedelta(hours=7), 60)
    assert _kinds([yesterday], starts=NIGHTLY) == ["never started"]
    assert _kinds([today, yesterday], starts=NIGHTLY) == []
    assert _kinds([yesterday], starts=NIGHTLY, at=NOW.replace(hour=2, minute=10)) == []
    off = Schedule(False, NIGHTLY.expression, time(2), weekdays_only=False)
    assert _kinds([yesterday], starts=off) == []


def test_a_run_is_not_due_before_the_schedule_was_set_so():
    told = {
        "State": "ENABLED",
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "LastModificationDate": NOW.replace(hour=2, minute=1),
    }
    yesterday = _run("a", "SUCCEEDED", NOW - timedelta(days=1, hours=7), 60)
    starts = Schedule.read(told)
    assert starts == NIGHTLY
    assert _kinds([yesterday], starts=starts) == []
    assert starts.next_due(NOW) == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert _kinds([yesterday], starts=starts, at=NOW + timedelta(days=1)) == ["never started"]
    before = {**told, "LastModificationDate": NOW.replace(hour=2)}
    assert _kinds([yesterday], starts=Schedule.read(before)) == ["never started"]


def test_weekends_are_not_due_where_the_schedule_leaves_them_out():
    weekdays = Schedule(True, "", time(2), weekdays_only=True)
    sunday = NOW - timedelta(days=1)
    assert weekdays.last_due(sunday) == datetime(2026, 11, 20, 2, 0, tzinfo=UTC)


def test_the_schedule_is_changed_by_engineers_and_read_back(acting):
    with pytest.raises(ServiceError, match="cannot start or stop runs"):
        schedule.change(acting("a", "analyst"), is_on=True, at=time(4, 30), weekdays_only=True)
    engineer = acting("e", "engineer")
    before = schedule.get(engineer)
    assert not before.is_on
    target = engineer.client("scheduler").get_schedule(Name=f"{engineer.lake.prefix}-nightly")["Target"]
    try:
        changed = schedule.change(engineer, is_on=True, at=time(4, 30), weekdays_only=True)
        assert changed == Schedule(True, "cron(30 4 ? * MON-FRI *)", time(4, 30), weekdays_only=True)
        after = engineer.client("scheduler").get_schedule(Name=f"{engineer.lake.prefix}-nightly")
        assert after["Target"] == target
        assert changed.since > before.since, "when it was set is told"
        assert (changed.last_due(datetime.now(UTC)), changed.next_due(datetime.now(UTC)).time()) == (
            None,
            time(4, 30),
        )
    finally:
        schedule.change(engineer, is_on=False, at=time(2), weekdays_only=False)
    assert schedule.get(engineer) == before


def test_alerts_do_without_a_schedule_that_cannot_be_read(portal, lake_prefix):
    elsewhere = Context(replace(portal.settings, prefix=lake_prefix), portal._clients)
    assert schedule.find(elsewhere) is None
    alerts.now(elsewhere, [])


def test_the_next_run_is_the_first_due_moment_to_come():
    assert NIGHTLY.next_due(NOW) == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert NIGHTLY.next_due(NOW.replace(hour=1)) == NOW.replace(hour=2)
    weekdays = Schedule(True, "", time(2), weekdays_only=True)
    assert weekdays.next_due(datetime(2026, 11, 20, 9, 0, tzinfo=UTC)) == NOW.replace(hour=2)
    assert Schedule(False, "", time(2), weekdays_only=False).next_due(NOW) is None


def test_an_expression_that_is_no_time_of_day_is_left_alone():
    assert Schedule(True, "rate(1 hour)", None, weekdays_only=False).last_due(NOW) is None


def test_subscribing_needs_an_address(acting):
    analyst = acting("a", "analyst")
    topic = os.environ["HDP_TOPIC_FAILED_ARN"]
    with pytest.raises(ServiceError, match="'nobody' is not an e-mail address"):
        schedule.subscribe(analyst, topic, "nobody")
    schedule.subscribe(analyst, topic, "ann@hospital.org")
    assert (topic, "ann@hospital.org") in [(s.topic, s.endpoint) for s in schedule.subscriptions(analyst)]
    with pytest.raises(ServiceError, match="Viewers cannot"):
        schedule.subscribe(acting("v", "viewer"), topic, "v@hospital.org")


def test_a_subscription_ends_and_a_test_message_goes_to_a_topic_of_this_installation(acting):
    analyst = acting("a", "analyst")
    topic = os.environ["HDP_TOPIC_FAILED_ARN"]
    schedule.subscribe(analyst, topic, "gone@hospital.org")
    (mine,) = [s for s in schedule.subscriptions(analyst) if s.endpoint == "gone@hospital.org"]
    assert mine.is_confirmed
    schedule.send_test(analyst, topic)
    schedule.unsubscribe(analyst, mine.arn)
    assert "gone@hospital.org" not in [s.endpoint for s in schedule.subscriptions(analyst)]
    for refused in (schedule.unsubscribe, schedule.send_test):
        with pytest.raises(ServiceError, match="Reload the page and select one"):
            refused(analyst, "arn:aws:sns:us-east-1:1:elsewhere:1")
