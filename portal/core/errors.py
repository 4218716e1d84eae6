"""Errors with a message for the user, and AWS errors as one sentence."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError


class ServiceError(Exception):
    """An error whose message is shown to the user: what failed, with which value, and what to do."""


def is_aws_error(error: Exception) -> bool:
    """Return whether boto3 raised `error`."""
    return isinstance(error, ClientError | BotoCoreError)


def explain(error: Exception) -> str:
    """Return an error as one sentence without a traceback; an error returned by AWS includes its code."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"AWS returned {detail.get('Code', 'an error')}: {detail.get('Message', 'no message')}"
    if isinstance(error, BotoCoreError):
        name = type(error).__name__
        return f"AWS could not be reached ({name}). Check that the cloud runs and this machine is online."
    return str(error)
