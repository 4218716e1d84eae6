"""Errors with a message for the user, and AWS errors as one sentence."""

from __future__ import annotations

import errno

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.lake.room import FULL


class ServiceError(Exception):
    """An error whose message is shown to the user: what failed, with which value, and what to do."""


def is_aws_error(error: Exception) -> bool:
    """Return whether boto3 raised `error`."""
    return isinstance(error, ClientError | BotoCoreError)


_STORAGE = "InsufficientStorage"
"""Code of an error of a disk that is full; its message is a sentence."""


def explain(error: Exception) -> str:
    """Return an error as one sentence without a traceback; an error returned by AWS includes its code."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        if detail.get("Code") == _STORAGE:
            return str(detail["Message"])
        return f"AWS returned {detail.get('Code', 'an error')}: {detail.get('Message', 'no message')}"
    if isinstance(error, BotoCoreError):
        name = type(error).__name__
        return f"AWS could not be reached ({name}). Check that the cloud runs and this machine is online."
    return str(error)


def explain_disk(error: OSError) -> str:
    """Return an error of the disk or of permissions as one sentence, or "" for any other error."""
    where = f"'{error.filename}'" if error.filename else "A file of hdp"
    if error.errno in FULL:
        return f"No space left on the disk of {where}. Free some, then try again."
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{where} cannot be read or written ({error.strerror}). Check its permissions."
    return ""
