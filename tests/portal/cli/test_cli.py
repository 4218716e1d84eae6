"""`hdp` as it is typed."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def hdp(cloud):
    """Runs a command on the test run's cloud, in an environment with somebody's own AWS set-up in it."""

    def run(*arguments, state=None, **variables):
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "AWS_PROFILE": "somebody-elses",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "HDP_USER": "tester",
            **variables,
        }
        command = [
            sys.executable,
            "-c",
            "from portal.cli.main import main; main()",
            "--state",
            str(state or cloud.state),
            *arguments,
        ]
        return subprocess.run(
            command, check=False, env=environment, capture_output=True, text=True, timeout=120
        )

    return run


def test_reading_commands_answer_as_json(hdp, first_run, sample):
    shown = json.loads(hdp("runs", "list", "--json").stdout)
    assert first_run.run_id in [run["run_id"] for run in shown]
    counted = hdp("sql", "select count(*) as n from fact_encounter", "--json")
    assert json.loads(counted.stdout) == [{"n": sample.rows["encounters"]}]
    detail = json.loads(hdp("runs", "show", first_run.run_id, "--json").stdout)
    assert len({job["job"] for job in detail["run"]["jobs"]}) == 15
    assert hdp("quality", "show", first_run.run_id).returncode == 0
    (batch_id,) = first_run.batch_ids
    batch = json.loads(hdp("batches", "show", batch_id, "--json").stdout)
    assert (batch["status"], first_run.run_id in batch["releases"]) == ("loaded", True)


def test_a_sentence_on_standard_error_is_all_that_bad_input_gives(hdp):
    done = hdp("runs", "show", "run-nowhere", "--json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "There is no run 'run-nowhere'. 'hdp runs list' lists the runs.\n"


def test_a_command_starts_a_cloud_for_its_own_duration(hdp, tmp_path):
    done = hdp("batches", "list", state=tmp_path / "new")
    assert (done.returncode, "No batches yet" in done.stdout) == (0, True)


def test_contracts_are_sound_and_what_is_derived_is_in_step(hdp):
    assert "rules are valid" in hdp("contracts", "check").stdout
    assert hdp("contracts", "render", "--check").returncode == 0


def test_files_are_generated_without_a_cloud(hdp, tmp_path):
    done = hdp("batches", "generate", "--patients", "5", "--out", str(tmp_path / "x"), "--json")
    assert json.loads(done.stdout)["rows"]["patients"] >= 5
    assert sorted(f.name for f in (tmp_path / "x").iterdir()) == [
        "encounters.csv",
        "medications.csv",
        "patients.csv",
    ]


def test_a_review_is_kept_and_its_log_verifies(hdp, held_run):
    finding = [held_run.run_id, "patients", "PAT-M01"]
    lee = {"HDP_USER": "dr.lee", "HDP_ROLE": "clinician"}
    refused = hdp("reviews", "raise", *finding, "Who?")
    assert (
        refused.returncode,
        "cannot review or sign releases. Required role: clinician." in refused.stderr,
    ) == (2, True)
    opened = hdp("reviews", "raise", *finding, "Who is this?", "--assignee", "dr.kim", **lee)
    assert opened.returncode == 0, opened.stderr
    query_id = opened.stdout.split()[-1]
    listed = json.loads(hdp("reviews", "list", "--run", held_run.run_id, "--json").stdout)
    assert ("dr.kim", "Who is this?") in [(q["assignee"], q["question"]) for q in listed]
    assert hdp("reviews", "answer", query_id, "Nobody.").returncode == 0
    assert hdp("reviews", "close", query_id, "Agreed.", "--reason", "verified", **lee).returncode == 0
    decided = json.loads(hdp("reviews", "findings", held_run.run_id, "--json").stdout)["findings"]
    if not any(finding["bars_approval"] for finding in decided):  # by a test before this one
        assert hdp("reviews", "reject", *finding, "Ask the ward.", **lee).returncode == 0
    unseen = hdp("reviews", "sign", held_run.run_id, "approve", "Fine.", **lee)
    assert (unseen.returncode, "cannot be approved" in unseen.stderr) == (2, True)
    assert "PAT-M01 of patients" in unseen.stderr
    assert hdp("reviews", "sign", held_run.run_id, "reject", "Not yet.", **lee).returncode == 0
    published = hdp("releases", "publish", held_run.run_id)
    assert (published.returncode, "was rejected by dr.lee" in published.stderr) == (2, True)
    verified = hdp("reviews", "verify")
    assert (verified.returncode, "events is intact" in verified.stdout) == (0, True)


def test_verify_fails_where_an_event_was_removed_by_hand(hdp, held_run, cloud):
    lee = {"HDP_USER": "dr.lee", "HDP_ROLE": "clinician"}
    opened = hdp("reviews", "raise", held_run.run_id, "patients", "PAT-M01", "A word", **lee)
    events = sorted((cloud.state / "s3" / "hdp-quality" / "reviews").glob("0*.json"))
    kept = events[-1].read_bytes()
    events[-1].unlink()
    try:
        found = hdp("reviews", "verify")
        assert (found.returncode, found.stderr) == (1, f"Event {len(events)} is missing.\n")
    finally:
        events[-1].write_bytes(kept)
    query_id = opened.stdout.split()[-1]
    assert hdp("reviews", "close", query_id, "Done.", "--reason", "other", **lee).returncode == 0
