"""What would be refused is shown before anything is loaded; layouts of unknown files are found by content."""

from __future__ import annotations

import gzip

import pytest

from pipeline.sources.mapped.model import ColumnMapping, FileMapping
from portal.batches.mapping import check, files
from portal.batches.mapping.check import Refusal
from portal.batches.source_file import SourceFile

TEXT = "Nr;Geboren;Sex\np1;13.02.1980;F\np2;bald;7\n;01.05.1990;M\np4;02.03.1970\n"


def unknown(content, **options):
    data = content.encode() if isinstance(content, str) else content
    return files.unknown(SourceFile.from_bytes("people.csv", data), **options)


def mapping(*columns):
    return FileMapping("patients", ("Nr", "Geboren", "Sex"), columns)


MAPPING = mapping(
    ColumnMapping("patient_id", "copy", ("Nr",)),
    ColumnMapping("birth_date", "date", ("Geboren",), {"format": "%d.%m.%Y"}),
    ColumnMapping("sex", "copy", ("Sex",)),
)


def test_rows_that_would_be_refused_are_counted_by_column_with_examples():
    found = check.preview(unknown(TEXT), MAPPING)
    assert (found.rows, found.refused) == (4, 3)
    assert set(found.refusals) == {
        Refusal("birth_date", "it is not a date in ISO 8601", 1, ("bald",)),
        Refusal("sex", "it is no code of the contract", 1, ("7",)),
        Refusal("patient_id", "it is empty", 1),
        Refusal("", "the row has a wrong number of fields", 1),
    }


@pytest.mark.parametrize(
    ("content", "header", "delimiter", "encoding"),
    [
        (TEXT, ("Nr", "Geboren", "Sex"), ";", "utf-8"),
        ("Report of March,,\n,,\nPt,Born,Sex\np1,1980-01-02,F\n", ("Pt", "Born", "Sex"), ",", "utf-8"),
        ("Pt|Name|X\n1|Lee, Ann|a,b\n", ("Pt", "Name", "X"), "|", "utf-8"),
        (gzip.compress(TEXT.encode(), mtime=0), ("Nr", "Geboren", "Sex"), ";", "utf-8"),
        (TEXT.encode("utf-16"), ("Nr", "Geboren", "Sex"), ";", "utf-16-le"),
        ("Größe,Ort\n1,Köln\n".encode("cp1252"), ("Größe", "Ort"), ",", "windows-1252"),
    ],
)
def test_header_delimiter_and_encoding_are_found_by_content(content, header, delimiter, encoding):
    found = unknown(content, encoding="windows-1252").layout
    assert (found.header, found.delimiter, found.encoding) == (header, delimiter, encoding)


@pytest.mark.parametrize(
    "content",
    ["p1,1980-01-02,F\np2,1990-03-04,M\n", "Just a letter to the reader.\n", "a,a\n1,2\n", b"\x00\x01\x02"],
)
def test_a_file_without_a_header_of_different_names_cannot_be_mapped(content):
    assert unknown(content) is None


def test_the_first_rows_of_a_file_are_read_as_the_jobs_read_them():
    table = files.table(unknown(TEXT))
    assert table.values["Nr"].different == ("p1", "p2", "p4")
    assert table.values["Sex"].different == ("F", "7", "M")
