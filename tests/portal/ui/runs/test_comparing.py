"""Two runs side by side: the change of each number, outcomes in words, inputs that differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from portal.runs.history import Estimate
from portal.runs.model import Run
from portal.ui.runs import comparing, run_rows, start_form, strip

SHOWN = {"r1": "A · Run 1", "r2": "B · Run 2"}
NOW = datetime(2026, 11, 27, 19, 40, tzinfo=UTC)


def run(name, seconds=60, **fields):
    return Run(name, "SUCCEEDED", NOW, NOW + timedelta(seconds=seconds), "arn", **fields)


def test_each_number_has_its_change_also_in_percent_and_none_where_one_is_missing():
    frame = pd.DataFrame({"job": ["x", "y", "z"], "r1": [2.0, 10.0, None], "r2": [3.0, 10.0, 4.0]})
    found = comparing.with_change(frame, SHOWN)
    assert list(found.columns) == ["Job", "A · Run 1", "B · Run 2", "Change"]
    assert found["Change"].to_list() == ["+1 (+50.0%)", "0", ""]


def test_outcomes_are_words_and_rates_percent():
    frame = pd.DataFrame(
        {
            "table_name": ["patients"],
            "rule_id": ["PAT-1"],
            "status · r1": ["pass_with_failures"],
            "rate · r1": [0.0047],
            "status · r2": ["fail"],
            "rate · r2": [0.02],
        }
    )
    (row,) = comparing.rules(frame, SHOWN).to_dict("records")
    assert row["A · Run 1"] == "✓ Passed, within threshold, 0.47% failing"
    assert row["B · Run 2"] == "✕ Failed, 2.00% failing"
    assert row["Change"] == "+1.53 points"


def test_inputs_come_first_and_say_where_they_differ(monkeypatch):
    plans = {
        "r1": {"batch_ids": ["b1"], "release_batch_ids": ["b1"], "parent_release_id": None},
        "r2": {"batch_ids": ["b1"], "release_batch_ids": ["b1", "b2"], "parent_release_id": "r1"},
    }
    monkeypatch.setattr(run_rows, "plan", lambda run: plans[run.run_id])
    monkeypatch.setattr(run_rows, "state", lambda run: "✓ Succeeded")
    monkeypatch.setattr(comparing.names, "_number", lambda kind, name: int(name[-1]))
    found = comparing.inputs(run("r1"), run("r2"), SHOWN).set_index("Input")
    assert found.loc["Batches read", ""] == ""
    assert found.loc["Built on"].to_list() == ["no release", "Release 1", "differs"]
    assert found.loc["Batches in the release"].to_list() == ["1", "2", "differs"]


def test_rows_received_are_those_of_the_runs_batches_or_unknown():
    rows = {"b1": 100, "b2": 20}
    assert run_rows.received(["b1", "b2"], rows) == 120
    assert run_rows.received(["b1", "gone"], rows) is None
    assert run_rows.received([], rows) is None


def test_the_strip_has_the_newest_thirty_and_the_highest_bar_is_the_longest(monkeypatch):
    monkeypatch.setattr(strip.names, "_number", lambda *_: 7)
    monkeypatch.setattr(strip.run_rows, "state", lambda run: "✓ Succeeded")
    drawn = []
    monkeypatch.setattr(strip.st, "html", drawn.append)
    monkeypatch.setattr(strip.st, "caption", drawn.append)
    strip.draw([run(f"r{n}", seconds=10 * n) for n in range(1, 41)])
    html, caption = drawn
    assert html.count("title=") == strip.RUNS
    assert f"height:{strip._HEIGHT}px;background" in html
    assert caption.startswith("The last 30 runs: none failed.")
    drawn.clear()
    strip.draw([])
    assert drawn == []


def test_one_former_run_is_no_range(monkeypatch):
    settings = type("Settings", (), {"is_billed": False})
    monkeypatch.setattr(
        start_form.session, "process_context", lambda: type("Context", (), {"settings": settings})
    )
    assert start_form.expected(Estimate(1, 660, 660, 660, 0.1)) == "The last successful run took 11 min."
    assert start_form.expected(Estimate(2, 660, 600, 720, 0.1)) == (
        "The last 2 successful runs took 10 min to 12 min (median 11 min)."
    )
    settings.is_billed = True
    assert start_form.expected(Estimate(1, 660, 660, 660, 0.1)).endswith("11 min and cost $0.10.")
