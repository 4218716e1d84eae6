"""Form to start a run, generated from the JSON schema of the run's input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pipeline.run_input import schema
from portal.batches.lifecycle import BatchState
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.history import Estimate
from portal.ui import cache, formats, names, session

NOT_IN_FORM = ("run_id", "started_by")
"""Properties of the run input that the user does not set."""


def fields() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each setting, by name."""
    return {name: part for name, part in schema()["properties"].items() if name not in NOT_IN_FORM}


def defaults() -> dict[str, Any]:
    return {name: part["default"] for name, part in fields().items()}


def presets(every: list[str]) -> dict[str, dict[str, Any]]:
    """Return the settings of each preset, by label.

    If the URL names a run, the first preset has the settings of that run.
    """
    found = {
        "New batches": defaults(),
        "Reprocess all batches": {**defaults(), "batch_ids": every},
        "New batches, manual publish": {**defaults(), "auto_publish": False},
    }
    if like := st.query_params.get("like"):
        run = runs.get(session.context(), like, details=False)
        same = {"batch_ids": [b for b in run.batch_ids if b in every], "auto_publish": run.auto_publish}
        found = {f"As {names.run(like)}": {**defaults(), **same}, **found}
    return found


def apply(chosen: dict[str, Any]) -> None:
    """Set the widgets of the form to these settings."""
    for name, value in chosen.items():
        st.session_state[f"launch-{name}"] = value


def in_url() -> dict[str, Any]:
    """Return the settings in the URL."""
    given = {name: st.query_params.get_all(name) for name in fields()}
    read = {"boolean": lambda values: values[0] == "true", "array": list}
    return {name: read[fields()[name]["type"]](values) for name, values in given.items() if values}


def write_url(wanted: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Write the settings that differ from their defaults to the URL."""
    for name, value in wanted.items():
        if value == defaults[name]:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value).lower() if isinstance(value, bool) else value


def draw() -> None:
    """Draw the form to start a run, for roles that may start runs."""
    if not session.user().may("run_pipeline"):
        return
    like = st.query_params.get("like")
    is_open = st.session_state.setdefault("launch-open", bool(like or in_url()))
    with st.expander("Start a run", icon=":material/play_arrow:", expanded=is_open):
        states = {state.batch.batch_id: state for state in cache.batch_states() if not state.retirement}
        every = list(states)
        known = presets(every)
        first = next(iter(known.values()))
        is_new = any(f"launch-{name}" not in st.session_state for name in fields())
        if is_new or st.session_state.get("launch-like") != like:
            st.session_state["launch-like"] = like
            apply({**first, **in_url()})
        st.caption("Presets")
        with st.container(horizontal=True):
            for name, chosen in known.items():
                st.button(name, on_click=apply, args=(chosen,), width="stretch")
        wanted = {name: field(name, part, states) for name, part in fields().items()}
        backfill(states)
        write_url(wanted, first)
        st.caption(expected(run_history.estimate(cache.history())))
        start(wanted)


def expected(past: Estimate | None) -> str:
    """Return what a run is expected to take and, where runs cost money, to cost."""
    if past is None:
        return "The duration cannot be estimated: no recent run succeeded at the first attempt."
    cost = f" and cost ${past.dollars:,.2f}" if session.process_context().settings.is_billed else ""
    if past.run_count == 1:
        return f"The last successful run took {formats.duration(past.seconds)}{cost}."
    return (
        f"The last {past.run_count} successful runs took {formats.duration(past.fastest)} to "
        f"{formats.duration(past.slowest)} (median {formats.duration(past.seconds)}{cost})."
    )


def backfill(states: Mapping[str, BatchState]) -> None:
    """Draw a period and a button that selects the batches received in it, to process them again."""
    with st.popover("Select batches by period", icon=":material/date_range:"):
        received = {name: formats.local_day(each.batch.received_at) for name, each in states.items()}
        if not received:
            st.caption("There is no batch yet.")
            return
        first, last = min(received.values()), max(received.values())
        period = st.date_input("Received", (first, last), first, last, format="YYYY-MM-DD")
        if not isinstance(period, tuple) or len(period) != 2:
            st.caption("Select the last day.")
            return
        found = [name for name, day in received.items() if period[0] <= day <= period[1]]
        st.button(
            f"Select {len(found):,} batch{'es' if len(found) != 1 else ''}",
            on_click=lambda: st.session_state.update({"launch-batch_ids": found}),
        )


def field(name: str, part: dict[str, Any], states: Mapping[str, BatchState]) -> Any:
    """Draw the widget of a setting, whose schema is `part`, and return the value of the widget."""
    key = f"launch-{name}"
    if part["type"] == "boolean":
        return st.checkbox(part["title"], key=key, help=part["description"])
    st.session_state[key] = [value for value in st.session_state[key] if value in states]
    return st.multiselect(
        part["title"],
        list(states),
        key=key,
        format_func=lambda batch_id: names.batch_state(states[batch_id]),
        help=part["description"],
        placeholder="All batches not yet published",
    )


def start(wanted: dict[str, Any]) -> None:
    """Draw the button to start a run with the settings `wanted`; it is disabled while another run writes."""
    busy = next((run for run in cache.recent_runs() if not run.is_over), None)
    if busy:
        st.warning(
            f"{names.run(busy.run_id)} has been writing since {formats.when(busy.started_at)}. Only one run "
            "writes at a time."
        )
        st.page_link(
            "app_pages/run.py",
            label="View live",
            icon=":material/visibility:",
            query_params={"run": busy.run_id},
        )
    if "next_run_id" not in st.session_state:
        st.session_state["next_run_id"] = runs.new_run_id()
    run_id = st.session_state["next_run_id"]
    # the key contains the run id, so that a double click starts only one run
    if st.button("Start", type="primary", disabled=busy is not None, key=f"start-{run_id}"):
        run = runs.start(session.context(), run_id=run_id, **wanted)
        del st.session_state["next_run_id"]
        cache.forget_runs()
        st.switch_page("app_pages/run.py", query_params={"run": run.run_id})
