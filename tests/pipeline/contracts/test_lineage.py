"""Lineage as the contracts tell it."""

from __future__ import annotations

from pipeline.contracts.lineage import downstream, upstream


def test_lineage_goes_from_the_extract_to_the_fact():
    steps = {step.writes for step in upstream("gold.fact_encounter")}
    assert {"gold.fact_encounter", "silver.encounters", "gold.dim_patient", "silver.patients"} <= steps
    assert "gold.fact_medication_admin" not in steps
    assert {step.writes for step in downstream("bronze.patients")} >= {
        "silver.patients",
        "gold.dim_patient",
        "quality.rule_result",
    }
    assert upstream("bronze.patients") == ()
