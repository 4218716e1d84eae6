"""The state machine as a graph of buttons: a column a stage, a button a step, coloured and marked by its state."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pipeline.jobs import jobs, stage
from portal.components.palette import STATES, words
from portal.services.runs import Run

_STEPS = {
    "PrepareRun": "Check the input",
    "PublishRelease": "Publish or hold",
    "NotifySuccess": "Tell subscribers",
}

_COLUMNS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Start", "", ("PrepareRun",)),
    ("Bronze to silver", "side by side", tuple(job.name for job in stage("silver"))),
    ("Dimensions", "one after another", tuple(job.name for job in stage("dimensions"))),
    ("Facts", "one after another", tuple(job.name for job in stage("facts"))),
    ("Quality and release", "one after another", (*(job.name for job in stage("quality")), "PublishRelease", "NotifySuccess")),
)  # fmt: skip


def states(run: Run | None) -> dict[str, str]:
    """Every step's state by its name, in the order of the run."""
    found = {name: "NOT_STARTED" for _, _, names in _COLUMNS for name in names}
    if run:
        found |= {step.name: step.state for step in run.steps if step.name in found}
        latest = {name: run.latest(name) for name in found}
        found |= {name: job.state for name, job in latest.items() if job}
    return found


def label(name: str, run: Run | None, medians: Mapping[str, float]) -> str:
    """What a step's button says: its name, its state, how long it took or usually takes."""
    title = _STEPS.get(name) or next(
        job.table if job.stage != "quality" else "Audit" for job in jobs() if job.name == name
    )
    latest = run.latest(name) if run else None
    state = states(run)[name]
    usual = medians.get(name)
    if latest:
        time = f"{latest.seconds:,.0f} s" + (
            f", usually {usual:,.0f} s" if usual and state == "RUNNING" else ""
        )
    else:
        time = f"usually {usual:,.0f} s" if usual else ""
    return f"**{title}**  \n{words(state)}" + (f" · {time}" if time else "")


def draw(run: Run, medians: Mapping[str, float]) -> str | None:
    """The graph; gives the job whose button was pressed."""
    found = states(run)
    st.html(_style(found))
    pressed = None
    with st.container(key="graph"):
        for column, (title, order, names) in zip(st.columns(len(_COLUMNS)), _COLUMNS, strict=True):
            with column:
                st.caption(f"**{title}**" + (f", {order}" if order else ""))
                for name in names:
                    is_job = name not in _STEPS
                    if st.button(
                        label(name, run, medians), key=f"step-{name}", width="stretch",
                        disabled=not (is_job and run.latest(name)),
                        help="Show this job's attempts and log" if is_job else None,
                    ):  # fmt: skip
                        pressed = name
    return pressed


def _style(found: Mapping[str, str]) -> str:
    """Fill and text of each button, by the state's colours."""
    rules = []
    for name, state in found.items():
        _, fill, text = STATES.get(state, STATES["NOT_STARTED"])
        rules.append(
            f".st-key-step-{name} button, .st-key-step-{name} button:disabled "
            f"{{background: {fill}; color: {text}; border-color: {text}; opacity: 1}}"
            f".st-key-step-{name} button p {{color: {text}}}"
        )
    return f"<style>.st-key-graph button {{min-height: 3.6rem}} {' '.join(rules)}</style>"
