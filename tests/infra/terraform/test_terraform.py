"""Terraform against what the laptop cloud provisions: read as text, so that it runs everywhere."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import infra
from infra.local.provision import FUNCTIONS, TOPICS
from pipeline.lake import DATABASES, ZONES

FOLDER = Path(infra.__file__).parent / "terraform"
CHECK = Path(__file__).parents[4] / "shared" / "terraform-check" / "check"
TEXT = "\n".join(file.read_text() for file in sorted(FOLDER.glob("*.tf")))


@pytest.fixture(scope="module")
def terraform():
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not on the PATH")
    return found


def test_files_are_formatted(terraform):
    done = subprocess.run(  # noqa: PLW1510
        [terraform, "fmt", "-check", "-recursive", str(FOLDER)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "arguments",
    [["infra/terraform", "--plan", "-var-file", "dev.tfvars"], ["infra/terraform/bootstrap", "--plan"]],
)
def test_the_real_terraform_plans_it(terraform, arguments):
    if not CHECK.is_file():
        pytest.skip(f"the checker that serves provider schemas is not at {CHECK}")
    done = subprocess.run(  # noqa: PLW1510
        [str(CHECK), *arguments], cwd=FOLDER.parents[1], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_buckets_databases_functions_and_topics_are_those_of_the_laptop():
    zones = re.search(r"zones = toset\((\[[^]]+\])\)", TEXT)
    assert set(json.loads(zones.group(1))) == set(ZONES)
    databases = re.search(r"databases = \{(.*?)\n  \}", TEXT, re.DOTALL).group(1)
    assert set(re.findall(r"^\s+(\w+)\s+=", databases, re.MULTILINE)) == set(DATABASES)
    functions = re.search(r"functions = \{(.*?)\n  \}", TEXT, re.DOTALL).group(1)
    assert set(re.findall(r"^\s+(\w+)\s+=", functions, re.MULTILINE)) == set(FUNCTIONS)
    topics = re.search(r'"aws_sns_topic" "run" \{\s+for_each = toset\((\[[^]]+\])\)', TEXT).group(1)
    assert {f"run-{name}" for name in json.loads(topics)} == set(TOPICS.values())


def test_no_policy_has_a_wildcard_action_but_the_keys_and_the_denial():
    wild = re.findall(r'actions\s+= \["(\w+:\*)"\]', TEXT)
    denials = re.findall(r'effect\s+= "Deny"\n\s+actions\s+= \["(s3:\*)"\]', TEXT)
    assert sorted(wild) == ["kms:*", *denials]
