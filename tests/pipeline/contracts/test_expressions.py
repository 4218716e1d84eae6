"""What is derived from a rule's SQL: columns read, windows, translation to Athena."""

from __future__ import annotations

import pytest

from pipeline.contracts.expressions import derived

COLUMNS = ("code", "dose", "given_at", "ordered_at")


def _derived(fails, applies=None, among=None):
    given = {"fails": fails, "applies": applies, "among": among}
    return derived({name: sql for name, sql in given.items() if sql is not None}, COLUMNS)


@pytest.mark.parametrize(
    ("fails", "reads"),
    [
        ("dose <= 0 or raw.dose is null", ["dose", "raw.dose"]),
        ("code = 'ordered_at' -- dose\n", ["code"]),
        ("exists(array(raw.code), given_at -> given_at rlike 'x')", ["raw.code"]),
        ("max(dose) over (partition by code order by given_at) > 1", ["code", "dose", "given_at"]),
    ],
)
def test_columns_are_found_in_expressions_and_not_in_text(fails, reads):
    assert _derived(fails)["reads"] == reads


def test_columns_of_groups_are_read_too_and_groups_have_no_condition_on_a_row():
    found = _derived("min(dose) <> max(dose)", among=["lower(code)"])
    assert (found["reads"], found["athena"]) == (["code", "dose"], None)


@pytest.mark.parametrize(
    ("fails", "has_window"), [("lag(dose) OVER\n(order by code) > 1", True), ("code = 'over ('", False)]
)
def test_a_window_is_found(fails, has_window):
    assert _derived(fails)["has_window"] is has_window


@pytest.mark.parametrize(
    ("fails", "athena"),
    [
        ("code rlike '^a\\\\.b\\\\z'", r"(REGEXP_LIKE(code, '^a\.b\z'))"),
        ("code = 'raw.code is null'", "(code = 'raw.code is null')"),
        ("timestampdiff(HOUR, ordered_at, given_at) > 2", "(DATE_DIFF('HOUR', ordered_at, given_at) > 2)"),
        ("raw.dose is null", "(dose IS NULL)"),
        ("raw.dose is not null and dose is null", None),
        ("raw.dose <> '1'", None),
        ("patient.found", None),
        ("unknown_column = 1", None),
        ("months_between(given_at, ordered_at) > 1", None),
        ("lag(dose) over (order by code) > 1", None),
    ],
)
def test_a_condition_is_translated_if_silver_answers_it_alone(fails, athena):
    assert _derived(fails)["athena"] == athena


def test_the_denominator_is_part_of_the_condition():
    assert (
        _derived("dose < 0", applies="code in ('a', 'b')")["athena"] == "(code IN ('a', 'b')) AND (dose < 0)"
    )


def test_a_rule_on_whole_tables_has_nothing_derived():
    assert derived({"of": "t", "checked": "count(*)", "failed": "0"}, COLUMNS) == {}
