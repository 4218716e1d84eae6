"""A stopped execution is aborted, even if its running state ends later."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

CODE = """
import pathlib, time
def handler(event, context):
    pathlib.Path(event["entered"]).touch()
    deadline = time.monotonic() + 60
    while not pathlib.Path(event["gate"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    if event["ending"] == "raises":
        raise RuntimeError("the job ended STOPPED")
    return {}
"""


def until(found, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


@pytest.fixture
def check(aws, portal, lake_prefix):
    """Return the ARN of a Lambda that waits for the file `gate`, then ends as the event says."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("check.py", CODE)
    known = aws.client("lambda").get_function(FunctionName=portal.lake.function("prepare_run"))
    return aws.client("lambda").create_function(
        FunctionName=f"{lake_prefix}-check", Runtime="python3.11", Role=known["Configuration"]["Role"],
        Handler="check.handler", Code={"ZipFile": archive.getvalue()}, Timeout=60,
    )["FunctionArn"]  # fmt: skip


def _in_parallel(states):
    return {
        "StartAt": "Both",
        "States": {
            "Both": {
                "Type": "Parallel",
                "Branches": [states],
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}],
                "End": True,
            },
            "Tell": {"Type": "Fail", "Error": "Disclosure", "Cause": "an alert was sent"},
        },
    }


@pytest.mark.parametrize("ending", ["raises", "succeeds"])
@pytest.mark.parametrize("is_parallel", [False, True])
def test_a_stop_overrides_the_result_of_the_running_state(
    aws, check, lake_prefix, tmp_path, ending, is_parallel
):
    definition = {
        "StartAt": "Check",
        "States": {
            "Check": {
                "Type": "Task",
                "Resource": check,
                "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}],
                "Next": "Again",
            },
            "Again": {"Type": "Pass", "End": True},
            "Tell": {"Type": "Fail", "Error": "Disclosure", "Cause": "an alert was sent"},
        },
    }
    states = aws.client("stepfunctions")
    machine = states.create_state_machine(
        name=f"{lake_prefix}-{ending}-{is_parallel}",
        definition=json.dumps(_in_parallel(definition) if is_parallel else definition),
        roleArn="arn:aws:iam::123456789012:role/hdp-states",
    )["stateMachineArn"]
    entered, gate = tmp_path / "entered", tmp_path / "gate"
    event = {"entered": str(entered), "gate": str(gate), "ending": ending}
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(event))["executionArn"]
    until(entered.exists)
    states.stop_execution(executionArn=arn, error="StoppedByUser", cause="Stopped by ann.")

    def told():
        found = states.describe_execution(executionArn=arn)
        return found["status"], found.get("error"), found.get("cause"), "stopDate" in found

    expected = ("ABORTED", "StoppedByUser", "Stopped by ann.", True)
    assert told() == expected, "at once"
    gate.touch()
    history = lambda: states.get_execution_history(executionArn=arn)["events"]  # noqa: E731
    until(lambda: "ExecutionAborted" in {each["type"] for each in history()})
    assert told() == expected, "after the state in flight has ended"
    entered_states = {
        each["stateEnteredEventDetails"]["name"] for each in history() if "stateEnteredEventDetails" in each
    }
    assert entered_states <= {"Both", "Check"}
    stopped = states.list_executions(stateMachineArn=machine, statusFilter="ABORTED")["executions"]
    assert [each["executionArn"] for each in stopped] == [arn]


def test_a_stop_after_the_end_changes_nothing(aws, lake_prefix):
    states = aws.client("stepfunctions")
    machine = states.create_state_machine(
        name=lake_prefix,
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/hdp-states",
    )["stateMachineArn"]
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    until(lambda: states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    states.stop_execution(executionArn=arn, error="StoppedByUser", cause="Stopped by ann.")
    found = states.describe_execution(executionArn=arn)
    assert (found["status"], found.get("cause")) == ("SUCCEEDED", None)
