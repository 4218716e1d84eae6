"""What the answer to a statement tells of few people: by which of its columns, and whether by its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.ArraySize)


@dataclass(frozen=True)
class Told:
    """`counts` and `aggregates` are the columns of the answer that count, and that say anything of a group.

    `is_narrow` says that it lists rows about people, picked by a condition.
    """

    counts: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()
    is_narrow: bool = False


NOTHING = Told()


def told(tree: Any, people: set[str]) -> Told:
    """Of a parsed statement whose columns have names; `people` are the tables in it that are about people."""
    if not people:
        return NOTHING
    return Told(
        counts=_holding(tree, _is_count),
        aggregates=_holding(tree, _is_aggregate, _beside_keys(tree)),
        is_narrow=_has_condition(tree) and _lists_people(tree, _with_clauses(tree, people)),
    )


def _has_condition(tree: Any) -> bool:
    """Whether rows are picked: a join that holds columns against each other picks none."""
    joins = (join.args.get("on") for join in tree.find_all(exp.Join))
    return tree.find(exp.Where) is not None or any(on and on.find(exp.Literal) for on in joins)


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


def _beside_keys(tree: Any) -> set[str]:
    """Names of columns that say something of a group, by whatever function: all but what it is grouped by."""
    return {
        column.alias_or_name.lower()
        for select in tree.find_all(exp.Select)
        if _is_grouped(select)
        for position, column in enumerate(select.expressions, 1)
        if not _is_key(column.unalias(), position, select.args.get("group"))
    }


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


def _holding(tree: Any, wanted: Any, known: Iterable[str] = ()) -> frozenset[str]:
    """Names of columns that hold such an expression, are `known` to, or are made of a column that does."""
    names = set(known)
    while True:
        before = len(names)
        for select in tree.find_all(exp.Select):
            names |= {c.alias_or_name.lower() for c in select.expressions if _holds(c, wanted, names)}
        for query in tree.find_all(exp.SetOperation):
            names |= _by_position(query, query.named_selects, names)
        for source in tree.find_all(exp.CTE, exp.Subquery):
            if source.alias_column_names:
                names |= _by_position(source.this, source.alias_column_names, names)
        if len(names) == before:
            return frozenset(names)


def _holds(column: Any, wanted: Any, names: set[str]) -> bool:
    """Whether `column` holds it; a share isn't a count, so what is divided is passed over where counts are wanted."""
    stop = (lambda node: isinstance(node, exp.Div)) if wanted is _is_count else None
    return any(
        not isinstance(node, exp.Div)
        and (wanted(node) or (isinstance(node, exp.Column) and node.name.lower() in names))
        for node in column.walk(prune=stop)
    )


def _by_position(query: Any, outer: Sequence[str], names: set[str]) -> set[str]:
    """Those of the `outer` names under which a column in `names` comes out of any branch of `query`."""
    branches = [query] if isinstance(query, exp.Select) else list(query.find_all(exp.Select))
    if names and any(column.is_star for branch in branches for column in branch.expressions):
        return {name.lower() for name in outer}  # which is which can't be told from the statement
    return {
        name.lower()
        for branch in branches
        for name, inner in zip(outer, branch.expressions, strict=False)
        if inner.alias_or_name.lower() in names
    }


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
