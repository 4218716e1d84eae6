"""Synthea's medications have no identifier: what names one must outlive the next export."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.sources import synthea

SHAPE = (
    "START string, STOP string, PATIENT string, ENCOUNTER string, CODE string, DESCRIPTION string, "
    "_malformed boolean, _file string, _line long, _received string, batch_id string, _received_at string, "
    "_as_read array<string>"
)
ONE = {
    "START": "2025-01-01",
    "PATIENT": "p",
    "ENCOUNTER": "e",
    "CODE": "1",
    "_malformed": False,
    "batch_id": "b",
}


@pytest.fixture
def ids(spark):
    def named(*rows):
        frames.of(spark, [{**ONE, "_received": "x", **row} for row in rows], SHAPE).createOrReplaceTempView(
            "medications"
        )
        frames.of(spark, [], "Id string, PROVIDER string, batch_id string").createOrReplaceTempView(
            "encounters"
        )
        return [row.administration_id for row in spark.sql(synthea.query("medications")).collect()]

    return named


def test_an_order_that_goes_on_keeps_its_name_when_it_has_ended(ids):
    assert ids({"_received": "open"}) == ids({"_received": "with its end, and more dispenses"})


def test_other_orders_have_other_names_and_the_same_row_twice_has_one(ids):
    assert (
        len(set(ids({}, {"CODE": "2"}, {"START": "2025-01-02"}, {"_received": "another dose at once"}))) == 4
    )
    assert len(set(ids({}, {}))) == 1
    assert (
        len(set(ids({"_malformed": True, "_received": "a,b"}, {"_malformed": True, "_received": "a,c"}))) == 2
    )
