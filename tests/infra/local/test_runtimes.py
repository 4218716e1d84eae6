"""Deployed code finds the packages of AWS's runtimes and no others."""

import os
import shutil
import subprocess
import sys

import pytest

from infra.local.engine import PACKAGES
from infra.local.process import JsonProcess
from infra.local.runtimes import GLUE, LAMBDA, site

NOT_IN_AWS = (
    "portal",
    "infra",
    "tests",
    "streamlit",
    "awswrangler",
    "duckdb",
    "moto",
    "plotly",
    "pytest",
    "sqlglot",
)


def _imports(folder, *names):
    code = "import importlib.util as u, sys; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    command = [sys.executable, "-S", "-P", "-c", code, *names]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.parametrize(
    ("distributions", "there", "missing"),
    [
        (
            GLUE + PACKAGES["spark"],
            ["pyspark", "boto3", "numpy"],
            (*NOT_IN_AWS, "yaml", "jsonschema", "faker"),
        ),
        (LAMBDA, ["boto3"], (*NOT_IN_AWS, "yaml", "pandas", "pyspark", "faker")),
    ],
)
def test_a_runtime_has_exactly_the_packages_of_aws(tmp_path, distributions, there, missing):
    folder = site(tmp_path / "site", distributions)
    assert _imports(folder, *there, *missing) == there


def test_packages_no_longer_needed_are_unlinked(tmp_path):
    site(tmp_path / "site", GLUE)
    assert _imports(site(tmp_path / "site", LAMBDA), "pyspark", "boto3") == ["boto3"]


def test_a_worker_of_the_laptop_cloud_sees_only_its_runtime(tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(
        "import json, os, sys\n"
        "with os.fdopen(int(sys.argv[1])) as asked, os.fdopen(int(sys.argv[2]), 'w') as told:\n"
        "    for line in asked:\n"
        "        try:\n"
        "            __import__(json.loads(line)['name']); answer = {'found': True}\n"
        "        except ImportError:\n"
        "            answer = {'found': False}\n"
        "        print(json.dumps(answer), file=told, flush=True)\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site(tmp_path / "site", LAMBDA))}
    worker = JsonProcess(script, [], environment, tmp_path / "log")
    try:
        assert worker.ask({"name": "boto3"}) == {"found": True}
        assert worker.ask({"name": "portal"}) == {"found": False}
        assert worker.ask({"name": "moto"}) == {"found": False}
    finally:
        worker.kill()


def test_directories_in_a_copied_lake_are_replaced_by_links(tmp_path):
    made = site(tmp_path / "made", LAMBDA)
    shutil.copytree(made, tmp_path / "copy")
    again = site(tmp_path / "copy", LAMBDA)
    assert {each.name: each.readlink() for each in again.iterdir()} == {
        each.name: each.readlink() for each in made.iterdir()
    }
