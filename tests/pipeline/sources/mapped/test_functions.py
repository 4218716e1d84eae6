"""Each function of mappings converts what it understands, and returns everything else unchanged."""

from __future__ import annotations

import pytest

from pipeline.sources.mapped.functions import FUNCTIONS, converted


@pytest.mark.parametrize(
    ("function", "options", "text", "value"),
    [
        ("copy", {}, "  a b ", "a b"),
        ("date", {"format": "%m/%d/%Y"}, "2/3/2024", "2024-02-03"),
        ("date", {"format": "%m/%d/%Y"}, "13/02/2024", "13/02/2024"),
        ("date", {"format": "%m/%d/%Y"}, "N/A", "N/A"),
        ("date", {"format": "%d-%b-%Y"}, "05-OCT-1975", "1975-10-05"),
        ("date", {"format": "%m/%d/%y", "pivot": 26}, "09/25/47", "1947-09-25"),
        ("date", {"format": "%m/%d/%y", "pivot": 26}, "09/25/26", "2026-09-25"),
        ("timestamp", {"format": "%m/%d/%Y %I:%M %p"}, "2/27/2024 6:40 PM", "2024-02-27T18:40:00"),
        ("timestamp", {"format": "%Y%m%d %H%M"}, "20240227", "2024-02-27"),
        ("excel_date", {"system": "1900"}, "45292", "2024-01-01"),
        ("excel_date", {"system": "1900"}, "45292.5", "2024-01-01T12:00:00"),
        ("excel_date", {"system": "1904"}, "43830", "2024-01-01"),
        ("excel_date", {"system": "1900"}, "2024-01-01", "2024-01-01"),
        ("number", {"decimal": "."}, "$12,840.50", "12840.50"),
        ("number", {"decimal": "."}, "12,5", "12,5"),
        ("number", {"decimal": ","}, "1.234,56", "1234.56"),
        ("number", {"decimal": ","}, "1.5", "1.5"),
        ("code", {"codes": {"1": "M", "w": "F"}}, "W", "F"),
        ("code", {"codes": {"1": "M"}}, "7", "7"),
        ("name", {"order": "last, first", "part": "first"}, "Garcia, Maria", "Maria"),
        ("name", {"order": "first last", "part": "last"}, "Anna Maria Lee", "Lee"),
        ("name", {"order": "first last", "part": "first"}, "Prince", None),
        ("quantity", {"part": "value"}, "40 mg", "40"),
        ("quantity", {"part": "unit"}, "2.5mL", "mL"),
        ("quantity", {"part": "value"}, "one tablet", "one tablet"),
        ("place", {"part": "postal_code"}, "Dayton, OH 45402", "45402"),
        ("place", {"part": "state"}, "Dayton", None),
        ("split", {"separator": "^", "part": "2"}, "a^b^c", "b"),
        ("split", {"separator": "^", "part": "4"}, "a^b^c", None),
        ("copy", {}, "   ", None),
    ],
)
def test_a_function_converts_a_text_or_leaves_it_for_the_rule_of_its_column(function, options, text, value):
    assert converted(text, function, options) == value


@pytest.mark.parametrize(
    ("function", "options", "problem"),
    [
        ("date", {}, "the option format is missing"),
        ("date", {"format": "%Y"}, "not one of the known formats"),
        ("date", {"format": "%m/%d/%Y; DROP"}, "not one of the known formats"),
        ("number", {"decimal": "x"}, "the option decimal is not one of"),
        ("code", {"codes": "M"}, "not a table of codes"),
        ("copy", {"sql": "1"}, "the option sql is unknown"),
        ("timestamp", {"format": "%Y-%m-%d %H:%M"}, ""),
    ],
)
def test_options_are_from_fixed_lists(function, options, problem):
    found = FUNCTIONS[function].problem(options)
    assert problem in found
    assert bool(problem) == bool(found)
