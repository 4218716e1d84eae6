"""Page Run: graph, job runs, log, row counts, quality and release of one run."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.jobs import jobs
from pipeline.rules.outcomes import FOUND
from portal.core.errors import ServiceError
from portal.core.vocabulary import SEVERITIES, state_label
from portal.quality.results import Audit
from portal.runs import history as run_history
from portal.runs import service as runs
from portal.runs.job_runs import DPU_HOUR_DOLLARS
from portal.runs.model import Run
from portal.ui import cache, formats, names, session
from portal.ui.releases import change
from portal.ui.runs import failure_card, gantt, graph, run_log, run_rows

person = session.user()


def head(run: Run) -> None:
    is_billed = session.process_context().settings.is_billed
    columns = st.columns([2, 1, 1, 1] if is_billed else [2, 1, 1])
    columns[0].metric("State", run_rows.state(run))
    columns[1].metric("Duration", formats.duration(run.seconds))
    done = {j.job for j in run.jobs if j.state == "SUCCEEDED"}
    columns[2].metric("Jobs done", f"{len(done)} of {len(jobs())}")
    if is_billed:
        columns[3].metric(
            "Cost", f"${run.cost_dollars:,.2f}", help=f"{run.dpu_hours:.2f} DPU hours at ${DPU_HOUR_DOLLARS}"
        )
    batches = ", ".join(map(names.batch, run.batch_ids)) or "all new batches"
    started = f"Started {formats.when(run.started_at)} by {run.started_by}"
    if run.attempt > 1 and run.jobs:
        first = formats.when(min(job.started_at for job in run.jobs))
        started = f"Attempt {run.attempt}: resumed {formats.when(run.started_at)}, first started {first}"
        started += f" by {run.started_by}"
    st.caption(f"{started}. Batches: {batches}.")


# job runs


def job_runs(run: Run, medians: dict[str, float]) -> None:
    st.markdown("#### Job runs")
    if not run.jobs:
        st.caption("No job has been started yet." if not run.is_over else "No job was started.")
        return
    is_billed = session.process_context().settings.is_billed
    frame = pd.DataFrame(
        [
            {
                "Job": job.job,
                "Attempt": run.attempt_of(job),
                "State": state_label(job.state),
                "Started": pd.Timestamp(job.started_at),
                "Seconds": round(job.seconds, 1),
                "Median": medians.get(job.job),
                "Running": job.execution_seconds,
                **({"DPU hours": round(job.dpu_seconds / 3600, 3)} if is_billed else {}),
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
            "Started": formats.time_column("HH:mm:ss"),
            "Median": st.column_config.NumberColumn(
                "Median (s)",
                format="%.1f",
                help=f"Median of up to {run_history.MEDIAN_RUNS} former runs, from three on",
            ),
            "Running": st.column_config.NumberColumn("Execution (s)", help="Without waiting for a worker"),
        },
    )


def draw_gantt(run: Run, medians: dict[str, float]) -> None:
    """Draw the job runs over time."""
    bars = pd.DataFrame(
        [
            {
                "job": job.job,
                "attempt": run.attempt_of(job),
                "started_at": pd.Timestamp(job.started_at),
                "ended_at": pd.Timestamp(job.ended_at) if job.ended_at else pd.Timestamp.now(tz="UTC"),
                "state": state_label(job.state).split(" ", 1)[-1],
            }
            for job in run.jobs
        ]
    )
    st.plotly_chart(
        gantt.draw(bars, medians, formats.zone()),
        key="gantt",
        config={"displaylogo": False},
        alt="Job runs over time",
    )


# rows, quality and release


def rows(run: Run) -> None:
    """Draw row counts by zone once a job succeeded. A run fails unless received = loaded + quarantined."""
    if not any(job.state == "SUCCEEDED" for job in run.jobs):
        return
    account = cache.rows_so_far(run)
    gold = cache.gold_rows(run)
    st.markdown("#### Rows")
    left, right = st.columns([3, 1])
    if account:
        frame = pd.DataFrame(account)
        frame["batch_id"] = frame["batch_id"].map(names.batch)
        frame["out of balance"] = frame["received"] - frame["loaded"] - frame["quarantined"]
        frame.columns = [
            "Table",
            "Batch",
            "Received (bronze)",
            "Loaded (silver)",
            "Quarantined",
            "Duplicates",
            "Out of balance",
        ]
        left.dataframe(frame, hide_index=True, width="stretch", column_config=session.numbers(frame))
    else:
        left.caption("This run received no new rows." if run.is_over else "No rows received yet.")
    if gold:
        frame = pd.DataFrame({"Gold table": list(gold), "Rows": list(gold.values())})
        right.dataframe(frame, hide_index=True, width="stretch", column_config=session.numbers(frame))
    elif not run.is_over:
        right.caption("No gold table yet.")


def rules_so_far(run: Run) -> None:
    """Draw how many rules were checked, have findings and failed, by table; nothing without results."""
    if not any(job.state == "SUCCEEDED" for job in run.jobs):
        return
    found = cache.rule_results(run)
    if found.empty:
        return
    st.markdown("#### Quality so far")
    applied = found[found["status"] != "not_applicable"]
    by_table = applied.groupby("table_name")
    table = pd.DataFrame(
        {
            "Rules checked": by_table.size(),
            "With findings": by_table["status"].agg(lambda each: int(each.isin(FOUND).sum())),
            "Failed": by_table["status"].agg(lambda each: int((each == "fail").sum())),
        }
    )
    table = table.rename_axis("Table").reset_index()
    st.dataframe(table, hide_index=True, width="stretch", column_config=session.numbers(table))


def outcome(run: Run) -> None:
    """Draw the audit's findings and the release; until the audit has ended, draw the rule results so far."""
    audit = cache.audit(run)
    if audit is None:
        rules_so_far(run)
        return
    st.markdown("#### Quality and release")
    verdict(audit)
    if run.status == "SUCCEEDED" and run.cause:
        st.warning(run.cause)
    st.page_link(
        "app_pages/quality.py",
        label="Review findings",
        icon=":material/fact_check:",
        query_params={"run": run.run_id},
    )
    published = cache.published()
    if published and published.release_id == run.run_id:
        at = formats.when(formats.parse_timestamp(published.published_at))
        st.success(f"{names.release(run.run_id)} was published at {at} by {published.published_by}.")
    elif run.status == "SUCCEEDED":
        present = names.release(published.release_id) if published else "none"
        st.info(f"{names.release(run.run_id)} was built. The published release is {present}.")
    if run.is_over and run.status == "SUCCEEDED":
        with st.container(horizontal=True, vertical_alignment="center"):
            change.draw(cache.release(run.run_id), published)
            st.page_link(
                "app_pages/releases.py",
                label="Open the release",
                icon=":material/new_releases:",
                query_params={"release": run.run_id},
            )


def verdict(audit: Audit) -> None:
    published = cache.published()
    is_published = bool(published and published.release_id == audit.run_id)
    held = audit.decision == "hold"
    accepted = [r for r in audit.reasons if r.get("accepted")]
    blocked = [r for r in audit.reasons if r["severity"] == "block" and r not in accepted]
    found = len(audit.reasons)
    summary = "no findings"
    if found:
        summary = f"{found} finding{'s' if found > 1 else ''}, {len(blocked) or 'none'} blocking"
        summary += f", {len(accepted)} accepted in an earlier review" if accepted else ""
    decision = (
        "The release is published."
        if is_published
        else "The release is held for review."
        if held
        else "The release can be published."
    )
    (st.warning if audit.reasons else st.success)(f"Audit: {summary}. {decision}")
    if audit.reasons:
        table = pd.DataFrame(audit.reasons)[["severity", "rule_id", "table", "failed", "checked"]]
        table["severity"] = table["severity"].map(SEVERITIES)
        table.columns = ["Severity", "Rule", "Table", "Failing", "Of"]
        st.dataframe(table, hide_index=True, width="stretch", column_config=session.numbers(table))


# the page


def draw(run: Run) -> None:
    medians = cache.medians(but=run.run_id)
    head(run)
    failure_card.draw(run)
    graph.draw(run, medians, lambda name: run_log.select(run, name))
    outcome(run)
    log, times, listed, counted = st.tabs(["Log", "Timeline", "Job runs", "Rows"])
    with log:
        run_log.draw(run)
    with times:
        if run.jobs:
            draw_gantt(run, medians)
    with listed:
        job_runs(run, medians)
    with counted:
        rows(run)


@session.live(2)
def live(run_id: str, is_over: bool) -> None:
    """Draw the run every two seconds.

    `is_over` is whether the run was over when the page was drawn. Redraw the whole page if the run has ended
    in the meantime, and when its last job has ended.
    """
    run = cache.run(run_id)
    draw(run)
    if run.is_at_rest or run.is_over != is_over:
        st.rerun()


try:
    run_id = st.query_params.get("run")
    st.title("Run")
    st.page_link("app_pages/runs.py", label="All runs", icon=":material/arrow_back:")
    if not run_id:
        st.info("Select a run in the list.")
    else:
        current = cache.run(run_id)
        left, right = st.columns([6, 1], vertical_alignment="center")
        left.markdown(f"### {names.run_at(current)}")
        with right:
            names.ids({"Run": run_id})
        if current.is_at_rest:
            draw(current)
            if current.status == "SUCCEEDED" and person.may("run_pipeline"):
                failure_card.rerun_button(current, st.container(width="content"))
        else:
            if not current.is_over and person.may("run_pipeline") and st.button("Stop this run"):
                runs.stop(session.context(), run_id)
                cache.forget_runs()
                st.rerun()
            live(run_id, current.is_over)
except ServiceError as error:
    session.show_error(error)
