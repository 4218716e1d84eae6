"""docs/aws-facts.md: each fact about AWS names tests, and each test that it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
TEXT = (PROJECT / "docs" / "aws-facts.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)


def _tests(file):
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def test_each_fact_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "---" not in line]
    facts = [row for row in rows if not row.startswith("| fact |")]
    assert len(facts) > 30
    assert [fact for fact in facts if not re.search(r"\| (`tests/\S+::test_\w+`(, )?)+ \|$", fact)] == []


def test_each_named_test_exists():
    missing = [f"{file}::{name}" for file, name in NAMED if name not in _tests(file)]
    assert missing == []
