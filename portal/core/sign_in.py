"""Authentication: verify the tokens that the load balancer adds to a request after sign-in.

The identity is in a token that the load balancer signs. That token expires within minutes, so it is verified
when a session begins, and the session has a limit of its own. The groups and the time of the sign-in are in
the access token. Only Cognito signs access tokens that anybody can verify; with another provider, the access
token is not read, and roles come from the roles file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt

from pipeline.lake.store import read_json
from portal.core.auth import ROLES, Role, User
from portal.core.context import Context
from portal.core.errors import is_aws_error
from portal.core.rights import open_to_all
from portal.core.settings import SignInService

IDENTITY, ACCESS = "x-amzn-oidc-data", "x-amzn-oidc-accesstoken"
LONGEST_SESSION = timedelta(hours=8)

_KEY_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLOCK_SKEW = timedelta(seconds=30)

_NOT_SIGNED_IN = "You are not signed in. Open the portal at the address that your administrator gave you."
_ENDED = "Your session has ended: reload this page to sign in again."
_UNVERIFIED = "Your sign-in could not be verified: reload this page to sign in again."
_FOREIGN = "Your sign-in was issued for another application: sign out, and sign in to the portal again."
_NO_KEYS = "The keys of the sign-in service cannot be read: reload this page in a minute."
_ODD_GROUPS = "The groups of your sign-in are not a list of names: ask an administrator to correct them."


class SignInError(Exception):
    """The user of a request cannot be verified; the message says what to do."""


@dataclass(frozen=True)
class Keys:
    """Where public keys are read: `provider` returns the issuer's JSON Web Key Set (RFC 7517), or None if it
    has not been stored yet; `balancer` returns the load balancer's key with an id, in PEM.
    """

    provider: Callable[[], Mapping[str, Any] | None]
    balancer: Callable[[str], str]


@dataclass(frozen=True)
class SignIn:
    """A verified sign-in: the user, when it was verified, and when its session ends."""

    user: User
    began: datetime
    ends: datetime

    def current_user(self) -> User:
        """Return the user; raise `SignInError` if the session has ended or the user has signed out."""
        signed_out = _signed_out.get(self.user.subject)
        if datetime.now(UTC) >= self.ends or (signed_out and self.began <= signed_out):
            raise SignInError(_ENDED)
        return self.user


_signed_out: dict[str, datetime] = {}
"""When users signed out of this process, by subject."""


def end_sessions(subject: str) -> None:
    """End the sessions that a user has in this process."""
    _signed_out[subject] = datetime.now(UTC)


@open_to_all
def read_keys(context: Context) -> Any:
    """Return the issuer's keys that the refresh_sign_in_keys Lambda has stored; None if there are none."""
    found = read_json(context.client("s3"), context.lake.sign_in_keys())
    return found[0] if found else None


@open_to_all
def read_balancer_key(context: Context, key_id: str) -> str:
    """Return a public key of the load balancer; have a Lambda fetch it if it is not stored yet.

    The portal's network cannot reach the address of these keys. Raise `SignInError` if there is no such key.
    """
    if not _KEY_ID.fullmatch(key_id):
        raise SignInError(_UNVERIFIED)
    s3, uri = context.client("s3"), context.lake.balancer_key(key_id)
    found = read_json(s3, uri)
    if found is None:
        function = context.lake.function("refresh_sign_in_keys")
        request = json.dumps({"key_id": key_id}).encode()
        context.client("lambda").invoke(FunctionName=function, Payload=request)
        found = read_json(s3, uri)
    if found is None:
        raise SignInError(_NO_KEYS)
    return str(found[0]["pem"])


def authenticate(headers: Mapping[str, str], keys: Keys, service: SignInService) -> SignIn:
    """Return the sign-in of a request.

    Raise `SignInError` if a token is missing, expired, invalid or issued for another application, or if the
    keys cannot be read.
    """
    if not headers.get(IDENTITY):
        raise SignInError(_NOT_SIGNED_IN)
    try:
        identity = _identity(headers[IDENTITY], keys, service)
        access = _access(headers.get(ACCESS) or "", keys, service) if service.is_cognito else {}
        if access and access["sub"] != identity["sub"]:
            raise SignInError(_UNVERIFIED)
        return _sign_in(identity, access)
    except jwt.ExpiredSignatureError:
        raise SignInError(_ENDED) from None
    except (jwt.PyJWTError, TypeError, ValueError, OverflowError):
        raise SignInError(_UNVERIFIED) from None
    except Exception as error:
        if not is_aws_error(error):
            raise
        raise SignInError(_NO_KEYS) from None


def _sign_in(identity: Mapping[str, Any], access: Mapping[str, Any]) -> SignIn:
    now = datetime.now(UTC)
    signed_in_at = _time(access["auth_time"]) if access else None
    username = identity.get("username") or access.get("username")
    user = User(
        verified_email(identity) or str(username or identity["sub"]),
        "viewer",
        subject=identity["sub"],
        email=verified_email(identity),
        signed_in_at=signed_in_at,
    ).with_roles(_roles(access.get("cognito:groups")))
    found = SignIn(user, now, (signed_in_at or now) + LONGEST_SESSION)
    found.current_user()
    return found


def _identity(token: str, keys: Keys, service: SignInService) -> dict[str, Any]:
    """Return the claims of the load balancer's token; its header names the load balancer and the client."""
    header = jwt.get_unverified_header(token)
    _require_equal(header.get("signer"), service.signer)
    key = keys.balancer(str(header.get("kid")))
    claims = _decoded(token, key, "ES256", ["sub"])
    _require_equal(header.get("client"), service.client)
    _require_equal(header.get("iss"), service.issuer)
    _require_equal(claims.get("iss", service.issuer), service.issuer)
    _require_equal(claims.get("aud", service.client), service.client)
    if _time(header.get("exp")) + _CLOCK_SKEW <= datetime.now(UTC):
        raise jwt.ExpiredSignatureError
    return claims


def _access(token: str, keys: Keys, service: SignInService) -> dict[str, Any]:
    """Return the claims of Cognito's access token, which names its client in `client_id`."""
    key = _provider_key(keys, jwt.get_unverified_header(token).get("kid"))
    claims = _decoded(token, key, "RS256", ["exp", "iss", "sub", "auth_time"])
    _require_equal(claims["iss"], service.issuer)
    _require_equal(claims.get("token_use"), "access")
    _require_equal(claims.get("client_id"), service.client)
    _require_equal(claims.get("aud", service.client), service.client)
    return claims


def _decoded(token: str, key: Any, algorithm: str, required: list[str]) -> dict[str, Any]:
    """Return the claims of a token with a valid signature; the caller checks the audience and the issuer."""
    options: Any = {"require": required, "verify_aud": False}
    return jwt.decode(token, key, [algorithm], leeway=_CLOCK_SKEW, options=options)


def _require_equal(found: object, expected: str) -> None:
    if found != expected:
        raise SignInError(_FOREIGN)


def _time(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _provider_key(keys: Keys, key_id: str | None) -> jwt.PyJWK:
    document = keys.provider()
    if document is None:
        raise SignInError(_NO_KEYS)
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


def _roles(groups: object) -> list[Role]:
    """Return the roles that a groups claim names; raise `SignInError` if it is neither a list nor absent."""
    if groups is None:
        return []
    if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
        raise SignInError(_ODD_GROUPS)
    return [role for role in ROLES if role in groups]
