"""What the dashboards ask of the star: subjects with their dimensions, and questions, each one statement over one release.

A subject is a fact (or the patients) with the attributes that it can be filtered and grouped by; a question
groups one subject by one or two of them. Statements name the joins and columns that they need and no others,
because Athena bills by what is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import pandas as pd

from portal.athena.client import QueryResult, release_table, run_query
from portal.athena.literals import literal
from portal.core.context import Context

NOT_RECORDED = "Not recorded"
LOCAL_TIME = "local time"
"""In labels of dimensions that follow the hospital's clock; `Question.in_zone` adds which that is."""
MOST_ROWS = 500
BEHIND = "rows_behind"
_SEPARATOR = "chr(31)"

Kind = Literal["months", "ranking", "rate", "week", "histogram", "pyramid", "parts", "line", "dose"]


@dataclass(frozen=True)
class Dimension:
    """An attribute to group by, and to filter by: from a list, or by a click on a chart alone.

    A click on a month chooses it as the period.
    """

    name: str
    label: str
    sql: str
    filter: Literal["", "listed", "clicked", "period"] = ""
    words: Mapping[str, str] = field(default_factory=dict)
    is_number: bool = False

    def allows(self, value: str) -> bool:
        """Whether a value that the URL names can be asked for."""
        return not self.is_number or re.fullmatch("-?[0-9]{1,9}", value) is not None

    def condition(self, values: Sequence[str]) -> str:
        listed = ", ".join(value if self.is_number else literal(value) for value in values)
        return f"{self.sql} IN ({listed})"


@dataclass(frozen=True)
class Subject:
    """What is counted: `source` is the fact as `f`, `joins` its dimensions by the alias that their columns have.

    `day` is the date of a row by the hospital's clock.
    """

    name: str
    noun: str
    source: str
    dimensions: tuple[Dimension, ...]
    measures: Mapping[str, str]
    rows: tuple[str, ...]
    joins: Mapping[str, str] = field(default_factory=dict)
    day: str = ""

    def in_zone(self, zone: str) -> Subject:
        """The subject with the hospital's time zone in its labels; as it is where none is known."""
        if not zone:
            return self
        named = [
            replace(each, label=each.label.replace(LOCAL_TIME, f"{LOCAL_TIME}, {zone}"))
            for each in self.dimensions
        ]
        return replace(self, dimensions=tuple(named))

    def dimension(self, name: str) -> Dimension:
        return next(each for each in self.dimensions if each.name == name)

    @property
    def filters(self) -> tuple[Dimension, ...]:
        return tuple(d for d in self.dimensions if d.filter in {"listed", "clicked"})


@dataclass(frozen=True)
class Value:
    """One figure a group: an aggregate over the subject's measures; `is_count` where it counts people or events."""

    sql: str
    label: str
    is_count: bool = True


@dataclass(frozen=True)
class Question:
    """One chart: `by` are dimensions of the subject, a click on the chart filters by those of `click`."""

    key: str
    title: str
    kind: Kind
    subject: Subject
    by: tuple[str, ...]
    values: Mapping[str, Value]
    where: str = ""
    click: tuple[str, ...] = ()
    note: str = ""
    part: tuple[str, str] | None = None
    """Of a share by month: the dimension and its value whose rows are the part (the whole is every row)."""

    def in_zone(self, zone: str) -> Question:
        """The question with the hospital's time zone in its labels."""
        return replace(self, subject=self.subject.in_zone(zone))

    @property
    def labels(self) -> dict[str, str]:
        named = {name: self.subject.dimension(name).label for name in self.by}
        return named | {name: value.label for name, value in self.values.items()}


@dataclass(frozen=True)
class Filters:
    """What is looked at; a dimension without values is not filtered."""

    start: date | None = None
    end: date | None = None
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def conditions(self, subject: Subject) -> list[str]:
        parts = []
        if subject.day and self.start:
            parts.append(f"{subject.day} >= DATE '{self.start}'")
        if subject.day and self.end:
            parts.append(f"{subject.day} <= DATE '{self.end}'")
        parts += [subject.dimension(name).condition(values) for name, values in self.chosen.items() if values]
        return parts

    def words(self, subject: Subject) -> str:
        """The filters as they stand in an export."""
        said = [f"{self.start or 'the beginning'} to {self.end or 'the end'}"] if subject.day else []
        for name, values in self.chosen.items():
            if values:
                dimension = subject.dimension(name)
                listed = ", ".join(dimension.words.get(value, value) for value in values)
                said.append(f"{dimension.label}: {listed}")
        return "; ".join(said) or "none"


@dataclass(frozen=True)
class Facts:
    """The statements over one release."""

    context: Context
    release_id: str

    def question(self, question: Question, filters: Filters) -> str:
        """One row a group; `BEHIND` of each is how many rows of the star all groups together were counted from."""
        values = ", ".join(f"{value.sql} AS {name}" for name, value in question.values.items())
        used = " ".join([*(value.sql for value in question.values.values()), question.where])
        relation = self._relation(question.subject, question.by, used, filters)
        where = f" WHERE {question.where}" if question.where else ""
        groups = ", ".join(str(n + 1) for n in range(len(question.by)))
        return (
            f"SELECT {', '.join(question.by)}, {values}, sum(count(*)) OVER () AS {BEHIND} "
            f"FROM ({relation}) r{where} GROUP BY {groups} ORDER BY {groups}"
        )

    def figures(self, subject: Subject, values: Mapping[str, str], filters: Filters) -> str:
        """One row: several aggregates over the whole of what is looked at."""
        listed = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        return f"SELECT {listed} FROM ({self._relation(subject, (), ' '.join(values.values()), filters)}) r"

    def time_zone(self, subject: Subject) -> str:
        """One row: the hospital's time zone, and the number of zones of the release."""
        return self.figures(
            subject, {"zone": "min(time_zone)", "zones": "count(DISTINCT time_zone)"}, Filters()
        )

    def choices(self, subject: Subject) -> str:
        """One row: first and last day, and the values of every offered dimension."""
        offered = [d for d in subject.dimensions if d.filter == "listed"]
        listed = [f"array_join(array_agg(DISTINCT {d.name}), {_SEPARATOR}) AS {d.name}" for d in offered]
        if subject.day:
            listed = ["min(day) AS first", "max(day) AS last", *listed]
        relation = self._relation(subject, [d.name for d in offered], "day", Filters())
        return f"SELECT {', '.join(listed)} FROM ({relation}) r"

    def rows(self, subject: Subject, filters: Filters) -> str:
        """The newest rows themselves, as the star has them: no identifier of a person is in them."""
        named = [name for name in subject.rows if any(d.name == name for d in subject.dimensions)]
        relation = self._relation(subject, named, " ".join(subject.rows), filters)
        order = f" ORDER BY {subject.rows[0]} DESC" if subject.day else ""
        return f"SELECT {', '.join(subject.rows)} FROM ({relation}) r{order} LIMIT {MOST_ROWS}"

    def _relation(self, subject: Subject, by: Sequence[str], used: str, filters: Filters) -> str:
        """The subject's rows that fit, with the dimensions `by` and the measures that `used` names."""
        words = set(re.findall(r"\w+", used))
        measures = {name: sql for name, sql in subject.measures.items() if name in words}
        if subject.day:
            local = {"day": subject.day, "time_zone": "f.time_zone"}
            measures |= {name: sql for name, sql in local.items() if name in words}
        grouped = [subject.dimension(name) for name in by]
        filtered = [subject.dimension(name) for name, values in filters.chosen.items() if values]
        columns = [f"{d.sql} AS {d.name}" for d in grouped] + [f"{sql} AS {n}" for n, sql in measures.items()]
        text = " ".join([*columns, *(d.sql for d in filtered)])
        aliases = [alias for alias in subject.joins if re.search(rf"\b{alias}\.", text)]
        joins = " ".join(self._named(subject.joins[alias]) for alias in aliases)
        conditions = filters.conditions(subject)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return (
            f"SELECT {', '.join(columns) or '1 AS one'} FROM {self._named(subject.source)} f {joins}{where}"
        )

    def _named(self, text: str) -> str:
        return re.sub(
            r"\{(\w+)\}", lambda found: release_table(self.context, found[1], self.release_id), text
        )


def rows(context: Context, release_id: str, subject: Subject, filters: Filters) -> QueryResult:
    """The rows behind a chart, however few: roles that may open rows see exact figures."""
    context.require("query")
    return run_query(context, Facts(context, release_id).rows(subject, filters), release_id=release_id)


def grouped(answer: QueryResult) -> QueryResult:
    """The answer to a question, with how many rows of the star are behind it beside its rows, not in them."""
    behind = answer.frame[BEHIND].iloc[0] if len(answer.frame) else 0
    return replace(answer, frame=answer.frame.drop(columns=BEHIND), rows=int(behind))


def listed(values: Any) -> Sequence[str]:
    """The distinct values that a `choices` statement gives, sorted."""
    return [] if pd.isna(values) else sorted(value for value in values.split("\x1f") if value)
