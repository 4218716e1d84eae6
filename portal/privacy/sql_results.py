"""Find the columns of a SQL result that count or aggregate people, and suppress small counts in them.

Roles with the right to run SQL see exact counts. "Safe to share" suppresses small counts in their downloads,
as a guard against accidental disclosure. It does not prevent deliberate disclosure: an aggregate without a
count in the same row is not suppressed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sqlglot import exp

from portal.privacy.suppression import MINIMUM_CELL_SIZE, is_small

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.ArraySize)

Names = frozenset[str]


@dataclass(frozen=True)
class Disclosure:
    """The names of result columns that count people (`counts`) or aggregate over people (`aggregates`).

    `lists_people` is true if a row of the result describes a single person.
    """

    counts: Names = frozenset()
    aggregates: Names = frozenset()
    lists_people: bool = False


NO_DISCLOSURE = Disclosure()


def classify(tree: Any, people: set[str]) -> Disclosure:
    """Return what the result of a parsed statement discloses; `people` are its tables about people.

    Every column of the statement must have a name.
    """
    if not people:
        return NO_DISCLOSURE
    return Disclosure(
        counts=_outputs(tree, _is_count, {}),
        aggregates=_outputs(tree, _is_aggregate, {}),
        lists_people=_lists_people(tree, _with_clauses(tree, people)),
    )


def safe_to_share(found: Disclosure, frame: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return the result with small counts suppressed and a note, or None and a reason if it lists people."""
    if found.lists_people and len(frame):
        return (
            None,
            "Rows about single patients are not safe to share. Group them, or turn off Safe to share.",
        )
    counted = frame[_among(frame, found.counts)].select_dtypes(["number", "object", "string"])
    counts = counted.apply(pd.to_numeric, errors="coerce")  # counts can be Decimal or text, too
    figures = _among(frame, found.aggregates | found.counts)
    by = [name for name in frame.columns if name not in figures]
    shown = _suppress(frame, by, counts, figures)
    hidden = int(shown.isna().sum().sum() - frame.isna().sum().sum())
    note = f"{hidden:,} values suppressed (counts below {MINIMUM_CELL_SIZE} and complements)"
    return shown, note if hidden else ""


def _among(frame: pd.DataFrame, names: Names) -> list[str]:
    """Return the columns with one of `names`; pandas renames a repeated column `name` to `name.1`."""
    return [str(name) for name in frame.columns if re.sub(r"\.\d+$", "", str(name)).lower() in names]


def _suppress(
    frame: pd.DataFrame, by: Sequence[str], counts: pd.DataFrame, values: Sequence[str]
) -> pd.DataFrame:
    """Return `frame` with `values` cleared in rows with a small count, and in further rows.

    Further rows are added until no total discloses a suppressed count (complementary suppression). The
    totals over all rows and over each value of each column in `by` are assumed to be known.
    """
    numbers = counts.astype("float64").fillna(0).to_numpy()
    gone = np.asarray(((numbers > 0) & (numbers < MINIMUM_CELL_SIZE)).any(axis=1))
    sums = list(_sums(frame, by)) if gone.any() else []
    while True:
        before = gone.copy()
        for inside in sums:
            for column in numbers.T:
                there = inside[column[inside] > 0]
                hidden, left = there[gone[there]], there[~gone[there]]
                if len(left) and is_small(int(column[hidden].sum())):
                    gone[left[column[left].argmin()]] = True
        if (gone == before).all():
            return frame.assign(**{name: frame[name].convert_dtypes().mask(gone) for name in values})


def _sums(frame: pd.DataFrame, by: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the row indexes of each total that may be known.

    These are the total over all rows and, if `by` has several columns, over each value of each column.
    """
    yield np.arange(len(frame))
    if len(by) > 1:
        for name in by:
            codes = pd.factorize(frame[name], use_na_sentinel=False)[0]
            order = codes.argsort(kind="stable")
            parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
            yield from (rows for rows in parts if len(rows) > 1)  # a total of one row discloses no other row


# rows about people


def _lists_people(query: Any, people: set[str]) -> bool:
    """Return whether a query returns single rows of the tables in `people`.

    Grouped rows and distinct values that many rows share are not single rows.
    """
    sources = [join.this for join in query.args.get("joins") or ()]
    if isinstance(query, exp.Table) and query.name.lower() in people:
        return True
    if isinstance(query, exp.Subquery | exp.SetOperation | exp.Lateral):
        sources += [query.this, query.args.get("expression")]
    if isinstance(query, exp.Select):
        is_shared = query.args.get("distinct") and not any(map(_is_unique, query.expressions))
        if is_shared or _is_grouped(query):
            return False
        sources += [query.args["from_"].this] if query.args.get("from_") else []
    return any(_lists_people(source, people) for source in sources if source)


def _with_clauses(tree: Any, people: set[str]) -> set[str]:
    """Return `people` and the names of the WITH clauses that return single rows of these tables."""
    ctes = list(tree.find_all(exp.CTE))
    names = set(people)
    while more := {cte.alias.lower() for cte in ctes if _lists_people(cte.this, names)} - names:
        names |= more
    return names


def _is_grouped(select: Any) -> bool:
    found = (node for column in select.expressions for node in column.find_all(exp.AggFunc))
    return bool(select.args.get("group")) or any(
        _is_aggregate(node) and node.parent_select is select for node in found
    )


def _is_unique(column: Any) -> bool:
    """Return whether a column differs in almost every row: a star, a key or an unmodified timestamp."""
    names = (each.name.lower() for each in column.find_all(exp.Column))
    is_timestamp = isinstance(column.unalias(), exp.Column) and column.unalias().name.lower().endswith("_at")
    return is_timestamp or column.find(exp.Star) is not None or any(name.endswith("_key") for name in names)


# columns


def _outputs(query: Any, wanted: Any, clauses: Mapping[str, Names]) -> Names:
    """Return the output columns of `query` that contain a `wanted` expression or derive from such a column.

    Grouping keys are excluded, whatever they derive from: visits per patient are not a count of patients.
    If aggregates are wanted, all other columns of a grouped query are included.
    """
    for cte in query.args["with_"].expressions if query.args.get("with_") else ():
        clauses = {**clauses, cte.alias.lower(): _source(cte, wanted, clauses)}
    if isinstance(query, exp.SetOperation):
        return _renamed(query, query.named_selects, wanted, clauses)
    if not isinstance(query, exp.Select):
        return _outputs(query.this, wanted, clauses) if isinstance(query, exp.Subquery) else frozenset()
    known = frozenset().union(*(_source(each, wanted, clauses) for each in _sources(query)))
    is_grouped = _is_grouped(query) and any(_has_aggregate(column) for column in query.expressions)
    names: set[str] = set(known) if any(column.is_star for column in query.expressions) else set()
    for position, column in enumerate(query.expressions, 1):
        if is_grouped and _is_key(column.unalias(), position, query.args.get("group")):
            continue
        is_beside_keys = is_grouped and wanted is _is_aggregate
        if is_beside_keys or _holds(column, wanted, known):
            names.add(column.alias_or_name.lower())
    return frozenset(names)


def _sources(select: Any) -> list[Any]:
    """Return the sources of a SELECT: FROM, joins (nested ones, too) and laterals."""
    first = [select.args["from_"].this] if select.args.get("from_") else []
    found = [*first, *(j.this for j in select.args.get("joins") or ()), *(select.args.get("laterals") or ())]
    return found + [join.this for each in found for join in each.args.get("joins") or ()]


def _source(source: Any, wanted: Any, clauses: Mapping[str, Names]) -> Names:
    """Return the `wanted` columns of a table, subquery or WITH clause, as named by its alias."""
    if isinstance(source, exp.Table):
        return clauses.get(source.name.lower(), frozenset())
    if not isinstance(source, exp.CTE | exp.Subquery | exp.Lateral):
        return frozenset()
    inner = source.this
    if isinstance(inner, exp.Table):
        return frozenset().union(
            _source(inner, wanted, clauses),
            *(_source(j.this, wanted, clauses) for j in inner.args.get("joins") or ()),
        )
    if not isinstance(inner, exp.Query):
        return frozenset()
    return (
        _renamed(inner, source.alias_column_names, wanted, clauses)
        if source.alias_column_names
        else _outputs(inner, wanted, clauses)
    )


def _renamed(query: Any, outer: Sequence[str], wanted: Any, clauses: Mapping[str, Names]) -> Names:
    """Return the `outer` names that rename a `wanted` column of any branch of `query`."""
    if isinstance(query, exp.Subquery):
        return _renamed(query.this, outer, wanted, clauses)
    for cte in query.args["with_"].expressions if query.args.get("with_") else ():
        clauses = {**clauses, cte.alias.lower(): _source(cte, wanted, clauses)}
    if isinstance(query, exp.SetOperation):
        branches = (_renamed(each, outer, wanted, clauses) for each in (query.left, query.right))
        return frozenset().union(*branches)
    found = _outputs(query, wanted, clauses)
    if found and any(column.is_star for column in query.expressions):
        return frozenset(name.lower() for name in outer)  # the positions behind a star are unknown
    return frozenset(
        name.lower()
        for name, inner in zip(outer, query.expressions, strict=False)
        if inner.alias_or_name.lower() in found
    )


def _holds(column: Any, wanted: Any, known: Names) -> bool:
    """Return whether `column` contains a `wanted` expression or a `known` column.

    Counts inside a division are ignored, because a share is not a count.
    """
    stop = (lambda node: isinstance(node, exp.Div)) if wanted is _is_count else None
    return any(
        not isinstance(node, exp.Div)
        and (wanted(node) or (isinstance(node, exp.Column) and node.name.lower() in known))
        for node in column.walk(prune=stop)
    )


def _has_aggregate(column: Any) -> bool:
    return column.find(exp.AggFunc, exp.ArraySize, exp.Anonymous) is not None


def _is_key(column: Any, position: int, group: Any) -> bool:
    """Return whether a column is a grouping key, or derives from grouping keys only."""
    keys = (
        [each for each in group.find_all(exp.Expression) if isinstance(each.parent, _GROUPINGS)]
        if group
        else []
    )
    if any(each == column or (each.is_int and int(each.name) == position) for each in keys):
        return True
    named = {each.name.lower() for key in keys for each in key.find_all(exp.Column)}
    return column.find(exp.AggFunc, exp.Anonymous) is None and all(
        each.name.lower() in named for each in column.find_all(exp.Column)
    )


_GROUPINGS = (exp.Group, exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)


def _is_count(node: Any) -> bool:
    """Return whether an expression counts rows, including by a sum of ones."""
    if isinstance(node, exp.Sum):
        return isinstance(node.this, exp.Case | exp.If | exp.Literal | exp.Cast)
    return isinstance(node, _COUNTS)


def _is_aggregate(node: Any) -> bool:
    """Return whether an expression aggregates the rows of a group; a window function does not."""
    around = node.parent
    while isinstance(around, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        around = around.parent
    return isinstance(node, exp.AggFunc | exp.ArraySize) and not isinstance(around, exp.Window)
