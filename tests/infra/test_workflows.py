"""Properties of the workflows and of the image's health check that no linter verifies."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

import infra
from portal.core import health

PROJECT = Path(infra.__file__).parents[1]
TERRAFORM = PROJECT / "infra" / "terraform"


def _jobs(name):
    return yaml.safe_load((PROJECT / ".github" / "workflows" / f"{name}.yml").read_text())["jobs"]


def _steps(job):
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_a_pull_request_plans_dev_and_main_applies_prod_each_in_its_own_state():
    jobs = _jobs("terraform")
    for job, environment in (("plan", "dev"), ("apply", "prod")):
        words = _steps(jobs[job])
        assert set(re.findall(r"-backend-config=(\w+)\.backend", words)) == {environment}
        assert set(re.findall(r"-var-file=(\w+)\.tfvars", words)) == {environment}
        assert jobs[job]["defaults"]["run"]["shell"] == "bash"
    keys = [(TERRAFORM / f"{name}.backend").read_text() for name in ("dev", "prod")]
    assert len(set(keys)) == 2
    assert "key" not in re.sub(r"#.*", "", (TERRAFORM / "backend.tf").read_text())


def test_a_release_deploys_what_it_scanned_and_goes_back_as_a_whole():
    steps = [step.get("name", "") for step in _jobs("release")["release"]["steps"]]
    order = ["Scan", "Keep", "Deploy", "Go back"]
    assert [next(n for n, step in enumerate(steps) if step.startswith(word)) for word in order] == sorted(
        next(n for n, step in enumerate(steps) if step.startswith(word)) for word in order
    )
    words = _steps(_jobs("release")["release"])
    assert "IMAGE=$image@$digest" in words
    assert "imageTag" not in words.partition("start-image-scan")[2]
    assert '[ "$runs" = "$after" ]' in words
    assert "scripts/image-gate findings.json" in words


def test_lambdas_wheel_and_scripts_are_of_one_commit():
    """Terraform alone writes them, in one apply: a release that wrote the wheel left older Lambdas."""
    assert not re.search(r"s3 (cp|sync)|infra\.wheel", _steps(_jobs("release")["release"]))
    glue = (TERRAFORM / "glue.tf").read_text()
    objects = re.findall(r'resource "aws_s3_object" .*?\n}', glue, re.S)
    assert len(objects) == 2
    assert all("source_hash" in each and "ignore_changes" not in each for each in objects)


@pytest.mark.parametrize(
    ("deployed", "tag"),
    [
        ("1.dkr.ecr.us-east-1.amazonaws.com/hdp-prod-portal:first", "first"),
        ("1.dkr.ecr.us-east-1.amazonaws.com/hdp-prod-portal@sha256:ab12", "sha256:ab12"),
    ],
)
def test_an_apply_keeps_the_image_that_the_last_release_deployed(tmp_path, deployed, tag):
    [step] = [each for each in _jobs("terraform")["apply"]["steps"] if "Keep" in each.get("name", "")]
    (tmp_path / "aws").write_text(
        f'#!/bin/sh\ncase "$2" in describe-services) echo arn:task;; *) echo {deployed};; esac\n'
    )
    (tmp_path / "aws").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "GITHUB_ENV": str(tmp_path / "env")}
    subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], env=environment, check=True)
    assert (tmp_path / "env").read_text() == f"TF_VAR_image_tag={tag}\n"


def test_tasks_and_images_are_of_one_architecture():
    [built] = set(
        re.findall(
            r"--platform linux/(\w+)", _steps(_jobs("ci")["image"]) + _steps(_jobs("release")["release"])
        )
    )
    [run] = re.findall(r'cpu_architecture\s+= "(\w+)"', (TERRAFORM / "ecs.tf").read_text())
    assert built == run.lower() == "arm64"


def test_the_base_image_is_one_whose_zlib_is_fixed():
    """CVE-2023-45853 is critical and stays open in Debian bookworm: no release would pass the gate."""
    bases = re.findall(r"^FROM (\S+)", (PROJECT / "Dockerfile").read_text(), re.M)
    assert len(bases) == 2
    assert all(base.startswith("python:3.11.") and "trixie" in base for base in bases)


def test_hashes_that_only_a_registry_knows_are_made_by_a_workflow():
    words = _steps(_jobs("pins")["pins"])
    assert "terraform -chdir=infra/terraform providers lock" in words
    for platform in ("linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"):
        assert f"-platform={platform}" in words
    assert "docker buildx imagetools inspect" in words
    assert "gh pr create" in words


def test_every_action_is_pinned_to_a_commit():
    uses = [step["uses"] for file in ("ci", "pins", "release", "terraform")
            for job in _jobs(file).values() for step in job["steps"] if "uses" in step]  # fmt: skip
    assert [use for use in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", use)] == []


def test_every_role_is_within_the_boundary_that_is_asked_for():
    blocks = [block for file in TERRAFORM.glob("*.tf")
              for block in re.findall(r'resource "aws_iam_role" .*?\n}', file.read_text(), re.S)]  # fmt: skip
    assert len(blocks) > 5
    assert [block for block in blocks if "permissions_boundary = local.boundary_arn" not in block] == []


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("", "/_stcore/health"), ("hdp", "/hdp/_stcore/health"), ("/apps/hdp/", "/apps/hdp/_stcore/health")],
)
def test_health_is_asked_below_the_prefix(prefix, path):
    assert health.path(prefix) == path


def test_health_fails_where_nothing_answers(monkeypatch):
    monkeypatch.setattr(health, "PORT", 9)
    assert health.main() == 1


def test_every_action_is_pinned_by_its_hash():
    uses = [
        line.split("uses:")[1]
        for path in (PROJECT / ".github" / "workflows").glob("*.yml")
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]
    assert len(uses) > 5
    assert [each for each in uses if not re.fullmatch(r" [\w./-]+@[0-9a-f]{40} # v[\d.]+", each)] == []
