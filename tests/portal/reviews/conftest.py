"""Reviewers, a query on the finding that holds a release, and a hospital in memory."""

from __future__ import annotations

import pytest

from pipeline.releases import publish as publishing
from portal.quality import results as quality
from portal.reviews import commands as reviews
from tests.support.held import FINDING
from tests.support.memory_hospital import Hospital


@pytest.fixture
def lee(acting):
    return acting("dr.lee", "clinician")


@pytest.fixture
def kim(acting):
    return acting("dr.kim", "clinician")


@pytest.fixture
def query(lee, held_run):
    event = reviews.open_query(lee, held_run.run_id, *FINDING, "Who is this patient?", assignee="dr.kim")
    yield event.subject["query_id"]
    if reviews._query(lee, event.subject["query_id"], {"open", "answered", "closed"}).state != "closed":
        reviews.close(lee, event.subject["query_id"], "other", "The test has ended.")


@pytest.fixture
def hospital(monkeypatch):
    """A hospital in memory, whose rule results and views stand where the portal's are."""
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: lambda _: None)
    found = Hospital()
    monkeypatch.setattr(quality, "results", found.frame)
    return found
