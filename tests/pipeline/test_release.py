"""Publishing on the laptop cloud's S3: whoever comes second is told, and nothing is half published."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline import release
from pipeline.lake import Lake
from pipeline.release import Release, ReleaseConflict, ReleaseError


@pytest.fixture
def lake(aws, lake_prefix):
    """A lake of its own, with nothing in it but the quality bucket."""
    lake = Lake(lake_prefix)
    aws.client("s3").create_bucket(Bucket=lake.bucket("quality"))
    return lake


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def add_release(s3, lake, release_id, decision="publish"):
    release.write(
        s3, lake, Release(release_id, release_id, ["b1"], decision, f"2026-01-01T00:00:00Z-{release_id}")
    )


class Views:
    """Stands where Athena's views are re-created: remembers what they were pointed at."""

    def __init__(self):
        self.pointed_at = []

    def __call__(self, release_id):
        self.pointed_at.append(release_id)


def publish(s3, lake, release_id, views=None, **options):
    return release.publish(
        s3, lake, release_id, by="test", reason="tried", refresh_views=views or Views(), **options
    )


def test_nothing_is_published_at_first(s3, lake):
    assert release.current(s3, lake) is None


def test_published_release_is_current_and_the_views_follow(s3, lake):
    add_release(s3, lake, "r1")
    views = Views()
    publish(s3, lake, "r1", views)
    assert release.current(s3, lake).release_id == "r1"
    assert views.pointed_at == ["r1"]


def test_unknown_release_is_refused_and_changes_nothing(s3, lake):
    with pytest.raises(ReleaseError, match="no release 'r9'"):
        publish(s3, lake, "r9")
    assert release.current(s3, lake) is None


def test_rollback_returns_to_the_one_before(s3, lake):
    for release_id in ("r1", "r2"):
        add_release(s3, lake, release_id)
        publish(s3, lake, release_id)
    release.rollback(s3, lake, by="test", reason="wrong", refresh_views=Views())
    assert release.current(s3, lake).release_id == "r1"


def test_rollback_without_an_earlier_release_says_so(s3, lake):
    add_release(s3, lake, "r1")
    publish(s3, lake, "r1")
    with pytest.raises(ReleaseError, match="no earlier published release"):
        release.rollback(s3, lake, by="test", reason="wrong", refresh_views=Views())


def test_publisher_who_saw_another_release_is_told_who_was_first(s3, lake):
    for release_id in ("r1", "r2", "r3"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r1")
    publish(s3, lake, "r2")
    with pytest.raises(ReleaseConflict, match="'r2' was published by test"):
        publish(s3, lake, "r3", expect="r1")
    assert release.current(s3, lake).release_id == "r2"


def test_of_many_publishers_who_saw_the_same_release_exactly_one_wins(s3, lake):
    names = [f"r{i}" for i in range(1, 9)]
    for name in ["r0", *names]:
        add_release(s3, lake, name)
    publish(s3, lake, "r0")

    def attempt(name):
        try:
            return publish(s3, lake, name, expect="r0").release_id
        except ReleaseConflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        winners = [name for name in pool.map(attempt, names) if name]
    assert winners == [release.current(s3, lake).release_id]


def test_repeating_a_killed_publish_only_refreshes_the_views(s3, lake):
    add_release(s3, lake, "r1")
    first = publish(s3, lake, "r1")
    views = Views()
    assert publish(s3, lake, "r1", views) == first
    assert views.pointed_at == ["r1"]


def test_releases_are_listed_newest_first(s3, lake):
    for release_id in ("r1", "r3", "r2"):
        add_release(s3, lake, release_id)
    publish(s3, lake, "r3")
    assert [made.release_id for made in release.all_releases(s3, lake)] == ["r3", "r2", "r1"]
