"""Page Runs: start a run, search runs, compare two runs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from portal.core.errors import ServiceError
from portal.core.vocabulary import state_label
from portal.runs import failures
from portal.runs import history as run_history
from portal.runs.history import Found
from portal.runs.model import Run
from portal.ui import cache, names, session
from portal.ui import formats as times
from portal.ui.runs import start_form

PAGE = 50
STATES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
st.title("Runs")


# the list


def table(found: list[Run]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Run": names.run(run.run_id),
                "State": state_label(run.status),
                "Started": pd.Timestamp(run.started_at),
                "Duration": times.duration(run.seconds),
                "Attempt": run.attempt,
                "DPU hours": round(run.dpu_hours, 3) if run.jobs else None,
                "Cost (US $)": round(run.cost_dollars, 2) if run.jobs else None,
                "Error": failures.error_message(run),
            }
            for run in found
        ]
    )


def number_in_url(name: str, default: int) -> int:
    """Return the query parameter `name` as a number, or `default` if it is missing, invalid or smaller."""
    text = st.query_params.get(name, "")
    return max(default, int(text)) if text.isdecimal() else default


def filters() -> tuple[list[str], str]:
    """Draw the filters by state and text, which the URL stores; return their values."""
    left, right = st.columns([2, 1])
    named = [s for s in st.query_params.get_all("state") if s in STATES]
    chosen = left.pills(
        "State", STATES, selection_mode="multi", default=named, format_func=state_label, key="runs-state"
    )
    text = right.text_input("Search runs and errors", st.query_params.get("text", ""), key="runs-text")
    st.query_params["state"] = chosen
    if text:
        st.query_params["text"] = text
    else:
        st.query_params.pop("text", None)
    return chosen, text


def listing() -> None:
    """Draw the newest matching runs, with buttons to show more or to search older runs."""
    statuses, text = filters()
    shown, depth = number_in_url("shown", PAGE), number_in_url("depth", 1)
    found = cache.search(tuple(statuses), text, shown, depth)
    if found.runs:
        selectable(found.runs)
    elif found.is_all and not statuses and not text:
        st.info("No runs yet. Start one above, after generating or importing data.")
        return
    else:
        st.info(f"None of the {found.searched:,} runs searched match these filters.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(reach(found))
        if not found.is_all and len(found.runs) == shown and st.button("Show older runs"):
            st.query_params["shown"] = str(shown + 4 * PAGE)
            st.rerun()
        if not found.is_all and len(found.runs) < shown and st.button("Search older runs"):
            st.query_params["depth"] = str(depth + 1)
            st.rerun()


def reach(found: Found) -> str:
    """Return a caption with the number of runs found and searched."""
    if found.is_all:
        text = f"{len(found.runs):,} of all {found.searched:,} runs."
    else:
        text = f"{len(found.runs):,} of the newest {found.searched:,} runs; there are older ones."
    return f"{text} Select two runs to compare." if len(found.runs) > 1 else text


def selectable(found: list[Run]) -> None:
    """Draw the table of runs, and a selection to open one; selecting two rows compares these runs."""
    frame = table(found)
    key = f"runs-table-{st.session_state.setdefault('runs-turn', 0)}"
    run_ids = [run.run_id for run in found]
    picked = st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=min(560, 38 + 35 * len(frame)),
        on_select=lambda: compare_chosen(key, run_ids),
        selection_mode="multi-row",
        key=key,
        column_config={
            "Run": st.column_config.TextColumn(width="medium", pinned=True),
            "Started": times.time_column("YYYY-MM-DD HH:mm"),
            "DPU hours": st.column_config.NumberColumn(
                help=f"Known for the newest {run_history.MOST_WITH_COST:,} runs"
            ),
            "Error": st.column_config.TextColumn(width="large"),
        },
    )["selection"]["rows"]
    chosen = [run_ids[n] for n in picked if n < len(run_ids)]
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    opened = left.selectbox(
        "Open a run", run_ids, format_func=names.run, index=run_ids.index(chosen[0]) if chosen else 0
    )
    right.button("Open", type="primary", width="stretch", on_click=open_run, args=(opened,))
    if "open-run" in st.session_state:
        st.switch_page("app_pages/run.py", query_params={"run": st.session_state.pop("open-run")})


def open_run(run_id: str) -> None:
    """Store the run to open, because the list may change before the page is drawn again."""
    st.session_state["open-run"] = run_id


def compare_chosen(key: str, names: list[str]) -> None:
    """Write the selected runs to the URL if there are two.

    Streamlit calls this only when the selection changes, so that a comparison can be closed while its runs
    are still selected.
    """
    rows = [n for n in st.session_state[key]["selection"]["rows"] if n < len(names)]
    if len(rows) == 2:
        st.query_params["compare"] = [names[n] for n in rows]


# two runs side by side


def comparison() -> None:
    named = st.query_params.get_all("compare")
    if len(named) != 2 or named[0] == named[1]:
        return
    first, second = (cache.run(name) for name in named)
    st.markdown(f"#### {names.run(named[0])} (A) against {names.run(named[1])} (B)")
    with st.container(horizontal=True):
        if st.button("Swap"):
            st.query_params["compare"] = named[::-1]
            st.rerun()
        if st.button("Close the comparison"):
            st.query_params.pop("compare", None)
            # a new key clears the selection of the table
            st.session_state["runs-turn"] = st.session_state.get("runs-turn", 0) + 1
            st.rerun()
    compared = run_history.compare(session.context(), first, second)
    times, rows, rules = (lettered(frame, named) for frame in (compared.times, compared.rows, compared.rules))
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
    """Return `frame` with readable column names: A and B for the runs `named`, whose ids are too long."""
    first, second = named
    heads = {"table_name": "Table", "rule_id": "Rule"}
    return frame.rename(
        columns=lambda name: (
            heads.get(name, name.replace(second, "B").replace(first, "A").capitalize())
            if name not in named
            else "AB"[named.index(name)]
        )
    )


for part in (start_form.draw, listing, comparison):
    try:
        part()
    except ServiceError as error:
        session.show_error(error)
