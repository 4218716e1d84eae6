"""No command says of something unknown that it is well: each refuses it in one sentence, with exit code 2."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import click
import pytest

from portal.audit import service as audit_log
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.cli import main
from portal.core import context as services
from portal.core.context import Context
from portal.quality import results as quality
from portal.runs import service as runs
from tests.support import lakes


@pytest.fixture
def hdp(portal, capsys, monkeypatch):
    """Runs `hdp` in this process as `role`; gives exit code, standard output and standard error."""

    def run(*arguments, role="engineer", name="ann"):
        aws = Context(replace(portal.settings, user=name, role=role), portal._clients)
        session = SimpleNamespace(context=aws, target="laptop", close=lambda: None)
        monkeypatch.setattr(main, "Session", lambda *_: session)
        monkeypatch.setattr(main.sys, "argv", ["hdp", *arguments])
        with pytest.raises(SystemExit) as ended:
            main.main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return run


def _commands(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(_commands(main.hdp))
WORDS = {
    "table_name": "patients",
    "rule_id": "PAT-M01",
    "text": "A text.",
    "assignee": "kim",
    "verdict": "approve",
}
NAMES = {"run_id", "batch_id", "batch_ids", "query_id", "release_id"}


def _arguments(command, unknown):
    """The command's arguments with `unknown` wherever something is named."""
    given = [
        unknown if p.name in NAMES else WORDS.get(p.name, unknown)
        for p in command.params
        if isinstance(p, click.Argument)
    ]
    for option in command.params:
        if isinstance(option, click.Option) and option.required:
            given += [
                option.opts[0],
                option.type.choices[0] if isinstance(option.type, click.Choice) else "why",
            ]
    return given


NAMING = [
    path
    for path, command in COMMANDS.items()
    if any(isinstance(p, click.Argument) and p.name in NAMES for p in command.params)
]


def test_the_commands_are_nouns_with_verbs_and_each_says_what_it_does():
    assert {" ".join(path) for path in COMMANDS} == {
        "up",
        "cloud",
        "sql",
        "batches generate",
        "batches import",
        "batches list",
        "batches show",
        "batches retire",
        "batches reprocess",
        "batches receive",
        "batches map",
        "mappings list",
        "mappings show",
        "mappings approve",
        "mappings withdraw",
        "runs start",
        "runs list",
        "runs show",
        "runs stop",
        "runs resume",
        "releases list",
        "releases publish",
        "releases rollback",
        "quality show",
        "contracts check",
        "contracts render",
        "parquet validate",
        "audit list",
        *(f"lake {verb}" for verb in ("backup", "restore", "verify")),
        *(f"lake purge {verb}" for verb in ("request", "approve", "run", "show")),
        *(f"roles {verb}" for verb in ("list", "grant", "revoke", "deputy")),
        *(
            f"reviews {verb}"
            for verb in (
                "list",
                "show",
                "raise",
                "assign",
                "answer",
                "close",
                "reopen",
                "accept",
                "reject",
                "dismiss",
                "withdraw",
                "findings",
                "sign",
                "verify",
            )
        ),
    }
    for path, command in COMMANDS.items():
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


@pytest.mark.parametrize("unknown", ["nope", "../current", "current", "a b'c", ""])
@pytest.mark.parametrize("path", NAMING, ids=" ".join)
def test_an_unknown_id_is_refused_in_one_sentence(hdp, path, unknown):
    role = "clinician" if path[0] == "reviews" else "engineer"
    code, out, err = hdp(*path, *_arguments(COMMANDS[path], unknown), role=role)
    assert (code, out) == (2, ""), err
    assert len(err.strip().splitlines()) == 1
    assert "AWS returned" not in err
    assert "Internal error" not in err


@pytest.mark.parametrize(
    "path", [p for p in NAMING if any(o.name == "as_json" for o in COMMANDS[p].params)], ids=" ".join
)
def test_with_json_an_error_leaves_standard_output_empty(hdp, path):
    role = "clinician" if path[0] == "reviews" else "engineer"
    code, out, err = hdp(*path, *_arguments(COMMANDS[path], "nope"), "--json", role=role)
    assert (code, out, "nope" in err) == (2, "", True)


def test_the_queries_of_an_unknown_run_are_refused(hdp):
    code, out, err = hdp("reviews", "list", "--run", "nope")
    assert (code, out, err) == (2, "", "There is no run 'nope'. 'hdp runs list' lists the runs.\n")


NUMBERS = [
    (path, option)
    for path, command in COMMANDS.items()
    for option in command.params
    if isinstance(option, click.Option)
    and option.type.name in {"integer", "float", "integer range", "float range"}
]


@pytest.mark.parametrize("value", ["-1", "99999999999999", "1e400", "nan", "many"])
@pytest.mark.parametrize(
    ("path", "option"), NUMBERS, ids=lambda each: " ".join(each) if isinstance(each, tuple) else each.name
)
def test_a_number_out_of_range_is_one_sentence(hdp, path, option, value, tmp_path):
    if option.name == "seed" and value in {"99999999999999"}:
        pytest.skip("every number that is not negative is a seed")
    arguments = _arguments(COMMANDS[path], "nope")
    if path == ("batches", "generate"):
        arguments += ["--out", str(tmp_path / "files")]
        arguments += [] if option.name == "patients" else ["--patients", "1"]
    code, out, err = hdp(*path, *arguments, option.opts[0], value)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "Internal error" not in err


@pytest.mark.parametrize("port", ["99999", "0", "-1", "x"])
def test_a_port_that_there_is_not_is_one_sentence(hdp, port):
    code, _, err = hdp("up", "--no-browser", "--port", port)
    assert (code, len(err.splitlines()), port in err) == (2, 1, True)


def test_an_unknown_batch_is_refused_before_a_run_exists(hdp, portal):
    before = [run.run_id for run in runs.list_runs(portal, 1000)]
    code, out, err = hdp("runs", "start", "--batch", "nope")
    assert (code, out) == (2, "")
    assert err == "There is no batch 'nope'. 'hdp batches list' lists the batches.\n"
    assert [run.run_id for run in runs.list_runs(portal, 1000)] == before


@pytest.fixture
def stopped(portal, cloud, monkeypatch):
    """A run that is being stopped while its check of a job is in flight, as `hdp runs stop` does it."""
    batch = batches.import_files(
        portal,
        [
            SourceFile.from_bytes(
                "patients.csv", b"patient_id,birth_date,updated_at\nST1,1980-01-02,2025-01-01T00:00:00Z\n"
            )
        ],
        uploader="ann",
    )
    with lakes.script(cloud, "bronze_to_silver/patients", lakes.WAITS):
        run = runs.start(portal, [batch.batch_id])
        yield run
        if not runs.get(portal, run.run_id, details=False).is_over:
            runs.stop(portal, run.run_id)


def test_a_stopped_run_is_stopped_everywhere_with_who_and_when(hdp, portal, stopped):
    run_id = stopped.run_id
    code, _, err = hdp("quality", "show", run_id)
    assert (code, err) == (
        2,
        f"Run '{run_id}' is still running. Not all of its rules have been evaluated yet.\n",
    )
    code, out, err = hdp("runs", "stop", run_id, name="eve")
    assert code == 0, err
    assert out.startswith(f"{run_id}: Stopped by eve at 20")
    assert (runs.get(portal, run_id).status, runs.wait(portal, run_id).status) == ("ABORTED", "ABORTED")
    _, listed, _ = hdp("runs", "list", "--status", "stopped")
    assert f"{run_id}  STOPPED" in listed
    assert "Stopped by eve at 20" in listed
    assert run_id not in hdp("runs", "list", "--status", "failed")[1]
    code, out, err = hdp("quality", "show", run_id)
    assert (code, out) == (2, "")
    assert (
        err
        == f"Run '{run_id}' has no results: it was stopped before its audit. See 'hdp runs show {run_id}'.\n"
    )
    code, out, err = hdp("runs", "start", "--run-id", run_id, "--batch", stopped.batch_ids[0], "--wait")
    assert (code, "STOPPED" in out, "Stopped by eve" in err) == (1, True, True)
    assert hdp("runs", "stop", run_id)[0] == 2
    with pytest.raises(services.ServiceError, match="was stopped before its audit"):
        quality.ended_results(portal, run_id)


def test_the_rows_of_a_statement_leave_with_a_record(hdp, acting, first_run):
    code, out, _ = hdp("sql", "SELECT count(*) AS days FROM dim_time", "--json", role="analyst", name="zoe")
    assert (code, json.loads(out)[0]["days"] > 60) == (0, True)
    events = audit_log.search(acting("pat", "privacy_officer"), audit_log.Search.last_days(1))
    [event] = [event for event in events if event.name == "zoe"]
    assert (event.action, list(event.target)) == ("export_rows", ["query", "release"])
