"""Recorded calls: role, action, resources, condition keys."""

import io
import json
from datetime import UTC, datetime

import pytest

from infra.local.calls import Call, Calls, caller, read
from infra.local.credentials import Keys, credentials_file, ensure
from infra.local.gate import ROLE, SERVICE

ARN = "arn:aws:{}:us-east-1:123456789012:{}"


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "credentials")


@pytest.fixture
def ask(tmp_path, keys):
    """Return a function that sends a request through the recorder and returns the last recorded call."""
    answers = {}
    path = tmp_path / "calls.jsonl"
    recorder = Calls(lambda environ, start: _answer(answers, start), path, keys, {"kept": "hdp-review"})

    def ask(service, *, role="hdp-portal", body=b"", status="200 OK", answer=b"{}", **environ):
        answers.update(status=status, body=answer)
        request = {
            "REQUEST_METHOD": "POST",
            ROLE: role,
            SERVICE: service,
            "wsgi.input": io.BytesIO(body),
            "CONTENT_LENGTH": str(len(body)),
            **environ,
        }
        list(recorder(request, lambda *_: None))
        return (read(tmp_path / "calls.jsonl") or [None])[-1]

    return ask


def _answer(answers, start):
    start(answers["status"], [])
    return [answers["body"]]


def target(name, **parameters):
    return {"HTTP_X_AMZ_TARGET": f"Service.{name}", "body": json.dumps(parameters).encode()}


def form(**parameters):
    body = "&".join(f"{name}={value}" for name, value in parameters.items()).encode()
    return {"CONTENT_TYPE": "application/x-www-form-urlencoded", "body": body}


def test_the_parents_of_a_table_are_checked_too(ask):
    call = ask("glue", **target("GetTable", DatabaseName="hdp_gold", Name="dim_time"))
    places = ("catalog", "database/hdp_gold", "table/hdp_gold/dim_time")
    assert call == Call("hdp-portal", "glue:GetTable", tuple(ARN.format("glue", place) for place in places))


def test_the_resource_of_a_query_is_its_workgroup(ask):
    ask(
        "athena",
        **target("StartQueryExecution", WorkGroup="hdp-review"),
        answer=b'{"QueryExecutionId": "q1"}',
    )
    call = ask("athena", **target("GetQueryResults", QueryExecutionId="q1"))
    assert call.resources == (ARN.format("athena", "workgroup/hdp-review"),)


def test_the_workgroup_of_a_query_survives_a_restart(ask):
    call = ask("athena", **target("BatchGetQueryExecution", QueryExecutionIds=["kept"]))
    assert call.resources == (ARN.format("athena", "workgroup/hdp-review"),)


def test_get_caller_identity_is_not_recorded(ask):
    assert ask("sts", **form(Action="GetCallerIdentity")) is None


def test_a_key_issued_by_sts_belongs_to_the_assumed_role(ask, keys):
    role = "arn:aws:iam::123456789012:role/hdp-review"
    answer = (
        b"<Credentials><SessionToken>T1</SessionToken><SecretAccessKey>S1</SecretAccessKey>"
        b"<Expiration>2999-01-02T03:04:05.000Z</Expiration><AccessKeyId>ASIA1</AccessKeyId></Credentials>"
    )
    assert ask("sts", **form(Action="AssumeRole", RoleArn=role), answer=answer).resources == (role,)
    key = keys.find("ASIA1")
    assert (key.role, key.secret, key.token) == ("hdp-review", "S1", "T1")
    assert key.expires_at == datetime(2999, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_worker_has_the_key_of_its_role_and_no_other(tmp_path):
    (tmp_path / "cloud").mkdir()
    path = credentials_file(tmp_path)
    made = ensure(path, ["laptop", "hdp-glue"])
    given = caller({"AWS_SHARED_CREDENTIALS_FILE": str(path), "HOME": "/h"}, "hdp-glue")
    assert given == {
        "HOME": "/h",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ACCESS_KEY_ID": made["hdp-glue"].access_key,
        "AWS_SECRET_ACCESS_KEY": made["hdp-glue"].secret,
    }
    assert made["hdp-glue"].secret != made["laptop"].secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure(path, ["laptop", "hdp-glue", "hdp-portal"]).items() >= made.items()


def test_a_missing_object_requires_list_bucket(ask):
    call = ask("s3", REQUEST_METHOD="GET", PATH_INFO="/hdp-quality/a.json", status="404 NOT FOUND")
    assert (call.action, call.resources) == ("s3:ListBucket", ("arn:aws:s3:::hdp-quality",))


def test_condition_keys_and_passed_roles_are_recorded(ask):
    topic = ARN.format("sns", "hdp-run-failed")
    call = ask("sns", **form(Action="Subscribe", TopicArn=topic, Protocol="email"))
    assert (call.resources, call.context) == ((topic,), {"sns:Protocol": "email"})
    body = json.dumps({"Target": {"RoleArn": "r"}}).encode()
    call = ask("scheduler", REQUEST_METHOD="PUT", PATH_INFO="/schedules/hdp-nightly", body=body)
    assert call == Call(
        "hdp-portal", "iam:PassRole", ("r",), {"iam:PassedToService": "scheduler.amazonaws.com"}
    )


def test_unknown_calls_have_all_resources_and_setup_is_not_recorded(ask):
    assert ask("glue", **target("GetJobs")).resources == ("*",)
    assert ask("ec2", role="laptop", **form(Action="DescribeVpcs")).action == "glue:GetJobs"


@pytest.mark.parametrize(
    ("method", "headers", "context"),
    [
        ("PUT", {"HTTP_IF_NONE_MATCH": "*"}, {"s3:if-none-match": "*"}),
        ("PUT", {}, {}),
        ("GET", {"HTTP_IF_NONE_MATCH": "etag"}, {}),
    ],
)
def test_a_write_that_must_not_overwrite_carries_its_condition(ask, method, headers, context):
    call = ask("s3", REQUEST_METHOD=method, PATH_INFO="/hdp-quality/audit_log/a.json", **headers)
    assert call.context == context
