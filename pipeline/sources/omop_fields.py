"""Tables and fields of the OMOP Common Data Model that are read, and tables that are not needed.

https://github.com/OHDSI/CommonDataModel/blob/main/inst/csv/OMOP_CDMv5.3_Field_Level.csv and
https://github.com/OHDSI/CommonDataModel/blob/main/inst/csv/OMOP_CDMv5.4_Field_Level.csv
"""

from __future__ import annotations

_REQUIRED = {
    "patients": "person_id gender_concept_id year_of_birth race_concept_id ethnicity_concept_id",
    "encounters": "visit_occurrence_id person_id visit_concept_id visit_start_date visit_end_date "
    "visit_type_concept_id",
    "medications": "drug_exposure_id person_id drug_concept_id drug_exposure_start_date drug_type_concept_id",
    "diagnoses": "condition_occurrence_id person_id condition_concept_id condition_start_date "
    "condition_type_concept_id",
    "providers": "provider_id provider_name npi specialty_concept_id specialty_source_value",
    "care_sites": "care_site_id care_site_name place_of_service_concept_id",
    "locations": "location_id address_1 city state zip",
    "deaths": "person_id death_date death_type_concept_id",
    "concepts": "concept_id concept_name domain_id vocabulary_id concept_class_id concept_code",
}
"""Fields that identify a table, by the file type as which it is read.

The tables are person, visit_occurrence, drug_exposure, condition_occurrence, provider, care_site, location,
death and concept.
"""

_USED = {
    "patients": "month_of_birth day_of_birth location_id gender_source_value race_source_value "
    "ethnicity_source_value",
    "encounters": "visit_start_datetime visit_end_datetime provider_id care_site_id visit_source_value "
    "discharge_to_concept_id discharge_to_source_value discharged_to_concept_id discharged_to_source_value",
    "medications": "drug_exposure_start_datetime provider_id visit_occurrence_id drug_source_value "
    "drug_source_concept_id route_concept_id route_source_value",
    "diagnoses": "condition_start_datetime visit_occurrence_id condition_status_concept_id "
    "condition_source_concept_id condition_source_value",
    "providers": "",
    "care_sites": "",
    "locations": "",
    "deaths": "",
    "concepts": "",
}
"""Further fields that are read: those of visits where a patient is discharged to have another name in 5.4."""

_NOT_NEEDED = {
    "attribute_definition": "attribute_definition_id attribute_name",
    "cdm_source": "cdm_source_name cdm_source_abbreviation",
    "cohort": "cohort_definition_id subject_id cohort_start_date",
    "cohort_definition": "cohort_definition_id cohort_definition_name",
    "concept_ancestor": "ancestor_concept_id descendant_concept_id",
    "concept_class": "concept_class_id concept_class_name",
    "concept_relationship": "concept_id_1 concept_id_2 relationship_id",
    "concept_synonym": "concept_id concept_synonym_name",
    "condition_era": "condition_era_id person_id condition_concept_id",
    "cost": "cost_id cost_event_id cost_domain_id",
    "device_exposure": "device_exposure_id person_id device_concept_id",
    "domain": "domain_id domain_name",
    "dose_era": "dose_era_id person_id drug_concept_id",
    "drug_era": "drug_era_id person_id drug_concept_id",
    "drug_strength": "drug_concept_id ingredient_concept_id",
    "episode": "episode_id person_id episode_concept_id",
    "episode_event": "episode_id event_id episode_event_field_concept_id",
    "fact_relationship": "domain_concept_id_1 fact_id_1",
    "measurement": "measurement_id person_id measurement_concept_id",
    "metadata": "metadata_concept_id metadata_type_concept_id name",
    "note": "note_id person_id note_date",
    "note_nlp": "note_nlp_id note_id",
    "observation": "observation_id person_id observation_concept_id",
    "observation_period": "observation_period_id person_id observation_period_start_date",
    "payer_plan_period": "payer_plan_period_id person_id",
    "procedure_occurrence": "procedure_occurrence_id person_id procedure_concept_id",
    "relationship": "relationship_id relationship_name",
    "source_to_concept_map": "source_code source_concept_id target_concept_id",
    "specimen": "specimen_id person_id specimen_concept_id",
    "visit_detail": "visit_detail_id person_id visit_detail_concept_id",
    "vocabulary": "vocabulary_id vocabulary_name",
}

REQUIRED = {table: frozenset(names.split()) for table, names in _REQUIRED.items()}
KNOWN = {table: names | frozenset(_USED[table].split()) for table, names in REQUIRED.items()}
NOT_NEEDED = {table: frozenset(names.split()) for table, names in _NOT_NEEDED.items()}

KEYS = {table: tuple(names.split()[:1]) for table, names in _REQUIRED.items()}

DATES = {
    table: tuple(sorted(name for name in names if name.endswith(("_date", "_datetime"))))
    for table, names in KNOWN.items()
}
