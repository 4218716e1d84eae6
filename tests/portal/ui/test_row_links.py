"""Tables whose rows open with one click: the click is the row that stood there, and counts once."""

from __future__ import annotations

import pytest

from portal.ui import row_links


@pytest.fixture
def clicked(monkeypatch):
    state = {}
    monkeypatch.setattr(row_links.st, "session_state", state)

    def at(row, ids):
        state["t"] = {"selection": {"rows": [], "cells": [] if row is None else [(row, "Run")]}}
        row_links._clicked("t", ids)
        return state.pop("t-clicked", None)

    return at


def test_a_click_gives_the_id_of_the_row_as_it_stood_at_the_click(clicked):
    assert clicked(1, ["run-2", "run-1"]) == "run-1"
    assert clicked(0, ["run-3", "run-2", "run-1"]) == "run-3"


def test_the_same_cell_counts_again_only_after_another_click(clicked):
    assert clicked(1, ["b", "a"]) == "a"
    assert clicked(1, ["b", "a"]) is None, "a row was ticked while the cell stayed selected"
    assert clicked(None, ["b", "a"]) is None
    assert clicked(1, ["b", "a"]) == "a"


def test_a_row_that_is_gone_opens_nothing(clicked):
    assert clicked(5, ["a"]) is None


def test_ticks_are_reported_once_and_only_when_they_change(monkeypatch):
    state = {"t": {"selection": {"rows": [0, 2], "cells": []}}}
    monkeypatch.setattr(row_links.st, "session_state", state)
    row_links._clicked("t", ["c", "b", "a"])
    assert state.pop("t-ticked") == ["c", "a"]
    row_links._clicked("t", ["c", "b", "a"])
    assert "t-ticked" not in state
