"""The state machine as a graph, coloured by the state of each step."""

from __future__ import annotations

from itertools import pairwise

from pipeline.jobs import Job, jobs, stage
from portal.components.palette import STATES, words
from portal.services.runs import Run

_STEPS = {
    "PrepareRun": "Check input, take the lock",
    "PublishRelease": "Publish or hold",
    "NotifySuccess": "Tell subscribers",
}


def dot(run: Run | None, medians: dict[str, float] | None = None) -> str:
    """Graphviz text of the whole pipeline; without a run every step is not started."""
    state = states(run)
    chain = ["PrepareRun"]
    lines = [_node(name, label, state[name]) for name, label in _STEPS.items()]
    lines += [_node(job.name, _label(job, run, medians or {}), state[job.name]) for job in jobs()]
    edges = [f'"PrepareRun" -> "{job.name}"' for job in stage("silver")]
    for name in ("dimensions", "facts", "quality"):
        lines.append(_cluster(name, [job.name for job in stage(name)]))
    lines.append(_cluster("silver", [job.name for job in stage("silver")]))
    chain = [
        *(job.name for name in ("dimensions", "facts", "quality") for job in stage(name)),
        "PublishRelease",
        "NotifySuccess",
    ]
    edges += [f'"{job.name}" -> "{chain[0]}"' for job in stage("silver")]
    edges += [_edge(a, b) for a, b in pairwise(chain)]
    style = 'rankdir=LR; bgcolor="transparent"; nodesep=0.18; ranksep=0.3; fontname="sans-serif"'
    node = 'node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=11, margin="0.12,0.06"]'
    edge = 'edge [color="#8796a1", arrowsize=0.6]'
    return "digraph pipeline {" + ";\n".join([style, node, edge, *lines, *edges]) + "}"


def states(run: Run | None) -> dict[str, str]:
    """Every step's state by its name."""
    found = dict.fromkeys((*_STEPS, *(job.name for job in jobs())), "NOT_STARTED")
    if run:
        found |= {step.name: step.state for step in run.steps if step.name in found}
        for job in jobs():
            latest = run.latest(job.name)
            if latest:
                found[job.name] = latest.state
    return found


_TITLES = {"silver": "Bronze to silver", "dimensions": "Dimensions", "facts": "Facts", "quality": "Quality"}


def _edge(first: str, second: str) -> str:
    """Steps of one stage stand in one column, the first on top: Graphviz draws those edges upwards."""
    stages = {job.name: job.stage for job in jobs()}
    if first in stages and stages[first] == stages.get(second):
        return f'"{second}" -> "{first}" [dir=back]'
    return f'"{first}" -> "{second}"'


def _cluster(name: str, members: list[str]) -> str:
    inside = "{rank=same; " + "; ".join(f'"{member}"' for member in members) + "}"
    look = 'style="rounded"; color="#c3d0d8"; fontsize=11; fontcolor="#3b4a54"'
    return f'subgraph cluster_{name} {{label="{_TITLES[name]}"; {look}; {inside}}}'


def _label(job: Job, run: Run | None, medians: dict[str, float]) -> str:
    latest = run.latest(job.name) if run else None
    if latest:
        return f"{job.table}\\n{latest.seconds:.0f} s"
    usual = medians.get(job.name)
    return f"{job.table}\\nusually {usual:.0f} s" if usual else job.table


def _node(name: str, label: str, state: str) -> str:
    _, fill, text = STATES.get(state, STATES["NOT_STARTED"])
    shown = words(state)
    return f'"{name}" [label="{label}\\n{shown}", fillcolor="{fill}", fontcolor="{text}", color="{text}", tooltip="{name}: {shown}"]'
