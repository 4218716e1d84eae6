"""Scheduled Lambdas on the laptop cloud: one alert per late run, expired releases, sign-in keys."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock

import pytest

from pipeline.lake import store
from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.releases.model import GOLD_TABLES, Release
from pipeline.releases.retention import remove
from portal.core import sign_in
from portal.core.auth import User
from portal.core.sign_in import SignInError
from portal.runs import alerts, schedule
from tests.support.lambda_calls import answering, call, configured, idle_machine, never_started
from tests.support.tokens import pem


@pytest.fixture
def idle(portal):
    with never_started(portal, hours=1) as starts:
        yield starts


def test_one_alert_is_sent_for_a_missed_run_with_the_text_of_the_banner(portal, idle, notifications):
    [banner] = alerts.alerts([], None, None, idle, is_signed=False)
    message = banner.message.replace("{at}", f"{banner.at:%Y-%m-%d %H:%M} UTC")
    assert call(portal, "watch_schedule") == {"sent": [message]}
    assert call(portal, "watch_schedule") == {"sent": []}
    _until(lambda: message in _sent(notifications))
    assert _sent(notifications).count(message) == 1
    assert banner.kind == "never started"


def test_a_new_schedule_has_no_missed_runs(portal):
    engineer = portal.on_behalf_of(User("e", "engineer"))
    due = (datetime.now(UTC) - timedelta(hours=3)).time()
    schedule.change(engineer, is_on=True, at=due, weekdays_only=False)
    try:
        with configured(portal, "watch_schedule", HDP_STATE_MACHINE_ARN=idle_machine(portal)):
            assert call(portal, "watch_schedule") == {"sent": []}
    finally:
        schedule.change(engineer, is_on=False, at=clock(2), weekdays_only=False)


def test_no_alert_is_sent_while_the_schedule_is_off(portal, first_run):
    assert call(portal, "watch_schedule") == {"sent": []}


def test_a_silent_source_is_reported_once(portal, first_run, notifications):
    hours = json.dumps({"ward nobody": 26, "first run": 26})
    message = "Source ward nobody has sent no batch for 26 hours; none has ever arrived."
    with configured(
        portal, "watch_schedule", HDP_STATE_MACHINE_ARN=idle_machine(portal), HDP_FRESH_HOURS=hours
    ):
        sent = call(portal, "watch_schedule")["sent"]
        assert message in sent
        assert call(portal, "watch_schedule") == {"sent": []}
    _until(lambda: any(each.get("cause") == message for each in notifications))
    assert [each["alert"] for each in notifications if each.get("cause") == message] == ["no batch"]


def _sent(notifications):
    return [message["cause"] for message in notifications if message.get("alert") == "never started"]


def _until(found, seconds=10):
    deadline = time.monotonic() + seconds
    while not found() and time.monotonic() < deadline:
        time.sleep(0.1)


def test_only_a_release_superseded_long_ago_is_deleted(portal, first_run):
    s3, lake = portal.client("s3"), portal.lake
    old = Release("old", "old", ["b"], "publish", "2001-01-01T00:00:00Z")
    followed = Release("old-2", "old-2", ["b"], "publish", "2001-01-02T00:00:00Z")
    for each in (old, followed):
        release_model.write(s3, lake, each)
        for table in GOLD_TABLES[:2]:
            bucket, prefix = split(lake.gold_release(table, each.release_id))
            s3.put_object(Bucket=bucket, Key=f"{prefix}event_month=2001-01/part.parquet", Body=b"rows")
    before = {each.release_id for each in release_model.all_releases(s3, lake)}
    try:
        assert call(portal, "expire_releases") == {"expired": ["old"]}
        assert {each.release_id for each in release_model.all_releases(s3, lake)} == before - {"old"}
        assert _files(s3, lake, "old") == 0
        assert _files(s3, lake, "old-2") == 2
        assert _files(s3, lake, first_run.run_id) > 7
    finally:
        remove(s3, portal.client("glue"), lake, followed, release_model.all_releases(s3, lake))


def _files(s3, lake, release_id):
    return sum(
        s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"]
        for bucket, prefix in (split(lake.gold_release(table, release_id)) for table in GOLD_TABLES)
    )


def test_sign_in_keys_are_copied_into_the_lake_unless_they_are_invalid(portal):
    s3, uri = portal.client("s3"), portal.lake.sign_in_keys()

    def refresh(body):
        with answering(body) as url, configured(portal, "refresh_sign_in_keys", HDP_SIGN_IN_KEYS=url):
            return call(portal, "refresh_sign_in_keys")

    assert refresh(b'{"keys": [{"kid": "one"}]}') == {"keys": 1}
    assert "did not return a JSON Web Key Set" in refresh(b'{"message": "not found"}')["errorMessage"]
    assert store.read_json(s3, uri)[0] == {"keys": [{"kid": "one"}]}
    assert call(portal, "refresh_sign_in_keys") == {"keys": 0}, "on a laptop and with another provider"
    bucket, key = split(uri)
    s3.delete_object(Bucket=bucket, Key=key)


def test_a_key_of_the_load_balancer_is_fetched_once_and_kept_in_the_lake(portal):
    def fetch(body, key_id):
        with answering(body) as url, configured(portal, "refresh_sign_in_keys", HDP_BALANCER_KEYS=url):
            return call(portal, "refresh_sign_in_keys", key_id=key_id)

    new = "00000000-0000-4000-8000-000000000000"
    assert "did not return a public key" in fetch(b"<Error/>", new)["errorMessage"]
    assert "is not the id of" in fetch(pem().encode(), "../keys.json")["errorMessage"]
    with (
        answering(pem().encode()) as url,
        configured(portal, "refresh_sign_in_keys", HDP_BALANCER_KEYS=url),
    ):
        assert sign_in.read_balancer_key(portal, new) == pem()
    assert sign_in.read_balancer_key(portal, new) == pem(), "from the lake: its address answers no more"
    bucket, key = split(portal.lake.balancer_key(new))
    portal.client("s3").delete_object(Bucket=bucket, Key=key)
    with pytest.raises(SignInError, match="keys of the sign-in service cannot be read"):
        sign_in.read_balancer_key(portal, new)
