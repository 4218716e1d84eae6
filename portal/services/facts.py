"""What the dashboards ask of the star: subjects with their dimensions, and questions, each one statement over one release.

A subject is a fact (or the patients) with the attributes that it can be filtered and grouped by; a question groups
one subject by one or two of them. Statements name the joins and columns that they need and no others, because
Athena bills by what is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import pandas as pd

from portal.services.aws import Aws, ServiceError
from portal.services.warehouse import Answer, ask, table

NOT_RECORDED = "Not recorded"
FEWEST = 11
"""Counts from 1 to 10 could tell who somebody is: cell size suppression policy of the CMS (ResDAC, 2024)."""

MOST_ROWS = 500
_SEPARATOR = "chr(31)"

Kind = Literal["months", "ranking", "rate", "week", "histogram", "pyramid", "parts", "line", "dose"]


@dataclass(frozen=True)
class Dimension:
    """An attribute to group by, and to filter by: from a list, or by a click on a chart alone."""

    name: str
    label: str
    sql: str
    filter: Literal["", "listed", "clicked"] = ""
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What is counted: `source` is the fact as `f`, `joins` its dimensions by the alias that their columns have."""

    name: str
    noun: str
    source: str
    dimensions: tuple[Dimension, ...]
    measures: Mapping[str, str]
    rows: tuple[str, ...]
    joins: Mapping[str, str] = field(default_factory=dict)
    moment: str = ""

    def dimension(self, name: str) -> Dimension:
        return next(each for each in self.dimensions if each.name == name)

    @property
    def filters(self) -> tuple[Dimension, ...]:
        return tuple(d for d in self.dimensions if d.filter)


@dataclass(frozen=True)
class Value:
    """One figure a group: an aggregate over the subject's measures; a count of people or events is hidden when small."""

    sql: str
    label: str
    is_count: bool = True


@dataclass(frozen=True)
class Question:
    """One chart: `by` are dimensions of the subject, a click on the chart filters by `click`."""

    key: str
    title: str
    kind: Kind
    subject: Subject
    by: tuple[str, ...]
    values: Mapping[str, Value]
    where: str = ""
    click: str | None = None
    note: str = ""
    least: int = 0

    @property
    def labels(self) -> dict[str, str]:
        named = {name: self.subject.dimension(name).label for name in self.by}
        return named | {name: value.label for name, value in self.values.items()}

    def suppressed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame` with the figures of small groups left out, as who may not see PHI takes it away."""
        return suppress(frame, [n for n, v in self.values.items() if v.is_count], list(self.values))


@dataclass(frozen=True)
class Filters:
    """What is looked at; a dimension without values is not filtered."""

    start: date | None = None
    end: date | None = None
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def conditions(self, subject: Subject) -> list[str]:
        parts = []
        if subject.moment and self.start:
            parts.append(f"{subject.moment} >= TIMESTAMP '{self.start} 00:00:00'")
        if subject.moment and self.end:
            parts.append(f"{subject.moment} < TIMESTAMP '{self.end} 00:00:00' + INTERVAL '1' DAY")
        for name, values in self.chosen.items():
            if values:
                listed = ", ".join(literal(value) for value in values)
                parts.append(f"{subject.dimension(name).sql} IN ({listed})")
        return parts

    def words(self, subject: Subject) -> str:
        """The filters as they stand in an export."""
        said = [f"{self.start or 'the beginning'} to {self.end or 'the end'}"] if subject.moment else []
        said += [
            f"{subject.dimension(name).label}: {', '.join(values)}"
            for name, values in self.chosen.items()
            if values
        ]
        return "; ".join(said) or "none"


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Facts:
    """The statements over one release."""

    aws: Aws
    release_id: str

    def question(self, question: Question, filters: Filters) -> str:
        """One row a group."""
        values = ", ".join(f"{value.sql} AS {name}" for name, value in question.values.items())
        used = " ".join([*(value.sql for value in question.values.values()), question.where])
        relation = self._relation(question.subject, question.by, used, filters)
        where = f" WHERE {question.where}" if question.where else ""
        groups = ", ".join(str(n + 1) for n in range(len(question.by)))
        having = (
            f" HAVING {next(iter(question.values.values())).sql} >= {question.least}"
            if question.least
            else ""
        )
        return (
            f"SELECT {', '.join(question.by)}, {values} FROM ({relation}) r{where} "
            f"GROUP BY {groups}{having} ORDER BY {groups}"
        )

    def figures(self, subject: Subject, values: Mapping[str, str], filters: Filters) -> str:
        """One row: several aggregates over the whole of what is looked at."""
        listed = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
        return f"SELECT {listed} FROM ({self._relation(subject, (), ' '.join(values.values()), filters)}) r"

    def choices(self, subject: Subject) -> str:
        """One row: first and last day, and the values of every offered dimension."""
        offered = [d for d in subject.dimensions if d.filter == "listed"]
        listed = [f"array_join(array_agg(DISTINCT {d.name}), {_SEPARATOR}) AS {d.name}" for d in offered]
        if subject.moment:
            listed = ["min(moment) AS first", "max(moment) AS last", *listed]
        relation = self._relation(subject, [d.name for d in offered], "moment", Filters())
        return f"SELECT {', '.join(listed)} FROM ({relation}) r"

    def rows(self, subject: Subject, filters: Filters) -> str:
        """The newest rows themselves, as the star has them: no identifier of a person is in them."""
        named = [name for name in subject.rows if any(d.name == name for d in subject.dimensions)]
        relation = self._relation(subject, named, " ".join(subject.rows), filters)
        order = f" ORDER BY {subject.rows[0]} DESC" if subject.moment else ""
        return f"SELECT {', '.join(subject.rows)} FROM ({relation}) r{order} LIMIT {MOST_ROWS}"

    def _relation(self, subject: Subject, by: Sequence[str], used: str, filters: Filters) -> str:
        """The subject's rows that fit, with the dimensions `by` and the measures that `used` names."""
        words = set(re.findall(r"\w+", used))
        measures = {name: sql for name, sql in subject.measures.items() if name in words}
        if "moment" in words and subject.moment:
            measures["moment"] = subject.moment
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
        return re.sub(r"\{(\w+)\}", lambda found: table(self.aws, found[1], self.release_id), text)


def rows(aws: Aws, release_id: str, subject: Subject, filters: Filters) -> Answer:
    """The rows behind a chart; `ServiceError` where the role may not see them, or so few that they tell who."""
    aws.require("query")
    answer = ask(aws, Facts(aws, release_id).rows(subject, filters), release_id=release_id)
    if 0 < len(answer.frame) < FEWEST and not aws.person.may("see_phi"):
        raise ServiceError(
            f"Fewer than {FEWEST} {subject.noun} fit these filters: so few could tell who somebody is. "
            "Widen a filter, or ask a clinician."
        )
    return answer


def suppress(frame: pd.DataFrame, counts: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """`frame` with the `values` of every row emptied where one of its `counts` is from 1 to 10.

    Where that is one row alone, the next smallest is emptied too, or the total would give it away.
    """
    if frame.empty or not counts:
        return frame
    smallest = frame[list(counts)].astype("float64").where(lambda n: n > 0).min(axis=1)
    small = smallest < FEWEST
    others = smallest[~small].dropna()
    if small.sum() == 1 and len(others):
        small |= smallest.index == others.idxmin()
    return frame.assign(**{name: frame[name].astype("object").where(~small, None) for name in values})


def listed(values: str | None) -> Sequence[str]:
    """The distinct values that a `choices` statement gives, sorted."""
    return sorted(value for value in (values or "").split("\x1f") if value)
