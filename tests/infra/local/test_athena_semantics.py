"""What Athena computes, as the documentation of Trino and Athena says it, also on the laptop."""

from __future__ import annotations

import csv

import pytest

from infra.local.athena.executions import AthenaEngine, Query

MATH = "https://trino.io/docs/current/functions/math.html"
DECIMAL = "https://trino.io/docs/current/functions/decimal.html"
DATES = "https://trino.io/docs/current/functions/datetime.html"
AGGREGATE = "https://trino.io/docs/current/functions/aggregate.html"
SELECT = "https://trino.io/docs/current/sql/select.html#order-by-clause"
TYPES = "https://trino.io/docs/current/language/types.html"
STRINGS = "https://trino.io/docs/current/functions/string.html"
COMPARISON = "https://trino.io/docs/current/functions/comparison.html"
CONDITIONAL = "https://trino.io/docs/current/functions/conditional.html"

VALUES = [
    # integer division truncates towards zero, a decimal has the larger scale of both
    (MATH, "7 / 2", "3"),
    (MATH, "-7 / 2", "-3"),
    (MATH, "mod(-7, 3)", "-1"),
    (MATH, "7 / 2e0", "3.5"),
    (DECIMAL, "DECIMAL '2.00' / DECIMAL '3.00'", "0.67"),
    (DECIMAL, "DECIMAL '10.0' / DECIMAL '3.000'", "3.333"),
    (DECIMAL, "DECIMAL '1.10' * DECIMAL '2.20'", "2.4200"),
    (DECIMAL, "DECIMAL '1.10' + DECIMAL '2.2'", "3.30"),
    (DECIMAL, "CAST(DECIMAL '2.005' AS decimal(10, 2))", "2.01"),
    # a date plus days or months is a date; a month that is too short ends it
    (DATES, "DATE '2012-08-08' + INTERVAL '2' DAY", "2012-08-10"),
    (DATES, "DATE '2024-01-31' + INTERVAL '1' MONTH", "2024-02-29"),
    (DATES, "date_add('day', -1, DATE '2024-03-01')", "2024-02-29"),
    (DATES, "TIMESTAMP '2012-08-08 01:00' + INTERVAL '29' HOUR", "2012-08-09 06:00:00.000"),
    # whole units have passed, not borders of units
    (DATES, "date_diff('hour', TIMESTAMP '2020-01-01 00:59', TIMESTAMP '2020-01-01 01:01')", "0"),
    (DATES, "date_diff('day', TIMESTAMP '2020-01-01 23:00', TIMESTAMP '2020-01-02 01:00')", "0"),
    (DATES, "date_diff('second', TIMESTAMP '2020-03-01', TIMESTAMP '2020-03-02')", "86400"),
    (DATES, "date_diff('year', DATE '2019-12-31', DATE '2020-01-01')", "0"),
    (DATES, "date_diff('day', DATE '2020-03-02', DATE '2020-03-01')", "-1"),
    # ISO weeks: Monday is 1, Sunday is 7
    (DATES, "day_of_week(DATE '2024-01-07')", "7"),
    (DATES, "day_of_week(DATE '2024-01-08')", "1"),
    (DATES, "week(DATE '2021-01-03')", "53"),
    (DATES, "year_of_week(DATE '2021-01-03')", "2020"),
    (DATES, "date_format(TIMESTAMP '2020-01-05 03:07:09', '%Y-%m-%d %H:%i:%s')", "2020-01-05 03:07:09"),
    # fewer digits round; a result has milliseconds
    (TYPES, "CAST(TIMESTAMP '2020-06-10 15:55:23.383345' AS timestamp(1))", "2020-06-10 15:55:23.400"),
    (TYPES, "CAST(TIMESTAMP '2020-06-10 15:55:23.9' AS timestamp(0))", "2020-06-10 15:55:24.000"),
    (TYPES, "CAST('abcdef' AS varchar(3))", "abc"),
    # texts compare by code point, with case and blanks
    (TYPES, "'a' = 'a '", "false"),
    (COMPARISON, "'B' < 'a'", "true"),
    (COMPARISON, "'abc' LIKE 'A%'", "false"),
    (COMPARISON, "greatest(1, NULL)", None),
    (COMPARISON, "NULL = NULL", None),
    (STRINGS, "length('é')", "1"),
    (STRINGS, "concat('a', NULL)", None),
    (CONDITIONAL, "coalesce(nullif(1, 1), 2)", "2"),
]
COLUMNS = [
    # nulls come last, in either direction
    (SELECT, "SELECT x FROM (VALUES 1, NULL, 2) AS t (x) ORDER BY x", ["1", "2", None]),
    (SELECT, "SELECT x FROM (VALUES 1, NULL, 2) AS t (x) ORDER BY x DESC", ["2", "1", None]),
    (SELECT, "SELECT x FROM (VALUES 1, NULL, 2) AS t (x) ORDER BY x NULLS FIRST", [None, "1", "2"]),
    # a percentile is of the column's type
    (AGGREGATE, "SELECT approx_percentile(x, 0.5) FROM (VALUES 1, 2, 9) AS t (x)", ["2"]),
    (AGGREGATE, "SELECT approx_percentile(x, 0.0) FROM (VALUES 1, 2, 9) AS t (x)", ["1"]),
    (AGGREGATE, "SELECT approx_percentile(x, 1.0) FROM (VALUES 1, 2, 9) AS t (x)", ["9"]),
    (AGGREGATE, "SELECT count(x) FROM (VALUES 1, NULL) AS t (x)", ["1"]),
    (AGGREGATE, "SELECT sum(x) FROM (VALUES CAST(NULL AS integer)) AS t (x)", [None]),
]
FAULTS = [
    (MATH, "SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    (MATH, "SELECT 1 % 0", "DIVISION_BY_ZERO: Division by zero"),
    (DECIMAL, "SELECT DECIMAL '1.0' / DECIMAL '0.0'", "DIVISION_BY_ZERO: Division by zero"),
    (
        AGGREGATE,
        "SELECT approx_percentile(x, 1.5) FROM (VALUES 1) AS t (x)",
        "INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1",
    ),
    (
        "https://trino.io/docs/current/functions/conversion.html",
        "SELECT CAST('x' AS integer)",
        "INVALID_CAST_ARGUMENT: Cannot cast 'x' to the type",
    ),
]


class Folder:
    """What the engine needs of the laptop cloud: a folder for results, and no history."""

    def __init__(self, work):
        self.work, self.store = work, self

    def path(self, uri):
        return self.work / uri.rpartition("/")[2]

    def all(self, kind):
        return []

    def put(self, *document):
        pass


@pytest.fixture
def ask(tmp_path):
    """Return a function that runs a statement to its end and returns its state, reason and rows."""
    engine = AthenaEngine(Folder(tmp_path))

    def run(sql):
        query = Query("q", sql, {}, "primary", "s3://results/q.csv", None)
        engine._execute(query, None)
        if query.state != "SUCCEEDED":
            return query, None
        with engine.result_file(query).open(newline="") as file:
            _, *rows = csv.reader(file)
        return query, [[value or None for value in row or [""]] for row in rows]

    return run


def test_an_expression_has_the_value_that_the_documentation_gives(ask):
    """One statement for all, because each has a price."""
    query, rows = ask(f"SELECT {', '.join(sql for _, sql, _ in VALUES)}")
    assert query.state == "SUCCEEDED", query.reason
    got = dict(zip([sql for _, sql, _ in VALUES], rows[0], strict=True))
    assert got == {sql: value for _, sql, value in VALUES}


@pytest.mark.parametrize(("source", "sql", "column"), COLUMNS)
def test_a_query_has_the_rows_that_the_documentation_gives(ask, source, sql, column):
    assert ask(sql)[1] == [[value] for value in column], source


@pytest.mark.parametrize(("source", "sql", "reason"), FAULTS)
def test_a_query_fails_where_the_documentation_says_so(ask, source, sql, reason):
    query, _ = ask(sql)
    assert (query.state, query.reason) == ("FAILED", reason), source
