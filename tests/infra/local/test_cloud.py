"""Lifecycle of the laptop cloud: restarts, leases, concurrent starts, isolation from AWS settings."""

import json
import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest

from infra.local import credentials, environment
from infra.local.cloud import Cloud, CloudError
from infra.local.engine import ENGINES, PACKAGES

pytestmark = pytest.mark.integration


def client(cloud, service):
    key = credentials.read(credentials.credentials_file(cloud.state))["laptop"]
    session = boto3.session.Session(key.access_key, key.secret, region_name="us-east-1")
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


def test_a_restart_keeps_objects_catalog_and_runs_and_two_clouds_can_run(tmp_path):
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


def test_clients_share_the_running_cloud_and_it_stops_after_the_last(tmp_path):
    first = Cloud(tmp_path).start()
    second = Cloud(tmp_path).start()
    assert second.pid == first.pid
    first.stop()
    time.sleep(1.2)
    assert client(second, "s3").list_buckets()["Buckets"]
    second.stop()
    assert gone(first.pid)
    assert not (tmp_path / "cloud.json").exists()


def test_a_running_cloud_with_another_engine_is_reported(cloud):
    running = json.loads((cloud.state / "cloud.json").read_text())["engine"]
    [other] = set(ENGINES) - {running}
    with pytest.raises(CloudError) as raised:
        Cloud(cloud.state, engine=other).start()
    assert f"runs jobs on {running}, not {other}: stop it first" in str(raised.value)
    assert f"'kill {cloud.pid}'" in str(raised.value)
    with Cloud(cloud.state, engine=running) as same, Cloud(cloud.state) as any_:
        assert (same.pid, any_.pid) == (cloud.pid, cloud.pid)


def test_a_missing_engine_is_reported_with_the_install_command(tmp_path, monkeypatch):
    monkeypatch.setitem(PACKAGES, "spark", ("jdk-of-nowhere",))
    with pytest.raises(
        CloudError,
        match=r"requires jdk-of-nowhere, which is not installed. Install it with: pip install '.\[spark\]'",
    ):
        Cloud(tmp_path, engine="spark").start()


def test_concurrent_commands_start_one_cloud(tmp_path):
    clouds = [Cloud(tmp_path, workers=1) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda cloud: cloud.start(), clouds))
    try:
        assert len({cloud.pid for cloud in clouds}) == 1
        log = tmp_path / "cloud" / "logs" / "cloud.log"
        assert log.read_text() == ""
    finally:
        for cloud in clouds:
            cloud.stop()
    assert gone(clouds[0].pid)


def test_another_lakes_cloud_behind_a_stale_announcement_is_left_alone(tmp_path, cloud):
    (tmp_path / "cloud").mkdir()
    (tmp_path / "cloud.json").write_text((cloud.state / "cloud.json").read_text())
    with Cloud(tmp_path, workers=1) as own:
        assert own.pid != cloud.pid
        client(own, "s3").put_object(Bucket="hdp-bronze", Key="mine", Body=b"1")
        assert (tmp_path / "s3" / "hdp-bronze" / "mine").exists()
        assert not (cloud.state / "s3" / "hdp-bronze" / "mine").exists()


def test_a_copied_directory_is_another_lake(tmp_path):
    with Cloud(tmp_path / "one", workers=1) as one:
        shutil.copytree(tmp_path / "one", tmp_path / "two", ignore=shutil.ignore_patterns("runtimes"))
        with Cloud(tmp_path / "two", workers=1) as two:
            assert two.pid != one.pid


def test_only_the_owner_can_read_the_state_directory_and_partial_files_are_removed(tmp_path):
    state = tmp_path / "state"
    left = state / "s3" / "hdp-gold" / "t" / ".pending-1-2-part.parquet"
    spilled = state / "cloud" / "spark" / "worker-0" / "blockmgr" / "shuffle.data"
    torn = state / "s3" / "hdp-gold" / "t" / "_temporary" / "0" / "part.parquet"
    kept = state / "s3" / "hdp-gold" / "t" / "part.parquet"
    for path in (left, spilled, torn, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    state.chmod(0o755)
    with Cloud(state, workers=1) as cloud:
        assert [path.exists() for path in (left, spilled, torn, kept)] == [False, False, False, True]
        client(cloud, "s3").put_object(Bucket="hdp-bronze", Key="a/b", Body=b"1")
        client(cloud, "lambda").invoke(FunctionName="hdp-prepare-run", Payload=b"{}")
        spilled.parent.mkdir(parents=True)
        spilled.write_text("x")
    assert gone(cloud.pid)
    assert not spilled.exists()
    open_to_others = [
        path for path in (state, *state.rglob("*")) if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_a_cloud_that_was_killed_is_replaced(tmp_path):
    with Cloud(tmp_path) as killed:
        os.kill(killed.pid, signal.SIGKILL)
        assert gone(killed.pid)
        with Cloud(tmp_path) as next_:
            assert next_.pid != killed.pid
            assert client(next_, "s3").list_buckets()["Buckets"]


def test_clients_do_not_inherit_the_users_aws_settings(cloud):
    mine = {
        "AWS_PROFILE": "prod",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "SPARK_HOME": "/opt/spark",
        "JAVA_HOME": "/usr",
        "HOME": "/home/me",
    }
    assert environment.clean(mine) == {"HOME": "/home/me"}
    wanted = environment.variables("http://127.0.0.1:1", "hdp", cloud.state)
    assert wanted["AWS_CONFIG_FILE"] == "/dev/null"
    assert wanted["AWS_SHARED_CREDENTIALS_FILE"] == str(cloud.state / "cloud" / "credentials")


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


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9/", "https://subscriber.invalid/"])
def test_a_subscriber_that_cannot_be_reached_fails_no_publisher(cloud, endpoint):
    sns = client(cloud, "sns")
    topic = sns.create_topic(Name="hdp-unreachable")["TopicArn"]
    made = sns.subscribe(TopicArn=topic, Protocol=endpoint.partition(":")[0], Endpoint=endpoint)
    try:
        assert sns.publish(TopicArn=topic, Message="a message")["MessageId"]
    finally:
        sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
        sns.delete_topic(TopicArn=topic)
