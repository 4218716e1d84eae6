"""The engine of row rules: more rules than a word has bits, NULLs, and at most 200 keys a rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pyspark.sql import functions as F

from pipeline.contracts.model import load
from pipeline.rules import row_rules

CONTRACT = load("silver", "patients")
ROWS = 70_000


def _rule(number, **changes):
    """A rule that one row in seventy fails."""
    given = {"id": f"R{number}", "fails": f"n % 70 = {number}", "applies": None, "among": (), **changes}
    return replace(CONTRACT.rules[0], description=f"Rule {number}.", severity="warning", **given)


SEVENTY = [_rule(n) if n != 65 else replace(_rule(n), severity="error") for n in range(70)]


@pytest.fixture(scope="module")
def numbers(spark):
    return spark.range(ROWS).selectExpr("id as n", "concat('K', id) as k")


@pytest.fixture(scope="module")
def seventy(numbers):
    return row_rules.evaluate(numbers, SEVENTY).persist()


def _results(evaluated, rules):
    return row_rules.results_of(row_rules.Tally.of(evaluated), evaluated, rules, CONTRACT, "k")


def test_each_of_seventy_rules_counts_its_own_rows(seventy):
    results = _results(seventy, SEVENTY)
    assert {(r.checked, r.failed) for r in results} == {(ROWS, ROWS // 70)}
    for n, result in enumerate(results):
        assert {int(key[1:]) % 70 for key in result.sample_keys} == {n}


def test_a_rule_in_the_third_word_sends_its_rows_to_quarantine(seventy):
    refused = seventy.where(row_rules.quarantined(SEVENTY)).select(
        F.col("n") % 70, row_rules.failing_ids(SEVENTY), row_rules.reasons(SEVENTY)
    )
    assert [tuple(row) for row in refused.distinct().collect()] == [(65, ["R65"], ["Not met: Rule 65."])]


@pytest.mark.parametrize(("failing", "kept"), [(0, 0), (1, 1), (200, 200), (201, 200), (30_000, 200)])
def test_at_most_200_keys_are_kept(numbers, failing, kept):
    rules = [_rule(0, fails=f"n < {failing}")]
    (result,) = _results(row_rules.evaluate(numbers, rules), rules)
    assert result.failed == failing
    assert len(result.sample_keys) == len(set(result.sample_keys)) == kept
    assert all(int(key[1:]) < failing for key in result.sample_keys)


def test_the_keys_of_many_failing_rows_are_spread_over_them(numbers):
    rules = [_rule(0, fails="n < 30000")]
    (result,) = _results(row_rules.evaluate(numbers, rules), rules)
    thirds = {int(key[1:]) // 10_000 for key in result.sample_keys}
    assert thirds == {0, 1, 2}


def test_a_condition_that_is_null_neither_fails_nor_applies(spark):
    frame = spark.sql("select * from values ('a', 1), ('b', null), (null, 1) as t(k, n)")
    rules = [_rule(0, fails="n = 1"), _rule(1, fails="true", applies="n = 1"), _rule(2, fails="n is null")]
    found = _results(row_rules.evaluate(frame, rules), rules)
    assert [(r.checked, r.failed, r.sample_keys) for r in found] == [
        (3, 2, ("a",)),
        (2, 2, ("a",)),
        (3, 1, ("b",)),
    ]


def test_groups_are_of_the_rows_to_which_a_rule_applies_and_null_is_a_group_of_its_own(spark):
    frame = spark.sql(
        "select * from values ('a', 'g', 1), ('b', 'g', 2), ('c', 'h', 1), ('d', 'h', -2), ('e', null, 1), "
        "('f', null, 2), ('g', 'null', 1) as t(k, part, n)"
    )
    rules = [_rule(0, among=("part",), fails="min(n) <> max(n)", applies="n > 0")]
    whole = row_rules.across(row_rules.evaluate(frame, rules).persist(), rules, ("k",))
    (result,) = _results(whole, rules)
    assert (result.checked, result.failed, result.sample_keys) == (6, 4, ("a", "b", "e", "f"))


def test_an_outcome_is_one_of_five():
    result = row_rules.Result(replace(SEVENTY[0], threshold=0.1), "silver", "patients", 10, 0)
    assert result.status == "pass"
    assert replace(result, failed=1).status == "pass_with_failures"
    assert replace(result, failed=2).status == "fail"
    assert replace(result, checked=0).status == "not_applicable"
    assert replace(result, broken=True).status == "error"


def test_a_tally_counts_rows_by_columns_and_by_rule(numbers):
    rules = [_rule(0, fails="n < 10"), _rule(1, fails="n < 4", applies="n % 2 = 0")]
    tally = row_rules.Tally.of(
        row_rules.evaluate(numbers.where("n < 20"), rules).withColumn("half", F.col("n") < 10), "half"
    )
    assert (tally.rows(), tally.rows(half=True), tally.rows(half=None)) == (20, 10, 0)
    assert [tally.with_bit(row_rules.FAILING, n) for n in (0, 1)] == [10, 2]
    assert [tally.with_bit(row_rules.APPLYING, n) for n in (0, 1)] == [20, 10]
