"""The patients of the published release, each as of the newest version of what is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from portal.components import dashboard
from portal.components.dashboard import Figure
from portal.services.questions import PATIENT_QUESTIONS, PATIENTS

st.title("Patients")


def figures(ask: Callable[[Mapping[str, str]], pd.Series]) -> list[Figure]:
    row = ask(
        {
            "patients": "count(*)",
            "deceased": "sum(CASE WHEN is_deceased THEN 1 ELSE 0 END)",
            "changed": "sum(CASE WHEN version > 1 THEN 1 ELSE 0 END)",
        }
    )
    total, deceased, changed = (int(row[name] or 0) for name in ("patients", "deceased", "changed"))
    return [
        Figure("Patients", total, f"{total:,}"),
        Figure("Deceased", deceased, f"{deceased:,}"),
        Figure(
            "Changed since first seen",
            changed,
            f"{changed:,}",
            "Patients with more than one version (Type 2).",
        ),
    ]


dashboard.draw(PATIENTS, PATIENT_QUESTIONS, figures)
