"""Derive from a rule's SQL, when contracts are compiled, what jobs and portal need to know about it.

Jobs and portal read the result from compiled.json, because AWS Glue has no sqlglot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlglot
from sqlglot import exp

_SAME_IN_ATHENA = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Is, exp.In, exp.Between, exp.Like, exp.RegexpLike),
    *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Add, exp.Sub, exp.Mul, exp.Neg),
    *(exp.Case, exp.If, exp.Coalesce, exp.Lower, exp.Upper, exp.Length, exp.Trim, exp.RegexpReplace),
    *(exp.Year, exp.Month, exp.Day, exp.TimestampDiff, exp.TsOrDsToDate, exp.Cast, exp.DataType, exp.Var),
    *(exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null),
)
"""Operators and functions with the same result in Spark SQL and, translated by sqlglot, in Athena."""


def derived(implementation: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """Return what follows from the SQL of a row rule on a table with `columns`; empty for other rules.

    `reads` lists the columns in `fails` and `among`, with their struct ("raw.dose"). `has_window` is true if
    `fails` has a window. `athena` is `applies` and `fails` as a condition in Athena SQL, or None if the
    silver columns of one row do not suffice.
    """
    if "fails" not in implementation:
        return {}
    fails, among = implementation["fails"], implementation.get("among", ())
    conditions = [implementation[name] for name in ("applies", "fails") if name in implementation]
    return {
        "reads": _columns(_parse(sql) for sql in (fails, *among)),
        "has_window": _parse(fails).find(exp.Window) is not None,
        "athena": None if among else _athena(conditions, columns),
    }


def _parse(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read="spark")


def _columns(trees: Iterable[exp.Expr]) -> list[str]:
    return sorted({_name(column) for tree in trees for column in tree.find_all(exp.Column)})


def _name(column: exp.Column) -> str:
    return f"{column.table}.{column.name}" if column.table else column.name


def _athena(conditions: Iterable[str], columns: Collection[str]) -> str | None:
    trees = [_on_silver(_parse(sql)) for sql in conditions]
    is_same = all(isinstance(node, _SAME_IN_ATHENA) for tree in trees for node in tree.walk())
    if not is_same or not set(_columns(trees)) <= set(columns):
        return None
    return " AND ".join(f"({tree.sql(dialect='athena')})" for tree in trees)


def _on_silver(tree: exp.Expr) -> exp.Expr:
    """Replace ``raw.x IS NULL`` by ``x IS NULL``: a value that was not received is NULL in silver.

    A negated test is kept: in silver, a value that was received but could not be read is NULL too.
    """
    for test in tree.find_all(exp.Is):
        received = test.this
        is_plain = isinstance(test.expression, exp.Null) and test.find_ancestor(exp.Not) is None
        if is_plain and isinstance(received, exp.Column) and received.table == "raw":
            received.set("table", None)
    return tree
