"""Key measures of a release before and after: the release under review beside the published one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from portal.dashboards.administrations import ADMINISTRATIONS, FIRST_DOSES
from portal.dashboards.encounters import ENCOUNTERS
from portal.dashboards.order_charts import ORDERS
from portal.dashboards.patient_charts import PATIENTS
from portal.dashboards.query_builder import Chart, Dataset, Measure

Aggregate = Callable[[Dataset, Mapping[str, str]], pd.Series]
"""Called with a dataset and SQL aggregates by name; returns their values in one release."""


@dataclass(frozen=True)
class KeyMeasure:
    """A measure of a dataset: the aggregate `sql`, or its share of the aggregate `of`."""

    name: str
    label: str
    dataset: Dataset
    sql: str
    unit: str
    of: str = ""


@dataclass(frozen=True)
class Compared:
    """A measure in two releases, as numbers in its unit; None if a release has no value."""

    label: str
    unit: str
    before: float | None
    after: float | None

    @property
    def change(self) -> float | None:
        """Return the relative change; for percentages, the change in percentage points."""
        if self.before is None or self.after is None:
            return None
        if self.unit == "%":
            return self.after - self.before
        return (self.after - self.before) / abs(self.before) if self.before else None


def _share(condition: str) -> str:
    return f"sum(CASE WHEN {condition} THEN 1 ELSE 0 END)"


MEASURES = (
    KeyMeasure("patients", "Patients", PATIENTS, "count(*)", "patients"),
    KeyMeasure("encounters", "Encounters", ENCOUNTERS, "count(*)", "encounters"),
    KeyMeasure("inpatient", "Inpatient stays", ENCOUNTERS, _share("is_inpatient"), "stays"),
    KeyMeasure(
        "stay",
        "Median inpatient stay",
        ENCOUNTERS,
        "approx_percentile(CASE WHEN is_inpatient THEN stay_hours END, 0.5) / 24",
        "days",
    ),
    KeyMeasure(
        "back", "30-day readmission", ENCOUNTERS, _share("is_readmitted"), "%", of="count(is_readmitted)"
    ),
    KeyMeasure("died", "In-hospital mortality", ENCOUNTERS, _share("has_died"), "%", of="count(has_died)"),
    KeyMeasure("cost", "Total cost", ENCOUNTERS, "sum(cost)", "$"),
    KeyMeasure("doses", "Administrations", ADMINISTRATIONS, "count(*)", "doses"),
    KeyMeasure(
        "not_given", "Doses not given", ADMINISTRATIONS, _share("state = 'not-done'"), "%", of="count(*)"
    ),
    KeyMeasure(
        "outside",
        "Doses outside the usual range",
        ADMINISTRATIONS,
        _share("is_comparable AND amount NOT BETWEEN low AND high"),
        "%",
        of=_share("is_comparable"),
    ),
    KeyMeasure(
        "first", "Median order to first dose", FIRST_DOSES, "approx_percentile(minutes, 0.5)", "minutes"
    ),
    KeyMeasure("orders", "Orders and dispenses", ORDERS, "count(*)", "events"),
)

MONTHLY = (
    Chart(
        "before-encounters",
        "Encounters per month",
        "months",
        ENCOUNTERS,
        ("month",),
        {"encounters": Measure("count(*)", "Encounters")},
    ),
    Chart(
        "before-doses",
        "Administrations per month",
        "months",
        ADMINISTRATIONS,
        ("month",),
        {"administrations": Measure("count(*)", "Administrations")},
    ),
)


def values(aggregate: Aggregate) -> dict[str, float | None]:
    """Return all measures of one release by name, with one aggregation per dataset."""
    found: dict[str, float | None] = {}
    for dataset in {measure.dataset.source: measure.dataset for measure in MEASURES}.values():
        of_dataset = [measure for measure in MEASURES if measure.dataset is dataset]
        sql = {measure.name: measure.sql for measure in of_dataset}
        sql |= {f"{measure.name}_of": measure.of for measure in of_dataset if measure.of}
        row = aggregate(dataset, sql)
        found |= {measure.name: _value(row, measure) for measure in of_dataset}
    return found


def _value(row: pd.Series, measure: KeyMeasure) -> float | None:
    value = row[measure.name]
    if pd.isna(value):
        return None
    if not measure.of:
        return float(value)
    base = row[f"{measure.name}_of"]
    return None if pd.isna(base) or not base else 100 * float(value) / float(base)


def compared(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> list[Compared]:
    """Return the measures in both releases, without those that neither has."""
    every = [Compared(m.label, m.unit, before.get(m.name), after.get(m.name)) for m in MEASURES]
    return [each for each in every if each.before or each.after]


def text(value: float | None, unit: str) -> str:
    """Return a measure with its unit as text."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1f} %"
    if unit == "$":
        return f"$ {value:,.0f}"
    return f"{value:,.1f} {unit}" if unit in {"days", "minutes"} else f"{value:,.0f}"


def change_text(each: Compared) -> str:
    """Return the change of a measure as text: in percent, or in points for percentages."""
    change = each.change
    if change is None:
        return "–"
    shown = f"{change:+.1f} points" if each.unit == "%" else f"{change:+.1%}".replace("%", " %")
    return "unchanged" if not float(shown.split()[0]) else shown.replace("-", "−")


def months(before: Sequence[tuple[str, float]], after: Sequence[tuple[str, float]]) -> pd.DataFrame:
    """Return counts by month of both releases, with the last 24 months that one of them has."""
    frame = pd.DataFrame({"before": dict(before), "after": dict(after)}, dtype=float)
    return frame.sort_index().tail(24)
