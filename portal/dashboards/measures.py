"""The key measures of a release, which homes and the page Releases compare between releases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from portal.dashboards import query_builder
from portal.dashboards.administrations import ADMINISTRATIONS
from portal.dashboards.encounters import ENCOUNTERS
from portal.dashboards.query_builder import Chart, Dataset


@dataclass(frozen=True)
class Measure:
    """A measure: the SQL aggregate `part` and, for a share, the one of the `whole`."""

    label: str
    dataset: Dataset
    part: str
    whole: str = ""
    unit: str = ""

    def value(self, row: Mapping[str, Any], name: str) -> float | None:
        """Return the value from the aggregates of its dataset; None if there is nothing to measure."""
        part = row[f"{name}_part"]
        if not self.whole:
            return None if pd.isna(part) else float(part)
        whole = row[f"{name}_whole"]
        return None if pd.isna(part) or pd.isna(whole) or not whole else float(part) / float(whole)

    def text(self, value: float | None) -> str:
        """Return a value as text: "1,234", "13.4%" or "3.0 days"."""
        if value is None:
            return "–"
        if self.whole:
            return f"{value:.1%}"
        return f"{value:,.1f} {self.unit}" if self.unit else f"{value:,.0f}"

    def change(self, now: float | None, before: float | None) -> str:
        """Return the change since the previous release: "+12 (+1.3%)", or "+0.4 points" for a share."""
        if now is None or before is None:
            return ""
        difference = now - before
        if self.whole:
            return f"{100 * difference:+.1f} points" if abs(difference) >= 0.0005 else "unchanged"
        if not difference:
            return "unchanged"
        text = f"{difference:+,.1f}" if self.unit else f"{difference:+,.0f}"
        return f"{text} ({difference / abs(before):+.1%})" if before else text


MEASURES: dict[str, Measure] = {
    "encounters": Measure("Encounters", ENCOUNTERS, "count(*)"),
    "patients": Measure("Patients with encounters", ENCOUNTERS, "count(DISTINCT person)"),
    "stay": Measure(
        "Median inpatient stay",
        ENCOUNTERS,
        "approx_percentile(CASE WHEN is_inpatient THEN stay_hours END, 0.5) / 24",
        unit="days",
    ),
    "readmission": Measure(
        "30-day readmission",
        ENCOUNTERS,
        "sum(CASE WHEN is_readmitted THEN 1 ELSE 0 END)",
        "count(is_readmitted)",
    ),
    "not_given": Measure(
        "Doses not given", ADMINISTRATIONS, "sum(CASE WHEN state = 'not-done' THEN 1 ELSE 0 END)", "count(*)"
    ),
}


def values(aggregate: Callable[[Dataset, Mapping[str, str]], Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the value of each measure; `aggregate` returns SQL aggregates of a dataset by name."""
    rows = {}
    for dataset in {id(measure.dataset): measure.dataset for measure in MEASURES.values()}.values():
        rows[dataset.name] = aggregate(dataset, _aggregates(dataset))
    return {name: measure.value(rows[measure.dataset.name], name) for name, measure in MEASURES.items()}


def _aggregates(dataset: Dataset) -> dict[str, str]:
    """Return the SQL aggregates of all measures of a dataset, by name."""
    found = {}
    for name, measure in MEASURES.items():
        if measure.dataset is dataset:
            found[f"{name}_part"] = measure.part
            if measure.whole:
                found[f"{name}_whole"] = measure.whole
    return found


def by_month(dataset: Dataset) -> Chart:
    """Return a chart whose SQL has the aggregates of all measures of a dataset by month."""
    named = {name: query_builder.Measure(sql, name) for name, sql in _aggregates(dataset).items()}
    return Chart("measures", "Measures by month", "months", dataset, ("month",), named)
