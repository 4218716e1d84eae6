"""Large writes check the room first; errors of the disk are one sentence."""

from __future__ import annotations

import errno
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from portal.core import room
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, explain_disk
from portal.core.settings import Settings


def _context(folder):
    return Context(Settings("hdp", "hdp", "", "ann", "engineer", lake_folder=folder))


def test_too_little_room_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: SimpleNamespace(free=12_999_999))
    with pytest.raises(
        ServiceError, match=r"^No space left: 12 MB free, 40 needed\. Free some on the disk of /l"
    ):
        room.check(_context("/lake"), 39_000_001)
    room.check(_context("/lake"), 12_999_999)


def test_a_lake_without_a_folder_has_no_limit():
    room.check(_context(""), 1 << 60)


def test_a_full_disk_that_the_cloud_reports_is_its_sentence_alone():
    detail = {"Code": "InsufficientStorage", "Message": "No space left: 1 MB free, 2 needed."}
    assert explain(ClientError({"Error": detail}, "PutObject")) == detail["Message"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/out/x"),
            "No space left on the disk of '/out/x'.",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/out/x"), "'/out/x' cannot be read or written"),
        (PermissionError(errno.EACCES, "Permission denied", "/in/x"), "(Permission denied)"),
        (FileNotFoundError(errno.ENOENT, "No such file", "/in/x"), ""),
    ],
)
def test_an_error_of_the_disk_is_one_sentence(error, sentence):
    found = explain_disk(error)
    assert sentence in found
    assert bool(found) == bool(sentence)
