"""Lines that are not data are told from rows; nothing that may be a row is taken for one of them."""

from __future__ import annotations

import pytest

from pipeline.sources.csv_lines import kind_of

HEADER = ("id", "name", "born", "cost")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ([], "blank"),
        (["   "], "blank"),
        (["\x1a"], "blank"),
        (["\u00a0\t"], "blank"),
        (["", "", "", ""], "comma_only"),
        (["", " ", "", "", "", ""], "comma_only"),
        (["TOTAL", "", "", "2469.00"], "footer"),
        (["Grand Total:", "", "", "$2,469.00"], "footer"),
        (["", "", "Subtotal", "12"], "footer"),
        (["Total rows: 12"], "footer"),
        (["(2 rows affected)"], "footer"),
        (["(1", "234 rows affected)", "", ""], "footer"),
        (["2 rows selected."], "footer"),
        (["3 rows in set (0.01 sec)"], "footer"),
        (["-- End of report --"], "footer"),
        (["----", "------", "----", "----"], "footer"),
        (["id", "name", "born", "cost"], "repeated_header"),
    ],
)
def test_what_is_no_data_has_a_kind(fields, kind):
    assert kind_of(fields, HEADER) == kind


@pytest.mark.parametrize(
    "fields",
    [
        ["p1", "Ada", "1970-05-05", "12"],
        ["", "Ada", "1970-05-05", "12"],  # its key is missing: a fault to report, not a footer
        ["", "", "", "12"],
        ["TOTAL", "Ada", "1970-05-05", "12"],  # a patient whose identifier is a word
        ["TOTAL", "", "1970-05-05", "12"],
        ["Total123", "", "", ""],
        ["Totally", "", "", "3"],
        ["2 rows of houses", "Main St", "1970-05-05", ""],
        ["-", "-", "-", "-"],  # null markers
        ["p1"],
        ["id", "Ada", "1970-05-05", "12"],
    ],
)
def test_what_may_be_a_row_is_one(fields):
    assert kind_of(fields, HEADER) is None
