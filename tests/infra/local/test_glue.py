"""Job runs and the worker processes that they share."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace

import pytest
from moto.glue import models

from infra.local import job_workers
from infra.local.context import ACCOUNT, REGION, Context
from infra.local.glue import GlueEngine
from infra.local.history import HistoryStore

JOB = SimpleNamespace(
    name="hdp-some-job",
    default_arguments={"--conf": f"spark.hadoop.fs.s3a.endpoint.region={REGION}"},
    execution_property={},
    worker_type="G.1X",
    number_of_workers=2,
    timeout=5,
    command={"ScriptLocation": "s3://hdp-code/jobs/job.py"},
)

ANSWERS = """
import json, os, sys
with os.fdopen(int(sys.argv[1])) as asked, os.fdopen(int(sys.argv[2]), "w") as told:
    os.makedirs(sys.argv[5])
    for line in asked:
        answer = {"state": "FAILED", "error": str(os.getpid())} if json.loads(line) else {"state": "READY"}
        print(json.dumps(answer), file=told, flush=True)
"""
"""A worker whose job runs all fail with its process id."""


@pytest.fixture
def engine(tmp_path, monkeypatch):
    script = tmp_path / "worker.py"
    script.write_text(ANSWERS)
    monkeypatch.setattr(job_workers, "_SCRIPT", script)
    monkeypatch.setattr(job_workers, "IDLE_SECONDS", {"sail": 0.5})
    monkeypatch.setitem(models.glue_backends[ACCOUNT][REGION].jobs, JOB.name, JOB)
    store = HistoryStore(tmp_path / "history.sqlite")
    environment = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    engine = GlueEngine(Context(tmp_path, "hdp", "", 1, "sail", store, environment))
    yield engine
    engine.stop()


def _ended(engine):
    run = engine.runs[engine.start(JOB, {}, None)]
    assert run.ended.wait(30)
    return run


def _scratch(engine):
    return engine.context.work / "sail" / "worker-0"


def test_job_runs_share_a_warm_process_that_ends_when_idle(engine):
    first, second = _ended(engine), _ended(engine)
    assert first.error == second.error != ""
    assert _scratch(engine).is_dir()
    for _ in range(300):
        if not _scratch(engine).exists():
            break
        time.sleep(0.1)
    with pytest.raises(ProcessLookupError):
        os.kill(int(first.error), 0)
    assert int(_ended(engine).error) != int(first.error)


def test_a_worker_that_cannot_start_fails_only_its_own_run(engine, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(job_workers, "site", lambda *_: 1 / 0)
        run = _ended(engine)
    assert (run.status, run.error) == ("FAILED", "The job's worker process did not start (division by zero).")
    assert int(_ended(engine).error)


def test_a_job_that_names_no_region_to_s3a_fails_as_on_glue(engine):
    run = engine.runs[engine.start(JOB, {"--conf": "spark.sql.shuffle.partitions=4"}, None)]
    assert run.ended.wait(30)
    assert run.status == "FAILED"
    assert "S3A asked us-east-2" in run.error
