"""The CSV reader returns the rows that a CSV writer wrote, with either parser."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.sources.csv_layout import EncodingFault, Layout
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.csv_reader import CsvReader

HEADER = ("key", "b", "c")

TEXT = st.text(st.sampled_from('ab1é ,"\n\r\t\0\x1a\xa0;'), max_size=6)
ROWS = st.lists(st.tuples(TEXT.map(lambda text: f"k{text}"), TEXT, TEXT), max_size=12)


def read(content, header=HEADER, **options):
    """Rows as (line, fields, raw), the reader after its pass, and the same of a pass that only counts."""
    source = CsvReader(io.BytesIO(content), Layout(header, **options.pop("layout", {})), **options)
    rows = []
    for batch in source.batches():
        *values, lines, raw = (column.to_pylist() for column in batch.columns)
        rows += zip(lines, zip(*values, strict=True), raw, strict=True)
    return sorted(rows, key=lambda row: row[0]), source


def written(rows, line_end, quoting):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end, quoting=quoting)
    writer.writerows([HEADER, *rows])
    return out.getvalue().encode()


@settings(max_examples=300, deadline=None)
@given(
    ROWS,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.integers(1, 80),
)
def test_every_value_is_read_as_it_was_written(rows, line_end, quoting, block):
    if quoting == csv.QUOTE_MINIMAL:  # Python 3.11 quotes only the line break that ends its own lines
        strange = str.maketrans("", "", "".join({"\r", "\n"} - set(line_end)))
        rows = [[value.translate(strange) for value in row] for row in rows]
    content = written(rows, line_end, quoting)
    found, source = read(content, block=block)
    assert [fields for _, fields, _ in found] == [tuple(value or None for value in row) for row in rows]
    assert (source.rows, source.sha256) == (len(rows), hashlib.sha256(content).hexdigest())
    counted = CsvReader(io.BytesIO(content), Layout(HEADER), block=block)
    counted.count()
    assert (counted.rows, counted.not_data, counted.sha256) == (source.rows, source.not_data, source.sha256)


LINES = st.sampled_from(
    ["k1,2,3", "k,é,", ",,", "", "  ", "\x1a", "key,b,c", "TOTAL,,3", "Total: 2", "(2 rows affected)", "k1,2",
     "k1,2,3,4", "2 rows,,", '"k1","2","3"', '"k""1","2,3",', 'k1,"2"', '"TOTAL","",""', '"key","b","c"',
     '"","",""', "----,--,--", ",2,3", "(1,234 rows affected)", "Count,\t,5", "Totally,,3", "\xa0,\xa0,"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n", "\r", "\r\r\n"]), st.integers(1, 60))
@example(["(1,234 rows affected)", "k1,2,3"], "\n", 60)
def test_the_faster_parser_is_equal_to_the_exact_one(lines, line_end, block):
    content = line_end.join(["key,b,c", *lines]).encode()
    fast, by_both = read(content, block=block)
    exact, by_one = read(content, can_be_plain=False)
    assert fast == exact
    assert (by_both.rows, by_both.not_data) == (by_one.rows, by_one.not_data)
    counted = CsvReader(io.BytesIO(content), Layout(HEADER), block=block)
    counted.count()
    assert (counted.rows, counted.not_data) == (by_one.rows, by_one.not_data)


def test_a_row_carries_its_first_line_and_its_text_where_it_is_malformed():
    content = b'key,b,c\r\nk1,2,3\r\n\r\nk2,"a\r\nb",3\r\nk3,2\r\nk4,"x,y",3,4\r\nk5,2,3'
    found, _ = read(content)
    assert found == [
        (2, ("k1", "2", "3"), None),
        (4, ("k2", "a\r\nb", "3"), None),
        (6, ("k3", "2", None), "k3,2"),
        (7, ("k4", "x,y", "3"), 'k4,"x,y",3,4'),
        (8, ("k5", "2", "3"), None),
    ]


@pytest.mark.parametrize("size", [131_073, 1_000_000])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_field_of_any_length_is_read(size, quote):
    content = f"key,b,c\nk1,{quote}{'x' * size}{quote},3\nk2,,\n".encode()
    found, _ = read(content, block=1 << 16)
    assert [(line, len(fields[1] or "")) for line, fields, _ in found] == [(2, size), (3, 0)]


@pytest.mark.parametrize("block", [5, 1 << 20])
def test_gzip_and_a_byte_order_mark_are_no_part_of_the_rows_and_the_hash_is_of_the_bytes_received(block):
    content = gzip.compress("\ufeffkey,b,c\nk1,é,3\n".encode())
    found, source = read(content, block=block)
    assert found == [(2, ("k1", "é", "3"), None)]
    assert source.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("content", "line", "byte"),
    [
        ("key,b,c\nk1,Müller,3\n".encode("cp1252"), 2, "FC"),
        (b"key,b,c\r\n" + b"k,2,3\r\n" * 40 + b"k\x80,2,3\r\n", 42, "80"),
        (b"key,b,c\rk,2,3\rk,\xd6,3\r", 3, "D6"),
        (b"key,b,c\nk,2,3\nk,2,3\xc3", 3, "C3"),
    ],
)
@pytest.mark.parametrize("block", [1, 16, 1 << 20])
def test_bytes_that_are_not_utf_8_are_refused_with_their_line(content, line, byte, block):
    with pytest.raises(EncodingFault, match=f"^line {line}: byte 0x{byte} is not UTF-8"):
        read(content, block=block)


def test_windows_1252_is_read_as_it_was_written_and_a_byte_that_it_lacks_is_refused():
    layout = {"encoding": "windows-1252"}
    found, _ = read("key,b,c\nÄ,Müller €,“x”\nÖ,,\n".encode("cp1252"), layout=layout)
    assert [fields for _, fields, _ in found] == [("Ä", "Müller €", "“x”"), ("Ö", None, None)]
    with pytest.raises(EncodingFault, match=r"^line 2: byte 0x81 is not Windows-1252"):
        read(b"key,b,c\nk\x81,2,3\n", layout=layout)


def test_lines_above_the_header_are_no_rows():
    found, _ = read(b"Report,,\n\nkey,b,c\nk1,2,3\n", layout={"header_lines": 3})
    assert found == [(4, ("k1", "2", "3"), None)]


@pytest.mark.parametrize("block", [1, 10, 1 << 20])
def test_a_quote_that_is_never_closed_is_refused_however_the_file_is_cut(block):
    with pytest.raises(CsvFault, match=r"^line 3, column 4 \(b\): the quote that opens here is never closed"):
        read(b'key,b,c\nk1,2,3\nk2,"2,3\nk3,2,3\n', block=block)


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "\x01"])
@pytest.mark.parametrize("can_be_plain", [True, False])
def test_other_delimiters_give_the_rows_of_the_same_file_with_commas(delimiter, can_be_plain):
    content = b'key,b,c\nk1,"x, y",3\n"k2","say ""hi""",\nk3,"two\nlines",5\nk4,1\n'
    # a comma inside quotes stays; every other one becomes the delimiter
    other = content.replace(b",", delimiter.encode()).replace(b"x" + delimiter.encode() + b" y", b"x, y")
    expected, _ = read(content, can_be_plain=can_be_plain)
    found, _ = read(other, layout={"delimiter": delimiter}, can_be_plain=can_be_plain)
    assert [row[:2] for row in found] == [row[:2] for row in expected]
    assert found[-1][2] == f"k4{delimiter}1"  # a row with a missing field keeps its text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_utf_16_gives_the_rows_of_the_same_file_in_utf_8(encoding, block):
    content = "key,b,c\nk1,Müller,3\nk2,😀,4\n"
    expected, _ = read(content.encode())
    found, _ = read(content.encode(encoding), layout={"encoding": encoding}, block=block)
    assert found == expected
