"""Releases: list, publish, go back."""

from __future__ import annotations

from dataclasses import asdict

from pipeline import release, reviews
from pipeline.release import Published, Release, ReleaseError
from portal.services.aws import Aws, ServiceError


def list_releases(aws: Aws) -> list[Release]:
    return release.all_releases(aws.client("s3"), aws.lake)


def current(aws: Aws) -> Published | None:
    return release.current(aws.client("s3"), aws.lake)


def find(aws: Aws, release_id: str) -> Release | None:
    """The release, or None where there is none of that name (any more)."""
    return release.find(aws.client("s3"), aws.lake, release_id)


def get(aws: Aws, release_id: str) -> Release:
    try:
        return release.get(aws.client("s3"), aws.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


def readable(aws: Aws, release_id: str) -> Release:
    """The release; one that the audit holds is for those who review or publish, until a clinician approves it."""
    if release_id == "current":  # the name of what says which one is published
        raise ServiceError("There is no release 'current': 'hdp releases' lists those there are.")
    made = get(aws, release_id)
    is_shut = made.decision == "hold" and not (aws.person.may("review") or aws.person.may("publish"))
    if is_shut and not _is_approved(aws, made):
        raise ServiceError(
            f"Release '{release_id}' was held by the audit: your role ({aws.person.role}) sees it when a clinician "
            "has approved it."
        )
    return made


def publish(aws: Aws, release_id: str, *, reason: str, expect: str | None = None) -> Published:
    """Publish a release that the audit let through, or that a reviewer has approved; no other."""
    aws.require("publish")
    made = get(aws, release_id)
    if made.decision == "hold" and not _is_approved(aws, made):
        raise ServiceError(
            f"Release '{release_id}' was held by the audit: a clinician publishes it by approving it ('hdp review')."
        )
    return _publish(aws, release_id, reason=reason, expect=expect)


def publish_approved(aws: Aws, release_id: str, *, reason: str) -> Published:
    """Publish a held release on a reviewer's signature; `reviews.sign` has checked it."""
    aws.require("review")
    return _publish(aws, release_id, reason=reason)


def rollback(aws: Aws, *, reason: str) -> Published:
    aws.require("publish")
    refresh = release.view_refresher(aws.client("athena"), aws.lake)
    try:
        return release.rollback(
            aws.client("s3"), aws.lake, by=aws.settings.user, reason=reason, refresh_views=refresh
        )
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


def _is_approved(aws: Aws, made: Release) -> bool:
    """Whether the last signature on the release as it is approves it, in a log that verifies."""
    log = reviews.read(aws.client("s3"), aws.lake)
    signed = [e.said for e in log.of_run(made.run_id) if e.kind == "release_signed"]
    if log.problems or not signed:
        return False
    return bool(
        signed[-1]["verdict"] == "approve" and signed[-1]["release"] == reviews.fingerprint(asdict(made))
    )


def _publish(aws: Aws, release_id: str, *, reason: str, expect: str | None = None) -> Published:
    refresh = release.view_refresher(aws.client("athena"), aws.lake)
    try:
        return release.publish(
            aws.client("s3"),
            aws.lake,
            release_id,
            by=aws.settings.user,
            reason=reason,
            refresh_views=refresh,
            expect=expect,
        )
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
