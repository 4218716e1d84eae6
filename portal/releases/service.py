"""Releases: list, publish, roll back."""

from __future__ import annotations

from typing import Literal

from pipeline.releases import model as release
from pipeline.releases import publish as publishing
from pipeline.releases.model import Published, Release, ReleaseError
from pipeline.reviews import log as review_log
from portal.audit import service as audit_log
from portal.batches import retirement
from portal.batches import service as batches
from portal.core.auth import label
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.releases import signatures


@requires("watch_runs")
def list_releases(context: Context) -> list[Release]:
    """Return all releases, newest first."""
    return release.all_releases(context.client("s3"), context.lake)


@requires("see_charts")
def current(context: Context) -> Published | None:
    """Return the published release, or None."""
    return release.current(context.client("s3"), context.lake)


@requires("see_charts")
def find(context: Context, release_id: str) -> Release | None:
    """Return a release, or None if it does not exist or was deleted."""
    return release.find(context.client("s3"), context.lake, release_id)


@requires("see_charts")
def is_synthetic(context: Context, release_id: str) -> bool:
    """Return whether all batches of a release are synthetic, so that small counts need no suppression."""
    synthetic = batches.synthetic(context)
    made = find(context, release_id)
    return made is not None and bool(made.batch_ids) and all(synthetic.get(each) for each in made.batch_ids)


@requires("see_charts")
def sees_exact(context: Context, release_id: str) -> bool:
    """Return whether the user sees exact counts.

    Roles with access to records, and all roles for synthetic data.
    """
    return context.user.may("query") or is_synthetic(context, release_id)


@requires("see_charts")
def get(context: Context, release_id: str) -> Release:
    """Return a release; raise `ServiceError` if it does not exist."""
    try:
        return release.get(context.client("s3"), context.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


@requires("see_charts")
def readable(context: Context, release_id: str) -> Release:
    """Return a release; a held one is visible to reviewers and publishers only, until it is approved."""
    made = get(context, release_id)
    sees_held = context.user.may("review") or context.user.may("publish")
    if made.decision == "hold" and not sees_held and not _is_approved(context, made):
        raise ServiceError(
            f"Release '{release_id}' is held. {label(context.user.role).capitalize()}s can view it after a "
            "clinician "
            "approves it."
        )
    return made


@requires("publish")
def publish(context: Context, release_id: str, *, reason: str) -> Published:
    """Publish a release that passed the audit or was approved.

    The release must contain all batches of the published one, unless it was published before.
    """
    made, present = get(context, release_id), current(context)
    check_approved(context, made)
    if present and release_id not in {present.release_id, *present.history}:
        if made.decision == "hold":
            check_parent(context, made)
        _check_contains_published(context, made, present)
    expected = present.release_id if present else None
    return _publish(context, "publish", made, expect=expected, reason=reason)


@requires("review")
def publish_approved(context: Context, made: Release, *, reason: str) -> Published:
    """Publish a held release after its approval, if its parent is still published."""
    return _publish(context, "publish", made, expect=made.parent_release_id, reason=reason)


@requires("publish")
def rollback(context: Context, *, reason: str, shown: str | None = None) -> Published:
    """Publish the previous release again.

    `shown` is the release that the user saw as published; raise `ServiceError` if another one is published
    now.
    """
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
    return _publish(context, "rollback", made, expect=present.release_id, reason=reason)


@requires("see_charts")
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


def _signature(context: Context, made: Release) -> signatures.Signature | None:
    log = review_log.read(context.client("s3"), context.lake)
    return signatures.of_run(log, made.run_id, signatures.version(context, made.run_id))


def _is_approved(context: Context, made: Release) -> bool:
    signature = _signature(context, made)
    return bool(signature and signature.verdict == "approve" and signature.is_valid)


@requires("see_charts")
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


def _publish(
    context: Context,
    action: Literal["publish", "rollback"],
    made: Release,
    *,
    expect: str | None,
    reason: str,
) -> Published:
    log = review_log.read(context.client("s3"), context.lake)
    with audit_log.recorded(context, action, {"release": made.release_id}, reason=reason):
        try:
            return publishing.publish(
                context.client("s3"),
                context.lake,
                made.release_id,
                expect=expect,
                by=context.settings.user,
                reason=reason,
                refresh_views=publishing.view_refresher(context.client("athena"), context.lake),
                reviewed=log.newest(),
            )
        except ReleaseError as error:
            raise ServiceError(str(error)) from None
