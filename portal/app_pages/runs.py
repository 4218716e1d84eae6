"""Start runs, watch one: graph, job runs, logs, rows, what to do next."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from portal.components import charts, graph, state
from portal.components.palette import words
from portal.services import batches, quality, runs
from portal.services.aws import ServiceError
from portal.services.runs import JobRun, Run

st.title("Runs")
person = state.user()


def chosen_run(found: list[Run]) -> str | None:
    """The run that the URL names, or the newest."""
    named = st.query_params.get("run")
    ids = [run.run_id for run in found]
    if named and named not in ids:
        ids.insert(0, named)
    if not ids:
        return None
    labels = {run.run_id: f"{run.run_id}  {words(run.status)}, {state.ago(run.started_at)}" for run in found}
    picked = st.selectbox(
        "Run", ids, index=ids.index(named) if named in ids else 0, format_func=lambda i: labels.get(i, i)
    )
    if picked and picked != named:
        st.query_params["run"] = picked
    return picked


def launch() -> None:
    if not person.may("run_pipeline"):
        return
    with st.expander("Start a run", icon=":material/play_arrow:"):
        ids = [batch.batch_id for batch in batches.list_batches(state.aws())]
        chosen = st.multiselect(
            "Batches", ids, placeholder="All that the published release does not hold yet"
        )
        publish = st.checkbox("Publish by itself where the audit finds nothing that blocks", value=True)
        if "next_run_id" not in st.session_state:
            st.session_state["next_run_id"] = runs.new_run_id()
        if st.button("Start", type="primary"):
            try:
                run = runs.start(
                    state.aws(), chosen, auto_publish=publish, run_id=st.session_state["next_run_id"]
                )
            except ServiceError as error:
                state.show_error(error)
                return
            del st.session_state["next_run_id"]  # until here a second click is the same run
            st.query_params["run"] = run.run_id
            state.recent_runs.clear()
            st.rerun()


def head(run: Run) -> None:
    columns = st.columns([2, 1, 1, 1, 1])
    columns[0].metric("State", words(run.status))
    columns[1].metric("Attempt", run.attempt)
    columns[2].metric("Duration", f"{run.seconds:,.0f} s")
    columns[3].metric("Jobs done", f"{sum(j.state == 'SUCCEEDED' for j in run.jobs)} of 11")
    columns[4].metric(
        "Cost in AWS",
        f"${run.cost_dollars:,.2f}",
        help=f"DPU seconds at ${runs.DPU_HOUR_DOLLARS} an hour; on a laptop nothing is billed.",
    )


def failure(run: Run) -> None:
    if not run.is_over or run.status == "SUCCEEDED":
        return
    failed = run.failed_job
    what = (
        f"{failed.job}: {failed.error or failed.state}"
        if failed
        else run.cause or run.error or "no cause was given"
    )
    st.error(f"The run ended {words(run.status)}. {what}")
    st.caption(
        "The published release was not touched. Going on runs only what has not succeeded yet; nothing is loaded twice."
    )
    if person.may("run_pipeline") and st.button(
        "Go on from here", type="primary", key=f"redrive-{run.run_id}-{run.attempt}"
    ):
        try:
            runs.redrive(state.aws(), run.run_id)
        except ServiceError as error:
            state.show_error(error)
            return
        state.run.clear()
        st.rerun()


def job_table(run: Run) -> None:
    st.markdown("#### Jobs")
    if not run.jobs:
        st.caption("No job has been started yet.")
        return
    frame = pd.DataFrame(
        [
            {
                "Job": job.job,
                "State": words(job.state),
                "Attempt": _attempt(run, job),
                "Started": pd.Timestamp(job.started_at),
                "Seconds": round(job.seconds, 1),
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
            "Started": st.column_config.DatetimeColumn(format="HH:mm:ss", help="In your time zone"),
            "Running": st.column_config.NumberColumn("Running (s)", help="Without waiting for a worker"),
        },
    )
    bars = pd.DataFrame(
        [
            {
                "job": job.job,
                "started_at": job.started_at,
                "ended_at": job.ended_at or pd.Timestamp.now(tz="UTC"),
                "state": words(job.state).split(" ", 1)[-1],
            }
            for job in run.jobs
        ]
    )
    st.plotly_chart(charts.gantt(bars), key="gantt", config={"displaylogo": False})


def _attempt(run: Run, job: JobRun) -> int:
    return 1 + sum(other.job == job.job and other.started_at < job.started_at for other in run.jobs)


def logs(run: Run) -> None:
    if not run.jobs:
        return
    st.markdown("#### Log")
    failed = run.failed_job
    names = {
        job.job_run_id: f"{job.job}, attempt {_attempt(run, job)}, {words(job.state)}" for job in run.jobs
    }
    ids = list(names)
    index = ids.index(failed.job_run_id) if failed else len(ids) - 1
    left, right = st.columns([2, 1])
    picked = left.selectbox(
        "Job run", ids, index=index, format_func=lambda i: names[i], key=f"log-{run.run_id}"
    )
    wanted = right.text_input("Only lines with", key="log-filter")
    job = next(job for job in run.jobs if job.job_run_id == picked)
    lines = [
        f"{at:%H:%M:%S} {line}"
        for at, line in runs.log_lines(state.aws(), job)
        if wanted.lower() in line.lower()
    ]
    if not lines:
        st.caption("No line yet." if not wanted else "No line holds that.")
        return
    text = "\n".join(lines)
    st.code(text, language=None, height=260, wrap_lines=True)
    st.download_button("Download the log", text, f"{job.job}-{job.job_run_id[:12]}.log", on_click="ignore")


def rows(run: Run) -> None:
    if not run.is_over:
        return
    account = quality.reconciliation(state.aws(), run.run_id)
    if not account:
        return
    st.markdown("#### Rows")
    frame = pd.DataFrame(account)
    frame.columns = ["Table", "Batch", "Received", "Loaded", "Quarantined", "Repeats among them"]
    st.dataframe(frame, hide_index=True, width="stretch", column_config=state.numbers(frame))


def stop_button(run_id: str) -> None:
    if person.may("run_pipeline") and st.button("Stop this run"):
        runs.stop(state.aws(), run_id)
        state.run.clear()
        st.rerun()


@state.live(2)
def live(run_id: str) -> None:
    """Draws itself again every two seconds while the run goes on."""
    run = state.run(run_id)
    head(run)
    st.graphviz_chart(graph.dot(run), width="stretch")
    job_table(run)
    if run.is_over:
        state.recent_runs.clear()
        st.rerun()


def ended(run: Run) -> None:
    head(run)
    failure(run)
    st.graphviz_chart(graph.dot(run), width="stretch")
    with st.expander("The same as a table"):
        table = [{"Step": name, "State": words(value)} for name, value in graph.states(run).items()]
        st.dataframe(pd.DataFrame(table), hide_index=True, width="stretch")
    job_table(run)
    logs(run)
    rows(run)
    if run.decision:
        st.markdown(
            f"#### Release\nThe audit decided: **{run.decision.replace('_', ' ')}**. Published: **{'yes' if run.is_published else 'no'}**."
        )


try:
    launch()
    run_id = chosen_run(state.recent_runs())
    if run_id is None:
        st.info("No run yet. Start one above; without a batch, make or import data first.")
    else:
        current = state.run(run_id)
        if current.is_over:
            ended(current)
        else:
            stop_button(run_id)
            live(run_id)
except ServiceError as error:
    state.show_error(error)
