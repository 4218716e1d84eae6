"""Rows for the rules on diagnoses."""

from __future__ import annotations

from tests.support.rule_cases.rows import ALONE, CHANGED, GONE, LATER

# by rule: rows (or groups of rows) that fail, that pass, and to which it does not apply
DIAGNOSES = {
    "DIA-M01": (
        [{name: None} for name in ("diagnosis_id", "patient_id", "diagnosis_code")],
        [{}, {"encounter_id": None}],
        [],
    ),
    "DIA-C01": (
        [{"diagnosed_at": "02/01/2025"}, {"updated_at": "yesterday"}],
        [{}, {"diagnosed_at": "2025-02-01T08:00:00-05:00"}, {"diagnosed_at": None}],
        [],
    ),
    "DIA-C02": (
        [{"is_principal": text} for text in ("2", "primary")],
        [{"is_principal": text} for text in ("true", "F", "0", "Y")],
        [{"is_principal": None}],
    ),
    "DIA-C03": (
        [{"diagnosis_code": code} for code in ("11.9", "PNEUMONIA", "J1")],
        [{}, {"diagnosis_code": "E119"}, {"diagnosis_code": "S06.0X1A"}],
        [{"diagnosis_code_system": "SNOMED-CT", "diagnosis_code": "44054006"}],
    ),
    "DIA-C09": (
        [{"diagnosis_code": "J18.7"}],
        [{}, {"diagnosis_code": "e119"}],
        [{"diagnosis_code": "PNEUMONIA"}, {"diagnosis_code_system": "ICD-10"}],
    ),
    "DIA-C12": (
        [{"diagnosis_code_system": "LOCAL"}],
        [{}, {"diagnosis_code_system": "http://snomed.info/sct", "diagnosis_code": "44054006"}],
        [{"diagnosis_code_system": None}],
    ),
    "DIA-C13": ([{"diagnosis_description": "N/A"}], [{}], []),
    "DIA-C08": ([{"_malformed": True}], [{}], []),
    "DIA-C06": ([{"patient_id": "nobody", "encounter_id": None}], [{}], [{"patient_id": None}]),
    "DIA-C07": ([{"encounter_id": "nowhere"}], [{}], [{"encounter_id": None}]),
    "DIA-C05": ([{"patient_id": "man"}], [{}], [{"encounter_id": "nowhere"}, {"patient_id": None}]),
    "DIA-P01": ([[ALONE, {}]], [{}], []),
    "DIA-P02": (
        [[{}, {"diagnosis_code": "I10"}]],
        [[GONE, {"diagnosis_code": "I10", **LATER}], [GONE, {}]],
        [],
    ),
    "DIA-P03": (
        [[{"diagnosis_id": name, "encounter_id": "two", "diagnosis_code": code} for name, code in
          (("p1", "J18.9"), ("p2", "I10"))]],
        [[{"diagnosis_id": f"q{n}", "encounter_id": "one", "is_principal": mark, "diagnosis_code": code}
          for n, (mark, code) in enumerate((("true", "J18.9"), ("false", "I10"), (None, "E11.9")))]],
        [{"encounter_id": None}],
    ),
    "DIA-P04": (
        [[{"diagnosis_id": name, "encounter_id": "again", "is_principal": "false"} for name in ("r1", "r2")]],
        [[{"diagnosis_id": f"s{n}", "encounter_id": "once", "diagnosis_code": code, "is_principal": "false"}
          for n, code in enumerate(("J18.9", "I10"))]],
        [{"encounter_id": None}],
    ),
    "DIA-P17": CHANGED,
    "DIA-P18": (
        [{"diagnosed_at": day} for day in ("9999-12-31", "0001-01-01", "2025-03-02T00:00:01Z")],
        [{}, {"diagnosed_at": "1950-01-01"}, {"diagnosed_at": "2025-03-02T00:00:00Z"}],
        [{"diagnosed_at": None}],
    ),
}  # fmt: skip
