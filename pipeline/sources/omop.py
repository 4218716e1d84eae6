"""SQL that converts the CSV files of an OMOP Common Data Model 5.3 or 5.4 to the bronze columns.

Tables and fields: https://ohdsi.github.io/CommonDataModel/cdm53.html and
https://ohdsi.github.io/CommonDataModel/cdm54.html; concepts: https://athena.ohdsi.org

A concept is looked up in the extract's CONCEPT table; the standard concepts of sex, race, ethnicity, visits
and types of records are known without it. A drug whose concept is not there keeps the concept id as its code.

Times have no offset: they are local times of the hospital. The documentation says to write midnight where the
time is not known, so a time of midnight is kept as the date alone. A date of birth needs year, month and day.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.sources.omop_fields import DATES, KEYS, KNOWN, NOT_NEEDED, REQUIRED

__all__ = ["DATES", "KEYS", "KNOWN", "LOOKS_UP", "NOT_NEEDED", "REQUIRED", "query"]

SEXES = {"8507": "M", "8532": "F", "8521": "X", "8551": "U"}
"""https://athena.ohdsi.org/search-terms/terms?domain=Gender"""

RACES = {
    "8527": "White",
    "8515": "Asian",
    "8516": "Black or African American",
    "8557": "Native Hawaiian or Other Pacific Islander",
    "8657": "American Indian or Alaska Native",
    "8522": "Other Race",
}
"""https://athena.ohdsi.org/search-terms/terms?domain=Race&standardConcept=Standard"""

ETHNICITIES = {"38003563": "Hispanic or Latino", "38003564": "Not Hispanic or Latino"}
"""https://athena.ohdsi.org/search-terms/terms?domain=Ethnicity&standardConcept=Standard"""

CLASSES = {
    "9201": "IMP",  # Inpatient Visit
    "262": "IMP",  # Emergency Room and Inpatient Visit
    "32037": "IMP",  # Intensive Care
    "42898160": "IMP",  # Non-hospital institution Visit
    "38004311": "IMP",  # Inpatient Hospice
    "9203": "EMER",  # Emergency Room Visit
    "581385": "OBSENC",  # Observation Room
    "9202": "AMB",  # Outpatient Visit
    "581477": "AMB",  # Office Visit
    "32036": "AMB",  # Laboratory Visit
    "32693": "AMB",  # Health examination
    "581476": "HH",  # Home Visit
    "5083": "VR",  # Telehealth
}
"""https://athena.ohdsi.org/search-terms/terms?domain=Visit&standardConcept=Standard"""

DISPOSITIONS = {
    "8536": "home",  # Home
    "581476": "home",  # Home Visit
    "8863": "snf",  # Skilled Nursing Facility
    "8546": "hospice",  # Hospice
    "38004311": "hospice",  # Inpatient Hospice
    "4216643": "expired",  # Patient died
    "4021968": "ama",  # Patient self-discharge against medical advice
}
"""https://ohdsi.github.io/CommonDataModel/cdm54.html#visit_occurrence, discharged_to_concept_id"""

EVENT_KINDS = {
    "32833": "order",  # EHR order
    "32838": "order",  # EHR prescription
    "32839": "order",  # EHR prescription issue record
    "38000177": "order",  # Prescription written
    "32825": "dispense",  # EHR dispensing record
    "32869": "dispense",  # Pharmacy claim
    "38000175": "dispense",  # Prescription dispensed in pharmacy
    "38000176": "dispense",  # Prescription dispensed through mail order
    "32818": "administration",  # EHR administration record
    "38000179": "administration",  # Physician administered drug (identified as procedure)
    "38000180": "administration",  # Inpatient administration
}
"""Kinds of drug exposures by type concept, also of the former vocabulary Drug Type.

https://github.com/OHDSI/Vocabulary-v5.0/wiki/Vocab.-TYPE_CONCEPT. A type that is not listed is kept and fails
the rule on the kind.
"""

PRIMARY = "'32901', '32902', '32903'"
"""Condition statuses of the principal diagnosis (primary admission, primary, primary discharge diagnosis).

https://athena.ohdsi.org/search-terms/terms?domain=Condition+Status
"""

STILL_PATIENT = "32220"
"""Visit type of a visit that had not ended at the extract: the date of the extract is its end date."""

_NO_TIME = r"[ T]00:00(:00(\\.0+)?)?\\z"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?\\z"


def _mapped(column: str, codes: Mapping[str, str], otherwise: str) -> str:
    whens = " ".join(f"WHEN '{theirs}' THEN '{ours}'" for theirs, ours in codes.items())
    return f"CASE {column} {whens} ELSE {otherwise} END"


def _local(time: str, date: str) -> str:
    """Return SQL for a local time as text in UTC; the date alone if the time is midnight or missing."""
    known = f"{time} RLIKE '{_TIME}'"
    in_utc = f"CAST(to_utc_timestamp(CAST({time} AS TIMESTAMP), '{{time_zone}}') AS STRING)"
    return (
        f"CASE WHEN {time} IS NULL THEN left({date}, 10) "
        f"WHEN {time} RLIKE '{_NO_TIME}' THEN left({time}, 10) "
        f"WHEN {known} THEN {in_utc} ELSE {time} END"
    )


def _null(name: str) -> str:
    return f"CAST(NULL AS STRING) AS {name}"


_EXTRA = ", ".join(
    f"x.{name}" for name in ("_malformed", "_file", "_line", "_as_read", "batch_id", "_received_at")
)

_CONCEPTS = """(
    SELECT batch_id, concept_id, min(struct(vocabulary_id, concept_code, concept_name)) AS it
    FROM concepts GROUP BY batch_id, concept_id)"""


def _one(table: str, key: str, *columns: str) -> str:
    """Return SQL for one struct `it` of columns by batch and key of a table."""
    return f"""(
    SELECT batch_id, {key}, min(struct({", ".join(columns)})) AS it
    FROM {table} WHERE {key} IS NOT NULL GROUP BY batch_id, {key})"""


def _join(rows: str, alias: str, key: str, reference: str) -> str:
    return f"LEFT JOIN {rows} {alias} ON {reference} = {alias}.{key} AND x.batch_id = {alias}.batch_id"


def _concept(alias: str, reference: str) -> str:
    return _join(_CONCEPTS, alias, "concept_id", reference)


_BIRTH_DATE = """CASE WHEN x.month_of_birth IS NOT NULL AND x.day_of_birth IS NOT NULL
    THEN concat(x.year_of_birth, '-', lpad(x.month_of_birth, 2, '0'), '-', lpad(x.day_of_birth, 2, '0'))
    ELSE x.year_of_birth END"""

_PROVIDER = _one(
    "providers", "provider_id", "npi", "provider_name", "specialty_concept_id", "specialty_source_value"
)

_DIAGNOSES = f"""(
    SELECT batch_id, visit_occurrence_id,
           min(struct(CASE WHEN condition_status_concept_id IN ({PRIMARY}) THEN 0 ELSE 1 END AS place,
                      condition_start_date, length(condition_occurrence_id) AS digits,
                      condition_occurrence_id,
                      condition_concept_id, condition_source_concept_id, condition_source_value)) AS it
    FROM diagnoses WHERE visit_occurrence_id IS NOT NULL GROUP BY batch_id, visit_occurrence_id)"""


def _coded(source: str, standard: str, preferred: str, field: str, otherwise: str) -> str:
    """Return SQL for a field of the source concept if its vocabulary is `preferred`, else of the standard."""
    return (
        f"CASE WHEN {source}.it.vocabulary_id IN ({preferred}) THEN {source}.it.{field} "
        f"WHEN {standard}.it.concept_code IS NOT NULL THEN {standard}.it.{field} ELSE {otherwise} END"
    )


def _diagnosis(field: str, otherwise: str) -> str:
    return _coded("cs", "c", "'ICD10CM', 'SNOMED'", field, otherwise)


def _drug(field: str, otherwise: str) -> str:
    standard = f"CASE WHEN c.it.concept_code IS NOT NULL THEN c.it.{field} ELSE {otherwise} END"
    return (
        f"CASE WHEN coalesce(c.it.vocabulary_id, '') <> 'RxNorm' AND cs.it.vocabulary_id = 'RxNorm' "
        f"THEN cs.it.{field} ELSE {standard} END"
    )


_CONDITION = "coalesce(nullif(x.condition_source_value, ''), x.condition_concept_id)"
_NO_CONCEPT = "coalesce(x.drug_concept_id, '0') = '0'"
_DISCHARGED_TO = "coalesce(x.discharged_to_concept_id, x.discharge_to_concept_id)"

_AT = _local("x.drug_exposure_start_datetime", "x.drug_exposure_start_date")
_KIND = _mapped("x.drug_type_concept_id", EVENT_KINDS, "x.drug_type_concept_id")

_QUERIES = {
    "patients": f"""
        SELECT x.person_id AS patient_id, {_null("mrn")}, {_null("first_name")}, {_null("last_name")},
               {_BIRTH_DATE} AS birth_date, left(d.it.death_date, 10) AS death_date,
               {_mapped("x.gender_concept_id", SEXES, "x.gender_source_value")} AS sex,
               coalesce({
        _mapped("x.race_concept_id", RACES, "r.it.concept_name")
    }, x.race_source_value) AS race,
               coalesce({_mapped("x.ethnicity_concept_id", ETHNICITIES, "CAST(NULL AS STRING)")},
                        x.ethnicity_source_value) AS ethnicity,
               {_null("marital_status")}, {_null("language")}, l.it.address_1 AS street, l.it.city AS city,
               l.it.state AS state, l.it.zip AS postal_code, {_null("phone")}, {_null("email")},
               {_null("payer")}, {_null("updated_at")}, {_EXTRA}
        FROM patients x
        {_join(_one("deaths", "person_id", "death_date"), "d", "person_id", "x.person_id")}
        {
        _join(
            _one("locations", "location_id", "address_1", "city", "state", "zip"),
            "l",
            "location_id",
            "x.location_id",
        )
    }
        {_concept("r", "nullif(x.race_concept_id, '0')")}""",
    "encounters": f"""
        SELECT x.visit_occurrence_id AS encounter_id, x.person_id AS patient_id,
               coalesce(p.it.npi, x.provider_id) AS provider_npi, p.it.provider_name AS provider_name,
               coalesce(p.it.specialty_source_value, s.it.concept_name) AS provider_specialty,
               k.it.care_site_name AS department, {_null("facility")},
               {
        _mapped(
            "x.visit_concept_id",
            CLASSES,
            "CASE WHEN x.visit_concept_id = '0' THEN x.visit_source_value ELSE x.visit_concept_id END",
        )
    }
                 AS encounter_class,
               {_local("x.visit_start_datetime", "x.visit_start_date")} AS admitted_at,
               CASE WHEN x.visit_type_concept_id = '{STILL_PATIENT}' THEN CAST(NULL AS STRING)
                    ELSE {_local("x.visit_end_datetime", "x.visit_end_date")} END AS discharged_at,
               {_diagnosis("concept_code", "nullif(g.it.condition_source_value, '')")} AS diagnosis_code,
               {_diagnosis("vocabulary_id", "CAST(NULL AS STRING)")} AS diagnosis_code_system,
               {_diagnosis("concept_name", "CAST(NULL AS STRING)")} AS diagnosis_description,
               {
        _mapped(
            _DISCHARGED_TO,
            DISPOSITIONS,
            "coalesce(x.discharged_to_source_value, x.discharge_to_source_value)",
        )
    }
                 AS discharge_disposition,
               {_null("total_cost")}, {_null("updated_at")}, {_EXTRA}
        FROM encounters x
        {_join(_PROVIDER, "p", "provider_id", "x.provider_id")}
        {_join(_one("care_sites", "care_site_id", "care_site_name"), "k", "care_site_id", "x.care_site_id")}
        {_join(_DIAGNOSES, "g", "visit_occurrence_id", "x.visit_occurrence_id")}
        {_concept("s", "nullif(p.it.specialty_concept_id, '0')")}
        {_concept("c", "nullif(g.it.condition_concept_id, '0')")}
        {_concept("cs", "nullif(g.it.condition_source_concept_id, '0')")}""",
    "medications": f"""
        SELECT x.drug_exposure_id AS administration_id, x.visit_occurrence_id AS encounter_id,
               x.person_id AS patient_id, coalesce(p.it.npi, x.provider_id) AS provider_npi,
               {_drug("concept_code", f"if({_NO_CONCEPT}, x.drug_source_value, x.drug_concept_id)")}
                 AS medication_code,
               {_drug("vocabulary_id", f"if({_NO_CONCEPT}, 'source', 'OMOP')")}
                 AS medication_code_system,
               {_drug("concept_name", "x.drug_source_value")} AS medication_name,
               {_null("dose")}, {_null("dose_unit")},
               coalesce(r.it.concept_code, x.route_source_value) AS route,
               CASE WHEN {_KIND} = 'order' THEN {_AT} END AS ordered_at,
               CASE WHEN {_KIND} <> 'order' THEN {_AT} END AS administered_at,
               CASE WHEN {_KIND} <> 'order' THEN 'completed' END AS status, {_null("updated_at")},
               {_KIND} AS event_kind, {_null("due_at")}, {_null("reason_not_given")},
               {_null("barcode_scanned")}, {_EXTRA}
        FROM medications x
        {_join(_PROVIDER, "p", "provider_id", "x.provider_id")}
        {_concept("c", "nullif(x.drug_concept_id, '0')")}
        {_concept("cs", "nullif(x.drug_source_concept_id, '0')")}
        {_concept("r", "nullif(x.route_concept_id, '0')")}""",
    "diagnoses": f"""
        SELECT x.condition_occurrence_id AS diagnosis_id, x.visit_occurrence_id AS encounter_id,
               x.person_id AS patient_id,
               {_diagnosis("concept_code", _CONDITION)}
                 AS diagnosis_code,
               {_diagnosis("vocabulary_id", "CAST(NULL AS STRING)")} AS diagnosis_code_system,
               {_diagnosis("concept_name", "CAST(NULL AS STRING)")} AS diagnosis_description,
               CASE WHEN x.visit_occurrence_id IS NULL THEN CAST(NULL AS STRING)
                    WHEN g.it.condition_occurrence_id = x.condition_occurrence_id THEN 'true' ELSE 'false' END
                 AS is_principal,
               {_local("x.condition_start_datetime", "x.condition_start_date")} AS diagnosed_at,
               {_null("updated_at")}, {_EXTRA}
        FROM diagnoses x
        {_join(_DIAGNOSES, "g", "visit_occurrence_id", "x.visit_occurrence_id")}
        {_concept("c", "nullif(x.condition_concept_id, '0')")}
        {_concept("cs", "nullif(x.condition_source_concept_id, '0')")}""",
}

LOOKS_UP = {
    "patients": ("deaths", "locations", "concepts"),
    "encounters": ("providers", "care_sites", "diagnoses", "concepts"),
    "medications": ("providers", "concepts"),
    "diagnoses": ("concepts",),
}
"""File types that a table's query joins."""


def query(table: str) -> str:
    """Return SQL that converts OMOP's fields (one view per file type) to the bronze columns of `table`."""
    return _QUERIES[table]
