"""Settings of the installation, from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.lake.uris import Lake

_SIGN_IN = ("HDP_SIGN_IN_ISSUER", "HDP_SIGN_IN_CLIENT", "HDP_SIGN_IN_SIGNER")


class SettingsError(ValueError):
    """A required environment variable is missing."""


@dataclass(frozen=True)
class SignInService:
    """The sign-in service and the load balancer (`signer`, an ARN) whose tokens are accepted.

    `sign_out_url` is the service's page that ends its own session, or empty.
    """

    issuer: str
    client: str
    signer: str
    sign_out_url: str = ""

    @property
    def is_cognito(self) -> bool:
        """Whether the access token can be verified: other providers' may be opaque or for themselves."""
        return self.issuer.startswith("https://cognito-idp.")


@dataclass(frozen=True)
class Settings:
    """Settings of one installation. boto3 itself reads a custom endpoint from AWS_ENDPOINT_URL."""

    prefix: str
    buckets: str
    state_machine_arn: str
    user: str
    role: str | None
    sign_in: SignInService | None = None
    sign_within_minutes: float = 0
    """Longest time between sign-in and a signature; 0 for the whole session."""
    environment: str = ""
    """Name of the installation, shown on every page: "Laptop", "dev", "prod"."""
    hospital: str = ""
    """Name of the hospital, shown beside the product's name."""
    is_billed: bool = True
    """Whether runs cost money, so that pages show what they cost."""
    starts_by_schedule: bool = True
    """Whether the schedule starts runs; a laptop cloud stores it only."""
    mapping_second_person: bool = False
    """Whether a second person must approve a mapping of unknown columns before files are loaded by it."""
    athena_poll_seconds: float = 0.4
    """Seconds between two requests for the state of a query.

    If every page asked more often, Athena's quota of GetQueryExecution would be exceeded.
    """

    lake_folder: str = ""
    """Directory on this machine that contains the lake; empty if S3 has no limit of space."""

    @property
    def lake(self) -> Lake:
        return Lake(self.prefix, self.buckets)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; raise `SettingsError` if a required variable is not set."""
        sign_in = _SIGN_IN if environment.get("HDP_SIGN_IN_ISSUER") else ()
        required = ("HDP_PREFIX", "HDP_BUCKETS", "HDP_STATE_MACHINE_ARN", *sign_in)
        missing = [name for name in required if not environment.get(name)]
        if missing:
            raise SettingsError(
                f"Not set: {', '.join(missing)}. Start the portal with 'hdp up', "
                "or set the environment variables that infra/README.md lists."
            )
        return cls(
            prefix=environment["HDP_PREFIX"],
            state_machine_arn=environment["HDP_STATE_MACHINE_ARN"],
            user=environment.get("HDP_USER") or environment.get("USER") or "unknown",
            role=environment.get("HDP_ROLE"),
            sign_in=_sign_in_service(environment) if sign_in else None,
            sign_within_minutes=float(environment.get("HDP_SIGN_WITHIN_MINUTES") or 0),
            mapping_second_person=environment.get("HDP_MAPPING_SECOND_PERSON") == "true",
            buckets=environment["HDP_BUCKETS"],
            environment=environment.get("HDP_ENVIRONMENT", ""),
            hospital=environment.get("HDP_HOSPITAL", ""),
            is_billed=environment.get("HDP_BILLED", "true") != "false",
            starts_by_schedule=environment.get("HDP_STARTS_BY_SCHEDULE", "true") != "false",
            lake_folder=environment.get("HDP_LAKE_FOLDER", ""),
            athena_poll_seconds=float(environment.get("HDP_ATHENA_POLL_SECONDS") or cls.athena_poll_seconds),
        )


def _sign_in_service(environment: Mapping[str, str]) -> SignInService:
    issuer, client, signer = (environment[name] for name in _SIGN_IN)
    return SignInService(issuer, client, signer, environment.get("HDP_SIGN_OUT_URL", ""))
