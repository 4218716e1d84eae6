"""Brings the public keys of the sign-in service into the lake: where the portal stands there is no way to them."""

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
    """What the address answers is no JSON Web Key Set; the former keys stay."""


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """``{}`` to ``{"keys": how many there are}``."""
    address = os.environ["HDP_SIGN_IN_KEYS"]
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310  (Terraform's variable is https)
        document = json.load(answer)
    if not (isinstance(document, dict) and document.get("keys")):
        raise NoKeys(f"{address} answers no JSON Web Key Set (RFC 7517).")
    write_json(s3, lake.sign_in_keys(), document)
    return {"keys": len(document["keys"])}
