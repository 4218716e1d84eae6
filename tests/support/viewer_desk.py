"""Views of viewers over a star of a hospital's size, beside SQL by hand over the same files."""

from __future__ import annotations

from portal.dashboards import suppressed_views
from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.dashboards.query_builder import Filters
from tests.support.chart_truth import Star
from tests.support.gold import RELEASE, Athena, write

PAGES = {
    "encounters": ENCOUNTER_CHARTS,
    "medications": MEDICATION_CHARTS,
    "orders": ORDER_CHARTS,
    "patients": PATIENT_CHARTS,
}
ALL = [(page, chart) for page, charts in PAGES.items() for chart in charts]
BY_KEY = {chart.key: chart for _, chart in ALL}


class Desk:
    """A viewer's desk: views over one star, and SQL by hand over the same files."""

    def __init__(self, folder, patients):
        write(folder, patients, seed=11)
        self.athena, self.star = Athena(folder), Star(folder, RELEASE)
        self.kept = {}

    def ask(self, chart):
        return self.athena.chart_sql(chart, Filters())

    def table(self, chart):
        key = chart.dataset.name, chart.dataset.noun, chart.by, tuple(chart.measures)
        if key not in self.kept:
            self.kept[key] = suppressed_views.table_of(chart, self.ask)
        return self.kept[key]

    def view(self, chart, filters=None):
        return suppressed_views.view(chart, filters or Filters(), self.ask, self.table)
