"""Copy public keys of sign-in tokens into the lake: the portal's network cannot reach their addresses."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from typing import Any

import boto3

from pipeline.lake.store import write_json
from pipeline.lake.uris import Lake

s3 = boto3.client("s3")
lake = Lake.of(os.environ)

_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class NoKeys(Exception):
    """The response holds no keys; those in the lake stay."""


def handler(event: dict[str, Any], context: object) -> dict[str, int]:  # noqa: ARG001
    """Copy the issuer's keys for ``{}``, and one of the load balancer's for ``{"key_id": id}``.

    Return ``{"keys": number of keys}``, which is 0 if the issuer's keys are not needed.
    """
    if "key_id" in event:
        return _copy_balancer_key(str(event["key_id"]))
    return _copy_issuer_keys(os.environ["HDP_SIGN_IN_KEYS"])


def _copy_issuer_keys(url: str) -> dict[str, int]:
    if not url:
        return {"keys": 0}
    document = json.loads(_fetch(url))
    if not (isinstance(document, dict) and document.get("keys")):
        raise NoKeys(f"{url} did not return a JSON Web Key Set (RFC 7517).")
    write_json(s3, lake.sign_in_keys(), document)
    return {"keys": len(document["keys"])}


def _copy_balancer_key(key_id: str) -> dict[str, int]:
    if not _KEY_ID.fullmatch(key_id):
        raise NoKeys(f"'{key_id[:40]}' is not the id of a load balancer's key.")
    url = f"{os.environ['HDP_BALANCER_KEYS']}/{key_id}"
    pem = _fetch(url).decode()
    if not pem.startswith("-----BEGIN PUBLIC KEY-----"):
        raise NoKeys(f"{url} did not return a public key in PEM.")
    write_json(s3, lake.balancer_key(key_id), {"pem": pem})
    return {"keys": 1}


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310  (Terraform allows only https)
        return bytes(response.read())
