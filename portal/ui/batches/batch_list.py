"""List of batches with their status, and details of one batch with buttons to reprocess or retire it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from portal.batches import lifecycle, retirement
from portal.batches.lifecycle import BatchState
from portal.core.errors import ServiceError
from portal.core.vocabulary import BATCH_STATES
from portal.reviews import wording
from portal.ui import cache, formats, names, query_params, row_links, session

_COUNTS = ("Patients", "Encounters", "Medications")


def draw() -> None:
    st.subheader("Batches")
    found = cache.batch_states()
    if not found:
        st.info("No batches yet. Generate sample data or import an extract above.")
        return
    by_id = {state.batch.batch_id: state for state in found}
    frame = pd.DataFrame([_line(state) for state in found])
    opened, _ = row_links.table(
        frame,
        list(by_id),
        "batches-table",
        height=min(38 + 35 * len(frame), 400),
        column_config={
            "Received": formats.time_column("YYYY-MM-DD HH:mm"),
            "Size": st.column_config.NumberColumn(format="bytes"),
            **{name: st.column_config.NumberColumn(format="localized") for name in _COUNTS},
        },
    )
    if opened:
        st.query_params["batch"] = opened
    chosen = query_params.one_of(
        "Batch",
        list(by_id),
        "batch",
        found[0].batch.batch_id,
        format_func=lambda name: names.batch_state(by_id[name]),
    )
    _detail(by_id[chosen])


def _line(state: BatchState) -> dict[str, object]:
    batch = state.batch
    return {
        "Batch": names.batch(batch.batch_id),
        "Status": f"{BATCH_STATES[state.status]}{', published' if state.is_published else ''}",
        "Received": pd.Timestamp(batch.received_at),
        "Source": names.source(batch),
        **{name: batch.rows.get(name.lower(), 0) for name in _COUNTS},
        "Size": batch.bytes,
        "By": batch.uploader,
    }


def _detail(state: BatchState) -> None:
    batch = state.batch
    with st.container(border=True):
        left, right = st.columns([6, 1])
        left.markdown(f"**{names.batch_contents(batch)}** · {BATCH_STATES[state.status]}")
        with right:
            names.ids({"Batch": batch.batch_id})
        files = [
            {
                "Table": table,
                "File": file["key"].rpartition("/")[2],
                "Rows": file["rows"],
                "Size": file["bytes"],
            }
            for table, entry in batch.tables.items()
            for file in entry["files"]
        ]
        st.dataframe(
            pd.DataFrame(files),
            hide_index=True,
            width="stretch",
            height="content",
            column_config={
                "Rows": st.column_config.NumberColumn(format="localized"),
                "Size": st.column_config.NumberColumn(format="bytes"),
            },
        )
        listed = ", ".join(map(names.release, state.releases))
        st.caption(f"Releases with this batch: {listed or 'none'}.")
        if state.releases:
            _links(state.releases[-1], state.releases[0])
        if record := state.retirement:
            by = wording.escape_markdown(record.retired_by)
            at = formats.when(formats.parse_timestamp(record.retired_at))
            st.warning(f"Retired by {by}, {at}: {wording.escape_markdown(record.reason)}")
        elif session.user().may("run_pipeline"):
            _actions(batch.batch_id)


def _links(first: str, newest: str) -> None:
    """Draw links to the run that loaded a batch first, its findings, and the newest release with it."""
    with st.container(horizontal=True):
        for page, label, query in (
            ("run", f"Loaded by {names.run(first)}", {"run": first}),
            ("quality", "Findings of that run", {"run": first}),
            ("releases", names.release(newest), {"release": newest}),
        ):
            st.page_link(f"app_pages/{page}.py", label=label, query_params=query)


def _actions(batch_id: str) -> None:
    with st.container(horizontal=True):
        if st.button(
            "Reprocess", key=f"reprocess-{batch_id}", help="Start a run that reads this batch again."
        ):
            _reprocess(batch_id)
        st.button(
            "Retire …",
            key=f"retire-{batch_id}",
            help="Leave this batch out of later releases.",
            on_click=lambda: st.session_state.update({_OPEN_DIALOG: batch_id}),
        )
    if st.session_state.get(_OPEN_DIALOG) == batch_id:
        _retire(batch_id)


_OPEN_DIALOG = "retire-dialog"
"""Session-state key of the batch whose retire dialog is open."""


def _close() -> None:
    st.session_state.pop(_OPEN_DIALOG, None)


def _reprocess(batch_id: str) -> None:
    try:
        run = lifecycle.reprocess(session.context(), [batch_id])
    except ServiceError as error:
        session.show_error(error)
        return
    cache.forget_runs()
    st.switch_page("app_pages/run.py", query_params={"run": run.run_id})


@st.dialog("Retire the batch", on_dismiss=_close)
def _retire(batch_id: str) -> None:
    st.markdown(
        f"The next release leaves **{names.batch(batch_id)}** out. Its files stay in bronze, and the "
        "published release does not change. This cannot be undone, but you can import the same extract again."
    )
    with st.form(f"retire-form-{batch_id}", border=False):
        reason = st.text_input("Reason", max_chars=500, help="Recorded with the batch.")
        is_confirmed = st.form_submit_button("Retire", type="primary")
    if not is_confirmed:
        return
    try:
        retirement.retire(session.context(), batch_id, reason=reason)
    except ServiceError as error:
        session.show_error(error)
        return
    cache.batch_states.clear()
    _close()
    st.rerun()
