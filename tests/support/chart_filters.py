"""Random filters, as the portal's `Filters` and as handwritten SQL, and a check of charts with them."""

from __future__ import annotations

import json
import random
from datetime import timedelta

from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.dashboards.query_builder import Filters
from portal.ui.dashboards import figures
from tests.support.chart_truth import ADMITTED, CHARTS, GIVEN, GIVEN_OR_ORDERED, ORDERED, ROWS
from tests.support.figure_checks import CHECKS, decoded

PAGES = {
    "encounters": ENCOUNTER_CHARTS,
    "medications": MEDICATION_CHARTS,
    "orders": ORDER_CHARTS,
    "patients": PATIENT_CHARTS,
}
ALL = [(page, chart) for page, charts in PAGES.items() for chart in charts]

# handwritten SQL of each filter's values, from the contracts
MEANS = {
    "encounters": {
        "class": "coalesce(encounter_class, 'Not recorded')",
        "department": "coalesce(department, 'Not recorded')",
        "payer": "coalesce(payer, 'Not recorded')",
        "chapter": "coalesce(icd10_chapter_title, diagnosis_description, 'Not recorded')",
        "specialty": "coalesce(provider_specialty, 'Not recorded')",
        "weekday": f"isodow({ADMITTED})",
        "hour": f"hour({ADMITTED})",
        "days": "if(length_of_stay_days > 30, 30, length_of_stay_days)",
    },
    "medications": {
        "route": "coalesce(f.route, 'Not recorded')",
        "therapeutic": "coalesce(therapeutic_class, 'Not classified')",
        "status": "coalesce(status, 'Not recorded')",
        "medication": "coalesce(medication_name, 'Not recorded')",
        "specialty": "coalesce(provider_specialty, 'Not recorded')",
        "weekday": f"isodow({GIVEN})",
        "hour": f"hour({GIVEN})",
        "reason": "coalesce(reason_not_given, 'Not recorded')",
        "scan": "if(barcode_scanned, 'Scanned', if(barcode_scanned IS NULL, 'Not recorded', 'Not scanned'))",
        "wait": "if(minutes_from_order >= 120, 120, floor(minutes_from_order / 10) * 10)",
    },
    "orders": {
        "kind": "event_kind",
        "route": "coalesce(f.route, 'Not recorded')",
        "therapeutic": "coalesce(therapeutic_class, 'Not classified')",
        "status": "coalesce(status, 'Not recorded')",
        "medication": "coalesce(medication_name, 'Not recorded')",
        "specialty": "coalesce(provider_specialty, 'Not recorded')",
    },
    "patients": {
        "sex": "coalesce(sex, 'Not recorded')",
        "state": "coalesce(state, 'Not recorded')",
        "payer": "coalesce(payer, 'Not recorded')",
        "age_band": "coalesce(age_band, 'Not recorded')",
        "zip3": "coalesce(zip3, 'Not recorded')",
        "race": "coalesce(race, 'Not recorded')",
        "language": "coalesce(language, 'Not recorded')",
    },
}
DAY = {
    "encounters": f"{ADMITTED}::date",
    "medications": f"{GIVEN_OR_ORDERED}::date",
    "orders": f"{ORDERED}::date",
}


def chosen(star, page, seed):
    """Return one to three random filters, and often a period, as `Filters` and as a SQL condition."""
    choose = random.Random(f"{page} {seed}")
    values, conditions = {}, []
    for name in choose.sample(sorted(MEANS[page]), choose.randint(1, 3)):
        meant = MEANS[page][name]
        joined = ROWS[page][ROWS[page].index("FROM fact" if page != "patients" else "FROM dim") :]
        query = f"SELECT v FROM (SELECT DISTINCT {meant} AS v {joined}) WHERE v IS NOT NULL ORDER BY v"
        present = [v for (v,) in star.sql.execute(query).fetchall()]
        picked = choose.sample(present, choose.randint(1, max(1, len(present) - 1)))
        values[name] = tuple(str(int(v)) if isinstance(v, float) else str(v) for v in picked)
        listed = ", ".join("'" + v.replace("'", "''") + "'" if isinstance(v, str) else str(v) for v in picked)
        conditions.append(f"{meant} IN ({listed})")
    start = end = None
    if page in DAY and choose.random() < 0.6:
        fact = ROWS[page][ROWS[page].index("FROM fact") :]
        ((first, last),) = star.sql.execute(f"SELECT min({DAY[page]}), max({DAY[page]}) {fact}").fetchall()
        days = (last - first).days
        start = first + timedelta(choose.randint(0, days // 2))
        end = start + timedelta(choose.randint(days // 4, days))
        conditions.append(f"{DAY[page]} BETWEEN '{start}' AND '{end}'")
    return Filters(start, end, values), " AND ".join(conditions)


def check(gold, page, chart, filters, condition):
    athena, star = gold
    rows = star.ask(page, condition, CHARTS[chart.key])
    frame = athena.chart_sql(chart, filters)
    assert frame.empty == (not rows)
    if rows:
        drawn = decoded(json.loads(figures.figure(chart, frame).to_json()))
        CHECKS[chart.kind](drawn, rows, None)
