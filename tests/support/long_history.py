"""A state directory of a laptop cloud with a history of 10,000 runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from infra.local.history import HistoryStore

RUNS = 10_000


def remember_runs(folder, number_of_runs=RUNS):
    """Write finished runs, of which every tenth failed, to the state directory `folder`, and return it."""
    newest = datetime.now(UTC)
    store = HistoryStore(folder / "cloud" / "history.sqlite")
    arn = "arn:aws:states:us-east-1:123456789012:{}:hdp-pipeline"
    for number in range(number_of_runs):
        started = newest - timedelta(hours=number_of_runs - number)
        status = "ABORTED" if number == 0 else "FAILED" if number % 10 == 0 else "SUCCEEDED"
        name = f"run-{number:05d}"
        document = {
            "execution_arn": f"{arn.format('execution')}:{name}",
            "state_machine_arn": arn.format("stateMachine"),
            "name": name,
            "status": status,
            "start_date": started.isoformat(),
            "stop_date": (started + timedelta(minutes=4)).isoformat(),
            "input": "{}",
            "output": None,
            "error": "JobFailed" if status != "SUCCEEDED" else None,
            "cause": f"the disk is full ({number})" if status != "SUCCEEDED" else None,
            "events": [],
        }
        store.put("execution", document["execution_arn"], document)
    store.close()
    return folder
