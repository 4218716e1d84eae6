"""The laptop cloud admits only signed requests from programs on this machine."""

import http.client
import json
import os
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from infra.local import state_folder


@pytest.fixture
def connect(cloud):
    """Send a request with the given headers; return status, headers and body."""

    def send(method, path, headers=(), body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port(cloud), timeout=30)
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    return send


def port(cloud):
    return urlsplit(cloud.endpoint).port


def signed(cloud, method, path, service="s3", body=b"", host=None, secret=None, **headers):
    """Return the headers of a request signed with the laptop's key."""
    key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], secret or os.environ["AWS_SECRET_ACCESS_KEY"])
    request = AWSRequest(method, f"http://{host or f'127.0.0.1:{port(cloud)}'}{path}", headers, body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(key, service, "us-east-1").add_auth(request)
    return {**dict(request.headers), **({"Host": host} if host else {})}


def test_a_signed_request_passes_under_both_names_of_this_machine(cloud, connect):
    assert connect("GET", "/", signed(cloud, "GET", "/"))[0] == 200
    named = f"localhost:{port(cloud)}"
    assert connect("GET", "/", signed(cloud, "GET", "/", host=named))[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/moto-api/reset", b""),
        ("GET", "/moto-api/data.json", b""),
        ("GET", "/", b""),
        ("PUT", "/hdp-code/scripts/silver_to_gold/dim_time.py", b"import os"),
        ("POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15"),
        ("OPTIONS", "/hdp-bronze", b""),
    ],
)
def test_an_unsigned_request_is_rejected(cloud, connect, method, path, body):
    status, headers, text = connect(method, path, body=body)
    assert status == 403
    assert b"MissingAuthenticationToken" in text
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "/latest/meta-data/"])
def test_paths_outside_the_aws_apis_are_rejected(cloud, connect, path):
    assert connect("POST", path, signed(cloud, "POST", path))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:80"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
    ],
)
def test_a_web_page_is_refused_even_with_a_valid_signature(cloud, connect, headers):
    proof = signed(cloud, "GET", "/", host=headers.get("Host"))
    status, _, text = connect("GET", "/", {**proof, **headers})
    assert (status, b"AccessDenied" in text) == (403, True)


def test_no_answer_carries_cors_headers(cloud, connect):
    status, headers, _ = connect("GET", "/hdp-bronze", signed(cloud, "GET", "/hdp-bronze"))
    assert status == 200
    assert not [name for name in headers if name.startswith("access-control")]


def test_rejecting_an_unread_body_closes_the_connection(cloud, connect):
    smuggled = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 10
    assert connect("POST", "/", body=smuggled)[1]["connection"] == "close"


@pytest.mark.parametrize("service", ["s3", "glue", "sns", "lambda", "athena", "scheduler", "stepfunctions"])
def test_a_wrong_secret_gives_the_error_of_the_service(cloud, service):
    session = boto3.session.Session(os.environ["AWS_ACCESS_KEY_ID"], "wrong", region_name="us-east-1")
    client = session.client(service, endpoint_url=cloud.endpoint)
    call = {
        "s3": "list_buckets",
        "glue": "get_databases",
        "sns": "list_topics",
        "lambda": "list_functions",
        "athena": "list_work_groups",
        "scheduler": "list_schedules",
        "stepfunctions": "list_state_machines",
    }[service]
    with pytest.raises(ClientError) as refused:
        getattr(client, call)()
    assert refused.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


def test_a_role_name_is_not_a_key(cloud):
    session = boto3.session.Session("hdp-portal", "laptop", region_name="us-east-1")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        session.client("s3", endpoint_url=cloud.endpoint).list_buckets()


def test_a_body_that_was_changed_is_rejected(cloud, connect):
    proof = signed(cloud, "PUT", "/hdp-bronze/k", body=b"mine")
    status, _, text = connect("PUT", "/hdp-bronze/k", proof, b"evil")
    assert (status, b"XAmzContentSHA256Mismatch" in text) == (403, True)


def test_names_and_metadata_that_need_encoding_are_verified_as_sent(aws):
    s3 = aws.client("s3")
    kept = {"some_key": "v", "other": "two words"}
    s3.put_object(Bucket="hdp-bronze", Key="gate/a b/ü+%~'().csv", Body=b"1", Metadata=kept)
    assert s3.get_object(Bucket="hdp-bronze", Key="gate/a b/ü+%~'().csv")["Metadata"] == kept
    listed = s3.list_objects_v2(Bucket="hdp-bronze", Prefix="gate/a b/", Delimiter="/")
    assert [item["Key"] for item in listed["Contents"]] == ["gate/a b/ü+%~'().csv"]


def test_a_presigned_url_works_only_as_signed(aws, connect):
    aws.client("s3").put_object(Bucket="hdp-bronze", Key="gate/link", Body=b"linked")
    s3 = aws.client("s3", config=Config(signature_version="s3v4"))
    link = s3.generate_presigned_url("get_object", {"Bucket": "hdp-bronze", "Key": "gate/link"})
    path = link.removeprefix(f"http://{urlsplit(link).netloc}")
    assert connect("GET", path)[::2] == (200, b"linked")
    assert connect("DELETE", path)[0] == 403
    assert connect("GET", path.replace("gate/link", "gate/other"))[0] == 403
    assert connect("GET", path, {"Sec-Fetch-Site": "cross-site"})[0] == 403


def test_an_assumed_role_signs_with_the_secret_that_sts_issued(cloud, aws):
    role = "arn:aws:iam::123456789012:role/hdp-review"
    given = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="tester")["Credentials"]
    named = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    session = boto3.session.Session(*named)
    assert session.client("s3").list_buckets()["Buckets"]
    for wrong in ((named[0], "x", named[2]), (named[0], named[1], "x")):
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            boto3.session.Session(*wrong).client("s3").list_buckets()


def test_the_health_check_requires_the_laptops_key(cloud, connect):
    path = "/_hdp/health"
    status, _, text = connect("GET", path, signed(cloud, "GET", path, "hdp"))
    assert (status, json.loads(text)) == (200, {"state": state_folder.identity(cloud.state)})
    assert connect("GET", path)[0] == 403
    assert connect("GET", path, signed(cloud, "GET", path, "hdp", secret="x"))[0] == 403
