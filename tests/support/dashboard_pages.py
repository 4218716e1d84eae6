"""Dashboard pages in AppTest: the figures and numbers that they show, by chart and label."""

from __future__ import annotations

import json

from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from tests.support.figure_checks import decoded

CHARTS_BY_KEY = {q.key: q for q in (*ENCOUNTER_CHARTS, *MEDICATION_CHARTS, *ORDER_CHARTS, *PATIENT_CHARTS)}
PAGE_OF = {
    "encounters": [q.key for q in ENCOUNTER_CHARTS],
    "medications": [q.key for q in MEDICATION_CHARTS],
    "orders": [q.key for q in ORDER_CHARTS],
    "patients": [q.key for q in PATIENT_CHARTS],
}


def figures(app):
    """The figures of a page by their charts."""
    found = {}
    for chart in app.get("plotly_chart"):
        key = next(
            key for key in sorted(CHARTS_BY_KEY, key=len, reverse=True) if f"-{key}-" in chart.proto.id
        )
        found[key] = decoded(json.loads(chart.proto.spec))
    return found


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}
