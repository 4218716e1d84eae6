"""What is known of a patient whose own row is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts import load as contract
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.bronze_to_silver import load, lookups
from pipeline.glue_jobs.job import Run
from pipeline.lake import Lake

SOUND = {"first_name": "Ada", "last_name": "Lee", "birth_date": "1980-02-03", "sex": "F"}


@pytest.fixture
def known(spark, monkeypatch):
    """What the rules of other tables are told of patients that were received."""

    def told(*patients):
        shape = schema(contract("bronze", "patients"), partitions=False)
        shape = shape.add("_file", "string").add("_line", "long").add("_malformed", "boolean")
        received = frames.of(spark, [SOUND | each for each in patients], shape).withColumns(
            {
                "batch_id": F.lit("b"),
                "batch": F.struct(F.lit("2025-03-01").cast("timestamp").alias("received_at")),
                "_received": F.lit(""),
            }
        )
        monkeypatch.setattr(load, "received", lambda *_: load.as_raw(received, "patients"))
        run = Run(spark, Lake("none"), "test", {"batch_ids": ["b"], "release_batch_ids": ["b"]})
        return {row.patient_id: row.patient for row in lookups.patients(run).collect()}

    return told


def test_a_test_patient_is_nobody_so_that_what_is_booked_on_them_is_refused(known):
    assert set(known({"patient_id": "P1"}, {"patient_id": "P2", "last_name": "ZZZTEST"})) == {"P1"}


@pytest.mark.parametrize(
    "slip",
    [
        {"birth_date": "2093-05-17"},
        {"birth_date": "1860-01-01"},
        {"death_date": "1970-01-01"},
        {"death_date": "2031-01-01"},
    ],
)
def test_a_date_that_cannot_be_true_is_not_held_against_a_patients_other_rows(known, slip):
    (found,) = known({"patient_id": "P1", **slip}).values()
    assert (found.found, found.birth_date, found.death_date, found.sex) == (True, None, None, "F")
    (sound,) = known({"patient_id": "P1", "death_date": "2025-01-10"}).values()
    assert (str(sound.birth_date), str(sound.death_date)) == ("1980-02-03", "2025-01-10")


def test_a_rule_that_was_retired_keeps_nobody_out(known, monkeypatch):
    monkeypatch.setattr(lookups, "contract", lambda *_: replace(contract("silver", "patients"), rules=()))
    assert set(known({"patient_id": "P2", "last_name": "ZZZTEST"})) == {"P2"}
