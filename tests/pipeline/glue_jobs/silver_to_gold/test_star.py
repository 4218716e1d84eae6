"""Type 2 history, keys as of a moment, unknown members."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.glue_jobs.silver_to_gold import star

SHAPE = "person string, updated_at timestamp, batch_id string, town string, note string"


def _day(number):
    return f"2026-01-{number:02d} 00:00:00"


def _rows(*versions):
    return [
        {"person": who, "updated_at": _day(day), "batch_id": batch, "town": town, "note": note}
        for who, day, batch, town, note in versions
    ]


def _history(spark, rows):
    found = star.history(frames.of(spark, rows, SHAPE), "person", ["town"])
    return [
        (r.person, r.version, r.town, str(r.valid_from), str(r.valid_to), r.is_current)
        for r in found.orderBy("person", "version").collect()
    ]


@pytest.fixture
def moves(spark):
    return _rows(
        ("a", 1, "b1", "Boston", "first"),
        ("a", 3, "b1", "Boston", "a note changed, nothing tracked"),
        ("a", 5, "b2", "Salem", "moved"),
        ("a", 9, "b2", "Boston", "moved back"),
        ("b", 2, "b1", "Lynn", "never moved"),
    )


def test_a_version_is_a_change_of_a_tracked_column(spark, moves):
    assert _history(spark, moves) == [
        ("a", 1, "Boston", star.BEGINNING, _day(5), False),
        ("a", 2, "Salem", _day(5), _day(9), False),
        ("a", 3, "Boston", _day(9), star.END, True),
        ("b", 1, "Lynn", star.BEGINNING, star.END, True),
    ]


def test_history_does_not_depend_on_the_order_of_arrival(spark, moves):
    expected = _history(spark, moves)
    for seed in range(3):
        shuffled = random.Random(seed).sample(moves, len(moves))
        assert _history(spark, shuffled + shuffled[:2]) == expected


def test_of_two_rows_of_one_moment_one_counts_whatever_the_order(spark):
    rows = _rows(("a", 1, "b1", "Boston", ""), ("a", 1, "b2", "Salem", ""))
    assert len(_history(spark, rows)) == 1
    assert _history(spark, rows) == _history(spark, rows[::-1])


def test_a_fact_stands_on_the_version_of_its_moment(spark, moves):
    dimension = (
        star.history(frames.of(spark, moves, SHAPE), "person", ["town"])
        .withColumn("person_durable_key", star.key_of("person"))
        .withColumn("person_key", star.key_of("person", "_changed_at"))
    )
    facts = frames.of(
        spark,
        [{"person": p, "at": _day(day)} for p, day in (("a", 4), ("a", 5), ("a", 20), ("nobody", 4))],
        "person string, at timestamp",
    ).withColumn("person_durable_key", star.key_of("person"))
    joined = star.as_of(facts, dimension, "person_durable_key", "person_key", "at")
    towns = dimension.select(F.col("person_key"), "town")
    found = {(str(r["at"]), r.town) for r in joined.join(towns, "person_key", "left").collect()}
    assert found == {
        (_day(4), "Boston"),
        (_day(5), "Salem"),
        (_day(20), "Boston"),
        (_day(4), None),
    }
    assert joined.where("person = 'nobody'").first().person_key == star.UNKNOWN


def test_the_unknown_member_has_every_column(spark):
    contract = load("gold", "dim_medication")
    shape = "medication_key long, " + ", ".join(
        f"{c.name} {c.type}" for c in contract.columns if c.name not in {"medication_key", "release_id"}
    )
    rows = star.with_unknown(frames.of(spark, [], shape), contract, {"medication_name": "Unknown"}).collect()
    assert [(row.medication_key, row.medication_name, row.dose_form) for row in rows] == [
        (-1, "Unknown", None)
    ]


def test_rows_of_the_programs_own_keep_their_types(spark):
    moment = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
    rows = [
        {"n": 1 << 40, "x": 0.1, "at": moment, "day": moment.date(), "tags": ["a", 'q"uo\nte'], "none": None},
        {"n": -1, "tags": []},
    ]
    shape = "n bigint, x double, at timestamp, day date, tags array<string>, none string"
    first, second = frames.of(spark, rows, shape).collect()
    assert (first.n, first.x, first.day, first.tags, first.none) == (
        1 << 40, 0.1, moment.date(), ["a", 'q"uo\nte'], None,
    )  # fmt: skip
    assert first["at"].replace(tzinfo=UTC) - moment == timedelta()
    assert (second.n, second.x, second.tags) == (-1, None, [])


def test_a_text_that_moves_to_an_empty_neighbour_is_a_change(spark):
    found = frames.of(spark, _rows(("a", 1, "b1", "Unknown", None), ("a", 2, "b1", None, "Unknown")), SHAPE)
    assert star.history(found, "person", ["town", "note"]).count() == 2


def test_an_empty_text_says_nothing_of_its_code(spark):
    found = frames.of(
        spark, _rows(("a", 1, "b1", "Boston", ""), ("a", 2, "b1", None, ""), ("b", 1, "b1", None, "")), SHAPE
    )
    told = found.groupBy("person").agg(star.newest_text("town")).orderBy("person").collect()
    assert [row.town for row in told] == ["Boston", None]
