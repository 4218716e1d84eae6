"""Walk the state machine's template with fixed Lambda responses, and measure the data at every state."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline.stepfunctions.render import template

Sizes = list[tuple[str, str, int]]


def walk(context: Mapping[str, Any], answers: Mapping[str, Any]) -> Sizes:
    """Walk from start to end; return state, part (input, parameters, output) and bytes, in order."""
    text = template().replace("${first_poll_seconds}", "5").replace("${poll_seconds}", "30")
    machine = json.loads(text)
    sizes: Sizes = []
    _run(machine, context["Execution"]["Input"], context, answers, sizes)
    return sizes


def _run(machine: dict, data: Any, context: Mapping, answers: Mapping, sizes: Sizes) -> Any:
    name = machine["StartAt"]
    while name:
        state = machine["States"][name]
        sizes.append((name, "input", _size(data)))
        data = _step(name, state, data, context, answers, sizes)
        sizes.append((name, "output", _size(data)))
        name = _chosen(state, data) if state["Type"] == "Choice" else state.get("Next")
    return data


def _step(name: str, state: dict, data: Any, context: Mapping, answers: Mapping, sizes: Sizes) -> Any:
    if state["Type"] == "Task":
        parameters = _filled(state["Parameters"], data, context)
        sizes.append((name, "parameters", _size(parameters)))
        answer = answers[re.fullmatch(r"\$\{(\w+)_arn\}", parameters["FunctionName"])[1]]
        payload = answer(parameters["Payload"]) if callable(answer) else answer
        sizes.append((name, "result", _size(payload)))
        result = _filled(state["ResultSelector"], {"Payload": payload}, context)
    elif state["Type"] == "Parallel":
        result = [_run(branch, data, context, answers, sizes) for branch in state["Branches"]]
        sizes.append((name, "result", _size(result)))
    else:
        return _found(state.get("OutputPath", "$"), data, context)
    return _placed(result, state.get("ResultPath", "$"), data)


def _placed(result: Any, path: str | None, data: Any) -> Any:
    if path is None:
        return data
    return result if path == "$" else {**data, path.removeprefix("$."): result}


def _filled(template_: Any, data: Any, context: Mapping) -> Any:
    if not isinstance(template_, dict):
        return template_
    return {
        key.removesuffix(".$"): _found(value, data, context)
        if key.endswith(".$")
        else _filled(value, data, context)
        for key, value in template_.items()
    }


def _found(path: str, data: Any, context: Mapping) -> Any:
    found, names = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
    for name in filter(None, names.split(".")):
        found = found[name]
    return found


def _chosen(state: dict, data: Any) -> str:
    for choice in state["Choices"]:
        wanted = choice.get("StringEquals", choice.get("BooleanEquals"))
        if _found(choice["Variable"], data, {}) == wanted:
            return choice["Next"]
    return state["Default"]


def _size(data: Any) -> int:
    return len(json.dumps(data).encode())
