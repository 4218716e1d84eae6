"""Several findings are decided at once; each that could not be decided is named with its reason."""

from __future__ import annotations

from datetime import date

import pytest

from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.reviews import bulk, commands
from portal.reviews.bulk import Terms

FINDINGS = [("encounters", "ENC-P03"), ("medications", "MED-P03"), ("patients", "PAT-M01")]
TERMS = Terms("Known to the ward.", "known_limitation", date(2027, 1, 31), "dr.lee")


@pytest.fixture
def context():
    return Context(Settings("t", "t", "", "ann", "viewer")).on_behalf_of(User("dr.lee", "clinician"))


@pytest.fixture
def done(monkeypatch):
    """The commands that were called, with their arguments; rule MED-P03 is refused."""
    calls = []

    def command(name):
        def called(_, run_id, table, rule, *texts, **options):
            if rule == "MED-P03":
                raise ServiceError("Its outcome is error.")
            calls.append((name, run_id, table, rule, *texts, options))

        return called

    for name in ("accept", "reject", "dismiss", "open_query"):
        monkeypatch.setattr(commands, name, command(name))
    return calls


@pytest.mark.parametrize(
    ("verdict", "name", "texts", "options"),
    [
        ("must_fix", "reject", ("Known to the ward.",), {"seen": 4}),
        ("dismiss", "dismiss", ("Known to the ward.",), {"seen": 4}),
        ("query", "open_query", ("Known to the ward.",), {"assignee": "dr.lee", "seen": 4}),
        (
            "accept",
            "accept",
            (),
            {
                "reason": "known_limitation",
                "text": "Known to the ward.",
                "until": date(2027, 1, 31),
                "seen": 4,
            },
        ),
    ],
)
def test_each_finding_gets_its_own_event_and_a_refused_one_is_named(
    context, done, verdict, name, texts, options
):
    left = bulk.decide(context, "run-1", FINDINGS, verdict, TERMS, seen=4)
    assert left == "2 of 3 findings were decided. MED-P03 of medications: Its outcome is error."
    assert done == [
        (name, "run-1", "encounters", "ENC-P03", *texts, options),
        (name, "run-1", "patients", "PAT-M01", *texts, options),
    ]


def test_nothing_selected_nothing_decided_and_no_expiry_are_errors(context, done):
    with pytest.raises(ServiceError, match="No finding is selected"):
        bulk.decide(context, "run-1", [], "dismiss", TERMS)
    with pytest.raises(ServiceError, match=r"^Its outcome is error\.$"):
        bulk.decide(context, "run-1", FINDINGS[1:2], "dismiss", TERMS)
    with pytest.raises(ServiceError, match="None of the 2 findings was decided"):
        bulk.decide(context, "run-1", FINDINGS[1:2] * 2, "dismiss", TERMS)
    with pytest.raises(ServiceError, match="needs an expiry date"):
        bulk.decide(context, "run-1", FINDINGS[:1], "accept", Terms("Known.", "other"))
    assert done == []


def test_an_analyst_may_not_decide(done):
    analyst = Context(Settings("t", "t", "", "ann", "viewer")).on_behalf_of(User("ana", "analyst"))
    with pytest.raises(ServiceError):
        bulk.decide(analyst, "run-1", FINDINGS, "dismiss", TERMS)
    assert done == []
