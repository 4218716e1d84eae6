"""Page Data: generate sample data, import an extract, list batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from zoneinfo import available_timezones

import pandas as pd
import streamlit as st

from pipeline.sources.csv_layout import ENCODINGS
from portal.batches import imports, inspection, preview, staging
from portal.batches import service as batches
from portal.batches.imports import Import
from portal.batches.inspection import Inspected
from portal.batches.mapping.service import Step
from portal.batches.origin import Extract, Origin
from portal.batches.source_file import SourceFile
from portal.core.errors import ServiceError
from portal.reviews.wording import without_links
from portal.runs import service as runs
from portal.ui import cache, exports, names, session, uploads
from portal.ui.batches import batch_list, mapping_step, sample_form

st.title("Data")
person = session.user()
if not person.may("import_data"):
    st.info("Only engineers can import data. Contact an engineer, or switch to that role.")
    st.stop()


def _source(file: Any) -> SourceFile:
    """Return an uploaded file, supplied by the user who uploaded it, even after another user signs in."""
    staged = uploads.staged(file.file_id)
    if staged is None:
        raise ServiceError(f"'{file.name}' is no longer stored. Remove it from the list and upload it again.")
    return staging.source_file(session.context(), staged)


def upload() -> None:
    with st.container(border=True):
        st.markdown("#### Import an extract")
        st.caption(
            "Text files with a header line (commas, semicolons, tabs or vertical bars; also .gz), Parquet or "
            "NDJSON files, or a ZIP archive: the portal's own columns, Synthea, OMOP, Epic Clarity, or FHIR."
        )
        uploads.accept(session.context())
        given = st.file_uploader(
            "Files of one extract",
            accept_multiple_files=True,
            key=f"upload-{st.session_state.get('imports', 0)}",
        )
        if not given:
            return
        files = [each for file in given for each in inspection.expanded(_source(file))]
        readable = [file for file in files if isinstance(file, SourceFile)]
        steps = mapping_step.steps(files, st.session_state.get("import-encoding", "utf-8"))
        show_files(files, {step.file.name: step for step in steps})
        with st.expander("Preview"):
            for file in readable:
                show_preview(file)
        encoding = st.selectbox(
            "Encoding of files that are not UTF-8",
            list(ENCODINGS),
            format_func=lambda name: "Reject such files" if name == "utf-8" else ENCODINGS[name],
            key="import-encoding",
        )
        if encoding != "utf-8":
            show_undecodable_values(readable)
        origin = ask_origin()
        extract: Extract = st.radio(
            "Extract",
            ("delta", "full"),
            format_func={"delta": "New and changed records", "full": "All records"}.__getitem__,
            help="With all records, those of this source and facility that it lacks end in the next release.",
            horizontal=True,
        )
        with below_columns:
            files, is_waiting = mapping_step.draw(steps, files)
        if st.button("Import", type="primary", disabled=importing is not None or is_waiting):
            imports.start(session.context(), files, encoding, origin, extract)
            st.rerun()


def ask_origin() -> Origin:
    """Ask for facility and time zone; offer those of the user's newest batch."""
    newest = batches.newest_origin(session.context())
    facility = st.text_input("Facility of encounters that name none", newest.facility or "", max_chars=100)
    zones = sorted(available_timezones())
    zone = st.selectbox(
        "Time zone of times without an offset",
        zones,
        index=zones.index(newest.time_zone) if newest.time_zone in zones else None,
        placeholder="As usual for the format: UTC, or the hospital's time zone",
    )
    return Origin(facility, zone or "")


def show_files(files: list[SourceFile | Inspected], steps: Mapping[str, Step]) -> None:
    """Draw a table of what each file is, needed files first, without importing it or reading all of it.

    `steps` are the files that are mapped, by name.
    """
    found = [preview.contents(session.context(), file) for file in files]
    found.sort(key=lambda each: (not each.problem, each.used is None, each.file))
    rows = [
        {
            "File": each.file,
            "Contents": mapping_step.contents(steps[each.file]) if each.file in steps else each.contents,
            "Columns": "" if each.used is None else f"{each.used} used, {each.ignored} ignored",
            "Size": session.size(each.size),
        }
        for each in found
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    for each in found:
        if each.problem and not (each.file in steps and steps[each.file].proposal.table):
            st.warning(without_links(each.problem))


def show_preview(file: SourceFile) -> None:
    try:
        header, rows = preview.preview(session.context(), file, 5)
    except ServiceError as error:
        session.show_error(error)
        return
    st.markdown(f"**{file.name}**, {session.size(file.size)}, {len(header)} columns")
    if rows:
        padded = [(row + [""] * len(header))[: len(header)] for row in rows]
        st.dataframe(pd.DataFrame(padded, columns=header), hide_index=True)
    else:
        st.caption(", ".join(header))


def show_undecodable_values(files: list[SourceFile]) -> None:
    """Show the values that are not valid UTF-8, decoded as UTF-8 and as Windows-1252."""
    undecodable = [
        {"File": file.name, **asdict(v)}
        for file in files
        for v in preview.undecodable_values(session.context(), file)
    ]
    if not undecodable:
        st.caption("All values are UTF-8.")
        return
    names = {"line": "Line", "column": "Column", "as_utf_8": "As UTF-8", "as_windows_1252": "As Windows-1252"}
    st.caption("Values that are not UTF-8. Import them only if the last column shows them as written.")
    st.dataframe(pd.DataFrame(undecodable).rename(columns=names), hide_index=True, width="stretch")


@session.live(0.7)
def watch_import(task: Import) -> None:
    """Show the progress of an import; when it ends, store its batch or error and redraw the page."""
    if task.is_over:
        imports.acknowledge(session.context())
        if task.batch:
            st.session_state["new_batch"] = (task.batch, "")
            st.session_state["imports"] = st.session_state.get("imports", 0) + 1  # an empty list of files
            uploads.discard_all()
            cache.batch_states.clear()
        else:
            st.session_state["import_error"] = task.error
        st.rerun()
    st.progress(min(task.progress, 1.0), task.step)


def next_step() -> None:
    if "new_batch" not in st.session_state:
        return
    batch, ground_truth = st.session_state["new_batch"]
    rows = ", ".join(f"{n:,} {t}" for t, n in batch.rows.items())
    if batch.is_new:
        st.success(f"{names.batch(batch.batch_id)} imported: {rows}.")
    else:
        st.info(f"This extract was already imported as {names.batch(batch.batch_id)}. Nothing was changed.")
    if batch.files:
        ignored = {t: e["ignored_columns"] for t, e in batch.tables.items() if e["ignored_columns"]}
        with st.expander("Files of this extract"):
            st.text("\n".join(inspection.describe(batch.files)))
            for table, columns in ignored.items():
                st.caption(f"{table}: ignored the columns {', '.join(columns)}")
    left, right, _ = st.columns([1, 1, 2])
    if left.button("Run the pipeline on this batch", type="primary", disabled=not person.may("run_pipeline")):
        try:
            run = runs.start(session.context(), [batch.batch_id])
        except ServiceError as error:
            session.show_error(error)
            return
        del st.session_state["new_batch"]
        st.switch_page("app_pages/run.py", query_params={"run": run.run_id})
    if ground_truth:
        name = f"{batch.batch_id}_defects.csv"
        exports.button("Ground truth (CSV)", lambda _: ground_truth, name, place=right)


generating, importing = sample_form.current(), imports.current(session.context())
first, second = st.columns(2)
below_columns = st.container()
with first:
    sample_form.generate(generating)
with second:
    session.guarded(upload)
if generating:
    sample_form.watch(generating)
if importing:
    watch_import(importing)
if message := st.session_state.pop("generate_error", None):
    st.warning(without_links(message))
if message := st.session_state.pop("import_error", None):
    st.error(without_links(message))
next_step()
session.guarded(batch_list.draw)
