"""Page Audit log: events by person, patient, action and period, with their trend."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import cycle

import pandas as pd
import plotly.express as px
import streamlit as st

from portal.audit import report
from portal.audit import service as audit_log
from portal.audit.events import ACTIONS, LABELS, AuditEvent
from portal.audit.service import Search
from portal.core.context import Context
from portal.ui import exports, session
from portal.ui.theme import KIND_SEQUENCE, MEASURE, NEUTRAL, ROUTE_SEQUENCE, SEQUENCE

st.title("Audit log")
person = session.user()
if not person.may("see_audit_log"):
    st.info("The audit log is available to privacy officers. Ask one, or switch to that role.")
    st.stop()

DAYS = 30
COLORS = dict(
    zip(
        LABELS.values(),
        cycle((*SEQUENCE, NEUTRAL, MEASURE, *ROUTE_SEQUENCE, *KIND_SEQUENCE)),
        strict=False,  # an action beyond the last color shares one
    )
)


def filters() -> Search:
    """Draw the filters and return the search they describe; names and pseudonyms never get into the URL."""
    today = datetime.now(UTC).date()
    left, right = st.columns(2)
    period = left.date_input(
        "Period (UTC)",
        (today - timedelta(days=DAYS - 1), today),
        max_value=today,
        format="YYYY-MM-DD",
        key="audit-period",
    )
    actions = right.multiselect(
        "Action", ACTIONS, format_func=LABELS.__getitem__, placeholder="All actions", key="audit-actions"
    )
    left, right = st.columns(2)
    name = left.text_input("Person", key="audit-person", placeholder="Part of a name or sign-in ID")
    patient = right.text_input("Patient", key="audit-patient", placeholder="Pseudonym")
    since, until = _ends(period)
    return Search(since, until, tuple(actions), name, patient)


def _ends(period: object) -> tuple[date, date]:
    """Return the first and the last day of the picked period; stop the page if none is picked.

    Until the user picks the last day, it is the first one.
    """
    days = list(period) if isinstance(period, tuple) else []
    if not days:
        st.stop()
    return days[0], days[-1]


def trend(events: list[AuditEvent], wanted: Search) -> None:
    frame = pd.DataFrame(report.trend(events, wanted.since, wanted.until))
    figure = px.bar(frame, x="Date", y="Events", color="Action", color_discrete_map=COLORS)
    legend = {"orientation": "h", "y": -0.35, "title": None}
    figure.update_layout(height=300, margin={"t": 10, "b": 0}, legend=legend)
    figure.update_xaxes(title=None)
    busiest = int(frame.groupby("Date")["Events"].sum().max())
    figure.update_yaxes(rangemode="tozero", tickformat=",d", dtick=1 if busiest < 5 else None)
    st.plotly_chart(figure, key="audit-trend", config={"displaylogo": False}, alt="Events per day, by action")


def table(events: list[AuditEvent]) -> None:
    frame = pd.DataFrame(map(report.row, events), columns=list(report.COLUMNS))
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=min(560, 38 + 35 * len(frame)),
        column_config={
            "Object": st.column_config.TextColumn(width="medium"),
            "Reason": st.column_config.TextColumn(width="medium"),
            "Subject": None,
        },
    )


def export(wanted: Search) -> None:
    exports.button(
        "Export (CSV)",
        lambda context: _csv(context, wanted),
        f"audit-log-{wanted.since}-{wanted.until}.csv",
        help="The export is recorded in the audit log.",
    )


def _csv(context: Context, wanted: Search) -> str:
    """Return the events as CSV. The export is recorded first, so it is listed if it matches the search."""
    target = {"period": f"{wanted.since} to {wanted.until}"}
    audit_log.record(context, "export_audit_log", target)
    events = audit_log.search(context, wanted)
    head = {**target, "exported": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "events": str(len(events))}
    return exports.sheet(head, pd.DataFrame(map(report.row, events), columns=list(report.COLUMNS)))


def draw() -> None:
    st.caption(
        "Who did what, when, from where and why. Patients appear as pseudonyms. Events are kept six years."
    )
    wanted = filters()
    with st.spinner("Reading events …"):
        events = audit_log.search(session.context(), wanted)
    if not events:
        st.info("No events match these filters. Choose a longer period or remove a filter.")
        return
    people = len({event.subject for event in events})
    st.markdown(f"**{len(events):,} events** of {people:,} {'people' if people > 1 else 'person'}")
    trend(events, wanted)
    table(events)
    export(wanted)


session.guarded(draw)
