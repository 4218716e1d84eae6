"""Badge on a chart whose data has open findings: how many, what they say and how many records they touch."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from portal.core.errors import ServiceError
from portal.dashboards.query_builder import Chart
from portal.reviews import wording
from portal.reviews.decisions import Finding
from portal.ui import cache, session

SILVER = {
    "fact_encounter": "encounters",
    "fact_medication_admin": "medications",
    "fact_medication_order": "medications",
    "dim_patient": "patients",
}
"""The silver table that each gold table takes its rows from."""

_MOST = 8
"""Maximum number of findings that the badge lists."""


def touching(chart: Chart, findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings with failing records in a table that the measure of the chart is made from."""
    if chart.contract is None:
        return []
    gold = {column.partition(".")[0] for column in chart.contract.source}
    tables = gold | {SILVER[table] for table in gold if table in SILVER}
    return [each for each in findings if each.table_name in tables and each.failed]


def draw(chart: Chart, release_id: str) -> None:
    """Draw the badge, for roles that may query; draw nothing without findings or if they cannot be read."""
    if not session.user().may("query"):
        return
    try:
        found = touching(chart, cache.open_findings(release_id))
    except ServiceError:
        return
    if not found:
        return
    number = f"{len(found)} open finding{'s' if len(found) > 1 else ''}"
    with st.popover(f":orange[⚠ {number}]", type="tertiary", help="Findings on the data of this chart"):
        for each in found[:_MOST]:
            st.markdown(
                f"- {wording.without_links(each.sentence)} ({each.failed:,} of {each.checked:,} records)"
            )
        if len(found) > _MOST:
            st.caption(f"And {len(found) - _MOST} more.")
        if st.button("View on Quality", key=f"{chart.key}-quality"):
            st.switch_page("app_pages/quality.py", query_params={"run": release_id})
