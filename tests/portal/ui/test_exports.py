"""What a spreadsheet makes of an export.

Cells that are text stay text, and the origin stays above the rows.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from io import StringIO

import pandas as pd
import pytest

from portal.athena.client import QueryResult
from portal.ui import exports
from portal.ui.quality import failing_rows_table

LINK = '=HYPERLINK("https://evil.example")'


def cells(text):
    """The cells below the comments, as a spreadsheet reads them."""
    lines = list(csv.reader(StringIO(text, newline="")))
    return [line for line in lines if not line[0].startswith("# ")]


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        (LINK, f"'{LINK}"),
        ("=5", "'=5"),
        ("+1+1", "'+1+1"),
        ("-1+1", "'-1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-", "'-"),
        ("-5", "-5"),
        ("+4.5", "+4.5"),
        ("-.5", "-.5"),
        ("a=1", "a=1"),
        ("O'Hara", "O'Hara"),
        ("one\r=1", "one\r=1"),
        ("one\n=1", "one\n=1"),
        (None, ""),
    ],
)
@pytest.mark.parametrize("kind", ["object", "string", "category"])
def test_a_text_is_no_formula_and_ends_no_row(kind, typed, written):
    frame = pd.DataFrame({"text": pd.Series([typed, "x"], dtype=kind), "after": ["y", "z"]})
    assert cells(exports.sheet({}, frame)) == [["text", "after"], [written, "y"], ["x", "z"]]


def test_a_header_is_no_formula():
    assert cells(exports.sheet({}, pd.DataFrame({LINK: ["x"], "_col1": ["y"]})))[0] == [f"'{LINK}", "_col1"]


def test_numbers_stay_as_they_are():
    frame = pd.DataFrame(
        {
            "whole": pd.array([-5, pd.NA], dtype="Int64"),
            "real": [-0.5, None],
            "cost": [Decimal("-12.50"), None],
            "mixed": [-5, LINK],
        }
    )
    assert cells(exports.sheet({}, frame))[1:] == [["-5", "-0.5", "-12.50", "-5"], ["", "", "", f"'{LINK}"]]
    assert frame["mixed"].to_list() == [-5, LINK], "what is shown is not changed"


@pytest.mark.parametrize(
    ("filters", "written"),
    [
        (f"Class: a\n{LINK}", f"Class: a {LINK}"),
        ("Class: a\r\n\u2028# release: r2", "Class: a # release: r2"),
        ("Class: a,=1+1", "Class: a,'=1+1"),
        ('Class: a;"=1+1"', 'Class: a;\'"=1+1"'),
        ("Class: a, b; Department: c", "Class: a, b; Department: c"),
    ],
)
def test_filters_are_one_line_without_a_formula(filters, written):
    answer = QueryResult(pd.DataFrame({"n": [1]}), "SELECT 1", "q", 0, 0.0, "r1")
    text = exports.csv(answer.frame, answer, filters)
    assert text.splitlines()[:2] == ["# release: r1", f"# filters: {written}"]
    assert [line for line in text.splitlines() if not line.startswith("# ")] == ["n", "1"]


def test_the_rows_of_a_rule_are_no_formulas_either():
    rows = pd.DataFrame({"patient_id": ["P1"], "department": [LINK]})
    text = failing_rows_table.export(rows, "run-1", ("patients", "PAT-C01"))
    assert cells(text) == [["patient_id", "department"], ["P1", f"'{LINK}"]]
    assert text.startswith("# run: run-1\r\n# rule: PAT-C01 of patients\r\n# exported: 2")
