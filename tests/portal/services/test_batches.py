"""Importing extracts."""

import gzip

import pytest

from portal.services import batches
from portal.services.aws import Aws, ServiceError
from portal.services.batches import SourceFile
from portal.settings import Settings

HEADER = "patient_id,birth_date,updated_at"


@pytest.fixture
def lake(aws, lake_prefix):
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-bronze")
    return Aws(
        Settings(
            lake_prefix,
            lake_prefix,
            "arn:aws:states:us-east-1:123456789012:stateMachine:x",
            "tester",
            "engineer",
        )
    )


def load(lake, *files):
    return batches.import_files(
        lake, [SourceFile.from_bytes(name, text.encode()) for name, text in files], uploader="tester"
    )


def test_files_are_kept_as_received_and_the_manifest_tells_them(lake, aws, lake_prefix):
    text = f'{HEADER}\nP1,1980-01-01,2025-01-01T00:00:00Z\n"P,2",1981-01-01,2025-01-01T00:00:00Z\n'
    batch = load(lake, ("people.csv", text))
    file = batch.tables["patients"]["files"][0]
    assert (file["rows"], file["bytes"], file["header"], file["multiline"]) == (
        2,
        len(text),
        HEADER.split(","),
        False,
    )
    stored = aws.client("s3").get_object(Bucket=f"{lake_prefix}-bronze", Key=file["key"])["Body"].read()
    assert stored.decode() == text


def test_the_same_extract_again_is_the_batch_that_is_there(lake):
    first = load(lake, ("a.csv", f"{HEADER}\nP1,1980-01-01,2025-01-01\n"))
    again = load(lake, ("renamed.csv", f"{HEADER}\nP1,1980-01-01,2025-01-01\n"))
    assert (again.batch_id, again.is_new) == (first.batch_id, False)
    assert len(batches.list_batches(lake)) == 1


def test_an_upload_that_ends_before_its_manifest_is_no_batch(lake, monkeypatch):
    monkeypatch.setattr(batches, "write_json", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load(lake, ("a.csv", f"{HEADER}\nP1,1980-01-01,2025-01-01\n"))
    assert batches.list_batches(lake) == []


def test_unknown_columns_are_reported_and_line_breaks_noticed(lake):
    batch = load(lake, ("a.csv", f'{HEADER},shoe_size\nP1,1980-01-01,2025-01-01,"4\n2"\n'))
    assert batch.tables["patients"]["ignored_columns"] == ["shoe_size"]
    assert batch.tables["patients"]["files"][0]["multiline"] is True
    assert batch.rows == {"patients": 1}


def test_compressed_files_and_a_byte_order_mark_are_read(lake):
    text = f"\ufeff{HEADER}\nP1,1980-01-01,2025-01-01\n"
    file = SourceFile.from_bytes("a.csv.gz", gzip.compress(text.encode()))
    batch = batches.import_files(lake, [file], uploader="tester")
    assert batch.tables["patients"]["files"][0]["header"] == HEADER.split(",")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([("a.csv", "")], "'a.csv' is empty"),
        ([("a.csv", "patient_id,patient_id\n")], "names the column patient_id twice"),
        ([("a.csv", "x,y\n1,2\n")], "it lacks .*; it has x, y"),
        (
            [("p.csv", f"{HEADER}\n"), ("s.csv", "Id,BIRTHDATE,FIRST,LAST,GENDER\n")],
            "One extract has one format",
        ),
        ([("s.csv", "Id,NAME,SPECIALITY\n1,2,3\n")], "holds none of patients, encounters, medications"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(lake, files, sentence):
    with pytest.raises(ServiceError, match=sentence):
        load(lake, *files)
    assert batches.list_batches(lake) == []


def test_a_preview_tells_the_columns_and_nobodys_name(lake):
    file = SourceFile.from_bytes("p.csv", b"patient_id,first_name\nP1,Maria\n")
    assert batches.preview(lake, file) == (["patient_id", "first_name"], [])
