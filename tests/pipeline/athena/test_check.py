"""Which statements Athena accepts, by examples from the documentation of Trino, Athena and DuckDB."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest
import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino

from pipeline.athena.check import check
from pipeline.athena.grammar import SyntaxFault


def statements(name):
    """The statements of a file; its comments are the addresses of the pages that they are from."""
    lines = (Path(__file__).parent / name).read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("-- http"))
    return [statement.strip() for statement in text.split(";\n") if statement.strip()]


@pytest.mark.parametrize("sql", statements("accepted.sql"))
def test_what_trino_knows_is_accepted(sql):
    check(sql)


@pytest.mark.parametrize("sql", statements("refused.sql"))
def test_what_trino_does_not_know_is_refused(sql):
    with pytest.raises(SyntaxFault, match=r"^line 1:\d+: "):
        check(sql.rstrip(";"))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("FROM encounters", "line 1:1: mismatched input 'FROM'"),
        (
            "SELECT a\nFROM t\nWHERE b == 1",
            "line 3:10: mismatched input '='. Expecting: 'ALL', ",
        ),
        ("SELECT 1, /* two\nlines */ list_sum(a) FROM t", "line 2:10: Function 'list_sum' not registered"),
        ("SELECT 'x\ny', len(a)", "line 2:5: Function 'len' not registered"),
        ("SELECT CAST(1 AS hugeint)", "line 1:18: Unknown type: hugeint"),
        ("SELECT a, FROM t", "line 1:11: mismatched input 'FROM'"),
        ("SELECT CAST(string AS string) FROM t", "line 1:23: Unknown type: string"),
        ("SELECT (1", "line 1:10: mismatched input '<EOF>'"),
        ("SELECT first(a) FROM t", "line 1:8: Function 'first' not registered"),
        ("SELECT " + "(" * 3000 + "1" + ")" * 3000, "line 1:1: statement is too large (stack overflow while"),
    ],
)
def test_the_message_names_line_column_and_reason(sql, message):
    with pytest.raises(SyntaxFault) as refused:
        check(sql)
    assert str(refused.value).startswith(message)


def keywords():
    known = duckdb.sql("SELECT keyword_name FROM duckdb_keywords()").fetchall()
    words = {part for entry in Trino.Tokenizer.KEYWORDS for part in entry.split() if part.isidentifier()}
    return sorted({word.lower() for word in words} | {word for (word,) in known})


KEYWORDS_OF_BOTH = {
    *("inner", "left", "right", "full", "null", "true", "false", "localtime", "localtimestamp"),
    *(
        "current_catalog",
        "current_date",
        "current_role",
        "current_schema",
        "current_time",
        "current_timestamp",
    ),
    *("current_user",),
}


def read(sql):
    tree = sqlglot.parse_one(sql, read="athena")
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree.sql(dialect="athena")


@pytest.mark.parametrize(
    "template",
    [
        "SELECT a {} FROM t",
        "SELECT * FROM t {} JOIN u ON t.a = u.a",
        "SELECT a FROM t ORDER BY {}",
        "SELECT a FROM t GROUP BY {}",
        "SELECT sum({}) FROM t",
    ],
)
def test_no_keyword_of_another_database_changes_the_meaning_of_a_statement(template):
    """sqlglot reads `FROM t SEMI JOIN u` as another join; to Trino, SEMI is an alias."""
    for word in set(keywords()) - KEYWORDS_OF_BOTH:
        try:
            check(template.format(word))
            misread = read(template.format(word))
        except (SyntaxFault, sqlglot.errors.SqlglotError):
            continue
        assert misread == read(template.format(f'"{word}"'))


def test_checking_costs_in_proportion_to_the_length_of_a_statement():
    """Python calls are counted, because a clock would measure the machine."""
    short, long = calls_of(statement(20)), calls_of(statement(80))
    assert long < 5 * short


def statement(columns):
    """Return a statement with as many aggregates, each with a CASE, a BETWEEN and a function."""
    named = ", ".join(
        f"sum(CASE WHEN x BETWEEN {n} AND {n + 1} THEN round(y / 3.0, 2) END) AS c{n}" for n in range(columns)
    )
    return f"SELECT a, {named} FROM t JOIN u USING (id) WHERE b IN (SELECT b FROM v) GROUP BY a ORDER BY 1"


def calls_of(sql):
    check(sql)  # loads the grammar
    number = 0

    def count(frame, event, argument):
        nonlocal number
        number += event == "call"

    sys.setprofile(count)
    try:
        check(sql)
    finally:
        sys.setprofile(None)
    return number
