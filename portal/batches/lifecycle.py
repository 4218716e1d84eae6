"""The life of a batch after its import: new, loaded by runs, retired; processed again where that is wanted."""

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
from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.service import Run

Status = Literal["new", "loaded", "retired"]


@dataclass(frozen=True)
class Life:
    """A batch with its status and the releases that hold it, newest first."""

    batch: Batch
    status: Status
    releases: tuple[str, ...]
    is_published: bool
    retirement: Retirement | None


def lives(context: Context) -> list[Life]:
    """Every batch, newest first."""
    gone = retirement.retired(context)
    made = releases.list_releases(context)
    present = releases.current(context)
    by_batch: dict[str, list[str]] = {}
    for release in made:
        for batch_id in release.batch_ids:
            by_batch.setdefault(batch_id, []).append(release.release_id)
    published = present.release_id if present else None
    return [
        _life(batch, by_batch.get(batch.batch_id, []), published, gone)
        for batch in batches.list_batches(context)
    ]


def _life(
    batch: Batch, held_by: Sequence[str], published: str | None, gone: Mapping[str, Retirement]
) -> Life:
    record = gone.get(batch.batch_id)
    status: Status = "retired" if record else "loaded" if held_by else "new"
    return Life(batch, status, tuple(held_by), published in held_by, record)


def get(context: Context, batch_id: str) -> Life:
    """One batch; `ServiceError` where the lake does not hold it."""
    found = next((life for life in lives(context) if life.batch.batch_id == batch_id), None)
    if found is None:
        raise ServiceError(retirement.unknown([batch_id]))
    return found


def reprocess(context: Context, batch_ids: Sequence[str] | None) -> Run:
    """Start a run that reads these batches from bronze again (None: every one that is not retired)."""
    wanted = (
        [life.batch.batch_id for life in lives(context) if not life.retirement]
        if batch_ids is None
        else batch_ids
    )
    if not wanted:
        raise ServiceError("Name the batches to process again, or pass --all for every batch.")
    return runs.start(context, wanted)
