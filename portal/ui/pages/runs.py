"""Start a run, find one among many, hold two against each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from pipeline.run_input import schema
from portal.core.errors import ServiceError
from portal.runs import failures
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.history import Found
from portal.runs.service import Run
from portal.ui import cache, session
from portal.ui import formats as times
from portal.ui.theme import words

PAGE = 50
STATES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
GIVEN = ("run_id", "started_by")
"""Parts of the input that are not the person's to choose."""

person = session.user()
st.title("Runs")


# launch: one form from the schema that the pipeline checks its input by


def fields() -> dict[str, dict[str, Any]]:
    return {name: part for name, part in schema()["properties"].items() if name not in GIVEN}


def defaults() -> dict[str, Any]:
    return {name: part["default"] for name, part in fields().items()}


def presets(every: list[str]) -> dict[str, dict[str, Any]]:
    """Settings by the name that people know them under."""
    found = {
        "New batches": defaults(),
        "Reprocess all batches": {**defaults(), "batch_ids": every},
        "New batches, manual publish": {**defaults(), "auto_publish": False},
    }
    if like := st.query_params.get("like"):
        run = runs.get(session.context(), like, details=False)
        same = {"batch_ids": [b for b in run.batch_ids if b in every], "auto_publish": run.auto_publish}
        found = {f"As {like}": {**defaults(), **same}, **found}
    return found


def apply(chosen: dict[str, Any]) -> None:
    for name, value in chosen.items():
        st.session_state[f"launch-{name}"] = value


def in_url() -> dict[str, Any]:
    """The choices that the URL holds, so that a reload keeps them."""
    told = {name: st.query_params.get_all(name) for name in fields()}
    read = {"boolean": lambda values: values[0] == "true", "array": list}
    return {name: read[fields()[name]["type"]](values) for name, values in told.items() if values}


def keep_in_url(wanted: dict[str, Any], usual: dict[str, Any]) -> None:
    for name, value in wanted.items():
        if value == usual[name]:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = str(value).lower() if isinstance(value, bool) else value


def launch() -> None:
    if not person.may("run_pipeline"):
        return
    like = st.query_params.get("like")
    is_open = st.session_state.setdefault("launch-open", bool(like or in_url()))
    with st.expander("Start a run", icon=":material/play_arrow:", expanded=is_open):
        every = [state.batch.batch_id for state in cache.batch_states() if not state.retirement]
        known = presets(every)
        usual = next(iter(known.values()))
        is_new = any(f"launch-{name}" not in st.session_state for name in fields())
        if is_new or st.session_state.get("launch-like") != like:
            st.session_state["launch-like"] = like
            apply({**usual, **in_url()})
        st.caption("Presets")
        with st.container(horizontal=True):
            for name, chosen in known.items():
                st.button(name, on_click=apply, args=(chosen,), width="stretch")
        wanted = {name: field(name, part, every) for name, part in fields().items()}
        keep_in_url(wanted, usual)
        told = run_history.estimate(cache.history())
        st.caption(
            f"The last {told.of} runs took {times.duration(told.fastest)} to {times.duration(told.slowest)} "
            f"(median {times.duration(told.seconds)}) and cost ${told.dollars:,.2f} in AWS."
            if told
            else "There is no previous run to estimate time and cost by."
        )
        start(wanted)


def field(name: str, part: dict[str, Any], every: list[str]) -> Any:
    """The widget for a part of the schema."""
    key = f"launch-{name}"
    if part["type"] == "boolean":
        return st.checkbox(part["title"], key=key, help=part["description"])
    st.session_state[key] = [value for value in st.session_state[key] if value in every]
    return st.multiselect(
        part["title"], every, key=key, help=part["description"], placeholder="All batches not yet published"
    )  # fmt: skip


def start(wanted: dict[str, Any]) -> None:
    busy = next((run for run in cache.recent_runs() if not run.is_over), None)
    if busy:
        st.warning(
            f"Run {busy.run_id} has been writing since {times.when(busy.started_at)}: one run writes at a time."
        )
        st.page_link(
            "pages/run.py",
            label="View live",
            icon=":material/visibility:",
            query_params={"run": busy.run_id},
        )
    if "next_run_id" not in st.session_state:
        st.session_state["next_run_id"] = runs.new_run_id()
    run_id = st.session_state["next_run_id"]
    # the button is that of this one run: a second click on it is the same run, or comes from a button that is gone
    if st.button("Start", type="primary", disabled=busy is not None, key=f"start-{run_id}"):
        run = runs.start(session.context(), run_id=run_id, **wanted)
        del st.session_state["next_run_id"]
        cache.forget_runs()
        st.switch_page("pages/run.py", query_params={"run": run.run_id})


# the list


def table(found: list[Run]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Run": run.run_id,
                "State": words(run.status),
                "Started": pd.Timestamp(run.started_at),
                "Duration": times.duration(run.seconds),
                "Attempt": run.attempt,
                "DPU hours": round(run_history.cost(run)[0], 3) if run.jobs else None,
                "Cost (US $)": round(run_history.cost(run)[1], 2) if run.jobs else None,
                "Error": failures.message(run),
            }
            for run in found
        ]
    )


def number_in_url(name: str, default: int) -> int:
    told = st.query_params.get(name, "")
    return max(default, int(told)) if told.isdecimal() else default


def filters() -> tuple[list[str], str]:
    """The states and the words that are looked for; the URL has them."""
    left, right = st.columns([2, 1])
    named = [s for s in st.query_params.get_all("state") if s in STATES]
    chosen = left.pills(
        "State", STATES, selection_mode="multi", default=named, format_func=words, key="runs-state"
    )
    text = right.text_input("Search runs and errors", st.query_params.get("text", ""), key="runs-text")
    st.query_params["state"] = chosen
    if text:
        st.query_params["text"] = text
    else:
        st.query_params.pop("text", None)
    return chosen, text


def listing() -> None:
    """The newest runs that fit, with ways to more of them and further back."""
    statuses, text = filters()
    shown, depth = number_in_url("shown", PAGE), number_in_url("depth", 1)
    found = cache.search(tuple(statuses), text, shown, depth)
    if found.runs:
        selectable(found.runs)
    elif found.is_all and not statuses and not text:
        st.info("No run yet. Start one above; without a batch, make or import data first.")
        return
    else:
        st.info(f"None of the {found.looked_at:,} runs looked at fits these filters.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(reach(found))
        if not found.is_all and len(found.runs) == shown and st.button("Show older runs"):
            st.query_params["shown"] = str(shown + 4 * PAGE)
            st.rerun()
        if not found.is_all and len(found.runs) < shown and st.button("Look further back"):
            st.query_params["depth"] = str(depth + 1)
            st.rerun()


def reach(found: Found) -> str:
    """How far back was looked, in words."""
    if found.is_all:
        told = f"{len(found.runs):,} of all {found.looked_at:,} runs."
    else:
        told = f"{len(found.runs):,} of the newest {found.looked_at:,} runs; there are older ones."
    return f"{told} Select two runs to compare." if len(found.runs) > 1 else told


def selectable(found: list[Run]) -> None:
    """The table; two chosen rows are compared, one can be opened."""
    frame = table(found)
    key = f"runs-table-{st.session_state.setdefault('runs-turn', 0)}"
    names = [run.run_id for run in found]
    picked = st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=min(560, 38 + 35 * len(frame)),
        on_select=lambda: compare_chosen(key, names),
        selection_mode="multi-row",
        key=key,
        column_config={
            "Run": st.column_config.TextColumn(width="medium", pinned=True),
            "Started": times.time_column("YYYY-MM-DD HH:mm"),
            "DPU hours": st.column_config.NumberColumn(help=f"Known of the newest {run_history.JOB_RUNS:,} runs"),
            "Error": st.column_config.TextColumn(width="large"),
        },
    )["selection"]["rows"]  # fmt: skip
    chosen = [names[n] for n in picked if n < len(names)]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    opened = left.selectbox("Open a run", names, index=names.index(chosen[0]) if chosen else 0)
    right.button("Open", type="primary", width="stretch", on_click=turn_to, args=(opened,))
    if "turn-to" in st.session_state:
        st.switch_page("pages/run.py", query_params={"run": st.session_state.pop("turn-to")})


def turn_to(run_id: str) -> None:
    """At the click: the run that stood there then, whatever the list has become since."""
    st.session_state["turn-to"] = run_id


def compare_chosen(key: str, names: list[str]) -> None:
    """Put the two chosen runs into the URL; only a change of the choice does so, or a comparison could not be closed."""
    rows = [n for n in st.session_state[key]["selection"]["rows"] if n < len(names)]
    if len(rows) == 2:
        st.query_params["compare"] = [names[n] for n in rows]


# two runs side by side


def comparison() -> None:
    named = st.query_params.get_all("compare")
    if len(named) != 2 or named[0] == named[1]:
        return
    first, second = (cache.run(name) for name in named)
    st.markdown(f"#### A {named[0]} against B {named[1]}")
    with st.container(horizontal=True):
        if st.button("Swap"):
            st.query_params["compare"] = named[::-1]
            st.rerun()
        if st.button("Close the comparison"):
            st.query_params.pop("compare", None)
            st.session_state["runs-turn"] = (
                st.session_state.get("runs-turn", 0) + 1
            )  # the table's choice goes with it
            st.rerun()
    made = run_history.compare(session.context(), first, second)
    times, rows, rules = (lettered(frame, named) for frame in (made.times, made.rows, made.rules))
    left, right = st.columns(2)
    left.markdown("**Seconds by job**")
    left.dataframe(times, hide_index=True, width="stretch", height="content")
    right.markdown("**Rows**")
    right.dataframe(
        rows, hide_index=True, width="stretch", height="content", column_config=session.numbers(rows)
    )
    st.markdown("**Rules with different results**")
    if rules.empty:
        st.caption("Every rule has the same result in both runs.")
    else:
        st.dataframe(rules, hide_index=True, width="stretch")


def lettered(frame: pd.DataFrame, named: list[str]) -> pd.DataFrame:
    """`frame` with columns of runs headed A and B: their names are too long for heads."""
    first, second = named
    heads = {"table_name": "Table", "rule_id": "Rule"}
    return frame.rename(
        columns=lambda name: (
            heads.get(name, name.replace(second, "B").replace(first, "A").capitalize())
            if name not in named
            else "AB"[named.index(name)]
        )
    )


for part in (launch, listing, comparison):
    try:
        part()
    except ServiceError as error:
        session.show_error(error)
