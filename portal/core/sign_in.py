"""Authentication: verify the access token that the load balancer adds to each request after sign-in.

The signature is verified with the keys of the sign-in service. The expiry is checked on every request,
because a Streamlit connection can outlive its token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import jwt

from pipeline.lake.store import read_json
from portal.core.auth import ROLES, Role, User
from portal.core.context import Context
from portal.core.errors import is_aws_error
from portal.core.rights import open_to_all

HEADER = "x-amzn-oidc-accesstoken"
_GROUPS = ("cognito:groups", "groups", "roles")


class SignInError(Exception):
    """The user of a request cannot be verified; the message says what to do."""


KeySet = Callable[[], Mapping[str, Any] | None]
"""Returns the issuer's JSON Web Key Set (RFC 7517), or None if it has not been stored yet."""


@open_to_all
def read_keys(context: Context) -> Any:
    """Return the issuer's keys that the refresh_sign_in_keys Lambda has stored; None if there are none."""
    found = read_json(context.client("s3"), context.lake.sign_in_keys())
    return found[0] if found else None


def authenticate(headers: Mapping[str, str], keys: KeySet, issuer: str) -> User:
    """Return the user of the token in `headers`.

    Raise `SignInError` if the token is missing, expired or invalid, or if the keys cannot be read.
    """
    token = headers.get(HEADER)
    if not token:
        raise SignInError(
            "You are not signed in. Open the portal at the address that your administrator gave you."
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
    user = User(
        _name(claims),
        "viewer",
        subject=str(claims["sub"]),
        email=verified_email(claims),
        signed_in_at=_signed_in_at(claims),
    )
    return user.with_roles(_roles(claims))


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


def verified_email(claims: Mapping[str, Any]) -> str:
    """Return the e-mail address of a token in lower case; empty unless the sign-in service verified it.

    Anybody can enter another person's address as their own, so an unverified address identifies nobody.
    """
    is_verified = claims.get("email_verified")
    if is_verified is True or is_verified == "true":  # Cognito and some providers write it as text
        return str(claims.get("email") or "").strip().lower()
    return ""


def _name(claims: Mapping[str, Any]) -> str:
    return verified_email(claims) or str(claims.get("username") or claims["sub"])


def _signed_in_at(claims: Mapping[str, Any]) -> datetime | None:
    """Return when the person signed in, else when the token was issued; None if the token has neither."""
    seconds = claims.get("auth_time") or claims.get("iat")
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _roles(claims: Mapping[str, Any]) -> list[Role]:
    groups = {str(group) for name in _GROUPS for group in claims.get(name) or []}
    return [role for role in ROLES if role in groups]
