"""Validate and rewrite user SQL: one read-only statement over de-identified tables.

The statement is parsed, and its tables become WITH clauses that filter by literal release ids. Athena runs
SQL generated from the parse tree, never the user's text, so text that Athena would parse differently cannot
bypass the checks.
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
from sqlglot.dialects import athena, duckdb, trino  # noqa: F401  (loading them lazily is not thread-safe)
from sqlglot.errors import SqlglotError

from pipeline.athena.check import check
from pipeline.athena.grammar import SyntaxFault
from pipeline.contracts.model import Column, Contract, load, tables
from pipeline.lake.uris import Lake
from portal.athena.literals import literal
from portal.athena.suggestions import nearest
from portal.core.errors import ServiceError
from portal.privacy import sql_results
from portal.privacy.sql_results import NO_DISCLOSURE, Disclosure

MOST_ROWS = 100_000
"""Maximum rows of a result: a browser session can hold this many, and a spreadsheet can open them."""

# warnings of sqlglot quote the statement, which can contain PHI
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_IDENTIFIERS = frozenset({"direct_identifier", "phi"})
_CATALOGS = frozenset({"", "awsdatacatalog"})
_SHOW = re.compile(r"\s*show\s+tables\s*;?\s*", re.IGNORECASE)
_WRITES = (exp.DML, exp.DDL, exp.Command, exp.Into)


@dataclass(frozen=True)
class Statement:
    """A validated statement, as typed and as Athena runs it; `tables` are pairs of database and table."""

    user_sql: str
    athena_sql: str
    tables: frozenset[tuple[str, str]] = frozenset()
    disclosure: Disclosure = NO_DISCLOSURE


@cache
def queryable_tables() -> dict[str, Contract]:
    """Return the tables that users can query, by name.

    These are all gold tables, and the quality tables without a required column that identifies a patient.
    """
    quality = [load("quality", name) for name in tables("quality")]
    return {
        **{name: load("gold", name) for name in tables("gold")},
        **{c.table: c for c in quality if not any(k.required for k in c.columns if _identifies(k))},
    }


def queryable_columns(contract: Contract) -> tuple[Column, ...]:
    """Return the columns of a table that do not identify a patient."""
    return tuple(column for column in contract.columns if not _identifies(column))


def _identifies(column: Column) -> bool:
    return column.classification in _IDENTIFIERS


def _is_about_people(contract: Contract) -> bool:
    return any(column.classification == "limited" for column in contract.columns)


def validate(lake: Lake, sql: str, release_id: str, releases: Sequence[str] | None = None) -> Statement:
    """Validate and rewrite `sql` to read from `release_id`; raise `ServiceError` if it is not allowed.

    From the database `gold_releases`, the statement reads only `releases`, or every release if it is None.
    """
    if _SHOW.fullmatch(sql):
        return Statement(sql, _listing())
    tree = _parsed(sql)
    if isinstance(tree, exp.Describe):
        return Statement(sql, _described(lake, tree))
    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise _not_read_only(tree)
    if written := tree.find(*_WRITES):
        raise _not_read_only(written)
    if any(each.args.get("recursive") for each in tree.find_all(exp.With)):
        raise ServiceError("WITH RECURSIVE is not allowed. Write the query without recursion.")
    _check(sql)
    named = _named(lake, tree)
    _refuse_identifiers(tree, named.values())
    _alias(tree)
    about_people = {name for name, source in named.items() if _is_about_people(source.contract)}
    disclosure = sql_results.classify(tree, about_people)
    _limit(tree)
    _prepend_with_clauses(tree, [source.clause(lake, release_id, releases) for source in named.values()])
    return Statement(
        user_sql=sql,
        athena_sql=tree.sql(dialect="athena", comments=False),
        tables=frozenset((source.database, source.contract.table) for source in named.values()),
        disclosure=disclosure,
    )


# parsing


def _parsed(sql: str) -> Any:
    try:
        parsed = sqlglot.parse(sql, read="athena")
        found = [tree for tree in parsed if not (tree is None or isinstance(tree, exp.Semicolon))]
    except (SqlglotError, RecursionError) as error:
        _check(sql)
        reason = str(error).splitlines()[0].rstrip(".")
        raise ServiceError(f"Invalid SQL: {reason}.") from None
    if len(found) != 1:
        raise ServiceError(f"Enter one SQL statement, not {len(found) or 'none'}.")
    return found[0]


def _check(sql: str) -> None:
    """Raise `ServiceError` if Athena would refuse the statement as typed, on a laptop as on AWS."""
    try:
        check(sql)
    except SyntaxFault as fault:
        raise ServiceError(f"Invalid SQL: {fault}.") from None


def _not_read_only(tree: Any) -> ServiceError:
    if isinstance(tree, exp.Subquery):
        return ServiceError("Remove the parentheses around the statement. It must start with SELECT or WITH.")
    word = str(tree.this) if isinstance(tree, exp.Command) else tree.key
    return ServiceError(f"Only SELECT, WITH, SHOW TABLES and DESCRIBE are allowed, not {word.upper()}.")


# tables


@dataclass(frozen=True)
class _Source:
    """A table that the statement reads, of one release or of all visible releases."""

    contract: Contract
    all_releases: bool

    @property
    def database(self) -> str:
        return "gold_releases" if self.all_releases else self.contract.zone

    @property
    def name(self) -> str:
        return f"{self.contract.table}_of_all_releases" if self.all_releases else self.contract.table

    def clause(self, lake: Lake, release_id: str, releases: Sequence[str] | None) -> str:
        kept = queryable_columns(self.contract)
        listed = "*" if len(kept) == len(self.contract.columns) else ", ".join(c.name for c in kept)
        database = lake.database("gold_releases" if self.contract.zone == "gold" else "quality")
        select = f'SELECT {listed} FROM "{database}"."{self.contract.table}"'
        if self.contract.zone != "gold" or (self.all_releases and releases is None):
            return f"{self.name} AS ({select})"
        wanted = ", ".join(literal(each) for each in (releases or [] if self.all_releases else [release_id]))
        return f"{self.name} AS ({select} WHERE release_id IN ({wanted}))"


def _named(lake: Lake, tree: Any) -> dict[str, _Source]:
    """Give the tables in `tree` the names of their WITH clauses, and return their sources by these names.

    Raise `ServiceError` for a table that is not available, and for a WITH clause with the name of a table.
    """
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
    for name in own & ({*queryable_tables()} | {*found}):
        raise ServiceError(f"The WITH clause '{name}' has the name of a table. Choose another name.")
    _unqualify(tree)
    return found


def _source(lake: Lake, table: exp.Table) -> _Source:
    contract = queryable_tables().get(table.name.lower()) if isinstance(table.this, exp.Identifier) else None
    database = table.db.lower()
    if contract is not None and table.catalog.lower() in _CATALOGS:
        if database in {"", contract.zone, lake.database(contract.zone)}:
            return _Source(contract, all_releases=False)
        if contract.zone == "gold" and database in {"gold_releases", lake.database("gold_releases")}:
            return _Source(contract, all_releases=True)
    raise _refused(".".join([*(part for part in (table.catalog, table.db) if part), _plain(table.this)]))


def _plain(name: Any) -> str:
    return str(name.name if isinstance(name, exp.Identifier) else name.sql(dialect="athena"))


def _refused(name: str) -> ServiceError:
    listed = sorted(queryable_tables())
    meant = nearest(name.rpartition(".")[2], listed)
    question = f" Did you mean {meant}?" if meant else ""
    return ServiceError(f"Table '{name[:200]}' not found.{question} Available tables: {', '.join(listed)}.")


def _unqualify(tree: Any) -> None:
    """Remove the database from column references, because a WITH clause belongs to no database."""
    for column in tree.find_all(exp.Column):
        if column.args.get("db"):
            column.set("db", None)
            column.set("catalog", None)


def _refuse_identifiers(tree: Any, sources: Iterable[_Source]) -> None:
    identifiers = {c.name: s.contract.table for s in sources for c in s.contract.columns if _identifies(c)}
    for column in tree.find_all(exp.Column):
        if table := identifiers.get(column.name.lower()):
            raise ServiceError(
                f"{column.name.lower()} of {table} is not available in SQL, because it identifies a patient. "
                "Clinicians can unmask it on the Quality page."
            )


def _prepend_with_clauses(tree: Any, clauses: Sequence[str]) -> None:
    if not clauses:
        return
    added = sqlglot.parse_one(f"WITH {', '.join(clauses)} SELECT 1", read="athena").args["with_"]
    present = tree.args.get("with_")
    added.set("expressions", [*added.expressions, *(present.expressions if present else [])])
    tree.set("with_", added)


def _limit(tree: Any) -> None:
    """Limit the result to `MOST_ROWS` rows, unless the statement has a limit that is not higher.

    Raise `ServiceError` for FETCH FIRST … WITH TIES and PERCENT.
    """
    present = tree.args.get("limit")
    key = "count" if isinstance(present, exp.Fetch) else "expression"
    number = present.args.get(key) if present else None
    options = present.args.get("limit_options") if present else None
    if options and (options.args.get("with_ties") or options.args.get("percent")):
        raise ServiceError(
            "FETCH FIRST … WITH TIES and PERCENT are not allowed. Use FETCH FIRST n ROWS ONLY."
        )
    if isinstance(number, exp.Literal) and number.is_int and int(number.name) <= MOST_ROWS:
        return
    tree.set("limit", exp.Limit(expression=exp.Literal.number(MOST_ROWS)))


# SHOW TABLES and DESCRIBE


def _listing() -> str:
    return _rows(
        ("table_name", "rows_are"), [(name, c.grain) for name, c in sorted(queryable_tables().items())]
    )


def _described(lake: Lake, tree: exp.Describe) -> str:
    table = tree.find(exp.Table)
    if table is None:
        raise ServiceError("DESCRIBE needs the name of a table.")
    listed = queryable_columns(_source(lake, table).contract)
    return _rows(("column_name", "type", "meaning"), [(c.name, c.type, c.description) for c in listed])


def _rows(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows as a SELECT statement, so that they appear in the query history like any other result."""
    listed = ", ".join(f"({', '.join(literal(text) for text in row)})" for row in rows)
    return f"SELECT * FROM (VALUES {listed}) AS t ({', '.join(names)})"


# columns


def _alias(tree: Any) -> None:
    """Give every column without a name the name that Athena would give it."""
    for select in tree.find_all(exp.Select):
        for position, column in enumerate(select.expressions):
            if not isinstance(column, exp.Alias | exp.Column | exp.Star):
                column.replace(exp.alias_(column.copy(), f"_col{position}"))
