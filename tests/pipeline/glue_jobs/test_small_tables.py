"""Tables of a few rows: what is written is read back, and rows that do not fit their contract are refused."""

from __future__ import annotations

import io

import pyarrow.parquet as pq
import pytest

from pipeline.contracts.model import load
from pipeline.glue_jobs import small_tables


class Bucket:
    """As much of an S3 client as small tables use; pages of one object."""

    def __init__(self):
        self.objects = {}

    def put_object(self, Bucket, Key, Body):
        self.objects[Key] = Body

    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO(self.objects[Key])}

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix):
        return [{"Contents": [{"Key": key}]} for key in sorted(self.objects) if key.startswith(Prefix)] or [
            {}
        ]


RESULT = {
    "rule_id": "PAT-M01",
    "table_name": "patients",
    "zone": "silver",
    "category": "completeness: presence",
    "dimension": "completeness",
    "severity": "block",
    "level": "row",
    "checked": 1 << 40,
    "failed": 0,
    "rate": 0.1,
    "threshold": 0.0,
    "status": "pass",
    "change": "stable",
    "detail": None,
    "sample_keys": ["a", 'q"uo\nte', "Zoë"],
}


def test_what_is_written_is_read_back():
    s3, contract = Bucket(), load("quality", "rule_result")
    empty = {**RESULT, "rule_id": "PAT-M02", "rate": None, "sample_keys": []}
    small_tables.write(s3, "s3://b/results/run_id=r/job=a/part-0.parquet", contract, iter([RESULT, empty]))
    small_tables.write(s3, "s3://b/results/run_id=r/job=b/part-0.parquet", contract, [])
    s3.put_object("b", "results/run_id=r/_SUCCESS", b"")
    assert small_tables.read(s3, "s3://b/results/run_id=r/", list(RESULT)) == [RESULT, empty]
    assert small_tables.read(s3, "s3://b/results/run_id=other/", list(RESULT)) == []
    some = small_tables.read(s3, "s3://b/results/run_id=r/", ["rule_id", "rate"])
    assert some == [{"rule_id": "PAT-M01", "rate": 0.1}, {"rule_id": "PAT-M02", "rate": None}]


@pytest.mark.parametrize("table", ["rule_result", "reconciliation", "release_reconciliation"])
def test_a_file_has_the_columns_of_its_contract_even_without_rows(table):
    s3, contract = Bucket(), load("quality", table)
    small_tables.write(s3, "s3://b/x.parquet", contract, [])
    written = pq.read_schema(io.BytesIO(s3.objects["x.parquet"]))
    assert written.names == [column.name for column in contract.data_columns]


@pytest.mark.parametrize("change", [{"repeated": 0}, {"failed": ...}], ids=["unknown", "missing"])
def test_a_row_with_another_column_than_its_contract_is_refused(change):
    row = {name: value for name, value in {**RESULT, **change}.items() if value is not ...}
    with pytest.raises(ValueError, match=f"differ in column '{next(iter(change))}'"):
        small_tables.write(Bucket(), "s3://b/x.parquet", load("quality", "rule_result"), [row])
