"""Sample data: here, beside a page, and by the Glue job."""

import io
import time
import zipfile
from pathlib import Path

import pytest

from pipeline.data_generator import BLOCK, BadOptions, Options
from pipeline.data_generator.blocks import TABLES
from pipeline.data_generator.writer import Cancelled, generate
from portal.batches import preview, samples
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.core.errors import ServiceError

JOB = samples.JobTask("b", "jr", Options())
FILE = SourceFile.from_bytes("p.csv", b"patient_id,first_name\nP1,Maria\n")


def test_the_glue_job_makes_the_same_rows_as_one_process(portal, tmp_path):
    options = Options(patients=BLOCK + 100, seed=21, defect_rate=0.01)
    here = generate(options, tmp_path / "here").folder
    task = samples.start_job(portal, options)
    while (state := samples.job_state(portal, task))[0] in {"STARTING", "RUNNING"}:
        time.sleep(0.2)
    assert state == ("SUCCEEDED", None)
    batch = next(b for b in batches.list_batches(portal) if b.batch_id == task.batch_id)
    s3, bucket = portal.client("s3"), portal.lake.bucket("bronze")
    for table in TABLES:
        files = batch.tables[table]["files"]
        parts = [s3.get_object(Bucket=bucket, Key=f["key"])["Body"].read().split(b"\n", 1) for f in files]
        assert len(parts) == 2
        assert (
            parts[0][0] + b"\n" + b"".join(part[1] for part in parts) == (here / f"{table}.csv").read_bytes()
        )
    told = samples.ground_truth(portal, task.batch_id).splitlines()
    assert sorted(told) == sorted((here / "_defects.csv").read_text().splitlines())


def test_a_task_tells_its_progress_and_ends_in_a_batch(portal):
    options = Options(patients=BLOCK * 2, seed=22)
    task = samples.start(portal, options)
    assert samples.start(portal, options) is samples.current(portal) is task
    with pytest.raises(ServiceError, match="You are already generating sample data with other options"):
        samples.start(portal, Options(patients=3))
    while not task.is_over:
        time.sleep(0.05)
    assert task.error is None
    assert (task.progress.blocks_done, task.progress.blocks) == (2, 2)
    assert task.sample.batch.batch_id in [b.batch_id for b in batches.list_batches(portal)]
    samples.acknowledge(portal)
    assert samples.current(portal) is None


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician"])
@pytest.mark.parametrize(
    "call",
    [
        lambda aws: samples.create(aws, Options(patients=1), uploader="x"),
        lambda aws: samples.start(aws, Options(patients=1)),
        lambda aws: samples.start_job(aws, Options(patients=1)),
        samples.current,
        lambda aws: samples.job(aws, "jr"),
        lambda aws: samples.job_state(aws, JOB),
        lambda aws: samples.cancel_job(aws, JOB),
        lambda aws: samples.ground_truth(aws, "b"),
        lambda aws: samples.as_zip(aws, Options(patients=1)),
        lambda aws: batches.import_folder(aws, Path(), uploader="x"),
        lambda aws: batches.import_files(aws, [], uploader="x"),
        lambda aws: preview.preview(aws, FILE),
    ],
)
def test_who_may_not_bring_in_data_may_do_none_of_it(acting, role, call):
    with pytest.raises(ServiceError, match=r"cannot import data. Required role: engineer"):
        call(acting("somebody", role))


def test_a_cancelled_task_leaves_no_batch(portal):
    before = len(batches.list_batches(portal))
    with pytest.raises(Cancelled):
        samples.create(portal, Options(patients=10, seed=23), uploader="tester", cancelled=lambda: True)
    assert len(batches.list_batches(portal)) == before


def test_the_ground_truth_is_no_table_of_the_batch(portal):
    sample = samples.create(portal, Options(patients=200, seed=24, defect_rate=0.05), uploader="tester")
    assert set(sample.batch.tables) == set(TABLES)
    assert sample.ground_truth.startswith("table,row,key,column,kind,before,after,rule_id\n")
    assert sample.written.defects == len(sample.ground_truth.splitlines()) - 1 > 10


def test_limits_are_said_not_hit(portal):
    with pytest.raises(ServiceError, match="150,000 patients need the Glue job"):
        samples.start(portal, Options(patients=150_000))
    with pytest.raises(BadOptions, match="from 1 to 5,000,000"):
        samples.start_job(portal, Options(patients=6_000_000))


def test_options_survive_their_journey_as_json():
    options = Options(patients=3, defect_rate=0.1, defects=("swapped_dates",))
    assert Options.from_json(options.as_json()) == options


def test_a_zip_holds_the_files(portal):
    with zipfile.ZipFile(io.BytesIO(samples.as_zip(portal, Options(patients=5, defect_rate=0.1)))) as archive:
        assert archive.namelist() == ["_defects.csv", "encounters.csv", "medications.csv", "patients.csv"]
