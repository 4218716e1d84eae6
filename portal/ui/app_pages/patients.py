"""Page Patients: charts of the newest version of each patient in the published release."""

from __future__ import annotations

import streamlit as st

from portal.dashboards.patient_charts import PATIENT_CHARTS, PATIENTS
from portal.ui.dashboards import dashboard
from portal.ui.dashboards.headline import Aggregate, Figure, whole

st.title("Patients")


def figures(aggregate: Aggregate) -> list[Figure]:
    row = aggregate(
        PATIENTS,
        {
            "patients": "count(*)",
            "deceased": "sum(CASE WHEN is_deceased THEN 1 ELSE 0 END)",
            "changed": "sum(CASE WHEN version > 1 THEN 1 ELSE 0 END)",
        },
    )
    total, deceased, changed = (whole(row[name]) for name in ("patients", "deceased", "changed"))
    return [
        Figure("Patients", total, f"{total:,}", counts=[total], adds=("patients", lambda n: f"{n:,.0f}")),
        Figure("Deceased patients", deceased, f"{deceased:,}", counts=[deceased, total - deceased]),
        Figure(
            "Patients with changed records",
            changed,
            f"{changed:,}",
            "Patients whose record was changed after it was first received.",
            counts=[changed, total - changed],
        ),
    ]


dashboard.draw(PATIENTS, PATIENT_CHARTS, figures)
