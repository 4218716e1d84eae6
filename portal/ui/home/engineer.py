"""Home of engineers: the last runs, what is running, what needs action, and the next scheduled run."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from portal.runs import schedule
from portal.ui import banner, cache, formats, session
from portal.ui.home import first_start
from portal.ui.runs import strip


def draw() -> None:
    strip.draw(cache.recent_runs(strip.RUNS))
    left, right = st.columns([3, 2])
    with left, st.container(border=True, height="stretch"):
        st.markdown("**Needs action**")
        _actions()
    with right, st.container(border=True, height="stretch"):
        st.markdown("**Running and next**")
        _now()


def _actions() -> None:
    found = cache.alerts()
    for alert in found:
        banner.show(alert)
    if not found:
        st.success("All clear: no failed, late or missed runs; no release awaiting review.")


def _now() -> None:
    run = next((run for run in cache.recent_runs(5) if not run.is_over), None)
    if run:
        first_start.running(run)
    else:
        st.caption("No run is running.")
    st.caption(next_run())
    st.page_link("app_pages/runs.py", label="Start a run", icon=":material/play_arrow:")


def next_run() -> str:
    """Return when the schedule starts the next run, or that it starts none."""
    if not session.process_context().settings.starts_by_schedule:
        return "On a laptop the schedule starts no runs."
    found = schedule.find(session.context())
    due = found.next_due(datetime.now(UTC)) if found else None
    return f"Next scheduled run: {formats.when(due)}." if due else "No run is scheduled."
