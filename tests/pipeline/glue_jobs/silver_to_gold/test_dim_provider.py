"""Clinicians as encounters name them, or leave them out."""

from __future__ import annotations

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.silver_to_gold import dim_provider


def _versions(spark, *seen):
    rows = [
        {"provider_npi": "1234567893", "provider_name": name, "provider_specialty": specialty,
         "updated_at": f"2025-01-{day:02d} 00:00:00", "batch_id": "b"}
        for day, name, specialty in seen
    ]  # fmt: skip
    encounters = frames.of(spark, rows, schema(load("silver", "encounters")))
    medications = frames.of(spark, [], schema(load("silver", "medications")))
    made = dim_provider.transform(encounters, medications).where("provider_durable_key <> -1")
    return [(r.provider_name, r.provider_specialty) for r in made.orderBy("version").collect()]


def test_what_an_encounter_leaves_out_is_no_change(spark):
    assert _versions(spark, (1, "Dr A", "Surgery"), (2, None, "Surgery"), (3, "Dr A", None)) == [
        ("Dr A", "Surgery")
    ]
    assert _versions(spark, (1, None, None), (2, "Dr A", None), (3, "Dr B", "Surgery")) == [
        (None, None),
        ("Dr A", None),
        ("Dr B", "Surgery"),
    ]
