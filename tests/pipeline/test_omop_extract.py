"""A real OMOP extract through the product: what is published equals DuckDB over the files."""

from __future__ import annotations

import zipfile

import pytest

from portal.releases import service as releases
from tests.support import import_ways
from tests.support.own_lake import own_lake, rows_of_both, sorted_rows

pytestmark = [pytest.mark.integration, pytest.mark.slow]

RUN = "omop"

FILES = """
    SET TimeZone = 'UTC';
    CREATE MACRO files(name) AS TABLE
        FROM read_csv('{0}/' || name || '.csv', all_varchar = true, header = true);
    CREATE MACRO midnight(day) AS timezone('America/New_York', day::date::timestamp);
    CREATE TABLE concept AS FROM files('CONCEPT');
    CREATE TABLE diagnosis AS
        SELECT visit_occurrence_id,
            arg_min(condition_concept_id, (condition_start_date, condition_occurrence_id::int)) AS concept_id
        FROM files('CONDITION_OCCURRENCE') WHERE visit_occurrence_id IS NOT NULL GROUP BY 1;
"""

PATIENTS = (
    """SELECT person_id, make_date(year_of_birth::int, month_of_birth::int, day_of_birth::int),
        death_date::date, if(gender_concept_id = '8507', 'M', 'F'),
        coalesce(CASE race_concept_id WHEN '8527' THEN 'White' WHEN '8516' THEN 'Black or African American'
            WHEN '8515' THEN 'Asian' END, race_source_value), concept_name
    FROM files('PERSON') p LEFT JOIN files('DEATH') USING (person_id)
        LEFT JOIN concept ON concept_id = ethnicity_concept_id""",
    "SELECT patient_id, birth_date, death_date, sex, race, ethnicity FROM silver.patients",
)

ENCOUNTERS = (
    """SELECT v.visit_occurrence_id, person_id,
        CASE visit_concept_id WHEN '9201' THEN 'IMP' WHEN '9202' THEN 'AMB' WHEN '9203' THEN 'EMER' END,
        midnight(visit_start_date), midnight(visit_end_date), provider_id, provider_name,
        specialty_source_value, concept_code, concept_name
    FROM files('VISIT_OCCURRENCE') v LEFT JOIN files('PROVIDER') USING (provider_id)
        LEFT JOIN diagnosis d ON d.visit_occurrence_id = v.visit_occurrence_id
        LEFT JOIN concept USING (concept_id)""",
    """SELECT encounter_id, patient_id, encounter_class, admitted_at, discharged_at, provider_npi,
        provider_name, provider_specialty, diagnosis_code, diagnosis_description
    FROM silver.encounters""",
)

DISPENSES = (
    """SELECT drug_exposure_id, person_id, visit_occurrence_id, 'dispense', 'completed', NULL,
        midnight(drug_exposure_start_date), concept_code, vocabulary_id, concept_name, provider_id
    FROM files('DRUG_EXPOSURE') JOIN concept ON concept_id = drug_concept_id""",
    """SELECT administration_id, patient_id, encounter_id, event_kind, status, ordered_at, administered_at,
        medication_code, medication_code_system, medication_name, provider_npi
    FROM silver.medications""",
)

DIAGNOSES = (
    """SELECT condition_occurrence_id, visit_occurrence_id, person_id, concept_code, vocabulary_id,
        concept_name, if(visit_occurrence_id IS NULL, NULL,
            condition_occurrence_id = first_value(condition_occurrence_id) OVER (
                PARTITION BY visit_occurrence_id
                ORDER BY condition_start_date, condition_occurrence_id::int)),
        midnight(condition_start_date)
    FROM files('CONDITION_OCCURRENCE') JOIN concept ON concept_id = condition_concept_id""",
    """SELECT diagnosis_id, encounter_id, patient_id, diagnosis_code,
        replace(diagnosis_code_system, '-CT', ''), diagnosis_description, is_principal, diagnosed_at
    FROM silver.diagnoses""",
)

COUNTS = {"patients": 28, "encounters": 1791, "medications": 883, "diagnoses": 470}


@pytest.fixture(scope="module")
def published(shared, tmp_path_factory):
    """A folder of the unpacked files, and the lake in which the ZIP archive is published."""
    folder = tmp_path_factory.mktemp("files")
    [archive] = (shared / "data" / "omop").glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            if "__MACOSX" not in name and name.endswith(".csv"):
                (folder / name.rpartition("/")[2]).write_bytes(packed.read(name))
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as lake:
        batch = lake.load(archive)
        lake.run(RUN)
        yield folder, lake, batch


def test_the_release_is_published(published):
    assert releases.current(published[1].aws).release_id == RUN


@pytest.mark.parametrize(
    ("queries", "count"),
    [(PATIENTS, 28), (ENCOUNTERS, 1791), (DISPENSES, 883), (DIAGNOSES, 470)],
    ids=["patients", "encounters", "dispenses", "diagnoses"],
)
def test_times_codes_names_and_references_are_those_of_the_files(published, queries, count):
    folder, lake, _ = published
    expected, found = rows_of_both(FILES.format(folder), lake, RUN, queries)
    assert len(expected) == count
    assert found == expected


def test_gold_has_the_visits_and_dispenses_of_them_four_without_a_visit(published):
    _, lake, _ = published
    kinds = """SELECT event_kind, count(*), count(*) FILTER (WHERE encounter_key = -1),
        count(*) FILTER (WHERE patient_key = -1) FROM gold.fact_medication_order GROUP BY ALL"""
    classes = "SELECT encounter_class, count(*) FROM gold.fact_encounter GROUP BY ALL"
    with lake.sql(RUN) as found:
        assert sorted_rows(found, kinds) == [("dispense", 883, 4, 0)]
        assert sorted_rows(found, classes) == [("AMB", 1722), ("EMER", 56), ("IMP", 13)]


def test_every_row_is_loaded(published):
    _, lake, batch = published
    assert lake.account(RUN) == {(batch.batch_id, t): (n, n, 0, 0) for t, n in COUNTS.items()}


def test_every_file_is_listed_for_what_it_is(published):
    folder, _, batch = published
    found = {file["name"]: file for file in batch.files}
    assert sorted(found) == sorted(path.name for path in folder.iterdir())
    loaded = {name: (each["kind"], each["rows"]) for name, each in found.items() if each["use"] == "loaded"}
    assert loaded == {
        "PERSON.csv": ("patients", 28),
        "VISIT_OCCURRENCE.csv": ("encounters", 1791),
        "DRUG_EXPOSURE.csv": ("medications", 883),
        "CONDITION_OCCURRENCE.csv": ("diagnoses", 470),
        "PROVIDER.csv": ("providers", 67),
        "CARE_SITE.csv": ("care_sites", 0),
        "LOCATION.csv": ("locations", 0),
        "DEATH.csv": ("deaths", 3),
        "CONCEPT.csv": ("concepts", 2294),
    }
    others = {name: each for name, each in found.items() if each["use"] != "loaded"}
    assert {each["use"] for each in others.values()} == {"not needed"}
    assert {name: each["kind"] for name, each in others.items()} == {
        name: name.removesuffix(".csv").lower() for name in others
    }
    assert others["CONCEPT_RELATIONSHIP.csv"]["rows"] == 266_588


def test_the_command_and_the_page_import_the_same_batch(published, shared):
    _, lake, batch = published
    [archive] = (shared / "data" / "omop").glob("*.zip")
    document, lines = import_ways.by_command(lake.buckets.parent, archive)
    assert (document["batch_id"], document["medications"]) == (batch.batch_id, 883)
    assert "DRUG_EXPOSURE.csv: medications, 883 rows" in lines
    uploaded, shown = import_ways.by_page(lake.aws, archive)
    assert (uploaded.batch_id, uploaded.is_new) == (batch.batch_id, False)
    assert shown["PERSON.csv"] == "OMOP patients"
    assert shown["CONCEPT_RELATIONSHIP.csv"] == "Not needed: concept_relationship"
