"""The real terraform formats, validates and plans both modules, where it is at hand; and what a plan would allow."""

import json
import os
import re
import shutil
import subprocess
import sys

import parliament
import pytest

from tests.infra.terraform.conftest import CHECK, FOLDER


def _run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)  # noqa: PLW1510


def test_files_are_formatted(terraform):
    done = _run(terraform, "fmt", "-check", "-recursive", str(FOLDER))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", [".", "bootstrap"])
def test_the_module_is_valid_with_the_registrys_provider(terraform, tmp_path, module):
    work = shutil.copytree(FOLDER.parents[1], tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "tests"))
    folder = work / "infra" / "terraform" / module
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    ready = _run(
        terraform, "init", "-backend=false", "-input=false", "-no-color", cwd=folder, env=environment
    )
    if ready.returncode:
        said = next(line for line in ready.stderr.splitlines() if line.startswith(("Could not", "Error")))
        pytest.skip(f"terraform finds no provider here: {said}")
    done = _run(terraform, "validate", "-no-color", cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["infra/terraform", "--plan", "-var-file", "dev.tfvars"], ["infra/terraform", "--plan", "-var-file", "prod.tfvars"],
     ["infra/terraform", "--plan", "-var-file", "prod.tfvars", "-var", "domain=portal.example.org", "-var", "zone_id=Z1"],
     ["infra/terraform/bootstrap", "--plan"]],
)  # fmt: skip
def test_the_real_terraform_plans_it(checker, arguments):
    done = _run(sys.executable, str(CHECK), *arguments, cwd=FOLDER.parents[1])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_three_variables_are_enough_and_the_account_is_in_the_names_of_buckets(checker):
    given = [f"-var={each}" for each in ("name=st-mary", "region=eu-west-1", "alert_email=a@hospital.org")]
    done = _run(sys.executable, str(CHECK), "infra/terraform", "--plan", *given, cwd=FOLDER.parents[1])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    buckets = set(re.findall(r'\+ bucket +=\s+"(.+)"', done.stdout))
    assert len(buckets) > 6
    assert all(bucket.startswith("st-mary-123456789012-") for bucket in buckets), buckets


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/0"],
            "certificate_arn needs domain",
        ),
        (["zone_id=Z1"], "zone_id needs domain"),
    ],
)
def test_a_certificate_without_its_host_name_is_refused(checker, given, sentence):
    flags = [word for each in given for word in ("-var", each)]
    done = _run(
        *(sys.executable, str(CHECK), "infra/terraform", "--plan", "-var-file", "dev.tfvars", *flags),
        cwd=FOLDER.parents[1],
    )
    assert done.returncode == 1
    assert sentence in done.stdout + done.stderr


def test_each_environment_has_a_state_of_its_own():
    keys = {(FOLDER / f"{name}.backend").read_text() for name in ("dev", "prod")}
    assert len(keys) == 2
    assert "key" not in (FOLDER / "backend.tf").read_text().partition("{")[2].replace("use_lockfile", "")


def test_superseded_versions_go_and_results_go_soonest(plan):
    days = {}
    for address, values in plan.resources.items():
        if address.startswith("aws_s3_bucket_lifecycle_configuration."):
            [rule] = [r for r in values["rule"] if r.get("noncurrent_version_expiration")]
            days[values["rule"][0]["id"], address] = rule["noncurrent_version_expiration"][0][
                "noncurrent_days"
            ]
    by_bucket = {
        address.partition('"')[2].rstrip('"]') or "access": number for (_, address), number in days.items()
    }
    assert by_bucket["results"] == by_bucket["access"] == 1
    assert by_bucket["gold"] == 30


def test_the_key_lets_log_delivery_read_what_step_functions_encrypted(plan):
    policy = json.loads(plan.resources["aws_kms_key.data"]["policy"])
    [delivery] = [
        s for s in policy["Statement"] if s["Principal"].get("Service") == ["delivery.logs.amazonaws.com"]
    ]
    assert delivery["Action"] == ["kms:Decrypt*"]


def test_no_role_is_allowed_a_wildcard_action(plan):
    for name, policy in plan.policies.items():
        for statement in policy["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions), name


NO_RESOURCE = {
    "ecr:GetAuthorizationToken",
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
    *(f"logs:{name}" for name in (
        "CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries",
        "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")),
}  # fmt: skip
"""Actions that know no resource, by AWS's Service Authorization Reference."""


def test_every_action_that_knows_resources_names_them(plan):
    for name, policy in plan.policies.items():
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow" and statement.get("Resource") == "*":
                actions = (
                    statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                )
                assert set(actions) <= NO_RESOURCE, name


def test_a_function_in_the_network_has_awss_own_policy_for_it_and_its_code_has_none_of_that(plan):
    """Lambda makes no function whose role may not remove interfaces everywhere: a list of resources is refused."""
    inside = {
        address.partition('"')[2].partition('"')[0]
        for address, values in plan.resources.items()
        if ".aws_lambda_function." in address and values["vpc_config"]
    }
    assert len(inside) > 5
    given = plan.all_of("aws_iam_role_policy_attachment")
    assert {each["policy_arn"].rpartition("/")[2] for each in given} == {"AWSLambdaVPCAccessExecutionRole"}
    assert len(given) == len(inside)
    for name in inside:
        network, log = plan.policies[f'lambda_network["{name}"]']["Statement"]
        assert (network["Effect"], log["Effect"]) == ("Deny", "Deny")
        assert {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface"} <= set(network["Action"])
        [(test, condition)] = network["Condition"].items()
        assert test == "ArnEquals"
        function = f":function:hdp-{name.replace('_', '-')}"
        assert condition["lambda:SourceFunctionArn"].endswith(function)
        assert log["NotResource"].endswith(f"/aws/lambda/hdp-{name.replace('_', '-')}:*")


OUT_OF_DATE = {"states:DescribeExecution": ":express:", "states:ListExecutions": ":mapRun:"}
"""Parliament's tables (1.6.4) know these for one kind of resource alone; AWS documents them for standard executions."""


def test_parliament_finds_nothing(plan):
    for name, policy in plan.policies.items():
        if "trust" in name:  # it takes policies of identities, not of resources
            continue
        found = parliament.analyze_policy_string(json.dumps(policy)).findings
        assert [str(finding) for finding in found if not _out_of_date(finding)] == [], name


def _out_of_date(finding):
    if finding.issue == "UNKNOWN_CONDITION_FOR_ACTION":
        return "lambda:SourceFunctionArn" in str(
            finding
        )  # Lambda puts it into every call of a function's code
    return finding.issue == "RESOURCE_MISMATCH" and all(
        OUT_OF_DATE.get(detail["action"], "nothing") in detail["required_format"] for detail in finding.detail
    )


def test_suppressions_are_few_and_each_says_why():
    skips = [
        line.strip()
        for file in FOLDER.rglob("*.tf")
        for line in file.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert 0 < len(skips) < 10
    assert all(len(skip.partition(":")[2].partition(":")[2]) > 30 for skip in skips)
