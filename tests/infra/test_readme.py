"""The deployment steps of infra/README.md, as far as they can be followed without an account."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import infra
from infra.local.environment import clean
from portal.cli.session import Session
from portal.core.auth import ROLES

README = (Path(infra.__file__).parent / "README.md").read_text(encoding="utf-8")
DEPLOY, REMOVE = re.findall(r"```sh\n(.*?)```", README, re.S)


@pytest.mark.parametrize("block", [DEPLOY, REMOVE], ids=["deploy", "remove"])
def test_the_steps_are_valid_shell(block):
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_steps_set_all_that_a_terminal_needs_to_load_data(cloud, monkeypatch):
    """boto3 reads the region from AWS_DEFAULT_REGION alone, and AWS's caller is a viewer without HDP_ROLE."""
    exported = dict(re.findall(r"(\w+)=(\S+)", " ".join(re.findall(r"^export (.*)$", DEPLOY, re.M))))
    laptop = cloud.environment()
    for name in laptop:
        monkeypatch.delenv(name, raising=False)
    keys = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "NO_PROXY", "no_proxy")
    values = {**clean(), **{name: laptop[name] for name in keys}}
    for name, value in exported.items():
        is_known = "$" not in value and not name.startswith("TF_VAR_")
        values[name] = value if is_known else laptop.get(name, value)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    user = Session(Path("nowhere"), exported["HDP_TARGET"], None).context.user
    assert user.may("import_data")
    assert user.may("run_pipeline")


def test_every_terraform_command_says_where_it_runs():
    commands = re.findall(r"(?<!/)terraform (?:apply|force-unlock|state|destroy|init|output)[^`\n]*", README)
    assert [each for each in commands if each != "terraform apply"] == []


def test_the_groups_of_the_first_person_are_roles():
    groups = re.findall(r"--group-name (\w+)", DEPLOY)
    assert groups == ["engineer", "administrator"]
    assert set(groups) <= set(ROLES)
