"""Releases: list, publish, roll back."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.releases import files
from pipeline.releases import model as release
from pipeline.releases import publish as publishing
from pipeline.releases.model import Published, Release, ReleaseError
from pipeline.reviews import log as review_log
from pipeline.reviews.integrity import Log
from portal.batches import retirement
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.releases import signatures


def list_releases(context: Context) -> list[Release]:
    """Return all releases, newest first."""
    return release.all_releases(context.client("s3"), context.lake)


def current(context: Context) -> Published | None:
    """Return the published release, or None."""
    return release.current(context.client("s3"), context.lake)


def find(context: Context, release_id: str) -> Release | None:
    """Return a release, or None if it does not exist or was deleted."""
    return release.find(context.client("s3"), context.lake, release_id)


def is_synthetic(context: Context, release_id: str) -> bool:
    """Return whether all batches of a release are synthetic, so that small counts need no suppression."""
    synthetic = {batch.batch_id for batch in batches.list_batches(context) if batch.synthetic}
    made = find(context, release_id)
    return made is not None and bool(made.batch_ids) and set(made.batch_ids) <= synthetic


def sees_exact(context: Context, release_id: str) -> bool:
    """Return whether the user sees exact counts.

    Roles with access to records, and all roles for synthetic data.
    """
    return context.user.may("query") or is_synthetic(context, release_id)


def get(context: Context, release_id: str) -> Release:
    """Return a release; raise `ServiceError` if it does not exist."""
    try:
        return release.get(context.client("s3"), context.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


def readable(context: Context, release_id: str) -> Release:
    """Return a release; a held one is visible to reviewers and publishers only, until it is approved."""
    made = get(context, release_id)
    sees_held = context.user.may("review") or context.user.may("publish")
    if made.decision == "hold" and not sees_held and not _is_approved(context, made):
        raise ServiceError(
            f"Release '{release_id}' is held. {context.user.role.capitalize()}s can view it after a "
            "clinician "
            "approves it."
        )
    return made


def publish(context: Context, release_id: str, *, reason: str) -> Published:
    """Publish a release that passed the audit or was approved.

    The release must contain all batches of the published one, unless it was published before.
    """
    context.require("publish")
    made, present = get(context, release_id), current(context)
    check_approved(context, made)
    check_files(context, made)
    if present and release_id not in {present.release_id, *present.history}:
        if made.decision == "hold":
            check_parent(context, made)
        _check_contains_published(context, made, present)
    return _publish(context, made, expect=present.release_id if present else None, reason=reason)


def publish_approved(context: Context, made: Release, *, reason: str) -> Published:
    """Publish a held release after its approval, if its parent is still published."""
    context.require("review")
    return _publish(context, made, expect=made.parent_release_id, reason=reason)


def rollback(context: Context, *, reason: str, shown: str | None = None) -> Published:
    """Publish the previous release again.

    `shown` is the release that the user saw as published; raise `ServiceError` if another one is published
    now.
    """
    context.require("publish")
    try:
        present, made = publishing.rollback_target(context.client("s3"), context.lake)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
    if shown and present.release_id != shown:
        raise ServiceError(
            f"Release '{present.release_id}' is published now, not '{shown}'. Nothing was changed. "
            "Reload the page before you roll back."
        )
    check_approved(context, made)
    check_files(context, made)
    return _publish(context, made, expect=present.release_id, reason=reason)


def check_approved(context: Context, made: Release) -> None:
    """Raise `ServiceError` unless the release passed the audit or is approved, and is not rejected."""
    signature = _signature(context, made)
    if signature and signature.verdict == "reject":
        raise ServiceError(
            f"Release '{made.release_id}' was rejected by {signature.by}. A clinician must approve it "
            "before it can "
            "be published."
        )
    if made.decision == "hold" and not (signature and signature.is_valid):
        why = f" {signature.invalid_reason}" if signature else ""
        raise ServiceError(
            f"Release '{made.release_id}' is held and has no valid approval. "
            f"A clinician publishes it by approving it ('hdp reviews sign').{why}"
        )


def check_files(context: Context, made: Release) -> None:
    """Recompute the SHA-256 of each file; raise `ServiceError` if one is not as it was written."""
    if found := file_problems(context, [made]):
        raise ServiceError(f"{found[0]} The release cannot be published. Start a new run.")


def file_problems(context: Context, made: Sequence[Release]) -> list[str]:
    """Recompute the SHA-256 of each file of releases; return a sentence for each that is not as recorded."""
    return [each for one in made for each in files.problems(context.client("s3"), context.lake, one)]


def signed_or_published(context: Context, log: Log) -> list[Release]:
    """Return the releases that readers see or that somebody signed, unless they have expired."""
    signed = {e.subject["run_id"] for e in log.events if e.kind == "release_signed"}
    present = current(context)
    return [
        made
        for made in list_releases(context)
        if made.run_id in signed or (present and made.release_id == present.release_id)
    ]


def _signature(context: Context, made: Release) -> signatures.Signature | None:
    log = review_log.read(context.client("s3"), context.lake)
    return signatures.of_run(log, made.run_id, signatures.version(context, made.run_id))


def _is_approved(context: Context, made: Release) -> bool:
    signature = _signature(context, made)
    return bool(signature and signature.verdict == "approve" and signature.is_valid)


def check_parent(context: Context, made: Release) -> None:
    """Raise `ServiceError` unless the parent of the release is published; otherwise data would be lost."""
    present = current(context)
    found = present.release_id if present else None
    if found not in {made.parent_release_id, made.release_id}:
        raise ServiceError(
            f"Release '{found}' was published after '{made.release_id}' was built. Approving would remove "
            "its data. "
            "Start a new run, which contains both, and review that."
        )


def _check_contains_published(context: Context, made: Release, present: Published) -> None:
    lost = publishing.batches_lost(context.client("s3"), context.lake, made, present)
    if lost:
        lost = sorted(set(lost) - set(retirement.retired(context)))
    if lost:
        raise ServiceError(
            f"Release '{made.release_id}' lacks {', '.join(lost)}, which the published "
            f"'{present.release_id}' "
            "contains. Start a run, which contains both, or roll back first."
        )


def _publish(context: Context, made: Release, *, expect: str | None, reason: str) -> Published:
    try:
        return publishing.publish(
            context.client("s3"),
            context.lake,
            made.release_id,
            expect=expect,
            by=context.settings.user,
            reason=reason,
            refresh_views=publishing.view_refresher(context.client("athena"), context.lake),
        )
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
