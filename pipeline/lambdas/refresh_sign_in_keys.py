"""Copy the identity provider's public keys into the lake: the portal's network cannot reach the provider."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

import boto3

from pipeline.lake.store import write_json
from pipeline.lake.uris import Lake

s3 = boto3.client("s3")
lake = Lake.of(os.environ)


class NoKeys(Exception):
    """The response is not a JSON Web Key Set with keys; the previous keys stay in the lake."""


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Map ``{}`` to ``{"keys": number of keys}``."""
    url = os.environ["HDP_SIGN_IN_KEYS"]
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  (Terraform allows only https)
        document = json.load(response)
    if not (isinstance(document, dict) and document.get("keys")):
        raise NoKeys(f"{url} did not return a JSON Web Key Set (RFC 7517).")
    write_json(s3, lake.sign_in_keys(), document)
    return {"keys": len(document["keys"])}
