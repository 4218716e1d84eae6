"""Viewer tables and stacks by hand: totals are kept, small months and bins are merged."""

from __future__ import annotations

import pandas as pd

from portal.privacy.viewer_tables import OTHER, viewer_stacks, viewer_table


def test_a_month_of_71_inpatients_and_9_observations_keeps_its_total():
    """Finding 21: June 2024 showed 1,203 of 1,283 encounters."""
    june = {"AMB": 900, "EMER": 200, "VR": 103, "IMP": 71, "OBSENC": 9}
    may = {"AMB": 880, "EMER": 210, "VR": 99, "IMP": 75, "OBSENC": 20}
    rows = [
        {"month": m, "class": c, "n": n}
        for m, stack in (("2024-05", may), ("2024-06", june))
        for c, n in stack.items()
    ]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    drawn = table.by_month([0, 1]).groupby("month")["n"].sum()
    assert drawn.to_dict() == {"2024-05": sum(may.values()), "2024-06": 1283}
    whole = table.by_value([0, 1]).set_index("value")["n"].to_dict()
    assert whole == {c: may[c] + june[c] for c in may}


def test_a_day_with_one_observation_stay_keeps_its_228_inpatient_stays():
    """Finding 22: the histogram had a hole at day 3."""
    rows = [
        (2, "IMP", 300),
        (2, "OBSENC", 40),
        (3, "IMP", 228),
        (3, "EMER", 15),
        (3, "OBSENC", 1),
        (4, "IMP", 6),
        (5, "IMP", 4),
        (9, "IMP", 3),
    ]
    stacks = viewer_stacks(
        pd.DataFrame(rows, columns=["days", "class", "n"]),
        "days",
        "class",
        "n",
        [str(n) for n in range(2, 10)],
    )
    found = {(day, name): n for day, name, n in stacks.itertuples(index=False)}
    assert found == {
        ("2", "IMP"): 300,
        ("2", "OBSENC"): 40,
        ("3", "IMP"): 228,
        ("3", OTHER): 16,
        ("4+", "IMP"): 13,
    }


def test_a_small_month_is_counted_with_its_neighbor_and_drawn_there():
    rows = [
        {"month": "2024-01", "class": "AMB", "n": 3},
        {"month": "2024-02", "class": "AMB", "n": 800},
        {"month": "2024-03", "class": "AMB", "n": 900},
    ]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    assert [(p.label, p.anchor) for p in table.periods] == [
        ("2024-01 to 2024-02", "2024-02"),
        ("2024-03", None),
    ]
    assert table.by_month([0, 1])[["month", "n"]].to_numpy().tolist() == [["2024-02", 803], ["2024-03", 900]]


def test_small_months_alone_are_spread_over_their_period():
    rows = [{"month": f"2020-0{n}", "class": "AMB", "n": 4} for n in (1, 2, 4)]
    table = viewer_table(pd.DataFrame(rows), "class", "n", ["n"], "month")
    assert [p.label for p in table.periods] == ["2020-01 to 2020-04"]
    assert table.by_month([0])["n"].to_list() == [3, 3, 3, 3]
