"""Which releases are kept: the published one, a way back, and what is newer than a while."""

from datetime import UTC, datetime, timedelta

from pipeline.releases.model import Published, Release
from pipeline.releases.retention import superseded

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def made(release_id, days_ago, base=None):
    at = (NOW - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Release(release_id, release_id, ["b"], "publish", at, base_release_id=base)


def published(release_id, before=None):
    return Published(release_id, "", "", "", before)


def expired(releases, now_published):
    return [each.release_id for each in superseded(releases, now_published, timedelta(days=90), NOW)]


def test_a_release_goes_so_many_days_after_a_newer_one_was_made():
    history = [made("d", 1), made("c", 89), made("b", 91), made("a", 300)]
    assert expired(history, published("d", "c")) == ["a"]


def test_the_published_release_and_the_way_back_stay_however_old():
    history = [made("d", 200), made("c", 300), made("b", 400), made("a", 500)]
    assert expired(history, published("b", "a")) == ["c"]


def test_what_was_made_on_the_published_one_may_still_wait_for_its_reviewer():
    history = [made("d", 100, base="a"), made("c", 200, base="a"), made("b", 300), made("a", 400)]
    assert expired(history, published("a")) == ["b"]


def test_before_the_first_publication_nothing_goes():
    assert expired([made("b", 1), made("a", 400)], None) == []
