"""GitHub's two roles and the boundary of all others, as the real terraform renders their policies."""

import json
import subprocess
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

import parliament
import pytest

from tests.infra.terraform.conftest import FOLDER, Plan

KNOWN_AFTER_APPLY = """
locals {
  oidc_arn = "arn:aws:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com"

  arns = {
    bucket   = "arn:aws:s3:::hdp-terraform-state-${local.account}"
    lock     = "arn:aws:dynamodb:${var.region}:${local.account}:table/hdp-terraform-lock"
    key      = "arn:aws:kms:${var.region}:${local.account}:key/00000000-0000-0000-0000-000000000000"
    boundary = "arn:aws:iam::${local.account}:policy/hdp-boundary"
    github   = [for name in ["plan", "deploy"] : "arn:aws:iam::${local.account}:role/hdp-github-${name}"]
  }
}
"""
ROLES = ("no_data", "plan", "deploy")


@pytest.fixture(scope="module")
def policies(checker, terraform):
    python, schemas = checker.prepare()
    with tempfile.TemporaryDirectory(prefix="bootstrap-") as folder:
        top = Path(folder).resolve()
        work = checker.copy(FOLDER / "bootstrap", top / "copy")
        (work / "known_override.tf").write_text(KNOWN_AFTER_APPLY)
        with checker.serving(python, schemas, work, top) as env:

            def run(*words):
                done = subprocess.run(
                    [terraform, *words], check=False, cwd=work, env=env, capture_output=True, text=True
                )
                assert done.returncode == 0, done.stderr
                return done.stdout

            run("init", "-no-color")
            run("plan", "-no-color", "-refresh=false", "-lock=false", "-out=plan.out")
            return Plan(json.loads(run("show", "-json", "plan.out"))).policies


BRANCH_THAT_LOOKS_LIKE_IT = "repo:example@1/other@2:ref:refs/heads/health-data-portal@3%3Apull_request"


@pytest.mark.parametrize(
    ("role", "subject", "is_trusted"),
    [
        ("deploy", "repo:example/health-data-portal:environment:production", True),
        ("deploy", "repo:example@583231/health-data-portal@1296269:environment:production", True),
        ("plan", "repo:example@583231/health-data-portal@1296269:pull_request", True),
        ("plan", "repo:example@583231/health-data-portal@1296269:environment:production", False),
        ("deploy", "repo:other@583231/health-data-portal@1296269:environment:production", False),
        ("deploy", "repo:example@583231/health-data-portal-fork@1296269:environment:production", False),
        ("deploy", "repo:example/health-data-portal:environment:staging", False),
        ("plan", BRANCH_THAT_LOOKS_LIKE_IT, False),
    ],
)
def test_github_is_trusted_with_and_without_ids_in_the_subject(policies, role, subject, is_trusted):
    """Repositories made, renamed or transferred since 2026-07-15 send the ids (changelog 2026-04-23)."""
    [statement] = policies[f'github["{role}"]']["Statement"]
    patterns = _listed(statement["Condition"]["StringLike"]["token.actions.githubusercontent.com:sub"])
    assert any(fnmatchcase(subject, pattern) for pattern in patterns) is is_trusted


def _listed(value):
    return [value] if isinstance(value, str) else value


def _statements(policy, effect, action):
    return [
        each
        for each in policy["Statement"]
        if each["Effect"] == effect and any(fnmatchcase(action, known) for known in _listed(each["Action"]))
    ]


@pytest.mark.parametrize("name", ROLES)
def test_githubs_roles_are_given_no_wildcard_action_and_no_wildcard_resource(policies, name):
    for statement in policies[name]["Statement"]:
        assert not any("*" in action for action in _listed(statement["Action"]))
        if statement["Effect"] == "Allow":
            assert "*" not in _listed(statement["Resource"])


NOT_KNOWN_TO_PARLIAMENT = "Unknown condition kms:ResourceAliases for action kms:Decrypt"
"""Its tables (1.6.4) lack it; AWS KMS documents it as a condition on keys."""


@pytest.mark.parametrize("name", ROLES)
def test_parliament_finds_nothing(policies, name):
    found = parliament.analyze_policy_string(json.dumps(policies[name])).findings
    assert [str(finding) for finding in found if NOT_KNOWN_TO_PARLIAMENT not in str(finding)] == []


def test_parliament_finds_nothing_in_the_boundary(policies):
    """A boundary grants nothing: that some actions of a service know no resource takes them out of it, as is
    meant.

    A function's network interfaces stand in it without a place, for Lambda asks whether a role may remove
    any.
    """
    found = parliament.analyze_policy_string(json.dumps(policies["boundary"])).findings
    left = [finding for finding in found if finding.issue != "RESOURCE_MISMATCH"]
    assert [(f.issue, {a.partition(":")[0] for a in f.detail}) for f in left] == [("RESOURCE_STAR", {"ec2"})]


def test_a_role_is_made_and_written_within_the_boundary_only(policies):
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        [statement] = _statements(policies["deploy"], "Allow", action)
        assert statement["Condition"]["ArnEquals"]["iam:PermissionsBoundary"].endswith(":policy/hdp-boundary")
    for action in (
        "iam:DeleteRolePermissionsBoundary",
        "iam:PutRolePermissionsBoundary",
        "iam:CreatePolicyVersion",
    ):
        assert _statements(policies["deploy"], "Allow", action) == []


def test_the_boundary_reaches_neither_iam_nor_machines_nor_other_buckets(policies):
    boundary = policies["boundary"]
    for action in (
        "iam:CreateRole",
        "iam:PutRolePolicy",
        "ec2:RunInstances",
        "organizations:LeaveOrganization",
    ):
        assert _statements(boundary, "Allow", action) == []
    [buckets] = _statements(boundary, "Allow", "s3:GetObject")
    assert buckets["Resource"] == "arn:aws:s3:::hdp-*"
    [assumed] = _statements(boundary, "Allow", "sts:AssumeRole")
    assert assumed["Resource"].endswith(":role/hdp-*-review")


@pytest.mark.parametrize("name", ["no_data", "boundary"])
def test_nobody_shortens_what_object_lock_keeps(policies, name):
    [denied] = _statements(policies[name], "Deny", "s3:BypassGovernanceRetention")
    assert denied["Resource"] == "*"


def test_a_pull_request_reads_nothing_of_production(policies):
    [denied] = _statements(policies["plan"], "Deny", "s3:GetObject")
    state, lock, code = sorted(
        denied["NotResource"], key=lambda place: (place.endswith("-code/*"), len(place))
    )
    assert state.endswith("/dev/terraform.tfstate")
    assert lock == f"{state}.tflock"
    assert (
        code == "arn:aws:s3:::hdp-dev-123456789012-code/*"
    )  # refreshed with each plan: the wheel, the scripts
    [secret] = _statements(policies["plan"], "Allow", "secretsmanager:GetSecretValue")
    assert ":secret:hdp-dev/" in secret["Resource"]
    encrypted = _statements(policies["plan"], "Allow", "kms:Decrypt")[-1]
    assert "s3" not in str(encrypted["Condition"]["StringEquals"]["kms:ViaService"])
