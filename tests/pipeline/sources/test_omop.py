"""OMOP extracts of both versions: concepts, kinds of drug exposures, local times, dates without a time."""

from __future__ import annotations

import pytest

from pipeline.sources import match
from portal.batches import inspection
from portal.batches.source_file import SourceFile
from tests.support import extract_rows

# Headers: OMOP_CDMv5.3_Field_Level.csv and OMOP_CDMv5.4_Field_Level.csv of github.com/OHDSI/CommonDataModel
PERSON = (
    "person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,birth_datetime,race_concept_id,"
    "ethnicity_concept_id,location_id,provider_id,care_site_id,person_source_value,gender_source_value,"
    "gender_source_concept_id,race_source_value,race_source_concept_id,ethnicity_source_value,"
    "ethnicity_source_concept_id"
)
VISIT = (
    "visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_start_datetime,visit_end_date,"
    "visit_end_datetime,visit_type_concept_id,provider_id,care_site_id,visit_source_value,"
    "visit_source_concept_id,"
)
VISIT_53 = (
    f"{VISIT}admitting_source_concept_id,admitting_source_value,discharge_to_concept_id,"
    "discharge_to_source_value,preceding_visit_occurrence_id"
)
VISIT_54 = (
    f"{VISIT}admitted_from_concept_id,admitted_from_source_value,discharged_to_concept_id,"
    "discharged_to_source_value,preceding_visit_occurrence_id"
)
DRUG = (
    "drug_exposure_id,person_id,drug_concept_id,drug_exposure_start_date,drug_exposure_start_datetime,"
    "drug_exposure_end_date,drug_exposure_end_datetime,verbatim_end_date,drug_type_concept_id,stop_reason,"
    "refills,quantity,days_supply,sig,route_concept_id,lot_number,provider_id,visit_occurrence_id,"
    "visit_detail_id,drug_source_value,drug_source_concept_id,route_source_value,dose_unit_source_value"
)
CONDITION = (
    "condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_start_datetime,"
    "condition_end_date,condition_end_datetime,condition_type_concept_id,condition_status_concept_id,"
    "stop_reason,provider_id,visit_occurrence_id,visit_detail_id,condition_source_value,"
    "condition_source_concept_id,condition_status_source_value"
)
CONCEPT = (
    "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\t"
    "valid_start_date\tvalid_end_date\tinvalid_reason"
)
CONCEPTS = "\n".join(
    [
        CONCEPT,
        "19073183\tamoxicillin 250 MG\tDrug\tRxNorm\tClinical Drug\tS\t308182\t1970-01-01\t2099-12-31\t",
        "45000001\tAmoxil\tDrug\tNDC\t11-digit NDC\t\t00093226401\t1970-01-01\t2099-12-31\t",
        "21600001\tamoxicillin\tDrug\tATC\tATC 5th\tC\tJ01CA04\t1970-01-01\t2099-12-31\t",
        "4132161\tOral\tRoute\tSNOMED\tQualifier Value\tS\t26643006\t1970-01-01\t2099-12-31\t",
        "201826\tType 2 diabetes\tCondition\tSNOMED\tClinical Finding\tS\t44054006\t1970-01-01\t2099-12-31\t",
        "35206882\tType 2 diabetes\tCondition\tICD10CM\tbilling code\t\tE11.9\t1970-01-01\t2099-12-31\t",
        "320128\tHypertension\tCondition\tSNOMED\tClinical Finding\tS\t59621000\t1970-01-01\t2099-12-31\t",
    ]
)


def line(header, **values):
    """Return a row of a file; a column without a value is empty."""
    assert values.keys() <= set(header.split(","))
    return ",".join(str(values.get(name, "")) for name in header.split(","))


@pytest.fixture
def read(spark, lake_prefix):
    def of(table, zone="America/New_York", **files):
        content = {f"{name}.csv": "\n".join(lines) + "\n" for name, lines in files.items()}
        return extract_rows.rows(spark, content, table, lake_prefix, zone)

    return of


@pytest.mark.parametrize(
    ("header", "name", "table"),
    [
        (VISIT_53, "visit", "encounters"),
        (VISIT_54, "visit", "encounters"),
        (DRUG.upper(), "x", "medications"),
    ],
)
def test_both_versions_and_capitals_are_recognized(header, name, table):
    content = f"{header}\n{',' * header.count(',')}\n".encode()
    found = inspection.inspect(SourceFile.from_bytes(f"{name}.csv", content))
    assert (found.use, found.match.format, found.match.table) == ("loaded", "omop", table)


def test_the_vocabulary_is_read_with_tabs_as_athena_gives_it_and_other_tables_are_not_needed():
    concepts = inspection.inspect(SourceFile.from_bytes("CONCEPT.csv", CONCEPTS.encode()))
    assert (concepts.match.table, concepts.rows, concepts.layout.delimiter) == ("concepts", 7, "\t")
    header = ["DRUG_ERA_ID", "PERSON_ID", "DRUG_CONCEPT_ID", "DRUG_ERA_START_DATE", "DRUG_ERA_END_DATE"]
    era = inspection.inspect(
        SourceFile.from_bytes("DRUG_ERA.csv", f"{','.join(header)}\n1,2,3,4,5\n".encode())
    )
    assert (era.use, era.match.table, era.rows) == ("not needed", "drug_era", 1)
    assert match(VISIT_54.split(","), "visit_occurrence.csv").ignored_columns == (
        "admitted_from_concept_id",
        "admitted_from_source_value",
        "preceding_visit_occurrence_id",
        "visit_source_concept_id",
    )


@pytest.mark.parametrize(
    ("start", "at"),
    [
        ({"visit_start_datetime": "2024-07-01 08:30:00"}, "2024-07-01 12:30:00"),
        ({"visit_start_datetime": "2024-01-01T08:30:00.5"}, "2024-01-01 13:30:00.5"),
        ({"visit_start_datetime": "2024-07-01 00:00:00"}, "2024-07-01"),
        ({"visit_start_date": "2024-07-01"}, "2024-07-01"),
        ({"visit_start_datetime": "07/01/2024 8:30"}, "07/01/2024 8:30"),
        ({}, None),
    ],
    ids=["summer", "winter", "midnight", "date", "other format", "none"],
)
def test_times_are_local_and_midnight_is_a_date_without_a_time(read, start, at):
    visits = [VISIT_54, line(VISIT_54, visit_occurrence_id=1, person_id=1, **start)]
    [row] = read("encounters", visit_occurrence=visits)
    assert row["admitted_at"] == at


@pytest.mark.parametrize(
    ("header", "column"), [(VISIT_53, "discharge_to"), (VISIT_54, "discharged_to")], ids=["5.3", "5.4"]
)
def test_classes_and_dispositions_are_mapped_and_a_patient_still_there_has_no_discharge(read, header, column):
    def visit(number, concept, to, type_="32827", **values):
        concepts = {"visit_concept_id": concept, f"{column}_concept_id": to, "visit_type_concept_id": type_}
        days = {"visit_start_date": "2024-07-01", "visit_end_date": "2024-07-02"}
        return line(header, visit_occurrence_id=number, person_id=1, **concepts, **days, **values)

    visits = [
        visit(1, 262, 4216643),
        visit(2, 9202, 0, **{f"{column}_source_value": "Hotel"}),
        visit(3, 581477, 8536),
        visit(4, 9201, 8863, type_="32220"),
        visit(5, 0, "", visit_source_value="Inpatient"),
        visit(6, 581478, ""),
    ]
    found = read("encounters", visit_occurrence=[header, *visits])
    assert [(row["encounter_class"], row["discharge_disposition"]) for row in found] == [
        ("IMP", "expired"),
        ("AMB", "Hotel"),
        ("AMB", "home"),
        ("IMP", "snf"),
        ("Inpatient", None),
        ("581478", None),
    ]
    assert [row["discharged_at"] for row in found] == [*["2024-07-02"] * 3, None, *["2024-07-02"] * 2]


def test_the_diagnosis_is_the_primary_one_then_the_first_in_the_code_of_the_source_if_it_is_icd_10(read):
    def condition(number, visit, concept, day, **values):
        return line(
            CONDITION,
            condition_occurrence_id=number,
            person_id=1,
            visit_occurrence_id=visit,
            condition_concept_id=concept,
            condition_start_date=day,
            **values,
        )

    conditions = [
        condition(9, 1, 320128, "2024-07-01"),
        condition(10, 1, 201826, "2024-07-01"),
        condition(11, 2, 320128, "2024-07-01"),
        condition(
            12,
            2,
            201826,
            "2024-07-02",
            condition_status_concept_id=32902,
            condition_source_concept_id=35206882,
        ),
        condition(13, 3, 0, "2024-07-01", condition_source_value="local"),
    ]
    visits = [line(VISIT_54, visit_occurrence_id=n, person_id=1) for n in (1, 2, 3, 4)]
    found = read(
        "encounters",
        visit_occurrence=[VISIT_54, *visits],
        condition_occurrence=[CONDITION, *conditions],
        concept=[CONCEPTS],
    )
    assert [
        (row["diagnosis_code"], row["diagnosis_code_system"], row["diagnosis_description"]) for row in found
    ] == [
        ("59621000", "SNOMED", "Hypertension"),
        ("E11.9", "ICD10CM", "Type 2 diabetes"),
        ("local", None, None),
        (None, None, None),
    ]


@pytest.mark.parametrize(
    ("type_", "kind", "ordered", "given", "status"),
    [
        ("32838", "order", "2024-07-01", None, None),
        ("38000177", "order", "2024-07-01", None, None),
        ("32818", "administration", None, "2024-07-01", "completed"),
        ("38000180", "administration", None, "2024-07-01", "completed"),
        ("32825", "dispense", None, "2024-07-01", "completed"),
        ("32869", "dispense", None, "2024-07-01", "completed"),
        ("38000175", "dispense", None, "2024-07-01", "completed"),
        ("32817", "32817", None, "2024-07-01", "completed"),
    ],
)
def test_the_type_tells_order_dispense_and_administration_and_is_never_guessed(
    read, type_, kind, ordered, given, status
):
    exposure = line(
        DRUG,
        drug_exposure_id=1,
        person_id=1,
        drug_exposure_start_date="2024-07-01",
        drug_type_concept_id=type_,
    )
    [row] = read("medications", drug_exposure=[DRUG, exposure])
    found = tuple(row[name] for name in ("event_kind", "ordered_at", "administered_at", "status"))
    assert found == (kind, ordered, given, status)


@pytest.mark.parametrize(
    ("concepts", "code", "system"),
    [
        ({"drug_concept_id": 19073183}, "308182", "RxNorm"),
        ({"drug_concept_id": 19073183, "drug_source_concept_id": 45000001}, "308182", "RxNorm"),
        ({"drug_concept_id": 0, "drug_source_concept_id": 19073183}, "308182", "RxNorm"),
        ({"drug_concept_id": 21600001}, "J01CA04", "ATC"),
        ({"drug_concept_id": 99}, "99", "OMOP"),
        ({"drug_concept_id": 0, "drug_source_value": "AMOX"}, "AMOX", "source"),
    ],
)
def test_a_drug_has_its_rxnorm_code_or_says_which_code_it_has(read, concepts, code, system):
    exposure = line(DRUG, drug_exposure_id=1, person_id=1, route_concept_id=4132161, **concepts)
    [row] = read("medications", drug_exposure=[DRUG, exposure], concept=[CONCEPTS])
    assert (row["medication_code"], row["medication_code_system"], row["route"]) == (code, system, "26643006")


def test_a_person_without_a_day_of_birth_gets_none(read):
    people = [
        line(
            PERSON, person_id=1, year_of_birth=1980, month_of_birth=2, day_of_birth=9, gender_concept_id=8532
        ),
        line(PERSON, person_id=2, year_of_birth=1980, race_concept_id=8516, ethnicity_concept_id=38003563),
        line(PERSON, person_id=3, gender_concept_id=0, gender_source_value="M", race_source_value="creole"),
    ]
    found = read(
        "patients",
        person=[PERSON, *people],
        death=["person_id,death_date,death_type_concept_id", "1,2020-01-02 00:00:00,1"],
    )
    names = ("birth_date", "death_date", "sex", "race", "ethnicity")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("1980-02-09", "2020-01-02", "F", None, None),
        ("1980", None, None, "Black or African American", "Hispanic or Latino"),
        (None, None, "M", "creole", None),
    ]
