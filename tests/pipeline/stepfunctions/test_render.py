"""The state machine template: matches jobs.yaml, is valid ASL, has retries, timeouts and error handlers."""

import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

import pipeline.stepfunctions
from pipeline.jobs import jobs
from pipeline.stepfunctions.render import template

COMMITTED = Path(pipeline.stepfunctions.__file__).parent / "state_machine_def.template.json"


def rendered() -> str:
    text = COMMITTED.read_text().replace("${first_poll_seconds}", "5").replace("${poll_seconds}", "30")
    return re.sub(r"\$\{(\w+)_arn\}", r"arn:aws:lambda:us-east-1:123456789012:function:hdp-\1", text)


def all_states(machine=None) -> dict:
    found = {}
    for name, state in (machine or json.loads(rendered()))["States"].items():
        found[name] = state
        for branch in state.get("Branches", []):
            found |= all_states(branch)
    return found


def test_the_committed_template_matches_jobs_yaml():
    assert COMMITTED.read_text() == template(), "run: hdp contracts render"


def test_statelint_reports_no_problem(tmp_path):
    path = tmp_path / "machine.json"
    path.write_text(rendered())
    linted = subprocess.run(
        [Path(sys.executable).parent / "statelint", path], check=False, capture_output=True, text=True
    )
    assert (linted.returncode, linted.stdout.strip()) == (0, "")


def test_every_job_is_started_awaited_and_checked():
    states = all_states()
    for job in jobs():
        assert states[job.name]["Parameters"]["Payload"]["job"] == job.name
        assert states[f"{job.name} wait"]["Next"] == f"{job.name} check"
        assert states[f"{job.name} done?"]["Default"] == f"{job.name} wait"


def test_a_job_is_polled_every_5_seconds_in_its_first_minute_then_every_30():
    states = all_states()
    for job in jobs():
        assert states[job.name]["ResultSelector"]["wait_seconds"] == 5
        assert states[f"{job.name} wait"]["SecondsPath"] == "$.job.wait_seconds"
        polls = states[f"{job.name} check"]["Parameters"]["Payload"]["poll_seconds"]
        assert polls == {"first_minute": 5, "later": 30}


def test_every_lambda_call_is_retried_on_throttling_and_has_a_timeout():
    tasks = {name: state for name, state in all_states().items() if state["Type"] == "Task"}
    assert tasks
    for name, state in tasks.items():
        assert "Lambda.TooManyRequestsException" in state["Retry"][0]["ErrorEquals"], name
        assert state["TimeoutSeconds"] > 0, name


PASSING = re.compile("Throttl|TooManyRequests|Internal|ServiceUnavailable|OperationTimeout")


@pytest.mark.parametrize("service", ["glue", "athena", "stepfunctions", "s3", "sns", "sts"])
def test_transient_errors_are_retried_by_the_name_that_a_lambda_fails_with(service):
    client = boto3.client(service, region_name="us-east-1")
    named = {shape.name for shape in client.meta.service_model.error_shapes}
    passing = {getattr(client.exceptions, name).__name__ for name in named if PASSING.search(name)}
    for name, state in all_states().items():
        if state["Type"] == "Task":
            assert passing | {"ClientError"} <= set(state["Retry"][0]["ErrorEquals"]), name


def test_a_failed_job_is_not_retried():
    retried = {
        error
        for state in all_states().values()
        for retry in state.get("Retry", [])
        for error in retry["ErrorEquals"]
    }
    assert not retried & {"States.ALL", "States.TaskFailed", "GlueJobFailed", "GlueJobOverdue", "LakeBusy"}


@pytest.mark.parametrize(
    "name", ["PrepareRun", "Silver", "quality_audit", "quality_audit check", "PublishRelease"]
)
def test_any_error_leads_to_the_failure_notification(name):
    assert json.loads(rendered())["States"][name]["Catch"][0]["Next"] == "NotifyFailure"


def test_the_whole_run_has_a_timeout():
    assert json.loads(rendered())["TimeoutSeconds"] == 6 * 3600


def test_a_run_that_was_skipped_succeeds_and_tells_nobody():
    states = all_states()
    choices = {each["StringEquals"]: each["Next"] for each in states["PrepareRun ready?"]["Choices"]}
    assert choices == {"ready": "Silver", "skipped": "RunSkipped"}
    assert states["RunSkipped"] == {"Type": "Succeed", "OutputPath": "$.plan"}
    assert states["PrepareRun ready?"]["Default"] == "PrepareRun wait"
    assert states["PrepareRun wait"]["Next"] == "PrepareRun"


def test_what_lambda_and_glue_say_when_they_are_full_is_tried_again():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    for job in jobs():
        retried = {error for retry in all_states()[job.name]["Retry"] for error in retry["ErrorEquals"]}
        assert retried >= {
            "Lambda.Unknown", "Sandbox.Timedout", "Lambda.TooManyRequestsException",
            "ConcurrentRunsExceededException", "ResourceNumberLimitExceededException",
        }  # fmt: skip
