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
from portal.ui import cache, names, row_links, session
from portal.ui import formats as times
from portal.ui.releases import listing as listing_of_releases
from portal.ui.runs import comparing, run_rows, start_form, strip

PAGE = 50
STATES = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
st.title("Runs")


# the list


def table(found: list[Run]) -> pd.DataFrame:
    """Return the list as a table; what a run has read and built comes from its plan and its release."""
    rows_of = {state.batch.batch_id: sum(state.batch.rows.values()) for state in cache.batch_states()}
    published = cache.published()
    costs = session.process_context().settings.is_billed
    return pd.DataFrame([row(run, rows_of, published and published.release_id, costs) for run in found])


def row(run: Run, rows_of: dict[str, int], published: str | None, costs: bool) -> dict[str, object]:
    plan, built = run_rows.plan(run), run_rows.release(run)
    batches = plan.get("batch_ids", ())
    return {
        "Run": names.run(run.run_id),
        "State": run_rows.state(run),
        "Started": pd.Timestamp(run.started_at),
        "Duration": times.duration(run.seconds),
        "Started by": plan.get("started_by", ""),
        "Batches": len(batches) if plan else None,
        "Rows received": run_rows.received(batches, rows_of),
        "Findings": listing_of_releases.findings(built) if built else "",
        "Release": f"{names.release(run.run_id)}{' ●' if run.run_id == published else ''}" if built else "",
        "Attempt": run.attempt,
        **({"Cost (US $)": round(run.cost_dollars, 2) if run.jobs else None} if costs else {}),
        "Error": failures.error_message(run),
    }


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
        if len(found.runs) == found.searched:
            text = f"{found.searched:,} run{'s' if found.searched != 1 else ''}."
    else:
        text = f"{len(found.runs):,} of the newest {found.searched:,} runs; there are older ones."
    return f"{text} Click a run to show it; tick two to compare." if len(found.runs) > 1 else text


def selectable(found: list[Run]) -> None:
    """Draw the table of runs: a click on a row opens the run, two ticked rows are compared."""
    frame = table(found)
    key = f"runs-table-{st.session_state.setdefault('runs-turn', 0)}"
    run_ids = [run.run_id for run in found]
    opened, ticked = row_links.table(
        frame,
        run_ids,
        key,
        height=min(560, 38 + 35 * len(frame)),
        several=True,
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            "Started": times.time_column("YYYY-MM-DD HH:mm"),
            "Rows received": st.column_config.NumberColumn(format="localized"),
            "Error": st.column_config.TextColumn(width="large"),
        },
    )
    if opened:
        st.switch_page("app_pages/run.py", query_params={"run": opened})
    if len(ticked) == 2:
        st.query_params["compare"] = ticked
        st.rerun()  # the comparison is drawn above the list


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
    shown = {name: f"{letter} · {names.run(name)}" for name, letter in zip(named, "AB", strict=True)}
    comparing.draw(compared, first, second, shown)


def latest() -> None:
    """Draw the strip of the last 30 runs."""
    strip.draw(cache.recent_runs(strip.RUNS))


for part in (latest, start_form.draw, comparison, listing):
    try:
        part()
    except ServiceError as error:
        session.show_error(error)
