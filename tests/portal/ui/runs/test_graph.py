"""The graph has every step once, in its state, whatever the run has reached."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.jobs import jobs
from portal.core.vocabulary import state_label
from portal.runs import service as runs
from portal.runs.execution_events import StepState
from portal.runs.job_runs import JobRun
from portal.runs.model import Run
from portal.ui.runs import graph
from portal.ui.theme import STATE_COLORS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def _job_run(job, state, number=1):
    return JobRun(job, f"jr_{number}", state, NOW, NOW, 4, 8.0, None, "/aws-glue/jobs")


def _run(job_runs=(), steps=()):
    return Run("run-1", "RUNNING", NOW, None, "arn", jobs=tuple(job_runs), steps=tuple(steps))


def _by_name(option):
    return {node["name"]: node for node in option["series"][0]["data"]}


def test_without_a_run_every_step_is_there_and_not_started():
    found = graph.states(None)
    assert set(found.values()) == {"NOT_STARTED"}
    assert set(found) == {job.name for job in jobs()} | {
        "PrepareRun",
        "PublishRelease",
        "NotifySuccess",
        "NotifyFailure",
    }


def test_the_transitions_are_those_of_the_state_machine():
    ahead = {(e.source, e.target) for e in graph.edges() if not e.is_failure}
    tables = ("patients", "encounters", "medications", "diagnoses")
    silver = {f"bronze_to_silver_{table}" for table in tables}
    assert {target for source, target in ahead if source == "PrepareRun"} == silver
    assert {source for source, target in ahead if target == "silver_to_gold_dim_patient"} == silver
    assert ("silver_to_gold_dim_department", "silver_to_gold_fact_encounter") in ahead
    assert ("quality_audit", "PublishRelease") in ahead
    assert ("PublishRelease", "NotifySuccess") in ahead
    fails = {e.source: e.target for e in graph.edges() if e.is_failure}
    assert set(fails) == set(graph.steps()) - {"NotifyFailure", "NotifySuccess"}
    assert set(fails.values()) == {"NotifyFailure"}


def test_no_two_steps_stand_at_one_place():
    assert len(set(graph.positions().values())) == len(graph.steps())


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "FAILED", "STOPPED"])
def test_a_step_shows_the_state_of_its_latest_attempt_in_words_and_colour(state):
    name = jobs()[0].name
    run = _run([_job_run(name, state, 2), _job_run(name, "FAILED", 1)])
    node = _by_name(graph.option(run, {}))[name]
    shown = run.latest(name).state
    assert state_label(shown) in node["label"]["formatter"]
    assert node["itemStyle"]["color"] == STATE_COLORS[shown][0]
    told = graph.as_table(run, {})
    assert state_label(shown) in told[told["Step"] == graph.title(name)]["State"].to_list()


def test_the_way_that_a_failure_took_stands_out():
    failed, well = jobs()[0].name, jobs()[1].name
    links = graph.option(_run([_job_run(failed, "FAILED"), _job_run(well, "SUCCEEDED")]), {})["series"][0][
        "links"
    ]
    to_failure = {
        link["source"].split(" ")[0]: link["lineStyle"]
        for link in links
        if link["target"].startswith("NotifyFailure")
    }
    assert to_failure[failed]["opacity"] == 1
    assert to_failure[well]["opacity"] < 1


def test_a_step_that_has_not_begun_shows_its_median():
    name = jobs()[0].name
    assert graph.timing(name, None, {name: 1234.0}) == ("", "median 21 min")


@pytest.mark.parametrize(
    ("state", "seconds", "box", "in_table"),
    [
        ("SUCCEEDED", 59, "Succeeded · 59 s", "59 s"),
        ("SUCCEEDED", 1230, "Succeeded · 20 min", "20 min"),
        ("RUNNING", 1155, "Running · 19 min", "19 min, median 17 min"),
        ("SUCCEEDED", 9000, "Succeeded · 2.5 h", "2.5 h"),
        ("FAILED", 4_320_000, "Failed · 1,200.0 h", "1,200.0 h"),
    ],
)
def test_a_long_duration_is_whole_in_the_graph_and_in_its_table(state, seconds, box, in_table):
    name = jobs()[0].name
    ended = NOW if state != "RUNNING" else None
    began = (NOW if ended else datetime.now(UTC)) - timedelta(seconds=seconds)
    run = _run([JobRun(name, "jr_1", state, began, ended, 4, 8.0, None, "/aws-glue/jobs")])
    label = _by_name(graph.option(run, {name: 1000.0}))[name]["label"]["formatter"]
    assert label.splitlines()[1].endswith(box)
    told = graph.as_table(run, {name: 1000.0})
    assert told[told["Step"] == graph.title(name)]["Time"].to_list() == [in_table]


def test_a_step_that_is_picked_is_told_and_a_heading_is_not():
    picked = []
    graph._picked([3], picked.append)
    graph._picked([len(graph.steps())], picked.append)
    assert picked == [graph.steps()[3]]


def test_a_step_whose_error_is_caught_has_failed_all_the_same(portal):
    run_id = runs.new_run_id()
    portal.client("stepfunctions").start_execution(
        stateMachineArn=portal.settings.state_machine_arn,
        name=run_id,
        input=json.dumps({"run_id": run_id, "batch_ids": ["nowhere"]}),
    )
    ended = runs.wait(portal, run_id, seconds=60)
    found = graph.states(ended)
    assert (ended.status, found["PrepareRun"], found["NotifyFailure"]) == ("FAILED", "FAILED", "SUCCEEDED")


def test_steps_without_a_job_follow_the_history():
    run = _run(steps=[StepState("PrepareRun", "SUCCEEDED", NOW, NOW)])
    found = graph.states(run)
    assert found["PrepareRun"] == "SUCCEEDED"
    assert found["PublishRelease"] == "NOT_STARTED"


def test_the_graph_of_a_run_agrees_with_the_executions_history(portal, first_run):
    pages = portal.client("stepfunctions").get_paginator("get_execution_history")
    events = pages.paginate(executionArn=first_run.execution_arn).build_full_result()["events"]
    left = {
        event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event
    }
    shown = graph.states(runs.get(portal, first_run.run_id))
    assert {name for name in shown if name in left} == {
        n for n, state in shown.items() if state == "SUCCEEDED"
    }
