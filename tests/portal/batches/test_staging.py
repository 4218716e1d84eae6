"""A file is staged in parts, hashed on the way, read by ranges, and copied to its batch if it is the same."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import random
import time
import zipfile
from dataclasses import replace

import pytest

from pipeline.lake.uris import split
from portal.batches import inspection, staging
from portal.batches import service as batches
from portal.batches.staging import PART, Staged
from portal.core.errors import ServiceError

PATIENTS = b"patient_id,birth_date,sex,updated_at\n" + b"".join(
    b"X%d,1980-02-03,F,2025-01-01T00:00:00Z\n" % number for number in range(500)
)


@pytest.fixture
def stage(empty_lake):
    """Stage content under a name, written in chunks as a browser sends them."""

    def staged(name, content):
        upload = staging.begin(empty_lake)
        for start in range(0, len(content), 1 << 20):
            upload.write(content[start : start + (1 << 20)])
            if upload.has_part:
                upload.send_part()
        return upload.finish(name)

    return staged


def _objects(lake, prefix):
    bucket, key = split(prefix)
    listed = lake.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)
    return [item["Key"] for item in listed.get("Contents", [])]


def _content(lake, uri):
    bucket, key = split(uri)
    return lake.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


@pytest.mark.parametrize("size", [0, 10, PART, 2 * PART + 7])
def test_content_and_hash_are_those_of_the_file_at_any_size(empty_lake, stage, size):
    content = random.Random(size).randbytes(size)
    found = stage("p.csv", content)
    assert (found.size, found.sha256) == (size, hashlib.sha256(content).hexdigest())
    assert found.supplier == empty_lake.user.subject
    assert _content(empty_lake, found.uri) == content


def _zipped(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("patients.csv", content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "packed", "stored"),
    [
        ("patients.csv", PATIENTS, PATIENTS),
        ("patients.csv.gz", gzip.compress(PATIENTS, mtime=0), gzip.compress(PATIENTS, mtime=0)),
        ("extract.zip", _zipped(PATIENTS), PATIENTS),
    ],
)
def test_a_staged_file_becomes_a_batch_with_the_bytes_that_were_received(
    empty_lake, stage, name, packed, stored
):
    file = staging.source_file(empty_lake, stage(name, packed))
    batch = batches.import_files(empty_lake, list(inspection.expanded(file)), uploader="eve")
    (entry,) = batch.tables["patients"]["files"]
    assert (entry["rows"], entry["sha256"]) == (500, hashlib.sha256(stored).hexdigest())
    bucket = empty_lake.lake.bucket("bronze")
    assert _content(empty_lake, f"s3://{bucket}/{entry['key']}") == stored


def test_a_file_that_was_damaged_on_the_way_is_refused(empty_lake, stage):
    staged = replace(stage("patients.csv", PATIENTS), sha256="0" * 64)
    with pytest.raises(ServiceError, match=r"'patients.csv' was not read as it was received\. Upload it"):
        batches.import_files(empty_lake, [staging.source_file(empty_lake, staged)], uploader="eve")


def test_an_object_that_was_replaced_or_deleted_is_not_read(empty_lake, stage):
    staged = stage("patients.csv", PATIENTS)
    file = staging.source_file(empty_lake, staged)
    bucket, key = split(staged.uri)
    empty_lake.client("s3").put_object(Bucket=bucket, Key=key, Body=b"other")
    with pytest.raises(ServiceError, match=r"'patients.csv' is no longer stored\. Upload it again"):
        file.open().read(1)
    staging.discard(empty_lake, staged)
    with pytest.raises(ServiceError, match=r"'patients.csv' is no longer stored\. Upload it again"):
        file.open().read(1)


def test_an_upload_that_breaks_off_leaves_nothing(empty_lake):
    upload = staging.begin(empty_lake)
    upload.write(bytes(PART))
    upload.send_part()
    upload.abort()
    bucket, _ = split(empty_lake.lake.uploads())
    assert empty_lake.client("s3").list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
    assert _objects(empty_lake, empty_lake.lake.uploads()) == []


def test_staged_files_of_more_than_a_day_ago_are_deleted(empty_lake, stage, cloud):
    old, new = stage("old.csv", b"1"), stage("new.csv", b"2")
    bucket, key = split(old.uri)
    day_ago = time.time() - 86_460
    os.utime(cloud.state / "s3" / bucket / key, (day_ago, day_ago))
    staging.begin(empty_lake)
    assert _objects(empty_lake, empty_lake.lake.uploads()) == [split(new.uri)[1]]


class Ranges:
    """S3 with one object; it notes the ranges that are read."""

    class exceptions:
        class ClientError(Exception):
            pass

    def __init__(self, content):
        self._content, self.read = content, []

    def get_object(self, Range, **_):
        first, last = map(int, Range.removeprefix("bytes=").split("-"))
        self.read.append(last + 1 - first)
        return {"Body": io.BytesIO(self._content[first : last + 1])}


def _opened(content):
    s3 = Ranges(content)
    found = Staged("p", len(content), "", "s3://b/k", "e", "")
    return s3, io.BufferedReader(staging._Stream(s3, found))


def test_a_stream_reads_and_seeks_like_a_file_on_disk():
    content, dice = random.Random(5).randbytes(3 << 20), random.Random(6)
    (_, stream), disk = _opened(content), io.BytesIO(content)
    for _ in range(200):
        where, how_many = dice.randrange(len(content) + 9), dice.choice([1, 100, 70_000, 400_000])
        assert stream.seek(where) == disk.seek(where)
        assert stream.read(how_many) == disk.read(how_many)
    assert stream.seek(-4, io.SEEK_END) == disk.seek(-4, io.SEEK_END)
    assert stream.read() == disk.read()


def test_a_file_read_in_sequence_costs_few_requests_and_a_part_of_memory():
    s3, stream = _opened(bytes(40 << 20))
    while stream.read(1 << 16):
        pass
    assert sum(s3.read) == 40 << 20
    assert len(s3.read) < 10
    assert max(s3.read) == PART
