"""`hdp roles` on a lake of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from portal.cli.roles import roles_group
from portal.cli.session import Session
from portal.core.auth import User
from portal.core.context import Context
from portal.people import service as people

TODAY = datetime.now(UTC).date()
LEE, KIM = "lee@hospital.org", "kim@hospital.org"


@pytest.fixture
def lake(portal, aws, lake_prefix):
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-quality")
    return Context(replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix)).sealed()


@pytest.fixture
def hdp(lake):
    """`hdp roles …` as a role; gives the exit code and the output."""

    def run(*arguments, role="administrator"):
        context = lake.on_behalf_of(User("ada", role))
        done = CliRunner().invoke(roles_group, arguments, obj=SimpleNamespace(context=context))
        if isinstance(done.exception, Exception):
            return 2, str(done.exception)
        return done.exit_code, done.output

    return run


WHY = ("--reason", "asked for")


def test_roles_are_granted_listed_and_revoked(hdp):
    assert hdp("list") == (
        0,
        "The roles file names nobody. Roles come from the groups of the sign-in service alone.\n",
    )
    assert hdp("grant", LEE, "analyst", "privacy_officer", *WHY) == (
        0,
        f"{LEE} has the roles analyst, privacy officer\n",
    )
    assert hdp("grant", LEE, "clinician", "--name", "Dr. Lee", *WHY)[0] == 0
    assert hdp("revoke", LEE, "analyst", *WHY) == (0, f"Revoked analyst from {LEE}\n")
    (found,) = json.loads(hdp("list", "--json")[1])
    assert found == {
        "person_id": LEE,
        "name": "Dr. Lee",
        "roles": ["privacy_officer", "clinician"],
        "deputies": [],
    }
    assert "privacy officer, clinician" in hdp("list")[1]


def test_a_deputy_is_named_until_a_day_and_ended(hdp):
    hdp("grant", LEE, "clinician", *WHY)
    until = TODAY + timedelta(days=7)
    assert hdp("deputy", LEE, KIM, "--to", str(until), *WHY) == (
        0,
        f"{KIM} is a deputy of {LEE} from {TODAY} to {until}\n",
    )
    (found,) = json.loads(hdp("list", "--json")[1])
    assert found["deputies"] == [{"person": KIM, "first": str(TODAY), "last": str(until)}]
    assert f"{KIM} {TODAY} to {until}" in hdp("list")[1]
    assert hdp("deputy", LEE, KIM, "--end", *WHY) == (0, f"{KIM} is no longer a deputy of {LEE}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("grant", LEE, "surgeon", *WHY), "'surgeon' is not one of 'viewer', 'analyst'"),
        (("grant", LEE, *WHY), "Missing argument"),
        (("grant", LEE, "analyst"), "Missing option '--reason'"),
        (
            ("grant", "two words", "analyst", *WHY),
            "'two words' is neither an e-mail address nor",
        ),
        (("grant", "ada", "clinician", *WHY), "Your own roles can only be extended by another administrator"),
        (("revoke", LEE, "analyst", *WHY), f"The roles file has no person '{LEE}'"),
        (("deputy", LEE, KIM, *WHY), "Say with --to until when the person is a deputy"),
        (("deputy", LEE, KIM, "--to", "soon", *WHY), "'soon' does not match the format '%Y-%m-%d'"),
    ],
)
def test_bad_input_is_one_sentence(hdp, arguments, message):
    code, said = hdp(*arguments)
    assert code == 2
    assert message in said


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician", "engineer", "privacy_officer"])
def test_other_roles_change_and_see_nothing(hdp, role):
    for arguments in (("list",), ("grant", LEE, "analyst", *WHY)):
        code, said = hdp(*arguments, role=role)
        assert code == 2
        assert said.endswith("cannot change the roles of people. Required role: administrator.")
    assert "names nobody" in hdp("list")[1]


def test_a_command_runs_with_the_roles_of_the_file(portal, cloud, tmp_path, monkeypatch):
    """The roles file counts on the terminal as on pages."""
    admin = portal.on_behalf_of(User("ada", "administrator"))
    people.grant(admin, "terminal-tester", ["privacy_officer"], reason="for a test")
    monkeypatch.setenv("HDP_USER", "terminal-tester")
    monkeypatch.setenv("HDP_ROLE", "analyst")
    session = Session(tmp_path, "laptop", None)
    session._cloud = cloud
    try:
        user = session.context.user
    finally:
        people.revoke(admin, "terminal-tester", ["privacy_officer"], reason="the test is over")
    assert user.roles == ("analyst", "privacy_officer")


def test_every_option_is_explained():
    for name, command in roles_group.commands.items():
        assert command.help, name
        assert all(option.help for option in command.params if isinstance(option, click.Option))
