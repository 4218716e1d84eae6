"""Medication administrations of the published release."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from portal.components import charts, state
from portal.services.aws import ServiceError
from portal.services.facts import Facts, Filters

ROUTES = {
    "PO": "By mouth (PO)",
    "IV": "Intravenous (IV)",
    "IM": "Intramuscular (IM)",
    "SC": "Subcutaneous (SC)",
    "INH": "Inhaled (INH)",
    "SL": "Under the tongue (SL)",
}

st.title("Medications")
release_id = state.release_or_stop()
facts = Facts(state.aws(), release_id)


def filters() -> Filters:
    choices = state.ask(facts.administration_choices(), release_id)
    with st.container(border=True):
        left, middle, right, last = st.columns(4)
        with left:
            start, end = state.period(choices.frame["first"].iloc[0], choices.frame["last"].iloc[0])
        with middle:
            routes = state.pick("Route", "route", state.choice(choices, "routes"), lambda r: ROUTES.get(r, r))
        with right:
            classes = state.pick(
                "Therapeutic class", "therapeutic", state.choice(choices, "therapeutic_classes")
            )
        with last:
            statuses = state.pick("Status", "status", state.choice(choices, "statuses"))
    return Filters(start, end, routes=routes, therapeutic_classes=classes, statuses=statuses)


def figures(chosen: Filters) -> None:
    row = state.ask(facts.administration_figures(chosen), release_id).frame.iloc[0]
    total = int(row["administrations"])
    columns = st.columns(5)
    columns[0].metric("Administrations", f"{total:,}")
    columns[1].metric("Patients", f"{int(row['patients']):,}")
    columns[2].metric("Medications", f"{int(row['medications']):,}")
    columns[3].metric(
        "Not given",
        f"{int(row['not_given'] or 0) / total:.1%}" if total else "–",
        help="Status not-done: missed or refused",
    )
    minutes = row["minutes_from_order"]
    columns[4].metric(
        "Median order to administration",
        f"{float(minutes):,.0f} min" if pd.notna(minutes) else "–",
    )


def draw(chosen: Filters) -> None:
    words = chosen.words()
    labels = {"month": "Month", "administrations": "Administrations", "route": "Route"}
    answer = state.ask(facts.administrations_by_month(chosen), release_id)
    state.chart(
        "Administrations a month by route",
        answer,
        charts.over_time(answer.frame, "month", "administrations", "route", labels),
        "administrations-by-month",
        words,
    )
    left, right = st.columns(2)
    with left:
        answer = state.ask(facts.by_therapeutic_class(chosen), release_id)
        state.chart(
            "By therapeutic class",
            answer,
            charts.ranking(answer.frame, "therapeutic_class", "administrations", labels),
            "by-class",
            words,
        )
        answer = state.ask(facts.by_status(chosen), release_id)
        state.chart(
            "By status",
            answer,
            charts.ranking(answer.frame, "status", "administrations", labels),
            "by-status",
            words,
        )
    with right:
        answer = state.ask(facts.by_medication(chosen), release_id)
        state.chart(
            "By medication",
            answer,
            charts.ranking(answer.frame, "medication_name", "administrations", labels),
            "by-medication",
            words,
        )
        answer = state.ask(facts.administrations_by_hour(chosen), release_id)
        state.chart(
            "By weekday and hour",
            answer,
            charts.week(answer.frame, "weekday", "hour", "administrations", "doses"),
            "administrations-by-hour",
            words,
        )


try:
    wanted = filters()
    with st.spinner("Asking Athena …"):
        figures(wanted)
        draw(wanted)
except ServiceError as error:
    state.show_error(error)
