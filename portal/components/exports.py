"""What a page gives to take away: rows with where they come from inside the file."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from portal.services.warehouse import Answer


def _origin(answer: Answer, filters: str, note: str) -> dict[str, str]:
    return {
        "release": str(answer.release_id),
        "filters": filters,
        "exported": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "small counts": note,
    }


def csv(frame: pd.DataFrame, answer: Answer, filters: str, note: str = "none left out") -> str:
    """CSV with the release, the filters and the time in its first lines."""
    head = "".join(f"# {name}: {said}\n" for name, said in _origin(answer, filters, note).items())
    return head + frame.to_csv(index=False)


def parquet(frame: pd.DataFrame, answer: Answer, filters: str, note: str = "none left out") -> bytes:
    """Parquet with the release, the filters, the time and the SQL in the file's metadata."""
    table = pa.Table.from_pandas(frame.convert_dtypes(), preserve_index=False)
    said = {**_origin(answer, filters, note), "sql": answer.sql}
    buffer = BytesIO()
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **said}), buffer)
    return buffer.getvalue()
