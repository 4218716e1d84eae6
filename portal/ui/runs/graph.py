"""The state machine as a graph of steps and transitions; each step has the color and label of its state.

Steps and transitions are those of the deployed definition (`pipeline.stepfunctions.render`); the start, wait,
check and choice states of a job are one step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.jobs import Job, Stage, jobs
from pipeline.stepfunctions.render import definition
from portal.core.vocabulary import state_label
from portal.runs.model import Run
from portal.ui import formats
from portal.ui.runs.steps import Edge, edges, steps
from portal.ui.theme import FAILED_MARK, NEUTRAL, STATE_COLORS

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


# states of the steps


def states(run: Run | None) -> dict[str, str]:
    """Return the state of each step, in the order of the definition."""
    found = dict.fromkeys(steps(), "NOT_STARTED")
    if run:
        found |= {step.name: step.state for step in run.steps if step.name in found}
        latest = {name: run.latest(name) for name in found}
        found |= {name: job.state for name, job in latest.items() if job}
    return found


def title(name: str) -> str:
    """Return the label of a step."""
    job = _job(name)
    return _TITLES.get(name, name) if job is None else "Audit" if job.stage == "quality" else job.table


def timing(name: str, run: Run | None, medians: Mapping[str, float]) -> tuple[str, str]:
    """Return two texts: the duration of a step and, until it ends, its median. Either is empty if unknown."""
    latest = run.latest(name) if run else None
    median = medians.get(name)
    is_ahead = latest is None or latest.state == "RUNNING"
    expected = f"median {formats.duration(median)}" if median and is_ahead else ""
    return formats.duration(latest.seconds) if latest else "", expected


def _job(name: str) -> Job | None:
    return next((job for job in jobs() if job.name == name), None)


# the figure


@cache
def positions() -> dict[str, tuple[int, int]]:
    """Return column and row of each step: one column per stage.

    Steps that only a failure leads to are in the last rows.
    """
    found: dict[str, tuple[int, int]] = {}
    below = _caught()
    column = 0
    stages: list[Stage] = list(_STAGES)
    for name in steps():
        job = _job(name)
        column = 1 + stages.index(job.stage) if job else column
        if name not in below:
            found[name] = (column, sum(used == column for used, _ in found.values()))
    under = 1 + sum(used == column for used, _ in found.values())
    last = max(under, *(row for _, row in found.values()))
    return found | {name: (column, last + n) for n, name in enumerate(below)}


def _caught() -> list[str]:
    """Return the steps that only a failure leads to."""
    ahead = {edge.target for edge in edges() if not edge.is_failure}
    return [name for name in steps() if name not in ahead and name != definition()["StartAt"]]


def size() -> tuple[int, int]:
    """Return width and height of the graph in pixels."""
    last_column = max(column for column, _ in positions().values())
    last_row = max(row for _, row in positions().values())
    width = last_column * _COLUMN + _WIDTH + 2 * _MARGIN
    return width, last_row * _ROW + _HEIGHT // 2 + _HEAD + 3 * _MARGIN


def option(run: Run, medians: Mapping[str, float]) -> dict[str, Any]:
    """Return the ECharts option of the graph; its first nodes are the steps in order."""
    found = states(run)
    steps_ = [_node(name, run, found[name], medians) for name in steps()]
    heads = [_head(column, label) for column, label in enumerate(["Start", *_STAGES.values()])]
    ports = [_port(name, side) for name in steps() for side in _SIDES]
    width, height = size()
    return {
        "animation": False,
        "series": [
            {
                "type": "graph",
                "layout": "none",
                # the size of the bounding box of heads and ports, so that one unit is one pixel
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
    fill, text = STATE_COLORS.get(state, STATE_COLORS["NOT_STARTED"])
    x, y = _center(name)
    taken, expected = timing(name, run, medians)
    time = f" · {taken or expected}" if taken or expected else ""
    return {
        "name": name,
        "x": x,
        "y": y,
        "itemStyle": {"color": fill, "borderColor": text, "borderWidth": 1},
        "label": {
            "formatter": f"{title(name)}\n{state_label(state)}{time}",
            "color": text,
        },
    }


def _head(column: int, text: str) -> dict[str, Any]:
    label = {"formatter": text, "color": NEUTRAL, "fontWeight": "bold", "fontSize": 13}
    return {"name": text, "x": column * _COLUMN, "y": -_HEAD, "symbolSize": 0.1, "label": label}


_SIDES = {"left": (-0.5, 0), "right": (0.5, 0), "top": (0, -0.5), "bottom": (0, 0.5)}


def _port(name: str, side: str) -> dict[str, Any]:
    """Return an invisible node in the middle of one side of a step, where transitions start and end.

    ECharts would draw transitions between the steps themselves into the boxes of the steps.
    """
    (x, y), (right, down) = _center(name), _SIDES[side]
    position = {"x": x + right * _WIDTH, "y": y + down * _HEIGHT}
    return {"name": f"{name} {side}", **position, "symbolSize": 0.1, "label": {"show": False}}


def _center(name: str) -> tuple[int, int]:
    column, row = positions()[name]
    return column * _COLUMN, row * _ROW


def _link(edge: Edge, found: Mapping[str, str]) -> dict[str, Any]:
    """Return the link of a transition.

    A transition after a failure is dashed, and almost invisible unless its source step failed.
    """
    (source, _), (target, _) = positions()[edge.source], positions()[edge.target]
    out, into = ("bottom", "top") if source == target else ("right", "left")
    style: dict[str, Any] = {"color": NEUTRAL, "width": 2, "opacity": 1, "curveness": 0}
    if edge.is_failure:
        taken = found[edge.source] in _FAILED
        style |= {"type": "dashed", "color": FAILED_MARK if taken else NEUTRAL}
        style |= {"width": 2.5 if taken else 1, "opacity": 1 if taken else 0.08}
    return {"source": f"{edge.source} {out}", "target": f"{edge.target} {into}", "lineStyle": style}


_FAILED = frozenset({"FAILED", "ERROR", "TIMEOUT", "TIMED_OUT", "EXPIRED"})


def _targets(name: str, *, is_failure: bool) -> str:
    found = [title(e.target) for e in edges() if e.source == name and e.is_failure == is_failure]
    return ", ".join(found) or "the end"


def as_table(run: Run, medians: Mapping[str, float]) -> pd.DataFrame:
    """Return the graph as a table with one row per step."""
    return pd.DataFrame(
        [
            {
                "Step": title(name),
                "State": state_label(state),
                "Time": ", ".join(part for part in timing(name, run, medians) if part),
                "Then": _targets(name, is_failure=False),
                "If it fails": _targets(name, is_failure=True),
            }
            for name, state in states(run).items()
        ]
    )


def draw(run: Run, medians: Mapping[str, float], choose: Callable[[str], None]) -> None:
    """Draw the graph and an equivalent table; call `choose` with the step selected in either."""
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
            alt="; ".join(f"{title(name)}: {state_label(state)}" for name, state in states(run).items()),
        )
    with st.expander("The graph as a table", icon=":material/table:"):
        st.caption("Select a row, or a step of the graph, to show the log of its latest attempt.")
        st.dataframe(
            as_table(run, medians),
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
