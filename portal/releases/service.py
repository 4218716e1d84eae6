"""Releases: list, publish, roll back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pipeline.releases import files
from pipeline.releases import model as release_model
from pipeline.releases import publish as publishing
from pipeline.releases.model import Published, Release, ReleaseError
from pipeline.reviews import log as review_log
from pipeline.reviews.integrity import Log
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
    return release_model.all_releases(context.client("s3"), context.lake)


@requires("see_charts")
def ids(context: Context) -> list[str]:
    """Return the ids of all stored releases, newest first, without reading the releases."""
    return release_model.ids(context.client("s3"), context.lake)


@requires("see_charts")
def current(context: Context) -> Published | None:
    """Return the published release, or None if nothing is published."""
    return release_model.current(context.client("s3"), context.lake)


@requires("see_charts")
def find(context: Context, release_id: str) -> Release | None:
    """Return a release, or None if it does not exist or was deleted."""
    return release_model.find(context.client("s3"), context.lake, release_id)


@requires("see_charts")
def is_synthetic(context: Context, release_id: str) -> bool:
    """Return whether all batches of a release are synthetic, so that small counts need no suppression.

    Return False for a release without batches, or if there is no such release.
    """
    synthetic = batches.synthetic(context)
    release = find(context, release_id)
    return (
        release is not None
        and bool(release.batch_ids)
        and all(synthetic.get(each) for each in release.batch_ids)
    )


@requires("see_charts")
def sees_exact(context: Context, release_id: str) -> bool:
    """Return whether the user sees exact counts of a release.

    Roles with the right `query` do; for synthetic data, all roles do.
    """
    return context.user.may("query") or is_synthetic(context, release_id)


@requires("see_charts")
def get(context: Context, release_id: str) -> Release:
    """Return a release; raise `ServiceError` if it does not exist."""
    try:
        return release_model.get(context.client("s3"), context.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


@requires("see_charts")
def readable(context: Context, release_id: str) -> Release:
    """Return a release; raise `ServiceError` if it does not exist or the user may not view it.

    Until a held release is approved, only users who may review or publish can view it.
    """
    release = get(context, release_id)
    sees_held = context.user.may("review") or context.user.may("publish")
    if release.decision == "hold" and not sees_held and not _is_approved(context, release):
        raise ServiceError(
            f"Release '{release_id}' is held. {label(context.user.role).capitalize()}s can view it after a "
            "clinician approves it."
        )
    return release


@requires("publish")
def publish(context: Context, release_id: str, *, reason: str) -> Published:
    """Publish a release that passed the audit or was approved; raise `ServiceError` for any other.

    Its files must be as recorded. Unless it was published before, it must contain all batches of the
    published release that are not retired; if it was held, its parent must also be published.
    """
    release, published = get(context, release_id), current(context)
    check_approved(context, release)
    check_files(context, release)
    if published and release_id not in {published.release_id, *published.history}:
        if release.decision == "hold":
            check_parent(context, release)
        _check_contains_published(context, release, published)
    expected = published.release_id if published else None
    return _publish(context, "publish", release, expect=expected, reason=reason)


@requires("review")
def publish_approved(context: Context, release: Release, *, reason: str) -> Published:
    """Publish a held release after its approval; raise `ServiceError` unless its parent is published."""
    return _publish(context, "publish", release, expect=release.parent_release_id, reason=reason)


@requires("publish")
def rollback(context: Context, *, reason: str, shown: str | None = None) -> Published:
    """Publish the previous release again.

    `shown` is the id of the release that the user saw as published; raise `ServiceError` if another one is
    published now. Raise it also if there is no previous release, or if that is damaged, rejected or not
    validly approved.
    """
    try:
        published, release = publishing.rollback_target(context.client("s3"), context.lake)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
    if shown and published.release_id != shown:
        raise ServiceError(
            f"Release '{published.release_id}' is published now, not '{shown}'. Nothing was changed. "
            "Reload the page before you roll back."
        )
    check_approved(context, release)
    check_files(context, release)
    return _publish(context, "rollback", release, expect=published.release_id, reason=reason)


@requires("see_charts")
def check_approved(context: Context, release: Release) -> None:
    """Raise `ServiceError` if the release was rejected, or is held without a valid approval."""
    signature = _signature(context, release)
    if signature and signature.verdict == "reject":
        raise ServiceError(
            f"Release '{release.release_id}' was rejected by {signature.by}. A clinician must approve it "
            "before it can be published."
        )
    if release.decision == "hold" and not (signature and signature.is_valid):
        why = f" {signature.invalid_reason}" if signature else ""
        raise ServiceError(
            f"Release '{release.release_id}' is held and has no valid approval. "
            f"A clinician publishes it by approving it ('hdp reviews sign').{why}"
        )


@requires("see_charts")
def check_files(context: Context, release: Release) -> None:
    """Recompute the SHA-256 of each file of a release; raise `ServiceError` if one is not as recorded."""
    if found := file_problems(context, [release]):
        raise ServiceError(f"{found[0]} The release cannot be published. Start a new run.")


@requires("see_charts")
def file_problems(context: Context, checked: Sequence[Release]) -> list[str]:
    """Recompute the SHA-256 of each file of releases; return a sentence for each file not as recorded."""
    return [
        problem
        for release in checked
        for problem in files.problems(context.client("s3"), context.lake, release)
    ]


@requires("see_charts")
def signed_or_published(context: Context, log: Log) -> list[Release]:
    """Return the published release and those that somebody signed, except deleted ones."""
    signed = {e.subject["run_id"] for e in log.events if e.kind == "release_signed"}
    published = current(context)
    return [
        release
        for release in list_releases(context)
        if release.run_id in signed or (published and release.release_id == published.release_id)
    ]


def _signature(context: Context, release: Release) -> signatures.Signature | None:
    log = review_log.read(context.client("s3"), context.lake)
    return signatures.of_run(log, release.run_id, signatures.version(context, release.run_id))


def _is_approved(context: Context, release: Release) -> bool:
    signature = _signature(context, release)
    return bool(signature and signature.verdict == "approve" and signature.is_valid)


@requires("see_charts")
def check_parent(context: Context, release: Release) -> None:
    """Raise `ServiceError` unless the release or its parent is published.

    Otherwise, its publication would remove the data of a release that was published in between.
    """
    published = current(context)
    found = published.release_id if published else None
    if found not in {release.parent_release_id, release.release_id}:
        raise ServiceError(
            f"Release '{found}' was published after '{release.release_id}' was built. Approving would remove "
            f"the data of '{found}'. Start a new run, which includes both, and review its release."
        )


def _check_contains_published(context: Context, release: Release, published: Published) -> None:
    lost = publishing.batches_lost(context.client("s3"), context.lake, release, published)
    if lost:
        lost = sorted(set(lost) - set(retirement.retired(context)))
    if lost:
        raise ServiceError(
            f"Release '{release.release_id}' lacks {', '.join(lost)}, which the published release "
            f"'{published.release_id}' contains. Start a new run, which includes both, or roll back first."
        )


def _publish(
    context: Context,
    action: Literal["publish", "rollback"],
    release: Release,
    *,
    expect: str | None,
    reason: str,
) -> Published:
    with audit_log.recorded(context, action, {"release": release.release_id}, reason=reason):
        try:
            return publishing.publish(
                context.client("s3"),
                context.lake,
                release.release_id,
                expect=expect,
                by=context.settings.user,
                reason=reason,
                refresh_views=publishing.view_refresher(context.client("athena"), context.lake),
            )
        except ReleaseError as error:
            raise ServiceError(str(error)) from None
