"""What a spreadsheet makes of an export.

Cells that are text stay text, and the origin stays above the rows.
"""

from __future__ import annotations

import ast
import csv
import tomllib
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from streamlit import config

import portal.ui
from portal.athena.client import QueryResult
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.ui import exports, session
from portal.ui.exports import SingleRows
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
        ("\n=1", "'\n=1"),
        ("\tx", "'\tx"),
        (" =1", "' =1"),
        ("\u00a0\u3000@SUM(A1)", "'\u00a0\u3000@SUM(A1)"),
        ("\u200b=1", "'\u200b=1"),
        ("\ufeff+1+1", "'\ufeff+1+1"),
        ("＝1+1", "'＝1+1"),
        ("＋1+1", "'＋1+1"),
        ("－1+1", "'－1+1"),
        ("＠SUM(A1)", "'＠SUM(A1)"),
        ("-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"),
        ("a;=1+1", "a;=1+1"),
        (" -5", " -5"),
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


def test_a_text_with_semicolons_is_one_quoted_cell():
    text = exports.sheet({}, pd.DataFrame({"text": ["a;=1+1"], "number": [-5]}))
    assert text.splitlines()[1] == '"a;=1+1",-5'


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
    assert [line for line in text.splitlines() if not line.startswith("# ")] == ['"n"', "1"]


def test_the_rows_of_a_rule_are_no_formulas_either():
    rows = pd.DataFrame({"patient_id": ["P1"], "department": [LINK]})
    text = failing_rows_table.export(rows, "run-1", ("patients", "PAT-C01"))
    assert cells(text) == [["patient_id", "department"], ["P1", f"'{LINK}"]]
    assert text.startswith("# run: run-1\r\n# rule: PAT-C01 of patients\r\n# exported: 2")


# the one way out


UI = Path(portal.ui.__file__).parent


def _calls(name):
    """Return the file and line of each call of a Streamlit element in the pages."""
    return [
        (path.relative_to(UI).as_posix(), node.lineno)
        for path in sorted(UI.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_files_leave_by_one_module():
    assert {path for path, _ in _calls("download_button")} == {"exports.py"}


def test_no_table_makes_a_file_by_itself():
    """Streamlit's own download and clipboard are off for all tables; a table to edit keeps its clipboard."""
    assert len(_calls("dataframe")) > 15
    assert {path for path, _ in _calls("data_editor")} == {"batches/mapping_step.py"}, "no table of a release"
    assert _calls("set_option") == []
    settings = tomllib.loads((UI.parent / ".streamlit" / "config.toml").read_text())
    assert settings["client"]["disableDataExport"] is True
    assert config.get_config_options()["client.disableDataExport"].type is bool, "Streamlit knows the option"


def test_every_file_with_single_rows_is_declared():
    """The exports that the pages call with a frame of single rows, typed by hand."""
    found = {
        path.relative_to(UI).as_posix() for path in UI.rglob("*.py") if "SingleRows({" in path.read_text()
    }
    declared = found - {"exports.py"}
    assert declared == {"app_pages/sql.py", "dashboards/dashboard.py", "quality/failing_rows_table.py"}


class Place:
    """Stands in for the page: keeps the file that a click would make."""

    def download_button(self, label, make, file_name, mime, **options):
        self.make, self.drawn = make, (label, file_name, mime, options)


@pytest.mark.parametrize(("role", "is_made"), [("viewer", False), ("analyst", True), ("clinician", True)])
def test_a_file_with_single_rows_needs_the_right_on_click_and_is_recorded_before(monkeypatch, role, is_made):
    steps = []
    monkeypatch.setattr(
        exports.audit_log, "record", lambda *args, **more: steps.append((args[0].user.name, *args[1:], more))
    )
    person = Context(Settings("hdp", "hdp", "", "sam", role)).sealed()
    monkeypatch.setattr(session, "deferred_download", lambda make: lambda: make(person))
    place, rows = Place(), SingleRows({"run": "r"}, ["row 1f0a"])
    exports.button("CSV", lambda _: steps.append("made") or "x", "a.csv", rows=rows, place=place)
    assert place.drawn == ("CSV", "a.csv", "text/csv", {"on_click": "ignore"})
    if is_made:
        assert place.make() == "x"
        assert steps == [("sam", "export_rows", {"run": "r"}, {"patients": ["row 1f0a"]}), "made"]
    else:
        with pytest.raises(ServiceError, match="Viewers cannot run SQL queries"):
            place.make()
        assert steps == []
