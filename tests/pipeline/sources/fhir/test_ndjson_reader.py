"""NDJSON is read line by line: rows, line numbers, blank lines, hash, and files that cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import io

import pytest

from pipeline.sources.csv_layout import EncodingFault, Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.fhir import ndjson_reader
from pipeline.sources.fhir.ndjson_reader import NdjsonReader

LAYOUT = Layout(("patient_id", "sex"), 0, resource="Patient")
CONTENT = (
    '\ufeff{"resourceType":"Patient","id":"1","gender":"male"}\r\n'
    "\n"
    '{"resourceType":"Patient","id":"2","text":"line\u2028separator"}\n'
    "broken\n"
    "  \t\n"
    '{"resourceType":"Patient","id":"3"}'
).encode()


def read(content, **sizes):
    reader = NdjsonReader(io.BytesIO(content), LAYOUT)
    return reader, [row for batch in reader.batches() for row in batch.to_pylist()]


@pytest.mark.parametrize("content", [CONTENT, gzip.compress(CONTENT, mtime=0)], ids=["plain", "gzip"])
@pytest.mark.parametrize("rows", [1, 2, 4096])
def test_each_line_with_text_is_a_row_with_its_number_and_text(monkeypatch, content, rows):
    monkeypatch.setattr(ndjson_reader, "_ROWS", rows)
    reader, found = read(content)
    assert [(row["_line"], row["patient_id"], row["sex"]) for row in found] == [
        (1, "1", "male"),
        (3, "2", None),
        (4, None, None),
        (6, "3", None),
    ]
    assert [row["fault"] for row in found] == [None, None, "The line is not a JSON object.", None]
    assert found[2]["_raw"] == "broken"
    assert found[0]["_raw"] == '{"resourceType":"Patient","id":"1","gender":"male"}'
    assert (reader.rows, dict(reader.not_data)) == (4, {"blank": 2})
    assert reader.sha256 == hashlib.sha256(content).hexdigest()


def test_counting_gives_the_same_rows_lines_and_hash_as_reading():
    counted, (reader, _) = NdjsonReader(io.BytesIO(CONTENT), LAYOUT), read(CONTENT)
    counted.count()
    assert (counted.rows, counted.not_data, counted.sha256) == (reader.rows, reader.not_data, reader.sha256)


def test_a_byte_that_is_not_utf_8_is_named_with_its_line():
    with pytest.raises(EncodingFault, match=r"^line 2: byte 0xFC is not UTF-8\. Export the file as UTF-8\.$"):
        NdjsonReader(io.BytesIO(b'{}\n{"family":"M\xfcller"}\n'), LAYOUT).count()


def test_a_line_without_end_is_refused_before_memory_runs_out(monkeypatch):
    monkeypatch.setattr(ndjson_reader, "_LONGEST_LINE", 1 << 20)
    with pytest.raises(CsvFault, match="line 1: the line is longer than 1 MB"):
        NdjsonReader(io.BytesIO(b"x" * ((1 << 20) + 1)), LAYOUT).count()
