"""What the dashboards ask of the star: subjects with their dimensions, and questions, each one statement over one release.

A subject is a fact (or the patients) with the attributes that it can be filtered and grouped by; a question groups
one subject by one or two of them. Statements name the joins and columns that they need and no others, because
Athena bills by what is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from portal.services.aws import Aws, ServiceError
from portal.services.warehouse import Answer, ask, table

NOT_RECORDED = "Not recorded"
FEWEST = 11
"""Counts from 1 to 10 could tell who somebody is: cell size suppression policy of the CMS (ResDAC, 2024)."""

MOST_ROWS = 500
BEHIND = "rows_behind"
_SEPARATOR = "chr(31)"
_SHARES = {"rate", "line"}

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
        return tuple(d for d in self.dimensions if d.filter in {"listed", "clicked"})


@dataclass(frozen=True)
class Value:
    """One figure a group: an aggregate over the subject's measures; a count of people or events is hidden when small."""

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

    @property
    def labels(self) -> dict[str, str]:
        named = {name: self.subject.dimension(name).label for name in self.by}
        return named | {name: value.label for name, value in self.values.items()}

    def suppressed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """`frame` with the figures of small groups left out, as who may not see PHI gets it."""
        counts = frame[[name for name, value in self.values.items() if value.is_count]]
        if self.kind in _SHARES:  # how many it is not so of is told by a share and its whole
            counts = counts.assign(rest=(counts.iloc[:, 0] - counts.iloc[:, 1]).abs())
        return suppress(frame, self.by, counts, list(self.values))


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
        parts += [subject.dimension(name).condition(values) for name, values in self.chosen.items() if values]
        return parts

    def words(self, subject: Subject) -> str:
        """The filters as they stand in an export."""
        said = [f"{self.start or 'the beginning'} to {self.end or 'the end'}"] if subject.moment else []
        for name, values in self.chosen.items():
            if values:
                dimension = subject.dimension(name)
                listed = ", ".join(dimension.words.get(value, value) for value in values)
                said.append(f"{dimension.label}: {listed}")
        return "; ".join(said) or "none"


def literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Facts:
    """The statements over one release."""

    aws: Aws
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


def grouped(answer: Answer) -> Answer:
    """The answer to a question, with how many rows of the star are behind it beside its rows, not in them."""
    behind = answer.frame[BEHIND].iloc[0] if len(answer.frame) else 0
    return replace(answer, frame=answer.frame.drop(columns=BEHIND), rows=int(behind))


def suppress(
    frame: pd.DataFrame, by: Sequence[str], counts: pd.DataFrame, values: Sequence[str]
) -> pd.DataFrame:
    """`frame` with the `values` of every row emptied where one of its `counts` is from 1 to 10.

    Totals stand beside the charts: of everything, and by a filter of every group of `by`. So in each of
    these sums what is emptied must leave more than one possibility; the next smallest rows are emptied until
    it does. This is no defence against holding views with different filters against each other.
    """
    numbers = counts.astype("float64").fillna(0).to_numpy()
    gone = np.asarray(((numbers > 0) & (numbers < FEWEST)).any(axis=1))
    sums = list(_sums(frame, by)) if gone.any() else []
    while True:
        before = gone.copy()
        for inside in sums:
            if not gone[inside].any():
                continue
            for column in numbers.T:
                there = inside[column[inside] > 0]
                hidden, left = there[gone[there]], there[~gone[there]]
                if _is_told(column[hidden]) and len(left):
                    gone[left[column[left].argmin()]] = True
        if (gone == before).all():
            return frame.assign(**{name: frame[name].convert_dtypes().mask(gone) for name in values})


def _sums(frame: pd.DataFrame, by: Sequence[str]) -> Iterator[np.ndarray]:
    """The rows of each sum that somebody may know: of all, and of each value of each dimension."""
    yield np.arange(len(frame))
    if len(by) > 1:
        for name in by:
            codes = pd.factorize(frame[name], use_na_sentinel=False)[0]
            order = codes.argsort(kind="stable")
            parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
            yield from (rows for rows in parts if len(rows) > 1)  # one alone gives no other away


def _is_told(hidden: np.ndarray) -> bool:
    """Whether the sum of counts that are hidden says what each of them is."""
    if len(hidden) < 2:
        return len(hidden) == 1
    most = len(hidden) * (FEWEST - 1)
    return bool(hidden.sum() == len(hidden) or (hidden.sum() == most and hidden.max() < FEWEST))


def listed(values: Any) -> Sequence[str]:
    """The distinct values that a `choices` statement gives, sorted."""
    return [] if pd.isna(values) else sorted(value for value in values.split("\x1f") if value)
