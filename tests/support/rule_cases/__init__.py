"""Rows for every row rule, by table: those that fail it, that pass it, and to which it does not apply."""

from tests.support.rule_cases.diagnoses import DIAGNOSES
from tests.support.rule_cases.encounters import ENCOUNTERS
from tests.support.rule_cases.medications import MEDICATIONS
from tests.support.rule_cases.patients import PATIENTS

CASES = {"patients": PATIENTS, "encounters": ENCOUNTERS, "medications": MEDICATIONS, "diagnoses": DIAGNOSES}

EMPTY = {
    "patients": {"PAT-M02", "PAT-M03", "PAT-M04", "PAT-M05"},
    "encounters": {"ENC-M01", "ENC-M04"},
    "medications": {"MED-M01"},
    "diagnoses": {"DIA-M01"},
}
"""What a row with nothing but its key fails."""
