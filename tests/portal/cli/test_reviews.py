"""`hdp reviews` on a lake of its own.

What it takes, and each way of tampering with the state folder that it finds.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from pipeline.lake.uris import split
from pipeline.reviews import events as review_events
from portal.cli import main
from portal.cli.reviews import reviews_group
from portal.cli.session import Session
from portal.core.auth import user_from_arn
from portal.core.context import Context
from portal.reviews import commands as reviews
from portal.reviews import entry as review_entry
from portal.reviews import read_model

RUN = "run-1"
QUESTION = {"text": "Who?", "assignee": "kim", "due": "2026-12-01", "record_keys": []}


@pytest.fixture
def lee(portal, lake_prefix):
    """A clinician at a lake that holds nothing but a quality bucket."""
    aws = Context(
        replace(portal.settings, prefix=lake_prefix, buckets=lake_prefix, user="dr.lee", role="clinician"),
        portal._clients,
    )
    aws.client("s3").create_bucket(Bucket=aws.lake.bucket("quality"))
    return aws


@pytest.fixture
def query_id(lee):
    subject = {"run_id": RUN, "table_name": "patients", "rule_id": "PAT-M01", "query_id": "Q-1"}
    review_entry.append_event(lee, "query_opened", subject, QUESTION, None)
    return "Q-1"


@pytest.fixture
def hdp(lee):
    """`hdp reviews …` in this process; gives the exit code and what was said."""

    def run(*arguments):
        done = CliRunner().invoke(reviews_group, arguments, obj=SimpleNamespace(context=lee))
        if isinstance(done.exception, Exception):
            return 2, str(done.exception)
        return done.exit_code, done.output

    return run


def test_a_query_from_its_assignment_to_its_end_and_back(hdp, query_id):
    assert hdp("assign", query_id, "registration") == (0, "Assigned Q-1 to registration\n")
    assert "must be answered or closed" in hdp("reopen", query_id, "Which one?")[1]
    assert hdp("answer", query_id, "A ward.")[0] == 0
    assert hdp("reopen", query_id, "Which one?") == (0, "Reopened Q-1\n")
    assert hdp("close", query_id, "Ward 4.", "--reason", "verified")[0] == 0
    assert hdp("reopen", query_id, "Again.") == (0, "Reopened Q-1\n")
    shown = json.loads(hdp("show", query_id, "--json")[1])
    assert (shown["state"], shown["assignee"]) == ("open", "registration")
    assert [event["kind"].removeprefix("query_") for event in shown["events"]] == [
        "opened",
        "assigned",
        "answered",
        "reopened",
        "closed",
        "reopened",
    ]
    assert "Which one?" in hdp("show", query_id)[1]
    assert hdp("show", "Q-9") == (2, "There is no query 'Q-9'. 'hdp reviews list' lists the queries.")


def test_verify_answers_as_json(hdp, query_id):
    answer = json.loads(hdp("verify", "--json")[1])
    assert (answer["events"], answer["problems"]) == (1, [])


def test_every_command_says_what_it_is_for():
    for name, command in reviews_group.commands.items():
        assert command.help, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{name} {parameter.name}"


def _event(folder, place, **changes):
    path = folder / "reviews" / f"{place:08d}.json"
    document = json.loads(path.read_text())
    document.update(changes)
    return path, document


def _alter(folder):
    path, document = _event(folder, 3, by="somebody")
    path.write_text(json.dumps(document))


def _forge_the_last(folder):
    path, document = _event(folder, 5, by="somebody")
    document["hash"] = review_events.Event(**document).digest()
    path.write_text(json.dumps(document))


def _remove_the_first(folder):
    _event(folder, 1)[0].unlink()


def _cut_off(folder):
    _event(folder, 5)[0].unlink()
    _, before = _event(folder, 4)
    (folder / "reviews" / "head.json").write_text(json.dumps({"sequence": 4, "hash": before["hash"]}))


def _empty(folder):
    for path in (folder / "reviews").iterdir():
        path.unlink()


def _second_of_a_number(folder):
    path, document = _event(folder, 5, by="somebody")
    document["hash"] = review_events.Event(**document).digest()
    path.with_name("00000005b.json").write_text(json.dumps(document))


def _swap(folder):
    (first, one), (second, two) = _event(folder, 2), _event(folder, 3)
    first.write_text(json.dumps(two))
    second.write_text(json.dumps(one))


def _number_as_text(folder):
    path, document = _event(folder, 3, sequence="3")
    path.write_text(json.dumps(document))


def _damaged_head(folder):
    (folder / "reviews" / "head.json").write_text("{")


def _head_put_back_and_cut_off(folder):
    _, earlier = _event(folder, 3)
    (folder / "reviews" / "head.json").write_text(json.dumps({"sequence": 3, "hash": earlier["hash"]}))
    _event(folder, 5)[0].unlink()


def _remove_the_twin(folder):
    (folder / "review_anchor.json").unlink()


@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (_alter, "Event 3 was altered"),
        (_forge_the_last, "Event 5 is not the event that reviews/head.json names"),
        (_remove_the_first, "Event 1 is missing."),
        (_cut_off, "Event 5 is missing."),
        (_empty, "Events 1 to 5 are missing."),
        (_second_of_a_number, "00000005b.json is not a valid event key"),
        (_swap, "00000002.json contains event 3"),
        (_number_as_text, "Event 00000003.json cannot be read"),
        (_damaged_head, "reviews/head.json cannot be read"),
        (_head_put_back_and_cut_off, "Event 5 is missing."),
        (_remove_the_twin, "review_anchor.json) is missing"),
    ],
)
def test_tampering_in_the_state_folder_is_found_by_the_command_and_by_the_page(
    cloud, lee, hdp, query_id, tamper, sentence
):
    for number in range(4):
        reviews.answer(lee, query_id, f"word {number}")
    assert hdp("verify")[0] == 0
    bucket, _ = split(lee.lake.reviews())
    tamper(cloud.state / "s3" / bucket)
    code, said = hdp("verify")
    assert (code, sentence in said) == (1, True), said
    assert any(sentence in problem for problem in read_model.of_run(lee, RUN).problems)
    refused, said = hdp("answer", query_id, "More")
    assert refused == 2
    assert "integrity check failed" in said or "no query" in said


def test_a_fault_of_the_program_is_a_sentence_and_its_file_names_code_alone(monkeypatch, capsys):
    def broken(**_):
        raise TypeError("patient Jane Doe, born 1980-02-03")

    monkeypatch.setattr(main.hdp, "main", broken)
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.startswith("Internal error (TypeError).")) == (1, True)
    kept = Path(re.search(r"/\S+\.txt", said)[0]).read_text()
    assert "in broken" in kept
    assert "Jane" not in kept + said


ROLE = "arn:aws:sts::1:assumed-role/"


@pytest.mark.parametrize(
    ("arn", "wanted", "name", "roles"),
    [
        (
            f"{ROLE}AWSReservedSSO_hdp-clinician_0a1b/lee@hospital.org",
            None,
            "lee@hospital.org",
            ["clinician"],
        ),
        (f"{ROLE}hdp-engineer/kim", "engineer", "kim", ["engineer"]),
        (f"{ROLE}hdp-engineer/kim", "clinician", "kim", ["viewer"]),
        (f"{ROLE}hdp-engineer/kim", "administrator", "kim", ["viewer"]),
        (f"{ROLE}hdp-engineer/kim", "privacy_officer", "kim", ["viewer"]),
        (f"{ROLE}hdp-privacy-officer/kim", None, "kim", ["privacy_officer"]),
        (f"{ROLE}privacy/officer", "privacy_officer", "officer", ["viewer"]),
        (f"{ROLE}AdministratorAccess/kim", "administrator", "kim", ["viewer"]),
        (f"{ROLE}hdp-administrator-clinician/kim", None, "kim", ["administrator", "clinician"]),
        ("arn:aws:iam::1:user/ops/kim", "clinician", "kim", ["viewer"]),
        ("arn:aws:iam::1:user/clinician/kim", "clinician", "kim", ["viewer"]),
        ("arn:aws:iam::1:root", "engineer", "root", ["engineer"]),
    ],
)
def test_who_calls_on_aws_is_who_sts_says(arn, wanted, name, roles):
    user = user_from_arn(arn, wanted)
    assert (user.name, user.subject, list(user.roles)) == (name, arn, roles)


def test_on_aws_a_typed_name_signs_nothing(cloud, monkeypatch, tmp_path):
    monkeypatch.setenv("HDP_USER", "dr.somebody-else")
    monkeypatch.setenv("HDP_ROLE", "clinician")
    person = Session(tmp_path, "aws", None).context.user
    assert person.name != "dr.somebody-else"
    assert not person.may("review")
