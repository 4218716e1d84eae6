"""Batches as the jobs read them: many in one frame, computed long after the last was opened."""

import os
from pathlib import Path

import pytest

from pipeline.lake import Lake
from pipeline.sources import spark as source

LAKE = Lake("two-batches")


@pytest.fixture
def received(spark):
    """Puts a file of patients into the bronze bucket; gives the manifest of its batch."""

    def put(batch_id, *patient_ids):
        key = f"patients/batch_id={batch_id}/patients.csv"
        file = Path(os.environ["HDP_S3_ROOT"]) / LAKE.bucket("bronze") / key
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(["patient_id", *patient_ids]) + "\n")
        described = {"key": key, "header": ["patient_id"], "rows": len(patient_ids)}
        return {
            "batch_id": batch_id,
            "source": "native",
            "received_at": "2025-01-01T00:00:00Z",
            "tables": {"patients": {"files": [described]}},
        }

    return put


def test_each_batch_keeps_its_own_rows(spark, received):
    manifests = [received("20250101T000000-aa", "P1", "P2"), received("20250102T000000-bb", "P3")]
    first, second = (source.read(spark, LAKE, manifest, "patients") for manifest in manifests)
    rows = first.unionByName(second).select("batch_id", "patient_id").collect()
    assert sorted(tuple(row) for row in rows) == [
        ("20250101T000000-aa", "P1"),
        ("20250101T000000-aa", "P2"),
        ("20250102T000000-bb", "P3"),
    ]
