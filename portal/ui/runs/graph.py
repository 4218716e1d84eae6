"""The state machine as a graph: its steps and transitions, each step coloured and marked by its state.

Steps and transitions are those of the definition that is deployed (`pipeline.stepfunctions.render`); a job's own
wait, check and choice states are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.jobs import Job, Stage, jobs
from pipeline.stepfunctions.render import definition
from portal.runs.service import Run
from portal.ui import formats
from portal.ui.theme import FAILED_MARK, NEUTRAL, STATES, words

_TITLES = {
    "PrepareRun": "Validate input",
    "PublishRelease": "Publish or hold",
    "NotifySuccess": "Notify subscribers",
    "NotifyFailure": "Notify failure",
}
_STAGES: dict[Stage, str] = {
    "silver": "Bronze to silver",
    "dimensions": "Dimensions",
    "facts": "Facts",
    "quality": "Quality and release",
}
_WIDTH, _HEIGHT, _COLUMN, _ROW = 152, 46, 200, 74
_MARGIN, _HEAD = 8, 52


@dataclass(frozen=True)
class Edge:
    """A transition from one step to another; `is_failure` where it is a Catch."""

    source: str
    target: str
    is_failure: bool = False


# the steps and transitions of the definition


@cache
def edges() -> tuple[Edge, ...]:
    """Every transition between two steps; ends (Succeed and Fail) are no steps."""
    found = _edges(definition()["States"])
    return tuple(dict.fromkeys(edge for edge in found if edge.target in steps()))


@cache
def steps() -> tuple[str, ...]:
    """Every step, in the order of the definition."""
    states = definition()["States"]
    named = [name for state in states.items() for name in _steps_of(*state)]
    return tuple(dict.fromkeys(named))


def _steps_of(name: str, state: Mapping[str, Any]) -> Iterator[str]:
    """The steps that a state stands for: those of its branches, or itself unless it is an end."""
    if state["Type"] == "Parallel":
        for branch in state["Branches"]:
            yield from (step for each in branch["States"].items() for step in _steps_of(*each))
    elif state["Type"] not in {"Succeed", "Fail"}:
        yield _step(name)


def _step(state: str) -> str:
    """A job's states are named after it: `job`, `job wait`, `job check`, `job done?`."""
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
    """The steps that a state begins with: of a Parallel state the first of each branch."""
    if states[name]["Type"] == "Parallel":
        return [_step(branch["StartAt"]) for branch in states[name]["Branches"]]
    return [_step(name)]


def _lasts(states: Mapping[str, Any], name: str) -> list[str]:
    """The steps that a state ends with: of a Parallel state those of each branch."""
    return list(dict.fromkeys(_steps_of(name, states[name])))


# their states


def states(run: Run | None) -> dict[str, str]:
    """Every step's state by its name, in the order of the definition."""
    found = dict.fromkeys(steps(), "NOT_STARTED")
    if run:
        found |= {step.name: step.state for step in run.steps if step.name in found}
        latest = {name: run.latest(name) for name in found}
        found |= {name: job.state for name, job in latest.items() if job}
    return found


def title(name: str) -> str:
    job = _job(name)
    return _TITLES.get(name, name) if job is None else "Audit" if job.stage == "quality" else job.table


def timing(name: str, run: Run | None, medians: Mapping[str, float]) -> tuple[str, str]:
    """How long a step has taken, and its median duration while that tells more; empty where unknown."""
    latest = run.latest(name) if run else None
    median = medians.get(name)
    is_ahead = latest is None or latest.state == "RUNNING"
    expected = f"median {formats.duration(median)}" if median and is_ahead else ""
    return formats.duration(latest.seconds) if latest else "", expected


def _job(name: str) -> Job | None:
    return next((job for job in jobs() if job.name == name), None)


# the picture


@cache
def places() -> dict[str, tuple[int, int]]:
    """Where each step stands: a column a stage, top to bottom in the order of the run; the failure's path ends below the last."""
    found: dict[str, tuple[int, int]] = {}
    below = _caught()
    column = 0
    stages: list[Stage] = list(_STAGES)
    for name in steps():
        job = _job(name)
        column = 1 + stages.index(job.stage) if job else column
        if name not in below:
            found[name] = (column, sum(place[0] == column for place in found.values()))
    under = 1 + sum(place[0] == column for place in found.values())
    last = max(under, *(row for _, row in found.values()))
    return found | {name: (column, last + n) for n, name in enumerate(below)}


def _caught() -> list[str]:
    """Steps that only a failure leads to."""
    ahead = {edge.target for edge in edges() if not edge.is_failure}
    return [name for name in steps() if name not in ahead and name != definition()["StartAt"]]


def size() -> tuple[int, int]:
    """Width and height of the picture in pixels."""
    columns, rows = (1 + max(place[n] for place in places().values()) for n in (0, 1))
    return (columns - 1) * _COLUMN + _WIDTH + 2 * _MARGIN, (
        rows - 1
    ) * _ROW + _HEIGHT // 2 + _HEAD + 3 * _MARGIN


def option(run: Run, medians: Mapping[str, float]) -> dict[str, Any]:
    """The graph as ECharts draws it; steps are the first of its nodes, in their order."""
    found = states(run)
    steps_ = [_node(name, run, found[name], medians) for name in steps()]
    heads = [_head(column, said) for column, said in enumerate(["Start", *_STAGES.values()])]
    ports = [_port(name, side) for name in steps() for side in _SIDES]
    width, height = size()
    return {
        "animation": False,
        "series": [
            {
                "type": "graph",
                "layout": "none",
                # the box that the heads and the outermost ports span, so that a unit is a pixel
                "left": _MARGIN,
                "top": 2 * _MARGIN,
                "width": width - 2 * _MARGIN,
                "height": height - 3 * _MARGIN,
                "symbol": "roundRect",
                "symbolSize": [_WIDTH, _HEIGHT],
                "edgeSymbol": ["none", "arrow"],
                "edgeSymbolSize": 9,
                "selectedMode": "single",
                "select": {"itemStyle": {"borderWidth": 4}},
                "label": {"show": True, "fontSize": 12, "lineHeight": 17},
                "data": [*steps_, *heads, *ports],
                "links": [_link(edge, found) for edge in edges()],
            }
        ],
    }


def _node(name: str, run: Run, state: str, medians: Mapping[str, float]) -> dict[str, Any]:
    _, fill, text = STATES.get(state, STATES["NOT_STARTED"])
    x, y = _centre(name)
    taken, expected = timing(name, run, medians)
    time = taken or expected
    return {
        "name": name,
        "x": x,
        "y": y,
        "itemStyle": {"color": fill, "borderColor": text, "borderWidth": 1},
        "label": {"formatter": f"{title(name)}\n{words(state)}{f' · {time}' if time else ''}", "color": text},
    }


def _head(column: int, said: str) -> dict[str, Any]:
    label = {"formatter": said, "color": NEUTRAL, "fontWeight": "bold", "fontSize": 13}
    return {"name": said, "x": column * _COLUMN, "y": -_HEAD, "symbolSize": 0.1, "label": label}


_SIDES = {"left": (-0.5, 0), "right": (0.5, 0), "top": (0, -0.5), "bottom": (0, 0.5)}


def _port(name: str, side: str) -> dict[str, Any]:
    """The middle of one side of a step, where transitions begin and end: ECharts would let them end inside a box."""
    (x, y), (right, down) = _centre(name), _SIDES[side]
    place = {"x": x + right * _WIDTH, "y": y + down * _HEIGHT}
    return {"name": f"{name} {side}", **place, "symbolSize": 0.1, "label": {"show": False}}


def _centre(name: str) -> tuple[int, int]:
    column, row = places()[name]
    return column * _COLUMN, row * _ROW


def _link(edge: Edge, found: Mapping[str, str]) -> dict[str, Any]:
    """A transition; one of failure is dashed, and plain to see only where it was taken."""
    source, target = places()[edge.source][0], places()[edge.target][0]
    out, into = ("bottom", "top") if source == target else ("right", "left")
    style: dict[str, Any] = {"color": NEUTRAL, "width": 2, "opacity": 1, "curveness": 0}
    if edge.is_failure:
        taken = found[edge.source] in _FAILED
        style |= {"type": "dashed", "color": FAILED_MARK if taken else NEUTRAL}
        style |= {"width": 2.5 if taken else 1, "opacity": 1 if taken else 0.35}
    return {"source": f"{edge.source} {out}", "target": f"{edge.target} {into}", "lineStyle": style}


_FAILED = frozenset({"FAILED", "ERROR", "TIMEOUT", "TIMED_OUT", "EXPIRED"})


def told(run: Run, medians: Mapping[str, float]) -> pd.DataFrame:
    """The graph as a table: a row a step, with where it leads to."""
    after = {
        name: [title(e.target) for e in edges() if e.source == name and not e.is_failure] for name in steps()
    }
    fails = {
        name: [title(e.target) for e in edges() if e.source == name and e.is_failure] for name in steps()
    }
    return pd.DataFrame(
        [
            {
                "Step": title(name),
                "State": words(state),
                "Time": ", ".join(part for part in timing(name, run, medians) if part),
                "Then": ", ".join(after[name]) or "the end",
                "If it fails": ", ".join(fails[name]) or "the end",
            }
            for name, state in states(run).items()
        ]
    )


def draw(run: Run, medians: Mapping[str, float], choose: Callable[[str], None]) -> None:
    """The graph and, below it, the same as a table; `choose` is told the job whose step was picked in either."""
    width, height = size()
    with st.container(key="graph"):
        st.html(
            f"<style>.st-key-graph {{overflow-x: auto}} .st-key-state-graph {{min-width: {width}px}}</style>"
        )
        st.echarts_chart(
            option(run, medians),
            key="state-graph",
            width=width,
            height=height,
            renderer="svg",
            theme=None,
            on_select=lambda: _picked(_node_picked(), choose),
            alt="; ".join(f"{title(name)}: {words(state)}" for name, state in states(run).items()),
        )
    with st.expander("The graph as a table", icon=":material/table:"):
        st.caption("Choose a row, or a step of the graph, to see the log of its latest attempt.")
        st.dataframe(
            told(run, medians),
            key="state-table",
            hide_index=True,
            width="stretch",
            height="content",
            selection_mode="single-row",
            on_select=lambda: _picked(st.session_state["state-table"]["selection"]["rows"], choose),
        )


def _node_picked() -> list[int]:
    groups = st.session_state["state-graph"]["selection"]["selected"]
    return [index for group in groups if group["data_type"] != "edge" for index in group["data_indices"]]


def _picked(indices: list[int], choose: Callable[[str], None]) -> None:
    for index in indices[:1]:
        if index < len(steps()):
            choose(steps()[index])
