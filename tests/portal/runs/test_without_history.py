"""Runs whose history, or whose first attempt's history, Step Functions does not have any more."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.runs import service as runs

ARN = "arn:aws:states:us-east-1:123456789012:stateMachine:hdp-pipeline"
PLAN = {"batch_ids": ["b1"], "started_by": "ann", "started_at": "2026-01-02T03:04:05Z"}
RELEASE = {
    "release_id": "run-1",
    "run_id": "run-1",
    "batch_ids": ["b1"],
    "decision": "pass",
    "created_at": "2026-01-02T03:09:00Z",
}
CURRENT = {"release_id": "run-1", "published_at": "", "published_by": "", "reason": ""}


class _States:
    class exceptions:
        class ExecutionDoesNotExist(Exception):
            pass

        class InvalidArn(Exception):
            pass

    def __init__(self, *names):
        self.names = names

    def describe_execution(self, *, executionArn):
        name = executionArn.rpartition(":")[2]
        if name not in self.names:
            raise self.exceptions.ExecutionDoesNotExist
        return self._execution(name) | {"input": json.dumps({"run_id": "run-1", "batch_ids": ["b1"]})}

    def _execution(self, name):
        start = datetime(2026, 1, 2, tzinfo=UTC)
        return {"name": name, "executionArn": f"x:{name}", "status": "SUCCEEDED", "startDate": start}

    def get_paginator(self, _):
        pages = [{"executions": [self._execution(name) for name in self.names]}]
        return type("Pages", (), {"paginate": lambda *_, **__: pages})()


class _S3:
    class exceptions:
        class NoSuchKey(Exception):
            pass

    def __init__(self, **objects):
        self.objects = objects

    def get_object(self, *, Bucket, Key):
        name = Key.replace("/run-1.json", "").replace("/current.json", "_current")
        if name not in self.objects:
            raise self.exceptions.NoSuchKey
        return {"Body": io.BytesIO(json.dumps(self.objects[name]).encode()), "ETag": "e"}


class _Glue:
    def get_paginator(self, _):
        return type("Pages", (), {"paginate": lambda *_, **__: []})()


def _context(states, **objects):
    clients = {"stepfunctions": states, "s3": _S3(**objects), "glue": _Glue()}
    return Context(Settings("hdp", "hdp", ARN, "ann", "engineer"), Clients(_clients=clients))


def test_a_run_whose_first_attempt_was_lost_is_shown_by_its_newest():
    run = runs.get(_context(_States("run-1.2", "run-1.3", "run-10")), "run-1", details=False)
    assert (run.run_id, run.attempt, run.execution_arn) == ("run-1", 3, "x:run-1.3")


def test_a_run_without_any_history_is_shown_by_its_plan_and_release():
    run = runs.get(_context(_States(), runs=PLAN, releases=RELEASE, releases_current=CURRENT), "run-1")
    assert (run.status, run.decision, run.is_published) == ("SUCCEEDED", "pass", True)
    assert (run.batch_ids, run.started_by, run.seconds) == (("b1",), "ann", 295)
    assert run.cause.startswith("Step Functions has no history of this run")


def test_a_run_that_wrote_no_release_is_shown_as_aborted():
    assert runs.get(_context(_States(), runs=PLAN), "run-1").status == "ABORTED"


@pytest.mark.parametrize("run_id", ["run-1", "no/../such", "x" * 200])
def test_a_run_without_plan_does_not_exist(run_id):
    with pytest.raises(ServiceError, match="There is no run"):
        runs.get(_context(_States()), run_id)
