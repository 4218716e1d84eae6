"""Parquet files give the rows of their CSV twins; DuckDB writes them, so writer and reader share nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.parquet_reader import ParquetReader, as_text
from tests.support import extract_rows

SHARED = next((p / "shared" for p in Path(__file__).parents if (p / "shared" / "cases").is_dir()), None)
AT = dt.datetime(2024, 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (pa.array(["a", "", None]), ["a", None, None]),
        (pa.array(["a", "b"]).dictionary_encode(), ["a", "b"]),
        (pa.array([5, None], pa.int32()), ["5", None]),
        (pa.array([32818.0, None, float("nan"), 0.25]), ["32818", None, None, "0.25"]),
        (pa.array([Decimal("1.50")]), ["1.50"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([dt.date(2024, 1, 2)]), ["2024-01-02"]),
        (pa.array([AT, AT.replace(microsecond=120000)]), ["2024-01-02 03:04:05", "2024-01-02 03:04:05.12"]),
        (pa.array([AT], pa.timestamp("ns", "America/New_York")), ["2024-01-02 03:04:05Z"]),
        (pa.array([[1, 2], None]), ["[1, 2]", None]),
        (pa.array([b"x"]), ["x"]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_values_are_the_text_that_a_csv_file_would_have(values, text):
    assert as_text(values).to_pylist() == text


def test_bytes_that_are_no_text_are_refused_in_one_sentence():
    with pytest.raises(CsvFault, match="a column of bytes contains no text in UTF-8"):
        as_text(pa.array([b"\xff"]))


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    duckdb.sql("SELECT range AS x FROM range(10)").write_parquet(str(tmp_path / "x"))
    content = (tmp_path / "x").read_bytes()
    with pytest.raises(CsvFault, match="damaged or cut off"):
        ParquetReader(io.BytesIO(content[:-20]), Layout(("x",), 0, parquet=True)).count()
    whole = ParquetReader(io.BytesIO(content), Layout(("x",), 0, parquet=True))
    whole.count()
    assert (whole.rows, whole.sha256) == (10, hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("table", ["patients", "encounters", "medications"])
@pytest.mark.skipif(SHARED is None, reason="the shared OMOP extract is not here")
def test_an_omop_extract_in_parquet_gives_the_rows_of_its_csv_twin(spark, tmp_path, table):
    names = ("PERSON", "VISIT_OCCURRENCE", "DRUG_EXPOSURE", "CONDITION_OCCURRENCE", "PROVIDER", "CARE_SITE")
    csv, parquet = {}, {}
    with zipfile.ZipFile(SHARED / "data" / "omop" / "Synthea27Nj_5.4.zip") as archive:
        for member in archive.namelist():
            name = Path(member).stem
            if name in names and "__MACOSX" not in member:
                csv[f"{name}.csv"] = content = archive.read(member)
                (tmp_path / "in.csv").write_bytes(content)
                duckdb.sql(f"FROM read_csv('{tmp_path}/in.csv')").write_parquet(str(tmp_path / "out"))
                parquet[f"{name}.parquet"] = (tmp_path / "out").read_bytes()
    added = ("_file", "_line", "_as_read", "_received_at", "batch", "batch_id", extract_rows.COLUMN)
    a, b = (
        sorted(
            str({k: v for k, v in row.items() if k not in added})
            for row in extract_rows.rows(spark, files, table, batch_id)
        )
        for files, batch_id in ((csv, f"csv-{table}"), (parquet, f"parquet-{table}"))
    )
    assert len(a) > 20
    assert a == b
