"""Which columns of a SQL answer are figures of groups of people, and the answer without small ones.

Roles that may ask in SQL see exact figures; what they download with "Safe to share" on is suppressed here. This guards
against a small count that is shared by accident. It is no proof against intent: figures of a group whose count is not
among the columns are shown.
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
class Told:
    """`counts` and `aggregates` are the columns of the answer that count, and that say anything of a group.

    `lists_people` says that its rows are rows about people.
    """

    counts: Names = frozenset()
    aggregates: Names = frozenset()
    lists_people: bool = False


NOTHING = Told()


def told(tree: Any, people: set[str]) -> Told:
    """Of a parsed statement whose columns have names; `people` are the tables in it that are about people."""
    if not people:
        return NOTHING
    return Told(
        counts=_outputs(tree, _is_count, {}),
        aggregates=_outputs(tree, _is_aggregate, {}),
        lists_people=_lists_people(tree, _with_clauses(tree, people)),
    )


def safe_to_share(found: Told, frame: pd.DataFrame) -> tuple[pd.DataFrame | None, str]:
    """Return the answer without figures of small groups, and what was left out; None where rows are of people."""
    if found.lists_people and len(frame):
        return None, "Rows about single people are not safe to share: group them, or turn off Safe to share."
    counted = frame[_among(frame, found.counts)].select_dtypes(["number", "object", "string"])
    counts = counted.apply(pd.to_numeric, errors="coerce")  # a Decimal is an object, a cast one a text
    figures = _among(frame, found.aggregates | found.counts)
    by = [name for name in frame.columns if name not in figures]
    shown = _suppress(frame, by, counts, figures)
    hidden = int(shown.isna().sum().sum() - frame.isna().sum().sum())
    return (
        shown,
        f"{hidden:,} values suppressed (counts below {MINIMUM_CELL_SIZE} and complements)" if hidden else "",
    )


def _among(frame: pd.DataFrame, names: Names) -> list[str]:
    """The columns of these names; a second one of a name comes back as `name.1`."""
    return [str(name) for name in frame.columns if re.sub(r"\.\d+$", "", str(name)).lower() in names]


def _suppress(
    frame: pd.DataFrame, by: Sequence[str], counts: pd.DataFrame, values: Sequence[str]
) -> pd.DataFrame:
    """Empty the `values` of every row with a small count, and of the next smallest until no sum discloses one.

    The sums are those of all rows and of each value of each key in `by`.
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
    """The rows of each sum that somebody may know: of all, and of each value of each dimension."""
    yield np.arange(len(frame))
    if len(by) > 1:
        for name in by:
            codes = pd.factorize(frame[name], use_na_sentinel=False)[0]
            order = codes.argsort(kind="stable")
            parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
            yield from (rows for rows in parts if len(rows) > 1)  # one alone gives no other away


# rows about people


def _lists_people(query: Any, people: set[str]) -> bool:
    """Whether what comes out are single rows of the tables of `people`.

    Neither groups are, nor, by DISTINCT, the values that many rows share.
    """
    sources = [join.this for join in query.args.get("joins") or ()]
    if isinstance(query, exp.Table) and query.name.lower() in people:
        return True
    if isinstance(query, exp.Subquery | exp.SetOperation | exp.Lateral):
        sources += [query.this, query.args.get("expression")]
    if isinstance(query, exp.Select):
        is_shared = query.args.get("distinct") and not any(map(_tells_one, query.expressions))
        if is_shared or _is_grouped(query):
            return False
        sources += [query.args["from_"].this] if query.args.get("from_") else []
    return any(_lists_people(source, people) for source in sources if source)


def _with_clauses(tree: Any, people: set[str]) -> set[str]:
    """`people` and the WITH clauses that list rows of them."""
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


def _tells_one(column: Any) -> bool:
    """Whether hardly two rows have the same of it: everything, a key, a moment as it is."""
    names = (each.name.lower() for each in column.find_all(exp.Column))
    is_moment = isinstance(column.unalias(), exp.Column) and column.unalias().name.lower().endswith("_at")
    return is_moment or column.find(exp.Star) is not None or any(name.endswith("_key") for name in names)


# columns


def _outputs(query: Any, wanted: Any, clauses: Mapping[str, Names]) -> Names:
    """Names of the columns that come out of `query` and hold such an expression, or are made of a column that does.

    A key that rows are grouped by is a value, whatever it is made of: visits of a patient are no count of patients.
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
    """What a SELECT reads: FROM, joins and laterals, the members of joins in parentheses among them."""
    first = [select.args["from_"].this] if select.args.get("from_") else []
    found = [*first, *(j.this for j in select.args.get("joins") or ()), *(select.args.get("laterals") or ())]
    return found + [join.this for each in found for join in each.args.get("joins") or ()]


def _source(source: Any, wanted: Any, clauses: Mapping[str, Names]) -> Names:
    """Of a table, a subquery or a WITH clause, the columns that hold it, by the names that its alias gives them."""
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
    """Those of the `outer` names under which a column that holds it comes out of any branch of `query`."""
    if isinstance(query, exp.Subquery):
        return _renamed(query.this, outer, wanted, clauses)
    for cte in query.args["with_"].expressions if query.args.get("with_") else ():
        clauses = {**clauses, cte.alias.lower(): _source(cte, wanted, clauses)}
    if isinstance(query, exp.SetOperation):
        branches = (_renamed(each, outer, wanted, clauses) for each in (query.left, query.right))
        return frozenset().union(*branches)
    found = _outputs(query, wanted, clauses)
    if found and any(column.is_star for column in query.expressions):
        return frozenset(name.lower() for name in outer)  # which is which can't be told from the statement
    return frozenset(
        name.lower()
        for name, inner in zip(outer, query.expressions, strict=False)
        if inner.alias_or_name.lower() in found
    )


def _holds(column: Any, wanted: Any, known: Names) -> bool:
    """Whether `column` holds it; a share isn't a count, so what is divided is passed over where counts are wanted."""
    stop = (lambda node: isinstance(node, exp.Div)) if wanted is _is_count else None
    return any(
        not isinstance(node, exp.Div)
        and (wanted(node) or (isinstance(node, exp.Column) and node.name.lower() in known))
        for node in column.walk(prune=stop)
    )


def _has_aggregate(column: Any) -> bool:
    return column.find(exp.AggFunc, exp.ArraySize, exp.Anonymous) is not None


def _is_key(column: Any, position: int, group: Any) -> bool:
    """Whether a column is one that the select is grouped by, or made of such columns alone."""
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
    """An expression that counts, if only by summing ones."""
    if isinstance(node, exp.Sum):
        return isinstance(node.this, exp.Case | exp.If | exp.Literal | exp.Cast)
    return isinstance(node, _COUNTS)


def _is_aggregate(node: Any) -> bool:
    """An expression that sums up the rows of a group; over a window it says something of a single row."""
    around = node.parent
    while isinstance(around, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        around = around.parent
    return isinstance(node, exp.AggFunc | exp.ArraySize) and not isinstance(around, exp.Window)
