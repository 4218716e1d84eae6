"""Importing extracts."""

import gzip
import hashlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from pipeline.lake.uris import split
from pipeline.run_input import check
from portal.batches import preview
from portal.batches import service as batches
from portal.batches.origin import Origin
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings

HEADER = "patient_id,birth_date,updated_at"


@pytest.fixture
def lake(aws, lake_prefix):
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-bronze")
    return Context(
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
    assert (file["name"], file["rows"], file["bytes"]) == ("people.csv", 2, len(text))
    assert (file["header"], file["header_lines"], file["encoding"]) == (HEADER.split(","), 1, "utf-8")
    assert file["sha256"] == hashlib.sha256(text.encode()).hexdigest()
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


def test_unknown_columns_are_reported_and_a_line_break_in_a_field_is_no_row(lake):
    batch = load(lake, ("a.csv", f'{HEADER},shoe_size\nP1,1980-01-01,2025-01-01,"4\n2"\n'))
    assert batch.tables["patients"]["ignored_columns"] == ["shoe_size"]
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
        (
            [("a.csv", f"{HEADER},patient_id\n")],
            "has a column twice: patient_id. Give each column its own name",
        ),
        ([("a.csv", f"{HEADER},Maria,sex,Maria,sex\n")], "has a column twice: sex, 1 unknown"),
        ([("a.csv", "sex,y\n1,2\n")], "it lacks .*; it has sex, 1 unknown"),
        (
            [("p.csv", f"{HEADER}\n"), ("s.csv", "Id,BIRTHDATE,FIRST,LAST,GENDER\n")],
            "The files have different formats",
        ),
        ([("s.csv", "Id,NAME,SPECIALITY\n1,2,3\n")], "contains none of patients, encounters, medications"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(lake, files, sentence):
    with pytest.raises(ServiceError, match=sentence):
        load(lake, *files)
    assert batches.list_batches(lake) == []


PERSON = "P1,Maria,Garcia,1980-01-01,Main St 1,2025-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (PERSON, "it has 6 unknown (is the header line missing?)"),
        (f"sex,{PERSON},Maria,sex", "it has sex, 6 unknown (is the header line missing?)"),
        (f'"{PERSON}', "has a quote in its header line that is never closed"),
    ],
)
@pytest.mark.parametrize("format", ["auto", "native", "synthea"])
def test_an_extract_without_its_header_line_is_refused_without_a_word_of_it(lake, line, sentence, format):
    file = SourceFile.from_bytes("p.csv", f"{line}\n".encode())
    with pytest.raises(ServiceError) as told:
        batches.import_files(lake, [file], format=format, uploader="tester")
    assert sentence in str(told.value)
    assert not [value for value in PERSON.split(",") if value in str(told.value)]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("patient_id,first_name", ["patient_id", "first_name"]),
        ("patient_id,Maria, 1980-01-01", ["patient_id", "column 2", "column 3"]),
        (f"{HEADER},shoe_size", [*HEADER.split(","), "shoe_size"]),
        (f" {HEADER}, shoe_size", [*HEADER.split(","), "shoe_size"]),
        ("", []),
    ],
)
def test_a_preview_tells_the_columns_and_nobodys_name(lake, header, told):
    file = SourceFile.from_bytes("p.csv", f"{header}\nP1,Maria\n".encode())
    assert preview.preview(lake, file) == (told, [])


@pytest.fixture
def read(lake):
    """The keys of the objects that are read from S3, as they are asked for."""
    keys, events = [], lake.client("s3").meta.events
    events.register(
        "before-parameter-build.s3.GetObject",
        lambda params, **_: keys.append(params["Key"]),
        unique_id="read",
    )
    yield keys
    events.unregister("before-parameter-build.s3.GetObject", unique_id="read")


def test_a_manifest_is_read_once_and_again_when_it_has_changed(lake, aws, lake_prefix, read):
    one, two = (load(lake, ("a.csv", f"{HEADER}\nP{n},1980-01-01,2025-01-01\n")) for n in (1, 2))
    assert {each.batch_id for each in batches.list_batches(lake)} == {one.batch_id, two.batch_id}
    read.clear()
    assert len(batches.list_batches(lake)) == 2
    assert read == []
    s3, bucket, key = aws.client("s3"), *split(lake.lake.manifest(one.batch_id))
    document = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps({**document, "uploader": "somebody else"}).encode())
    assert {each.uploader for each in batches.list_batches(lake)} == {"tester", "somebody else"}
    assert read == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    assert [each.batch_id for each in batches.list_batches(lake)] == [two.batch_id]
    assert read == [key]


def test_a_damaged_archive_is_one_sentence(lake):
    whole = gzip.compress(f"{HEADER}\n".encode() * 500)
    file = SourceFile.from_bytes("patients.CSV.GZ", whole[:20] + b"\xff" * 20 + whole[40:])
    for ask in (
        lambda: preview.preview(lake, file),
        lambda: batches.import_files(lake, [file], uploader="t"),
    ):
        with pytest.raises(ServiceError, match="the gzip archive is damaged or cut off"):
            ask()


def test_a_name_in_capitals_is_an_extracts_file_too(lake, tmp_path):
    (tmp_path / "PATIENTS.CSV").write_text(f"{HEADER}\n")
    assert set(batches.import_folder(lake, tmp_path, uploader="tester").tables) == {"patients"}


def test_a_later_batch_of_the_day_has_a_later_name(lake, monkeypatch):
    made = []
    for hour in (9, 15):
        moment = datetime(2026, 11, 26, hour, tzinfo=UTC)
        monkeypatch.setattr(batches, "datetime", SimpleNamespace(now=lambda _, moment=moment: moment))
        made.append(load(lake, ("p.csv", f"{HEADER}\n,{hour}\n")).batch_id)
    assert made == sorted(made)
    assert check({"run_id": "run-x", "batch_ids": made})["batch_ids"] == made


def _with_origin(lake, number, uploader="tester", **origin):
    file = SourceFile.from_bytes("a.csv", f"{HEADER}\nP{number},1980-01-01,2025-01-01\n".encode())
    batch = batches.import_files(lake, [file], uploader=uploader, origin=Origin(**origin))
    return batch.facility, batch.time_zone


def test_facility_and_time_zone_are_in_the_manifest_and_remembered_for_the_next_extract_of_the_sender(lake):
    stated = {"facility": " General Hospital ", "time_zone": "America/Chicago"}
    assert _with_origin(lake, 1, **stated) == ("General Hospital", "America/Chicago")
    assert batches.list_batches(lake)[0].facility == "General Hospital"
    assert _with_origin(lake, 2) == ("General Hospital", "America/Chicago")
    assert _with_origin(lake, 3, uploader="another") == (None, None)


def test_an_empty_facility_or_time_zone_is_not_replaced_by_the_previous_one(lake):
    _with_origin(lake, 1, facility="General Hospital", time_zone="America/Chicago")
    assert _with_origin(lake, 2, facility="", time_zone="") == (None, None)


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        ({"time_zone": "Chicago"}, "Unknown time zone 'Chicago'. Choose an IANA name"),
        ({"facility": "x" * 101}, "has 101 characters"),
        ({"facility": "a\nb"}, "line break"),
    ],
)
def test_an_origin_that_cannot_be_used_is_refused(lake, origin, sentence):
    with pytest.raises(ServiceError, match=sentence):
        _with_origin(lake, 1, **origin)
    assert batches.list_batches(lake) == []
