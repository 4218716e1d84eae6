"""Settings of the installation, from environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.lake.uris import Lake


class SettingsError(ValueError):
    """A required environment variable is missing."""


@dataclass(frozen=True)
class Settings:
    """Settings of one installation. boto3 itself reads a custom endpoint from AWS_ENDPOINT_URL."""

    prefix: str
    buckets: str
    state_machine_arn: str
    user: str
    role: str | None
    sign_in_issuer: str = ""
    athena_poll_seconds: float = 0.4
    """Seconds between two requests for the state of a query.

    If every page asked more often, Athena's quota of GetQueryExecution would be exceeded.
    """

    @property
    def lake(self) -> Lake:
        return Lake(self.prefix, self.buckets)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; raise `SettingsError` if a required variable is not set."""
        missing = [
            name
            for name in ("HDP_PREFIX", "HDP_BUCKETS", "HDP_STATE_MACHINE_ARN")
            if not environment.get(name)
        ]
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
            sign_in_issuer=environment.get("HDP_SIGN_IN_ISSUER", ""),
            buckets=environment["HDP_BUCKETS"],
            athena_poll_seconds=float(environment.get("HDP_ATHENA_POLL_SECONDS") or cls.athena_poll_seconds),
        )
