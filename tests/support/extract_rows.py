"""Read files as the jobs do, without a cloud: inspect them, store them in a bronze bucket, return rows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from pyspark.sql import SparkSession

from pipeline.lake.uris import Lake
from pipeline.sources import spark as sources
from pipeline.sources.mapped.model import FileMapping
from portal.batches import inspection
from portal.batches.mapping.files import loaded, unknown
from portal.batches.source_file import SourceFile

COLUMN = "text"
"""Column with the text of a row as received."""


def manifest(
    files: Mapping[str, str | bytes], batch_id: str, mappings: Mapping[str, FileMapping] | None = None
) -> dict:
    """Store files (content by name) in bronze; return the manifest of their batch."""
    tables: dict[str, dict] = {}
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        given = SourceFile.from_bytes(name, data)
        mapping = (mappings or {}).get(name)
        found = loaded(unknown(given), mapping) if mapping else inspection.inspect(given)
        assert found.use == "loaded", found.reason
        key = f"{found.match.table}/batch_id={batch_id}/{name}"
        path = Path(os.environ["HDP_S3_ROOT"]) / "t-bronze" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        entry = tables.setdefault(found.match.table, {"files": []})
        layout = {**asdict(found.layout), "header": list(found.layout.header)}
        more = {"mapping": mapping.document()} if mapping else {}
        entry["files"].append({"key": key, "rows": found.rows, "sha256": found.sha256, **layout, **more})
        source = found.match.format
    received = "2025-01-01T00:00:00Z"
    return {"batch_id": batch_id, "source": source, "received_at": received, "tables": tables}


def rows(
    spark: SparkSession,
    files: Mapping[str, str | bytes],
    table: str,
    batch_id: str,
    zone: str = "UTC",
    mappings: Mapping[str, FileMapping] | None = None,
) -> list[dict]:
    """Return the rows of a table in file order, each with the text that was received."""
    frame = sources.read(spark, Lake("t"), [manifest(files, batch_id, mappings)], table, zone)
    text = sources.received(sources.AS_READ, table).alias(COLUMN)
    fault = sources.fault(sources.AS_READ).alias("fault")
    found = [row.asDict() for row in frame.select("*", text, fault).collect()]
    return sorted(found, key=lambda row: (row["_file"], row["_line"]))
