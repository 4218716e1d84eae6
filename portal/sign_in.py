"""Who is at the browser, from the access token that the load balancer hands on after sign-in.

The header alone proves nothing: the token's signature is checked against the keys of the sign-in service, and its
expiry at every look, for Streamlit's own connection outlives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt

from portal.auth import ROLES, User, role_of

HEADER = "x-amzn-oidc-accesstoken"
_GROUPS = ("cognito:groups", "groups", "roles")


class SignInError(Exception):
    """Why nobody is signed in; the sentence says what to do."""


def person(headers: Mapping[str, str], keys: str, issuer: str) -> User:
    """The person whose token `headers` carry; `keys` is the address of the issuer's JSON Web Key Set (RFC 7517)."""
    token = headers.get(HEADER)
    if not token:
        raise SignInError(
            "Nobody is signed in: open the portal by its own address, which asks you to sign in."
        )
    try:
        key = _keys(keys).get_signing_key_from_jwt(token).key
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256", "ES256"],
            issuer=issuer,
            options={"verify_aud": False, "require": ["exp", "iss", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise SignInError("Your session has ended: reload this page to sign in again.") from None
    except jwt.PyJWKClientConnectionError:
        raise SignInError(
            "The sign-in service cannot be reached just now: reload this page in a minute."
        ) from None
    except jwt.PyJWTError:
        raise SignInError("Your sign-in could not be verified: reload this page to sign in again.") from None
    return User(_name(claims), _role(claims))


@cache
def _keys(address: str) -> jwt.PyJWKClient:
    return jwt.PyJWKClient(address, cache_keys=True, timeout=5)


def _name(claims: Mapping[str, Any]) -> str:
    return str(claims.get("email") or claims.get("username") or claims["sub"])


def _role(claims: Mapping[str, Any]) -> Any:
    """Of several groups that are roles, the one with the most rights to act; of none, viewer."""
    groups = {str(group) for name in _GROUPS for group in claims.get(name, [])}
    return role_of(next((role for role in reversed(ROLES) if role in groups), None))
