"""Step Functions of the laptop cloud: moto's interpreter, with executions that survive a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from moto.stepfunctions import responses
from moto.stepfunctions.parser.api import ExecutionStatus
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import json_path
from moto.stepfunctions.parser.backend import execution as live
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from infra.local.context import Context
from infra.local.history import HistoryStore

_DATA = {"input", "inputDetails", "output", "outputDetails", "parameters"}
_INTERRUPTED = "The laptop cloud ended while this execution was running."


class PastExecution:
    """An execution from before a restart, with only the fields that the API returns."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.execution_arn = document["execution_arn"]
        self.state_machine_arn = document["state_machine_arn"]
        self.name = document["name"]
        self.status = document["status"]
        self.start_date = datetime.fromisoformat(document["start_date"])
        self.stop_date = datetime.fromisoformat(document["stop_date"]) if document["stop_date"] else None
        self.execution_input = document["input"]
        self.output = document["output"]
        self.output_details = {"included": True}
        self.error = document["error"]
        self.cause = document["cause"]
        self.events = document["events"]

    def stop(self, **_: Any) -> None:
        """Do nothing: the execution has already ended."""


class _ExecutionStore:
    def __init__(self, store: HistoryStore) -> None:
        self.store = store

    def save(self, execution: Any) -> None:
        """Save the current state of an execution."""
        document = {
            "execution_arn": execution.exec_arn,
            "state_machine_arn": execution.state_machine_arn,
            "name": execution.name,
            "status": execution.status,
            "start_date": execution.start_date.isoformat(),
            "stop_date": execution.stop_date.isoformat() if execution.stop_date else None,
            "input": execution.execution_input,
            "output": json.dumps(execution.output) if execution.output is not None else None,
            "error": execution.error,
            "cause": execution.cause,
            "events": json.loads(json.dumps(_events(execution), default=_iso)),
        }
        self.store.put("execution", execution.exec_arn, document)

    def restore(self, state_machine: Any) -> None:
        for arn, document in self.store.all("execution"):
            if document["state_machine_arn"] != state_machine.arn:
                continue
            if document["status"] == "RUNNING":
                ended = {"stop_date": datetime.now(UTC).isoformat(), "cause": _INTERRUPTED}
                document = {**document, **ended, "status": "ABORTED", "error": "LaptopCloudEnded"}  # noqa: PLW2901
                self.store.put("execution", arn, document)
            state_machine.executions.append(PastExecution(document))


def install(context: Context) -> None:
    executions = _ExecutionStore(context.store)
    _save_at_start_and_end(executions)
    _parse_once()
    create = StepFunctionsParserBackend.create_state_machine

    def create_state_machine(backend: Any, *args: Any, **kwargs: Any) -> Any:
        known = {machine.arn for machine in backend.state_machines}
        state_machine = create(backend, *args, **kwargs)
        if state_machine.arn not in known:
            executions.restore(state_machine)
        return state_machine

    StepFunctionsParserBackend.create_state_machine = create_state_machine
    StepFunctionsParserBackend.stop_execution = _stop_execution
    Environment.set_error = _unless_stopped(Environment.set_error)
    Environment.set_timed_out = _unless_stopped(Environment.set_timed_out)
    responses.StepFunctionResponse.stop_execution = _answer_stop
    responses.StepFunctionResponse.get_execution_history = _get_execution_history


def _parse_once() -> None:
    """Cache parsed definitions and JSON paths instead of parsing them in every execution and state.

    Parsed objects hold no data of an execution, except in Map states, which the template does not use.
    """
    AmazonStateLanguageParser.parse = lru_cache(maxsize=16)(AmazonStateLanguageParser.parse)
    json_path.parse = lru_cache(maxsize=1000)(json_path.parse)


def _save_at_start_and_end(executions: _ExecutionStore) -> None:
    start = live.Execution.start
    terminated = live.BaseExecutionWorkerCommunication.terminated

    def saving_start(execution: Any) -> None:
        start(execution)
        executions.save(execution)

    def saving_end(communication: Any) -> None:
        if communication.execution.exec_status != ExecutionStatus.ABORTED:
            terminated(communication)
        executions.save(communication.execution)

    live.Execution.start = saving_start
    live.BaseExecutionWorkerCommunication.terminated = saving_end


def _stop_execution(backend: Any, execution_arn: str, error: str = "", cause: str = "") -> Any:
    """Stop an execution like moto, but set it to ABORTED at once, whatever the current state returns later.

    An execution that has already ended stays unchanged.
    """
    execution = backend.describe_execution(execution_arn)
    if execution.status == ExecutionStatus.RUNNING.value:
        execution.stop(stop_date=datetime.now(UTC), error=error, cause=cause)
        execution.exec_status, execution.stop_date = ExecutionStatus.ABORTED, datetime.now(UTC)
        execution.error, execution.cause = error or None, cause or None
    return execution


def _unless_stopped(change: Callable[..., None]) -> Callable[..., None]:
    """Return `change` such that it ignores an error or timeout of a state after the execution was stopped."""

    def changed(environment: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(environment.program_state(), ProgramStopped):
            change(environment, *args, **kwargs)

    return changed


def _answer_stop(response: Any) -> Any:
    """Answer StopExecution with the caller's error and cause, which moto ignores."""
    arn, error, cause = (response._get_param(name) or "" for name in ("executionArn", "error", "cause"))
    execution = response.stepfunction_backend.stop_execution(arn, error, cause)
    return responses.ActionResult({"stopDate": execution.stop_date})


def _get_execution_history(response: Any) -> str:
    """Return a page of events as JSON text.

    Unlike moto, support reverseOrder, pagination and includeExecutionData. JSON text skips moto's
    serializer, which looks up each field of each event in the service model; that took two thirds of the
    server's time while portal pages watched a run. The events already have AWS's field names.
    """
    execution = response.stepfunction_backend.describe_execution(response._get_param("executionArn"))
    events = _events(execution)
    size = response._get_int_param("maxResults") or 1000
    start = int(response._get_param("nextToken") or 0)
    if response._get_param("reverseOrder"):
        page = events[max(0, len(events) - start - size) : max(0, len(events) - start)][::-1]
    else:
        page = events[start : start + size]
    if response._get_param("includeExecutionData") is False:
        page = [_without_data(event) for event in page]
    answer: dict[str, Any] = {"events": page}
    if start + size < len(events):
        answer["nextToken"] = str(start + size)
    return json.dumps(answer, default=_encode)


def _encode(value: Any) -> Any:
    """Return a timestamp as seconds since 1970, as AWS does, and an enumeration member as its value."""
    return value.timestamp() if isinstance(value, datetime) else value.value


def _events(execution: Any) -> list[dict[str, Any]]:
    """Return the events of an execution so far, without copying each as moto does: events never change."""
    if isinstance(execution, PastExecution):
        return list(execution.events)
    worker = execution.exec_worker
    return list(worker.env.event_manager._history_event_list) if worker and worker.env else []


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: each for key, each in value.items() if key not in _DATA}
        if isinstance(value, dict)
        else value
        for name, value in event.items()
    }


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
