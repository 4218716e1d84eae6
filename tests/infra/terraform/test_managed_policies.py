"""Our roles grant what AWS's own policies grant for the same use, or an exception says why not.

The source of AWS's policies is moto's copy of them (moto.iam.aws_managed_policies, made from the IAM API):
what a laptop records shows what we call, these show what AWS itself found to be needed.
"""

import json
from fnmatch import fnmatchcase

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

MANAGED = json.loads(aws_managed_policies_data)

NOT_MADE_HERE = "Terraform makes databases and workgroups, and none is deleted by a query"
NO_WRITING = "only the views of gold are written, by publishing"
ATHENA = {
    "glue:*Database": NOT_MADE_HERE,
    "glue:*Table": NO_WRITING,
    "glue:*Tables": "a query names its tables",
    "glue:*Databases": "a query names its database",
    "glue:BatchCreatePartition": NO_WRITING,
    "glue:CreatePartition": NO_WRITING,
    "glue:UpdatePartition": NO_WRITING,
    "glue:*DeletePartition": NO_WRITING,
    "glue:GetCatalog*": "the catalog is the account's own, of no federation",
    "glue:*ColumnStatistics*": "statistics are not computed",
    "s3:CreateBucket": NOT_MADE_HERE,
    "s3:PutBucketPublicAccessBlock": NOT_MADE_HERE,
    "s3:ListAllMyBuckets": "buckets are named",
}
USES = [
    ("portal", "AmazonAthenaFullAccess", ("glue", "s3"), ATHENA),
    ("review", "AmazonAthenaFullAccess", ("glue", "s3"), ATHENA),
    ("glue", "AWSGlueServiceRole", ("s3", "logs", "cloudwatch"), {
        "s3:CreateBucket": "Terraform makes buckets",
        "s3:GetBucketAcl": "buckets have no ACL",
        "s3:GetBucketLocation": "S3A is told the region",
        "s3:ListAllMyBuckets": "buckets are named",
    }),
    ("execution", "AmazonECSTaskExecutionRolePolicy", ("ecr", "logs"), {}),
    ('lambda["start_glue_job"]', "AWSLambdaBasicExecutionRole", ("logs",), {
        "logs:CreateLogGroup": "Terraform makes the group, with its key and retention",
    }),
    ("states", "AWSXRayDaemonWriteAccess", ("xray",), {
        "xray:GetSamplingStatisticSummaries": "the console's; Step Functions documents the other four",
    }),
]  # fmt: skip


def _actions(policy, services=None):
    granted = {
        action
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    return {action for action in granted if services is None or action.split(":")[0] in services}


@pytest.mark.parametrize(("role", "managed", "services", "exceptions"), USES, ids=[use[0] for use in USES])
def test_a_role_may_do_what_awss_own_policy_allows_for_its_use(plan, role, managed, services, exceptions):
    wanted = _actions(MANAGED[managed]["Document"], services)
    assert len(wanted) > 1
    lacking = wanted - _actions(plan.policies[role])
    assert {
        action for action in lacking if not any(fnmatchcase(action, known) for known in exceptions)
    } == set()


@pytest.mark.parametrize(("role", "managed", "services", "exceptions"), USES, ids=[use[0] for use in USES])
def test_every_exception_is_about_an_action_of_awss_policy(role, managed, services, exceptions):
    granted = _actions(MANAGED[managed]["Document"], services)
    assert [known for known in exceptions if not any(fnmatchcase(action, known) for action in granted)] == []
