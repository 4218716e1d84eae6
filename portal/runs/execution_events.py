"""Read the events of executions incrementally: each read fetches only the new events."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipeline.jobs import jobs
from portal.core.context import Context
from portal.core.rights import requires

_PAGE = 100
"""Events per page of every read but the first of an execution; a job causes about twenty events."""


@dataclass(frozen=True)
class StepState:
    """A step: a state of the state machine that is not a Glue job."""

    name: str
    state: str
    entered_at: datetime | None
    left_at: datetime | None


@dataclass
class Events:
    """The times at which an execution entered and left its states.

    `changed_states` are the states entered since its job runs were last read.
    """

    last_id: int = 0
    entered: dict[str, datetime] = field(default_factory=dict)
    left: dict[str, datetime] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    changed_states: set[str] = field(default_factory=set)
    is_failing: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, event: dict[str, Any]) -> None:
        """Update the times and states with one event; add events in the order of their ids."""
        if name := event.get("stateExitedEventDetails", {}).get("name"):
            self.left[name] = event["timestamp"]
            if self.is_failing:  # a state whose error is caught is exited, too
                self.failed.add(name)
        if name := event.get("stateEnteredEventDetails", {}).get("name"):
            self.entered[name] = event["timestamp"]
            self.changed_states.add(name)
        self.is_failing = event["type"].endswith(("Failed", "TimedOut"))
        self.last_id = event["id"]


@requires("watch_runs")
def read(context: Context, execution_arn: str) -> Events:
    """Return the events of an execution; fetch only those after the last read."""
    events = context.cursor(Events, execution_arn)
    with events.lock:
        for event in reversed(_after(context, execution_arn, events.last_id)):
            events.add(event)
    return events


def _after(context: Context, execution_arn: str, last_id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    pages = (
        context.client("stepfunctions")
        .get_paginator("get_execution_history")
        .paginate(
            executionArn=execution_arn,
            reverseOrder=True,
            includeExecutionData=False,
            PaginationConfig={"PageSize": _PAGE if last_id else 1000},
        )
    )
    for page in pages:
        for event in page["events"]:
            if event["id"] <= last_id:
                return found
            found.append(event)
    return found


def starting(events: Events) -> set[str]:
    """Return the names of the jobs whose start was requested but not confirmed.

    If the execution was stopped in between, the start is never confirmed.
    """
    with events.lock:
        return (events.entered.keys() - events.left.keys()) & {job.name for job in jobs()}


_STEPS = ("PrepareRun", "PublishRelease", "NotifySuccess", "NotifyFailure")


def steps(events: Events) -> tuple[StepState, ...]:
    """Return the steps of an execution in order, each with its state and times."""
    found = []
    with events.lock:
        for name in _STEPS:
            found.append(
                StepState(name, _state(name, events), events.entered.get(name), events.left.get(name))
            )
    return tuple(found)


def _state(step: str, events: Events) -> str:
    if step in events.left:
        return "FAILED" if step in events.failed else "SUCCEEDED"
    if step not in events.entered:
        return "NOT_STARTED"
    return "FAILED" if "NotifyFailure" in events.entered and step != "NotifyFailure" else "RUNNING"
