"""Load a batch with an engine: every row has file and line; a file that differs from the manifest fails."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from pathlib import Path

import pytest

from pipeline.lake.uris import Lake
from pipeline.sources import spark as sources
from pipeline.sources.batch_files import fault_in
from tests.support import extract_rows

CONTENT = (
    "patient_id,birth_date,updated_at,we`ird\nP1,1980-01-01,2025-01-01, \n\n"
    '"P\n2",3\n"P,3",,2025-01-01,y\nTOTAL,,3,\n'
)


@pytest.fixture
def received(spark, tmp_path):
    """Puts a file of patients into the bronze bucket; gives the manifest of its batch."""

    def put(batch_id, content, rows):
        key = f"patients/batch_id={batch_id}-{tmp_path.name}/patients.csv"
        path = Path(os.environ["HDP_S3_ROOT"]) / "t-bronze" / key
        path.parent.mkdir(parents=True)
        path.write_text(content, newline="")
        file = {
            "key": key,
            "header": content.partition("\n")[0].split(","),
            "header_lines": 1,
            "encoding": "utf-8",
            "delimiter": ",",
            "rows": rows,
            "sha256": hashlib.sha256(content.encode()).hexdigest(),
        }
        return {
            "batch_id": batch_id,
            "source": "native",
            "received_at": "2025-01-01T00:00:00Z",
            "tables": {"patients": {"files": [file]}},
        }

    return put


@pytest.fixture
def manifest(received):
    """Of a batch whose file has one row of each kind."""
    return received("b1", CONTENT, 3)


def test_each_batch_keeps_its_own_rows(spark, received):
    manifests = [
        received("20250101T000000-aa", "patient_id\nP1\nP2\n", 2),
        received("20250102T000000-bb", "patient_id\nP3\n", 1),
    ]
    frame = sources.read(spark, Lake("t"), manifests, "patients")
    rows = frame.select("batch_id", "patient_id").collect()
    assert sorted(tuple(row) for row in rows) == [
        ("20250101T000000-aa", "P1"),
        ("20250101T000000-aa", "P2"),
        ("20250102T000000-bb", "P3"),
    ]


def test_each_row_has_its_line_and_a_malformed_one_its_text(spark, manifest):
    frame = sources.read(spark, Lake("t"), [manifest], "patients")
    text = sources.received(sources.AS_READ, "patients").alias("text")
    found = frame.select("patient_id", "birth_date", "_malformed", "_line", text).collect()
    assert sorted((row._line, row.patient_id, row.birth_date, row._malformed) for row in found) == [
        (2, "P1", "1980-01-01", False),
        (4, "P\n2", "3", True),
        (6, "P,3", None, False),
    ]
    texts = {row._line: row.text for row in found}
    assert texts[4] == '"P\n2",3'
    assert json.loads(texts[2]) == {
        "patient_id": "P1",
        "birth_date": "1980-01-01",
        "updated_at": "2025-01-01",
        "we`ird": " ",
    }


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"rows": 4}])
def test_a_file_that_is_not_the_imported_one_is_refused_in_one_sentence(spark, manifest, change):
    file = manifest["tables"]["patients"]["files"][0]
    file.update(change)
    with pytest.raises(Exception, match="is not the file that was imported") as told:
        sources.read(spark, Lake("t"), [manifest], "patients").select("patient_id").collect()
    assert fault_in(told.value).startswith(f"{file['key']} is not the file that was imported: its SHA-256")


def test_a_file_that_is_gone_is_named(spark, manifest):
    file = manifest["tables"]["patients"]["files"][0]
    (Path(os.environ["HDP_S3_ROOT"]) / "t-bronze" / file["key"]).unlink()
    with pytest.raises(Exception, match="cannot be read") as told:
        sources.read(spark, Lake("t"), [manifest], "patients").collect()
    assert fault_in(told.value) == f"{file['key']} cannot be read (FileNotFoundError)."


def test_a_row_as_received_has_every_column_of_its_file_whatever_is_in_it(spark, received):
    """Expected by Python's own csv and json."""
    values = ["P1", 'say "hi"', "back\\slash", "tab\there", "", "Ünï 日本", "{}"]
    header = ["patient_id", "a", 'b"c', "d", "e", "f", "g"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, values, ["P2", *[""] * 6]])
    manifest = received("b2", text.getvalue(), 2)
    manifest["tables"]["patients"]["files"][0]["header"] = header
    text = sources.received(sources.AS_READ, "patients").alias("text")
    frame = sources.read(spark, Lake("t"), [manifest], "patients").select("_line", text)
    found = {row._line: json.loads(row.text) for row in frame.collect()}
    assert found[2] == {name: value for name, value in zip(header, values, strict=True) if value}
    assert found[3] == {"patient_id": "P2"}


def test_columns_that_no_table_has_make_the_plan_no_wider(spark, received):
    header = ["patient_id", *(f"c{number}" for number in range(5000))]
    manifest = received("b3", ",".join(header) + "\n" + ",".join(["x"] * 5001) + "\n", 1)
    frame = sources.read(spark, Lake("t"), [manifest], "patients")
    assert len(frame.columns) < 40
    text = frame.select(sources.received(sources.AS_READ, "patients").alias("text")).collect()[0].text
    assert json.loads(text)["c4999"] == "x"


def test_times_without_offset_are_those_of_the_time_zone_that_was_stated(spark, lake_prefix):
    header = "encounter_id,patient_id,encounter_class,admitted_at,discharged_at,facility,updated_at"
    rows = [
        "e1,p1,IMP,2025-01-31 23:30,2025-07-01T08:00:00Z,,2025-07-02",
        "e2,p1,IMP,2025-07-01T23:30:15.5,2025-07-01T08:00:00-04:00,North,2025-07-02 noon",
    ]
    text = "\n".join([header, *rows, ""])
    made = extract_rows.manifest({"encounters.csv": text}, lake_prefix)
    stated = {**made, "time_zone": "America/Chicago", "facility": "General"}
    for manifest, expected in (
        (made, [("2025-01-31 23:30", None), ("2025-07-01T23:30:15.5", None)]),
        (stated, [("2025-02-01 05:30:00", "General"), ("2025-07-02 04:30:15.5", "General")]),
    ):
        found = sources.read(spark, Lake("t"), [manifest], "encounters", "UTC").orderBy("_line")
        rows = found.select("admitted_at", "batch.facility", "discharged_at", "updated_at").collect()
        assert [(row.admitted_at, row.facility) for row in rows] == expected
        assert [row.discharged_at for row in rows] == ["2025-07-01T08:00:00Z", "2025-07-01T08:00:00-04:00"]
        assert [row.updated_at for row in rows] == ["2025-07-02", "2025-07-02 noon"]
