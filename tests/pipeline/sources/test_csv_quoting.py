"""Broken quoting is rejected with line, column and column name; valid multi-line texts are read."""

from __future__ import annotations

import io

import pytest

from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_quoting import CsvFault, RowShape
from pipeline.sources.csv_reader import CsvReader

HEADER = ("id", "name", "street", "born", "updated_at")
SHAPE = RowShape.of(HEADER, ("id",), ("born", "updated_at"))


def row(n, name="Ada", street="1 High St", born="1970-05-02", at="2024-01-01T00:00:00Z"):
    return f"q{n},{name},{street},{born},{at}"


def read(*rows, line_end="\n"):
    content = line_end.join([",".join(HEADER), *rows, ""]).encode()
    source = CsvReader(io.BytesIO(content), Layout(HEADER), SHAPE)
    return [value for batch in source.batches() for value in batch.to_pylist()]


ROWS_600 = [row(n) for n in range(600)]


@pytest.mark.parametrize(
    ("rows", "where", "what"),
    [
        # the cases of issue 16
        ([*ROWS_600[:99], row(99, name='"Ada'), *ROWS_600], "line 101, column 5 (name)", "contains line 102"),
        ([row(1), row(2, name='"Ada'), row(3, name='Ada"'), row(4)], "line 3, column 4 (name)",
         "contains line 4"),
        ([row(1, at='"2024-01-01'), row(2), row(3, at='2024-01-01"')], "line 2, column 29 (updated_at)",
         "line 3"),
        ([row(1, name='"Ada" jr'), row(2)], "line 2, column 4 (name)",
         "followed by text at line 2, column 9"),
        ([row(1, name='"Bob'), row(2, name='Bo"b')], "line 2, column 4 (name)",
         "followed by text at line 3, column 7"),
        ([row(1, name='"Ada')], "line 2, column 4 (name)", "is never closed"),
        # more of their kind
        ([row(1), f'"{row(2)}', row(3), f'{row(4)}"'], "line 3, column 1 (id)", "contains line 4"),
        ([row(1, street='"Flat 2\nrear', at=""), row(2), row(3, name='x"')], "line 2, column 8 (street)",
         "contains line 4"),
        ([row(1, name='"Ada'), row(2, street='"2, Mill Ln"'), row(3)], "line 2, column 4 (name)",
         "followed by text at line 3, column 9"),
        ([row(1, name='"Ada', born="02.05.1970"), row(2, born="05/02/1970"), row(3)],
         "line 2, column 4 (name)", "line 3"),
        ([row(1), row(2, street='"a ""b" c"')], "line 3, column 8 (street)",
         "followed by text at line 3, column 15"),
        ([row(1), row(2), '"'], "line 4, column 1 (id)", "is never closed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_file_with_broken_quoting_is_refused_where_it_begins(rows, where, what, line_end):
    with pytest.raises(CsvFault) as told:
        read(*(each.replace("\n", line_end) for each in rows), line_end=line_end)
    assert str(told.value).startswith(f"{where}: the quote")
    assert what in str(told.value)
    assert not [name for name in ("Ada", "Bob", "High St", "1970") if name in str(told.value)]


@pytest.mark.parametrize(
    ("street", "value"),
    [
        ('"Apt 4\nCare of: Smith, J.\n\nRing twice\n- back door"',
         "Apt 4\nCare of: Smith, J.\n\nRing twice\n- back door"),
        ('"O""Neil, ""Bud"""', 'O"Neil, "Bud"'),
        ('5 Main St 2" pipe', '5 Main St 2" pipe'),
        ('"Flat, 3, rear\nKey, code, 99"', "Flat, 3, rear\nKey, code, 99"),
        ('"a table\nx, y, z, 1, 2\nu, v, w, 3, 4"', "a table\nx, y, z, 1, 2\nu, v, w, 3, 4"),
        ('"one, two\nthree, four, 1970-05-02\nfive, six, end"',
         "one, two\nthree, four, 1970-05-02\nfive, six, end"),
        ('""""', '"'),
        ('"x\n"', "x\n"),
        (' "x"', ' "x"'),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_quoted_text_is_read_as_it_was_written(street, value, line_end):
    rows = [row(1), row(2, street=street), row(3)]
    found = read(*(each.replace("\n", line_end) for each in rows), line_end=line_end)
    assert [each["id"] for each in found] == ["q1", "q2", "q3"]
    assert found[1]["street"] == value.replace("\n", line_end)
    assert {each["_raw"] for each in found} == {None}


def test_a_file_in_which_every_value_is_quoted_is_read():
    quoted = ",".join(f'"{value}"' for value in row(1).split(","))
    assert [each["updated_at"] for each in read(quoted, quoted)] == ["2024-01-01T00:00:00Z"] * 2
