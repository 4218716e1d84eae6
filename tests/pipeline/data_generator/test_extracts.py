"""A sample written in another system's format and imported gives the gold facts of the native sample.

`LOST` and `ABSENT` list the columns and rows that a format cannot express, as `docs/sample-formats.md` does.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from pipeline.contracts.model import load, tables
from pipeline.data_generator import BadOptions, Options, extracts
from pipeline.data_generator.writer import generate
from pipeline.lake.uris import Lake
from tests.support import extract_rows
from tests.support.frames_run import FramesRun, silver_of, star_of

ZONE = "America/New_York"
OPTIONS = Options(patients=100, seed=11, start=date(2025, 1, 1), end=date(2025, 4, 30))

DURABLE = {"patient_key": "dim_patient", "provider_key": "dim_provider"}
"""Keys of Type 2 versions, which only the native format has; they are compared by the durable key."""

NO_DOSE = {"dose", "dose_unit"}
LOST = {
    "synthea": {
        "fact_encounter": {
            "department", "department_key", "diagnosis_key", "discharge_disposition", "encounter_class",
            "length_of_stay_days", "readmission_status", "is_readmitted_30d",
        },
        "fact_medication_order": {*NO_DOSE, "order_key", "route", "status", "provider_key"},
    },
    "fhir": {
        "fact_encounter": {"total_cost"},
        "fact_medication_admin": {"due_at", "minutes_from_due", "barcode_scanned"},
    },
    "omop": {
        "fact_encounter": {"total_cost"},
        "fact_medication_admin": {
            *NO_DOSE, "status", "due_at", "minutes_from_due", "barcode_scanned", "ordered_at",
            "ordered_date_key", "minutes_from_order",
        },
        "fact_medication_order": {*NO_DOSE, "status", "ordered_at", "ordered_date_key"},
    },
    "clarity": {"fact_medication_admin": {"administration_key", "barcode_scanned"}},
}  # fmt: skip
ABSENT = {
    "synthea": lambda fact, row: fact == "fact_medication_admin" or row.get("event_kind") == "dispense",
    "fhir": lambda fact, row: False,
    "omop": lambda fact, row: fact == "fact_medication_admin" and row["status"] == "not-done",
    "clarity": lambda fact, row: row.get("event_kind") == "dispense",
}


def facts(spark, folder: Path, batch_id: str) -> dict[str, list[dict]]:
    """Read the files of an extract as the jobs do and return the rows of its facts."""
    files = {file.name: file.read_text() for file in sorted(folder.iterdir()) if file.is_file()}
    run = FramesRun(spark, Lake("t"), "test", {})
    silver = {}
    for table in tables("silver"):
        columns = {column.name for column in load("bronze", table).data_columns}
        kept = [
            {name: value for name, value in row.items() if name in {*columns, "_file", "_line", "_malformed"}}
            for row in extract_rows.rows(spark, files, table, f"{batch_id}-{table}", ZONE)
        ]
        silver[table] = silver_of(run, table, kept, "b1", ZONE).persist()
    gold = star_of(silver, ZONE).gold
    durable = {
        key: {row[key]: row[key.replace("_key", "_durable_key")] for row in gold[dimension].collect()}
        for key, dimension in DURABLE.items()
    }
    return {
        table: [_comparable(row.asDict(), durable) for row in frame.collect()]
        for table, frame in gold.items()
        if table.startswith("fact_")
    }


def _comparable(row: dict, durable: dict) -> dict:
    return {name: durable[name][value] if name in durable else value for name, value in row.items()}


@pytest.fixture(scope="module")
def native(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("native") / "sample"
    return facts(spark, generate(OPTIONS, folder).folder, "native")


@pytest.mark.parametrize("format", ["synthea", "fhir", "omop", "clarity"])
def test_an_extract_in_another_format_gives_the_facts_of_the_native_sample(spark, native, tmp_path, format):
    folder = generate(OPTIONS, tmp_path / "sample").folder
    extracts.convert(folder, format, ZONE)
    found = facts(spark, folder, format)
    for fact, rows in native.items():
        compared = set(rows[0]) - LOST[format].get(fact, set())
        here, there = (
            Counter(tuple(str(row[name]) for name in sorted(compared)) for row in given)
            for given in (found[fact], [row for row in rows if not ABSENT[format](fact, row)])
        )
        assert here - there == Counter(), fact
        assert there - here == Counter(), fact


def test_the_sample_has_what_the_formats_differ_in(native):
    assert {row["encounter_class"] for row in native["fact_encounter"]} >= {
        "AMB",
        "EMER",
        "IMP",
        "OBSENC",
        "VR",
    }
    assert {row["event_kind"] for row in native["fact_medication_order"]} == {"order", "dispense"}
    assert {row["status"] for row in native["fact_medication_admin"]} >= {"completed", "not-done"}


@pytest.mark.parametrize("format", ["synthea", "fhir", "omop", "clarity"])
def test_the_native_rows_are_kept_as_ground_truth(tmp_path, format):
    small = Options(patients=5)
    native, folder = generate(small, tmp_path / "a").folder, generate(small, tmp_path / "b").folder
    extracts.convert(folder, format, ZONE)
    for file in native.iterdir():
        assert (folder / extracts.TRUTH / file.name).read_bytes() == file.read_bytes()


def test_defects_and_very_large_samples_are_native_only():
    with pytest.raises(BadOptions, match="Defects are seeded in native samples only"):
        extracts.check("fhir", 100, 0.1)
    with pytest.raises(BadOptions, match="at most 100,000 patients"):
        extracts.check("omop", 100_001, 0)
    with pytest.raises(
        BadOptions, match=r"Unknown format 'x'. Choose native, synthea, fhir, omop or clarity"
    ):
        extracts.check("x", 1, 0)
    extracts.check("native", 5_000_000, 0.5)
