"""Whether a stay is followed by another: counted only where that is known."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.glue_jobs.silver_to_gold.fact_encounter import age_at, is_readmitted

SHAPE = """encounter_id string, patient_id string, encounter_class string, admitted_at timestamp,
    discharged_at timestamp, discharge_disposition string, death_date date, known_until timestamp"""


def _stay(number, admitted, discharged, **other):
    days = {"admitted_at": f"2025-{admitted} 08:00:00", "known_until": "2025-03-31 12:00:00"}
    if discharged:
        days["discharged_at"] = f"2025-{discharged} 10:00:00"
    return {"encounter_id": f"E{number}", "patient_id": "P1", "encounter_class": "IMP", **days, **other}


@pytest.mark.parametrize(
    ("stays", "told"),
    [
        ([_stay(1, "01-01", "01-05"), _stay(2, "02-04", "02-08")], [True, False]),
        ([_stay(1, "01-01", "01-05"), _stay(2, "02-05", "02-08")], [False, False]),
        ([_stay(1, "01-01", "01-05"), _stay(2, "01-05", "01-08")], [False, False]),  # a transfer
        ([_stay(1, "01-01", "01-05"), _stay(2, "01-09", "01-09", encounter_class="AMB")], [False, None]),
        ([_stay(1, "02-20", "02-28")], [False]),  # the 30th day was the day before the last
        ([_stay(1, "02-20", "03-01")], [None]),
        ([_stay(1, "03-01", "03-05"), _stay(2, "03-09", "03-12")], [None, None]),
        ([_stay(1, "01-01", None)], [None]),
        ([_stay(1, "01-01", "01-05", discharge_disposition="Expired")], [None]),
        ([_stay(1, "01-01", "01-05", death_date="2025-01-05")], [None]),
    ],
)
def test_a_stay_counts_once_its_thirty_days_are_over(spark, stays, told):
    found = frames.of(spark, stays, SHAPE).withColumn("told", is_readmitted())
    assert [row.told for row in found.orderBy("encounter_id").collect()] == told


def test_a_newborn_is_of_age_0_and_who_is_over_90_of_age_90(spark):
    rows = [{"born": born} for born in ("2024-03-02", "2024-03-01", "2023-03-02", "2023-03-01", "1920-01-01")]
    found = frames.of(spark, rows, "born date").selectExpr(
        "born as birth_date", "timestamp '2024-03-01 23:30:00' as moment"
    )
    assert [row.age for row in found.select(age_at("moment").alias("age")).collect()] == [0, 0, 0, 1, 90]
