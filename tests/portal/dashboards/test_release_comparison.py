"""A release beside the published one: each measure, and how it changed."""

from __future__ import annotations

import pandas as pd
import pytest

from portal.dashboards import release_comparison as comparison
from portal.dashboards.release_comparison import Compared


def test_each_dataset_is_aggregated_once_and_shares_are_of_their_own_base():
    asked = []

    def aggregate(dataset, values):
        asked.append(dataset.source)
        numbers = dict.fromkeys(values, 10) | {"back": 3, "back_of": 12, "died": 0, "died_of": 0}
        return pd.Series({name: numbers[name] for name in values})

    found = comparison.values(aggregate)
    assert len(asked) == len(set(asked)) == 5
    assert set(found) == {measure.name for measure in comparison.MEASURES}
    assert found["back"] == 25
    assert found["died"] is None, "no stay with a disposition, so no rate"
    assert found["doses"] == 10


@pytest.mark.parametrize(
    ("each", "texts"),
    [
        (Compared("Encounters", "encounters", 1000, 1204), ("1,000", "1,204", "+20.4 %")),
        (Compared("Readmission", "%", 13.4, 12.9), ("13.4 %", "12.9 %", "−0.5 points")),
        (Compared("Stay", "days", 3.0, 3.0), ("3.0 days", "3.0 days", "unchanged")),
        (Compared("Cost", "$", None, 1_000_000), ("–", "$ 1,000,000", "–")),
        (Compared("Doses", "doses", 0, 5), ("0", "5", "–")),
    ],
)
def test_a_measure_is_shown_before_and_after_with_its_change(each, texts):
    shown = (comparison.text(each.before, each.unit), comparison.text(each.after, each.unit))
    assert (*shown, comparison.change_text(each)) == texts


def test_months_of_both_releases_stand_side_by_side():
    frame = comparison.months([("2025-01", 5), ("2025-02", 6)], [("2025-02", 7), ("2025-03", 1)])
    assert list(frame.index) == ["2025-01", "2025-02", "2025-03"]
    assert frame.loc["2025-02"].tolist() == [6, 7]
    assert frame["after"].isna().tolist() == [True, False, False]
