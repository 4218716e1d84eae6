"""Form to generate sample data, and the progress of a generation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.data_generator import MAX_PATIENTS, BadOptions, Options, estimate
from pipeline.data_generator.blocks import make
from pipeline.data_generator.defects.kinds import KINDS
from pipeline.data_generator.writer import Progress
from portal.batches import samples
from portal.batches import service as batches
from portal.batches.samples import JobTask, Task
from portal.core.errors import ServiceError
from portal.runs import job_runs
from portal.ui import exports, session
from portal.ui.dashboards import figures

MOST_ZIPPED = 20_000
PREVIEW_PATIENTS = 500
LOCALES = ["en_US", "es_MX", "de_DE", "fr_FR", "it_IT", "pt_BR"]
TIME_ZONES = [
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "Europe/Berlin",
    "UTC",
]
PRESETS = {"Small": (300, 0), "Standard": (5000, 0), "Large": (50_000, 0), "With defects": (1000, 4)}
"""Patients and defect rate in percent, by name."""


def _options_from_page() -> Options:
    """Return the options of the form; the estimate below it follows every change."""
    st.session_state.setdefault("sample-patients", 1000)
    st.session_state.setdefault("sample-rate", 0)
    st.pills("Preset", list(PRESETS), key="sample-preset", on_change=_apply_preset)
    left, right = st.columns(2)
    patients = left.number_input(
        "Patients",
        1,
        MAX_PATIENTS,
        step=500,
        key="sample-patients",
        help=f"Up to {samples.IN_PROCESS_LIMIT:,} are generated at once, more by a Glue job.",
    )
    percent = right.number_input(
        "Defect rate (%)",
        0,
        20,
        key="sample-rate",
        help="Share of rows with a seeded defect. Each one is listed in the ground truth.",
    )
    today = date.today()  # noqa: DTZ011
    dates: Any = {"min_value": date(1990, 1, 1), "max_value": today, "format": "YYYY-MM-DD"}
    start = left.date_input("From", date(2024, 1, 1), **dates)
    end = right.date_input("To", date(2025, 12, 31), **dates)
    labels = {kind.name: kind.label for kind in KINDS}
    kinds: list[str] = []
    if percent:
        kinds = st.multiselect(
            "Kinds of defects", list(labels), format_func=lambda name: labels[name], placeholder="All kinds"
        )
    seed, locale, time_zone = _advanced()
    return Options(int(patients), seed, start, end, locale, percent / 100, tuple(kinds), time_zone)


def _apply_preset() -> None:
    if name := st.session_state["sample-preset"]:
        st.session_state["sample-patients"], st.session_state["sample-rate"] = PRESETS[name]


def _advanced() -> tuple[int, str, str]:
    with st.expander("Advanced options"):
        left, right = st.columns(2)
        seed = left.number_input("Seed", 0, 2**31, 7, help="The same seed gives the same rows.")
        locale = right.selectbox("Locale", LOCALES, help="Language of the names; addresses stay in the US.")
        zone = left.selectbox("Time zone", TIME_ZONES, help="Where the hospital is; files hold UTC times.")
    return int(seed), locale, zone


def generate(running: Task | JobTask | None) -> None:
    """Show the form to generate sample data."""
    with st.container(border=True):
        st.markdown("#### Generate sample data")
        options = _options_from_page()
        try:
            options.checked()
        except BadOptions as error:
            session.show_error(error)
            return
        guess = estimate(options)
        rows = ", ".join(f"{n:,} {t}" for t, n in guess.rows.items())
        by_job = options.patients > samples.IN_PROCESS_LIMIT
        how = "by a Glue job" if by_job else f"in about {guess.seconds:.0f} s"
        st.caption(f"About {rows}; {session.size(guess.bytes)}; {how}.")
        left, right = st.columns(2)
        if left.button("Generate", type="primary", disabled=running is not None, width="stretch"):
            start = samples.start_job if by_job else samples.start
            try:
                _rerun_with(start(session.context(), options))
            except ServiceError as error:
                session.show_error(error)
        if right.button(
            "Download as zip",
            disabled=options.patients > MOST_ZIPPED,
            help=f"Up to {MOST_ZIPPED:,} patients, without a batch in the lake.",
            width="stretch",
        ):
            _pack(options)
        _packed(options)
        _preview(options)


def _pack(options: Options) -> None:
    """Create the zip archive for `_packed`. A download button would miss the field that is being edited."""
    try:
        with st.spinner("Creating the zip file …"):
            st.session_state["packed"] = options, samples.as_zip(session.context(), options)
    except ServiceError as error:
        session.show_error(error)


def _packed(options: Options) -> None:
    """Offer the zip archive if it was created from exactly these options."""
    of, files = st.session_state.get("packed", (None, b""))
    if of == options:
        exports.button(
            f"Save the zip file ({session.size(len(files))})",
            lambda _: files,
            f"sample-{options.patients}-{options.seed}.zip",
            width="stretch",
        )


@st.cache_data(max_entries=20, show_spinner=False)
def _first_rows(options: Options) -> dict[str, pd.DataFrame]:
    """Return the tables of the first patients; they do not depend on the size of the sample."""
    made = make(replace(options, patients=min(options.patients, PREVIEW_PATIENTS)), 0)
    return {table: rows.to_pandas() for table, rows in made.items()}


def _preview(options: Options) -> None:
    with st.expander("Preview"):
        if not st.toggle("Show a preview"):
            return
        made = _first_rows(options)
        for tab, (table, frame) in zip(st.tabs([t.title() for t in made]), made.items(), strict=True):
            tab.dataframe(frame.head(20), hide_index=True, width="stretch")
            most = min(options.patients, PREVIEW_PATIENTS)
            tab.caption(f"Synthetic data without defects. {table.title()} of the first {most:,} patients.")
        people = made["patients"].drop_duplicates("patient_id")
        age = (pd.Timestamp(options.start) - pd.to_datetime(people["birth_date"])).dt.days // 3653 * 10
        ages = pd.DataFrame({"age": age, "sex": people["sex"]}).value_counts().reset_index(name="patients")
        labels = {"age": "Age in decades", "patients": "Patients", "sex": "Sex"}
        st.plotly_chart(
            figures.stacked(ages.sort_values("age"), "age", "patients", "sex", labels), key="preview-ages"
        )
        months = made["encounters"].assign(month=made["encounters"]["admitted_at"].str[:7])
        counted = months.groupby(["month", "encounter_class"]).size().reset_index(name="encounters")
        labels = {"month": "Month of admission", "encounters": "Encounters", "encounter_class": "Class"}
        st.plotly_chart(
            figures.stacked(counted, "month", "encounters", "encounter_class", labels), key="preview-months"
        )


def _rerun_with(task: Task | JobTask) -> None:
    """Show the generation; the query parameter `job` lets a reloaded page find its job run."""
    if isinstance(task, JobTask):
        st.query_params["job"] = task.job_run_id
    st.rerun()


def current() -> Task | JobTask | None:
    """Return the user's generation.

    The job in the query parameter `job`, a task of this process or another job.
    """
    if job_run_id := st.query_params.get("job"):
        try:
            return samples.job(session.context(), job_run_id)
        except ServiceError as error:
            st.session_state["generate_error"] = str(error)
            del st.query_params["job"]
    return samples.current(session.context())


@session.live(0.7)
def watch(task: Task | JobTask) -> None:
    """Show the progress of a generation, with a button to cancel it."""
    if isinstance(task, JobTask):
        _watch_job(task)
        return
    if task.is_over:
        samples.acknowledge(session.context())
        if task.sample:
            st.session_state["new_batch"] = (task.sample.batch, task.sample.ground_truth)
        else:
            st.session_state["generate_error"] = task.error
        st.rerun()
    if task.progress:
        _show(st.progress(0.0), task.progress)
    else:
        st.progress(0.0, "Preparing names and addresses …")
    if st.button("Cancel", key="cancel-sample"):
        task.cancel.set()


def _watch_job(task: JobTask) -> None:
    where, message = samples.job_state(session.context(), task)
    if where in job_runs.JOB_ENDED:
        st.query_params.pop("job", None)
        if where == "SUCCEEDED":
            every = batches.list_batches(session.context())
            found = next(batch for batch in every if batch.batch_id == task.batch_id)
            st.session_state["new_batch"] = (found, samples.ground_truth(session.context(), task.batch_id))
        else:
            reason = message or "no message"
            st.session_state["generate_error"] = (
                f"The Glue job ended {where.lower()}: {reason}. No data was kept."
            )
        st.rerun()
    st.query_params["job"] = task.job_run_id
    st.info(f"The Glue job generate_sample generates batch {task.batch_id}: {where.lower()}.")
    if st.button("Cancel", key="cancel-job"):
        samples.cancel_job(session.context(), task)


def _show(bar: Any, made: Progress) -> None:
    text = f"{sum(made.rows.values()):,} rows, {made.rate:,.0f} rows/s, {made.seconds_left:.0f} s left"
    bar.progress(made.blocks_done / made.blocks, text)
