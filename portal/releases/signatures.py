"""The signature of a release: signer, meaning and validity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.releases import files
from pipeline.releases import model as release_model
from pipeline.releases.model import Release
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
    """Return the last signature of a run's release, or None if it was never signed.

    The signature is validated against `version`, the current fingerprint of the release.
    """
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
    """Return a hash of the release's document and of the present sizes of its files.

    The document records the SHA-256 of each file. Only publishing and `hdp reviews verify` recompute these
    (`pipeline.releases.files`).
    """
    sizes = files.sizes(context.client("s3"), context.lake, release)
    return review_events.fingerprint({"release": asdict(release), "sizes": sizes})
