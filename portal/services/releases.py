"""Releases: list, publish, go back."""

from __future__ import annotations

from pipeline import release
from pipeline.release import Published, Release, ReleaseError
from portal.services.aws import Aws, ServiceError


def list_releases(aws: Aws) -> list[Release]:
    return release.all_releases(aws.client("s3"), aws.lake)


def current(aws: Aws) -> Published | None:
    return release.current(aws.client("s3"), aws.lake)


def get(aws: Aws, release_id: str) -> Release:
    try:
        return release.get(aws.client("s3"), aws.lake, release_id)
    except ReleaseError as error:
        raise ServiceError(str(error)) from None


def publish(aws: Aws, release_id: str, *, reason: str, expect: str | None = None) -> Published:
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


def rollback(aws: Aws, *, reason: str) -> Published:
    refresh = release.view_refresher(aws.client("athena"), aws.lake)
    try:
        return release.rollback(
            aws.client("s3"), aws.lake, by=aws.settings.user, reason=reason, refresh_views=refresh
        )
    except ReleaseError as error:
        raise ServiceError(str(error)) from None
