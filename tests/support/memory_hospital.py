"""A hospital in memory: a published release, a later one that is held, and what its rules found."""

from __future__ import annotations

import io
import itertools
from types import SimpleNamespace

import pandas as pd
from botocore.exceptions import ClientError

from pipeline.lake.store import write_json
from pipeline.releases.model import Release, write
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.settings import Settings
from portal.releases import service as releases
from portal.reviews import read_model

RUN, EARLIER = "run-1", "run-0"
RULES = [("patients", "X-1"), ("patients", "X-2"), ("encounters", "Y-1"), ("medications", "Z-1")]
_numbers = itertools.count()


class MemoryS3:
    """The S3 calls that releases and reviews make, with conditional writes."""

    class exceptions:
        ClientError = ClientError

        class NoSuchKey(ClientError):
            """No such object."""

    def __init__(self):
        self.objects = {}

    def get_object(self, Bucket, Key):
        if (Bucket, Key) not in self.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        body, etag = self.objects[Bucket, Key]
        return {"Body": io.BytesIO(body), "ETag": etag}

    def put_object(self, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None, **_):
        present = self.objects.get((Bucket, Key))
        if (IfNoneMatch and present) or (IfMatch and (present is None or present[1] != IfMatch)):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Bucket, Key] = (Body, f"e{next(_numbers)}")

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix):
        found = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        yield {
            "Contents": [
                {"Key": key, "ETag": self.objects[Bucket, key][1], "Size": len(self.objects[Bucket, key][0])}
                for key in found
            ]
        }


class Hospital:
    """A lake with a published release and a later one that is held, and what its rules found."""

    def __init__(self):
        name = f"m{next(_numbers)}"
        given = dict.fromkeys(Settings.__dataclass_fields__, "")
        given |= {"prefix": name, "buckets": name, "user": "nobody", "role": "viewer"}
        self.s3 = MemoryS3()
        clients = {"s3": self.s3, "lambda": SimpleNamespace(invoke=lambda **_: {}), "athena": None}
        self.aws = Context(Settings(**given), Clients(_clients=clients))
        self.results = {EARLIER: dict.fromkeys(RULES, ("error", "fail", 9, 10)), RUN: {}}
        self.meanwhile = None
        for run_id in (EARLIER, RUN):
            write_json(self.s3, self.aws.lake.run_plan(run_id), {"run_id": run_id, "started_by": "ann"})
        write(self.s3, self.aws.lake, Release(EARLIER, EARLIER, ["b0"], "publish", "2026-01-01T00:00:00Z"))
        releases.publish(self.by("eve", "engineer"), EARLIER, reason="first")

    def by(self, name, role="clinician"):
        return self.aws.on_behalf_of(User(name, role))

    def audited(self, found):
        """Write the run's release again, as its audit would with these results."""
        self.results[RUN] = found
        reasons = [
            {
                "rule_id": rule_id,
                "table": table,
                "severity": severity,
                "status": status,
                "failed": failed,
                "checked": checked,
            }
            for (table, rule_id), (severity, status, failed, checked) in found.items()
            if status in {"fail", "error"} and severity != "info"
        ]
        at = f"2026-01-02T00:00:{next(_numbers) % 60:02}Z"
        made = Release(RUN, RUN, ["b0", "b1"], "hold", at, parent_release_id=EARLIER, reasons=reasons)
        write(self.s3, self.aws.lake, made)

    def frame(self, _aws, run_id):
        rows = [
            {
                "table_name": table,
                "rule_id": rule_id,
                "severity": severity,
                "status": status,
                "failed": failed,
                "checked": checked,
                "rate": failed / checked,
                "threshold": 0.0,
            }
            for (table, rule_id), (severity, status, failed, checked) in self.results[run_id].items()
        ]
        if run_id == RUN and self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        columns = [
            "table_name",
            "rule_id",
            "severity",
            "status",
            "failed",
            "checked",
            "rate",
            "threshold",
        ]
        return pd.DataFrame(rows, columns=columns)

    def events(self):
        return read_model.log(self.aws).events


def signed(hospital):
    """Return the recorded events of signatures."""
    return [event for event in hospital.events() if event.kind == "release_signed"]
