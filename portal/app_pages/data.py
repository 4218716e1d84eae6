"""Generate sample data, upload an extract, see the batches."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.generator import MAX_PATIENTS, BadOptions, Options, estimate
from pipeline.generator.blocks import make
from pipeline.generator.defects import KINDS
from pipeline.generator.write import Progress
from portal.components import batch_list, charts, state
from portal.services import batches, imports, job_runs, runs, samples
from portal.services.aws import ServiceError
from portal.services.batches import SourceFile
from portal.services.imports import Import
from portal.services.review_words import unlinked
from portal.services.samples import JobTask, Task

MOST_ZIPPED = 20_000
LOOK = 500

st.title("Data")
person = state.user()
if not person.may("import_data"):
    st.info("Importing data is the engineer's task. Ask one, or choose that role.")
    st.stop()


def _show(bar: Any, made: Progress) -> None:
    words = f"{sum(made.rows.values()):,} rows, {made.rate:,.0f} a second, {made.seconds_left:.0f} s left"
    bar.progress(made.blocks_done / made.blocks, words)


def _source(file: Any) -> SourceFile:
    return SourceFile(file.name, file.size, lambda: BytesIO(file.getbuffer()))


def options_from_page() -> Options:
    """The choices; every change redraws the estimate below them."""
    left, right = st.columns(2)
    patients = left.number_input(
        "Patients",
        1,
        MAX_PATIENTS,
        1000,
        step=500,
        help=f"Up to {samples.MOST_HERE:,} are made at once, more by a Glue job.",
    )
    seed = right.number_input("Seed", 0, 2**31, 7, help="The same seed gives the same rows.")
    today = date.today()  # noqa: DTZ011
    start = left.date_input(
        "From", date(2024, 1, 1), min_value=date(1990, 1, 1), max_value=today, format="YYYY-MM-DD"
    )
    end = right.date_input(
        "To", date(2025, 12, 31), min_value=date(1990, 1, 1), max_value=today, format="YYYY-MM-DD"
    )
    locale = left.selectbox(
        "Names from",
        ["en_US", "es_MX", "de_DE", "fr_FR", "it_IT", "pt_BR"],
        help="Faker locale; addresses stay in the US.",
    )
    percent = right.number_input(
        "Rows to damage (%)", 0, 20, 0, help="Seeded defects, told in an answer key.", placeholder="0"
    )
    rate = percent / 100
    names = {kind.name: kind.words for kind in KINDS}
    chosen: list[str] = []
    if rate:
        chosen = st.multiselect(
            "Kinds of damage", list(names), format_func=lambda n: names[n], placeholder="All kinds"
        )
    return Options(int(patients), int(seed), start, end, locale, float(rate), tuple(chosen))


def generate() -> None:
    with st.container(border=True):
        st.markdown("#### Generate sample data")
        options = options_from_page()
        try:
            options.checked()
        except BadOptions as error:
            state.show_error(error)
            return
        guess = estimate(options)
        rows = ", ".join(f"{n:,} {t}" for t, n in guess.rows.items())
        by_job = options.patients > samples.MOST_HERE
        how = "by a Glue job" if by_job else f"in about {guess.seconds:.0f} s"
        st.caption(f"About {rows}; {state.size(guess.bytes)}; {how}.")
        left, right = st.columns(2)
        if left.button("Generate", type="primary", disabled=making is not None, width="stretch"):
            begin = samples.begin_job if by_job else samples.begin
            try:
                begun(begin(state.aws(), options))
            except ServiceError as error:
                state.show_error(error)
        if right.button(
            "Pack as zip",
            disabled=options.patients > MOST_ZIPPED,
            help=f"Up to {MOST_ZIPPED:,} patients; 'hdp batches generate --out' writes more.",
            width="stretch",
        ):
            pack(options)
        packed(options)
        look(options)


def pack(options: Options) -> None:
    """Have the files at hand for `packed`: a download alone would be of the options before a field was left."""
    try:
        with st.spinner("Packing …"):
            st.session_state["packed"] = options, samples.as_zip(state.aws(), options)
    except ServiceError as error:
        state.show_error(error)


def packed(options: Options) -> None:
    """The files of just these options, once they are packed."""
    of, files = st.session_state.get("packed", (None, b""))
    if of == options:
        st.download_button(
            f"Download the zip ({state.size(len(files))})",
            files,
            f"sample-{options.patients}-{options.seed}.zip",
            "application/zip",
            width="stretch",
            on_click="ignore",
        )


@st.cache_data(max_entries=20, show_spinner=False)
def first_rows(options: Options) -> dict[str, pd.DataFrame]:
    """A few hundred patients of these options: a smaller size has the larger one's first patients."""
    made = make(replace(options, patients=min(options.patients, LOOK)), 0)
    return {table: rows.to_pandas() for table, rows in made.items()}


def look(options: Options) -> None:
    with st.expander("Look at the first rows"):
        if not st.toggle("Show a preview"):
            return
        made = first_rows(options)
        for tab, (table, frame) in zip(st.tabs([t.title() for t in made]), made.items(), strict=True):
            tab.dataframe(frame.head(20), hide_index=True, width="stretch")
            tab.caption(
                f"Made-up people, before any damage. {table.title()} of the first {min(options.patients, LOOK):,} patients."
            )
        people = made["patients"].drop_duplicates("patient_id")
        age = (pd.Timestamp(options.start) - pd.to_datetime(people["birth_date"])).dt.days // 3653 * 10
        ages = pd.DataFrame({"age": age, "sex": people["sex"]}).value_counts().reset_index(name="patients")
        labels = {"age": "Age in decades", "patients": "Patients", "sex": "Sex"}
        st.plotly_chart(
            charts.stacked(ages.sort_values("age"), "age", "patients", "sex", labels), key="preview-ages"
        )
        months = made["encounters"].assign(month=made["encounters"]["admitted_at"].str[:7])
        counted = months.groupby(["month", "encounter_class"]).size().reset_index(name="encounters")
        labels = {"month": "Month of admission", "encounters": "Encounters", "encounter_class": "Class"}
        st.plotly_chart(
            charts.stacked(counted, "month", "encounters", "encounter_class", labels), key="preview-months"
        )


def begun(task: Task | JobTask) -> None:
    """Show it; the address carries a job's run, so that a reload finds out how it ended."""
    if isinstance(task, JobTask):
        st.query_params["job"] = task.job_run_id
    st.rerun()


def in_the_making() -> Task | JobTask | None:
    """What is made for this person: by the job in the address, in this process, or by another job."""
    if job_run_id := st.query_params.get("job"):
        try:
            return samples.job(state.aws(), job_run_id)
        except ServiceError as error:
            st.session_state["generate_error"] = str(error)
            del st.query_params["job"]
    return samples.making(state.aws())


@state.live(0.7)
def watch(task: Task | JobTask) -> None:
    """Data in the making: how far it is, and the way out."""
    if isinstance(task, JobTask):
        watch_job(task)
        return
    if task.is_over:
        samples.told(state.aws())
        if task.sample:
            st.session_state["new_batch"] = (task.sample.batch, task.sample.answer_key)
        else:
            st.session_state["generate_error"] = task.error
        st.rerun()
    if task.progress:
        _show(st.progress(0.0), task.progress)
    else:
        st.progress(0.0, "Preparing names and addresses …")
    if st.button("Cancel", key="cancel-sample"):
        task.cancel.set()


def watch_job(task: JobTask) -> None:
    where, message = samples.job_state(state.aws(), task)
    if where in job_runs.JOB_ENDED:
        st.query_params.pop("job", None)
        if where == "SUCCEEDED":
            every = batches.list_batches(state.aws())
            found = next(batch for batch in every if batch.batch_id == task.batch_id)
            st.session_state["new_batch"] = (found, samples.answer_key(state.aws(), task.batch_id))
        else:
            said = message or "no message"
            st.session_state["generate_error"] = (
                f"The Glue job ended {where.lower()}: {said}. Nothing was kept."
            )
        st.rerun()
    st.query_params["job"] = task.job_run_id
    st.info(f"The Glue job generate_sample makes batch {task.batch_id}: {where.lower()}.")
    if st.button("Cancel", key="cancel-job"):
        samples.cancel_job(state.aws(), task)


def upload() -> None:
    with st.container(border=True):
        st.markdown("#### Import an extract")
        st.caption(
            "CSV files (also .gz) with a header line: the portal's own columns, or a Synthea export. Columns are found by name."
        )
        given = st.file_uploader("CSV files of one extract", type=["csv", "gz"], accept_multiple_files=True)
        if not given:
            return
        files = [_source(file) for file in given]
        with st.expander("Look at the first rows"):
            for file in files:
                header, rows = batches.preview(state.aws(), file, 5)
                st.markdown(f"**{file.name}**, {state.size(file.size)}, {len(header)} columns")
                if rows:
                    st.dataframe(
                        pd.DataFrame([(r + [""] * len(header))[: len(header)] for r in rows], columns=header),
                        hide_index=True,
                    )
                else:
                    st.caption(", ".join(header))
        if st.button("Import", type="primary", disabled=importing is not None):
            imports.begin(state.aws(), files)
            st.rerun()


@state.live(0.7)
def watch_import(task: Import) -> None:
    """An extract on its way into the lake."""
    if task.is_over:
        imports.told(state.aws())
        if task.batch:
            st.session_state["new_batch"] = (task.batch, "")
        else:
            st.session_state["import_error"] = task.error
        st.rerun()
    st.progress(min(task.share, 1.0), task.words)


def next_step() -> None:
    if "new_batch" not in st.session_state:
        return
    batch, key = st.session_state["new_batch"]
    rows = ", ".join(f"{n:,} {t}" for t, n in batch.rows.items())
    if batch.is_new:
        st.success(f"Batch {batch.batch_id} is in the lake: {rows}.")
    else:
        st.info(f"This very extract is in the lake already, as batch {batch.batch_id}. Nothing was changed.")
    ignored = {t: e["ignored_columns"] for t, e in batch.tables.items() if e["ignored_columns"]}
    for table, columns in ignored.items():
        st.caption(f"{table}: ignored the columns {', '.join(columns)}")
    left, right, _ = st.columns([1, 1, 2])
    if left.button("Run the pipeline on this", type="primary", disabled=not person.may("run_pipeline")):
        try:
            run = runs.start(state.aws(), [batch.batch_id])
        except ServiceError as error:
            state.show_error(error)
            return
        del st.session_state["new_batch"]
        st.switch_page("app_pages/run.py", query_params={"run": run.run_id})
    if key:
        right.download_button(
            "Answer key of the defects", key, f"{batch.batch_id}_defects.csv", "text/csv", on_click="ignore"
        )


making, importing = in_the_making(), imports.under_way(state.aws())
first, second = st.columns(2)
with first:
    generate()
with second:
    upload()
if making:
    watch(making)
if importing:
    watch_import(importing)
if message := st.session_state.pop("generate_error", None):
    st.warning(unlinked(message))
if message := st.session_state.pop("import_error", None):
    st.error(unlinked(message))
next_step()
state.guarded(batch_list.draw)
