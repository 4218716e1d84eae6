"""Erase what was derived from batches: silver, snapshots, quarantine, samples in results, releases.

Folders come from the partition columns of the lake (``batch_id=``, ``run_id=``, ``release_id=``), so a new
table is covered without a change here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.lake.store import read_json
from pipeline.lake.uris import Lake, split
from pipeline.releases import model as release_model
from pipeline.releases import retention
from portal.lake import objects
from portal.lake.erase import Erased, erase, rewrite

_SAMPLES = "sample_keys"
_OF_RUN = ("quality/audits/", "quality/alerts/")


def runs_of(s3: Any, lake: Lake, batch_ids: Sequence[str]) -> list[str]:
    """Return the ids of the runs that read or released one of the batches."""
    bucket, prefix = split(lake.runs())
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            plan = read_json(s3, f"s3://{bucket}/{item['Key']}")
            if plan and set(plan[0].get("release_batch_ids", [])) & set(batch_ids):
                found.append(str(plan[0]["run_id"]))
    return found


def withdraw(s3: Any, glue: Any, lake: Lake, batch_ids: Sequence[str], done: Erased) -> list[str]:
    """Remove every release that contains one of the batches, first the published record; return their ids."""
    every = release_model.all_releases(s3, lake)
    affected = [each for each in every if set(each.batch_ids) & set(batch_ids)]
    published = release_model.current(s3, lake)
    if published and published.release_id in {each.release_id for each in affected}:
        erase(s3, lake, [f"quality/{split(lake.current_release())[1]}"], done)
    for release in affected:
        every.remove(release)
        done.add("gold", retention.remove(s3, glue, lake, release, every))
    used = {name for each in every for name in each.files}
    folders = tuple(f"/release_id={run_id}/" for run_id in runs_of(s3, lake, batch_ids))
    left = [each.name for each in objects.listed(s3, lake) if each.name.startswith("gold/")]
    erase(s3, lake, [n for n in left if n not in used and any(folder in n for folder in folders)], done)
    return [each.release_id for each in affected]


def remove(s3: Any, lake: Lake, batch_ids: Sequence[str], done: Erased) -> None:
    """Erase rows of the batches in quarantine and samples, then snapshots, silver and query results."""
    run_ids = runs_of(s3, lake, batch_ids)
    of_runs = tuple(f"/run_id={run_id}/" for run_id in run_ids)
    of_batches = tuple(f"/batch_id={batch_id}/" for batch_id in batch_ids)
    names = [each.name for each in objects.listed(s3, lake)]
    for name in names:
        if name.startswith("quality/") and name.endswith(".parquet") and any(run in name for run in of_runs):
            _without_rows(s3, lake, name, batch_ids, done)
    audits = tuple(f"quality/{split(lake.audit(run_id))[1].removesuffix('.json')}" for run_id in run_ids)
    erase(s3, lake, [name for name in names if name.startswith(audits)], done)
    silver = [name for name in names if name.startswith("silver/")]
    erase(s3, lake, [n for n in silver if any(run in n for run in of_runs)], done)
    marked = [
        name for name in silver if name.startswith("silver/_complete/") and name.endswith(tuple(batch_ids))
    ]
    erase(s3, lake, marked, done)
    erase(s3, lake, [name for name in silver if any(batch in name for batch in of_batches)], done)
    erase(s3, lake, _query_results(s3, lake), done)


def _query_results(s3: Any, lake: Lake) -> list[str]:
    """Return all query results: they can contain rows, and are computed again when they are needed."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket("results"))
    return [f"results/{item['Key']}" for page in pages for item in page.get("Contents", [])]


def _without_rows(s3: Any, lake: Lake, name: str, batch_ids: Sequence[str], done: Erased) -> None:
    """Write a table of a run again without identified rows of the batches, and without samples of keys."""
    bucket, key = objects.bucket_of(lake, name)
    before = pq.read_table(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    after = before
    if "raw" in before.column_names:
        after = before.filter(pc.invert(pc.is_in(before["batch_id"], pa.array(batch_ids, pa.string()))))
        done.add("quarantined rows", before.num_rows - after.num_rows)
    if _SAMPLES in before.column_names:
        number = before.column_names.index(_SAMPLES)
        field = before.schema.field(number)
        after = before.set_column(number, field, pa.array([[]] * before.num_rows, field.type))
        done.add("samples", sum(len(keys or []) for keys in before[_SAMPLES].to_pylist()))
    if after.equals(before):
        return
    if not after.num_rows:
        erase(s3, lake, [name], done)
        return
    buffer = io.BytesIO()
    pq.write_table(after, buffer, compression="zstd")
    rewrite(s3, lake, name, buffer.getvalue(), done)
