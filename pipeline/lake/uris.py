"""URIs, buckets, databases and resource names of the lake. They are built here and nowhere else.

Standard library only, because Lambdas and Glue jobs include it.
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
"""Suffix of the name of the object that excludes a batch from later releases."""


def split(uri: str) -> tuple[str, str]:
    """Return bucket and key of an S3 URI: ``s3://bucket/some/key`` gives ``("bucket", "some/key")``."""
    scheme, _, rest = uri.partition("://")
    if scheme != "s3" or not rest:
        raise ValueError(f"'{uri}' is not an S3 URI: expected s3://bucket/key.")
    bucket, _, key = rest.partition("/")
    return bucket, key


@dataclass(frozen=True)
class Lake:
    """The names of one installation; `prefix` is set by Terraform or by the laptop cloud.

    `buckets` is the prefix of bucket names, or empty if that is `prefix`. On AWS it contains the account id,
    because bucket names must be unique across AWS.
    """

    prefix: str
    buckets: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Lake:
        """Return the lake named by the environment variables HDP_PREFIX and HDP_BUCKETS."""
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
        """Workgroup of queries on identifiable rows. The portal's own role cannot read their results."""
        return f"{self.prefix}-review"

    @property
    def review_role(self) -> str:
        return f"{self.prefix}-review"

    @property
    def pseudonym_secret(self) -> str:
        """Name, in AWS Secrets Manager, of the secret that pseudonyms are computed with."""
        return f"{self.prefix}/portal/pseudonym-secret"

    @property
    def job_logs(self) -> str:
        """Prefix of the Glue jobs' two log groups, which end in ``/output`` and ``/error``."""
        return f"/{self.prefix}/jobs"

    # bronze: CSV as received

    def sample_names(self, locale: str) -> str:
        """Return the URI of the personal names of a locale, which the job that generates samples reads."""
        return f"s3://{self.bucket('bronze')}/_names/{locale}.json"

    def manifests(self) -> str:
        return self._uri("bronze", "_manifests/")

    def manifest(self, batch_id: str) -> str:
        return self._uri("bronze", f"_manifests/{batch_id}.json")

    def retirement(self, batch_id: str) -> str:
        """Return the URI of the record that retires a batch; it ends in `RETIRED`, unlike a manifest."""
        return self._uri("bronze", f"_manifests/{batch_id}{RETIRED}")

    def bronze_table(self, table: str) -> str:
        return self._uri("bronze", f"{table}/")

    def bronze_batch(self, table: str, batch_id: str) -> str:
        return self._uri("bronze", f"{table}/batch_id={batch_id}/")

    def mappings(self) -> str:
        """Return the URI prefix of mappings of unknown columns: a folder each, an object per version."""
        return self._uri("bronze", "_mappings/")

    def mapping(self, mapping_id: str, version: int) -> str:
        return self._uri("bronze", f"_mappings/{mapping_id}/{version:04d}.json")

    def incoming(self) -> str:
        """Return the URI that SFTP gateways write below: a folder per source, in it a folder per delivery."""
        return self._uri("bronze", "incoming/")

    def uploads(self) -> str:
        """Return the URI prefix of files that were uploaded on a page and are not imported yet."""
        return self._uri("bronze", "_uploads/")

    # silver: cleaned and typed, one prefix per batch

    def silver_table(self, table: str) -> str:
        return self._uri("silver", f"{table}/")

    def silver_batch(self, table: str, batch_id: str) -> str:
        return self._uri("silver", f"{table}/batch_id={batch_id}/")

    def silver_complete(self, table: str) -> str:
        """Return the URI prefix of the markers of fully written batches: one empty object per batch."""
        return self._uri("silver", f"_complete/{table}/")

    def snapshot(self, table: str, run_id: str) -> str:
        """Return the URI of the newest version of each record that the run's release admits."""
        return self._uri("silver", f"_snapshots/{table}/run_id={run_id}/")

    # gold: immutable releases

    def gold_table(self, table: str) -> str:
        return self._uri("gold", f"{table}/")

    def gold_release(self, table: str, release_id: str) -> str:
        return self._uri("gold", f"{table}/release_id={release_id}/")

    # quality: quarantined rows, rule results, releases, reviews

    def quarantine_table(self, table: str) -> str:
        return self._uri("quality", f"quarantine/{table}/")

    def quarantine(self, table: str, run_id: str) -> str:
        return self._uri("quality", f"quarantine/{table}/run_id={run_id}/")

    def results_table(self) -> str:
        return self._uri("quality", "results/")

    def results(self, run_id: str) -> str:
        return self._uri("quality", f"results/run_id={run_id}/")

    def reconciliation_table(self) -> str:
        return self._uri("quality", "reconciliation/")

    def reconciliation(self, run_id: str) -> str:
        return self._uri("quality", f"reconciliation/run_id={run_id}/")

    def release_reconciliation_table(self) -> str:
        return self._uri("quality", "release_reconciliation/")

    def runs(self) -> str:
        """Return the URI prefix of the plans of runs and of the write lock."""
        return self._uri("quality", "runs/")

    def run_plan(self, run_id: str) -> str:
        return self._uri("quality", f"runs/{run_id}.json")

    def run_lock(self) -> str:
        return self._uri("quality", "runs/_lock.json")

    def audit(self, run_id: str) -> str:
        return self._uri("quality", f"audits/{run_id}.json")

    def gold_files(self, run_id: str, table: str) -> str:
        """Return the URI of the record that lists a gold table's files with size and SHA-256."""
        return self._uri("quality", f"audits/{run_id}/{table}.json")

    def gold_months(self, run_id: str, table: str) -> str:
        """Return the URI of the record that lists a fact's months with rows and a hash of their content."""
        return self._uri("quality", f"audits/{run_id}/{table}.months.json")

    def releases(self) -> str:
        return self._uri("quality", "releases/")

    def release(self, release_id: str) -> str:
        return self._uri("quality", f"releases/{release_id}.json")

    def current_release(self) -> str:
        return self._uri("quality", "releases/current.json")

    def reviews(self) -> str:
        return self._uri("quality", "reviews/")

    def review(self, sequence: int) -> str:
        return self._uri("quality", f"reviews/{sequence:08d}.json")

    def review_head(self) -> str:
        return self._uri("quality", "reviews/head.json")

    def audit_log(self) -> str:
        """Return the URI prefix of the events of the audit log, which are in folders by date."""
        return self._uri("quality", "audit_log/")

    def purges(self) -> str:
        """Return the URI prefix of requests, approvals and certificates of purges."""
        return self._uri("quality", "purges/")

    def roles_file(self) -> str:
        """Return the URI of the object that lists people's roles and deputies."""
        return self._uri("quality", "people/roles.json")

    def numbers(self, kind: str) -> str:
        """Return the URI of the numbers of all runs, releases or batches by id; `kind` is one of these."""
        return self._uri("quality", f"numbers/{kind}.json")

    def shared_notes(self, kind: str) -> str:
        """Return the URI of the saved views or the annotations of dashboards; `kind` is one of these."""
        return self._uri("quality", f"notes/{kind}.json")

    def sent_alert(self, name: str) -> str:
        """Return the URI of the record that an alert was sent."""
        return self._uri("quality", f"alerts/{name}.json")

    # results and code

    def query_results(self) -> str:
        return self._uri("results", "athena/")

    def review_results(self) -> str:
        return self._uri("results", "review/")

    def script(self, path: str) -> str:
        return self._uri("code", f"scripts/{path}")

    def wheel(self) -> str:
        return self._uri("code", "packages/hdp_pipeline-1-py3-none-any.whl")

    def sign_in_keys(self) -> str:
        return self._uri("code", "sign-in/keys.json")

    def balancer_key(self, key_id: str) -> str:
        """Return the URI of a public key with which the load balancer signs who a user is."""
        return self._uri("code", f"sign-in/balancer/{key_id}.json")

    def _uri(self, zone: Zone, key: str) -> str:
        return f"s3://{self.bucket(zone)}/{key}"
