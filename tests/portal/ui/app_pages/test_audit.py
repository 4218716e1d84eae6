"""The page Audit log: what it shows to a privacy officer, and that it shows nothing to anybody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.auth import User
from portal.core.errors import ServiceError
from portal.ui import exports, session

NOW = datetime.now(UTC)


@pytest.fixture
def events(empty_lake):
    """Record two events of today and one of twenty days ago."""
    lee = empty_lake.on_behalf_of(User("dr.lee", "clinician"), "203.0.113.9")
    target = {"run": "run-1", "table": "patients"}
    audit_log.record(lee, "unmask", target, reason="=a doubt", patients=["row 1f0a"])
    audit_log.record(lee.on_behalf_of(User("kim", "engineer")), "publish", {"release": "run-1"})
    past = replace(lee.user, signed_in_at=NOW - timedelta(days=20))
    audit_log.record_sign_in(lee.on_behalf_of(past))


def actions(app):
    return app.dataframe[0].value["Action"].to_list()


def test_events_are_shown_with_their_trend(events, as_role):
    app = as_role("audit", "privacy_officer")
    assert not app.exception
    assert not app.error
    assert actions(app) == ["Publish", "Unmasking", "Sign-in"]
    row = app.dataframe[0].value.iloc[1]
    assert row["Person"] == "dr.lee"
    assert (row["Object"], row["Patients"]) == ("run run-1, table patients", "row 1f0a")
    assert (row["Reason"], row["From"]) == ("=a doubt", "203.0.113.9")
    assert "**3 events** of 2 people" in [m.value for m in app.markdown]
    assert len(app.get("plotly_chart")) == 1


@pytest.mark.parametrize(
    ("widget", "key", "value", "expected"),
    [
        ("text_input", "audit-person", "KIM", ["Publish"]),
        ("text_input", "audit-patient", "row 1f0a", ["Unmasking"]),
        ("multiselect", "audit-actions", ["sign_in", "unmask"], ["Unmasking", "Sign-in"]),
        ("date_input", "audit-period", (NOW.date(), NOW.date()), ["Publish", "Unmasking"]),
        ("date_input", "audit-period", (NOW.date() - timedelta(days=20),), ["Sign-in"]),
    ],
)
def test_a_filter_narrows_the_events(events, as_role, widget, key, value, expected):
    app = as_role("audit", "privacy_officer")
    getattr(app, widget)(key=key).set_value(value).run()
    assert not app.exception
    assert actions(app) == expected


def test_filters_that_nothing_matches_say_so_and_names_stay_out_of_the_url(events, as_role):
    app = as_role("audit", "privacy_officer")
    app.text_input(key="audit-person").set_value("nobody").run()
    assert [i.value for i in app.info] == [
        "No events match these filters. Choose a longer period or remove a filter."
    ]
    assert not app.dataframe
    assert not dict(app.query_params)


def test_a_thousand_events_are_listed(empty_lake, as_role):
    pat = empty_lake.on_behalf_of(User("pat", "clinician"))
    for number in range(1000):
        at = NOW - timedelta(days=1 + number % 20, seconds=number)
        audit_log.record_sign_in(pat.on_behalf_of(replace(pat.user, signed_in_at=at)))
    app = as_role("audit", "privacy_officer")
    assert not app.exception
    assert "**1,000 events** of 1 person" in [m.value for m in app.markdown]
    assert len(app.dataframe[0].value) == 1000


def test_an_error_is_one_sentence(empty_lake, as_role, monkeypatch):
    def broken(*_):
        raise ServiceError("An event of the audit log cannot be read.")

    monkeypatch.setattr(audit_log, "search", broken)
    app = as_role("audit", "privacy_officer")
    assert not app.exception
    assert [e.value for e in app.error] == ["An event of the audit log cannot be read."]


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician", "engineer", "administrator"])
def test_other_roles_see_no_event(events, as_role, role):
    app = as_role("audit", role)
    assert not app.exception
    assert [i.value for i in app.info] == [
        "The audit log is available to privacy officers. Ask one, or switch to that role."
    ]
    assert not app.dataframe
    assert not app.get("plotly_chart")


def test_the_export_is_recorded_and_escapes_formulas(events, empty_lake, as_role, monkeypatch):
    made = []
    monkeypatch.setattr(session, "deferred_download", lambda make: made.append(make) or (lambda: ""))
    as_role("audit", "privacy_officer")
    officer = empty_lake.on_behalf_of(User("pat", "privacy_officer"))
    text = made[-1](officer)
    assert "'=a doubt" in text
    assert "Audit log export" in text, "the export is an event, too"
    found = audit_log.search(officer, Search(NOW.date(), date.today()))
    assert [(event.name, event.action) for event in found][:1] == [("pat", "export_audit_log")]
    with pytest.raises(ServiceError, match="cannot view the audit log"):
        made[-1](empty_lake.on_behalf_of(User("eve", "engineer")))
    assert exports.sheet.__module__ == "portal.ui.exports"
