"""Rows for the rules on medications."""

from __future__ import annotations

from tests.support.rule_cases.rows import ALONE, CHANGED, GONE, LATER


def _dose(key, moment, patient):
    return {"administration_id": key, "administered_at": f"2025-02-01T{moment}Z", "patient_id": patient}


ORDER = {"event_kind": "order", "administered_at": None}
DISPENSE = {"event_kind": "dispense"}

# by rule: rows (or groups of rows) that fail, that pass, and to which it does not apply
MEDICATIONS = {
    "MED-M01": (
        [
            *({c: None} for c in ("administration_id", "encounter_id", "patient_id", "medication_code")),
            {**ORDER, "patient_id": None},
            {**DISPENSE, "medication_code": None},
        ],
        [{}, {**ORDER, "encounter_id": None}, {**DISPENSE, "encounter_id": None}],
        [],
    ),
    "MED-M02": (
        [{"administered_at": None}, {"administered_at": None, "event_kind": "MedicationAdministration"}],
        [{}, {"administered_at": "noon"}],
        [{"status": "not-done"}, ORDER, {**DISPENSE, "administered_at": None}],
    ),
    "MED-M03": (
        [{"dose": None}, {"dose_unit": None}],
        [{}],
        [{"dose": None, "status": "not-done"}, {**ORDER, "dose": None}],
    ),
    "MED-M04": (
        [{"route": None}],
        [{}],
        [{"route": None, "status": "stopped"}, {**ORDER, "route": None}],
    ),
    "MED-M07": (
        [{**ORDER, "ordered_at": None}, {**DISPENSE, "ordered_at": None, "administered_at": None}],
        [ORDER, {**DISPENSE, "ordered_at": None}, {**DISPENSE, "administered_at": None}],
        [{}, {"ordered_at": None, "administered_at": None}],
    ),
    "MED-C13": (
        [{"event_kind": "infusion"}],
        [ORDER, DISPENSE, {"event_kind": "Administration"}, {"event_kind": "MedicationRequest"}],
        [{}],
    ),
    "MED-C14": (
        [{"event_kind": "order"}, {"event_kind": "order", "administered_at": "noon"}],
        [ORDER],
        [{}, DISPENSE],
    ),
    "MED-C15": (
        [{"barcode_scanned": "maybe"}],
        [{"barcode_scanned": text} for text in ("true", "No", "1", "f")],
        [{}],
    ),
    "MED-C16": (
        [{"status": "not-done", "reason_not_given": "Told Nurse Ann to come back"}],
        [{"reason_not_given": text} for text in ("refused", "Asleep", "NPO", "Vomit")],
        [{}],
    ),
    "MED-C17": (
        [{"reason_not_given": "refused"}],
        [{"reason_not_given": "refused", "status": "not-done"}],
        [{}, {"status": "not-done"}],
    ),
    "MED-P14": (
        [{"due_at": "2025-02-01T08:59:59Z"}],
        [{"due_at": "2025-02-01T09:00:00Z"}],
        [{}, {"due_at": "2025-01-01T09:00:00Z", "ordered_at": None}],
    ),
    "MED-C01": (
        [
            {"administered_at": "noon"},
            {"ordered_at": "02/01/2025"},
            {"updated_at": "yesterday"},
            {"due_at": "8 pm"},
        ],
        [{}, {"ordered_at": None}],
        [],
    ),
    "MED-C02": (
        [{"medication_code": "lisinopril"}, {"medication_code": "123456789"}],
        [{"medication_code": "12345678"}],
        [{"medication_code_system": "NDC"}, {"medication_code": None}],
    ),
    "MED-C03": (
        [{"dose": "ten"}, {"dose_unit": "spoon"}],
        [{}, {"dose": None}, {"dose_unit": None}],
        [{"dose": None, "dose_unit": None}],
    ),
    "MED-C04": ([{"route": "XX"}], [{"route": "oral"}, {"route": "26643006"}], [{"route": None}]),
    "MED-C05": (
        [
            {"status": "given"},
            {"status": "active"},
            {"status": "declined"},
            {**ORDER, "status": "not-done"},
            {**ORDER, "status": "preparation"},
            {**DISPENSE, "status": "draft"},
        ],
        [
            {"status": "not done"},
            {**ORDER, "status": "active"},
            {**ORDER, "status": "canceled"},
            {**DISPENSE, "status": "declined"},
            {**DISPENSE, "status": "in-progress"},
        ],
        [{"status": None}],
    ),
    **{
        rule: ([{"encounter_id": "nowhere"}, {"patient_id": "nobody"}], [{}, {"patient_id": None}], [])
        for rule in ("MED-C06", "MED-C10")
    },
    "MED-C07": ([{"patient_id": "man"}], [{}], [{"encounter_id": "nowhere"}, {"patient_id": None}]),
    "MED-C08": ([{"_malformed": True}], [{}], []),
    "MED-C12": ([{"medication_name": "None"}], [{}], []),
    "MED-C11": (
        [{"medication_code_system": "ATC"}],
        [{}, {"medication_code_system": "NDC"}],
        [{"medication_code_system": None}],
    ),
    "MED-C09": (
        [
            {"medication_code_system": "NDC", "medication_code": code}
            for code in ("0071015523", "99999999999", "99999-9999-99", "ASPIRIN")
        ],
        [{"medication_code_system": "NDC", "medication_code": "00071-0155-23"}],
        [{}, {"medication_code_system": "NDC", "medication_code": None}],
    ),
    "MED-P01": ([[ALONE, {}]], [{}, [{}, LATER]], []),
    "MED-P02": (
        [
            [{}, {"dose": "5"}],
            [ORDER, {**ORDER, "dose": "5"}],
            [{"ordered_at": None}, {"ordered_at": "2025-02-01T10:00:00Z", "administered_at": None}],
        ],
        [[GONE, {"dose": "5", **LATER}], [GONE, {}], [{}, ORDER, DISPENSE]],
        [],
    ),
    "MED-P03": (
        [{"dose": d} for d in ("0", "-1", "400.1", "0.2")],
        [{"dose": "400"}, {"dose": "0.25"}, {"dose": "4000", "dose_unit": "g"}],
        [{"dose": None}],
    ),
    "MED-P04": (
        [{"dose": "41"}, {"dose": "2"}],
        [{"dose": "40"}, {"dose": "0.04", "dose_unit": "g"}],
        [{"dose_unit": "mL"}, {"medication_code": "1"}],
    ),
    "MED-P05": (
        [{"dose_unit": "g"}, {"dose_unit": "mL"}, {"dose_unit": "ug"}],
        [
            {},
            {"dose": "0.04", "dose_unit": "g"},
            {"dose": "10000", "dose_unit": "ug"},
            {"dose": None, "dose_unit": "g"},
        ],
        [{"dose_unit": None}, {"medication_code": "1"}],
    ),
    "MED-P06": (
        [
            {"administered_at": "2025-02-04T08:00:01Z"},
            {"administered_at": "2025-01-31T07:59:59Z"},
            {"dose": None, "administered_at": "2025-02-20", "ordered_at": "2025-02-20"},
        ],
        [{"administered_at": "2025-02-04T08:00:00Z"}],
        [{**DISPENSE, "administered_at": "2025-02-20"}, {"administered_at": None}, ORDER],
    ),
    "MED-P12": (
        [{"administered_at": "2025-02-03T09:00:01Z"}, {"administered_at": "2025-02-01T06:59:59Z"}],
        [{"administered_at": "2025-02-03T09:00:00Z"}],
        [{"encounter_id": "nowhere"}, {**DISPENSE, "administered_at": "2025-02-20"}],
    ),
    "MED-P07": (
        [{"administered_at": "2025-02-01T08:59:59Z"}, {"administered_at": "2025-01-31"}],
        [{"administered_at": "2025-02-01T09:00:00Z"}, {"administered_at": "2025-02-01"}],
        [{"ordered_at": None}],
    ),
    "MED-P08": (
        [{"patient_id": "dead", "encounter_id": "last", "administered_at": "2025-01-12T00:00:00Z"}],
        [{"patient_id": "dead", "encounter_id": "last", "administered_at": "2025-01-11T01:45:00Z"}],
        [{}],
    ),
    "MED-P09": (
        [
            {"administered_at": "2025-03-01T00:00:01Z"},
            {"ordered_at": "2025-03-02"},
            {"ordered_at": "0001-01-01"},
        ],
        [{"administered_at": "2025-03-01T00:00:00Z"}, {"administered_at": None}],
        [{"administered_at": None, "ordered_at": None}],
    ),
    "MED-P13": CHANGED,
    "MED-P10": (
        [[{**_dose("a", "10:00:00", "1"), **ALONE}, _dose("b", "10:04:59", "1")]],
        [
            [_dose("c", "10:00:00", "2"), _dose("d", "10:05:00", "2")],
            [{**_dose("e", "10:00:00", "3"), **GONE}, {**_dose("e", "10:01:00", "3"), **LATER}],
            [_dose("f", "10:00:00", "4"), {**_dose("g", "10:01:00", "4"), "medication_code": "6809"}],
        ],
        [{"status": "not-done"}, DISPENSE],
    ),
    "MED-P11": ([{"route": "IV"}], [{}], [{"route": None}, {"medication_code": "1"}]),
}
