"""Tokens of a Cognito user pool and of a load balancer, and the public keys in the lake."""

from __future__ import annotations

import base64
import json
import time
from contextlib import contextmanager

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from pipeline.lake.store import write_json
from pipeline.lake.uris import split
from portal.core.settings import SignInService
from portal.core.sign_in import ACCESS, IDENTITY, Keys

ISSUER = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_people"
OTHER_PROVIDER = "https://login.example.org/tenant"
CLIENT = "portal-client"
SIGNER = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/hdp-portal/50dc6c495c0c9188"
SIGN_OUT = "https://hdp.auth.us-east-1.amazoncognito.com/logout?client_id=portal-client"
SERVICE = SignInService(ISSUER, CLIENT, SIGNER, SIGN_OUT)
ENVIRONMENT = {
    "HDP_SIGN_IN_ISSUER": ISSUER,
    "HDP_SIGN_IN_CLIENT": CLIENT,
    "HDP_SIGN_IN_SIGNER": SIGNER,
    "HDP_SIGN_OUT_URL": SIGN_OUT,
}

KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
BALANCER_KEY, OTHER_BALANCER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
BALANCER_KEY_ID = "8d4a52e3-5a0b-4d0e-9d4a-2f1c6b7a8e90"


def pem(key=BALANCER_KEY):
    """Return a public key as the load balancer's address serves it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def key_document():
    """Return the JSON Web Key Set of the user pool."""
    key = json.loads(RSAAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one", "use": "sig", "alg": "RS256"}
    return {"keys": [key]}


KEYS = Keys(key_document, lambda key_id: {BALANCER_KEY_ID: pem()}[key_id])


@contextmanager
def key_set(portal):
    """Write the public keys where the portal reads them, and delete them after the block."""
    s3, lake = portal.client("s3"), portal.lake
    documents = {lake.sign_in_keys(): key_document(), lake.balancer_key(BALANCER_KEY_ID): {"pem": pem()}}
    for uri, document in documents.items():
        write_json(s3, uri, document)
    yield
    for bucket, key in map(split, documents):
        s3.delete_object(Bucket=bucket, Key=key)


def headers(signed_in_at=None, seconds=120, **claims):
    """Return the headers that the load balancer adds for "lee", who signed in at a time (default: now).

    The load balancer's token expires after `seconds`; `claims` replace claims of both tokens.
    """
    exp = int(time.time()) + seconds
    return {
        IDENTITY: identity(header={"exp": exp}, exp=exp, **claims),
        ACCESS: access(auth_time=int(signed_in_at or time.time()), **claims),
    }


def access(key=KEY, kid="one", algorithm="RS256", **changes):
    """Return an access token that expires in an hour; `changes` replace claims, None removes one."""
    now = int(time.time())
    claims = {
        "iss": ISSUER, "sub": "s-1", "username": "lee", "client_id": CLIENT, "token_use": "access",
        "auth_time": now, "iat": now, "exp": now + 3600, **changes,
    }  # fmt: skip
    return jwt.encode(_present(claims), key, algorithm, headers={"kid": kid})


def identity(key=BALANCER_KEY, algorithm="ES256", header=None, **changes):
    """Return a token of the load balancer: with base64 padding, as it sends it, and valid for two minutes."""
    exp = int(time.time()) + 120
    fields = {
        "alg": algorithm, "typ": "JWT", "kid": BALANCER_KEY_ID, "signer": SIGNER, "client": CLIENT,
        "iss": ISSUER, "exp": exp, **(header or {}),
    }  # fmt: skip
    claims = {"sub": "s-1", "username": "lee", "iss": ISSUER, "exp": exp, **changes}
    signed = b".".join(_padded(json.dumps(_present(each)).encode()) for each in (fields, claims))
    signature = jwt.get_algorithm_by_name(algorithm).sign(signed, key)
    return b".".join([signed, _padded(signature)]).decode()


def _padded(content):
    return base64.urlsafe_b64encode(content)


def _present(claims):
    return {name: value for name, value in claims.items() if value is not None}
