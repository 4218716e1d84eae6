"""Who is at the browser, from the access token that the load balancer hands on after sign-in.

The header alone proves nothing: the token's signature is checked against the keys of the sign-in service, and its
expiry at every look, for Streamlit's own connection outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jwt

from pipeline.lake.store import read_json
from portal.core.auth import ROLES, User, role_of
from portal.core.context import Aws, is_aws

HEADER = "x-amzn-oidc-accesstoken"
_GROUPS = ("cognito:groups", "groups", "roles")


class SignInError(Exception):
    """Why nobody is signed in; the sentence says what to do."""


KeySet = Callable[[], Mapping[str, Any] | None]
"""Reads the issuer's JSON Web Key Set (RFC 7517), or None where it has not arrived yet."""


def keys(aws: Aws) -> Any:
    """The issuer's keys as the refresh_sign_in_keys Lambda has last seen them."""
    found = read_json(aws.client("s3"), aws.lake.sign_in_keys())
    return found[0] if found else None


def person(headers: Mapping[str, str], keys: KeySet, issuer: str) -> User:
    """The person whose token `headers` carry."""
    token = headers.get(HEADER)
    if not token:
        raise SignInError(
            "Nobody is signed in: open the portal by its own address, which asks you to sign in."
        )
    try:
        key = _key(keys, jwt.get_unverified_header(token).get("kid"))
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256", "ES256"],
            issuer=issuer,
            options={"verify_aud": False, "require": ["exp", "iss", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise SignInError("Your session has ended: reload this page to sign in again.") from None
    except jwt.PyJWTError:
        raise SignInError("Your sign-in could not be verified: reload this page to sign in again.") from None
    return User(_name(claims), _role(claims))


def _key(keys: KeySet, wanted: str | None) -> jwt.PyJWK:
    try:
        document = keys()
    except Exception as error:
        if not is_aws(error):
            raise
        document = None
    if document is None:
        raise SignInError("The keys of the sign-in service cannot be read: reload this page in a minute.")
    found = next((key for key in jwt.PyJWKSet.from_dict(dict(document)).keys if key.key_id == wanted), None)
    if found is None:
        raise jwt.InvalidKeyError(f"There is no key '{wanted}'.")
    return found


def _name(claims: Mapping[str, Any]) -> str:
    return str(claims.get("email") or claims.get("username") or claims["sub"])


def _role(claims: Mapping[str, Any]) -> Any:
    """Of several groups that are roles, the one with the most rights to act; of none, viewer."""
    groups = {str(group) for name in _GROUPS for group in claims.get(name, [])}
    return role_of(next((role for role in reversed(ROLES) if role in groups), None))
