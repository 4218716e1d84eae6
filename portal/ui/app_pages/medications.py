"""Page Medications: charts of the medication administrations of the published release."""

from __future__ import annotations

import streamlit as st

from pipeline.releases.model import Release
from portal.dashboards.administrations import ADMINISTRATIONS, FIRST_DOSES
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.ui.dashboards import dashboard
from portal.ui.dashboards.headline import Aggregate, Figure, number, whole

st.title("Medications")


def figures(aggregate: Aggregate) -> list[Figure]:
    row = aggregate(
        ADMINISTRATIONS,
        {
            "administrations": "count(*)",
            "patients": "count(DISTINCT person)",
            "medications": "count(DISTINCT medication_key)",
            "not_given": "sum(CASE WHEN state = 'not-done' THEN 1 ELSE 0 END)",
        },
    )
    first = aggregate(FIRST_DOSES, {"doses": "count(minutes)", "median": "approx_percentile(minutes, 0.5)"})
    total, patients, medications, missed = (
        whole(row[name]) for name in ("administrations", "patients", "medications", "not_given")
    )
    share, minutes = missed / total if total else None, number(first["median"])
    return [
        Figure(
            "Administrations",
            total,
            f"{total:,}",
            counts=[total],
            adds=("administrations", lambda n: f"{n:,.0f}"),
        ),
        Figure("Patients", patients, f"{patients:,}", counts=[patients]),
        Figure("Medications", medications, f"{medications:,}"),
        Figure(
            "Doses not given",
            share,
            "–" if share is None else f"{share:.1%}",
            "Includes missed and refused.",
            share=(missed, total),
        ),
        Figure(
            "Median order to first dose",
            minutes,
            "–" if minutes is None else f"{minutes:,.0f} min",
            "To the first dose of an order that was given",
            counts=[whole(first["doses"])],
        ),
    ]


def why_empty(release: Release) -> str:
    if release.tables.get("fact_medication_admin") or not release.tables.get("fact_medication_order"):
        return ""
    return (
        "This release has orders only: no source recorded administrations. Doses, delays and doses not given "
        "cannot be shown. The page Orders shows the orders."
    )


dashboard.draw(ADMINISTRATIONS, MEDICATION_CHARTS, figures, why_empty)
