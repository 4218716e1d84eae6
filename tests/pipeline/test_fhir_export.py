"""A real FHIR bulk export through the product: what is published equals DuckDB over the files."""

from __future__ import annotations

import duckdb
import pytest

from portal.releases import service as releases
from tests.support import import_ways
from tests.support.own_lake import own_lake, rows_of_both, sorted_rows

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN = "fhir"

FILES = """
    SET TimeZone = 'UTC';
    CREATE MACRO files(name) AS TABLE
        SELECT json AS j, row_number() OVER () AS line
        FROM read_ndjson_objects('{0}/' || name || '.000.ndjson');
    CREATE MACRO id_of(reference) AS split_part(reference, '/', 2);
    CREATE TABLE condition AS
        SELECT id_of(j->>'$.encounter.reference') AS encounter,
            arg_min(j->>'$.code.coding[0].code', ((j->>'$.recordedDate')::timestamptz, line)) AS code,
            arg_min(j->>'$.code.coding[0].display', ((j->>'$.recordedDate')::timestamptz, line)) AS display
        FROM files('Condition') GROUP BY 1;
    CREATE TABLE place AS SELECT j->>'$.identifier[0].value' AS id, j->>'$.name' AS name
        FROM files('Location');
    CREATE TABLE role AS SELECT j->>'$.practitioner.identifier.value' AS npi,
        j->>'$.specialty[0].coding[0].display' AS specialty FROM files('PractitionerRole');
    CREATE TABLE person AS SELECT j->>'$.identifier[0].value' AS npi,
        concat_ws(' ', j->>'$.name[0].prefix[0]', j->>'$.name[0].given[0]', j->>'$.name[0].family') AS name
        FROM files('Practitioner');
"""

PATIENTS = (
    """SELECT j->>'$.id',
        if((j->>'$.identifier[1].type.coding[0].code') = 'MR', j->>'$.identifier[1].value', NULL),
        j->>'$.name[0].given[0]', j->>'$.name[0].family', (j->>'$.birthDate')::date,
        left(j->>'$.deceasedDateTime', 10)::date, upper(left(j->>'$.gender', 1)),
        j->>'$.extension[0].extension[0].valueCoding.display', j->>'$.extension[1].extension[1].valueString',
        j->>'$.maritalStatus.coding[0].code', j->>'$.address[0].city', j->>'$.address[0].postalCode',
        j->>'$.telecom[0].value'
    FROM files('Patient')""",
    """SELECT patient_id, mrn, first_name, last_name, birth_date, death_date, sex, race, ethnicity,
        marital_status, city, postal_code, phone
    FROM silver.patients""",
)

ENCOUNTERS = (
    """SELECT j->>'$.id', id_of(j->>'$.subject.reference'), j->>'$.class.code',
        (j->>'$.period.start')::timestamptz, (j->>'$.period.end')::timestamptz,
        split_part(j->>'$.participant[0].individual.reference', '|', 2), person.name, specialty,
        coalesce(place.name, j->>'$.location[0].location.display'),
        coalesce(j->>'$.reasonCode[0].coding[0].code', code),
        CASE WHEN j->>'$.reasonCode[0].coding[0].code' IS NULL THEN display
            ELSE j->>'$.reasonCode[0].coding[0].display' END, line
    FROM files('Encounter')
        LEFT JOIN condition ON encounter = (j->>'$.id')
        LEFT JOIN place ON place.id = split_part(j->>'$.location[0].location.reference', '|', 2)
        LEFT JOIN person ON person.npi = split_part(j->>'$.participant[0].individual.reference', '|', 2)
        LEFT JOIN role ON role.npi = person.npi""",
    """SELECT encounter_id, patient_id, encounter_class, admitted_at, discharged_at, provider_npi,
        provider_name, provider_specialty, department, diagnosis_code, diagnosis_description, source_line
    FROM silver.encounters""",
)

ORDERS = (
    """SELECT j->>'$.id', id_of(j->>'$.subject.reference'), id_of(j->>'$.encounter.reference'), 'order',
        j->>'$.status', (j->>'$.authoredOn')::timestamptz, NULL,
        j->>'$.medicationCodeableConcept.coding[0].code', 'RxNorm',
        j->>'$.medicationCodeableConcept.coding[0].display',
        (j->>'$.dosageInstruction[0].doseAndRate[0].doseQuantity.value')::double,
        split_part(j->>'$.requester.reference', '|', 2), line
    FROM files('MedicationRequest')""",
    """SELECT administration_id, patient_id, encounter_id, event_kind, status, ordered_at, administered_at,
        medication_code, medication_code_system, medication_name, dose, provider_npi, source_line
    FROM silver.medications""",
)

DIAGNOSES = (
    """SELECT j->>'$.id', id_of(j->>'$.encounter.reference'), id_of(j->>'$.subject.reference'),
        j->>'$.code.coding[0].code', j->>'$.code.coding[0].display', (j->>'$.recordedDate')::timestamptz, line
    FROM files('Condition')""",
    """SELECT diagnosis_id, encounter_id, patient_id, diagnosis_code, diagnosis_description, diagnosed_at,
        source_line
    FROM silver.diagnoses""",
)

COUNTS = {"patients": 13, "encounters": 1215, "medications": 1745, "diagnoses": 555}


@pytest.fixture(scope="module")
def published(shared, tmp_path_factory):
    """The folder of files, and the lake in which they are published."""
    folder = shared / "data" / "fhir-bulk"
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as lake:
        batch = lake.load(folder)
        lake.run(RUN)
        yield folder, lake, batch


def test_the_release_is_published(published):
    assert releases.current(published[1].aws).release_id == RUN


@pytest.mark.parametrize(
    ("queries", "count"),
    [(PATIENTS, 13), (ENCOUNTERS, 1215), (ORDERS, 1745), (DIAGNOSES, 555)],
    ids=["patients", "encounters", "orders", "diagnoses"],
)
def test_times_codes_names_and_references_are_those_of_the_files(published, queries, count):
    folder, lake, _ = published
    expected, found = rows_of_both(FILES.format(folder), lake, RUN, queries)
    assert len(expected) == count
    assert found == expected


def test_gold_has_the_encounters_and_orders_and_no_administration(published):
    folder, lake, _ = published
    with duckdb.connect() as files, lake.sql(RUN) as found:
        files.execute(FILES.format(folder))
        orders = """SELECT (m.j->>'$.authoredOn')::timestamptz, m.j->>'$.status',
            m.j->>'$.medicationCodeableConcept.coding[0].code', (e.j->>'$.period.start')::timestamptz
            FROM files('MedicationRequest') m
            JOIN files('Encounter') e ON (e.j->>'$.id') = id_of(m.j->>'$.encounter.reference')"""
        published_orders = """SELECT ordered_at, status, medication_code, admitted_at
            FROM gold.fact_medication_order o JOIN gold.dim_medication USING (medication_key)
            JOIN gold.fact_encounter e ON e.encounter_key = o.encounter_key WHERE event_kind = 'order'"""
        expected = sorted_rows(files, orders)
        assert len(expected) == 1745
        assert sorted_rows(found, published_orders) == expected
        assert sorted_rows(found, "SELECT count(*) FROM gold.fact_encounter") == [(1215,)]
    administrations = lake.buckets / "hdp-gold" / "fact_medication_admin" / f"release_id={RUN}"
    assert list(administrations.rglob("*.parquet")) == []


def test_the_principal_diagnosis_of_the_bridge_is_that_of_the_encounter(published):
    folder, lake, _ = published
    with duckdb.connect() as files, lake.sql(RUN) as found:
        files.execute(FILES.format(folder))
        with_conditions = sorted_rows(
            files,
            """SELECT count(DISTINCT j->>'$.encounter.reference'), count(*) FROM files('Condition')""",
        )
        bridge = "SELECT count(DISTINCT encounter_key), count(*) FROM gold.bridge_encounter_diagnosis"
        assert sorted_rows(found, bridge) == with_conditions
        principal = """SELECT count(*) FROM gold.bridge_encounter_diagnosis b
            JOIN gold.fact_encounter f USING (encounter_key)
            WHERE is_principal AND b.diagnosis_key <> f.diagnosis_key"""
        assert sorted_rows(found, principal) == [(0,)]
        weights = """SELECT DISTINCT round(sum(weight), 9) FROM gold.bridge_encounter_diagnosis
            GROUP BY encounter_key"""
        assert sorted_rows(found, weights) == [(1.0,)]


def test_every_row_is_loaded(published):
    _, lake, batch = published
    assert lake.account(RUN) == {(batch.batch_id, t): (n, n, 0, 0) for t, n in COUNTS.items()}


def test_every_file_is_listed_for_what_it_is(published):
    _, _, batch = published
    found = {
        file["name"].partition(".")[0]: (file["use"], file["kind"], file["rows"]) for file in batch.files
    }
    assert found == {
        "Patient": ("loaded", "patients", 13),
        "Encounter": ("loaded", "encounters", 1215),
        "MedicationRequest": ("loaded", "medications", 1745),
        "Condition": ("loaded", "diagnoses", 555),
        "Location": ("loaded", "locations", 44),
        "Organization": ("loaded", "organizations", 43),
        "Practitioner": ("loaded", "practitioners", 43),
        "PractitionerRole": ("loaded", "practitioner_roles", 43),
        "log": ("not needed", "export log", 4),
    }


def test_bronze_keeps_the_bytes_as_received(published):
    folder, lake, batch = published
    for entry in batch.tables.values():
        for file in entry["files"]:
            assert file["key"].endswith(".ndjson")
            stored = lake.buckets / "hdp-bronze" / file["key"]
            assert stored.read_bytes() == (folder / file["name"]).read_bytes()


def test_the_command_and_the_page_import_the_same_batch(published):
    folder, lake, batch = published
    document, lines = import_ways.by_command(lake.buckets.parent, folder)
    assert (document["batch_id"], document["medications"]) == (batch.batch_id, 1745)
    assert "Patient.000.ndjson: patients, 13 rows, FHIR resources of the type Patient" in lines
    uploaded, shown = import_ways.by_page(lake.aws, folder)
    assert (uploaded.batch_id, uploaded.is_new) == (batch.batch_id, False)
    assert shown["Encounter.000.ndjson"] == "FHIR encounters"
    assert shown["log.ndjson"] == "Not needed: export log"
