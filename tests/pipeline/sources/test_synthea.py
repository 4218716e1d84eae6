"""Medications of Synthea have no identifier that survives the next export; diagnoses come from conditions."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.sources import synthea
from tests.support import extract_rows

SHAPE = (
    "START string, STOP string, PATIENT string, ENCOUNTER string, CODE string, DESCRIPTION string, "
    "_malformed boolean, _file string, _line long, _received string, batch_id string, _received_at string, "
    "_as_read array<string>"
)
ONE = {
    "START": "2025-01-01",
    "PATIENT": "p",
    "ENCOUNTER": "e",
    "CODE": "1",
    "_malformed": False,
    "batch_id": "b",
}


@pytest.fixture
def ids(spark):
    def named(*rows):
        frames.of(spark, [{**ONE, "_received": "x", **row} for row in rows], SHAPE).createOrReplaceTempView(
            "medications"
        )
        frames.of(spark, [], "Id string, PROVIDER string, batch_id string").createOrReplaceTempView(
            "encounters"
        )
        return [row.administration_id for row in spark.sql(synthea.query("medications")).collect()]

    return named


def test_an_order_that_goes_on_keeps_its_name_when_it_has_ended(ids):
    assert ids({"_received": "open"}) == ids({"_received": "with its end, and more dispenses"})


def test_other_orders_have_other_names_and_the_same_row_twice_has_one(ids):
    assert (
        len(set(ids({}, {"CODE": "2"}, {"START": "2025-01-02"}, {"_received": "another dose at once"}))) == 4
    )
    assert len(set(ids({}, {}))) == 1
    assert (
        len(set(ids({"_malformed": True, "_received": "a,b"}, {"_malformed": True, "_received": "a,c"}))) == 2
    )


ENCOUNTERS = """Id,START,STOP,PATIENT,PROVIDER,ENCOUNTERCLASS,REASONCODE,REASONDESCRIPTION
e1,2024-01-01T10:00:00Z,2024-01-01T10:15:00Z,p1,d1,wellness,444814009,Viral sinusitis (disorder)
e2,2024-01-02T10:00:00Z,2024-01-02T10:15:00Z,p1,d1,wellness,,
e3,2024-01-03T10:00:00Z,2024-01-03T10:15:00Z,p1,d1,wellness,,
e4,2024-01-04T10:00:00Z,2024-01-04T10:15:00Z,p1,d1,wellness,,
"""

CONDITIONS = """START,STOP,PATIENT,ENCOUNTER,SYSTEM,CODE,DESCRIPTION
2024-01-01,,p1,e1,http://snomed.info/sct,59621000,Essential hypertension (disorder)
2024-01-02,,p1,e2,http://snomed.info/sct,160903007,Full-time employment (finding)
2024-01-02,,p1,e2,http://snomed.info/sct,195662009,Acute viral pharyngitis (disorder)
2024-01-02,,p1,e2,http://snomed.info/sct,10509002,Acute bronchitis (disorder)
2024-01-03,,p1,e3,,160903007,Full-time employment (finding)
"""


def test_the_diagnosis_is_the_reason_else_the_first_disorder_else_the_first_condition(spark):
    files = {"encounters.csv": ENCOUNTERS, "conditions.csv": CONDITIONS}
    found = extract_rows.rows(spark, files, "encounters", "synthea-conditions")
    columns = ("encounter_id", "diagnosis_code", "diagnosis_code_system", "diagnosis_description")
    assert [tuple(row[name] for name in columns) for row in found] == [
        ("e1", "444814009", "SNOMED-CT", "Viral sinusitis (disorder)"),
        ("e2", "10509002", "http://snomed.info/sct", "Acute bronchitis (disorder)"),
        ("e3", "160903007", "SNOMED-CT", "Full-time employment (finding)"),
        ("e4", None, None, None),
    ]
