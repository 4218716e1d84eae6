"""Random hospitals through the jobs, compared with gold in plain Python, in several orders of batches."""

from __future__ import annotations

import os
import random

import pytest

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import schema
from tests.support.frames_run import star_of
from tests.support.gold_by_key import found, found_orders
from tests.support.gold_model import Model, differences
from tests.support.hospitals import hospital, placed

HOSPITALS = int(os.environ.get("HDP_FUZZ", "500"))
"""How many hospitals are tried, a part of them in each time zone; their identifiers are disjoint."""

ZONES = ("America/New_York", "UTC", "Asia/Kolkata")

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module", params=ZONES)
def hospitals(request):
    """The time zone, and silver rows of its hospitals by table."""
    zone = request.param
    rng = random.Random(f"{zone} {os.environ.get('HDP_FUZZ_SEED', '')}")
    made = [hospital(rng, number) for number in range(ZONES.index(zone), HOSPITALS, len(ZONES))]
    return zone, {table: [row for each in made for row in each[table]] for table in tables("silver")}


def test_gold_is_that_of_the_model_for_any_order_and_split(spark, hospitals):
    zone, rows = hospitals
    rng = random.Random(zone)
    spread = {table: placed(rng, rows[table]) for table in rows}
    silver = {
        table: frames.of(spark, spread[table], schema(load("silver", table))).persist() for table in spread
    }
    model, star = Model(rows, zone), star_of(silver, zone)
    encounters, medications = found(star, silver)
    assert differences(model.encounters(), encounters)[:5] == []
    assert differences(model.medications(), medications)[:5] == []
    assert differences(model.orders(), found_orders(star, silver))[:5] == []
    _reconciles(star, spread)


def _reconciles(star, spread):
    """Every silver row is in gold, superseded or quarantined."""
    facts = {
        "encounters": ["fact_encounter"],
        "medications": ["fact_medication_admin", "fact_medication_order"],
    }
    for table, names in facts.items():
        judged, refused = star.evaluated[table].count(), star.refused(table).count()
        rows = sum(star.gold[fact].count() for fact in names)
        assert rows + refused == judged <= len(spread[table])


def test_the_hospitals_have_what_they_should_try(hospitals):
    zone, rows = hospitals
    model = Model(rows, zone)
    stays, doses = model.encounters().values(), model.medications().values()
    assert {row["readmission_status"] for row in stays} >= {
        "readmitted",
        "not readmitted",
        "died",
        "in hospital",
    }
    assert {None, 90} <= {row["age_at_admission"] for row in stays}
    assert any(row["patient"] is None for row in stays)
    assert any(row["patient"] and row["patient"][1] > 1 for row in stays)
    assert any(row["encounter"] is None for row in doses)
    orders = model.orders()
    assert {row["event_kind"] for row in orders.values()} == {"order", "dispense"}
    assert any(row["local_date"] is None for row in orders.values())
    assert {key.partition(" ")[2] for key in orders} & set(model.medications()), "some have one identifier"
    assert len(stays) < len({row["encounter_id"] for row in rows["encounters"]}), "some are refused"
    assert len(doses) < len({row["administration_id"] for row in rows["medications"]})
