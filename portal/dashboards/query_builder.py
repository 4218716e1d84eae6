"""Datasets and charts of the dashboards, and the SQL of a chart over one release.

A dataset is a fact table (or the patients) with its dimensions; a chart groups a dataset by one or two of
them. The SQL reads only the joins and columns that the chart needs, because Athena bills by bytes scanned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import pandas as pd

from pipeline.contracts.measures import MeasureContract, measure
from portal.athena.client import QueryResult, release_table, run_query
from portal.athena.literals import literal
from portal.core.context import Context
from portal.core.rights import requires

NOT_RECORDED = "Not recorded"
LOCAL_TIME = "local time"
"""Text in labels of dimensions in local time; `Chart.in_zone` adds the name of the time zone."""
MOST_ROWS = 500
SOURCE_ROWS = "source_rows"
_SEPARATOR = "chr(31)"

Kind = Literal[
    "months", "ranking", "rate", "week", "histogram", "pyramid", "parts", "line", "dose", "series", "funnel"
]


@dataclass(frozen=True)
class Dimension:
    """An attribute to group and filter by.

    `filter` says how users filter by it: a list, a click on a chart, the period, or not at all.
    """

    name: str
    label: str
    sql: str
    filter: Literal["", "listed", "clicked", "period"] = ""
    value_labels: Mapping[str, str] = field(default_factory=dict)
    is_number: bool = False

    def allows(self, value: str) -> bool:
        """Return whether a value from the URL is valid."""
        return not self.is_number or re.fullmatch("-?[0-9]{1,9}", value) is not None

    def condition(self, values: Sequence[str]) -> str:
        """Return the SQL condition of a filter by `values`."""
        listed = ", ".join(value if self.is_number else literal(value) for value in values)
        return f"{self.sql} IN ({listed})"


@dataclass(frozen=True)
class Dataset:
    """A fact table, or the patients, to count.

    `source` is the table (its alias is `f`), and `joins` are the joins by alias. `fields` are row-level
    expressions that measures use, `date_sql` is the local date of a row, and `rows` are the columns of an
    export of records.
    """

    name: str
    noun: str
    source: str
    dimensions: tuple[Dimension, ...]
    fields: Mapping[str, str]
    rows: tuple[str, ...]
    joins: Mapping[str, str] = field(default_factory=dict)
    date_sql: str = ""

    def in_zone(self, zone: str) -> Dataset:
        """Return the dataset with the hospital's time zone in its labels, or unchanged if `zone` is empty."""
        if not zone:
            return self
        named = [
            replace(each, label=each.label.replace(LOCAL_TIME, f"{LOCAL_TIME}, {zone}"))
            for each in self.dimensions
        ]
        return replace(self, dimensions=tuple(named))

    def of_one_table(self, name: str) -> Dataset:
        """Return the dataset over the table `name` that `QueryBuilder.every_column` has filled."""
        dimensions = tuple(replace(each, sql=f"f.{each.name}") for each in self.dimensions)
        fields = {name: f"f.{name}" for name in self.fields}
        date_sql = "f.day" if self.date_sql else ""
        return replace(self, source=name, joins={}, dimensions=dimensions, fields=fields, date_sql=date_sql)

    @property
    def tables(self) -> tuple[str, ...]:
        """The gold tables that the dataset reads."""
        return tuple(dict.fromkeys(re.findall(r"\{(\w+)\}", " ".join([self.source, *self.joins.values()]))))

    def dimension(self, name: str) -> Dimension:
        return next(each for each in self.dimensions if each.name == name)

    @property
    def filters(self) -> tuple[Dimension, ...]:
        return tuple(d for d in self.dimensions if d.filter in {"listed", "clicked"})


@dataclass(frozen=True)
class Measure:
    """An aggregate over the fields of a dataset; `is_count` is true if it counts people or events."""

    sql: str
    label: str
    is_count: bool = True


@dataclass(frozen=True)
class Chart:
    """A chart of measures by dimensions of a dataset; a click on it filters by the dimensions in `click`."""

    key: str
    title: str
    kind: Kind
    dataset: Dataset
    by: tuple[str, ...]
    measures: Mapping[str, Measure]
    where: str = ""
    click: tuple[str, ...] = ()
    note: str = ""
    part: tuple[str, str] | None = None
    """For a share per month: the dimension and the value of the numerator; all rows are the denominator."""

    has_percentiles: bool = False
    """Whether a histogram, whose bins are single values, marks its median and 90th percentile."""

    section: str = ""
    """The part of the page that shows the chart."""

    measure: str = ""
    """Id of the measure (`pipeline.contracts.measures`) that defines what the chart counts."""

    exact_only: bool = False
    """Whether only roles that see exact counts see the chart."""

    needs: str = ""
    """A field that not every source records; the chart is drawn only if a row of the release has a value."""

    @property
    def contract(self) -> MeasureContract | None:
        """The measure that defines what the chart counts, if it is declared."""
        return measure(self.measure) if self.measure else None

    @property
    def explanation(self) -> str:
        """The meaning of the measure and the note of the chart, as one line."""
        return " ".join(filter(None, (self.contract.meaning if self.contract else "", self.note)))

    def in_zone(self, zone: str) -> Chart:
        """Return the chart with the hospital's time zone in its labels, or unchanged if `zone` is empty."""
        return replace(self, dataset=self.dataset.in_zone(zone))

    @property
    def labels(self) -> dict[str, str]:
        named = {name: self.dataset.dimension(name).label for name in self.by}
        return named | {name: value.label for name, value in self.measures.items()}


@dataclass(frozen=True)
class Filters:
    """The period and the chosen values of each dimension; a dimension without values is not filtered."""

    start: date | None = None
    end: date | None = None
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def conditions(self, dataset: Dataset) -> list[str]:
        """Return the SQL conditions of the filters."""
        parts = []
        if dataset.date_sql and self.start:
            parts.append(f"{dataset.date_sql} >= DATE '{self.start}'")
        if dataset.date_sql and self.end:
            parts.append(f"{dataset.date_sql} <= DATE '{self.end}'")
        parts += [dataset.dimension(name).condition(values) for name, values in self.chosen.items() if values]
        return parts

    def describe(self, dataset: Dataset) -> str:
        """Return the filters as text for an export; "none" if there are none."""
        parts = [f"{self.start or 'the beginning'} to {self.end or 'the end'}"] if dataset.date_sql else []
        for name, values in self.chosen.items():
            if values:
                dimension = dataset.dimension(name)
                listed = ", ".join(dimension.value_labels.get(value, value) for value in values)
                parts.append(f"{dimension.label}: {listed}")
        return "; ".join(parts) or "none"


@dataclass(frozen=True)
class QueryBuilder:
    """Build SQL over the gold tables of one release."""

    context: Context
    release_id: str

    def chart_sql(self, chart: Chart, filters: Filters) -> str:
        """Return SQL with one row per group; `SOURCE_ROWS` counts the fact rows of all groups together."""
        values = ", ".join(f"{value.sql} AS {name}" for name, value in chart.measures.items())
        used = " ".join([*(value.sql for value in chart.measures.values()), chart.where])
        relation = self._relation(chart.dataset, chart.by, used, filters)
        where = f" WHERE {chart.where}" if chart.where else ""
        groups = ", ".join(str(n + 1) for n in range(len(chart.by)))
        return (
            f"SELECT {', '.join(chart.by)}, {values}, sum(count(*)) OVER () AS {SOURCE_ROWS} "
            f"FROM ({relation}) r{where} GROUP BY {groups} ORDER BY {groups}"
        )

    def aggregates(self, dataset: Dataset, values: Mapping[str, str], filters: Filters) -> str:
        """Return SQL with one row: aggregates over all filtered rows."""
        listed = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        return f"SELECT {listed} FROM ({self._relation(dataset, (), ' '.join(values.values()), filters)}) r"

    def value(self, dataset: Dataset, contract: MeasureContract, filters: Filters) -> str:
        """Return SQL with one row: the value of a measure over the filtered rows of its population."""
        relation = self._relation(dataset, (), f"{contract.sql} {contract.population}", filters)
        where = f" WHERE {contract.population}" if contract.population else ""
        return f"SELECT {contract.sql} AS {contract.measure_id} FROM ({relation}) r{where}"

    def time_zone(self, dataset: Dataset) -> str:
        """Return SQL with one row: the hospital's time zone and the number of time zones in the release."""
        return self.aggregates(
            dataset, {"zone": "min(time_zone)", "zones": "count(DISTINCT time_zone)"}, Filters()
        )

    def filter_values(self, dataset: Dataset) -> str:
        """Return SQL with one row: first and last date, if any, and the values of each listed dimension."""
        offered = [d for d in dataset.dimensions if d.filter == "listed"]
        listed = [f"array_join(array_agg(DISTINCT {d.name}), {_SEPARATOR}) AS {d.name}" for d in offered]
        if dataset.date_sql:
            listed = ["min(day) AS first", "max(day) AS last", *listed]
        relation = self._relation(dataset, [d.name for d in offered], "day", Filters())
        return f"SELECT {', '.join(listed)} FROM ({relation}) r"

    def every_column(self, dataset: Dataset) -> str:
        """Return SQL with one row per record: all dimensions and fields, and day and time zone if any."""
        used = " ".join([*dataset.fields, "day", "time_zone"])
        return self._relation(dataset, [d.name for d in dataset.dimensions], used, Filters())

    def rows(self, dataset: Dataset, filters: Filters) -> str:
        """Return SQL for at most `MOST_ROWS` de-identified records, the newest if the dataset has dates."""
        named = [name for name in dataset.rows if any(d.name == name for d in dataset.dimensions)]
        relation = self._relation(dataset, named, " ".join(dataset.rows), filters)
        order = f" ORDER BY {dataset.rows[0]} DESC" if dataset.date_sql else ""
        return f"SELECT {', '.join(dataset.rows)} FROM ({relation}) r{order} LIMIT {MOST_ROWS}"

    def _relation(self, dataset: Dataset, by: Sequence[str], used: str, filters: Filters) -> str:
        """Return SQL for the filtered rows with the dimensions `by` and the fields that occur in `used`."""
        words = set(re.findall(r"\w+", used))
        measures = {name: sql for name, sql in dataset.fields.items() if name in words}
        if dataset.date_sql:
            local = {"day": dataset.date_sql, "time_zone": "f.time_zone"}
            measures |= {name: sql for name, sql in local.items() if name in words}
        grouped = [dataset.dimension(name) for name in by]
        filtered = [dataset.dimension(name) for name, values in filters.chosen.items() if values]
        columns = [f"{d.sql} AS {d.name}" for d in grouped] + [f"{sql} AS {n}" for n, sql in measures.items()]
        text = " ".join([*columns, *(d.sql for d in filtered)])
        aliases = [alias for alias in dataset.joins if re.search(rf"\b{alias}\.", text)]
        joins = " ".join(self._named(dataset.joins[alias]) for alias in aliases)
        conditions = filters.conditions(dataset)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return (
            f"SELECT {', '.join(columns) or '1 AS one'} FROM {self._named(dataset.source)} f {joins}{where}"
        )

    def _named(self, text: str) -> str:
        return re.sub(
            r"\{(\w+)\}", lambda found: release_table(self.context, found[1], self.release_id), text
        )


@requires("query")
def rows(context: Context, release_id: str, dataset: Dataset, filters: Filters) -> QueryResult:
    """Return at most `MOST_ROWS` de-identified records, the newest if the dataset has dates."""
    return run_query(context, QueryBuilder(context, release_id).rows(dataset, filters), release_id=release_id)


def with_source_rows(answer: QueryResult) -> QueryResult:
    """Return the result with the number of fact rows in `rows` instead of the column `SOURCE_ROWS`."""
    behind = answer.frame[SOURCE_ROWS].iloc[0] if len(answer.frame) else 0
    return replace(answer, frame=answer.frame.drop(columns=SOURCE_ROWS), rows=int(behind))


def split_values(values: Any) -> Sequence[str]:
    """Return the sorted distinct values of one dimension in the result of `filter_values`."""
    return [] if pd.isna(values) else sorted(value for value in values.split("\x1f") if value)
