"""The batches on the Data page: their status, one in detail, retired and processed again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from portal.batches import lifecycle
from portal.batches.lifecycle import BatchState
from portal.batches.retirement import Retirement
from portal.batches.service import Batch
from portal.core.auth import User
from portal.core.errors import ServiceError
from portal.ui import cache, names, session


def _batch(batch_id):
    file = {"key": f"patients/batch_id={batch_id}/patients.csv", "rows": 3, "bytes": 90}
    return Batch(
        batch_id,
        "native",
        "2026-11-27T10:00:00Z",
        "ann",
        "0" * 64,
        {"patients": {"files": [file], "ignored_columns": []}},
    )


@pytest.fixture
def lake(monkeypatch):
    """Three batches: a new, a published and a retired one; gives what was asked of the services."""
    gone = Retirement("b3", "ann", "2026-11-27T11:00:00Z", "The *wrong* ward.")
    found = [
        BatchState(_batch("b1"), "new", (), False, None),
        BatchState(_batch("b2"), "loaded", ("r1",), True, None),
        BatchState(_batch("b3"), "retired", ("r0",), False, gone),
    ]
    asked = SimpleNamespace(retired=[], reprocessed=[])
    kept = lambda: found  # noqa: E731
    kept.clear = lambda: None
    monkeypatch.setattr(cache, "batch_states", kept)
    monkeypatch.setattr(names, "_number", lambda _kind, name: int(name[-1]))
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    monkeypatch.setattr(session, "user", lambda: User("eve", "engineer"))
    monkeypatch.setattr(session, "context", lambda: None)

    def retiring(_context, batch_id, *, reason):
        if not reason.strip():
            raise ServiceError("the audit trail requires a reason.")
        asked.retired.append((batch_id, reason))

    def reprocessing(_context, batch_ids):
        asked.reprocessed.append(batch_ids)
        raise ServiceError("Run 'x' has been writing since 10:00 UTC.")

    monkeypatch.setattr("portal.batches.retirement.retire", retiring)
    monkeypatch.setattr(lifecycle, "reprocess", reprocessing)
    return asked


def _opened(batch_id):
    def page():
        from portal.ui.batches import batch_list

        batch_list.draw()

    app = AppTest.from_function(page)
    app.query_params["batch"] = batch_id
    return app.run()


def test_every_batch_is_listed_with_its_status(lake):
    app = _opened("b1")
    assert not app.exception
    listed = app.dataframe[0].value
    assert listed[["Batch", "Status"]].to_numpy().tolist() == [
        ["Batch 1", "New"],
        ["Batch 2", "Loaded, published"],
        ["Batch 3", "Retired"],
    ]
    assert app.dataframe[1].value[["Table", "File", "Rows"]].to_numpy().tolist() == [
        ["patients", "patients.csv", 3]
    ]


def test_a_retired_batch_says_who_retired_it_and_why_and_offers_nothing(lake):
    app = _opened("b3")
    assert "Retired by ann, 2026-11-27 11:00 UTC: The \\*wrong\\* ward." in app.warning[0].value
    assert not app.button


def test_retiring_asks_for_a_reason(lake):
    app = _opened("b2")
    app.button(key="retire-b2").click().run()
    submit = next(button for button in app.button if button.label == "Retire")
    submit.click().run()
    assert "requires a reason" in app.error[0].value
    app.text_input[0].set_value("The wrong ward.")
    next(button for button in app.button if button.label == "Retire").click().run()
    assert lake.retired == [("b2", "The wrong ward.")]


def test_a_batch_is_processed_again_or_the_refusal_is_shown(lake):
    app = _opened("b1")
    app.button(key="reprocess-b1").click().run()
    assert lake.reprocessed == [["b1"]]
    assert "has been writing since" in app.error[0].value


def test_who_may_not_start_runs_is_offered_no_action(lake, monkeypatch):
    monkeypatch.setattr(session, "user", lambda: User("lee", "clinician"))
    assert not _opened("b1").button
