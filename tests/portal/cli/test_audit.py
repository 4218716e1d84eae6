"""`hdp audit list` on a lake of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from portal.audit import service as audit_log
from portal.cli.audit import audit_group
from portal.core.auth import User
from portal.core.context import Context

TODAY = datetime.now(UTC).date()


@pytest.fixture
def lee(portal, aws, lake_prefix):
    aws.client("s3").create_bucket(Bucket=f"{lake_prefix}-quality")
    context = Context(replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix)).sealed()
    return context.on_behalf_of(User("dr.lee", "clinician"))


@pytest.fixture
def hdp(lee):
    """`hdp audit …` as a role; gives the exit code and the output."""

    def run(*arguments, role="privacy_officer"):
        context = lee.on_behalf_of(User("pat", role))
        done = CliRunner().invoke(audit_group, arguments, obj=SimpleNamespace(context=context))
        if isinstance(done.exception, Exception):
            return 2, str(done.exception)
        return done.exit_code, done.output

    return run


@pytest.fixture
def recorded(lee):
    target = {"run": "run-1", "table": "patients"}
    audit_log.record(lee, "unmask", target, reason="a doubt", patients=["row 1f0a"])
    audit_log.record(lee.on_behalf_of(User("kim", "engineer")), "publish", {"release": "run-1"})


def test_events_are_listed_with_person_action_object_and_reason(hdp, recorded):
    code, said = hdp("list")
    assert code == 0
    lines = said.splitlines()
    assert "Time (UTC)" in lines[0]
    assert "kim" in lines[2]
    assert "Publish" in lines[2]
    for word in (
        "dr.lee",
        "clinician",
        "Unmasking",
        "run run-1, table patients",
        "row 1f0a",
        "a doubt",
        "hdp",
    ):
        assert word in lines[3]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((), ["kim", "dr.lee"]),
        (("--person", "LEE"), ["dr.lee"]),
        (("--patient", "row 1f0a"), ["dr.lee"]),
        (("--patient", "row 1f"), []),
        (("--action", "publish"), ["kim"]),
        (("--action", "publish", "--action", "unmask"), ["kim", "dr.lee"]),
        (("--since", str(TODAY), "--until", str(TODAY)), ["kim", "dr.lee"]),
        (("--since", "2026-01-01", "--until", str(TODAY - timedelta(days=1))), []),
    ],
)
def test_filters_are_combined(hdp, recorded, arguments, names):
    found = json.loads(hdp("list", "--json", *arguments)[1])
    assert [event["name"] for event in found] == names


def test_json_has_every_field_of_an_event(hdp, recorded):
    (event,) = json.loads(hdp("list", "--json", "--person", "lee")[1])
    assert event["target"] == {"run": "run-1", "table": "patients"}
    assert (event["patients"], event["roles"], event["origin"]) == (["row 1f0a"], ["clinician"], "hdp")
    assert event["at"].startswith(str(TODAY))


def test_an_empty_period_is_a_sentence_and_a_reversed_one_an_error(hdp):
    first, last = "2026-01-02", "2026-01-03"
    assert hdp("list", "--since", first, "--until", last) == (
        0,
        "No event from 2026-01-02 to 2026-01-03 matches.\n",
    )
    assert "begins on 2026-01-03, after its end" in hdp("list", "--since", last, "--until", first)[1]
    code, said = hdp("list", "--action", "looking")
    assert code == 2
    assert "'looking' is not one of 'sign_in', 'unmask'" in said


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician", "engineer", "administrator"])
def test_other_roles_are_refused_in_one_sentence(hdp, role):
    code, said = hdp("list", role=role)
    assert code == 2
    assert said.endswith("cannot view the audit log. Required role: privacy officer.")


def test_every_option_is_explained():
    for name, command in audit_group.commands.items():
        assert command.help, name
        assert all(option.help for option in command.params if isinstance(option, click.Option))
