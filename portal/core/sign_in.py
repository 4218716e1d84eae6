"""Authentication: verify the access token that the load balancer adds to each request after sign-in.

The signature is verified with the keys of the sign-in service. The expiry is checked on every request,
because a Streamlit connection can outlive its token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jwt

from pipeline.lake.store import read_json
from portal.core.auth import ROLES, User, parse_role
from portal.core.context import Context
from portal.core.errors import is_aws_error

HEADER = "x-amzn-oidc-accesstoken"
_GROUPS = ("cognito:groups", "groups", "roles")


class SignInError(Exception):
    """The request has no valid token; the message says what to do."""


KeySet = Callable[[], Mapping[str, Any] | None]
"""Returns the issuer's JSON Web Key Set (RFC 7517), or None if it has not been stored yet."""


def read_keys(context: Context) -> Any:
    """Return the issuer's keys as stored by the refresh_sign_in_keys Lambda."""
    found = read_json(context.client("s3"), context.lake.sign_in_keys())
    return found[0] if found else None


def authenticate(headers: Mapping[str, str], keys: KeySet, issuer: str) -> User:
    """Return the user of the token in `headers`; raise `SignInError` if it is missing, expired or invalid."""
    token = headers.get(HEADER)
    if not token:
        raise SignInError("You are not signed in. Open the portal at its own URL, which asks you to sign in.")
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


def _key(keys: KeySet, key_id: str | None) -> jwt.PyJWK:
    try:
        document = keys()
    except Exception as error:
        if not is_aws_error(error):
            raise
        document = None
    if document is None:
        raise SignInError("The keys of the sign-in service cannot be read: reload this page in a minute.")
    found = next((key for key in jwt.PyJWKSet.from_dict(dict(document)).keys if key.key_id == key_id), None)
    if found is None:
        raise jwt.InvalidKeyError(f"There is no key '{key_id}'.")
    return found


def _name(claims: Mapping[str, Any]) -> str:
    return str(claims.get("email") or claims.get("username") or claims["sub"])


def _role(claims: Mapping[str, Any]) -> Any:
    """Return the role that the user's groups grant: the last in `ROLES`, or viewer without any."""
    groups = {str(group) for name in _GROUPS for group in claims.get(name, [])}
    return parse_role(next((role for role in reversed(ROLES) if role in groups), None))
