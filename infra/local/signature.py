"""Verify AWS Signature Version 4, in the Authorization header or in a presigned URL.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from botocore.utils import normalize_url_path

from infra.local.credentials import Key

_ALGORITHM = "AWS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_UNSIGNED_BODIES = {_UNSIGNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
_CLOCK_SKEW = timedelta(minutes=15)
_LONGEST = timedelta(days=7)
_HEADER = re.compile(
    rf"{_ALGORITHM} +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{{64}})"
)


class SignatureError(Exception):
    """The signature is missing or invalid; `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Claim:
    """The signature fields of a request, not yet verified; only a presigned URL has a `lifetime`."""

    access_key: str
    scope: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    signed_at: datetime
    lifetime: timedelta | None
    payload: str | None
    token: str | None


def read_claim(environ: Mapping[str, Any]) -> Claim:
    """Return the signature fields in the Authorization header, or without that header in the query string.

    Raise `SignatureError` if they are missing or cannot be read.
    """
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if header := environ.get("HTTP_AUTHORIZATION"):
        found = _HEADER.fullmatch(header.strip())
        given = (
            *(found.groups() if found else ("", "", "")),
            environ.get("HTTP_X_AMZ_DATE", ""),
            None,
            environ.get("HTTP_X_AMZ_CONTENT_SHA256"),
            environ.get("HTTP_X_AMZ_SECURITY_TOKEN"),
        )
    elif query.get("X-Amz-Algorithm") == _ALGORITHM:
        names = ("Credential", "SignedHeaders", "Signature", "Date", "Expires")
        payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256", _UNSIGNED)
        given = (
            *(query.get(f"X-Amz-{name}", "") for name in names),
            payload,
            query.get("X-Amz-Security-Token"),
        )
    else:
        raise SignatureError(
            "MissingAuthenticationToken", "The request is not signed with AWS Signature Version 4."
        )
    return _claim(*given)


def _claim(
    credential: str,
    headers: str,
    signature: str,
    date: str,
    lifetime: str | None,
    payload: str | None,
    token: str | None,
) -> Claim:
    access_key, slash, scope = credential.partition("/")
    try:
        date_stamp, _, service, end = scope.split("/")
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = timedelta(seconds=int(lifetime)) if lifetime is not None else None
    except (ValueError, OverflowError):
        raise SignatureError(
            "IncompleteSignature", "The signature's credential, date or lifetime cannot be read."
        ) from None
    if end != "aws4_request" or not date.startswith(date_stamp) or not slash:
        raise SignatureError("IncompleteSignature", "The signature's credential scope is not valid.")
    return Claim(
        access_key, scope, service, tuple(headers.split(";")), signature, signed_at, seconds, payload, token
    )


def check_time(claim: Claim, key: Key, now: datetime) -> None:
    """Raise `SignatureError` if the key or the signature has expired, or the signature is from the future.

    Clocks may differ by 15 minutes; the lifetime of a presigned URL is at most seven days.
    """
    expired = SignatureError("ExpiredToken", "The request or its key has expired.")
    if key.expires_at is not None and key.expires_at <= now:
        raise expired
    if claim.lifetime is None:
        if abs(now - claim.signed_at) > _CLOCK_SKEW:
            raise SignatureError(
                "RequestTimeTooSkewed", "The time of the request differs by more than 15 minutes."
            )
    elif not timedelta() < claim.lifetime <= _LONGEST or claim.signed_at - now > _CLOCK_SKEW:
        raise SignatureError(
            "AuthorizationQueryParametersError",
            "The presigned URL is dated in the future, or its lifetime is not between 1 second and 7 days.",
        )
    elif claim.signed_at + claim.lifetime < now:
        raise expired


def check(
    claim: Claim, key: Key, environ: Mapping[str, Any], raw_uri: str, body: Callable[[], bytes]
) -> None:
    """Raise `SignatureError` unless the signature, session token and body match the request and its key."""
    if "host" not in claim.signed_headers or claim.token != key.token:
        raise _mismatch()
    payload = claim.payload or hashlib.sha256(body()).hexdigest()
    path, _, query = raw_uri.partition("?")
    canonical = "\n".join(
        [
            environ["REQUEST_METHOD"],
            _canonical_path(path, claim.service),
            _canonical_query(query),
            *(f"{name}:{_header(environ, name)}" for name in claim.signed_headers),
            "",
            ";".join(claim.signed_headers),
            payload,
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([_ALGORITHM, claim.signed_at.strftime("%Y%m%dT%H%M%SZ"), claim.scope, digest])
    expected = hmac.new(_signing_key(key.secret, claim.scope), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, claim.signature):
        raise _mismatch()
    _check_payload(payload, body)


def _check_payload(payload: str, body: Callable[[], bytes]) -> None:
    if payload in _UNSIGNED_BODIES:
        return
    if payload.startswith("STREAMING-"):
        raise SignatureError(
            "NotImplemented", f"The laptop cloud does not verify bodies signed as {payload}."
        )
    if payload != hashlib.sha256(body()).hexdigest():
        raise SignatureError("XAmzContentSHA256Mismatch", "The body does not match the signed hash.")


def _mismatch() -> SignatureError:
    return SignatureError("SignatureDoesNotMatch", "The signature does not match the request and its key.")


def _canonical_path(path: str, service: str) -> str:
    """Return the path as sent for S3; for other services, normalize it and encode it once more."""
    return path if service == "s3" else quote(normalize_url_path(path), safe="/~")


def _canonical_query(query: str) -> str:
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    return "&".join(f"{name}={value}" for name, value in sorted(pairs) if name != "X-Amz-Signature")


def _header(environ: Mapping[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}", "")
    return " ".join(str(value).split())


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
