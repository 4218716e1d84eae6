"""Write a sample as OMOP CDM 5.4 CSV files, https://ohdsi.github.io/CommonDataModel/cdm54.html.

OMOP has no doses, costs, statuses, reasons or due times of medication events: a dose that was not given is no
drug exposure. Identifiers are the texts of the native sample instead of integers. Concepts of medications and
diagnoses have numbers above two billion, as concepts of a site do. Times are local; midnight means an unknown
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipeline.data_generator.extracts import Sample, distinct, write_csv

SEXES = {"M": 8507, "F": 8532, "X": 8521, "U": 8551}
RACES = {
    "White": 8527, "Asian": 8515, "Black or African American": 8516,
    "American Indian or Alaska Native": 8657, "Other": 8522,
}  # fmt: skip
ETHNICITIES = {"Hispanic or Latino": 38003563, "Not Hispanic or Latino": 38003564}
CLASSES = {"IMP": 9201, "EMER": 9203, "AMB": 9202, "OBSENC": 581385, "VR": 5083}
DISPOSITIONS = {"home": 8536, "snf": 8863, "hospice": 8546, "ama": 4021968, "expired": 4216643}
KINDS = {"order": 32838, "dispense": 32825, "administration": 32818}
EHR, PRIMARY = 32817, 32902
_FIRST_CONCEPT = 2_000_000_000

Row = Mapping[str, str]


def write(sample: Sample, folder: Path) -> None:
    drugs = distinct(sample.medications, "medication_code", "medication_name")
    diagnoses = distinct(sample.encounters, "diagnosis_code", "diagnosis_description")
    concepts = [
        *((code, name, "Drug", "RxNorm") for code, name in drugs),
        *((code, name, "Condition", "ICD10CM") for code, name in diagnoses if code),
    ]
    number = {(of, code): _FIRST_CONCEPT + n for n, (code, _, _, of) in enumerate(concepts, 1)}
    sites = {name: n for n, (name,) in enumerate(distinct(sample.encounters, "department"), 1)}
    providers = distinct(sample.encounters, "provider_npi", "provider_name", "provider_specialty")
    deaths = [row for row in sample.patients if row["death_date"]]
    files = {
        "person": [_person(row, n) for n, row in enumerate(sample.patients, 1)],
        "location": [_location(row, n) for n, row in enumerate(sample.patients, 1)],
        "death": [
            {"person_id": row["patient_id"], "death_date": row["death_date"], "death_type_concept_id": EHR}
            for row in deaths
        ],
        "visit_occurrence": [_visit(sample, row, sites) for row in sample.encounters],
        "condition_occurrence": [_condition(sample, row, number) for row in sample.encounters],
        "drug_exposure": [
            _drug(sample, row, number) for row in sample.medications if row["status"] != "not-done"
        ],
        "provider": [
            {"provider_id": npi, "provider_name": name, "npi": npi, "specialty_concept_id": 0,
             "specialty_source_value": specialty}
            for npi, name, specialty in providers
        ],
        "care_site": [
            {"care_site_id": n, "care_site_name": name, "place_of_service_concept_id": 0}
            for name, n in sites.items()
        ],
        "concept": [
            {"concept_id": number[of, code], "concept_name": name, "domain_id": domain, "vocabulary_id": of,
             "concept_class_id": domain, "standard_concept": "S", "concept_code": code}
            for code, name, domain, of in concepts
        ],
    }  # fmt: skip
    for name, rows in files.items():
        if rows:
            write_csv(folder / f"{name}.csv", rows)


def _person(row: Row, location: int) -> dict[str, object]:
    year, month, day = row["birth_date"].split("-")
    return {
        "person_id": row["patient_id"], "gender_concept_id": SEXES[row["sex"]], "year_of_birth": year,
        "month_of_birth": month.lstrip("0"), "day_of_birth": day.lstrip("0"),
        "race_concept_id": RACES[row["race"]], "ethnicity_concept_id": ETHNICITIES[row["ethnicity"]],
        "location_id": location, "gender_source_value": row["sex"], "race_source_value": row["race"],
        "ethnicity_source_value": row["ethnicity"],
    }  # fmt: skip


def _location(row: Row, number: int) -> dict[str, object]:
    return {
        "location_id": number, "address_1": row["street"], "city": row["city"], "state": row["state"],
        "zip": row["postal_code"],
    }  # fmt: skip


def _visit(sample: Sample, row: Row, sites: Mapping[str, int]) -> dict[str, object]:
    start, end = sample.local(row["admitted_at"]), sample.local(row["discharged_at"])
    return {
        "visit_occurrence_id": row["encounter_id"], "person_id": row["patient_id"],
        "visit_concept_id": CLASSES[row["encounter_class"]], "visit_start_date": start[:10],
        "visit_start_datetime": start, "visit_end_date": end[:10], "visit_end_datetime": end,
        "visit_type_concept_id": EHR, "provider_id": row["provider_npi"],
        "care_site_id": sites[row["department"]], "visit_source_value": row["encounter_class"],
        "discharged_to_concept_id": DISPOSITIONS.get(row["discharge_disposition"], ""),
        "discharged_to_source_value": row["discharge_disposition"],
    }  # fmt: skip


def _condition(sample: Sample, row: Row, number: Mapping[tuple[str, str], int]) -> dict[str, object]:
    concept = number["ICD10CM", row["diagnosis_code"]]
    return {
        "condition_occurrence_id": f"C-{row['encounter_id']}", "person_id": row["patient_id"],
        "condition_concept_id": concept, "condition_start_date": sample.local(row["admitted_at"])[:10],
        "condition_type_concept_id": EHR, "condition_status_concept_id": PRIMARY,
        "visit_occurrence_id": row["encounter_id"], "condition_source_value": row["diagnosis_code"],
        "condition_source_concept_id": concept,
    }  # fmt: skip


def _drug(sample: Sample, row: Row, number: Mapping[tuple[str, str], int]) -> dict[str, object]:
    at = sample.local(row["ordered_at"] if row["event_kind"] == "order" else row["administered_at"])
    return {
        "drug_exposure_id": row["administration_id"], "person_id": row["patient_id"],
        "drug_concept_id": number["RxNorm", row["medication_code"]], "drug_exposure_start_date": at[:10],
        "drug_exposure_start_datetime": at, "drug_type_concept_id": KINDS[row["event_kind"]],
        "provider_id": row["provider_npi"], "visit_occurrence_id": row["encounter_id"],
        "drug_source_value": row["medication_name"], "route_source_value": row["route"],
    }  # fmt: skip
