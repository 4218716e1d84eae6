"""Steps and transitions of the deployed state machine (`pipeline.stepfunctions.render`).

The states of a job (start, wait, check, choice) are one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.stepfunctions.render import definition


@dataclass(frozen=True)
class Edge:
    """A transition between two steps; `is_failure` is true if a Catch leads to the target."""

    source: str
    target: str
    is_failure: bool = False


@cache
def edges() -> tuple[Edge, ...]:
    """Return all transitions between steps; Succeed and Fail states are not steps."""
    found = _edges(definition()["States"])
    return tuple(dict.fromkeys(edge for edge in found if edge.target in steps()))


@cache
def steps() -> tuple[str, ...]:
    """Return all steps in the order of the definition."""
    states = definition()["States"]
    named = [name for state in states.items() for name in _steps_of(*state)]
    return tuple(dict.fromkeys(named))


def _steps_of(name: str, state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the steps of a state: those of its branches, or its own unless it is a Succeed or Fail state."""
    if state["Type"] == "Parallel":
        for branch in state["Branches"]:
            yield from (step for each in branch["States"].items() for step in _steps_of(*each))
    elif state["Type"] not in {"Succeed", "Fail"}:
        yield _step(name)


def _step(state: str) -> str:
    """Return the step of a state; the states of a job are `job`, `job wait`, `job check` and `job done?`."""
    return state.partition(" ")[0]


def _edges(states: Mapping[str, Any]) -> Iterator[Edge]:
    for name, state in states.items():
        for target in _next(state):
            for source in _lasts(states, name):
                for first in _firsts(states, target):
                    if source != first:
                        yield Edge(source, first)
        for caught in state.get("Catch", ()):
            yield from (Edge(step, _step(caught["Next"]), is_failure=True) for step in _steps_of(name, state))


def _next(state: Mapping[str, Any]) -> list[str]:
    choices = [choice["Next"] for choice in state.get("Choices", ())]
    return [target for target in (state.get("Next"), *choices, state.get("Default")) if target]


def _firsts(states: Mapping[str, Any], name: str) -> list[str]:
    """Return the first steps of a state; for a Parallel state, the first step of each branch."""
    if states[name]["Type"] == "Parallel":
        return [_step(branch["StartAt"]) for branch in states[name]["Branches"]]
    return [_step(name)]


def _lasts(states: Mapping[str, Any], name: str) -> list[str]:
    """Return the last steps of a state; for a Parallel state, the steps of all branches."""
    return list(dict.fromkeys(_steps_of(name, states[name])))
