"""Reference data joined to received rows: doses in the usual unit, states of a ZIP code, ICD-10-CM codes."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.glue_jobs.bronze_to_silver import lookups


@pytest.mark.parametrize(
    ("code", "dose", "unit", "expected"),
    [
        ("29046", 10.0, "mg", 10.0),
        ("29046", 0.04, "g", 40.0),
        ("29046", 10_000.0, "ug", 10.0),
        ("29046", 5.0, "mL", None),  # the two units measure different things
        ("29046", 5.0, None, None),
        ("1", 5.0, "mg", None),  # not in the formulary
    ],
)
def test_a_dose_is_converted_to_the_formularys_unit_where_both_are_masses(
    frames_run, code, dose, unit, expected
):
    run, _ = frames_run({}, {})
    given = frames.of(
        run.spark,
        [{"medication_code": code, "dose": dose, "dose_unit": unit}],
        "medication_code string, dose double, dose_unit string",
    )
    (row,) = lookups.with_formulary(run, given).collect()
    assert row.formulary_dose == (None if expected is None else pytest.approx(expected))
    assert (row.formulary is not None) == (code == "29046")


def test_a_zip_code_has_the_states_of_its_prefix(frames_run):
    run, _ = frames_run({}, {})
    given = frames.of(
        run.spark, [{"postal_code": code} for code in ("02115", "00000", None)], "postal_code string"
    )
    found = {row.postal_code: row.zip_states for row in lookups.with_zip_states(run, given).collect()}
    assert "MA" in found["02115"]
    assert (found["00000"], found[None]) == (None, None)


def test_a_diagnosis_is_found_with_or_without_its_point(spark):
    codes = ("E11.9", "E119", "U99.9", None)
    given = frames.of(spark, [{"diagnosis_code": code} for code in codes], "diagnosis_code string")
    found = {row.diagnosis_code: row.is_icd10cm for row in lookups.with_icd10cm(given).collect()}
    assert found == {"E11.9": True, "E119": True, "U99.9": False, None: False}
