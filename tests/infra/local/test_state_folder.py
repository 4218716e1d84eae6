"""What a laptop's state directory keeps, and what is removed from it."""

from __future__ import annotations

import os
import time

from infra.local import credentials, state_folder


def test_query_results_expire_and_nothing_else_does(tmp_path):
    now = time.time()
    for name, days in (
        ("s3/hdp-results/review/old.csv", 8),
        ("s3/hdp-results/athena/old.csv.metadata", 8),
        ("s3/hdp-results/review/new.csv", 6),
        ("s3/hdp-bronze/patients/batch_id=b/patients.csv", 400),
        ("s3/hdp-bronze/_manifests/b.json", 400),
        ("s3/hdp-gold/results/part.parquet", 400),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("rows")
        os.utime(path, (now, now - days * 86_400))
    state_folder.sweep(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {
        "s3/hdp-results/review/new.csv",
        "s3/hdp-bronze/patients/batch_id=b/patients.csv",
        "s3/hdp-bronze/_manifests/b.json",
        "s3/hdp-gold/results/part.parquet",
    }


def test_the_secret_of_the_pseudonyms_is_made_once_and_is_its_owners_alone(tmp_path):
    secret = credentials.lake_secret(tmp_path)
    assert len(bytes.fromhex(secret)) == 32
    assert credentials.lake_secret(tmp_path) == secret
    assert (tmp_path / "pseudonym-secret").stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    assert credentials.lake_secret(other) != secret
