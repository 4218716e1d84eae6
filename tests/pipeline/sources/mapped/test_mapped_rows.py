"""The jobs read mapped files into the bronze columns, and keep each row as it was received."""

from __future__ import annotations

import json

from pipeline.sources.mapped.model import ColumnMapping, FileMapping
from tests.support import extract_rows

TEXT = (
    "Nr;Geboren;Name;Ort\n"
    'p1;13.02.1980;"Lee; Ann";Bonn\n'
    "p2;bald;;Ulm\n"
    "p3;01.05.1990\n"
)  # fmt: skip
MAPPING = FileMapping(
    "patients",
    ("Nr", "Geboren", "Name", "Ort"),
    (
        ColumnMapping("patient_id", "copy", ("Nr",)),
        ColumnMapping("birth_date", "date", ("Geboren",), {"format": "%d.%m.%Y"}),
        ColumnMapping("last_name", "split", ("Name",), {"separator": ";", "part": "1"}),
        ColumnMapping("language", "constant", (), {"value": "de"}),
    ),
)


def test_rows_have_the_mapped_columns_and_the_text_that_was_received(spark):
    rows = extract_rows.rows(
        spark, {"leute.csv": TEXT}, "patients", "mapped-1", mappings={"leute.csv": MAPPING}
    )
    found = [
        tuple(
            row[name] for name in ("patient_id", "birth_date", "last_name", "language", "city", "_malformed")
        )
        for row in rows
    ]
    assert found == [
        ("p1", "1980-02-13", "Lee", "de", None, False),
        ("p2", "bald", None, "de", None, False),
        ("p3", "1990-05-01", None, "de", None, True),
    ]
    first = {"Nr": "p1", "Geboren": "13.02.1980", "Name": "Lee; Ann", "Ort": "Bonn"}
    assert json.loads(rows[0][extract_rows.COLUMN]) == first
    assert rows[2][extract_rows.COLUMN] == "p3;01.05.1990"
