"""SQL of charts as people read it: formatted, with plain table names, as the SQL page accepts it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp


@lru_cache(maxsize=500)
def readable(sql: str) -> str:
    """Return SQL with line breaks, and with each gold table of one release by its plain name.

    The tables of `sql` are subqueries of Athena, as `portal.athena.client.release_table` makes them.
    """
    tree = sqlglot.parse_one(sql, read="athena")
    return str(tree.transform(_plain).sql(dialect="athena", pretty=True))


def _plain(node: Any) -> Any:
    """Return the table instead of a subquery that selects all columns of it in one release."""
    if not isinstance(node, exp.Subquery) or not isinstance(node.this, exp.Select):
        return node
    select, condition = node.this, node.this.args.get("where")
    tables = list(select.find_all(exp.Table))
    is_release = (
        select.is_star
        and len(tables) == 1
        and condition is not None
        and isinstance(condition.this, exp.EQ)
        and condition.this.left.name == "release_id"
    )
    if not is_release:
        return node
    table = exp.to_table(tables[0].name)
    return exp.alias_(table, node.alias, table=True) if node.alias else table
