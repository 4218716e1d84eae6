"""Pseudonyms: labels from which nobody can find a record's key without the lake's secret.

A label is an HMAC of table and key: a record has the same label in all runs and releases, and without the
secret nobody can find its key by computing the labels of all possible keys. Standard library only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any

from pipeline.lake.uris import Lake

_DIGITS = 16
"""Number of hexadecimal digits in a label.

The probability that any two of a million records share a label is 1 in 37 million.
"""


def label(secret: bytes, table: str, key: str) -> str:
    """Return the label of a record, such as "row 1f0a97c2b64d83e5"."""
    message = f"{table}\0{key}".encode("utf-8", "surrogatepass")
    return f"row {hmac.new(secret, message, hashlib.sha256).hexdigest()[:_DIGITS]}"


def is_label(text: str) -> bool:
    """Return whether a text has the form of a label."""
    return re.fullmatch(rf"row [0-9a-f]{{{_DIGITS}}}", text) is not None


def read_secret(secrets_manager: Any, lake: Lake) -> bytes:
    """Return the secret of the lake's pseudonyms from AWS Secrets Manager."""
    found = secrets_manager.get_secret_value(SecretId=lake.pseudonym_secret)
    return str(found["SecretString"]).encode()
