"""ANTLR's own parser, on the grammar of npm's dt-sql-parser, judges the example statements as ours does.

npm install --ignore-scripts --prefix build/dt-sql-parser dt-sql-parser@4.5.1
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.athena.grammar import SyntaxFault, parse, tokenize

FOLDER = Path(__file__).parent
PACKAGE = FOLDER.parents[2] / "build" / "dt-sql-parser"
pytestmark = pytest.mark.skipif(
    not (PACKAGE / "node_modules").is_dir(), reason="dt-sql-parser is not installed in build/dt-sql-parser"
)
DIFFERENT = {
    "SELECT `a` FROM t",  # Trino refuses back quotes after parsing
    "SELECT a, count(*) FROM t GROUP BY ALL",  # by a column named all: check() refuses it
}


def is_accepted(sql):
    try:
        parse(tokenize(sql))
    except SyntaxFault:
        return False
    return True


def test_antlr_agrees_on_every_example():
    text = "\n".join(
        line
        for name in ("accepted.sql", "refused.sql")
        for line in (FOLDER / name).read_text().splitlines()
        if not line.startswith("-- http")
    )
    statements = [sql for sql in text.split(";\n") if sql.strip() and sql not in DIFFERENT]
    answer = subprocess.run(
        ["node", FOLDER / "dt_sql_parser.mjs", PACKAGE],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert dict(zip(statements, json.loads(answer), strict=True)) == {
        sql: is_accepted(sql) for sql in statements
    }
