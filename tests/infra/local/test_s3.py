"""S3 as plain files."""

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from pipeline.lake.store import write_json


@pytest.fixture
def bucket(aws, lake_prefix):
    aws.client("s3").create_bucket(Bucket=lake_prefix)
    return lake_prefix


@pytest.fixture
def s3(aws):
    return aws.client("s3")


def keys(s3, bucket, **options):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, **options).get("Contents", [])]


def test_an_object_is_a_plain_file(s3, bucket, cloud):
    s3.put_object(Bucket=bucket, Key="a/b=1/c.csv", Body=b"x,y\n1,2\n")
    assert (cloud.state / "s3" / bucket / "a" / "b=1" / "c.csv").read_bytes() == b"x,y\n1,2\n"


def test_a_file_that_another_program_wrote_is_an_object(s3, bucket, cloud):
    folder = cloud.state / "s3" / bucket / "made"
    folder.mkdir(parents=True)
    (folder / "by-spark.parquet").write_bytes(b"PAR1")
    assert s3.get_object(Bucket=bucket, Key="made/by-spark.parquet")["Body"].read() == b"PAR1"


def test_checksum_and_partly_written_files_are_not_listed(s3, bucket, cloud):
    folder = cloud.state / "s3" / bucket
    for name in (".part-0.crc", ".pending-1-x", "part-0", "_SUCCESS"):
        (folder / name).write_bytes(b"")
    assert keys(s3, bucket) == ["_SUCCESS", "part-0"]


def test_a_range_reads_that_range(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=3-5")["Body"].read() == b"345"
    assert s3.get_object(Bucket=bucket, Key="k", Range="bytes=-2")["Body"].read() == b"89"


def test_a_read_during_writes_returns_one_complete_object(s3, bucket):
    sizes = [10, 5000]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * sizes[0])

    def write(number):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x" * sizes[number % 2])

    def read(_):
        return len(s3.get_object(Bucket=bucket, Key="k")["Body"].read())

    with ThreadPoolExecutor(8) as pool:
        written = pool.map(write, range(150))
        assert set(pool.map(read, range(150))) <= set(sizes)
        list(written)


def test_a_multipart_upload_is_complete(s3, bucket):
    content = bytes(range(256)) * 80_000
    s3.upload_fileobj(io.BytesIO(content), bucket, "large.bin")
    assert s3.get_object(Bucket=bucket, Key="large.bin")["Body"].read() == content


def test_listing_supports_prefix_delimiter_and_pages(s3, bucket):
    for key in ("a/1", "a/2", "a/b/3", "ab", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert keys(s3, bucket, Prefix="a/") == ["a/1", "a/2", "a/b/3"]
    answer = s3.list_objects_v2(Bucket=bucket, Prefix="a", Delimiter="/")
    assert [p["Prefix"] for p in answer["CommonPrefixes"]] == ["a/"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
    assert [e["Key"] for page in pages for e in page["Contents"]] == ["a/1", "a/2", "a/b/3", "ab", "c"]


def test_content_type_and_metadata_are_kept_until_the_object_changes(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1", ContentType="text/csv", Metadata={"who": "me"})
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentType"], head["Metadata"]) == ("text/csv", {"who": "me"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"22")
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {}


def test_deleting_removes_the_file_and_empty_folders(s3, bucket, cloud):
    s3.put_object(Bucket=bucket, Key="a/b/c", Body=b"1")
    s3.delete_object(Bucket=bucket, Key="a/b/c")
    assert list((cloud.state / "s3" / bucket).iterdir()) == []
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.get_object(Bucket=bucket, Key="a/b/c")


@pytest.mark.parametrize("key", ["../outside", "a//b", "a/./b"])
def test_a_key_that_is_not_a_valid_file_name_is_rejected(s3, bucket, key):
    with pytest.raises(ClientError, match="InvalidRequest"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")


def test_exactly_one_of_many_conditional_writers_succeeds(s3, bucket):
    def attempt(number):
        try:
            s3.put_object(Bucket=bucket, Key="lock", Body=str(number).encode(), IfNoneMatch="*")
        except ClientError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [number for number in pool.map(attempt, range(16)) if number is not None]
    assert [str(winner).encode() for winner in winners] == [
        s3.get_object(Bucket=bucket, Key="lock")["Body"].read()
    ]


def test_a_write_with_an_outdated_etag_is_rejected(s3, bucket):
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2", IfMatch=first)
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=first)


def test_an_etag_of_a_key_that_is_gone_is_a_404_and_a_lost_write(s3, bucket):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    first = s3.put_object(Bucket=bucket, Key="gone", Body=b"1")["ETag"]
    s3.delete_object(Bucket=bucket, Key="gone")
    with pytest.raises(ClientError) as raised:
        s3.put_object(Bucket=bucket, Key="gone", Body=b"2", IfMatch=first)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert write_json(s3, f"s3://{bucket}/gone", {}, IfMatch=first) is False
