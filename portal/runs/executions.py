"""The Step Functions executions of a run: its attempts, by name, and how each ended."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.core.context import Context
from portal.core.errors import ServiceError


def start(context: Context, name: str, document: dict[str, Any]) -> None:
    """Start an execution; one of this name that is there already, from a double click, is the same one."""
    states = context.client("stepfunctions")
    with contextlib.suppress(states.exceptions.ExecutionAlreadyExists):
        states.start_execution(
            stateMachineArn=context.settings.state_machine_arn,
            name=name,
            input=json.dumps(document, sort_keys=True),
        )


def split_name(name: str) -> tuple[str, int]:
    run_id, dot, attempt = name.rpartition(".")
    return (run_id, int(attempt)) if dot and attempt.isdigit() else (name, 1)


def arn(context: Context, name: str) -> str:
    return context.settings.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"


@dataclass
class _NewestAttempt:
    """The number of the newest attempt at a run that is known."""

    number: int = 1


def newest(context: Context, run_id: str) -> dict[str, Any]:
    """Describe the newest attempt at a run, from the newest known one on; there is none after one that still runs."""
    states = context.client("stepfunctions")
    found: dict[str, Any] | None = None
    known = context.cursor(_NewestAttempt, run_id)
    attempt = known.number
    while found is None or found["status"] != "RUNNING":
        name = run_id if attempt == 1 else f"{run_id}.{attempt}"
        try:
            found = states.describe_execution(executionArn=arn(context, name))
        except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
            break
        known.number = attempt
        attempt += 1
    if found is None:
        raise ServiceError(f"There is no run '{run_id}': 'hdp runs list' lists the runs.")
    return found


def first_start(context: Context, run_id: str) -> datetime | None:
    """When the run's first attempt began; None where Step Functions has forgotten it (after 90 days)."""
    states = context.client("stepfunctions")
    try:
        described = states.describe_execution(executionArn=arn(context, run_id))
    except states.exceptions.ExecutionDoesNotExist:
        return None
    moment: datetime = described["startDate"]
    return moment


def ending(context: Context, execution_arn: str) -> tuple[str | None, str | None]:
    """Error and cause of an execution that has ended otherwise than well."""
    context.require("watch_runs")
    execution = context.client("stepfunctions").describe_execution(executionArn=execution_arn)
    return execution.get("error"), execution.get("cause")
