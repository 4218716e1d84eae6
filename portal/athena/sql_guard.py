"""What a person may ask in SQL: one reading statement over tables that tell nobody's name, of one release.

The statement is parsed, its tables become WITH clauses that name their release literally, and Athena is given
what is rewritten from that: a spelling that is read differently here and there can't carry anything past the
check.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects import athena, duckdb, trino  # noqa: F401  # loaded by name while two threads parse, one fails
from sqlglot.errors import SqlglotError

from pipeline.contracts.model import Column, Contract, load, tables
from pipeline.lake.uris import Lake
from portal.athena.literals import literal
from portal.core.errors import ServiceError
from portal.privacy import sql_answers
from portal.privacy.sql_answers import NOTHING, Told

MOST_ROWS = 100_000
"""Rows that one answer may have: what a browser session can hold and a spreadsheet open."""

logging.getLogger("sqlglot").setLevel(
    logging.CRITICAL
)  # its warnings quote the statement, with what was typed

_IDENTIFIERS = frozenset({"direct_identifier", "phi"})
_CATALOGS = frozenset({"", "awsdatacatalog"})
_SHOW = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_WRITES = (exp.DML, exp.DDL, exp.Command, exp.Into)


@dataclass(frozen=True)
class Statement:
    """`runs` is what Athena is given for what was `typed`; `tables` are those it reads, as (database, table)."""

    typed: str
    runs: str
    tables: frozenset[tuple[str, str]] = frozenset()
    told: Told = NOTHING


@cache
def readable() -> dict[str, Contract]:
    """Tables that may be asked, by name: gold's, and those of quality in which not every row names somebody."""
    quality = [load("quality", name) for name in tables("quality")]
    return {
        **{name: load("gold", name) for name in tables("gold")},
        **{c.table: c for c in quality if not any(k.required for k in c.columns if _identifies(k))},
    }


def columns(contract: Contract) -> tuple[Column, ...]:
    """The columns of a readable table that may be asked."""
    return tuple(column for column in contract.columns if not _identifies(column))


def _identifies(column: Column) -> bool:
    return column.classification in _IDENTIFIERS


def _is_about_people(contract: Contract) -> bool:
    return any(column.classification == "limited" for column in contract.columns)


def resolve(lake: Lake, sql: str, release_id: str, releases: Sequence[str] | None = None) -> Statement:
    """`sql` over `release_id`; `ServiceError` where it may not be asked.

    `gold_releases` gives the rows of `releases` alone, of all there are where that is None.
    """
    if _SHOW.fullmatch(sql):
        return Statement(sql, _listing())
    tree = _parsed(sql)
    if isinstance(tree, exp.Describe):
        return Statement(sql, _described(lake, tree))
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise _not_a_reading(tree)
    if written := tree.find(*_WRITES):
        raise _not_a_reading(written)
    if any(each.args.get("recursive") for each in tree.find_all(exp.With)):
        raise ServiceError("WITH RECURSIVE is not allowed, because it has no bound. Remove RECURSIVE.")
    named = _named(lake, tree)
    _without_identifiers(tree, named.values())
    _alias(tree)
    told = sql_answers.told(tree, {n for n, source in named.items() if _is_about_people(source.contract)})
    _limit(tree)
    _put_first(tree, [source.clause(lake, release_id, releases) for source in named.values()])
    return Statement(
        typed=sql,
        runs=tree.sql(dialect="athena", comments=False),
        tables=frozenset((source.database, source.contract.table) for source in named.values()),
        told=told,
    )


# reading


def _parsed(sql: str) -> Any:
    try:
        parsed = sqlglot.parse(sql, read="athena")
        found = [tree for tree in parsed if not (tree is None or isinstance(tree, exp.Semicolon))]
    except (SqlglotError, RecursionError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise ServiceError(f"The statement cannot be read as SQL: {said}.") from None
    if len(found) != 1:
        raise ServiceError(f"One statement at a time may be asked here, not {len(found) or 'none'}.")
    return found[0]


def _not_a_reading(tree: Any) -> ServiceError:
    word = str(tree.this) if isinstance(tree, exp.Command) else tree.key
    return ServiceError(
        f"Only SELECT, WITH, SHOW TABLES and DESCRIBE may be asked here, not {word.upper()}."
        if not isinstance(tree, exp.Subquery)
        else "Take away the parentheses around the whole statement: it begins with SELECT or WITH."
    )


# tables


@dataclass(frozen=True)
class _Source:
    """A readable table as the statement names it, of all visible releases or of one."""

    contract: Contract
    is_of_all: bool

    @property
    def database(self) -> str:
        return "gold_releases" if self.is_of_all else self.contract.zone

    @property
    def name(self) -> str:
        return f"{self.contract.table}_of_all_releases" if self.is_of_all else self.contract.table

    def clause(self, lake: Lake, release_id: str, releases: Sequence[str] | None) -> str:
        kept = columns(self.contract)
        listed = "*" if len(kept) == len(self.contract.columns) else ", ".join(c.name for c in kept)
        database = lake.database("gold_releases" if self.contract.zone == "gold" else "quality")
        select = f'SELECT {listed} FROM "{database}"."{self.contract.table}"'
        if self.contract.zone != "gold" or (self.is_of_all and releases is None):
            return f"{self.name} AS ({select})"
        wanted = ", ".join(literal(each) for each in (releases or [] if self.is_of_all else [release_id]))
        return f"{self.name} AS ({select} WHERE release_id IN ({wanted}))"


def _named(lake: Lake, tree: Any) -> dict[str, _Source]:
    """The tables that `tree` reads, by the name of their clause; `tree` names them so from here on."""
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    found: dict[str, _Source] = {}
    for lateral in tree.find_all(exp.Lateral):
        if not isinstance(lateral.this, exp.Subquery | exp.Unnest):
            raise _refused(lateral.this.sql(dialect="athena"))
    for table in list(tree.find_all(exp.Table)):
        if not table.db and isinstance(table.this, exp.Identifier) and table.name.lower() in own:
            continue
        source = _source(lake, table)
        found[source.name] = source
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(source.contract.table)))
        table.set("this", exp.to_identifier(source.name))
        table.set("db", None)
        table.set("catalog", None)
    for name in own & ({*readable()} | {*found}):
        raise ServiceError(f"WITH {name} would hide the table of that name: call it something else.")
    _unqualify(tree)
    return found


def _source(lake: Lake, table: exp.Table) -> _Source:
    contract = readable().get(table.name.lower()) if isinstance(table.this, exp.Identifier) else None
    database = table.db.lower()
    if contract is not None and table.catalog.lower() in _CATALOGS:
        if database in {"", contract.zone, lake.database(contract.zone)}:
            return _Source(contract, is_of_all=False)
        if contract.zone == "gold" and database in {"gold_releases", lake.database("gold_releases")}:
            return _Source(contract, is_of_all=True)
    raise _refused(".".join([*(part for part in (table.catalog, table.db) if part), _plain(table.this)]))


def _plain(name: Any) -> str:
    return str(name.name if isinstance(name, exp.Identifier) else name.sql(dialect="athena"))


def _refused(name: str) -> ServiceError:
    listed = sorted(readable())
    return ServiceError(f"Table '{name[:200]}' not found. Available tables: {', '.join(listed)}.")


def _unqualify(tree: Any) -> None:
    """Columns by their table alone: the database before it is gone."""
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)


def _without_identifiers(tree: Any, sources: Iterable[_Source]) -> None:
    left_out = {c.name: s.contract.table for s in sources for c in s.contract.columns if _identifies(c)}
    for column in tree.find_all(exp.Column):
        if table := left_out.get(column.name.lower()):
            raise ServiceError(
                f"{column.name.lower()} of {table} is not available in SQL, because it identifies a patient: "
                "the Quality page shows it to roles that may see it."
            )


def _put_first(tree: Any, clauses: Sequence[str]) -> None:
    if not clauses:
        return
    mine = sqlglot.parse_one(f"WITH {', '.join(clauses)} SELECT 1", read="athena").args["with_"]
    present = tree.args.get("with_")
    mine.set("expressions", [*mine.expressions, *(present.expressions if present else [])])
    tree.set("with_", mine)


def _limit(tree: Any) -> None:
    """The answer's rows, bounded: a limit beyond `MOST_ROWS` becomes that."""
    present = tree.args.get("limit")
    key = "count" if isinstance(present, exp.Fetch) else "expression"
    number = present.args.get(key) if present else None
    options = present.args.get("limit_options") if present else None
    if options and (options.args.get("with_ties") or options.args.get("percent")):
        raise ServiceError("FETCH FIRST takes a number of ROWS ONLY here: ties and percents have no bound.")
    if isinstance(number, exp.Literal) and number.is_int and int(number.name) <= MOST_ROWS:
        return
    tree.set("limit", exp.Limit(expression=exp.Literal.number(MOST_ROWS)))


# what there is


def _listing() -> str:
    return _rows(("table_name", "rows_are"), [(name, c.grain) for name, c in sorted(readable().items())])


def _described(lake: Lake, tree: exp.Describe) -> str:
    table = tree.find(exp.Table)
    if table is None:
        raise ServiceError("DESCRIBE takes the name of a table.")
    kept = columns(_source(lake, table).contract)
    return _rows(("column_name", "type", "meaning"), [(c.name, c.type, c.description) for c in kept])


def _rows(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The contracts' words as a statement, so that it has its answer and its place in the history like any other."""
    listed = ", ".join(f"({', '.join(literal(text) for text in row)})" for row in rows)
    return f"SELECT * FROM (VALUES {listed}) AS t ({', '.join(names)})"


# columns


def _alias(tree: Any) -> None:
    """A name for every column that has none, the one that Athena would give it."""
    for select in tree.find_all(exp.Select):
        for position, column in enumerate(select.expressions):
            if not isinstance(column, exp.Alias | exp.Column | exp.Star):
                column.replace(exp.alias_(column.copy(), f"_col{position}"))
