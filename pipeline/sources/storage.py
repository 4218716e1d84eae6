"""Open the files of a batch, on AWS and on the laptop."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.lake import split

S3_ROOT = "HDP_S3_ROOT"
"""Environment variable with the folder that holds the buckets' objects as files; only the laptop cloud sets it."""


def open_uri(uri: str) -> BinaryIO:
    """Open an S3 object for reading from its start; OSError where that fails.

    A worker of the laptop cloud reads the object's file itself: a task would otherwise go through the HTTP server of
    the same machine.
    """
    bucket, key = split(uri)
    if root := os.environ.get(S3_ROOT):
        return (Path(root) / bucket / key).open("rb")
    return _open_object(bucket, key)


def _open_object(bucket: str, key: str) -> BinaryIO:
    import boto3  # noqa: PLC0415  # takes longer to load than a small file to read
    from botocore.exceptions import ClientError  # noqa: PLC0415

    try:
        return cast(BinaryIO, boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"])
    except ClientError as error:
        raise OSError(error.response["Error"]["Code"]) from None
