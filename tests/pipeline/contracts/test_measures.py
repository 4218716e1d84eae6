"""Declared measures: complete, of the datasets that they name, with their reference SQL and charts."""

from __future__ import annotations

import re

import pytest

from pipeline.contracts import measures as contracts
from pipeline.contracts.measures import measure, measures
from pipeline.contracts.model import ContractError, load, tables

RATE = {
    "id": "x", "name": "X", "kind": "rate", "unit": "%", "meaning": "m", "exclusions": ["e"],
    "source": ["fact_encounter.department"], "owner": "o",
}  # fmt: skip
PART = {"name": "n", "label": "N", "sql": "count(*)", "meaning": "m"}


@pytest.mark.parametrize("contract", measures().values(), ids=lambda each: each.measure_id)
def test_a_measure_says_what_it_counts_without_what_from_which_columns_and_who_owns_it(contract):
    assert all((contract.meaning, contract.unit, contract.owner, contract.exclusions, contract.source))
    assert contract.meaning.endswith(".")
    assert all(each.endswith(".") and each[0].isupper() for each in contract.exclusions)
    for column in contract.source:
        table, _, name = column.partition(".")
        assert table in tables("gold")
        assert name in {each.name for each in load("gold", table).columns}
    for said in (contract.meaning, contract.owner, *(part.meaning for part in contract.parts)):
        assert said in contract.definition


def test_a_rate_has_a_numerator_and_a_denominator_and_any_other_measure_a_value():
    made = contracts.parse("encounters", {**RATE, "numerator": PART, "denominator": PART})
    assert made.sql == "CAST(count(*) AS double) / nullif(count(*), 0)"
    for wrong in ({}, {"numerator": PART}, {"value": PART}):
        with pytest.raises(ContractError, match="a rate needs denominator and numerator"):
            contracts.parse("encounters", {**RATE, **wrong})
    with pytest.raises(ContractError, match="a count needs value"):
        contracts.parse("encounters", {**RATE, "kind": "count", "numerator": PART, "denominator": PART})


def test_a_measure_that_is_not_declared_is_named():
    with pytest.raises(ContractError, match="There is no measure nonsense"):
        measure("nonsense")


def test_columns_of_measures_are_names():
    assert all(re.fullmatch("[a-z_0-9]+", part.name) for each in measures().values() for part in each.parts)
