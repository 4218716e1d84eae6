"""Every address in the lake: buckets, prefixes, databases and object keys are made here and nowhere else.

Standard library only, so that Lambdas and Glue jobs ship it as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Zone = Literal["bronze", "silver", "gold", "quality", "results", "code"]
ZONES: tuple[Zone, ...] = get_args(Zone)

Database = Literal["bronze", "silver", "gold_releases", "gold", "quality"]
DATABASES: tuple[Database, ...] = get_args(Database)


RETIRED = ".retired"
"""How the name of the record ends that leaves a batch out of later releases."""


def split(address: str) -> tuple[str, str]:
    """``s3://bucket/some/key`` to ``("bucket", "some/key")``."""
    scheme, _, rest = address.partition("://")
    if scheme != "s3" or not rest:
        raise ValueError(f"'{address}' is not an S3 address: it should look like s3://bucket/key.")
    bucket, _, key = rest.partition("/")
    return bucket, key


@dataclass(frozen=True)
class Lake:
    """The lake of one installation; `prefix` is the name that Terraform or the laptop cloud gave it.

    `buckets` begins the buckets' names where it is another: those are unique in all of AWS, so the account is in them.
    """

    prefix: str
    buckets: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Lake:
        """The lake that HDP_PREFIX and HDP_BUCKETS name."""
        return cls(environment["HDP_PREFIX"], environment["HDP_BUCKETS"])

    def bucket(self, zone: Zone) -> str:
        return f"{self.buckets or self.prefix}-{zone}"

    def database(self, database: Database) -> str:
        return f"{self.prefix.replace('-', '_')}_{database}"

    def job(self, name: str) -> str:
        return f"{self.prefix}-{name.replace('_', '-')}"

    def function(self, name: str) -> str:
        return f"{self.prefix}-{name.replace('_', '-')}"

    @property
    def state_machine(self) -> str:
        return f"{self.prefix}-pipeline"

    @property
    def schedule(self) -> str:
        return f"{self.prefix}-nightly"

    @property
    def workgroup(self) -> str:
        return f"{self.prefix}-portal"

    @property
    def review_workgroup(self) -> str:
        """Queries that read identified rows: their results lie where the portal's own role cannot read."""
        return f"{self.prefix}-review"

    @property
    def review_role(self) -> str:
        return f"{self.prefix}-review"

    @property
    def job_logs(self) -> str:
        """Return the prefix of the Glue jobs' log groups, `output` and `error`."""
        return f"/{self.prefix}/jobs"

    # bronze: CSV as received

    def sample_names(self, locale: str) -> str:
        """Return the URI of the names of a locale, for the job that generates samples."""
        return f"s3://{self.bucket('bronze')}/_names/{locale}.json"

    def manifests(self) -> str:
        return self._address("bronze", "_manifests/")

    def manifest(self, batch_id: str) -> str:
        return self._address("bronze", f"_manifests/{batch_id}.json")

    def retirement(self, batch_id: str) -> str:
        """Beside the batch's manifest; no name of a manifest, so that nothing takes it for a new batch."""
        return self._address("bronze", f"_manifests/{batch_id}{RETIRED}")

    def bronze_table(self, table: str) -> str:
        return self._address("bronze", f"{table}/")

    def bronze_batch(self, table: str, batch_id: str) -> str:
        return self._address("bronze", f"{table}/batch_id={batch_id}/")

    # silver: cleaned and typed, one folder a batch

    def silver_table(self, table: str) -> str:
        return self._address("silver", f"{table}/")

    def silver_batch(self, table: str, batch_id: str) -> str:
        return self._address("silver", f"{table}/batch_id={batch_id}/")

    def silver_complete(self, table: str) -> str:
        """One empty object a batch whose rows are all written."""
        return self._address("silver", f"_complete/{table}/")

    def snapshot(self, table: str, run_id: str) -> str:
        """The newest rows of a table that a run's release accepts."""
        return self._address("silver", f"_snapshots/{table}/run_id={run_id}/")

    # gold: immutable releases

    def gold_table(self, table: str) -> str:
        return self._address("gold", f"{table}/")

    def gold_release(self, table: str, release_id: str) -> str:
        return self._address("gold", f"{table}/release_id={release_id}/")

    # quality: what was refused, what was measured, what was decided

    def quarantine_table(self, table: str) -> str:
        return self._address("quality", f"quarantine/{table}/")

    def quarantine(self, table: str, run_id: str) -> str:
        return self._address("quality", f"quarantine/{table}/run_id={run_id}/")

    def results_table(self) -> str:
        return self._address("quality", "results/")

    def results(self, run_id: str) -> str:
        return self._address("quality", f"results/run_id={run_id}/")

    def reconciliation_table(self) -> str:
        return self._address("quality", "reconciliation/")

    def reconciliation(self, run_id: str) -> str:
        return self._address("quality", f"reconciliation/run_id={run_id}/")

    def release_reconciliation_table(self) -> str:
        return self._address("quality", "release_reconciliation/")

    def run_plan(self, run_id: str) -> str:
        return self._address("quality", f"runs/{run_id}.json")

    def run_lock(self) -> str:
        return self._address("quality", "runs/_lock.json")

    def audit(self, run_id: str) -> str:
        return self._address("quality", f"audits/{run_id}.json")

    def releases(self) -> str:
        return self._address("quality", "releases/")

    def release(self, release_id: str) -> str:
        return self._address("quality", f"releases/{release_id}.json")

    def current_release(self) -> str:
        return self._address("quality", "releases/current.json")

    def reviews(self) -> str:
        return self._address("quality", "reviews/")

    def review(self, number: int) -> str:
        return self._address("quality", f"reviews/{number:08d}.json")

    def review_head(self) -> str:
        return self._address("quality", "reviews/head.json")

    def review_anchor(self) -> str:
        return self._address("quality", "review_anchor.json")

    def told(self, name: str) -> str:
        """A note that an alert was sent."""
        return self._address("quality", f"alerts/{name}.json")

    # results and code

    def query_results(self) -> str:
        return self._address("results", "athena/")

    def review_results(self) -> str:
        return self._address("results", "review/")

    def script(self, path: str) -> str:
        return self._address("code", f"scripts/{path}")

    def wheel(self) -> str:
        return self._address("code", "packages/hdp_pipeline-1-py3-none-any.whl")

    def sign_in_keys(self) -> str:
        return self._address("code", "sign-in/keys.json")

    def _address(self, zone: Zone, key: str) -> str:
        return f"s3://{self.bucket(zone)}/{key}"
