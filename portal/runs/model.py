"""A run of the pipeline, as pages and commands show it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from portal.runs.execution_events import StepState
from portal.runs.job_runs import DPU_HOUR_DOLLARS, JOB_ENDED, JobRun

ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})


@dataclass(frozen=True)
class Run:
    """A run; `attempt` counts its executions from 1, and the times are those of the newest attempt."""

    run_id: str
    status: str
    started_at: datetime
    stopped_at: datetime | None
    execution_arn: str
    attempt: int = 1
    error: str | None = None
    cause: str | None = None
    batch_ids: tuple[str, ...] = ()
    auto_publish: bool = True
    started_by: str = ""
    decision: str | None = None
    is_published: bool | None = None
    jobs: tuple[JobRun, ...] = ()
    steps: tuple[StepState, ...] = ()

    @property
    def is_over(self) -> bool:
        return self.status in ENDED

    @property
    def is_at_rest(self) -> bool:
        """Return whether the run and all its jobs have ended.

        The run ends when a job fails, but jobs that run in parallel continue.
        """
        return self.is_over and all(job.state in JOB_ENDED for job in self.jobs)

    @property
    def seconds(self) -> float:
        return ((self.stopped_at or datetime.now(UTC)) - self.started_at).total_seconds()

    def latest(self, job: str) -> JobRun | None:
        """Return the newest attempt of a job, or None if it has none."""
        attempts = [each for each in self.jobs if each.job == job]
        return max(attempts, key=lambda each: each.started_at) if attempts else None

    def attempt_of(self, job: JobRun) -> int:
        """Return the number of a job run among the attempts of its job, from 1."""
        return 1 + sum(other.job == job.job and other.started_at < job.started_at for other in self.jobs)

    @property
    def failed_job(self) -> JobRun | None:
        """Return the job run that started first of those that failed in the newest attempt, or None."""
        failed = [
            job
            for job in self.jobs
            if job.state in JOB_ENDED - {"SUCCEEDED"}
            and job.started_at >= self.started_at
            and self.latest(job.job) is job
        ]
        return min(failed, key=lambda job: job.started_at) if failed else None

    @property
    def dpu_hours(self) -> float:
        return sum(job.dpu_seconds for job in self.jobs) / 3600

    @property
    def cost_dollars(self) -> float:
        return self.dpu_hours * DPU_HOUR_DOLLARS
