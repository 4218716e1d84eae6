"""Render the state machine's template from the declared jobs (`hdp contracts render`).

Each installation substitutes the placeholders ``${…}``: ARNs of Lambdas, and seconds between polls of a job.
"""

from __future__ import annotations

import json
from typing import Any

from pipeline.jobs import Job, stage

State = dict[str, Any]
States = dict[str, State]

RUN_TIMEOUT_SECONDS = 6 * 3600

_SERVICE_ERRORS = [
    "InternalErrorException",
    "InternalServerException",
    "InternalServiceException",
    "KMSThrottlingException",
    "KmsThrottlingException",
    "OperationTimeoutException",
    "ThrottledException",
    "ThrottlingException",
    "TooManyRequestsException",
]
"""Names of boto3 exceptions with a class of their own: a Lambda fails with these, not with ClientError."""

_RETRIED_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
    "ClientError",
    *_SERVICE_ERRORS,
    "EndpointConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "States.Timeout",
]
_LOCK_POLL_SECONDS = 60
"""Seconds between two attempts of an automatic run to acquire the write lock."""

_FIRST_POLL, _POLL = "${first_poll_seconds}", "${poll_seconds}"
"""Placeholders for the seconds between two polls of a job: in its first minute, and later."""

_RETRY_ERRORS = {
    "ErrorEquals": _RETRIED_ERRORS,
    "IntervalSeconds": 2,
    "BackoffRate": 2.0,
    "MaxAttempts": 5,
    "MaxDelaySeconds": 60,
    "JitterStrategy": "FULL",
}
_BUSY = ["JobBusy", "ConcurrentRunsExceededException", "ResourceNumberLimitExceededException"]
"""Errors if the job is in use or the account's Glue quota is exhausted; either can last for minutes."""

_RETRY_BUSY = {"ErrorEquals": _BUSY, "IntervalSeconds": 30, "BackoffRate": 1.5, "MaxAttempts": 6}
_CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "NotifyFailure"}]


def template() -> str:
    """Return the state machine definition as JSON text."""
    text = json.dumps(definition(), indent=2)
    for name in (_FIRST_POLL, _POLL):
        text = text.replace(f'"{name}"', name)
    return text + "\n"


def definition() -> dict[str, Any]:
    """Return the state machine definition."""
    ordered = [*stage("dimensions"), *stage("facts"), *stage("quality")]
    states: States = {
        **_opening_states(then="Silver"),
        "Silver": {
            "Type": "Parallel",
            "Comment": "Bronze to silver, in parallel",
            "Branches": [_branch(job) for job in stage("silver")],
            "ResultPath": None,  # discarded: each branch returns its whole input
            "Next": ordered[0].name,
            "Catch": _CATCH,
        },
    }
    for job, following in zip(ordered, [*(job.name for job in ordered[1:]), "PublishRelease"], strict=True):
        states |= _job_states(job, then=following, catch=True)
    states |= _closing_states()
    return {
        "Comment": "Raw extract to star schema. Generated from pipeline/jobs.yaml: hdp contracts render",
        "StartAt": "PrepareRun",
        "TimeoutSeconds": RUN_TIMEOUT_SECONDS,
        "States": states,
    }


def _opening_states(then: str) -> States:
    """Return the states that prepare a run, acquire the write lock and continue with the state `then`.

    If another run has the lock, a run that a person started fails; an automatic run waits, and is skipped if
    that takes too long. The state data does not contain the batches: the run plan in S3 lists them.
    """
    execution = {"input": "Input", "execution": "Id", "name": "Name", "since": "StartTime"}
    given = {f"{name}.$": f"$$.Execution.{part}" for name, part in execution.items()}
    prepare = _task(
        "prepare_run",
        given,
        "$",
        keep=["run_id", "auto_publish", "outcome", "why"],
        then="PrepareRun ready?",
        catch=True,
    )
    prepare["ResultSelector"] = {"plan": prepare["ResultSelector"]}
    return {
        "PrepareRun": prepare,
        "PrepareRun ready?": {
            "Type": "Choice",
            "Choices": [
                {"Variable": "$.plan.outcome", "StringEquals": "ready", "Next": then},
                {"Variable": "$.plan.outcome", "StringEquals": "skipped", "Next": "RunSkipped"},
            ],
            "Default": "PrepareRun wait",
        },
        "PrepareRun wait": {"Type": "Wait", "Seconds": _LOCK_POLL_SECONDS, "Next": "PrepareRun"},
        "RunSkipped": {"Type": "Succeed", "OutputPath": "$.plan"},
    }


def _branch(job: Job) -> dict[str, Any]:
    states = _job_states(job, then=f"{job.name} loaded", catch=False)
    return {"StartAt": job.name, "States": {**states, f"{job.name} loaded": {"Type": "Succeed"}}}


def _job_states(job: Job, then: str, catch: bool) -> States:
    """Return the states that start a job, check it until it has succeeded, and continue with `then`."""
    wait, check, done = f"{job.name} wait", f"{job.name} check", f"{job.name} done?"
    start = {"job": job.name, "run_id.$": "$.plan.run_id"}
    polls = {"first_minute": _FIRST_POLL, "later": _POLL}
    check_input = {"job": job.name, "job_run_id.$": "$.job.job_run_id", "poll_seconds": polls}
    check_output = ["job_run_id", "state", "done", "wait_seconds"]
    begin = _task("start_glue_job", start, "$.job", keep=["job_run_id"], then=wait, catch=catch)
    begin["ResultSelector"]["wait_seconds"] = _FIRST_POLL
    return {
        job.name: {**begin, "Retry": [*begin["Retry"], _RETRY_BUSY]},
        wait: {"Type": "Wait", "SecondsPath": "$.job.wait_seconds", "Next": check},
        check: _task(
            "check_glue_job_status", check_input, "$.job", keep=check_output, then=done, catch=catch
        ),
        done: {
            "Type": "Choice",
            "Choices": [{"Variable": "$.job.done", "BooleanEquals": True, "Next": then}],
            "Default": wait,
        },
    }


def _closing_states() -> States:
    publish = {"run_id.$": "$.plan.run_id", "auto_publish.$": "$.plan.auto_publish"}
    success = {"run_id.$": "$.plan.run_id", "release.$": "$.release"}
    failure = {"run_id.$": "$$.Execution.Name", "execution.$": "$$.Execution.Id", "error.$": "$.error"}
    outcome = ["release_id", "decision", "published", "state", "why", "reasons"]
    cause = ["error", "cause"]
    notify = _task("sns_notify_failure", failure, "$.failure", keep=cause, then="RunFailed", catch=False)
    succeeded = _task(
        "sns_notify_success", success, "$.release", keep=outcome, then="RunSucceeded", catch=False
    )
    return {
        "PublishRelease": _task(
            "publish_release", publish, "$.release", keep=outcome, then="NotifySuccess", catch=True
        ),
        "NotifySuccess": {
            **succeeded,
            "Catch": _ignore_errors("RunSucceeded"),
        },  # the release exists, so a failed notification must not fail the run
        "RunSucceeded": {"Type": "Succeed", "OutputPath": "$.release"},
        "NotifyFailure": {**notify, "Catch": _ignore_errors("RunFailedNotNotified")},
        "RunFailed": {"Type": "Fail", "ErrorPath": "$.failure.error", "CausePath": "$.failure.cause"},
        "RunFailedNotNotified": {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"},
    }


def _ignore_errors(then: str) -> list[State]:
    """Return a Catch that continues with `then`: a failed notification must not change the run's outcome."""
    return [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.notification_error", "Next": then}]


def _task(
    function: str, payload: dict[str, Any], result_path: str, *, keep: list[str], then: str, catch: bool
) -> State:
    """Return a state that invokes a Lambda and stores the fields `keep` of its response at `result_path`."""
    state: State = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"${{{function}_arn}}", "Payload": payload},
        "ResultSelector": {f"{name}.$": f"$.Payload.{name}" for name in keep},
        "ResultPath": result_path,
        "TimeoutSeconds": 120,
        "Retry": [_RETRY_ERRORS],
        "Next": then,
    }
    return {**state, "Catch": _CATCH} if catch else state
