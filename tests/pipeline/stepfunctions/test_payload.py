"""A run of 5,000 batches stays far below what Step Functions carries from state to state."""

from __future__ import annotations

import json

import pytest

from pipeline.run_input import check
from tests.support.state_machine import walk

QUOTA = 262_144
BATCH_IDS = [f"20250101T000000-{number:08x}" for number in range(5000)]
EXECUTION = {
    "Id": "arn:aws:states:us-east-1:123456789012:execution:hdp-pipeline:run-big",
    "Name": "run-big",
    "StartTime": "2025-01-01T00:00:00Z",
}
ANSWERS = {
    "start_glue_job": {"job": "j", "job_run_id": "jr_" + "0" * 64},
    "check_glue_job_status": {"job": "j", "job_run_id": "jr_" + "0" * 64, "state": "SUCCEEDED", "done": True,
                              "wait_seconds": 30},
    "publish_release": {"release_id": "run-big", "decision": "publish", "published": True,
                        "state": "PUBLISHED", "why": "", "reasons": []},
    "sns_notify_success": {"release_id": "run-big", "decision": "publish", "published": True,
                           "state": "PUBLISHED", "why": "", "reasons": []},
}  # fmt: skip


class Lake:
    """S3 with 5,000 manifests; it keeps what is written."""

    class exceptions:
        class ClientError(Exception):
            pass

        class NoSuchKey(Exception):
            pass

    def __init__(self):
        self.written = {}

    def get_paginator(self, _):
        return self

    def paginate(self, Prefix, **_):
        return [{"Contents": [{"Key": f"{Prefix}{batch_id}.json"} for batch_id in BATCH_IDS]}]

    def get_object(self, **_):
        raise self.exceptions.NoSuchKey

    def put_object(self, Key, Body, **_):
        self.written[Key] = Body


@pytest.fixture
def s3(cloud, monkeypatch):
    monkeypatch.setenv("HDP_TIME_ZONE", "UTC")
    from pipeline.lambdas import prepare_run

    lake = Lake()
    monkeypatch.setattr(prepare_run, "s3", lake)
    return lake


@pytest.mark.parametrize("named", [BATCH_IDS, []])
def test_no_state_of_a_run_of_5000_batches_nears_the_quota(s3, named):
    from pipeline.lambdas import prepare_run

    given = check({"run_id": "run-big", "batch_ids": named, "started_by": "eve"})
    answers = {**ANSWERS, "prepare_run": lambda payload: prepare_run.handler(payload, None)}
    sizes = walk({"Execution": {**EXECUTION, "Input": given}}, answers)
    assert {"PrepareRun", "Silver", "quality_audit", "PublishRelease", "RunSucceeded"} <= {
        state for state, _, _ in sizes
    }
    for state, part, size in sizes:
        assert size < QUOTA, (state, part)
        if state not in {"", "PrepareRun"}:
            assert size < 4000, (state, part)
    [plan] = [
        json.loads(body)
        for key, body in s3.written.items()
        if key.startswith("runs/") and b"release_batch_ids" in body
    ]
    assert len(plan["batch_ids"]) == 5000
