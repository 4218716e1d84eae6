"""The plan of infra/terraform as JSON, created by the real terraform if its providers are installed."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path

import boto3
import pytest

import infra
from infra.local.context import REGION

FOLDER = Path(infra.__file__).parent / "terraform"
_CHECKS = [folder / "shared" / "terraform-check" / "check" for folder in Path(__file__).parents[4:]]
CHECK = next((check for check in _CHECKS if check.is_file()), _CHECKS[0])

KNOWN_AFTER_APPLY = """
locals {
  bucket_prefix  = var.name
  bucket_arns    = { for zone in local.zones : zone => "arn:aws:s3:::${var.name}-${zone}" }
  topic_arns = {
    for name in ["succeeded", "failed"] :
    name => "arn:aws:sns:${var.region}:${local.account}:${var.name}-run-${name}"
  }
  function_arns = {
    for name in keys(local.functions) :
    name => "arn:aws:lambda:${var.region}:${local.account}:function:${var.name}-${replace(name, "_", "-")}"
  }
  cognito_issuer = "https://cognito-idp.${var.region}.amazonaws.com/${var.region}_people"
  cognito_client_id    = "portal-client"
  cognito_sign_out_url = "https://${var.name}.auth.${var.region}.amazoncognito.com/logout"
  balancer_arn         = "arn:aws:elasticloadbalancing:${var.region}:${local.account}:loadbalancer/app/x/0"
  portal_role_arn  = "arn:aws:iam::${local.account}:role/${var.name}-portal"
  image          = "${local.account}.dkr.ecr.${var.region}.amazonaws.com/${var.name}-portal"

  arns = {
    key          = "arn:aws:kms:${var.region}:${local.account}:key/00000000-0000-0000-0000-000000000000"
    dead_letters = "arn:aws:sqs:${var.region}:${local.account}:${var.name}-schedule-dead-letters"
    schedule     = "arn:aws:scheduler:${var.region}:${local.account}:schedule/default/${var.name}-nightly"
    scheduler    = "arn:aws:iam::${local.account}:role/${var.name}-scheduler"
    review       = "arn:aws:iam::${local.account}:role/${var.name}-review"
    image        = "arn:aws:ecr:${var.region}:${local.account}:repository/${var.name}-portal"
    portal_log   = "arn:aws:logs:${var.region}:${local.account}:log-group:/${var.name}/portal"
    flow_log     = "arn:aws:logs:${var.region}:${local.account}:log-group:/${var.name}/network"
    cookie = join(":", [
      "arn:aws:secretsmanager", var.region, local.account, "secret",
      "${var.name}/portal/cookie-secret-000000",
    ])
    pseudonyms = join(":", [
      "arn:aws:secretsmanager", var.region, local.account, "secret",
      "${var.name}/portal/pseudonym-secret-000000",
    ])
  }
}
"""
"""Values that AWS would return; overriding the module's locals makes dependent values known in the plan."""


class Plan:
    """A plan's resources and data sources by their addresses."""

    def __init__(self, document: dict) -> None:
        self.document = document
        self.resources = {}
        for module in self._modules(document["planned_values"]["root_module"]):
            for resource in module.get("resources", []):
                self.resources[resource["address"]] = resource.get("values", {})
        data = document["prior_state"]["values"]["root_module"]["resources"]
        self.data = {resource["address"].removeprefix("data."): resource["values"] for resource in data}
        self.policies = {
            address.removeprefix("aws_iam_policy_document."): json.loads(values["json"])
            for address, values in self.data.items()
            if address.startswith("aws_iam_policy_document.")
        }

    def _modules(self, module: dict) -> Iterator[dict]:
        yield module
        for child in module.get("child_modules", []):
            yield from self._modules(child)

    def all_of(self, kind: str) -> list[dict]:
        """Values of each resource of a type."""
        return [values for address, values in self.resources.items() if f"{kind}." in address]


@pytest.fixture(scope="session")
def terraform():
    found = shutil.which("terraform")
    if found is None:
        pytest.skip("terraform is not on the PATH")
    return found


@pytest.fixture(scope="session")
def checker(terraform):
    """The checker's own module: how it prepares providers and serves them."""
    if not CHECK.is_file():
        pytest.skip(f"the checker that serves provider schemas is not at {CHECK}")
    return _checker()


def _checker():
    loader = SourceFileLoader("terraform_check", str(CHECK))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("terraform_check", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def aws_of_cloud(cloud):
    """Makes clients of the laptop cloud, by service."""
    session = boto3.session.Session()
    return session.client


@pytest.fixture(scope="session")
def plan(terraform, cloud):
    """A plan with the laptop cloud's own name and region, all that it can know in it.

    Its providers are the checker's where that is at hand, the registry's elsewhere: those ask the laptop
    cloud's STS for the account, and nothing else of AWS.
    """
    flags = [
        f"-var=name={cloud.prefix}",
        f"-var=region={REGION}",
        "-var=alert_email=data-team@hospital.org",
        "-var=first_poll_seconds=0",
        "-var=poll_seconds=0",
    ]
    return planned_with(terraform, KNOWN_AFTER_APPLY, flags, cloud)


def planned_with(terraform: str, override: str, flags: list[str], cloud=None) -> Plan:
    """Return a plan with `override` applied to the module's definitions."""
    with (
        tempfile.TemporaryDirectory(prefix="tfplan-") as folder,
        _providers(cloud, Path(folder).resolve()) as (work, env),
    ):
        (work / "known_override.tf").write_text(override + 'terraform {\n  backend "local" {}\n}\n')

        def run(*arguments: str) -> subprocess.CompletedProcess:
            return subprocess.run(
                [terraform, *arguments], check=False, cwd=work, env=env, capture_output=True, text=True
            )

        ready = run("init", "-no-color", "-input=false")
        if ready.returncode and not CHECK.is_file():
            pytest.skip(f"terraform finds no provider here: {ready.stderr.strip().splitlines()[-1]}")
        planned = run(
            "plan", "-no-color", "-input=false", "-refresh=false", "-lock=false", "-out=plan.out", *flags
        )
        assert planned.returncode == 0, ready.stderr + planned.stderr
        return Plan(json.loads(run("show", "-json", "plan.out").stdout))


@contextmanager
def _providers(cloud, top: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the module to plan in, and the environment in which terraform finds its providers."""
    if CHECK.is_file():
        module = _checker()
        python, schemas = module.prepare()
        work = module.copy(FOLDER, top / "copy")
        with module.serving(python, schemas, work, top) as env:
            yield work, env
    else:
        work = shutil.copytree(FOLDER.parents[1], top / "copy", ignore=shutil.ignore_patterns(".*", "tests"))
        yield (
            work / "infra" / "terraform",
            {**cloud.environment(), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
        )
