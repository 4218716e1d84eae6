"""The cloud's life: what a restart keeps, two side by side, nobody's own AWS set-up shining through."""

import json
import os
import signal
import time

import boto3
import pytest

from infra.local import environment
from infra.local.cloud import Cloud


def client(cloud, service):
    session = boto3.session.Session("laptop", "laptop", region_name="us-east-1")
    return session.client(service, endpoint_url=cloud.endpoint)


def gone(pid, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if f"{pid} (" in open(f"/proc/{pid}/stat").read() and " Z " in open(f"/proc/{pid}/stat").read():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.integration
def test_a_restart_keeps_objects_catalog_and_runs_and_two_clouds_live_side_by_side(tmp_path):
    with Cloud(tmp_path / "one") as one, Cloud(tmp_path / "two", prefix="other") as two:
        assert one.endpoint != two.endpoint
        client(one, "s3").put_object(Bucket="hdp-bronze", Key="kept", Body=b"1")
        assert {b["Name"] for b in client(two, "s3").list_buckets()["Buckets"]} == {
            f"other-{zone}" for zone in ("bronze", "silver", "gold", "quality", "results", "code")
        }
        glue = client(one, "glue")
        table = glue.get_table(DatabaseName="hdp_silver", Name="patients")["Table"]
        partition = {"Values": ["b1", "2024-01"], "StorageDescriptor": table["StorageDescriptor"]}
        glue.create_partition(DatabaseName="hdp_silver", TableName="patients", PartitionInput=partition)
        states = client(one, "stepfunctions")
        arn = one.environment()["HDP_STATE_MACHINE_ARN"]
        states.start_execution(
            stateMachineArn=arn, name="run-a", input=json.dumps({"batch_ids": ["none"], "run_id": "run-a"})
        )
        execution = arn.replace(":stateMachine:", ":execution:") + ":run-a"
        while (before := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.1)
        history = states.get_execution_history(executionArn=execution)["events"]
        pid = one.pid
    assert gone(pid)
    with Cloud(tmp_path / "one") as again:
        assert client(again, "s3").get_object(Bucket="hdp-bronze", Key="kept")["Body"].read() == b"1"
        found = client(again, "glue").get_partitions(DatabaseName="hdp_silver", TableName="patients")[
            "Partitions"
        ]
        assert [p["Values"] for p in found] == [["b1", "2024-01"]]
        after = client(again, "stepfunctions").describe_execution(executionArn=execution)
        assert {k: after[k] for k in ("status", "startDate", "stopDate", "error", "cause")} == {
            k: before[k] for k in ("status", "startDate", "stopDate", "error", "cause")
        }
        kept = client(again, "stepfunctions").get_execution_history(executionArn=execution)["events"]
        assert [event["type"] for event in kept] == [event["type"] for event in history]


@pytest.mark.integration
def test_a_second_user_finds_the_running_cloud_and_it_ends_with_the_last(tmp_path):
    first = Cloud(tmp_path).start()
    second = Cloud(tmp_path).start()
    assert second.pid == first.pid
    first.stop()
    time.sleep(1.2)
    assert client(second, "s3").list_buckets()["Buckets"]
    second.stop()
    assert gone(first.pid)
    assert not (tmp_path / "cloud.json").exists()


@pytest.mark.integration
def test_a_cloud_that_was_killed_is_replaced(tmp_path):
    with Cloud(tmp_path) as killed:
        os.kill(killed.pid, signal.SIGKILL)
        assert gone(killed.pid)
        with Cloud(tmp_path) as next_:
            assert next_.pid != killed.pid
            assert client(next_, "s3").list_buckets()["Buckets"]


def test_nothing_of_a_persons_own_set_up_reaches_a_client():
    mine = {
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "SPARK_HOME": "/opt/spark",
        "JAVA_HOME": "/usr",
        "HOME": "/home/me",
    }
    assert environment.clean(mine) == {"HOME": "/home/me"}
    wanted = environment.variables("http://127.0.0.1:1", "hdp")
    assert wanted["AWS_CONFIG_FILE"] == wanted["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_the_cloud_listens_on_this_machine_only(cloud):
    port = int(cloud.endpoint.rpartition(":")[2])
    listening = [
        line.split()[1] for line in open("/proc/net/tcp").read().splitlines()[1:] if line.split()[3] == "0A"
    ]
    assert [a for a in listening if int(a.split(":")[1], 16) == port] == [f"0100007F:{port:04X}"]


@pytest.mark.parametrize("service", ["sns", "scheduler", "lambda"])
def test_everything_is_provisioned(cloud, service):
    found = {
        "sns": lambda c: sorted(t["TopicArn"].rpartition(":")[2] for t in c.list_topics()["Topics"]),
        "scheduler": lambda c: [(s["Name"], s["State"]) for s in c.list_schedules()["Schedules"]],
        "lambda": lambda c: sorted(f["FunctionName"] for f in c.list_functions()["Functions"]),
    }[service](client(cloud, service))
    assert (
        found
        == {
            "sns": ["hdp-run-failed", "hdp-run-succeeded"],
            "scheduler": [("hdp-nightly", "DISABLED")],
            "lambda": [
                "hdp-check-glue-job-status",
                "hdp-expire-releases",
                "hdp-prepare-run",
                "hdp-publish-release",
                "hdp-refresh-sign-in-keys",
                "hdp-sns-notify-failure",
                "hdp-sns-notify-success",
                "hdp-start-glue-job",
                "hdp-watch-schedule",
            ],
        }[service]
    )
