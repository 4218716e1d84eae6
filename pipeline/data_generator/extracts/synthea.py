"""Write a sample as the CSV files of Synthea.

https://github.com/synthetichealth/synthea/wiki/CSV-File-Data-Dictionary. Synthea has orders only, without
dose, route and status; no departments, no dispositions, and no class of observation stays, which are
outpatient. Its reasons are SNOMED CT codes, so the ICD-10-CM codes of the sample are left out.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.data_generator.extracts import Sample, distinct, write_csv

CLASSES = {
    "AMB": "ambulatory",
    "EMER": "emergency",
    "IMP": "inpatient",
    "OBSENC": "outpatient",
    "VR": "virtual",
}


def write(sample: Sample, folder: Path) -> None:
    write_csv(folder / "patients.csv", [_patient(row) for row in sample.patients])
    write_csv(folder / "encounters.csv", [_encounter(row) for row in sample.encounters])
    ends = {row["encounter_id"]: row["discharged_at"] for row in sample.encounters}
    orders = [
        {
            "START": row["ordered_at"], "STOP": ends[row["encounter_id"]], "PATIENT": row["patient_id"],
            "PAYER": "", "ENCOUNTER": row["encounter_id"], "CODE": row["medication_code"],
            "DESCRIPTION": row["medication_name"], "BASE_COST": "", "PAYER_COVERAGE": "", "DISPENSES": "1",
            "TOTALCOST": "", "REASONCODE": "", "REASONDESCRIPTION": "",
        }
        for row in sample.of_kind("order")
    ]  # fmt: skip
    write_csv(folder / "medications.csv", orders)
    providers = distinct(sample.encounters, "provider_npi", "provider_name", "provider_specialty")
    write_csv(
        folder / "providers.csv",
        [{"Id": npi, "ORGANIZATION": "", "NAME": name, "SPECIALITY": of} for npi, name, of in providers],
    )


def _patient(row: dict[str, str]) -> dict[str, str]:
    return {
        "Id": row["patient_id"], "BIRTHDATE": row["birth_date"], "DEATHDATE": row["death_date"], "SSN": "",
        "FIRST": row["first_name"], "LAST": row["last_name"], "MARITAL": row["marital_status"],
        "RACE": row["race"], "ETHNICITY": row["ethnicity"], "GENDER": row["sex"], "ADDRESS": row["street"],
        "CITY": row["city"], "STATE": row["state"], "ZIP": row["postal_code"],
    }  # fmt: skip


def _encounter(row: dict[str, str]) -> dict[str, str]:
    return {
        "Id": row["encounter_id"], "START": row["admitted_at"], "STOP": row["discharged_at"],
        "PATIENT": row["patient_id"], "ORGANIZATION": "", "PROVIDER": row["provider_npi"], "PAYER": "",
        "ENCOUNTERCLASS": CLASSES[row["encounter_class"]], "CODE": "", "DESCRIPTION": "",
        "BASE_ENCOUNTER_COST": "", "TOTAL_CLAIM_COST": row["total_cost"], "PAYER_COVERAGE": "",
        "REASONCODE": "", "REASONDESCRIPTION": "",
    }  # fmt: skip
