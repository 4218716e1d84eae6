"""One run from top to bottom: graph, job runs, times, log, rows, quality, and the release that it made."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.jobs import jobs
from portal.components import charts, graph, state
from portal.components.palette import words
from portal.services import failures, quality, run_history, runs
from portal.services.aws import ServiceError
from portal.services.job_runs import DPU_HOUR_DOLLARS, JobRun
from portal.services.runs import Run

NEXT = {
    "go_on": "Put the cause right where it needs that, then go on from here.",
    "run_again": "Start a new run with settings that fit.",
    "wait": "Wait for the end of the other run, then go on from here.",
    "fix_data": "Look at the data first; then go on from here, or start a new run.",
}

person = state.user()


def head(run: Run) -> None:
    columns = st.columns([2, 1, 1, 1, 1])
    columns[0].metric(
        "State", words(run.status), help=f"Started {run.started_at:%Y-%m-%d %H:%M:%S} UTC by {run.started_by}"
    )
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


def failure(run: Run) -> None:
    """What went wrong, what it touched, whether running again is safe, and the button for what comes next."""
    if not run.is_over or run.status == "SUCCEEDED":
        return
    failed = run.failed_job
    log = (
        "\n".join(line for _, line in state.log_lines(failed.job_run_id, failed.log_group)) if failed else ""
    )
    found = failures.explain(run, log)
    with st.container(border=True):
        st.error(f"**{found.cause.name}.** {found.cause.words}")
        where = " · ".join(part for part in (found.job, found.line) if part)
        st.markdown(f"**What it said**{f' ({where})' if where else ''}")
        st.code(found.message, language=None, wrap_lines=True)
        st.markdown(f"**Tables written before it:** {', '.join(found.touched) or 'none'}.")
        st.markdown(f"**Is it safe to run again?** {found.safety}")
        st.markdown(f"**What to do.** {NEXT[found.cause.next]}")
        if not person.may("run_pipeline"):
            st.caption("Engineers can go on from here.")
            return
        left, middle, right = st.columns(3)
        if left.button(
            "Go on from here",
            type="primary" if found.cause.next in {"go_on", "wait"} else "secondary",
            width="stretch",
        ):
            runs.redrive(state.aws(), run.run_id)
            state.forget_runs()
            st.rerun()
        again(run, middle, "primary" if found.cause.next == "run_again" else "secondary")
        if right.button(
            "Look at the data",
            type="primary" if found.cause.next == "fix_data" else "secondary",
            width="stretch",
        ):
            st.switch_page("app_pages/data.py")


def again(run: Run, place: st.delta_generator.DeltaGenerator, kind: str = "secondary") -> None:
    if place.button("Run again with these settings", type=kind, width="stretch", key="again"):  # type: ignore[arg-type]
        st.switch_page("app_pages/runs.py", query_params={"like": run.run_id})


def attempt(run: Run, job: JobRun) -> int:
    return 1 + sum(other.job == job.job and other.started_at < job.started_at for other in run.jobs)


def job_runs(run: Run, medians: dict[str, float]) -> None:
    st.markdown("#### Job runs")
    if not run.jobs:
        st.caption("No job has been started yet.")
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
            "Started": st.column_config.DatetimeColumn(format="HH:mm:ss", timezone=state.zone(), help="In your time zone"),
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
        charts.gantt(bars, medians), key="gantt", config={"displaylogo": False}, alt="Job runs over time"
    )


def log(run: Run, pressed: str | None) -> None:
    """The log of the chosen attempt: live, searchable, to take away."""
    if not run.jobs:
        return
    st.markdown("#### Log")
    names = {j.job_run_id: f"{j.job}, attempt {attempt(run, j)}, {words(j.state)}" for j in run.jobs}
    ids, key = list(names), f"log-{run.run_id}"
    latest = run.latest(pressed) if pressed else None
    if latest:
        st.session_state[key] = latest.job_run_id
    if st.session_state.get(key) not in ids:
        st.session_state[key] = (run.failed_job or run.jobs[-1]).job_run_id
    left, right = st.columns([2, 1])
    picked = left.selectbox("Job run", ids, format_func=lambda i: names[i], key=key)
    wanted = right.text_input("Only lines with", key=f"{key}-filter")
    job = next(job for job in run.jobs if job.job_run_id == picked)
    lines = [
        f"{at:%H:%M:%S} {line}"
        for at, line in state.log_lines(job.job_run_id, job.log_group)
        if wanted.lower() in line.lower()
    ]
    if not lines:
        st.caption("No line yet." if not wanted else "No line holds that.")
        return
    text = "\n".join(lines)
    st.code(text, language=None, height=260, wrap_lines=True)
    st.caption(f"{len(lines):,} lines, times in UTC.")
    st.download_button("Download the log", text, f"{job.job}-{job.job_run_id[:12]}.log", on_click="ignore")


def rows(run: Run) -> None:
    """Rows in and out of each layer; received = loaded + quarantined, checked by the run itself."""
    account = quality.reconciliation(state.aws(), run.run_id)
    audit = quality.audit(state.aws(), run.run_id)
    if not account and audit is None:
        return
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
            "Repeats among them",
            "Out of balance",
        ]
        left.dataframe(frame, hide_index=True, width="stretch", column_config=state.numbers(frame))
    else:
        left.caption("This run received nothing new.")
    if audit:
        gold = pd.DataFrame({"Gold table": list(audit.tables), "Rows": list(audit.tables.values())})
        right.dataframe(gold, hide_index=True, width="stretch", column_config=state.numbers(gold))


def outcome(run: Run) -> None:
    """What the rules found, and the release."""
    audit = quality.audit(state.aws(), run.run_id)
    if audit is None:
        return
    st.markdown("#### Quality and release")
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
    if run.status == "SUCCEEDED" and run.cause:
        st.warning(run.cause)
    if audit.reasons:
        table = pd.DataFrame(audit.reasons)[["severity", "rule_id", "table", "failed", "checked"]]
        table.columns = ["Severity", "Rule", "Table", "Failing", "Of"]
        st.dataframe(table, hide_index=True, width="stretch", column_config=state.numbers(table))
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


def draw(run: Run) -> None:
    medians = state.medians()
    head(run)
    failure(run)
    pressed = graph.draw(run, medians)
    with st.expander("The graph as a table"):
        table = [{"Step": name, "State": words(value)} for name, value in graph.states(run).items()]
        st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")
    job_runs(run, medians)
    log(run, pressed)
    if run.is_over:
        rows(run)
        outcome(run)


@state.live(2)
def live(run_id: str) -> None:
    """Draws itself again every two seconds while the run goes on."""
    run = state.run(run_id)
    draw(run)
    if run.is_over:
        state.forget_runs()
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
