"""One run from top to bottom: graph, job runs, times, log, rows, quality, and the release that it made."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pandas as pd
import streamlit as st

from pipeline.jobs import jobs
from pipeline.quality.change import FOUND
from pipeline.release import Published
from portal.components import charts, graph, state
from portal.components.palette import words
from portal.services import failures, releases, run_history, runs
from portal.services.aws import ServiceError
from portal.services.failures import Failure
from portal.services.job_runs import DPU_HOUR_DOLLARS, JOB_ENDED, JobRun, Line
from portal.services.quality import Audit
from portal.services.runs import Run

NEXT = {
    "go_on": "Put the cause right where it needs that, then go on from here.",
    "run_again": "Start a new run with settings that fit.",
    "wait": "Wait for the end of the other run, then go on from here.",
    "fix_data": "Look at the data first; then go on from here, or start a new run.",
}
LINES = 1000
_TROUBLE = re.compile(r"error|exception|traceback|\bfail|\bwarn|critical|fatal", re.IGNORECASE)

person = state.user()


def head(run: Run) -> None:
    columns = st.columns([2, 1, 1, 1, 1])
    columns[0].metric("State", words(run.status))
    columns[1].metric("Attempt", run.attempt)
    columns[2].metric("Duration", state.duration(run.seconds))
    done = {j.job for j in run.jobs if j.state == "SUCCEEDED"}
    columns[3].metric("Jobs done", f"{len(done)} of {len(jobs())}")
    hours, dollars = run_history.cost(run)
    columns[4].metric(
        "Cost in AWS",
        f"${dollars:,.2f}",
        help=f"{hours:.2f} DPU hours at ${DPU_HOUR_DOLLARS}; on a laptop nothing is billed.",
    )
    st.caption(f"Started {state.when(run.started_at)} by {run.started_by}. Batches: {', '.join(run.batch_ids) or 'all that were new'}.")  # fmt: skip


# the failure


def failure(run: Run) -> None:
    """What went wrong, what it touched, whether running again is safe, and the button for what comes next."""
    if not run.is_over or run.status == "SUCCEEDED":
        return
    failed = run.failed_job
    tail = state.log_tail(failed.job_run_id, failed.log_group) if failed else []
    found = failures.explain(run, "\n".join(line for _, line in tail), state.published())
    with st.container(border=True):
        st.error(f"**{found.cause.name}.** {found.cause.words}")
        where = " · ".join(part for part in (found.job, found.line) if part)
        st.markdown(f"**What it said**{f' ({where})' if where else ''}")
        st.code(found.message, language=None, wrap_lines=True)
        st.markdown(f"**Tables written before it:** {', '.join(found.touched) or 'none'}.")
        st.markdown(f"**Is it safe to run again?** {found.safety}")
        st.markdown(f"**What to do.** {NEXT[found.cause.next]}")
        next_steps(run, found)
        if st.session_state.get(f"look-{run.run_id}"):
            refused(run, found)


def next_steps(run: Run, found: Failure) -> None:
    """A button for each thing that can be done next, the fitting one in colour."""
    if not person.may("run_pipeline"):
        st.caption("Engineers can go on from here.")
        return
    left, middle, right = st.columns(3)
    fits = found.cause.next
    if left.button("Go on from here", type=_kind(fits in {"go_on", "wait"}), width="stretch"):
        runs.redrive(state.aws(), run.run_id)
        state.forget_runs()
        st.rerun()
    again(run, middle, is_next=fits == "run_again")
    if right.button("Look at the data", type=_kind(fits == "fix_data"), width="stretch"):
        if not found.looks_at:  # no job has read a row: what is amiss is with the batches themselves
            st.switch_page("app_pages/data.py")
        st.session_state[f"look-{run.run_id}"] = True


def _kind(is_next: bool) -> Literal["primary", "secondary"]:
    return "primary" if is_next else "secondary"


def again(run: Run, place: st.delta_generator.DeltaGenerator, *, is_next: bool = False) -> None:
    if place.button("Run again with these settings", type=_kind(is_next), width="stretch", key="again"):
        st.switch_page("app_pages/runs.py", query_params={"like": run.run_id})


def refused(run: Run, found: Failure) -> None:
    """The rows that this run has refused, of the tables that its failed job builds on."""
    st.markdown("**Rows that this run refused**")
    table = st.segmented_control("Table", found.looks_at, default=found.looks_at[0], key="refused-table")
    rows = state.refused_rows(run, table) if table else pd.DataFrame()
    if len(rows):
        st.dataframe(rows, hide_index=True, width="stretch", height=min(400, 38 + 35 * len(rows)))
        st.caption(f"{len(rows):,} rows as received, masked (at most 200 are shown).")
    else:
        st.info(
            f"This run has refused no row of {table}: look for the cause in the batch's files and their columns."
        )
    st.page_link("app_pages/data.py", label="See the batches", icon=":material/upload:")


# job runs and their log


def attempt(run: Run, job: JobRun) -> int:
    return 1 + sum(other.job == job.job and other.started_at < job.started_at for other in run.jobs)


def job_runs(run: Run, medians: dict[str, float]) -> None:
    st.markdown("#### Job runs")
    if not run.jobs:
        st.caption("No job has been started yet." if not run.is_over else "No job was started.")
        return
    frame = pd.DataFrame(
        [
            {
                "Job": job.job,
                "Attempt": attempt(run, job),
                "State": words(job.state),
                "Started": pd.Timestamp(job.started_at),
                "Seconds": round(job.seconds, 1),
                "Usually": medians.get(job.job),
                "Running": job.execution_seconds,
                "DPU hours": round(job.dpu_seconds / 3600, 3),
                "Error": job.error or "",
            }
            for job in run.jobs
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "Started": state.time_column("HH:mm:ss"),
            "Usually": st.column_config.NumberColumn("Usually (s)", format="%.1f", help=f"Median of the last {run_history.LOOK_BACK} runs"),
            "Running": st.column_config.NumberColumn("Running (s)", help="Without waiting for a worker"),
        },
    )  # fmt: skip
    bars = pd.DataFrame(
        [
            {
                "job": job.job,
                "attempt": attempt(run, job),
                "started_at": pd.Timestamp(job.started_at),
                "ended_at": pd.Timestamp(job.ended_at) if job.ended_at else pd.Timestamp.now(tz="UTC"),
                "state": words(job.state).split(" ", 1)[-1],
            }
            for job in run.jobs
        ]
    )
    st.plotly_chart(
        charts.gantt(bars, medians, state.zone()),
        key="gantt",
        config={"displaylogo": False},
        alt="Job runs over time",
    )


def log_key(run: Run) -> str:
    return f"log-{run.run_id}"


def show_log_of(run: Run, name: str) -> None:
    """Turn the log to the latest attempt of a job; a step that is no job has none."""
    if latest := run.latest(name):
        st.session_state[log_key(run)] = latest.job_run_id


def log(run: Run) -> None:
    """The log of the chosen attempt: live, searchable from its first line, to take away as a whole."""
    if not run.jobs:
        return
    st.markdown("#### Log")
    names = {j.job_run_id: f"{j.job}, attempt {attempt(run, j)}, {words(j.state)}" for j in run.jobs}
    ids, key = list(names), log_key(run)
    if st.session_state.get(key) not in ids:
        st.session_state[key] = (run.failed_job or run.jobs[-1]).job_run_id
    left, middle, right = st.columns([3, 2, 1], vertical_alignment="bottom")
    picked = left.selectbox("Job run", ids, format_func=lambda i: names[i], key=key)
    wanted = middle.text_input("Only lines with", key=f"{key}-filter")
    troubled = right.checkbox(
        "Trouble only", help="Lines that speak of an error, a failure or a warning", key=f"{key}-trouble"
    )
    job = next(job for job in run.jobs if job.job_run_id == picked)
    shown = st.session_state.setdefault(f"{key}-lines-{picked}", LINES)
    is_tail = job.state not in JOB_ENDED and not wanted and not troubled and shown == LINES
    read = state.log_tail if is_tail else state.whole_log
    lines = [
        line
        for line in read(job.job_run_id, job.log_group)
        if wanted.lower() in line[1].lower() and (not troubled or _TROUBLE.search(line[1]))
    ]
    if not lines:
        st.caption("No line yet." if not wanted and not troubled else "No line holds that.")
        return
    earlier = len(lines) - shown
    if (earlier > 0 or (is_tail and len(lines) == LINES)) and st.button("Load earlier lines"):
        st.session_state[f"{key}-lines-{picked}"] += LINES
        st.rerun(scope="fragment" if not run.is_over else "app")
    st.code(_text(lines[-shown:]), language=None, height=260, wrap_lines=True)
    of = f"The last {shown:,} of {len(lines):,}" if earlier > 0 else f"{len(lines):,}"
    st.caption(f"{of} lines, times in {state.zone_words(job.started_at)}.")
    st.download_button(
        "Download the whole log",
        lambda: _text(state.whole_log(job.job_run_id, job.log_group)),
        f"{job.job}-{job.job_run_id[:12]}.log",
        on_click="ignore",
    )


def _text(lines: list[Line]) -> str:
    return "\n".join(f"{state.clock(at)} {line}" for at, line in lines)


# rows, quality and release


def rows(run: Run) -> None:
    """Rows in and out of each layer as it ends; received = loaded + quarantined, checked by the run itself."""
    if not any(job.state == "SUCCEEDED" for job in run.jobs):
        return
    account = state.rows_so_far(run)
    gold = state.gold_rows(run)
    st.markdown("#### Rows")
    left, right = st.columns([3, 1])
    if account:
        frame = pd.DataFrame(account)
        frame["out of balance"] = frame["received"] - frame["loaded"] - frame["quarantined"]
        frame.columns = [
            "Table",
            "Batch",
            "Received (bronze)",
            "Loaded (silver)",
            "Quarantined",
            "Repeats",
            "Out of balance",
        ]
        left.dataframe(frame, hide_index=True, width="stretch", column_config=state.numbers(frame))
    else:
        left.caption("This run received nothing new." if run.is_over else "Nothing has been received yet.")
    if gold:
        frame = pd.DataFrame({"Gold table": list(gold), "Rows": list(gold.values())})
        right.dataframe(frame, hide_index=True, width="stretch", column_config=state.numbers(frame))
    elif not run.is_over:
        right.caption("No gold table yet.")


def rules_so_far(run: Run) -> None:
    """What the rules have found, by table, before the audit has judged it."""
    if not any(job.state == "SUCCEEDED" for job in run.jobs):
        return
    found = state.rule_results(run)
    if found.empty:
        return
    st.markdown("#### Quality so far")
    applied = found[found["status"] != "not_applicable"]
    by_table = applied.groupby("table_name")
    table = pd.DataFrame(
        {
            "Rules checked": by_table.size(),
            "Found something": by_table["status"].agg(lambda each: int(each.isin(FOUND).sum())),
            "Failed": by_table["status"].agg(lambda each: int((each == "fail").sum())),
        }
    )
    table = table.rename_axis("Table").reset_index()
    st.dataframe(table, hide_index=True, width="stretch", column_config=state.numbers(table))


def outcome(run: Run) -> None:
    """What the rules found, and the release."""
    audit = state.audit(run)
    if audit is None:
        rules_so_far(run)
        return
    st.markdown("#### Quality and release")
    verdict(audit)
    if run.status == "SUCCEEDED" and run.cause:
        st.warning(run.cause)
    st.page_link(
        "app_pages/quality.py",
        label="Review it",
        icon=":material/fact_check:",
        query_params={"run": run.run_id},
    )
    published = state.published()
    if published and published.release_id == run.run_id:
        st.success(
            f"Release {run.run_id} is the published one, since {state.when(state.moment(published.published_at))}, by {published.published_by}."
        )
    elif run.status == "SUCCEEDED":
        st.info(
            f"Release {run.run_id} was made; the published one is {published.release_id if published else 'none yet'}."
        )
    if run.is_over and person.may("publish"):
        change_release(run, published)


def verdict(audit: Audit) -> None:
    held = audit.decision == "hold"
    blocked = [r for r in audit.reasons if r["severity"] == "block"]
    said = (
        f"{len(audit.reasons)} findings, {len(blocked)} of them block a release"
        if audit.reasons
        else "no finding"
    )
    (st.warning if audit.reasons else st.success)(
        f"The audit found {said}: {'the release is held for a review' if held else 'the release may be published'}."
    )
    if audit.reasons:
        table = pd.DataFrame(audit.reasons)[["severity", "rule_id", "table", "failed", "checked"]]
        table.columns = ["Severity", "Rule", "Table", "Failing", "Of"]
        st.dataframe(table, hide_index=True, width="stretch", column_config=state.numbers(table))


def change_release(run: Run, published: Published | None) -> None:
    """Publish this run's release, or go back from it to the one before."""
    if published and published.release_id == run.run_id:
        if published.previous_release_id and st.button("Roll back to the release before"):
            roll_back(published)
    elif run.status == "SUCCEEDED" and st.button("Publish this release"):
        publish(run, published)


@st.dialog("Publish this release")
def publish(run: Run, published: Published | None) -> None:
    now = f"Readers see {published.release_id} now." if published else "Nothing is published now."
    st.markdown(f"Readers will see release **{run.run_id}** from then on. {now}")
    if reason := _reason("Publish"):
        _changed(lambda: releases.publish(state.aws(), run.run_id, reason=reason))


@st.dialog("Roll back")
def roll_back(published: Published) -> None:
    st.markdown(
        f"Readers will see release **{published.previous_release_id}** again, which was published before "
        f"{published.release_id}. Nothing is deleted."
    )
    if reason := _reason("Roll back"):
        _changed(lambda: releases.rollback(state.aws(), reason=reason))


def _reason(action: str) -> str | None:
    """The reason that was given, once the action is confirmed."""
    with st.form(f"confirm-{action}", border=False):
        reason = st.text_input("Reason", help="It is kept with the release.").strip()
        is_confirmed = st.form_submit_button(action, type="primary")
    if is_confirmed and not reason:
        st.error("Give a reason: those who come after you will ask for it.")
    return reason if is_confirmed and reason else None


def _changed(change: Callable[[], object]) -> None:
    try:
        change()
    except ServiceError as error:
        state.show_error(error)
        return
    state.published.clear()
    state.forget_runs()
    st.rerun()


# the page


def draw(run: Run) -> None:
    medians = state.medians()
    head(run)
    failure(run)
    graph.draw(run, medians, lambda name: show_log_of(run, name))
    job_runs(run, medians)
    log(run)
    rows(run)
    outcome(run)


@state.live(2)
def live(run_id: str) -> None:
    """Draws itself again every two seconds while the run goes on."""
    run = state.run(run_id)
    draw(run)
    if run.is_over:
        st.rerun()


try:
    run_id = st.query_params.get("run")
    st.title("Run")
    st.page_link("app_pages/runs.py", label="All runs", icon=":material/arrow_back:")
    if not run_id:
        st.info("Choose a run in the list.")
    else:
        current = state.run(run_id)
        st.markdown(f"### {run_id}")
        if current.is_over:
            draw(current)
            if current.status == "SUCCEEDED" and person.may("run_pipeline"):
                again(current, st.container(width="content"))
        else:
            if person.may("run_pipeline") and st.button("Stop this run"):
                runs.stop(state.aws(), run_id)
                state.forget_runs()
                st.rerun()
            live(run_id)
except ServiceError as error:
    state.show_error(error)
