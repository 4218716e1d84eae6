"""Which version of a record is the newest, and which contradict one another, for every order and split."""

from __future__ import annotations

import random

import pytest

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.silver_to_gold import versions

CONTRACT = load("silver", "patients")

# patient, day of the update, city, expected status of the version
VERSIONS = [
    ("alone", 1, "Boston", "newest"),
    ("moved", 1, "Boston", "superseded"),
    ("moved", 2, "Salem", "newest"),
    ("back", 1, "Boston", "superseded"),
    ("back", 2, "Salem", "superseded"),
    ("back", 3, "Boston", "newest"),
    ("torn", 1, "Boston", "newest"),  # what came before the contradiction still counts
    ("torn", 2, "Salem", "conflicting"),
    ("torn", 2, "Lynn", "conflicting"),
    ("healed", 1, "Salem", "conflicting"),
    ("healed", 1, "Lynn", "conflicting"),
    ("healed", 2, "Lynn", "newest"),
    ("lost", 1, "Salem", "conflicting"),
    ("lost", 1, None, "conflicting"),  # an empty field is another content
]


def _status(spark, placed):
    """By patient, day and city what each version is; `placed` are versions with their batch and line."""
    rows = [
        {"patient_id": who, "updated_at": f"2025-01-{day:02d} 00:00:00", "city": city, "batch_id": batch,
         "source_file": f"{batch}.csv", "source_line": line}
        for (who, day, city, _), batch, line in placed
    ]  # fmt: skip
    found = versions.with_status(frames.of(spark, rows, schema(CONTRACT)), CONTRACT).collect()
    assert len(found) == len(placed)
    return [
        (r.patient_id, r.updated_at.day, r.city,
         "conflicting" if r.is_conflicting else "newest" if r.is_newest else "superseded")
        for r in found
    ]  # fmt: skip


def _key(row):
    return tuple(str(each) for each in row)


@pytest.mark.parametrize("seed", range(4))
def test_the_outcome_is_the_same_for_every_order_and_split(spark, seed):
    rng = random.Random(seed)
    shuffled = rng.sample(VERSIONS, len(VERSIONS))
    placed = [(version, rng.choice(["b0", "b1", "b2"]), line) for line, version in enumerate(shuffled)]
    assert sorted(_status(spark, placed), key=_key) == sorted(VERSIONS, key=_key)


def test_of_the_same_version_in_two_batches_one_is_the_newest(spark):
    same = ("P", 1, "Boston", "")
    found = [said for *_, said in _status(spark, [(same, "b0", 2), (same, "b1", 2), (same, "b1", 9)])]
    assert sorted(found) == ["newest", "superseded", "superseded"]


def test_a_conflict_seen_in_several_batches_is_one_of_all_its_versions(spark):
    torn, other = ("P", 1, "Boston", ""), ("P", 1, "Salem", "")
    found = _status(spark, [(torn, "b0", 2), (other, "b1", 2), (torn, "b2", 2)])
    assert [said for *_, said in found] == ["conflicting"] * 3
