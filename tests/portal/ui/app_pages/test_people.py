"""The page People and roles: an administrator changes the roles file, and nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.core.auth import User
from portal.people import service as people
from tests.portal.ui.app_pages.conftest import press
from tests.support.links import assert_unlinked

TODAY = datetime.now(UTC).date()
LEE, KIM = "lee@hospital.org", "kim@hospital.org"


@pytest.fixture
def admin(empty_lake):
    return empty_lake.on_behalf_of(User("ada", "administrator"))


@pytest.fixture
def page(admin, as_role):
    """Return the page for an administrator, after Dr. Lee became a clinician."""
    people.grant(admin, LEE, ["clinician"], name="Dr. Lee", reason="new ward")
    return as_role("people", "administrator")


def fill(app, prefix, **values):
    for name, value in values.items():
        key = f"{prefix}-{name}"
        widget = next(w for w in (*app.text_input, *app.multiselect, *app.date_input) if w.key == key)
        widget.set_value(value)
    return app


def test_an_empty_file_is_told_in_words(empty_lake, as_role):
    app = as_role("people", "administrator")
    assert not app.exception
    assert [i.value for i in app.info] == [
        "The roles file names nobody yet. Roles come from the groups of the sign-in service alone."
    ]


def test_a_role_is_granted_and_the_table_shows_it(page, admin):
    press(fill(page, "grant", person=KIM, name="Kim", roles=["analyst"], reason="new"), "Grant")
    assert not page.exception
    assert not page.error
    assert [s.value for s in page.success] == [
        "Granted analyst to kim@hospital.org. It takes effect within 30 seconds."
    ]
    shown = page.dataframe[0].value[["Person", "E-mail or sign-in ID", "Roles"]].to_numpy().tolist()
    assert shown == [["Dr. Lee", LEE, "clinician"], ["Kim", KIM, "analyst"]]


def test_a_role_is_revoked(page, admin):
    press(fill(page, "revoke", roles=["clinician"], reason="left"), "Revoke")
    assert not page.exception
    assert people.list_people(admin) == []


def test_a_deputy_is_named_and_ended(page, admin):
    last = TODAY + timedelta(days=3)
    press(fill(page, "deputy", person=KIM, to=last, reason="holiday"), "Name deputy")
    assert not page.exception
    assert not page.error
    assert page.dataframe[0].value["Deputies"].to_list() == [f"{KIM}, {TODAY} to {last} (now)"]
    press(fill(page, "end", reason="back"), "End deputyship")
    assert not page.exception
    (lee,) = people.list_people(admin)
    assert lee.deputies == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"person": "[kim](http://evil.example)", "roles": ["analyst"], "reason": "x"},
            "is neither an e-mail",
        ),
        ({"person": KIM, "roles": [], "reason": "x"}, "No role is selected. Select at least one."),
        ({"person": KIM, "roles": ["analyst"], "reason": " "}, "Enter a reason for the change."),
    ],
)
def test_wrong_input_is_one_sentence_and_keeps_the_form(page, admin, values, message):
    press(fill(page, "grant", **values), "Grant")
    assert not page.exception
    (error,) = page.error
    assert message in error.value
    assert_unlinked(error.value)
    assert next(w for w in page.text_input if w.key == "grant-person").value == values["person"]
    assert [p.person_id for p in people.list_people(admin)] == [LEE]


def test_an_administrator_cannot_grant_themselves_a_role(page, admin, empty_lake):
    name = f"administrator@{empty_lake.settings.user}"
    press(fill(page, "grant", person=name, roles=["clinician"], reason="x"), "Grant")
    assert [e.value for e in page.error] == ["Your own roles can only be extended by another administrator."]
    assert [p.person_id for p in people.list_people(admin)] == [LEE]


@pytest.mark.parametrize("role", ["viewer", "analyst", "privacy_officer", "clinician", "engineer"])
def test_other_roles_see_nobody_and_no_form(admin, as_role, role):
    people.grant(admin, LEE, ["clinician"], name="Dr. Lee", reason="new ward")
    app = as_role("people", role)
    assert not app.exception
    assert [i.value for i in app.info] == [
        "Roles are changed by administrators. Ask one, or switch to that role."
    ]
    assert not app.dataframe
    assert not app.button
