"""Releases: list, publish, roll back."""

from __future__ import annotations

from pipeline.releases import model as release
from pipeline.releases import publish as publishing
from pipeline.releases.model import Published, Release, ReleaseError
from pipeline.reviews import events
from portal.batches import retirement
from portal.batches import service as batches
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.releases import signatures


def list_releases(context: Context) -> list[Release]:
    return release.all_releases(context.client("s3"), context.lake)


def current(context: Context) -> Published | None:
    return release.current(context.client("s3"), context.lake)


def find(context: Context, release_id: str) -> Release | None:
    """The release, or None where there is none of that name (any more)."""
    return release.find(context.client("s3"), context.lake, release_id)


def is_synthetic(context: Context, release_id: str) -> bool:
    """Return whether every batch of the release is known and synthetic: no small count in it names a person."""
    known = {batch.batch_id: batch.synthetic for batch in batches.list_batches(context)}
    made = find(context, release_id)
    return (
        made is not None
        and bool(made.batch_ids)
        and all(known.get(batch_id, False) for batch_id in made.batch_ids)
    )


def sees_exact(context: Context, release_id: str) -> bool:
    """Return whether small counts of the release need no suppression: for who may open rows, or of synthetic data."""
    return context.user.may("query") or is_synthetic(context, release_id)


def get(context: Context, release_id: str) -> Release:
    try:
        return release.get(context.client("s3"), context.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


def readable(context: Context, release_id: str) -> Release:
    """The release; one that the audit holds is for those who review or publish, until a clinician approves it."""
    made = get(context, release_id)
    is_shut = made.decision == "hold" and not (context.user.may("review") or context.user.may("publish"))
    if is_shut and not _is_approved(context, made):
        raise ServiceError(
            f"Release '{release_id}' was held by the audit: your role ({context.user.role}) sees it when a clinician "
            "has approved it."
        )
    return made


def publish(context: Context, release_id: str, *, reason: str) -> Published:
    """Publish by hand a release that the audit let through, or that a reviewer has approved; no other.

    It may take nothing back that readers see, but by going back to a release that was published before.
    """
    context.require("publish")
    made, present = get(context, release_id), current(context)
    refuse_unapproved(context, made)
    if present and release_id not in {present.release_id, *present.line}:
        if made.decision == "hold":
            refuse_stale(context, made)
        _refuse_taking_back(context, made, present)
    return _publish(context, made, expect=present.release_id if present else None, reason=reason)


def publish_approved(context: Context, made: Release, *, reason: str) -> Published:
    """Publish a held release on a reviewer's signature, after the one that it was made on."""
    context.require("review")
    return _publish(context, made, expect=made.base_release_id, reason=reason)


def rollback(context: Context, *, reason: str, shown: str | None = None) -> Published:
    """Go back to the release that was published before the present one.

    `shown`: the release that its asker saw as the present one; refused where another is by now.
    """
    context.require("publish")
    try:
        present, made = publishing.former(context.client("s3"), context.lake)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
    if shown and present.release_id != shown:
        raise ServiceError(
            f"Readers see release '{present.release_id}' by now, no longer '{shown}': nothing was changed. "
            "Reload the page, and go back from there if that is still wanted."
        )
    refuse_unapproved(context, made)
    return _publish(context, made, expect=present.release_id, reason=reason)


def refuse_unapproved(context: Context, made: Release) -> None:
    """`ServiceError` unless the audit let the release through or an approval stands, and none has rejected it."""
    signature = _signature(context, made)
    if signature and signature.verdict == "reject":
        raise ServiceError(
            f"Release '{made.release_id}' was rejected by {signature.by}: it is published once a clinician approves it."
        )
    if made.decision == "hold" and not (signature and signature.stands):
        why = f" {signature.why_not}" if signature else ""
        raise ServiceError(
            f"Release '{made.release_id}' was held by the audit and no approval of it stands: "
            f"a clinician publishes it by approving it ('hdp reviews sign').{why}"
        )


def _signature(context: Context, made: Release) -> signatures.Signature | None:
    log = events.read(context.client("s3"), context.lake)
    return signatures.of_run(log, made.run_id, signatures.version(context, made.run_id))


def _is_approved(context: Context, made: Release) -> bool:
    signature = _signature(context, made)
    return bool(signature and signature.verdict == "approve" and signature.stands)


def refuse_stale(context: Context, made: Release) -> None:
    """A held release follows the one that it was made on; published after a newer one it would take data back."""
    present = current(context)
    found = present.release_id if present else None
    if found not in {made.base_release_id, made.release_id}:
        raise ServiceError(
            f"Release '{found}' was published since '{made.release_id}' was made: approving would take its data "
            "back. Start a new run, which holds both, and review that."
        )


def _refuse_taking_back(context: Context, made: Release, present: Published) -> None:
    lost = publishing.batches_taken_back(context.client("s3"), context.lake, made, present)
    if lost:
        lost = sorted(set(lost) - set(retirement.retired(context)))
    if lost:
        raise ServiceError(
            f"Release '{made.release_id}' lacks {', '.join(lost)}, which readers see in '{present.release_id}': "
            "publishing it would take that back. Start a run, which holds both, or roll back first."
        )


def _publish(context: Context, made: Release, *, expect: str | None, reason: str) -> Published:
    log = events.read(context.client("s3"), context.lake)
    try:
        return publishing.publish(
            context.client("s3"),
            context.lake,
            made.release_id,
            expect=expect,
            by=context.settings.user,
            reason=reason,
            refresh_views=publishing.view_refresher(context.client("athena"), context.lake),
            reviewed=events.newest(log),
        )
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
