"""Backup, verification and restore of a lake."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.reviews import log as review_log
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.errors import ServiceError
from portal.lake import backup, restore, verify, versions
from tests.support import small_lake

STRANGER = Path(__file__).parents[3] / "scripts" / "verify-backup"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A backup that no test changes."""
    folder = tmp_path_factory.mktemp("kept") / "backup"
    with pytest.MonkeyPatch.context() as monkeypatch, small_lake.moto(monkeypatch) as context:
        small_lake.fill(context)
        backup.back_up(context, folder)
    return folder


@pytest.fixture
def made(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "backup")
    return backup.read(tmp_path / "backup")


@pytest.fixture
def stranger():
    """The verifier that shares no code with the product, as a person calls it; gives code and output."""

    def run(folder):
        done = subprocess.run([sys.executable, STRANGER, folder], capture_output=True, text=True, check=False)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


COUNTS = {
    "batches": 1,
    "releases": 1,
    "review events": 2,
    "audit events": 2,
    "reconciled tables of batches": 1,
}


def test_a_backup_verifies_for_us_and_for_a_stranger(made, stranger):
    found = verify.backup(made.folder)
    assert found.problems == []
    assert found.counts == {"objects": len(made.objects), **COUNTS}
    code, said = stranger(made.folder)
    assert code == 0, said
    for kind, count in COUNTS.items():
        assert f"{count:>8} {kind}\n" in said


def test_the_stranger_uses_only_duckdb_and_the_standard_library():
    text = STRANGER.read_text()
    assert len(text.splitlines()) <= 150
    imports = {
        line.split()[1].split(".")[0] for line in text.splitlines() if line.startswith(("import", "from"))
    }
    assert imports == {"duckdb", "hashlib", "json", "pathlib", "sys"}


def change(folder, name):
    """Alter a JSON file of a backup, and its hash in the manifest, as somebody would who knows the format."""
    path, manifest = folder / name, folder / "backup.json"
    path.write_text(path.read_text().replace('"lee"', '"mia"').replace('"P1', '"P9'))
    listed = json.loads(manifest.read_text())
    content = path.read_bytes()
    listed["objects"][name].update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    manifest.write_text(json.dumps(listed))


def remove(folder, name):
    """Remove a file of a backup, and its entry in the manifest."""
    (folder / name).unlink()
    listed = json.loads((folder / "backup.json").read_text())
    del listed["objects"][name]
    (folder / "backup.json").write_text(json.dumps(listed))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "gold" / "more.parquet").write_bytes(b"x"),
        lambda folder: next(folder.rglob("patients.csv")).write_bytes(b"x"),
        lambda folder: next((folder / "gold").rglob("*.parquet")).unlink(),
        lambda folder: change(folder, "quality/reviews/00000001.json"),
        lambda folder: remove(folder, "quality/reviews/00000002.json"),
        lambda folder: remove(folder, "quality/releases/run-1.json"),
        lambda folder: remove(folder, f"bronze/patients/batch_id={small_lake.BATCH}/patients.csv"),
        lambda folder: remove(folder, f"silver/patients/batch_id={small_lake.BATCH}/a.parquet"),
        lambda folder: remove(folder, "gold/dim_patient/release_id=run-1/a.parquet"),
    ],
)
def test_damage_is_found_by_us_and_by_a_stranger(made, stranger, damage):
    damage(made.folder)
    assert verify.backup(made.folder).problems
    code, said = stranger(made.folder)
    assert code == 1
    assert len(said.splitlines()) > len(COUNTS) + 1


def test_a_backup_is_its_owners_alone_and_has_the_secret_of_the_pseudonyms(made):
    assert (made.folder / "pseudonym-secret").read_text() == "of hdp"
    assert {path.stat().st_mode & 0o077 for path in made.folder.rglob("*.parquet")} == {0}


def test_a_folder_that_holds_something_is_refused(other, tmp_path):
    (tmp_path / "x").write_text("mine")
    with pytest.raises(ServiceError, match="not an empty directory"):
        backup.back_up(other, tmp_path)


def test_a_backup_that_was_cut_off_is_none(made):
    (made.folder / "backup.json").unlink()
    with pytest.raises(ServiceError, match="is not a backup"):
        verify.backup(made.folder)


@pytest.fixture
def other(monkeypatch, made):
    """A second, empty lake under another prefix."""
    with small_lake.moto(monkeypatch, "other") as context:
        monkeypatch.setattr(restore.publishing, "view_refresher", lambda *_: lambda release_id: None)
        yield context


def test_a_restored_lake_is_the_one_that_was_backed_up(other, made):
    restore.restore(other, made.folder)
    found = verify.lake(other)
    assert found.problems == []
    assert found.counts == {**COUNTS, "audit events": 3}, "and the restore itself"
    s3, lake = other.client("s3"), other.lake
    assert release_model.current(s3, lake).release_id == small_lake.RUN
    secret = other.client("secretsmanager").get_secret_value(SecretId=lake.pseudonym_secret)
    assert secret["SecretString"] == "of hdp"
    partitions = other.client("glue").get_partitions(
        DatabaseName="other_gold_releases", TableName="fact_encounter"
    )
    assert [each["Values"] for each in partitions["Partitions"]] == [["run-1", "2025-01"]]
    silver = other.client("glue").get_partitions(DatabaseName="other_silver", TableName="patients")[
        "Partitions"
    ]
    assert [each["Values"] for each in silver] == [[small_lake.BATCH]]
    today = datetime.now(UTC).date()
    officer = small_lake.acting(other, "pat", "privacy_officer")
    done = [event.action for event in audit_log.search(officer, Search(today - timedelta(1), today))]
    assert sorted(done) == ["back_up", "publish", "restore"]


def test_locked_events_are_locked_again(other, made):
    restore.restore(other, made.folder)
    bucket, key = split(other.lake.review(1))
    event = other.client("s3").get_object(Bucket=bucket, Key=key)
    assert event["ObjectLockMode"] == "GOVERNANCE"
    assert event["ObjectLockRetainUntilDate"].year >= datetime.now(UTC).year + 5
    assert review_log.read(other.client("s3"), other.lake).problems == ()


def test_an_interrupted_restore_is_repeated(other, made, monkeypatch):
    put = restore._put

    def cut(context, made, name):
        if name.endswith("run-1.json") and "releases" in name:
            raise KeyboardInterrupt
        put(context, made, name)

    monkeypatch.setattr(restore, "_put", cut)
    with pytest.raises(KeyboardInterrupt):
        restore.restore(other, made.folder)
    assert release_model.current(other.client("s3"), other.lake) is None, "nothing to be seen yet"
    monkeypatch.setattr(restore, "_put", put)
    restore.restore(other, made.folder)
    assert verify.lake(other).problems == []


def test_a_damaged_backup_and_a_lake_with_data_are_refused(other, made):
    small_lake.put(other, other.lake.manifest("b"), {"batch_id": "b", "tables": {}})
    with pytest.raises(ServiceError, match="The lake is not empty"):
        restore.restore(other, made.folder)
    next(made.folder.rglob("patients.csv")).write_bytes(b"x")
    with pytest.raises(ServiceError, match="The backup is damaged"):
        restore.restore(other, made.folder)


def test_versions_restore_the_lake_of_an_earlier_time(monkeypatch):
    with small_lake.moto(monkeypatch, versioned=True) as lake:
        small_lake.fill(lake)
        s3, before = lake.client("s3"), datetime.now(UTC)
        time.sleep(1.1)  # S3 dates versions to the second
        small_lake.put(lake, lake.lake.manifest("later"), {"batch_id": "later", "tables": {}})
        bucket, key = split(f"{lake.lake.silver_batch('patients', small_lake.BATCH)}a.parquet")
        s3.delete_object(Bucket=bucket, Key=key)
        small_lake.put(
            lake,
            lake.lake.current_release(),
            {"release_id": "none", "published_at": "", "published_by": "", "reason": ""},
        )
        assert verify.lake(lake).problems
        done = versions.restore_at(lake, before)
        assert (done.copied, done.deleted) == (2, 1)
        assert verify.lake(lake).problems == []


def test_buckets_without_versions_say_so(other):
    with pytest.raises(ServiceError, match="keeps no versions"):
        versions.restore_at(other, datetime.now(UTC))
