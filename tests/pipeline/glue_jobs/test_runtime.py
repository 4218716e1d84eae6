"""What every job sets of the engine, and how it reads a release."""

import os
from types import SimpleNamespace

import pytest

from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.runtime import Run
from pipeline.lake.uris import Lake


@pytest.mark.skipif(os.environ.get("HDP_ENGINE") != "spark", reason="a setting of Spark's optimizer")
def test_no_constraint_is_inferred_from_the_filters_of_rules(spark):
    """With many rules on aliases that takes minutes and gigabytes at a million rows."""
    frame = spark.range(3).selectExpr("id as a", "id as b").where("a > 1 and a = b")
    assert frame._jdf.queryExecution().optimizedPlan().constraints().isEmpty()
    assert frame.count() == 1


def test_a_timestamp_of_the_year_1_can_be_written_and_read(spark, tmp_path):
    written = ["0001-01-01 00:00:00", "0001-01-01"]
    row = spark.sql(f"select timestamp '{written[0]}' as moment, date '{written[1]}' as day")
    row.write.parquet(f"file://{tmp_path}/moments")
    found = spark.read.parquet(f"file://{tmp_path}/moments")
    (read,) = found.selectExpr("date_format(moment, 'yyyy-MM-dd HH:mm:ss')", "string(day)").collect()
    assert list(read) == written


class NoObjects:
    """An S3 client of empty buckets."""

    exceptions = SimpleNamespace(NoSuchKey=LookupError)

    def get_object(self, **_):
        raise LookupError

    def list_objects_v2(self, **_):
        return {"KeyCount": 0}


class RunWithoutFiles(Run):
    s3 = NoObjects()


def test_a_release_without_a_dimensions_files_ends_the_job_and_a_fact_may_have_no_rows(spark):
    run = RunWithoutFiles(spark, Lake("t"), "job", {"run_id": "r1"})
    assert run.gold("fact_encounter").count() == 0
    with pytest.raises(JobError, match=r"dim_patient of release r1 has no files\. Start a new run"):
        run.gold("dim_patient")


class Listed:
    """An S3 client whose bucket holds these keys, and manifests of batch b with patients."""

    def __init__(self, *keys):
        self.keys, self.put = list(keys), []

    def get_paginator(self, _):
        return self

    def paginate(self, Prefix, **_):
        return [{"Contents": [{"Key": key} for key in self.keys if key.startswith(Prefix)]}]

    def put_object(self, Key, **_):
        self.keys.append(Key)


def test_files_and_a_marker_of_a_committer_do_not_make_a_batch_complete_but_the_jobs_own_marker(monkeypatch):
    """Which marker a committer leaves, if any, differs by engine: _SUCCESS proves nothing."""
    s3 = Listed("patients/batch_id=b/part-0.parquet", "patients/batch_id=b/_SUCCESS", "patients/_SUCCESS")
    monkeypatch.setattr(Run, "s3", s3)
    manifest = {"batch_id": "b", "received_at": "2025", "source": "native", "tables": {"patients": {}}}

    def run():
        return Run(
            None, Lake("t"), "job", {"run_id": "r", "release_batch_ids": ["b"]}, manifests={"b": manifest}
        )

    with pytest.raises(JobError, match="Batch b has no complete silver patients"):
        run().silver("patients")
    run().mark_complete("patients", "b")
    assert run()._complete("patients") == {"b"}
