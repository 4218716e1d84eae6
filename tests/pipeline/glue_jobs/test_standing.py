"""Which records stand in a release: cancelled, merged and missing ones do not."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs import standing
from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.standing import changes_of, missing, places, without_changed, without_missing


def notice(table, record, change, at="2025-02-01T00:00:00Z", survivor=None):
    return {
        "table_name": table, "record_id": record, "change": change, "updated_at": at, "survivor_id": survivor,
        "_file": "record_changes.csv", "_line": 2,
    }  # fmt: skip


def silver(spark, table, *rows):
    base = {"batch_id": "b1", "source_file": "f", "source_line": 0, "updated_at": datetime(2025, 1, 1)}
    return frames.of(spark, [{**base, **row} for row in rows], schema(load("silver", table)))


def ids(frame, *names):
    return sorted(tuple(row[name] for name in names) for row in frame.collect())


def test_a_chain_of_merges_ends_at_its_last_survivor_and_a_circle_changes_nothing():
    rows = [notice("patients", a, "merged", survivor=b) for a, b in ("ab", "bc", "xy", "yx")]
    assert changes_of(rows).survivors == {"a": "c", "b": "c"}


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        (notice("patients", "a", "merged"), "Line 2 of record_changes.csv is no change that is known"),
        (notice("encounters", "a", "merged", survivor="b"), "is no change that is known"),
        (notice("encounters", "a", "deleted"), "is no change that is known"),
        (notice("beds", "a", "cancelled"), "names no record"),
        (notice("encounters", None, "cancelled"), "names no record"),
        (notice("encounters", "a", "cancelled", at="yesterday"), "names no record"),
    ],
)
def test_a_change_that_is_not_understood_fails_the_run_with_its_line(row, cause):
    with pytest.raises(JobError, match=cause):
        changes_of([row])


def test_cancelled_records_leave_unless_a_version_is_newer(spark):
    rows = silver(
        spark, "encounters",
        {"encounter_id": "gone", "patient_id": "p"},
        {"encounter_id": "back", "patient_id": "p"},
        {"encounter_id": "back", "patient_id": "p", "updated_at": datetime(2025, 3, 1)},
        {"encounter_id": "other", "patient_id": "p"},
    )  # fmt: skip
    changes = changes_of(
        [notice("encounters", "gone", "cancelled"), notice("encounters", "back", "cancelled")]
    )
    found = without_changed(rows, load("silver", "encounters"), changes)
    assert ids(found, "encounter_id", "updated_at") == [
        ("back", datetime(2025, 3, 1)), ("other", datetime(2025, 1, 1)),
    ]  # fmt: skip


def test_medication_events_that_were_entered_in_error_leave(spark):
    rows = silver(
        spark, "medications",
        {"administration_id": "a", "event_kind": "administration", "status": "completed"},
        {"administration_id": "a", "event_kind": "administration", "status": "entered-in-error",
         "updated_at": datetime(2025, 1, 2)},
        {"administration_id": "b", "event_kind": "administration", "status": "completed"},
    )  # fmt: skip
    found = without_changed(rows, load("silver", "medications"), standing.Changes())
    assert ids(found, "administration_id") == [("b",)]


def test_records_of_a_merged_patient_refer_to_the_survivor(spark):
    changes = changes_of([notice("patients", "old", "merged", survivor="new")])
    people = silver(spark, "patients", {"patient_id": "old"}, {"patient_id": "new"})
    assert ids(without_changed(people, load("silver", "patients"), changes), "patient_id") == [("new",)]
    stays = silver(
        spark,
        "encounters",
        {"encounter_id": "e1", "patient_id": "old"},
        {"encounter_id": "e2", "patient_id": "x"},
    )
    found = without_changed(stays, load("silver", "encounters"), changes)
    assert ids(found, "encounter_id", "patient_id") == [("e1", "new"), ("e2", "x")]
    assert found.columns == stays.columns


def manifest(batch_id, extract="delta", source="native", tables=("encounters",), facility=None):
    return {
        "batch_id": batch_id, "received_at": f"2025-01-0{batch_id[1]}T00:00:00Z", "extract": extract,
        "source": source, "facility": facility, "tables": dict.fromkeys(tables),
    }  # fmt: skip


def test_a_record_ends_if_a_later_full_extract_of_its_feed_lacks_it(spark):
    contract = load("silver", "encounters")
    batches = places(
        [
            manifest("b1"),
            manifest("b2", source="fhir"),
            manifest("b3", "full"),
            manifest("b4"),
            manifest("b5", "full", tables=("patients",)),
            manifest("b6", "full", facility="Elsewhere"),
        ],
        "encounters",
    )
    rows = silver(
        spark, "encounters",
        *({"encounter_id": key, "batch_id": batch} for key, batch in [
            ("in both", "b1"), ("in both", "b3"), ("missing", "b1"), ("refused", "b1"),
            ("of another feed", "b2"), ("missing, then back", "b1"),
            ("missing, then back", "b4"), ("new", "b4"),
        ]),
    )  # fmt: skip
    quarantine = frames.of(
        spark,
        [
            {"record_key": "refused", "batch_id": "b3", "disposition": "refused"},
            {"record_key": "missing", "batch_id": "b1", "disposition": "refused"},
            {"record_key": "missing", "batch_id": "b3", "disposition": standing.ENDED},
        ],
        "record_key string, batch_id string, disposition string",
    )
    gone = missing(rows, contract, batches, lambda: quarantine)
    assert ids(gone, "encounter_id") == [("missing",)]
    left = without_missing(rows, contract, batches, gone)
    assert left.columns == rows.columns
    assert {key for (key,) in ids(left, "encounter_id")} == {
        "in both", "refused", "of another feed", "missing, then back", "new",
    }  # fmt: skip


def test_without_a_full_extract_nothing_is_compared(spark):
    rows = silver(spark, "encounters", {"encounter_id": "e"})
    batches = places([manifest("b1"), manifest("b2")], "encounters")
    assert missing(rows, load("silver", "encounters"), batches, pytest.fail) is None
