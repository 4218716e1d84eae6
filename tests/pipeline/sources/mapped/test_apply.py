"""Rows of a file become bronze columns by its mapping."""

from __future__ import annotations

import pyarrow as pa
import pytest

from pipeline.sources.mapped.apply import bronze_columns
from pipeline.sources.mapped.model import FileMapping, InvalidMapping, header_key, lacking

DOCUMENT = {
    "table": "encounters",
    "header": ["Visit", "Pt", "Day", "Clock", "Kind"],
    "columns": [
        {"target": "encounter_id", "function": "copy", "columns": ["Visit"]},
        {"target": "patient_id", "function": "copy", "columns": ["Pt"]},
        {
            "target": "admitted_at",
            "function": "timestamp",
            "columns": ["Day", "Clock"],
            "options": {"format": "%m/%d/%Y %H:%M"},
        },
        {"target": "diagnosis_code_system", "function": "constant", "options": {"value": "ICD-10-CM"}},
    ],
}


def changed(**changes):
    return {**DOCUMENT, **changes}


def test_columns_are_converted_joined_and_constant_and_missing_ones_are_null():
    rows = {
        "Visit": ["v1", "v2", None],
        "Pt": ["p1", "p1", "p2"],
        "Day": ["02/13/2024", "02/14/2024", "soon"],
        "Clock": ["08:30", None, "09:00"],
        "Kind": ["x", "y", "z"],
    }
    batch = pa.RecordBatch.from_pydict({k: pa.array(v, pa.string()) for k, v in rows.items()})
    names = ["encounter_id", "admitted_at", "diagnosis_code_system", "department"]
    found = [array.to_pylist() for array in bronze_columns(batch, FileMapping.of(DOCUMENT), names)]
    assert found == [
        ["v1", "v2", None],
        ["2024-02-13T08:30:00", "2024-02-14", "soon 09:00"],
        ["ICD-10-CM"] * 3,
        [None] * 3,
    ]


def test_a_mapping_survives_its_document_and_names_the_columns_that_it_does_not_use():
    mapping = FileMapping.of(DOCUMENT)
    assert FileMapping.of(mapping.document()) == mapping
    assert (mapping.unused, lacking(mapping)) == (("Kind",), [])
    assert header_key(["a", "b"]) == header_key(["b", "a"]) != header_key(["a", "c"])


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({}, "not a JSON document with table, header and columns"),
        (changed(table="people"), "'people' is not a table"),
        (changed(header=["Visit"]), "patient_id uses 1 column(s) that the file does not have"),
        (changed(columns=[{"target": "x", "function": "copy", "columns": ["Pt"]}]), "'x' is not a column"),
        (changed(columns=DOCUMENT["columns"][:1] * 2), "encounter_id is mapped twice"),
        (
            changed(columns=[{"target": "department", "function": "sql", "columns": ["Pt"]}]),
            "'sql' is not a function",
        ),
        (changed(columns=[{"target": "department", "function": "copy"}]), "needs a column"),
    ],
)
def test_an_invalid_mapping_is_refused_with_its_cause(document, problem):
    with pytest.raises(InvalidMapping) as error:
        FileMapping.of(document)
    assert problem in str(error.value)
