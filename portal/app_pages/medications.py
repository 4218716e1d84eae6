"""Medication administrations of the published release."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from portal.components import dashboard
from portal.components.dashboard import Figure
from portal.services.questions import ADMINISTRATIONS, MEDICATION_QUESTIONS

st.title("Medications")


def figures(ask: Callable[[Mapping[str, str]], pd.Series]) -> list[Figure]:
    row = ask(
        {
            "administrations": "count(*)",
            "patients": "count(DISTINCT patient_key)",
            "medications": "count(DISTINCT medication_key)",
            "not_given": "sum(CASE WHEN state = 'not-done' THEN 1 ELSE 0 END)",
            "first_dose": "approx_percentile(first_minutes, 0.5)",
        }
    )
    total = int(row["administrations"])
    share = int(row["not_given"] or 0) / total if total else None
    minutes = None if pd.isna(row["first_dose"]) else float(row["first_dose"])
    return [
        Figure("Administrations", total, f"{total:,}"),
        Figure("Patients", int(row["patients"]), f"{int(row['patients']):,}"),
        Figure("Medications", int(row["medications"]), f"{int(row['medications']):,}"),
        Figure("Not given", share, "–" if share is None else f"{share:.1%}", "Status not-done: missed or refused"),
        Figure(
            "Median order to first dose",
            minutes,
            "–" if minutes is None else f"{minutes:,.0f} min",
            "To the first dose of an order that was given",
        ),
    ]  # fmt: skip


dashboard.draw(ADMINISTRATIONS, MEDICATION_QUESTIONS, figures)
