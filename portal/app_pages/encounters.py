"""Encounters of the published release."""

from __future__ import annotations

import math

import pandas as pd
import streamlit as st

from portal.components import charts, state
from portal.services.aws import ServiceError
from portal.services.facts import Facts, Filters

NAMES = {
    "AMB": "Ambulatory (AMB)",
    "EMER": "Emergency (EMER)",
    "IMP": "Inpatient (IMP)",
    "ACUTE": "Inpatient acute (ACUTE)",
    "OBSENC": "Observation (OBSENC)",
    "VR": "Virtual (VR)",
    "HH": "Home health (HH)",
}

st.title("Encounters")
release_id = state.release_or_stop()
facts = Facts(state.aws(), release_id)


def filters() -> Filters:
    choices = state.ask(facts.encounter_choices(), release_id)
    with st.container(border=True):
        left, middle, right = st.columns(3)
        with left:
            start, end = state.period(choices.frame["first"].iloc[0], choices.frame["last"].iloc[0])
        with middle:
            classes = state.pick(
                "Class", "class", state.choice(choices, "classes"), lambda c: NAMES.get(c, c)
            )
        with right:
            departments = state.pick("Department", "department", state.choice(choices, "departments"))
    return Filters(start, end, classes, departments)


def figures(chosen: Filters) -> None:
    row = state.ask(facts.encounter_figures(chosen), release_id).frame.iloc[0]
    columns = st.columns(5)
    columns[0].metric("Encounters", f"{int(row['encounters']):,}")
    columns[1].metric("Patients", f"{int(row['patients']):,}")
    stay = row["stay_days"]
    columns[2].metric("Median inpatient stay", f"{float(stay):.1f} days" if pd.notna(stay) else "–")
    columns[3].metric("Total cost", f"${float(row['cost'] or 0) / 1e6:,.2f} M")
    index, back = int(row["index_stays"] or 0), int(row["readmitted"] or 0)
    low, high = wilson(back, index)
    columns[4].metric(
        "30-day readmission",
        f"{back / index:.1%}" if index else "–",
        help=f"{back:,} of {index:,} stays; 95 % interval {low:.1%} to {high:.1%}",
    )


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if not total:
        return 0.0, 1.0
    z, share = 1.96, hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def draw(chosen: Filters) -> None:
    words = chosen.words()
    by_month = state.ask(facts.encounters_by_month(chosen), release_id)
    labels = {"month": "Month of admission", "encounters": "Encounters", "encounter_class": "Class"}
    state.chart(
        "Encounters a month",
        by_month,
        charts.over_time(by_month.frame, "month", "encounters", "encounter_class", labels),
        "encounters-by-month",
        words,
    )
    left, right = st.columns(2)
    with left:
        answer = state.ask(facts.encounters_by_department(chosen), release_id)
        state.chart(
            "By department",
            answer,
            charts.ranking(
                answer.frame,
                "department",
                "encounters",
                {"encounters": "Encounters", "department": "Department"},
            ),
            "encounters-by-department",
            words,
        )
        answer = state.ask(facts.stay_distribution(chosen), release_id)
        state.chart(
            "Length of stay",
            answer,
            charts.distribution(
                answer.frame,
                "days",
                "encounters",
                "encounter_class",
                {"days": "Days (30 stands for 30 and more)", "encounters": "Encounters"},
            ),
            "length-of-stay",
            words,
        )
    with right:
        answer = state.ask(facts.encounters_by_diagnosis(chosen), release_id)
        state.chart(
            "Case mix by diagnosis chapter",
            answer,
            charts.ranking(
                answer.frame, "chapter", "encounters", {"encounters": "Encounters", "chapter": "Chapter"}
            ),
            "case-mix",
            words,
        )
        answer = state.ask(facts.arrivals_by_hour(chosen), release_id)
        state.chart(
            "Arrivals by weekday and hour",
            answer,
            charts.week(answer.frame, "weekday", "hour", "encounters", "encounters"),
            "arrivals",
            words,
        )


try:
    wanted = filters()
    with st.spinner("Asking Athena …"):
        figures(wanted)
        draw(wanted)
except ServiceError as error:
    state.show_error(error)
