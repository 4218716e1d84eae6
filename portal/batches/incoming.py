"""Import the deliveries that SFTP gateways and interface engines write to `incoming/` of the bronze bucket.

A delivery is a folder `incoming/<source>/<delivery>/`. It is complete once it holds an object `_COMPLETE`,
or once nothing was written to it for `QUIET`. Its files become a batch, for which a run is started, and are
moved to `incoming/received/`; a delivery that cannot be read is moved to `incoming/refused/` and reported.
A second delivery of the same files creates no second batch.

On AWS, `python -m portal.batches.incoming` runs in a container of the portal's image, every hour and when a
`_COMPLETE` object is written. On a laptop, `hdp up` checks every half minute, and `hdp batches receive` once.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pipeline.lake.store import now, write_json
from pipeline.lake.uris import split
from pipeline.run_input import AUTOMATIC
from portal.batches import service as batches
from portal.batches.inspection import files_of
from portal.batches.service import Batch
from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires
from portal.core.settings import Settings

QUIET = timedelta(minutes=15)
"""A delivery without a `_COMPLETE` object is complete after this time without a new file."""

_MARKER = "_COMPLETE"
_CLAIM = "_CLAIMED.json"
_CLAIM_HOURS = 1
"""A claim that is older belongs to a process that died."""

_REFUSED, _RECEIVED = "refused", "received"
_UPLOADER = "delivery of "

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """A folder of `incoming/`: `objects` are its objects as S3 lists them, `name` is its path."""

    source: str
    name: str
    objects: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def files(self) -> list[dict[str, Any]]:
        return [each for each in self.objects if not _file_name(each).startswith(("_", "."))]

    def is_complete(self, at: datetime) -> bool:
        is_marked = any(_file_name(each) == _MARKER for each in self.objects)
        return is_marked or all(at - each["LastModified"] > QUIET for each in self.objects)

    def is_claimed(self, at: datetime) -> bool:
        """Return whether another process is importing the delivery."""
        claims = [each for each in self.objects if _file_name(each) == _CLAIM]
        return any(at - each["LastModified"] < timedelta(hours=_CLAIM_HOURS) for each in claims)


@dataclass(frozen=True)
class Outcome:
    """What became of a delivery: "imported", "known" (imported before), or "refused" for a `reason`."""

    delivery: str
    outcome: Literal["imported", "known", "refused"]
    batch_id: str = ""
    reason: str = ""


@requires("import_data")
def receive(context: Context, *, start_runs: bool = True, at: datetime | None = None) -> list[Outcome]:
    """Import every complete, unclaimed delivery and return the results.

    If `start_runs`, start a run for each batch that a delivery brought, unless it was started before.
    """
    at = at or datetime.now(UTC)
    waiting = [each for each in _deliveries(context) if each.is_complete(at) and not each.is_claimed(at)]
    return [_receive(context, each, start_runs) for each in waiting if _claim(context, each)]


def _deliveries(context: Context) -> Iterator[Delivery]:
    bucket, prefix = split(context.lake.incoming())
    folders: dict[str, list[dict[str, Any]]] = defaultdict(list)
    pages = context.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for item in (item for page in pages for item in page.get("Contents", [])):
        folder = item["Key"].removeprefix(prefix).rpartition("/")[0]
        source = folder.partition("/")[0]
        if source and source not in {_REFUSED, _RECEIVED} and not item["Key"].endswith("/"):
            folders[folder].append(item)
    for folder, items in sorted(folders.items()):
        delivery = Delivery(folder.partition("/")[0], folder, tuple(items))
        if delivery.files:
            yield delivery


def _claim(context: Context, delivery: Delivery) -> bool:
    """Claim a delivery for this process; return False if another process was first."""
    s3, uri = context.client("s3"), f"{context.lake.incoming()}{delivery.name}/{_CLAIM}"
    stale = next((each for each in delivery.objects if _file_name(each) == _CLAIM), None)
    condition = {"IfMatch": stale["ETag"]} if stale else {"IfNoneMatch": "*"}
    return write_json(s3, uri, {"claimed_at": now()}, **condition)


def _receive(context: Context, delivery: Delivery, start_runs: bool) -> Outcome:
    try:
        batch = _import(context, delivery)
    except ServiceError as error:
        _move(context, delivery, _REFUSED)
        _report(context, delivery, str(error))
        return Outcome(delivery.name, "refused", reason=str(error))
    # a known batch may lack a run, if the process that imported it died
    if start_runs and batch.uploader.startswith(_UPLOADER):
        _start_run(context, batch.batch_id)
    _move(context, delivery, _RECEIVED)
    return Outcome(delivery.name, "imported" if batch.is_new else "known", batch.batch_id)


def _import(context: Context, delivery: Delivery) -> Batch:
    """Import the files from a copy on disk, because they are read several times and may be ZIP archives."""
    bucket, _ = split(context.lake.incoming())
    with tempfile.TemporaryDirectory() as folder:
        for item in delivery.files:
            target = Path(folder) / _file_name(item)
            context.client("s3").download_file(bucket, item["Key"], str(target))
        files = list(files_of(Path(folder)))
        if not files:
            raise ServiceError("The delivery contains no files. Deliver the tables.")
        return batches.import_files(context, files, uploader=f"{_UPLOADER}{delivery.source}")


def _file_name(item: dict[str, Any]) -> str:
    return str(item["Key"]).rpartition("/")[2]


def _start_run(context: Context, batch_id: str) -> None:
    """Start the run of a batch, unless a run exists whose name has the batch id."""
    states = context.client("stepfunctions")
    try:
        states.start_execution(
            stateMachineArn=context.settings.state_machine_arn,
            name=f"arrival-{batch_id}",
            input=json.dumps({"batch_ids": [batch_id], "started_by": AUTOMATIC[1]}),
        )
    except states.exceptions.ExecutionAlreadyExists:
        log.info("The run of batch %s exists already", batch_id)


def _move(context: Context, delivery: Delivery, where: str) -> None:
    """Move the files and then delete marker and claim, so that an interrupted move is repeated."""
    s3 = context.client("s3")
    bucket, prefix = split(context.lake.incoming())
    for item in delivery.files:
        target = f"{prefix}{where}/{item['Key'].removeprefix(prefix)}"
        s3.copy({"Bucket": bucket, "Key": item["Key"]}, bucket, target)
    notes = {f"{prefix}{delivery.name}/{name}" for name in (_MARKER, _CLAIM)}
    for key in [*(item["Key"] for item in delivery.files), *sorted(notes)]:
        s3.delete_object(Bucket=bucket, Key=key)


def _report(context: Context, delivery: Delivery, reason: str) -> None:
    message = {
        "alert": "delivery refused",
        "delivery": delivery.name,
        "cause": reason,
        "next": f"The files are in incoming/{_REFUSED}/{delivery.name}/. Correct and deliver them again.",
    }
    context.client("sns").publish(
        TopicArn=os.environ["HDP_TOPIC_FAILED_ARN"],
        Subject=f"Health data: a delivery of {delivery.source} was refused"[:100],
        Message=json.dumps(message),
    )


def main() -> None:
    """Receive the deliveries on AWS; start no runs with the argument `--no-start-run`."""
    logging.basicConfig(level=logging.INFO, stream=sys.stdout)
    context = Context(Settings.from_environment()).on_behalf_of(User("incoming", "engineer"))
    for outcome in receive(context, start_runs="--no-start-run" not in sys.argv):
        log.info("%s: %s %s %s", outcome.delivery, outcome.outcome, outcome.batch_id, outcome.reason)


if __name__ == "__main__":
    main()
