"""Generate sample data, upload an extract, see the batches."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.generator import MAX_PATIENTS, BadOptions, Options, estimate
from pipeline.generator.defects import KINDS
from pipeline.generator.write import Progress
from portal.components import state
from portal.services import batches, runs, samples
from portal.services.aws import ServiceError
from portal.services.batches import Batch, SourceFile

MOST_HERE = 100_000
"""Patients that this page makes by itself; beyond, the command line writes files."""

st.title("Data")
person = state.user()
if not person.may("import_data"):
    st.info("Importing data is the engineer's task. Ask one, or choose that role.")
    st.stop()


def _move(bar: Any, share: float, what: str) -> None:
    bar.progress(share, what)


def _show(bar: Any, made: Progress) -> None:
    words = f"{sum(made.rows.values()):,} rows, {made.rate:,.0f} a second, {made.seconds_left:.0f} s left"
    _move(bar, made.blocks_done / made.blocks, words)


def _source(file: Any) -> SourceFile:
    return SourceFile(file.name, file.size, lambda: BytesIO(file.getbuffer()))


def generate() -> None:
    with st.form("generate", border=True):
        st.markdown("#### Generate sample data")
        left, right = st.columns(2)
        patients = left.number_input(
            "Patients",
            1,
            MOST_HERE,
            1000,
            step=500,
            help=f"Up to {MOST_HERE:,} here; 'hdp generate' makes up to {MAX_PATIENTS:,}.",
        )
        seed = right.number_input("Seed", 0, 2**31, 7, help="The same seed gives the same rows.")
        start = left.date_input("From", date(2024, 1, 1), min_value=date(1990, 1, 1), max_value=date.today())  # noqa: DTZ011
        end = right.date_input("To", date(2025, 12, 31), min_value=date(1990, 1, 1), max_value=date.today())  # noqa: DTZ011
        locale = left.selectbox(
            "Names from",
            ["en_US", "es_MX", "de_DE", "fr_FR", "it_IT", "pt_BR"],
            help="Faker locale; addresses stay in the US.",
        )
        rate = right.slider(
            "Share of rows to damage",
            0.0,
            0.2,
            0.0,
            0.01,
            format="percent",
            help="Seeded defects, told in an answer key.",
        )
        names = {kind.name: kind.words for kind in KINDS}
        chosen = st.multiselect(
            "Kinds of damage",
            list(names),
            format_func=lambda name: names[name],
            placeholder="All kinds",
            help="Only where a share is chosen.",
        )
        submitted = st.form_submit_button("Generate", type="primary")
    options = Options(
        int(patients), int(seed), start, end, locale, float(rate), tuple(chosen) if rate else ()
    )
    if not submitted:
        guess = estimate(options)
        rows = ", ".join(f"{n:,} {t}" for t, n in guess.rows.items())
        st.caption(f"About {rows}; {state.size(guess.bytes)}; {guess.seconds:.0f} s.")
        return
    try:
        options.checked()
        bar = st.progress(0.0, "Making patients …")
        sample = samples.create(
            state.aws(),
            options,
            uploader=person.name,
            progress=lambda made: _show(bar, made),
        )
        bar.empty()
    except (BadOptions, ServiceError) as error:
        state.show_error(error)
        return
    st.session_state["new_batch"] = (sample.batch, sample.answer_key)


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
                header, rows = batches.preview(file, 5)
                st.markdown(f"**{file.name}**, {state.size(file.size)}, {len(header)} columns")
                if person.may("see_phi"):
                    st.dataframe(
                        pd.DataFrame([(r + [""] * len(header))[: len(header)] for r in rows], columns=header),
                        hide_index=True,
                    )
                else:
                    st.caption(", ".join(header))
        if not st.button("Import", type="primary"):
            return
        bar = st.progress(0.0, "Reading …")
        try:
            batch = batches.import_files(
                state.aws(),
                files,
                uploader=person.name,
                progress=lambda what, done, total: _move(bar, done / max(total, 1), what),
            )
        except ServiceError as error:
            state.show_error(error)
            return
        finally:
            bar.empty()
        st.session_state["new_batch"] = (batch, "")


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
        st.switch_page("app_pages/runs.py", query_params={"run": run.run_id})
    if key:
        right.download_button(
            "Answer key of the defects", key, f"{batch.batch_id}_defects.csv", "text/csv", on_click="ignore"
        )


def list_batches() -> None:
    st.subheader("Batches")
    found = batches.list_batches(state.aws())
    if not found:
        st.info("The lake holds no batch yet: generate sample data or import an extract above.")
        return
    st.dataframe(
        pd.DataFrame([_line(batch) for batch in found]),
        hide_index=True,
        width="stretch",
        column_config={
            "Received": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", help="In your time zone"),
            "Size": st.column_config.NumberColumn(format="bytes"),
            **{
                name: st.column_config.NumberColumn(format="localized")
                for name in ("Patients", "Encounters", "Medications")
            },
        },
    )


def _line(batch: Batch) -> dict[str, object]:
    return {
        "Batch": batch.batch_id,
        "Received": pd.Timestamp(batch.received_at),
        "Source": batch.source,
        "Patients": batch.rows.get("patients", 0),
        "Encounters": batch.rows.get("encounters", 0),
        "Medications": batch.rows.get("medications", 0),
        "Size": batch.bytes,
        "By": batch.uploader,
        "Seed": str(batch.seed) if batch.seed is not None else "",
    }


first, second = st.columns(2)
with first:
    generate()
with second:
    upload()
next_step()
try:
    list_batches()
except ServiceError as error:
    state.show_error(error)
