"""What holds the graph against the history finds what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.e2e.graph_watch import NOT_STARTED, Span, disagreements, states

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def _at(seconds):
    return BEGIN + timedelta(seconds=seconds)


TOLD = {
    "audit": [NOT_STARTED, Span(_at(10), ("Starting", "Running")), Span(_at(60), ("Failed",))],
}


@pytest.mark.parametrize(
    ("shown", "problem"),
    [
        ([(0, "Not started"), (12, "Starting"), (14, "Running"), (62, "Failed")], None),
        ([(0, "Not started"), (9, "Running"), (62, "Failed")], "'Running' was shown at 00:00:09"),
        ([(0, "Not started"), (12, "Running"), (59, "Failed")], "'Failed' was shown at 00:00:59"),
        (
            [(0, "Not started"), (12, "Running"), (13, "Not started"), (62, "Failed")],
            "'Not started' was shown at 00:00:13",
        ),
        (
            [(0, "Not started"), (12, "Running"), (90, "Running"), (91, "Failed")],
            "'Running' was shown at 00:01:30",
        ),
        ([(0, "Not started"), (62, "Failed")], "was never shown"),
        ([(0, "Not started"), (12, "Running"), (62, "Succeeded")], "'Succeeded' was shown at 00:01:02"),
        ([(0, "Not started"), (12, "Running")], "ends as 'Running'"),
    ],
)
def test_a_state_too_early_too_late_out_of_order_left_out_or_wrong_at_the_end_is_found(shown, problem):
    found = disagreements([(_at(seconds), {"audit": word}) for seconds, word in shown], TOLD)
    assert found == [] if problem is None else any(problem in each for each in found)


def test_states_are_read_from_the_lines_of_the_drawn_graph():
    lines = ["Start", "dim_time", "▶ Running · 3 s", "Audit", "Not started"]
    assert states(lines) == {"silver_to_gold_dim_time": "Running", "quality_audit": "Not started"}
