"""Explanation of a failed run, with buttons for the next steps."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

from portal.runs import failures
from portal.runs import service as runs
from portal.runs.failures import Failure
from portal.runs.model import Run
from portal.ui import cache, names, session

NEXT = {
    "resume": "Fix the cause if needed, then resume.",
    "new_run": "Start a new run with other settings.",
    "wait": "Wait for the end of the other run, then resume.",
    "fix_data": "Check the data first. Then resume, or start a new run.",
}


def draw(run: Run) -> None:
    """Draw why a run failed or was stopped, the tables written and the next steps; else draw nothing."""
    if not run.is_over or run.status == "SUCCEEDED":
        return
    failed = run.failed_job
    tail = cache.log_tail(failed.job_run_id, failed.log_group) if failed else []
    found = failures.explain(run, "\n".join(line for _, line in tail), cache.published())
    with st.container(border=True):
        if run.status == "ABORTED":
            st.warning(f"**{found.message}**")
            _safety(found)
            next_steps(run, found)
            return
        st.error(f"**{found.cause.name}.** {found.cause.explanation}")
        if found.batch_id:
            batch(found.batch_id)
        where = " · ".join(part for part in (found.job, found.line) if part)
        st.markdown(f"**Error message**{f' ({where})' if where else ''}")
        st.code(found.message, language=None, wrap_lines=True)
        _safety(found)
        st.markdown(f"**What to do.** {NEXT[found.cause.next]}")
        next_steps(run, found)
        if st.session_state.get(f"look-{run.run_id}"):
            quarantined(run, found)


def _safety(found: Failure) -> None:
    """Draw the tables already written, and whether it is safe to run again."""
    st.markdown(f"**Tables already written:** {', '.join(found.tables_written) or 'none'}.")
    st.markdown(f"**Is it safe to run again?** {found.safety}")


def batch(batch_id: str) -> None:
    """Draw the batch that could not be processed and, for engineers, how to retire or reprocess it."""
    st.markdown(f"**{names.batch(batch_id)} could not be processed.**")
    if not session.user().may("import_data"):  # other roles cannot open the Data page
        return
    st.markdown("Retire it to publish the other batches, or reprocess it after the cause is fixed.")
    st.code(
        f'hdp batches show {batch_id}\nhdp batches retire {batch_id} --reason "…" && hdp runs start\n'
        f"hdp batches reprocess {batch_id}",
        language=None,  # the colors of shell syntax have too little contrast
    )
    st.page_link(
        "app_pages/data.py",
        label="Open the batch",
        icon=":material/upload:",
        query_params={"batch": batch_id},
    )


def next_steps(run: Run, found: Failure) -> None:
    """Draw buttons for the next steps, with the recommended one highlighted.

    Roles other than engineer get a caption instead.
    """
    if not session.user().may("run_pipeline"):
        st.caption("Engineers can resume the run.")
        return
    left, middle, right = st.columns(3)
    best = found.cause.next
    if left.button("Resume", type=_kind(best in {"resume", "wait"}), width="stretch"):
        runs.resume(session.context(), run.run_id)
        cache.forget_runs()
        st.rerun()
    rerun_button(run, middle, is_next=best == "new_run")
    if right.button("Check the data", type=_kind(best == "fix_data"), width="stretch"):
        if not found.source_tables:  # no job has read a row, so check the batches themselves
            st.switch_page("app_pages/data.py")
        st.session_state[f"look-{run.run_id}"] = True


def _kind(is_next: bool) -> Literal["primary", "secondary"]:
    return "primary" if is_next else "secondary"


def rerun_button(run: Run, column: st.delta_generator.DeltaGenerator, *, is_next: bool = False) -> None:
    """Draw a button that opens the start form with the settings of a run."""
    if column.button("Rerun", type=_kind(is_next), width="stretch", key="rerun"):
        st.switch_page("app_pages/runs.py", query_params={"like": run.run_id})


def quarantined(run: Run, found: Failure) -> None:
    """Draw a choice of the tables that the failed job reads, and the quarantined rows of the chosen one."""
    st.markdown("**Quarantined rows**")
    table = st.segmented_control(
        "Table", found.source_tables, default=found.source_tables[0], key="quarantined-table"
    )
    rows = cache.quarantined_rows(run, table) if table else pd.DataFrame()
    if len(rows):
        st.dataframe(rows, hide_index=True, width="stretch", height=min(400, 38 + 35 * len(rows)))
        st.caption(f"{len(rows):,} rows as received, masked (at most 200 are shown).")
    else:
        st.info(f"This run quarantined no rows of {table}. Check the files of the batch and their columns.")
    st.page_link("app_pages/data.py", label="Show the batches", icon=":material/upload:")
