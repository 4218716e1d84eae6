"""The content of a month: equal for the same rows in any order, and different for any change."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.contracts.model import Column, Contract
from pipeline.glue_jobs.fact_months import contents

SHAPE = "key bigint, text string, amount double, at timestamp, month string"
ROWS = [
    {"key": 1, "text": "a", "amount": 1.5, "at": "2025-01-01T00:00:00Z", "month": "2025-01"},
    {"key": 2, "text": None, "amount": 0.5, "at": "2025-01-02T00:00:00Z", "month": "2025-01"},
    {"key": 3, "text": "c", "amount": None, "at": None, "month": "2025-02"},
]


def contract(*types):
    """A fact with the columns of SHAPE, and other types of them if given."""
    named = dict(
        zip(
            ("key", "text", "amount", "at"), types or ("bigint", "string", "double", "timestamp"), strict=True
        )
    )
    columns = [Column(name, type_, "", False, None, None, "none") for name, type_ in named.items()]
    parts = [Column(n, "string", "", True, None, p, "none") for p, n in enumerate(("release_id", "month"), 1)]
    return Contract("gold", "fact", "", "", (*columns, *parts), ())


@pytest.fixture
def content(spark):
    return lambda rows, of=None: contents(frames.of(spark, rows, SHAPE), of or contract())


def test_each_month_counts_its_rows_and_the_order_does_not_matter(content):
    found = content(ROWS)
    assert {month: each.rows for month, each in found.items()} == {"2025-01": 2, "2025-02": 1}
    assert content(ROWS[::-1]) == found


@pytest.mark.parametrize(
    "change",
    [
        {"key": 9},
        {"text": "b"},
        {"text": None, "amount": None},
        {"amount": 1.25},
        {"at": "2025-01-01T00:00:01Z"},
        {"month": "2025-03"},
    ],
)
def test_a_change_of_any_value_changes_its_month_alone(content, change):
    before, after = content(ROWS), content([{**ROWS[0], **change}, *ROWS[1:]])
    assert before["2025-01"] != after["2025-01"]
    assert before["2025-02"] == after["2025-02"]


def test_a_row_twice_and_values_swapped_between_rows_change_the_month(content):
    before = content(ROWS)["2025-01"]
    assert content([*ROWS, ROWS[0]])["2025-01"] != before
    swapped = [{**ROWS[0], "text": None}, {**ROWS[1], "text": "a"}, ROWS[2]]
    assert content(swapped)["2025-01"] != before


def test_another_type_of_a_column_changes_every_month(content):
    others = content(ROWS, contract("int", "string", "double", "timestamp"))
    assert all(before != others[month] for month, before in content(ROWS).items())
