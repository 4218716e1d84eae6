"""Access tokens of a sign-in service, and its key set in the lake."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from pipeline.lake.store import write_json
from pipeline.lake.uris import split

ISSUER = "https://sign-in.example.org/pool"


KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def keys():
    """Return the JSON Web Key Set of the sign-in service."""
    key = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one", "use": "sig", "alg": "RS256"}
    return {"keys": [key]}


@contextmanager
def key_set(portal):
    """Write the key set where the portal reads it, and delete it after the block."""
    write_json(portal.client("s3"), portal.lake.sign_in_keys(), keys())
    yield
    bucket, key = split(portal.lake.sign_in_keys())
    portal.client("s3").delete_object(Bucket=bucket, Key=key)


def token(key=KEY, kid="one", algorithm="RS256", **changes):
    """Return a token of "lee" that expires in a minute; `changes` replace claims, None removes one."""
    claims = {"iss": ISSUER, "sub": "s-1", "username": "lee", "exp": time.time() + 60, **changes}
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None}, key, algorithm, headers={"kid": kid}
    )
