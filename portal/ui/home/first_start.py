"""What a page shows before the first release: the steps to it, and the first run with the time left.

The page fills by itself: it is drawn again as soon as a release is published.
"""

from __future__ import annotations

import streamlit as st

from portal.runs import progress
from portal.runs.model import Run
from portal.ui import cache, formats, names, session

_SECONDS = 3


def draw(missing: str) -> None:
    """Draw the steps to the first release; `missing` says what the page does not have yet."""
    st.info(missing)
    with st.container(border=True):
        _live()


@session.live(_SECONDS)
def _live() -> None:
    if cache.published():
        st.rerun()
    batches = len(cache.received())
    newest = next(iter(cache.recent_runs(1)), None)
    steps = [
        (
            batches > 0,
            f"Data: {batches:,} batch{'es' if batches != 1 else ''} received" if batches else "Data",
        ),
        (newest is not None and newest.status == "SUCCEEDED", "Run: tables are built and checked"),
        (False, "Release: charts are shown here by themselves"),
    ]
    first_open = next((n for n, (is_done, _) in enumerate(steps) if not is_done), 0)
    for number, (is_done, text) in enumerate(steps):
        mark = "✓" if is_done else "▶" if number == first_open else "○"
        st.markdown(f"{mark} {number + 1}. {text}")
    if newest and not newest.is_over:
        running(newest)
    else:
        _next(batches, newest)


def running(run: Run) -> None:
    """Draw how far a run is: jobs done, what is written now, and the time left."""
    if not session.user().may("watch_runs"):
        st.progress(0.0, f"{names.run(run.run_id)} has been running for {formats.duration(run.seconds)}.")
        return
    current = cache.run(run.run_id)
    found = progress.of(current, cache.medians(but=run.run_id))
    left = "" if found.seconds_left is None else f", about {formats.duration(found.seconds_left)} left"
    now = f", now {', '.join(found.current)}" if found.current else ""
    text = f"{names.run(run.run_id)}: {found.done} of {found.total} jobs done{now}{left}"
    st.progress(found.done / found.total, text)
    st.page_link(
        "app_pages/run.py", label="View live", icon=":material/visibility:", query_params={"run": run.run_id}
    )


def _next(batches: int, newest: Run | None) -> None:
    """Draw what to do next: import data, start a run, or see why the last run did not publish."""
    person = session.user()
    if newest and person.may("watch_runs"):
        st.page_link(
            "app_pages/run.py",
            label=f"See {names.run(newest.run_id)}",
            icon=":material/account_tree:",
            query_params={"run": newest.run_id},
        )
    elif not person.may("import_data"):
        st.caption("Data appears here after an engineer imports data and starts a run.")
    elif batches:
        st.page_link("app_pages/runs.py", label="Start a run", icon=":material/play_arrow:")
    else:
        st.page_link("app_pages/data.py", label="Import or generate data", icon=":material/upload:")
