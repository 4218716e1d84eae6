"""Which months a release shares with its parent, and which files retention may delete."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pipeline.lake.store import write_json
from pipeline.lake.uris import split
from pipeline.releases import files, model, months, retention
from pipeline.releases.model import Release
from pipeline.releases.months import Month
from portal.core.context import Context
from portal.core.settings import Settings

TABLE = "fact_encounter"
JANUARY, FEBRUARY = Month(2, "x 1 2"), Month(3, "x 3 4")


def name_of(release_id, month, file="part-0.parquet"):
    return f"gold/{TABLE}/release_id={release_id}/admitted_month={month}/{file}"


@pytest.fixture
def lake(portal, lake_prefix):
    """A lake in which the release r1 has written January and February."""
    found = Context(Settings(lake_prefix, lake_prefix, "", "ann", "engineer"), portal._clients)
    for zone in ("gold", "quality"):
        found.client("s3").create_bucket(Bucket=found.lake.bucket(zone))
    for month in ("2025-01", "2025-02"):
        put(found, name_of("r1", month), b"rows of " + month.encode())
    s3 = found.client("s3")
    files.record_gold(s3, found.lake, "r1", TABLE)
    months.record(s3, found.lake, "r1", TABLE, {"2025-01": JANUARY, "2025-02": FEBRUARY})
    return found


class NoPartitions:
    """A Glue client of tables without partitions."""

    def get_paginator(self, _):
        return SimpleNamespace(paginate=lambda **_: [])


def put(aws, name, body):
    aws.client("s3").put_object(Bucket=aws.lake.bucket("gold"), Key=name.partition("/")[2], Body=body)


def shared(aws, found, parent_id="r1"):
    named = months.shared(aws.client("s3"), aws.lake, parent_id, TABLE, found)
    return {months.month_of(name) for name in named}


def test_months_with_the_content_of_the_parent_are_shared(lake):
    assert shared(lake, {"2025-01": JANUARY, "2025-02": FEBRUARY}) == {"2025-01", "2025-02"}
    assert shared(lake, {"2025-01": JANUARY, "2025-02": Month(3, "x 3 5")}) == {"2025-01"}
    assert shared(lake, {"2025-03": JANUARY}) == set()
    assert shared(lake, {"2025-01": JANUARY}, None) == shared(lake, {"2025-01": JANUARY}, "r0") == set()


@pytest.mark.parametrize("damage", ["removed", "added", "truncated"])
def test_a_month_whose_files_are_not_those_recorded_is_written_again(lake, damage):
    if damage == "removed":
        key = name_of("r1", "2025-01").partition("/")[2]
        lake.client("s3").delete_object(Bucket=lake.lake.bucket("gold"), Key=key)
    else:
        put(
            lake,
            name_of("r1", "2025-01", "part-0.parquet" if damage == "truncated" else "part-1.parquet"),
            b"x",
        )
    assert shared(lake, {"2025-01": JANUARY, "2025-02": FEBRUARY}) == {"2025-02"}


def test_each_month_lies_where_it_was_written(lake):
    names = [name_of("r1", "2025-01"), name_of("r2", "2025-02"), name_of("r2", "2025-02", "part-1.parquet")]
    gold = f"s3://{lake.lake.bucket('gold')}/{TABLE}"
    assert months.locations(lake.lake, names) == {
        "2025-01": f"{gold}/release_id=r1/admitted_month=2025-01/",
        "2025-02": f"{gold}/release_id=r2/admitted_month=2025-02/",
    }
    assert months.folders(lake.lake, names) == {
        f"{gold}/release_id=r1/": {"2025-01"},
        f"{gold}/release_id=r2/": {"2025-02"},
    }


@pytest.fixture
def second(lake):
    """Two releases: r2 wrote February again and shares January with r1."""
    s3 = lake.client("s3")
    put(lake, name_of("r2", "2025-02"), b"other rows")
    january = months.shared(s3, lake.lake, "r1", TABLE, {"2025-01": JANUARY})
    made = []
    for release_id, others in (("r1", {}), ("r2", january)):
        named = files.record_gold(s3, lake.lake, release_id, TABLE, others)
        write_json(s3, lake.lake.audit(release_id), {})
        measured = files.of_run(s3, lake.lake, release_id)
        made.append(Release(release_id, release_id, ["b"], "publish", "2026-01-01T00:00:00Z", files=measured))
        assert measured.keys() >= named.keys()
        model.write(s3, lake.lake, made[-1])
    return made


def test_a_shared_file_is_verified_with_each_release_that_has_it(lake, second):
    s3 = lake.client("s3")
    assert [files.problems(s3, lake.lake, each) for each in second] == [[], []]
    put(lake, name_of("r1", "2025-01"), b"rows of 2025-07")
    put(lake, name_of("r1", "2025-02", "part-1.parquet"), b"of r1 alone")
    changed = f"{name_of('r1', '2025-01')} of release 'r2' was changed after it was written."
    assert files.problems(s3, lake.lake, second[1]) == [changed]
    assert len(files.problems(s3, lake.lake, second[0])) == 2


def test_a_file_is_deleted_with_the_last_release_that_has_it(lake, second):
    s3, (first, last) = lake.client("s3"), second

    def present():
        bucket, prefix = split(lake.lake.gold_table(TABLE))
        found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {f"gold/{item['Key']}" for item in found}

    assert retention.remove(s3, NoPartitions(), lake.lake, first, model.all_releases(s3, lake.lake)) == 1
    assert present() == {name_of("r1", "2025-01"), name_of("r2", "2025-02")}
    assert files.problems(s3, lake.lake, last) == []
    assert retention.remove(s3, NoPartitions(), lake.lake, last, model.all_releases(s3, lake.lake)) == 2
    assert present() == set()


def test_the_marker_that_spark_writes_for_the_whole_release_is_no_month(lake):
    marker = f"gold/{TABLE}/release_id=r1/_SUCCESS"
    put(lake, marker, b"")
    named = files.record_gold(lake.client("s3"), lake.lake, "r1", TABLE)
    assert marker in named
    assert months.locations(lake.lake, named).keys() == {"2025-01", "2025-02"}
    assert list(months.folders(lake.lake, named).values()) == [{"2025-01", "2025-02"}]
    assert shared(lake, {"2025-01": JANUARY, "2025-02": FEBRUARY}) == {"2025-01", "2025-02"}
