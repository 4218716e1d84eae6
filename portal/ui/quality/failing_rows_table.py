"""Table of masked failing rows, with export and unmasking of single records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import failing_sql, patient_timeline, rule_texts
from portal.quality import results as quality
from portal.reviews import commands as reviews
from portal.reviews import wording
from portal.ui import cache, exports, session
from portal.ui.exports import SingleRows
from portal.ui.quality.conversation import Finding
from portal.ui.quality.shown import Shown

INEXACT = (
    "This rule also depends on other rows. If a record has several versions in this run, all of them are "
    "shown, including versions that pass."
)


def draw(shown: Shown, chosen: Finding) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Draw the masked failing rows; return them and the pseudonyms of those selected.

    Both are empty if there are no rows, the rows cannot be read, or the user may not see them.
    """
    run_id, (table, rule_id), person = shown.run_id, chosen, session.user()
    if not person.may("query"):
        st.caption("Single rows are shown to analysts, clinicians and engineers.")
        return pd.DataFrame(), ()
    try:
        rows = cache.failing_rows(run_id, table, rule_id, shown.review.version)
    except ServiceError as error:
        session.show_error(error)
        return pd.DataFrame(), ()
    if rows.empty:
        return rows, ()
    _heading(run_id, chosen, len(rows))
    order = [str(name) for name in rows if name != "row"]
    picked = st.dataframe(
        rows.assign(record=range(1, len(rows) + 1)),
        column_order=["record", *order, "row"],
        hide_index=True,
        width="stretch",
        height=min(330, 38 + 35 * len(rows)),
        placeholder="–",
        on_select="rerun",
        selection_mode="multi-row",
        key=f"rows-{run_id}-{shown.review.version}-{table}-{rule_id}",  # another version has other rows
        column_config={"expected": st.column_config.TextColumn(width="large")},
    )["selection"]["rows"]
    picked = [n for n in picked if n < len(rows)]
    with st.container(horizontal=True):
        exports.button(
            "Export masked rows (CSV)",
            lambda _: export(rows, run_id, chosen),
            f"{rule_id}-{table}-{run_id}.csv",
            rows=SingleRows({"run": run_id, "table": table, "rule": rule_id}, list(rows["row"])),
        )
        if len(rows) >= failing_sql.MOST_ROWS:
            _correction_list(run_id, chosen)
    _unmask(run_id, chosen, picked)
    if len(picked) == 1 and person.may("see_phi"):
        _timeline(run_id, chosen, picked[0])
    return rows, tuple(dict.fromkeys(str(rows["row"].iloc[n]) for n in picked))


def _heading(run_id: str, chosen: Finding, number: int) -> None:
    most = failing_sql.MOST_ROWS
    st.markdown(f"#### Failing rows ({f'the first {most}' if number == most else number})")
    rule = rule_texts.rules().get(chosen)
    query = quality.failing_query(session.context(), run_id, *chosen) if rule else None
    if query and not query.is_exact:
        st.caption(INEXACT)
    st.caption("Failing fields first. Identifiers and exact dates are masked (•).")


def _correction_list(run_id: str, chosen: Finding) -> None:
    """Draw the button for all failing rows, with file and line, for the people who correct them."""
    table, rule_id = chosen
    most = failing_sql.MOST_CORRECTIONS

    def make(context: Context) -> str:
        rows = quality.failing_rows(context, run_id, table, rule_id, most)
        return export(rows, run_id, chosen, most)

    exports.button(
        "Correction list, all rows (CSV)",
        make,
        f"corrections-{rule_id}-{table}-{run_id}.csv",
        rows=SingleRows({"run": run_id, "table": table, "rule": rule_id, "rows": "all"}),
        help=f"All failing rows, at most {most:,}, masked, with the file and line to correct. Rules that "
        "depend on other rows list the first 200 only.",
    )


def export(rows: pd.DataFrame, run_id: str, chosen: Finding, most: int = failing_sql.MOST_ROWS) -> str:
    """Return the rows as CSV, whose first lines give run, rule, timestamp and number of rows."""
    table, rule_id = chosen
    head = {
        "run": run_id,
        "rule": f"{rule_id} of {table}",
        "exported": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "rows": f"{len(rows)}, masked, at most {most}",
    }
    return exports.sheet(head, rows)


def _timeline(run_id: str, chosen: Finding, position: int) -> None:
    """Draw the switch for the patient's other records and, if it is on, these records side by side."""
    table, rule_id = chosen
    if not st.toggle("Show the patient's other records", key=f"timeline-{table}-{rule_id}-{position}"):
        return
    try:
        records = patient_timeline.of_record(session.context(), run_id, table, rule_id, position)
    except ServiceError as error:
        session.show_error(error)
        return
    if records.empty:
        st.info("No other record of this patient is loaded.")
        return
    st.dataframe(records, hide_index=True, height=min(330, 38 + 35 * len(records)), placeholder="–")
    st.caption(
        "Loaded encounters and medications of the same patient, the oldest first, without identifiers."
    )


def _unmask(run_id: str, chosen: Finding, picked: list[int]) -> None:
    """Draw the form to unmask the selected record or, if it is unmasked already, the record.

    The reason is recorded before the record is shown. Roles that may not see identifiers get no form.
    """
    person, (table, rule_id) = session.user(), chosen
    if not person.may("see_phi"):
        return
    mine = _unmasked().setdefault((run_id, *chosen, person.name), {})
    if len(picked) != 1:
        st.caption(
            "Select one row to unmask its record." if not picked else "Select only one row to unmask it."
        )
    elif picked[0] not in mine:
        key = f"{table}-{rule_id}-{picked[0]}"
        reason = st.text_input("Reason for access (audited)", key=f"why-{key}", max_chars=200)
        if st.button("Unmask patient identifiers", key=f"unmask-{key}"):
            try:
                mine[picked[0]] = (
                    reason,
                    reviews.unmask(session.context(), run_id, table, rule_id, picked[0], reason),
                )
            except ServiceError as error:
                session.show_error(error)
    if len(picked) == 1 and picked[0] in mine:
        why, record = mine[picked[0]]
        st.caption(
            f"Unmasked for {wording.escape_markdown(person.name)}: “{wording.escape_markdown(why)}”. "
            "Recorded in the audit log."
        )
        st.table(
            pd.DataFrame(
                {"Field": list(record), "Value": ["–" if v is None else str(v) for v in record.values()]}
            )
        )


Record = tuple[str, dict[str, Any]]


def _unmasked() -> dict[tuple[str, ...], dict[int, Record]]:
    """Return this session's unmasked records, each with its reason, by (run, finding, user) and row index."""
    unmasked: dict[tuple[str, ...], dict[int, Record]] = st.session_state.setdefault("unmasked", {})
    return unmasked
