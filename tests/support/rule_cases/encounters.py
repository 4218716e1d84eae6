"""Rows for the rules on encounters."""

from __future__ import annotations

from tests.support.rule_cases.rows import ALONE, CHANGED, GONE, LATER


def _inpatient(key, days, **others):
    first, last = (f"2025-02-{day:02d}T08:00:00Z" for day in days)
    return {
        "encounter_id": key,
        "encounter_class": "IMP",
        "admitted_at": first,
        "discharged_at": last,
        **others,
    }


# by rule: rows (or groups of rows) that fail, that pass, and to which it does not apply
ENCOUNTERS = {
    "ENC-M01": ([{"encounter_id": None}, {"patient_id": None}, {"admitted_at": None}], [{}], []),
    "ENC-M02": (
        [{"admitted_at": "2024-11-01T08:00:00Z", "discharged_at": None}],
        [{"admitted_at": "2024-11-01T08:00:00Z", "discharged_at": "2024-11-01T09:00:00Z"}],
        [{"discharged_at": None}, {"encounter_class": None, "admitted_at": "2024-11-01"}],
    ),
    "ENC-M03": (
        [{"encounter_class": "IMP", "diagnosis_code": None}],
        [{"encounter_class": "EMER"}],
        [{"diagnosis_code": None}],
    ),
    "ENC-M04": ([{"provider_npi": None}], [{}], []),
    "ENC-C01": (
        [{"admitted_at": "02/01/2025 08:00"}, {"discharged_at": "noon"}, {"updated_at": "yesterday"}],
        [{"admitted_at": "2025-02-01 08:00:00"}, {"admitted_at": "2025-02-01"}, {"discharged_at": None}],
        [],
    ),
    "ENC-C13": ([{"department": "N/A"}], [{}], []),
    "ENC-C12": (
        [{"diagnosis_code_system": "local"}],
        [{}, {"diagnosis_code_system": "icd9"}],
        [{"diagnosis_code_system": None}],
    ),
    "ENC-C10": (
        [[{"_file": "mixed"}, {"_file": "mixed", "admitted_at": "2025-02-01"}]],
        [[{"_file": "days", "admitted_at": "2025-02-01"}, {"_file": "days", "admitted_at": "2025-01-31"}]],
        [{"admitted_at": None}],
    ),
    "ENC-C02": (
        [{"encounter_class": "XYZ"}],
        [{"encounter_class": "inpatient"}],
        [{"encounter_class": None}],
    ),
    "ENC-C03": (
        [{"diagnosis_code": c} for c in ("Pneumonia", "J1", "J18.99999", "J18..9")],
        [{"diagnosis_code": c} for c in ("j189", "E11", "U07.1", "QA0.0101", "T40.4X1A", "J99.9")],
        [{"diagnosis_code": "233604007", "diagnosis_code_system": "SNOMED-CT"}, {"diagnosis_code": None}],
    ),
    "ENC-C09": (
        [{"diagnosis_code": c} for c in ("J99.9", "U99.9", "Z99.999", "T40.4X1A")],
        [{"diagnosis_code": c} for c in ("j189", "E11", "U07.1", "QA0.0101", "S72.001A", "T78.40XA")],
        [{"diagnosis_code": "J18..9"}, {"diagnosis_code": None}],
    ),
    "ENC-C04": (
        [{"diagnosis_code_system": "SNOMED-CT"}, {"diagnosis_code_system": None}],
        [{}],
        [{"diagnosis_code": None}],
    ),
    "ENC-C05": (
        [{"provider_npi": n} for n in ("1234567890", "123", "DR-LEE", "3234567893")],
        [{}],
        [{"provider_npi": None}],
    ),
    "ENC-C06": ([{"patient_id": "nobody"}], [{}], [{"patient_id": None}]),
    "ENC-C11": ([{"patient_id": "nobody"}], [{}], [{"patient_id": None}]),
    "ENC-C07": (
        [{"total_cost": c} for c in ("1,00", "$5", "1.234")],
        [{"total_cost": "0"}, {"total_cost": "-5.10"}],
        [{"total_cost": None}],
    ),
    "ENC-C08": ([{"_malformed": True}], [{}], []),
    "ENC-P01": ([[ALONE, {}]], [{}, [{}, LATER]], []),
    "ENC-P02": (
        [[{}, {"total_cost": "5"}]],
        [[GONE, {"total_cost": "5", **LATER}], [GONE, {}]],
        [],
    ),
    "ENC-P03": (
        [{"discharged_at": "2025-02-01T07:59:59Z"}, {"discharged_at": "2025-01-31"}],
        [{"discharged_at": "2025-02-01T08:00:00Z"}, {"discharged_at": "2025-02-01"}],
        [{"discharged_at": None}],
    ),
    "ENC-P04": (
        [
            {"patient_id": "baby", "admitted_at": "2025-01-18"},
            {"patient_id": "baby", "admitted_at": "2025-01-19T23:59:59Z"},
        ],
        [{"patient_id": "baby", "admitted_at": "2025-01-20T00:00:00Z"}, {}],
        [{"patient_id": "nobody", "admitted_at": "1901-01-01"}],
    ),
    "ENC-P18": (
        [{"admitted_at": "2025-03-01T00:00:01Z"}, {"admitted_at": "0001-01-01"}],
        [{"admitted_at": "2025-03-01T00:00:00Z"}, {"admitted_at": "1900-01-01"}],
        [{"admitted_at": None}],
    ),
    "ENC-P16": (
        [{"discharged_at": "9999-12-31"}, {"discharged_at": "2025-03-03"}],
        [{"discharged_at": "2025-03-02"}, {}],
        [{"discharged_at": None}],
    ),
    "ENC-P17": CHANGED,
    "ENC-P05": (
        [{"patient_id": "dead", "admitted_at": "2025-02-10"}],
        [{"patient_id": "dead", "admitted_at": "2025-02-09"}],
        [{}],
    ),
    "ENC-P15": (
        [{"patient_id": "dead", "admitted_at": "2025-01-12"}],
        [{"patient_id": "dead", "admitted_at": "2025-01-11"}],
        [{}],
    ),
    "ENC-P06": (
        [
            {"encounter_class": "IMP", "admitted_at": "2024-01-01", "discharged_at": "2025-01-01"},
            {"encounter_class": "EMER", "discharged_at": "2025-02-08T09:00:00Z"},
            {"discharged_at": "2025-02-02T09:00:00Z"},
        ],
        [
            {"encounter_class": "EMER", "discharged_at": "2025-02-08T08:00:00Z"},
            {"discharged_at": "2025-02-02T08:00:00Z"},
        ],
        [{"encounter_class": "VR"}, {"discharged_at": None}],
    ),
    "ENC-P07": (
        [
            [_inpatient("a", (1, 5), patient_id="1", **ALONE), _inpatient("b", (3, 6), patient_id="1")],
            [
                _inpatient("c", (1, 20), patient_id="2", **ALONE),
                _inpatient("d", (3, 4), patient_id="2"),
                _inpatient("e", (6, 7), patient_id="2"),
            ],
        ],
        [
            [_inpatient("f", (1, 5), patient_id="3"), _inpatient("g", (5, 6), patient_id="3")],
            [
                _inpatient("h", (1, 5), patient_id="4", **GONE),
                _inpatient("h", (1, 5), patient_id="4", **LATER),
            ],
        ],
        [{}],
    ),
    "ENC-P08": (
        [{"patient_id": "man", "diagnosis_code": "O80"}, {"diagnosis_code": "C61"}],
        [{"patient_id": "man", "diagnosis_code": "C61"}, {"diagnosis_code": "O80"}],
        [
            {"patient_id": "unrecorded", "diagnosis_code": "O80"},
            {"patient_id": "man", "diagnosis_code": None},
        ],
    ),
    "ENC-P09": (
        [{"diagnosis_code": "P59.9"}, {"patient_id": "child", "diagnosis_code": "F03.90"}],
        [{"patient_id": "baby", "diagnosis_code": "P59.9"}, {"diagnosis_code": "G30.9"}],
        [{"patient_id": "nobody"}, {"diagnosis_code_system": "SNOMED-CT"}],
    ),
    "ENC-P10": (
        [{"total_cost": "-0.01"}, {"total_cost": "5000000"}],
        [{"total_cost": "0"}, {"total_cost": "4999999.99"}],
        [{"total_cost": None}, {"total_cost": "much"}],
    ),
    "ENC-P11": (
        [
            {"encounter_class": "IMP", "discharge_disposition": "Expired"},
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2025-01-05",
                "discharged_at": "2025-01-10",
            },
        ],
        [
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2025-01-05",
                "discharged_at": "2025-01-10",
                "discharge_disposition": "expired",
            }
        ],
        [
            {"encounter_class": "IMP"},
            {"encounter_class": "IMP", "discharge_disposition": None},
            {
                "encounter_class": "IMP",
                "patient_id": "dead",
                "admitted_at": "2024-05-01",
                "discharged_at": "2024-05-03",
            },
        ],
    ),
    "ENC-P14": (
        [[{"provider_npi": "A"}, {"encounter_id": "i", "provider_npi": "A", "provider_name": "Dr Who"}]],
        [[{"provider_npi": "B"}, {"encounter_id": "j", "provider_npi": "B", "provider_name": "DR LEE"}]],
        [{"provider_npi": "C", "provider_name": None}, {"provider_npi": None}],
    ),
}
