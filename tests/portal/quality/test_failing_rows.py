"""A failing row can be judged while it is masked: what failed is legible, who it is about is not."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.contracts.model import load
from portal.quality.failing_rows import masked

ROW = {
    "medications": {
        "row": "A1",
        "administration_id": "A1",
        "encounter_id": "E1",
        "patient_id": "P1",
        "provider_npi": "1036211898",
        "medication_code": "2193",
        "medication_code_system": "RxNorm",
        "medication_name": "Ceftriaxone",
        "dose": "200",
        "dose_unit": "g",
        "route": "IV",
        "ordered_at": "2025-03-01T08:00:00Z",
        "administered_at": "2025-03-01T09:30:00Z",
        "status": "completed",
        "updated_at": "2025-03-02T00:00:00Z",
    },
    "encounters": {
        "row": "E1",
        "encounter_id": "E1",
        "patient_id": "P1",
        "encounter_class": "IMP",
        "admitted_at": "2025-03-05T08:00:00Z",
        "discharged_at": "2025-03-04T08:00:00Z",
        "total_cost": "12.345",
        "diagnosis_code": "E11.9",
    },
    "patients": {
        "row": "P1",
        "patient_id": "P1",
        "mrn": "M1",
        "first_name": "Ann",
        "last_name": "Lee",
        "birth_date": "03/09/1984",
        "sex": "Q",
        "street": "1 Main St",
        "city": "Boston",
        "state": "MA",
        "postal_code": "02115",
        "phone": "617 555 0100",
        "email": "ann@example.org",
        "payer": "Medicare",
    },
}


def _masked(table, rule_id, **changes):
    contract = load("silver", table)
    rule = next(rule for rule in contract.rules if rule.id == rule_id)
    shown = masked(pd.DataFrame([ROW[table] | changes]), contract, ["row 1f0a97c2b64d83e5"], rule)
    return list(shown.columns), shown.iloc[0].to_dict()


def test_a_tenfold_dose_shows_drug_dose_unit_and_the_usual_range_first():
    columns, row = _masked("medications", "MED-P03")
    assert columns[:5] == ["row", "medication_name", "dose", "dose_unit", "expected"]
    assert [row[name] for name in columns[1:5]] == [
        "Ceftriaxone",
        "200",
        "g",
        "usual 1–2 g (× 100 of the upper end)",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dose": "20"}, "usual 1–2 g (× 10 of the upper end)"),
        ({"dose": "0.05"}, "usual 1–2 g (× 0.05 of the lower end)"),
        ({"dose": "1.5"}, "usual 1–2 g"),
        ({"dose": "200", "dose_unit": "mg"}, "usual 1–2 g"),
        ({"dose": "-1"}, "usual 1–2 g"),
        ({"dose": "much"}, "usual 1–2 g"),
        ({"dose": None}, "usual 1–2 g"),
        (
            {"medication_code": "unknown"},
            "within ten times the usual range",
        ),
    ],
)
def test_the_expected_dose_says_how_far_off_the_dose_is(changes, expected):
    assert _masked("medications", "MED-P03", **changes)[1]["expected"] == expected


def test_a_route_shows_the_routes_of_the_drug():
    columns, row = _masked("medications", "MED-P11", route="INH")
    assert columns[1:4] == ["medication_name", "route", "expected"]
    assert row["route"] == "INH"
    assert row["expected"].startswith("route IV")


def test_two_dates_show_how_far_apart_they_are_and_neither_of_them():
    columns, row = _masked("encounters", "ENC-P03")
    assert columns[1:5] == ["admitted_at", "discharged_at", "difference", "expected"]
    assert row["difference"] == "discharged_at − admitted_at = −24.0 h"
    assert row["admitted_at"] == "••••-••-••T••:••:••Z"
    assert _masked("encounters", "ENC-P03", discharged_at="2025-03-15T08:00:00Z")[1]["difference"].endswith(
        "= +10.0 days"
    )
    assert _masked("encounters", "ENC-P03", discharged_at="soon")[1]["difference"] == ""


@pytest.mark.parametrize("table", ROW)
def test_no_identifier_and_no_exact_date_is_left(table):
    contract = load("silver", table)
    for rule in (rule for rule in contract.rules if not rule.is_whole):
        _, row = _masked(table, rule.id)
        text = " ".join(str(value) for value in row.values())
        for hidden in (
            "A1",
            "E1 ",
            "P1",
            "M1",
            "Ann",
            "Lee",
            "Main",
            "Boston",
            "02115",
            "617",
            "@",
            "1984",
            "2025",
        ):
            assert hidden not in text, (rule.id, hidden)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"sex": "617 555 0100"}, {"sex": "•••"}),
        ({"sex": "1984-03-09"}, {"sex": "•••"}),
        ({"payer": "ann@example.org"}, {"payer": "•••"}),
        ({"birth_date": "Ann Lee"}, {"birth_date": "•••"}),
        ({"birth_date": None}, {"birth_date": None}),
        ({"sex": "Q"}, {"sex": "Q"}),
        ({"as_received": "P1,Ann,Lee"}, {"as_received": "•••"}),
    ],
)
def test_an_identifier_in_a_field_where_none_belongs_is_masked(changes, shown):
    _, row = _masked("patients", "PAT-C01", **changes)
    assert {name: row[name] for name in shown} == shown


def test_a_long_number_is_a_dose_and_no_telephone():
    assert _masked("medications", "MED-P03", dose="1000000")[1]["dose"] == "1000000"
    assert _masked("medications", "MED-P03", dose="617 555 0100")[1]["dose"] == "•••"
