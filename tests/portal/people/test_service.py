"""Roles and deputies of people: granted, revoked, recorded, and applied at sign-in."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.lake.uris import split
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.auth import Principal, Right, User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.people import service as people

TODAY = datetime.now(UTC).date()
DAY = timedelta(days=1)
LEE, KIM = "lee@hospital.org", "kim@hospital.org"


@pytest.fixture
def person(portal, aws, lake_prefix):
    """Return the context of a person on a lake of this test."""
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-quality")
    base = Context(replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix)).sealed()
    return lambda name, role: base.on_behalf_of(User(name, role))


@pytest.fixture
def admin(person):
    return person("ada", "administrator")


def user_of(context, **fields):
    return people.with_roles(context, User(**{"name": "lee", "role": "viewer", **fields}))


def events(person):
    found = audit_log.search(person("pat", "privacy_officer"), Search(TODAY, TODAY))
    return [(e.name, e.action, e.target, e.reason, e.is_failed) for e in reversed(found)]


def raw(admin, body=None):
    """Return the stored roles file, or write it."""
    bucket, key = split(admin.lake.roles_file())
    s3 = admin.unsealed().client("s3")
    people._files.clear()
    if body is None:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return s3.put_object(Bucket=bucket, Key=key, Body=body)


def test_a_role_is_granted_by_email_recorded_and_there_at_the_next_sign_in(person, admin):
    people.grant(admin, " Lee@Hospital.org ", ["clinician", "analyst"], name="Dr.  Lee", reason="new ward")
    assert user_of(admin, email=LEE) == User("lee", "clinician", "", ("analyst",), email=LEE)
    assert user_of(admin, email="other@hospital.org").roles == ("viewer",)
    assert user_of(admin, subject=LEE.upper()).roles == ("viewer",)
    assert [(p.person_id, p.name) for p in people.list_people(admin)] == [(LEE, "Dr. Lee")]
    target = {"person": LEE, "granted": "analyst, clinician"}
    assert events(person) == [("ada", "change_roles", target, "new ward", False)]


def test_the_file_adds_to_the_groups_of_the_sign_in_service(admin):
    people.grant(admin, "s-1", ["privacy_officer"], reason="law")
    user = user_of(admin, role="engineer", subject="s-1")
    assert user.roles == ("privacy_officer", "engineer")
    assert user.may("publish")
    assert user.may("see_audit_log")
    assert not user.may("see_phi")


def test_an_unverified_email_names_nobody(admin):
    people.grant(admin, LEE, ["administrator"], reason="law")
    assert user_of(admin, name=LEE, subject="s-9", email="").roles == ("viewer",)


def test_a_revoked_role_is_gone_and_a_person_without_roles_too(person, admin):
    people.grant(admin, LEE, ["clinician", "analyst"], reason="new")
    people.revoke(admin, LEE, ["analyst"], reason="moved")
    assert user_of(admin, email=LEE).roles == ("clinician",)
    people.revoke(admin, LEE, ["clinician"], reason="left")
    assert user_of(admin, email=LEE).roles == ("viewer",)
    assert people.list_people(admin) == []
    with pytest.raises(ServiceError, match=f"no person '{LEE}'"):
        people.revoke(admin, LEE, ["clinician"], reason="left")
    assert [target.get("revoked") for _, _, target, _, _ in events(person)] == [None, "analyst", "clinician"]


def test_the_last_administrator_cannot_remove_themselves_or_be_removed(person, admin):
    people.grant(admin, LEE, ["administrator"], reason="first")
    lee = person(LEE, "administrator")
    for context in (lee, admin):
        with pytest.raises(ServiceError, match=f"'{LEE}' is the last administrator"):
            people.revoke(context, LEE, ["administrator"], reason="leaving")
    people.grant(admin, KIM, ["administrator"], reason="second")
    people.revoke(lee, LEE, ["administrator"], reason="leaving")
    assert [p.person_id for p in people.list_people(admin)] == [KIM]


def test_two_administrators_who_leave_at_the_same_time_leave_one_behind(person, admin):
    for each in (LEE, KIM):
        people.grant(admin, each, ["administrator"], reason="both")
    refused = []

    def leave(name):
        try:
            people.revoke(person(name, "administrator"), name, ["administrator"], reason="leaving")
        except ServiceError as error:
            refused.append(str(error))

    _together(leave, [LEE, KIM])
    assert len(people.list_people(admin)) == 1
    assert len(refused) == 1


def test_changes_at_the_same_time_do_not_overwrite_one_another(admin):
    names = [f"person{number}@hospital.org" for number in range(4)]
    _together(lambda name: people.grant(admin, name, ["analyst"], reason="all at once"), names)
    assert [p.person_id for p in people.list_people(admin)] == names


def _together(act, arguments):
    threads = [threading.Thread(target=act, args=(each,)) for each in arguments]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("own", ["ada", "ada@hospital.org"])
def test_an_administrator_extends_their_own_rights_in_no_way(person, own):
    ada = person("ada", "administrator")
    ada = ada.on_behalf_of(replace(ada.user, email="ada@hospital.org"))
    people.grant(ada, LEE, ["clinician"], reason="new")
    with pytest.raises(ServiceError, match="Your own roles can only be extended by another administrator"):
        people.grant(ada, own, ["clinician"], reason="why not")
    with pytest.raises(ServiceError, match="Your own deputyships"):
        people.name_deputy(ada, LEE, own, TODAY, TODAY, reason="why not")
    assert [p.person_id for p in people.list_people(ada)] == [LEE]


@pytest.mark.parametrize(
    ("first", "last", "is_deputy"),
    [(0, 0, True), (-3, 0, True), (0, 365, True), (1, 2, False)],
)
def test_a_deputy_may_review_from_the_first_to_the_last_day(admin, first, last, is_deputy):
    people.grant(admin, LEE, ["clinician"], name="Dr. Lee", reason="new")
    people.name_deputy(admin, LEE, KIM, TODAY + first * DAY, TODAY + last * DAY, reason="holiday")
    kim = user_of(admin, name="kim", email=KIM)
    assert kim.deputy_for == ((Principal(LEE, "Dr. Lee"),) if is_deputy else ())
    gained = {right for right in get_args(Right) if kim.may(right)} - {"see_charts"}
    assert gained == ({"review", "query", "watch_runs"} if is_deputy else set())
    assert not kim.has_own("review")


def test_a_deputyship_is_over_after_its_last_day(admin):
    people.grant(admin, LEE, ["clinician"], reason="new")
    people.name_deputy(admin, LEE, KIM, TODAY - DAY, TODAY, reason="holiday")
    file = people._cached(admin.unsealed())
    kim = User("kim", "viewer", email=KIM)
    assert file.applied_to(kim, TODAY).deputy_for == (Principal(LEE, LEE),)
    assert file.applied_to(kim, TODAY + DAY).deputy_for == ()


def test_a_deputyship_ends_when_it_is_ended_or_the_clinician_is_none_any_more(admin):
    people.grant(admin, LEE, ["clinician", "analyst"], reason="new")
    people.name_deputy(admin, LEE, KIM, TODAY, TODAY, reason="holiday")
    people.end_deputy(admin, LEE, KIM, reason="back")
    assert not user_of(admin, email=KIM).deputy_for
    with pytest.raises(ServiceError, match=f"'{KIM}' is not a deputy of '{LEE}'"):
        people.end_deputy(admin, LEE, KIM, reason="back")
    people.name_deputy(admin, LEE, KIM, TODAY, TODAY, reason="holiday")
    people.revoke(admin, LEE, ["clinician"], reason="research")
    assert not user_of(admin, email=KIM).deputy_for


@pytest.mark.parametrize(
    ("deputy", "first", "last", "message"),
    [
        (LEE, 0, 0, "cannot be their own deputy"),
        (KIM, 1, 0, "begins on .*, after its end"),
        (KIM, -2, -1, "must not be over already"),
        (KIM, 0, 367, "not last longer than 366 days"),
        ("kim lee", 0, 0, "'kim lee' is neither an e-mail address nor a sign-in ID"),
    ],
)
def test_an_impossible_deputyship_is_refused_and_not_recorded(person, admin, deputy, first, last, message):
    people.grant(admin, LEE, ["clinician"], reason="new")
    with pytest.raises(ServiceError, match=message):
        people.name_deputy(admin, LEE, deputy, TODAY + first * DAY, TODAY + last * DAY, reason="holiday")
    assert len(events(person)) == 1


def test_only_a_clinician_of_the_file_has_deputies(admin):
    people.grant(admin, LEE, ["engineer"], reason="new")
    with pytest.raises(ServiceError, match=f"'{LEE}' is not a clinician by the roles file"):
        people.name_deputy(admin, LEE, KIM, TODAY, TODAY, reason="holiday")


@pytest.mark.parametrize(
    ("who", "roles", "more", "message"),
    [
        ("lee", ["surgeon"], {}, "'surgeon' is not a role. Use one of viewer, analyst"),
        ("lee", [], {}, "No role is selected"),
        ("", ["analyst"], {}, "neither an e-mail address nor a sign-in ID"),
        ("a/b@c.org", ["analyst"], {}, "neither an e-mail address nor a sign-in ID"),
        ("lee", ["analyst"], {"reason": " "}, "Enter a reason"),
        ("lee", ["analyst"], {"reason": "x" * 501}, "The reason has 501 characters"),
        ("lee", ["analyst"], {"name": "x" * 255}, "The name has 255 characters"),
    ],
)
def test_a_wrong_grant_is_one_sentence_and_changes_nothing(person, admin, who, roles, more, message):
    people.grant(admin, KIM, ["clinician"], name="Dr. Kim", reason="new")
    with pytest.raises(ServiceError, match=message):
        people.grant(admin, who, roles, **{"reason": "new", **more})
    assert [p.person_id for p in people.list_people(admin)] == [KIM]
    assert len(events(person)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"people": [{"person_id": "lee", "name": "lee", "roles": ["root"], "deputies": []}]}',
        b'{"people": [{"person_id": "lee", "name": "lee", "roles": ["analyst"]}]}',
    ],
)
def test_a_damaged_file_gives_no_role_and_is_not_overwritten(admin, body):
    raw(admin, body)
    assert user_of(admin, subject="lee", role="analyst").roles == ("analyst",)
    with pytest.raises(ServiceError, match=r"roles file of the lake .* is not valid"):
        people.grant(admin, "lee", ["analyst"], reason="new")
    assert raw(admin) == body


def test_a_file_that_cannot_be_read_gives_no_role_but_lets_people_sign_in(admin, monkeypatch):
    monkeypatch.setattr(people, "read_json", _away)
    assert user_of(admin, role="analyst").roles == ("analyst",)


def _away(*_, **__):
    raise EndpointConnectionError(endpoint_url="https://s3")


def test_a_change_whose_event_cannot_be_written_does_not_happen(admin, monkeypatch):
    monkeypatch.setattr(audit_log, "write_json", _away)
    with pytest.raises(ServiceError, match="audit log could not be written"):
        people.grant(admin, LEE, ["clinician"], reason="new")
    assert people.list_people(admin) == []


def test_the_file_is_read_again_after_its_time_is_over(admin, monkeypatch):
    assert user_of(admin, email=LEE).roles == ("viewer",)
    before = dict(people._files)
    people.grant(admin, LEE, ["analyst"], reason="by another process")
    people._files.update(before)
    assert user_of(admin, email=LEE).roles == ("viewer",)
    over = max(until for until, _ in before.values())
    monkeypatch.setattr(people.time, "monotonic", lambda: over)
    assert user_of(admin, email=LEE).roles == ("analyst",)


def test_a_person_of_the_file_is_shown_with_dates(admin):
    people.grant(admin, LEE, ["clinician"], reason="new")
    first, last = TODAY + 400 * DAY, TODAY + 401 * DAY
    people.name_deputy(admin, LEE, KIM, first, last, reason="far ahead")
    (found,) = people.list_people(admin)
    assert [(d.person, d.first, d.last) for d in found.deputies] == [(KIM, first, last)]
    assert isinstance(found.deputies[0].first, date)


def test_a_query_is_assigned_to_somebody_who_may_answer_it_and_only_a_reviewer_sees_the_list(person, admin):
    people.grant(admin, LEE, ["clinician"], name="Dr. Lee", reason="new ward")
    people.grant(admin, KIM, ["analyst"], name="Kim", reason="new ward")
    people.grant(admin, "s-1", ["privacy_officer"], reason="law")
    listed = people.assignees(person("lou", "clinician"))
    assert [(each.person_id, each.name) for each in listed] == [(LEE, "Dr. Lee"), (KIM, "Kim")]
    with pytest.raises(ServiceError):
        people.assignees(person("ana", "analyst"))
