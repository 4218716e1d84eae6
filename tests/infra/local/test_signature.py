"""Signature Version 4 against AWS's own examples, and against requests that were altered after signing.

The examples are those of https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and
sigv4-query-string-auth.html.
"""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from infra.local import signature
from infra.local.credentials import Key
from infra.local.signature import SignatureError

KEY = Key("x", "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SCOPE = f"{KEY.access_key}/20130524/us-east-1/s3/aws4_request"
SIGNED_AT = datetime(2013, 5, 24, tzinfo=UTC)
HOST = "examplebucket.s3.amazonaws.com"
EMPTY = hashlib.sha256(b"").hexdigest()

GET = {
    "REQUEST_METHOD": "GET",
    "RAW_URI": "/test.txt",
    "HTTP_HOST": HOST,
    "HTTP_RANGE": "bytes=0-9",
    "HTTP_X_AMZ_CONTENT_SHA256": EMPTY,
    "HTTP_X_AMZ_DATE": "20130524T000000Z",
    "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={SCOPE},"
    "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
    "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
}
PUT = {
    "REQUEST_METHOD": "PUT",
    "RAW_URI": "/test%24file.text",
    "HTTP_HOST": HOST,
    "HTTP_DATE": "Fri, 24 May 2013 00:00:00 GMT",
    "HTTP_X_AMZ_CONTENT_SHA256": hashlib.sha256(b"Welcome to Amazon S3.").hexdigest(),
    "HTTP_X_AMZ_DATE": "20130524T000000Z",
    "HTTP_X_AMZ_STORAGE_CLASS": "REDUCED_REDUNDANCY",
    "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={SCOPE},"
    "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
    "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
}
LIST = {
    **GET,
    "RAW_URI": "/?max-keys=2&prefix=J",
    "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={SCOPE},"
    "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
    "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
}
PRESIGNED = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3"
    "%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
)
LINK = {
    "REQUEST_METHOD": "GET",
    "RAW_URI": f"/test.txt?{PRESIGNED}",
    "QUERY_STRING": PRESIGNED,
    "HTTP_HOST": HOST,
}


def verify(environ, body=b"", key=KEY, now=SIGNED_AT):
    claim = signature.read_claim(environ)
    assert claim.access_key == KEY.access_key
    signature.check_time(claim, key, now)
    signature.check(claim, key, environ, environ["RAW_URI"], lambda: body)


@pytest.mark.parametrize(
    ("environ", "body"), [(GET, b""), (PUT, b"Welcome to Amazon S3."), (LIST, b""), (LINK, b"")]
)
def test_the_examples_of_aws_are_accepted(environ, body):
    verify(environ, body)


@pytest.mark.parametrize(
    ("environ", "body", "code"),
    [
        ({**GET, "RAW_URI": "/other.txt"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "REQUEST_METHOD": "DELETE"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "HTTP_RANGE": "bytes=0-999"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "HTTP_HOST": "evil.example"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "RAW_URI": "/test.txt?acl"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "HTTP_X_AMZ_SECURITY_TOKEN": "t"}, b"", "SignatureDoesNotMatch"),
        (PUT, b"Welcome to Amazon S4.", "XAmzContentSHA256Mismatch"),
        ({**LINK, "HTTP_HOST": "evil.example"}, b"", "SignatureDoesNotMatch"),
        ({**GET, "HTTP_AUTHORIZATION": "AWS AKIAIOSFODNN7EXAMPLE:abc"}, b"", "IncompleteSignature"),
        ({**GET, "HTTP_AUTHORIZATION": ""}, b"", "MissingAuthenticationToken"),
    ],
)
def test_an_altered_request_is_rejected(environ, body, code):
    with pytest.raises(SignatureError) as refused:
        verify(environ, body)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("environ", "now", "code"),
    [
        (GET, SIGNED_AT + timedelta(minutes=16), "RequestTimeTooSkewed"),
        (GET, SIGNED_AT - timedelta(minutes=16), "RequestTimeTooSkewed"),
        (LINK, SIGNED_AT + timedelta(seconds=86401), "ExpiredToken"),
    ],
)
def test_an_old_signature_is_rejected(environ, now, code):
    with pytest.raises(SignatureError) as refused:
        verify(environ, now=now)
    assert refused.value.code == code


def test_a_key_of_sts_needs_its_token_and_expires():
    with pytest.raises(SignatureError, match="does not match"):
        verify(GET, key=replace(KEY, token="t"))
    with pytest.raises(SignatureError, match="expired"):
        verify(GET, key=replace(KEY, expires_at=SIGNED_AT))


def test_a_signature_with_another_secret_is_rejected():
    with pytest.raises(SignatureError, match="does not match"):
        verify(GET, key=replace(KEY, secret="another"))
