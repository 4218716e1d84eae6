"""What went wrong with a run, in plain words, and the button for what comes next."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

from portal.runs import failures
from portal.runs import service as runs
from portal.runs.failures import Failure
from portal.runs.service import Run
from portal.ui import cache, session

NEXT = {
    "go_on": "Fix the cause if needed, then resume.",
    "run_again": "Start a new run with other settings.",
    "wait": "Wait for the end of the other run, then resume.",
    "fix_data": "Look at the data first; then resume, or start a new run.",
}


def draw(run: Run) -> None:
    """What went wrong, what it touched, whether running again is safe, and the button for what comes next."""
    if not run.is_over or run.status == "SUCCEEDED":
        return
    failed = run.failed_job
    tail = cache.log_tail(failed.job_run_id, failed.log_group) if failed else []
    found = failures.explain(run, "\n".join(line for _, line in tail), cache.published())
    with st.container(border=True):
        if run.status == "ABORTED":
            st.warning(f"**{found.message}**")
            _is_safe(found)
            next_steps(run, found)
            return
        st.error(f"**{found.cause.name}.** {found.cause.words}")
        if found.batch_id:
            batch(found.batch_id)
        where = " · ".join(part for part in (found.job, found.line) if part)
        st.markdown(f"**Error message**{f' ({where})' if where else ''}")
        st.code(found.message, language=None, wrap_lines=True)
        _is_safe(found)
        st.markdown(f"**What to do.** {NEXT[found.cause.next]}")
        next_steps(run, found)
        if st.session_state.get(f"look-{run.run_id}"):
            refused(run, found)


def _is_safe(found: Failure) -> None:
    """Show what the run has written, and whether running again is safe: of a stopped run as of a failed one."""
    st.markdown(f"**Tables already written:** {', '.join(found.touched) or 'none'}.")
    st.markdown(f"**Is it safe to run again?** {found.safety}")


def batch(batch_id: str) -> None:
    """Show the batch that could not be processed; to engineers, how to leave it out or to process it again."""
    st.markdown(f"**Batch {batch_id} could not be processed.**")
    if not session.user().may("import_data"):  # who may not has no page of batches to go to
        return
    st.markdown(
        "Retire it to publish the other batches without it, or process it again when its cause is fixed."
    )
    st.code(
        f'hdp batches show {batch_id}\nhdp batches retire {batch_id} --reason "…" && hdp runs start\n'
        f"hdp batches reprocess {batch_id}",
        language=None,  # colours for a shell's words are too pale to read
    )
    st.page_link(
        "pages/data.py",
        label="Open the batch",
        icon=":material/upload:",
        query_params={"batch": batch_id},
    )


def next_steps(run: Run, found: Failure) -> None:
    """A button for each thing that can be done next, the fitting one in colour."""
    if not session.user().may("run_pipeline"):
        st.caption("Engineers can resume the run.")
        return
    left, middle, right = st.columns(3)
    fits = found.cause.next
    if left.button("Resume", type=_kind(fits in {"go_on", "wait"}), width="stretch"):
        runs.resume(session.context(), run.run_id)
        cache.forget_runs()
        st.rerun()
    again(run, middle, is_next=fits == "run_again")
    if right.button("Look at the data", type=_kind(fits == "fix_data"), width="stretch"):
        if not found.looks_at:  # no job has read a row: what is amiss is with the batches themselves
            st.switch_page("pages/data.py")
        st.session_state[f"look-{run.run_id}"] = True


def _kind(is_next: bool) -> Literal["primary", "secondary"]:
    return "primary" if is_next else "secondary"


def again(run: Run, place: st.delta_generator.DeltaGenerator, *, is_next: bool = False) -> None:
    if place.button("Rerun", type=_kind(is_next), width="stretch", key="again"):
        st.switch_page("pages/runs.py", query_params={"like": run.run_id})


def refused(run: Run, found: Failure) -> None:
    """The rows that this run has refused, of the tables that its failed job builds on."""
    st.markdown("**Rows that this run refused**")
    table = st.segmented_control("Table", found.looks_at, default=found.looks_at[0], key="refused-table")
    rows = cache.refused_rows(run, table) if table else pd.DataFrame()
    if len(rows):
        st.dataframe(rows, hide_index=True, width="stretch", height=min(400, 38 + 35 * len(rows)))
        st.caption(f"{len(rows):,} rows as received, masked (at most 200 are shown).")
    else:
        st.info(
            f"This run has refused no row of {table}: look for the cause in the batch's files and their columns."
        )
    st.page_link("pages/data.py", label="See the batches", icon=":material/upload:")
