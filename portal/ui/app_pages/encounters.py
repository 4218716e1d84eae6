"""Page Encounters: charts of the encounters of the published release."""

from __future__ import annotations

import streamlit as st

from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.encounters import ENCOUNTERS
from portal.ui.dashboards import dashboard
from portal.ui.dashboards.figure_parts import wilson
from portal.ui.dashboards.headline import Aggregate, Figure, number, whole

st.title("Encounters")


def dollars(amount: float) -> str:
    return f"${amount / 1e6:,.2f} M"


def figures(aggregate: Aggregate) -> list[Figure]:
    row = aggregate(
        ENCOUNTERS,
        {
            "encounters": "count(*)",
            "patients": "count(DISTINCT person)",
            "total": "sum(cost)",
            "inpatient": "count(CASE WHEN is_inpatient THEN stay_hours END)",
            "stay": "approx_percentile(CASE WHEN is_inpatient THEN stay_hours END, 0.5) / 24",
            "stays": "count(is_readmitted)",
            "back": "sum(CASE WHEN is_readmitted THEN 1 ELSE 0 END)",
        },
    )
    encounters, patients, inpatient, stays, back = (
        whole(row[name]) for name in ("encounters", "patients", "inpatient", "stays", "back")
    )
    stay, total = number(row["stay"]), number(row["total"]) or 0.0
    low, high = wilson(back, stays)
    return [
        Figure(
            "Encounters",
            encounters,
            f"{encounters:,}",
            counts=[encounters],
            adds=("encounters", lambda n: f"{n:,.0f}"),
        ),
        Figure("Patients", patients, f"{patients:,}", counts=[patients]),
        Figure(
            "Median inpatient stay", stay, "–" if stay is None else f"{stay:.1f} days", counts=[inpatient]
        ),
        Figure("Total cost", total, dollars(total), counts=[encounters], adds=("cost", dollars)),
        Figure(
            "30-day readmission",
            back / stays if stays else None,
            f"{back / stays:.1%}" if stays else "–",
            f"{back:,} of {stays:,} stays; 95 % interval {low:.1%} to {high:.1%}" if stays else "",
            share=(back, stays),
        ),
    ]


dashboard.draw(ENCOUNTERS, ENCOUNTER_CHARTS, figures)
