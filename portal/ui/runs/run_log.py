"""Log of a job run: live, with search and download."""

from __future__ import annotations

import re
from datetime import UTC

import streamlit as st

from portal.core.vocabulary import state_label
from portal.runs import job_runs
from portal.runs.job_runs import JOB_ENDED, JobRun, Line
from portal.runs.model import Run
from portal.ui import cache, exports, formats
from portal.ui.runs import run_rows

LINES = 1000
_TROUBLE = re.compile(r"error|exception|traceback|\bfail|\bwarn|critical|fatal", re.IGNORECASE)


def _key(run: Run) -> str:
    return f"log-{run.run_id}"


def select(run: Run, name: str) -> None:
    """Select the log of the latest attempt of a step; do nothing if the step has no job run."""
    if latest := run.latest(name):
        st.session_state[_key(run)] = latest.job_run_id


def _select_failed_job(run: Run) -> None:
    """Select the log of the failed job, once, so that the user can select another afterwards."""
    failed, noted = run.failed_job, f"{_key(run)}-failed"
    if failed and st.session_state.get(noted) != failed.job_run_id:
        st.session_state[noted] = st.session_state[_key(run)] = failed.job_run_id


def draw(run: Run) -> None:
    """Draw the log of the selected job run."""
    if not run.jobs:
        return
    st.markdown("#### Log")
    names = {j.job_run_id: f"{j.job}, attempt {run.attempt_of(j)}, {state_label(j.state)}" for j in run.jobs}
    ids, key = list(names), _key(run)
    if st.session_state.get(key) not in ids:
        st.session_state[key] = (run.failed_job or run.jobs[-1]).job_run_id
    _select_failed_job(run)
    left, middle, right = st.columns([6, 4, 3], vertical_alignment="bottom")
    picked = left.selectbox("Job run", ids, format_func=lambda i: names[i], key=key)
    wanted = middle.text_input("Filter", key=f"{key}-filter")
    only_trouble = right.checkbox(
        "Errors and warnings only",
        help="Lines with an error, a failure or a warning",
        key=f"{key}-trouble",
    )
    job = next(job for job in run.jobs if job.job_run_id == picked)
    if rows := run_rows.of_job(run, job):
        st.caption(rows)
    shown = st.session_state.setdefault(f"{key}-lines-{picked}", LINES)
    is_tail = job.state not in JOB_ENDED and not wanted and not only_trouble and shown == LINES
    read = cache.log_tail if is_tail else cache.whole_log
    lines = [
        line
        for line in read(job.job_run_id, job.log_group)
        if wanted.lower() in line[1].lower() and (not only_trouble or _TROUBLE.search(line[1]))
    ]
    if not lines:
        st.caption("No lines yet." if not wanted and not only_trouble else "No lines match.")
        return
    earlier = len(lines) - shown
    if (earlier > 0 or (is_tail and len(lines) == LINES)) and st.button("Load earlier lines"):
        st.session_state[f"{key}-lines-{picked}"] += LINES
        st.rerun(scope="app" if run.is_at_rest else "fragment")
    listed = "\n".join(f"{formats.clock(at)} {line}" for at, line in lines[-shown:])
    st.code(listed, language=None, height=260, wrap_lines=True)
    of = f"The last {shown:,} of {len(lines):,}" if earlier > 0 else f"{len(lines):,}"
    st.caption(f"{of} line{'s' if len(lines) > 1 else ''}, times in {formats.zone_words(job.started_at)}.")
    _download(job)


def _download(job: JobRun) -> None:
    exports.button(
        "Download the whole log",
        lambda context: _file(job_runs.log_lines(context, job.job_run_id, job.log_group, limit=None)),
        f"{job.job}-{job.job_run_id[:12]}.log",
    )


def _file(lines: list[Line]) -> str:
    """Return the lines with UTC timestamps, because a download does not know the browser's time zone."""
    return "\n".join(f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ} {line}" for at, line in lines)
