"""The Step Functions executions of a run. Attempt 2 of a run has the suffix ".2" in its name."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.core.context import Context
from portal.core.rights import requires


@requires("run_pipeline")
def start(context: Context, name: str, document: dict[str, Any]) -> None:
    """Start an execution, unless one of this name exists, for example after a double click."""
    states = context.client("stepfunctions")
    with contextlib.suppress(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(
            stateMachineArn=context.settings.state_machine_arn,
            name=name,
            input=json.dumps(document, sort_keys=True),
        )


def attempt_name(run_id: str, attempt: int) -> str:
    """Return the name of an attempt's execution: "run-1" for the first, "run-1.2" for the second."""
    return run_id if attempt == 1 else f"{run_id}.{attempt}"


def split_name(name: str) -> tuple[str, int]:
    """Return the run id and the attempt number in the name of an execution."""
    run_id, dot, attempt = name.rpartition(".")
    return (run_id, int(attempt)) if dot and attempt.isdigit() else (name, 1)


@requires("watch_runs")
def arn(context: Context, name: str) -> str:
    """Return the ARN of the execution `name`."""
    return context.settings.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"


@dataclass
class _NewestAttempt:
    """The number of the newest known attempt of a run."""

    number: int = 1


@requires("watch_runs")
def newest(context: Context, run_id: str) -> dict[str, Any] | None:
    """Return the description of a run's newest execution; None if Step Functions has none.

    The search starts at the newest known attempt and stops at a running one or before a missing one.
    """
    states = context.client("stepfunctions")
    found: dict[str, Any] | None = None
    known = context.cursor(_NewestAttempt, run_id)
    attempt = known.number
    while found is None or found["status"] != "RUNNING":
        try:
            found = states.describe_execution(executionArn=arn(context, attempt_name(run_id, attempt)))
        except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
            break
        known.number = attempt
        attempt += 1
    return found or _later_attempt(context, run_id)


def _later_attempt(context: Context, run_id: str) -> dict[str, Any] | None:
    """Return the newest execution of a run whose first one was deleted or lost; None if there is none."""
    states = context.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=context.settings.state_machine_arn
    )
    names = [split_name(each["name"]) for page in pages for each in page["executions"]]
    attempts = [attempt for name, attempt in names if name == run_id]
    if not attempts:
        return None
    number = context.cursor(_NewestAttempt, run_id).number = max(attempts)
    found: dict[str, Any] = states.describe_execution(executionArn=arn(context, attempt_name(run_id, number)))
    return found


@requires("watch_runs")
def first_start(context: Context, run_id: str) -> datetime | None:
    """Return the start of the run's first attempt; None if Step Functions deleted it (after 90 days)."""
    states = context.client("stepfunctions")
    try:
        described = states.describe_execution(executionArn=arn(context, run_id))
    except states.exceptions.ExecutionDoesNotExist:
        return None
    start_date: datetime = described["startDate"]
    return start_date


@requires("watch_runs")
def ending(context: Context, execution_arn: str) -> tuple[str | None, str | None]:
    """Return error and cause of an execution; each is None if Step Functions has none."""
    execution = context.client("stepfunctions").describe_execution(executionArn=execution_arn)
    return execution.get("error"), execution.get("cause")
