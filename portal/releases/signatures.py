"""The signature on a release: who gave it, what it covered, and whether it still counts."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.lake.uris import split
from pipeline.releases import model as release
from pipeline.releases.model import GOLD_TABLES, Release
from pipeline.reviews import events as chain
from pipeline.reviews.events import Event, Log
from portal.core.context import Context


@dataclass(frozen=True)
class Signature:
    """Who signed a release off, and in `why_not` a sentence of why it no longer counts: empty while it does."""

    by: str
    role: str
    at: str
    meaning: str
    verdict: Literal["approve", "reject"]
    comment: str
    event: int
    why_not: str

    @property
    def stands(self) -> bool:
        return not self.why_not


def version(context: Context, run_id: str) -> str:
    """The fingerprint of the release that a run has made; empty where it is not there (any more)."""
    made = release.find(context.client("s3"), context.lake, run_id)
    return fingerprint(context, made) if made else ""


def of_run(log: Log, run_id: str, version: str) -> Signature | None:
    """The last signature on a run's release, if there is one, held against the release's `version` of now."""
    said = log.of_run(run_id)
    signed = [event for event in said if event.kind == "release_signed"]
    if not signed:
        return None
    last = signed[-1]
    return Signature(
        by=last.by,
        role=last.role,
        at=last.at,
        meaning=last.said["meaning"],
        verdict=last.said["verdict"],
        comment=last.said["text"],
        event=last.number,
        why_not=_why_not(log, last, said, version),
    )


def _why_not(log: Log, signed: Event, said: list[Event], version: str) -> str:
    if log.problems:
        return f"Audit trail integrity check failed: {log.problems[0]}"
    asked = [
        event.subject["query_id"]
        for event in said
        if event.kind in {"query_opened", "query_reopened"} and event.number > signed.number
    ]
    if asked:
        return f"Query {asked[-1]} was opened after it: it is to be closed, and the release signed again."
    barred = [event for event in said if event.kind in _TAKES_BACK and event.number > signed.number]
    if barred and signed.said["verdict"] == "approve":
        table, rule = barred[-1].finding or ("", "")
        return f"The decision on {rule} of {table} changed after it: the release must be reviewed and signed again."
    if not version:
        return "The release is not there any more."
    if version != signed.said["release"]:
        return "Changed since review: the release is no longer what was signed. It must be reviewed again."
    return ""


_TAKES_BACK = {"finding_rejected", "acceptance_withdrawn"}


def fingerprint(context: Context, made: Release) -> str:
    """Stands for what the reviewer saw: the release's document, and every object under it by name, size and ETag.

    Those are the gold tables' files, the rules' results and the audit. An ETag is of the content on AWS; the
    laptop's is of the file on its disk, so that there a restored copy of a lake is signed again.
    """
    lake, run_id = context.lake, made.run_id
    below = [lake.results(run_id), lake.audit(run_id)]
    below += [lake.gold_release(table, made.release_id) for table in GOLD_TABLES]
    with ThreadPoolExecutor(len(below)) as pool:
        objects = [
            each
            for found in pool.map(lambda address: list(_objects(context, address)), below)
            for each in found
        ]
    return chain.fingerprint({"release": asdict(made), "objects": objects})


def _objects(context: Context, address: str) -> Iterator[list[str | int]]:
    bucket, prefix = split(address)
    for page in context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            yield [bucket, item["Key"], item["Size"], item["ETag"]]
