"""The policies of all roles: no wildcard, resources named, and nothing that parliament finds."""

import json
from fnmatch import fnmatchcase

import parliament
import pytest

PARTITIONS = {"glue:GetPartitions", "glue:GetPartition", "glue:BatchGetPartition"}


PARTS = {"s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}


def _granted(plan, role):
    """Actions by resource."""
    found = {}
    for statement in plan.policies[role]["Statement"]:
        for resource in _listed(statement["Resource"]):
            found.setdefault(resource, set()).update(_listed(statement["Action"]))
    return found


def _listed(value):
    return [value] if isinstance(value, str) else value


@pytest.mark.parametrize("role", ["portal", "review"])
def test_whoever_asks_athena_may_ask_the_catalog_for_partitions_in_each_of_three_ways(plan, role):
    granted = _granted(plan, role)
    asking = [resource for resource, actions in granted.items() if PARTITIONS & actions]
    assert len(asking) > 2
    assert [resource for resource in asking if not granted[resource] >= PARTITIONS] == []


@pytest.mark.parametrize("role", ["portal", "review", 'lambda["publish_release"]', "glue"])
def test_whoever_writes_in_parts_may_list_and_give_up_its_parts(plan, role):
    """Athena's results and S3A's committers: https://docs.aws.amazon.com/athena/latest/ug/querying.html"""
    granted = _granted(plan, role)
    zones = ("-silver/", "-gold/") if role == "glue" else ("-results/",)
    places = [
        resource
        for resource in granted
        if any(zone in resource for zone in zones) and "s3:PutObject" in granted[resource]
    ]
    uncovered = [
        place
        for place in places
        if not any(actions >= PARTS and fnmatchcase(place, where) for where, actions in granted.items())
    ]
    assert places
    assert uncovered == []
    assert any("s3:ListBucketMultipartUploads" in actions for actions in granted.values())


def test_no_role_is_allowed_a_wildcard_action(plan):
    for name, policy in plan.policies.items():
        for statement in policy["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any("*" in action for action in actions), name


NO_RESOURCE = {
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sns:Unsubscribe",
    *("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules",
      "xray:GetSamplingTargets"),
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
    """Lambda requires permission to delete network interfaces on all resources, not on a list."""
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
"""Parliament (1.6.4) limits these to one resource type; AWS documents them for standard executions too."""


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
