"""Start a run, find one among many, hold two against each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.run_input import schema
from portal.components import state
from portal.components.palette import words
from portal.services import batches, failures, run_history, runs
from portal.services.aws import ServiceError
from portal.services.runs import Run

PAGE = 50
STATES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
GIVEN = ("run_id", "started_by")
"""Parts of the input that are not the person's to choose."""

person = state.user()
st.title("Runs")


# launch: one form from the schema that the pipeline checks its input by


def fields() -> dict[str, dict[str, Any]]:
    return {name: part for name, part in schema()["properties"].items() if name not in GIVEN}


def defaults() -> dict[str, Any]:
    return {name: part["default"] for name, part in fields().items()}


def presets(every: list[str]) -> dict[str, dict[str, Any]]:
    """Settings by the name that people know them under."""
    found = {
        "What is new": defaults(),
        "Everything again": {**defaults(), "batch_ids": every},
        "What is new, published by hand": {**defaults(), "auto_publish": False},
    }
    if like := st.query_params.get("like"):
        run = runs.get(state.aws(), like, details=False)
        same = {"batch_ids": [b for b in run.batch_ids if b in every], "auto_publish": run.auto_publish}
        found = {f"As {like}": {**defaults(), **same}, **found}
    return found


def apply(chosen: dict[str, Any]) -> None:
    for name, value in chosen.items():
        st.session_state[f"launch-{name}"] = value


def launch() -> None:
    if not person.may("run_pipeline"):
        return
    like = st.query_params.get("like")
    with st.expander("Start a run", icon=":material/play_arrow:", expanded=bool(like)):
        every = [batch.batch_id for batch in batches.list_batches(state.aws())]
        known = presets(every)
        if st.session_state.get("launch-like") != (like or ""):
            st.session_state["launch-like"] = like or ""
            apply(next(iter(known.values())))
        st.caption("Settings to begin with")
        for column, (name, chosen) in zip(st.columns(len(known)), known.items(), strict=True):
            column.button(name, on_click=apply, args=(chosen,), width="stretch")
        wanted = {name: field(name, part, every) for name, part in fields().items()}
        told = run_history.estimate(state.history())
        st.caption(
            f"The last {told.of} runs took {state.duration(told.fastest)} to {state.duration(told.slowest)} "
            f"(median {state.duration(told.seconds)}) and cost ${told.dollars:,.2f} in AWS."
            if told
            else "There is no former run to estimate time and cost by."
        )
        start(wanted)


def field(name: str, part: dict[str, Any], every: list[str]) -> Any:
    """The widget for a part of the schema."""
    key = f"launch-{name}"
    if part["type"] == "boolean":
        return st.checkbox(part["title"], key=key, help=part["description"])
    st.session_state[key] = [value for value in st.session_state[key] if value in every]
    return st.multiselect(
        part["title"], every, key=key, help=part["description"], placeholder="All that the published release lacks"
    )  # fmt: skip


def start(wanted: dict[str, Any]) -> None:
    busy = next((run for run in state.recent_runs() if not run.is_over), None)
    if busy:
        st.warning(
            f"Run {busy.run_id} has been writing since {state.when(busy.started_at)}: one run writes at a time."
        )
        st.page_link(
            "app_pages/run.py",
            label="Watch it",
            icon=":material/visibility:",
            query_params={"run": busy.run_id},
        )
    if "next_run_id" not in st.session_state:
        st.session_state["next_run_id"] = runs.new_run_id()
    if st.button("Start", type="primary", disabled=busy is not None):
        run = runs.start(state.aws(), run_id=st.session_state["next_run_id"], **wanted)
        del st.session_state["next_run_id"]  # until here a second click is the same run
        state.forget_runs()
        st.switch_page("app_pages/run.py", query_params={"run": run.run_id})


# the list


def table(found: list[Run]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Run": run.run_id,
                "State": words(run.status),
                "Started": pd.Timestamp(run.started_at),
                "Duration": state.duration(run.seconds),
                "Attempt": run.attempt,
                "DPU hours": round(run_history.cost(run)[0], 3),
                "Cost (US $)": round(run_history.cost(run)[1], 2),
                "Error": failures.explain(run).message if run.is_over and run.status != "SUCCEEDED" else "",
            }
            for run in found
        ]
    )


def fitting(found: list[Run]) -> list[Run]:
    """What the filters leave; the URL has them."""
    left, right = st.columns([2, 1])
    named = [s for s in st.query_params.get_all("state") if s in STATES]
    chosen = left.pills(
        "State", STATES, selection_mode="multi", default=named, format_func=words, key="runs-state"
    )
    text = right.text_input("Run or error holds", st.query_params.get("text", ""), key="runs-text")
    st.query_params["state"] = chosen
    if text:
        st.query_params["text"] = text
    else:
        st.query_params.pop("text", None)
    return [
        run
        for run in found
        if (not chosen or run.status in chosen)
        and text.lower() in f"{run.run_id} {run.error} {run.cause} {[j.error for j in run.jobs]}".lower()
    ]


def listing() -> list[Run]:
    shown = int(st.session_state.get("runs-shown", PAGE))
    found = state.history(shown)
    if not found:
        st.info("No run yet. Start one above; without a batch, make or import data first.")
        return []
    fit = fitting(found)
    if not fit:
        st.info("No run fits these filters.")
        return found
    frame = table(fit)
    picked = st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=min(560, 38 + 35 * len(frame)),
        on_select="rerun",
        selection_mode="multi-row",
        key="runs-table",
        column_config={
            "Started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone=state.zone(), help="In your time zone"),
            "Error": st.column_config.TextColumn(width="large"),
        },
    )["selection"]["rows"]  # fmt: skip
    chosen = [fit[n] for n in picked if n < len(fit)]
    left, middle, right = st.columns([2, 1, 3], vertical_alignment="bottom")
    names = [run.run_id for run in fit]
    opened = left.selectbox("Open a run", names, index=names.index(chosen[0].run_id) if chosen else 0)
    if middle.button("Open", type="primary", width="stretch"):
        st.switch_page("app_pages/run.py", query_params={"run": opened})
    right.caption(
        f"{len(fit):,} of the newest {len(found):,} runs. Choose two rows to hold them against each other."
    )
    if len(found) == shown and right.button("Show older runs"):
        st.session_state["runs-shown"] = shown + 4 * PAGE
        st.rerun()
    if len(chosen) == 2:
        st.query_params["compare"] = [run.run_id for run in chosen]
    return found


def comparison(found: list[Run]) -> None:
    named = st.query_params.get_all("compare")
    by_id = {run.run_id: run for run in found}
    if len(named) != 2 or any(name not in by_id for name in named):
        return
    st.markdown(f"#### {named[0]} against {named[1]}")
    made = run_history.compare(state.aws(), by_id[named[0]], by_id[named[1]])
    left, right = st.columns(2)
    left.markdown("**Seconds by job**")
    left.dataframe(made.times, hide_index=True, width="stretch")
    right.markdown("**Rows**")
    right.dataframe(made.rows, hide_index=True, width="stretch", column_config=state.numbers(made.rows))
    st.markdown("**Rules that say otherwise**")
    if made.rules.empty:
        st.caption("Every rule says the same of both.")
    else:
        st.dataframe(made.rules, hide_index=True, width="stretch")
    if st.button("Close the comparison"):
        st.query_params.pop("compare", None)
        st.rerun()


try:
    launch()
    comparison(listing())
except ServiceError as error:
    state.show_error(error)
