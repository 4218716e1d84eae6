"""The key measures: values from aggregates, their text and their change."""

from __future__ import annotations

import math

from portal.dashboards.measures import MEASURES, values

ENCOUNTERS = {
    "encounters_part": 1200,
    "patients_part": 300,
    "stay_part": 3.25,
    "readmission_part": 24,
    "readmission_whole": 120,
}
NOT_GIVEN = {"not_given_part": 0, "not_given_whole": 0}


def test_each_measure_is_asked_of_its_dataset_and_a_share_of_nothing_is_unknown():
    asked = {}

    def aggregate(dataset, wanted):
        asked[dataset.name] = sorted(wanted)
        return ENCOUNTERS if "encounters_part" in wanted else NOT_GIVEN

    found = values(aggregate)
    assert sorted(name for names in asked.values() for name in names) == sorted([*ENCOUNTERS, *NOT_GIVEN])
    assert found == {
        "encounters": 1200, "patients": 300, "stay": 3.25, "readmission": 0.2, "not_given": None,
    }  # fmt: skip
    assert [MEASURES[name].text(value) for name, value in found.items()] == [
        "1,200", "300", "3.2 days", "20.0%", "–",
    ]  # fmt: skip


def test_a_change_is_absolute_and_relative_and_of_a_share_in_points():
    assert MEASURES["encounters"].change(1134, 1000) == "+134 (+13.4%)"
    assert MEASURES["encounters"].change(5, 0) == "+5"
    assert MEASURES["encounters"].change(5, 5) == "unchanged"
    assert MEASURES["readmission"].change(0.17, 0.143) == "+2.7 points"
    assert MEASURES["readmission"].change(0.17, 0.1702) == "unchanged"
    assert MEASURES["stay"].change(None, 3.0) == ""
    assert MEASURES["stay"].value({"stay_part": math.nan}, "stay") is None
