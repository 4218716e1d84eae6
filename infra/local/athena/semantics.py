"""Make DuckDB compute as Athena does where the two differ.

tests/infra/local/test_athena_semantics.py tests each difference and names the page that documents it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlglot
from sqlglot import exp

_ZERO = "b = 0 AND a IS NOT NULL AND NOT list_has_any(['DOUBLE', 'FLOAT'], [typeof(a), typeof(b)])"
_SCALE = "coalesce(try_cast(regexp_extract(typeof({}), ',([0-9]+)', 1) AS INTEGER), 0)"

SETUP = (
    "SET integer_division = true",
    f"""CREATE MACRO athena_divide(a, b) AS CASE
        WHEN {_ZERO} THEN error('Division by zero')
        WHEN typeof(a / b) = 'DOUBLE' AND (typeof(a) LIKE 'DECIMAL%' OR typeof(b) LIKE 'DECIMAL%')
          AND typeof(a) <> 'DOUBLE' AND typeof(b) <> 'DOUBLE'
          THEN round(a / b, greatest({_SCALE.format("a")}, {_SCALE.format("b")}))
        ELSE a / b END""",
    f"CREATE MACRO athena_modulo(a, b) AS CASE WHEN {_ZERO} THEN error('Division by zero') ELSE a % b END",
    """CREATE MACRO athena_timestamp(t, digits) AS
        make_timestamp(CAST(round(epoch_us(t) / pow(10, 6 - digits)) * pow(10, 6 - digits) AS BIGINT))""",
)
"""Statements that a DuckDB connection must execute before it runs SQL that `as_athena` has rewritten."""

_DAYS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})
_DATES = (exp.Date, exp.CurrentDate, exp.LastDay)
_OF_ARGUMENT = (exp.Paren, exp.Min, exp.Max, exp.Coalesce, exp.DateTrunc, exp.TimestampTrunc)


def as_athena(tree: exp.Query, types: Mapping[str, str]) -> None:
    """Change `tree` to compute in DuckDB as in Athena; `types` are the Glue types of columns by name."""
    for position, column in enumerate(tree.selects if isinstance(tree, exp.Select) else []):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star):
            column.replace(exp.alias_(column.copy(), f"_col{position}"))
    for node in reversed(list(tree.walk())):  # the innermost first
        replacement = _replacement(node, types)
        if replacement is not None:
            node.replace(replacement)


def _replacement(node: Any, types: Mapping[str, str]) -> Any:
    if isinstance(node, exp.Div | exp.Mod):
        name = "athena_divide" if isinstance(node, exp.Div) else "athena_modulo"
        return exp.Anonymous(this=name, expressions=[node.left.copy(), node.right.copy()])
    if isinstance(node, exp.DateDiff):
        unit = exp.Literal.string(node.text("unit").lower())
        return exp.Anonymous(this="date_sub", expressions=[unit, node.expression.copy(), node.this.copy()])
    if isinstance(node, exp.Add | exp.Sub | exp.DateAdd) and _is_date(node, types):
        return exp.cast(exp.Paren(this=node.copy()), "date")
    if isinstance(node, exp.Cast):
        return _cast(node)
    if isinstance(node, exp.Avg) and isinstance(node.this, exp.Column):
        return _average(node, types)
    return None


def _is_date(node: Any, types: Mapping[str, str]) -> bool:
    """Return whether an expression is a date in Athena; a date plus or minus days or longer units is one."""
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DataType.Type.DATE)
    if isinstance(node, exp.Column):
        return types.get(node.name.lower()) == "date"
    if isinstance(node, exp.DateAdd):
        return node.text("unit").upper() in _DAYS and _is_date(node.this, types)
    if isinstance(node, exp.Add | exp.Sub):
        interval = node.right if isinstance(node.right, exp.Interval) else None
        return interval is not None and interval.text("unit").upper() in _DAYS and _is_date(node.left, types)
    return isinstance(node, _DATES) or (isinstance(node, _OF_ARGUMENT) and _is_date(node.this, types))


def _cast(node: exp.Cast) -> Any:
    """Return an expression that computes a cast as Athena does; None if DuckDB's own cast does so.

    Texts are cut to their length and timestamps rounded to their precision. A decimal without precision keeps
    the decimal places of a text literal, and rounds all other values to integers.
    """
    kind, size = node.to.this, node.to.expressions
    is_text = isinstance(node.this, exp.Literal) and node.this.is_string
    if kind in {exp.DataType.Type.VARCHAR, exp.DataType.Type.TEXT} and size:
        return exp.Substring(this=_plain(node, "varchar"), start=exp.Literal.number(1), length=size[0].this)
    if kind == exp.DataType.Type.TIMESTAMP and size:
        plain = _plain(node, "timestamp")
        return plain if is_text else exp.Anonymous(this="athena_timestamp", expressions=[plain, size[0].this])
    if kind == exp.DataType.Type.DECIMAL and not size and is_text:
        return exp.Literal.number(node.this.name)
    if kind == exp.DataType.Type.DECIMAL and not size:
        return _plain(node, "decimal(38, 0)")
    return None


def _plain(node: exp.Cast, kind: str) -> exp.Cast:
    to = exp.DataType.build(kind, dialect="duckdb")
    return type(node)(this=node.this.copy(), to=to)


def _average(node: exp.Avg, types: Mapping[str, str]) -> Any:
    """Return the average of a decimal column cast to the column's type; None leaves an average as it is.

    That applies to averages of other columns, and to those with FILTER or OVER.
    """
    kind = types.get(node.this.name.lower(), "")
    if not kind.startswith("decimal") or isinstance(node.parent, exp.Filter | exp.Window):
        return None
    return sqlglot.exp.cast(node.copy(), kind, dialect="duckdb")
