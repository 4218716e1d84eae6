"""Every change of the graph that a browser draws, held against the history that the APIs tell.

Nothing of the portal's own reading of a run is used here but the words that it has for steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from pipeline.jobs import jobs
from portal.ui.runs import graph

LATE = timedelta(seconds=15)
"""A look is kept for two seconds and asked for every two; the rest is a busy machine's."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Shown = tuple[datetime, Mapping[str, str]]
"""When a browser drew what: the state of each step."""


@dataclass(frozen=True)
class Span:
    """From `begin` on a step was in a state, which a page may call by any of `words`."""

    begin: datetime
    words: tuple[str, ...]


NOT_STARTED = Span(LONG_AGO, ("Not started",))
_ENDS = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "STOPPED": "Stopped", "TIMEOUT": "Timed out"}

_BROKEN = {"TaskFailed", "TaskTimedOut", "LambdaFunctionFailed", "LambdaFunctionTimedOut"}

_RECORD = """(() => {
    let before = ''
    const look = () => {
        const graph = document.querySelector('.st-key-state-graph')
        const lines = [...(graph?.querySelectorAll('svg text') ?? [])].map(text => text.textContent)
        if (lines.length && lines.join() !== before) {
            before = lines.join()
            window.graphDrawn(Date.now(), lines)
        }
    }
    new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true})
})()"""


def record(page):
    """Have the page tell of every change of its graph from its next load on.

    Gives the list that they come to.
    """
    seen: list[Shown] = []
    page.expose_function("graphDrawn", lambda at, lines: seen.append((_moment(at), states(lines))))
    page.add_init_script(_RECORD)
    return seen


def _moment(milliseconds):
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def states(lines: Sequence[str]) -> dict[str, str]:
    """The state of each step, from the lines of text of the drawn graph.

    A step's title, then its state and time.
    """
    titles = {graph.title(name): name for name in graph.steps()}
    pairs = pairwise(lines)
    return {titles[line]: _word(below) for line, below in pairs if line in titles}


def _word(line: str) -> str:
    """`▶ Running · 3 s` is Running."""
    return line.partition(" · ")[0].lstrip("✓✕▶…■ ")


def history(portal, run_id, execution):
    """Return the states of all steps with their start times, from the execution and all job runs."""
    told = {job.name: _of_job(portal, job.name, run_id) for job in jobs()}
    return told | _of_steps(portal, execution)


def _of_job(portal, name, run_id):
    found = portal.client("glue").get_job_runs(JobName=portal.lake.job(name))["JobRuns"]
    mine = [run for run in found if run["Arguments"].get("--run_id") == run_id]
    spans = [NOT_STARTED]
    for run in sorted(mine, key=lambda run: run["StartedOn"]):
        spans.append(Span(run["StartedOn"], ("Starting", "Waiting", "Running", "Stopping")))
        spans.append(Span(run["CompletedOn"], (_ENDS[run["JobRunState"]],)))
    return spans


def _of_steps(portal, execution):
    """Of the steps that are no job's."""
    pages = portal.client("stepfunctions").get_paginator("get_execution_history")
    events = [e for page in pages.paginate(executionArn=execution) for e in page["events"]]
    spans = {name: [NOT_STARTED] for name in graph.steps() if name not in {job.name for job in jobs()}}
    broken = False
    for event in events:
        entered = event.get("stateEnteredEventDetails", {}).get("name")
        left = event.get("stateExitedEventDetails", {}).get("name")
        if entered in spans:
            spans[entered].append(Span(event["timestamp"], ("Running",)))
        if event["type"] in _BROKEN:
            broken = True
        if left in spans:  # a step whose error is caught is left too
            spans[left].append(Span(event["timestamp"], ("Failed" if broken else "Succeeded",)))
        if left:
            broken = False
    return spans


def disagreements(shown: Sequence[Shown], told: Mapping[str, Sequence[Span]]) -> list[str]:
    """Where what was shown is not what was: of each step, in the order of time.

    Every state shown had begun by then and was over for `LATE` at most; none goes back before one that was
    shown already; none that lasted longer than that was left out; the last one is the last of the history.
    """
    return [
        f"{step}: {problem}"
        for step, spans in told.items()
        for problem in _of_step([(at, states[step]) for at, states in shown], spans)
    ]


def _of_step(shown: Sequence[tuple[datetime, str]], spans: Sequence[Span]) -> list[str]:
    ends = [span.begin for span in spans[1:]] + [datetime.max.replace(tzinfo=UTC)]
    found, here, seen = [], 0, set()
    for at, word in shown:
        fits = [
            n
            for n in range(here, len(spans))
            if word in spans[n].words and spans[n].begin <= at <= _later(ends[n])
        ]
        if not fits:
            found.append(f"'{word}' was shown at {at:%H:%M:%S.%f}, when it was not so")
            continue
        here = fits[0]
        seen.add(here)
    if shown and shown[-1][1] not in spans[-1].words:
        found.append(f"ends as '{shown[-1][1]}' instead of {spans[-1].words}")
    first, last = shown[0][0], shown[-1][0]
    for n, span in enumerate(spans):
        if min(ends[n], last) - max(span.begin, first) > LATE and n not in seen:
            found.append(f"{span.words} was never shown")
    return found


def _later(end: datetime) -> datetime:
    return end if end.year == datetime.max.year else end + LATE
