"""Retention: the published release, the previous one and recent ones are kept."""

from datetime import UTC, datetime, timedelta

from pipeline.releases.model import Published, Release
from pipeline.releases.retention import superseded

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def made(release_id, days_ago, base=None):
    at = (NOW - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Release(release_id, release_id, ["b"], "publish", at, parent_release_id=base)


def published(release_id, *history):
    return Published(release_id, "", "", "", list(history))


def expired(releases, now_published):
    return [each.release_id for each in superseded(releases, now_published, timedelta(days=90), NOW)]


def test_a_release_expires_some_days_after_a_newer_one_was_created():
    history = [made("d", 1), made("c", 89), made("b", 91), made("a", 300)]
    assert expired(history, published("d", "c")) == ["a"]


def test_the_published_and_the_previous_release_never_expire():
    history = [made("d", 200), made("c", 300), made("b", 400), made("a", 500)]
    assert expired(history, published("b", "a")) == ["c"]


def test_releases_with_the_published_parent_never_expire():
    history = [made("d", 100, base="a"), made("c", 200, base="a"), made("b", 300), made("a", 400)]
    assert expired(history, published("a")) == ["b"]


def test_nothing_expires_before_the_first_publication():
    assert expired([made("b", 1), made("a", 400)], None) == []
