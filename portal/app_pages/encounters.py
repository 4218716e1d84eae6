"""Encounters of the published release."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from portal.components import dashboard
from portal.components.charts import wilson
from portal.components.dashboard import Figure
from portal.services.questions import ENCOUNTER_QUESTIONS, ENCOUNTERS

st.title("Encounters")


def figures(ask: Callable[[Mapping[str, str]], pd.Series]) -> list[Figure]:
    row = ask(
        {
            "encounters": "count(*)",
            "patients": "count(DISTINCT patient_key)",
            "total": "sum(cost)",
            "stay": "approx_percentile(CASE WHEN is_inpatient THEN stay_hours END, 0.5) / 24",
            "stays": "count(is_readmitted)",
            "back": "sum(CASE WHEN is_readmitted THEN 1 ELSE 0 END)",
        }
    )
    stay = None if pd.isna(row["stay"]) else float(row["stay"])
    total = float(row["total"] or 0)
    stays, back = int(row["stays"] or 0), int(row["back"] or 0)
    low, high = wilson(back, stays)
    return [
        Figure("Encounters", int(row["encounters"]), f"{int(row['encounters']):,}"),
        Figure("Patients", int(row["patients"]), f"{int(row['patients']):,}"),
        Figure("Median inpatient stay", stay, "–" if stay is None else f"{stay:.1f} days"),
        Figure("Total cost", total, f"${total / 1e6:,.2f} M"),
        Figure(
            "30-day readmission",
            back / stays if stays else None,
            f"{back / stays:.1%}" if stays else "–",
            f"{back:,} of {stays:,} stays; 95 % interval {low:.1%} to {high:.1%}" if stays else "",
        ),
    ]


dashboard.draw(ENCOUNTERS, ENCOUNTER_QUESTIONS, figures)
