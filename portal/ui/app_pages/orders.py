"""Page Orders: charts of the medication orders and dispenses of the published release."""

from __future__ import annotations

import streamlit as st

from pipeline.releases.model import Release
from portal.dashboards.order_charts import ORDER_CHARTS, ORDERS
from portal.ui.dashboards import dashboard
from portal.ui.dashboards.headline import Aggregate, Figure, whole

st.title("Orders")


def figures(aggregate: Aggregate) -> list[Figure]:
    row = aggregate(
        ORDERS,
        {
            "events": "count(*)",
            "orders": "sum(CASE WHEN what = 'order' THEN 1 ELSE 0 END)",
            "patients": "count(DISTINCT person)",
            "medications": "count(DISTINCT medication_key)",
        },
    )
    events, orders, patients, medications = (
        whole(row[name]) for name in ("events", "orders", "patients", "medications")
    )
    dispenses = events - orders
    return [
        Figure(
            "Orders and dispenses",
            events,
            f"{events:,}",
            counts=[events],
            adds=("events", lambda n: f"{n:,.0f}"),
        ),
        Figure("Orders", orders, f"{orders:,}", counts=[orders, dispenses]),
        Figure("Dispenses", dispenses, f"{dispenses:,}", counts=[orders, dispenses]),
        Figure("Patients", patients, f"{patients:,}", counts=[patients]),
        Figure("Medications", medications, f"{medications:,}"),
    ]


def why_empty(release: Release) -> str:
    if release.tables.get("fact_medication_order"):
        return ""
    return "This release has no orders or dispenses: no source recorded them."


dashboard.draw(ORDERS, ORDER_CHARTS, figures, why_empty)
