"""Faults of the disk: each is one sentence that says what is wrong, and nothing is taken for missing."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import sqlite3
from types import SimpleNamespace

import pytest

from infra.local import faults, state_folder
from infra.local.cloud import Cloud, CloudError
from infra.local.faults import Faults
from infra.local.history import HistoryStore
from infra.local.s3.buckets import FileKeys
from infra.local.s3.objects import FileKey

MB = 1_000_000


def asked(app, length=0, method="PUT", service="s3"):
    """The status line and the body of the middleware's answer."""
    seen = {}

    def start(status, headers, *_):
        seen.update(status=status, headers=dict(headers))

    environ = {
        "REQUEST_METHOD": method,
        "CONTENT_LENGTH": str(length),
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=k/20250101/us-east-1/{service}/aws4_request",
        "wsgi.input": io.BytesIO(),
    }
    body = b"".join(app(environ, start)).decode()
    return seen["status"], body, seen["headers"]


def failing(error):
    def app(environ, start_response):
        raise error

    return app


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(faults.shutil, "disk_usage", lambda _: SimpleNamespace(free=12_900_000))


def test_a_body_that_does_not_fit_is_refused_before_it_is_written(tmp_path, room):
    status, body, headers = asked(Faults(failing(AssertionError()), tmp_path), length=39_500_000)
    assert status.startswith("507")
    assert "No space left: 12 MB free, 40 needed." in body
    assert headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left: 12 MB free."),
        (sqlite3.OperationalError("database or disk is full"), "No space left: 12 MB free."),
        (
            PermissionError(errno.EACCES, "Permission denied", "/lake/k"),
            "'/lake/k' cannot be read or written",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/lake/k"), "(Read-only file system)"),
        (KeyError("name of a patient"), "The laptop cloud has a fault (KeyError)."),
    ],
)
@pytest.mark.parametrize("service", ["s3", "glue"])
def test_an_error_of_the_disk_is_one_sentence(tmp_path, room, error, sentence, service):
    status, body, _ = asked(Faults(failing(error), tmp_path), service=service)
    assert not status.startswith("2")
    assert sentence in body
    assert "patient" not in body


def test_a_write_that_found_no_room_leaves_no_file(tmp_path, monkeypatch):
    def full(source, target, size):
        target.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("infra.local.s3.objects.shutil.copyfileobj", full)
    key = FileKey(name="k", value=b"whole", account_id="1", region_name="r", bucket_name="b")
    with pytest.raises(OSError, match="No space"):
        key.attach(tmp_path / "k", tmp_path / "sidecar")
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_cannot_be_read_is_not_taken_for_a_missing_one(tmp_path, monkeypatch):
    keys = FileKeys("b", tmp_path / "s3", tmp_path / "sidecars")
    (keys.folder / "current.json").write_text("{}")

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(FileKey, "read", refused)
    with pytest.raises(PermissionError):
        keys.get("current.json")
    assert keys.get("no.json") is None
    assert keys.get("x" * 300) is None


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_state_folder_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch, number):
    def refused(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(state_folder, "make", refused)
    with pytest.raises(
        CloudError, match=rf"The state directory {tmp_path} cannot be used \({os.strerror(number)}"
    ):
        Cloud(tmp_path).start()


def test_a_full_disk_stops_the_start_with_the_room_that_is_left(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state_folder, "make", refused)
    with pytest.raises(CloudError, match=r"No space left: [\d,]+ MB free\."):
        Cloud(tmp_path / "new" / "state").start()


def test_a_state_folder_of_another_version_is_refused_and_unchanged(tmp_path):
    state_folder.make(tmp_path)
    path = tmp_path / "cloud" / "format.json"
    assert json.loads(path.read_text())["format"] == state_folder.FORMAT
    path.write_text('{"format": 9, "version": "7.1.0"}')
    with pytest.raises(
        CloudError, match=r"was made by version 7\.1\.0 \(format 9\); this version reads format 1"
    ):
        Cloud(tmp_path).start()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["cloud", "format.json"]


def test_files_of_an_import_without_manifest_are_removed_at_the_next_start(tmp_path):
    bronze = tmp_path / "s3" / "hdp-bronze"
    for batch in ("whole", "cut"):
        folder = bronze / "patients" / f"batch_id={batch}"
        folder.mkdir(parents=True)
        (folder / "patients.csv").write_text("patient_id\n")
    (bronze / "_manifests").mkdir()
    (bronze / "_manifests" / "whole.json").write_text("{}")
    state_folder.sweep(tmp_path)
    assert [path.parent.name for path in bronze.rglob("*.csv")] == ["batch_id=whole"]


def test_a_damaged_history_is_set_aside(tmp_path):
    path = tmp_path / "history.sqlite"
    path.write_bytes(b"not a database, " * 300)
    store = HistoryStore(path)
    store.put("execution", "a", {"x": 1})
    assert store.get("execution", "a") == {"x": 1}
    store.close()
    assert (tmp_path / "damaged-history.sqlite").read_bytes().startswith(b"not a database")


@pytest.mark.integration
def test_a_cloud_whose_announcement_was_lost_is_found_again(tmp_path):
    with Cloud(tmp_path, workers=1) as first:
        (tmp_path / "cloud.json").unlink()
        with Cloud(tmp_path, workers=1) as second:
            assert second.pid == first.pid, "no second server"
    shutil.rmtree(tmp_path)
