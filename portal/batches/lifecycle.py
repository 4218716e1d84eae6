"""The status of a batch after its import (new, loaded or retired), and reprocessing of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.batches import retirement
from portal.batches import service as batches
from portal.batches.retirement import Retirement
from portal.batches.service import Batch
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.model import Run

Status = Literal["new", "loaded", "retired"]


@dataclass(frozen=True)
class BatchState:
    """A batch with its status and the releases that contain it, newest first."""

    batch: Batch
    status: Status
    releases: tuple[str, ...]
    is_published: bool
    retirement: Retirement | None


@requires("watch_runs")
def list_states(context: Context) -> list[BatchState]:
    """Return all batches with their status, newest first."""
    retired = retirement.retired(context)
    present = releases.current(context)
    by_batch: dict[str, list[str]] = {}
    for release in releases.list_releases(context):
        for batch_id in release.batch_ids:
            by_batch.setdefault(batch_id, []).append(release.release_id)
    published = present.release_id if present else None
    return [
        _state(batch, by_batch.get(batch.batch_id, []), published, retired)
        for batch in batches.list_batches(context)
    ]


def _state(
    batch: Batch, release_ids: Sequence[str], published: str | None, retired: Mapping[str, Retirement]
) -> BatchState:
    record = retired.get(batch.batch_id)
    status: Status = "retired" if record else "loaded" if release_ids else "new"
    return BatchState(batch, status, tuple(release_ids), published in release_ids, record)


@requires("watch_runs")
def get(context: Context, batch_id: str) -> BatchState:
    """Return a batch with its status; raise `ServiceError` if it does not exist."""
    found = next((state for state in list_states(context) if state.batch.batch_id == batch_id), None)
    if found is None:
        raise ServiceError(retirement.not_found([batch_id]))
    return found


@requires("run_pipeline")
def reprocess(context: Context, batch_ids: Sequence[str] | None) -> Run:
    """Start a run that reads batches from bronze again; `batch_ids` None means all that are not retired.

    Raise `ServiceError` if there is no batch to reprocess, or if one of them is missing or retired.
    """
    if batch_ids is None:
        batch_ids = [state.batch.batch_id for state in list_states(context) if not state.retirement]
    if not batch_ids:
        raise ServiceError("Name the batches to reprocess, or pass --all for all batches.")
    return runs.start(context, batch_ids)
