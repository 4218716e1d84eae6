"""The signature of a release: signer, meaning and validity."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.releases.model import GOLD_TABLES, Release
from pipeline.reviews import events as review_events
from pipeline.reviews.events import Event
from pipeline.reviews.integrity import Log
from portal.core.context import Context
from portal.core.rights import requires


@dataclass(frozen=True)
class Signature:
    """The signature of a release.

    `invalid_reason` is empty while the signature is valid.
    """

    by: str
    role: str
    at: str
    meaning: str
    verdict: Literal["approve", "reject"]
    comment: str
    event: int
    invalid_reason: str

    @property
    def is_valid(self) -> bool:
        return not self.invalid_reason


@requires("see_charts")
def version(context: Context, run_id: str) -> str:
    """Return the current fingerprint of a run's release; empty if the release does not exist."""
    release = release_model.find(context.client("s3"), context.lake, run_id)
    return fingerprint(context, release) if release else ""


def of_run(log: Log, run_id: str, version: str) -> Signature | None:
    """Return the last signature of a run's release, validated against its current fingerprint `version`."""
    events = log.of_run(run_id)
    signed = [event for event in events if event.kind == "release_signed"]
    if not signed:
        return None
    last = signed[-1]
    return Signature(
        by=last.by,
        role=last.role,
        at=last.at,
        meaning=last.payload["meaning"],
        verdict=last.payload["verdict"],
        comment=last.payload["text"],
        event=last.sequence,
        invalid_reason=_invalid_reason(log, last, events, version),
    )


def _invalid_reason(log: Log, signed: Event, events: list[Event], version: str) -> str:
    if log.problems:
        return f"Audit trail integrity check failed: {log.problems[0]}"
    opened = [
        event.subject["query_id"]
        for event in events
        if event.kind in {"query_opened", "query_reopened"} and event.sequence > signed.sequence
    ]
    if opened:
        return f"Query {opened[-1]} was opened after the signature. Close it, then sign again."
    revoked = [event for event in events if event.kind in _REVOKES and event.sequence > signed.sequence]
    if revoked and signed.payload["verdict"] == "approve":
        table, rule = revoked[-1].finding or ("", "")
        return f"The decision on {rule} of {table} changed after the signature. Review and sign again."
    if not version:
        return "The release no longer exists."
    if version != signed.payload["release"]:
        return "Changed since review: the release differs from what was signed. Review it again."
    return ""


_REVOKES = {"finding_rejected", "acceptance_withdrawn"}


@requires("see_charts")
def fingerprint(context: Context, release: Release) -> str:
    """Return a hash of the release's document and of name, size and ETag of its objects.

    The objects are gold files, rule results and audit. On AWS an ETag depends on the content; on a laptop it
    depends on the file, so that a restored lake must be signed again.
    """
    lake, run_id = context.lake, release.run_id
    below = [lake.results(run_id), lake.audit(run_id)]
    below += [lake.gold_release(table, release.release_id) for table in GOLD_TABLES]
    with ThreadPoolExecutor(len(below)) as pool:
        found = pool.map(lambda uri: list(_objects(context, uri)), below)
        objects = [each for listed in found for each in listed]
    return review_events.fingerprint({"release": asdict(release), "objects": objects})


def _objects(context: Context, uri: str) -> Iterator[list[str | int]]:
    bucket, prefix = split(uri)
    for page in context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield [bucket, item["Key"], item["Size"], item["ETag"]]
