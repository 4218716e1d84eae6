"""Each file of an extract is named for what it is.

A file that cannot be read, by its true cause, in one sentence.
"""

from __future__ import annotations

import csv
import gzip
import os
import tempfile
from pathlib import Path

import duckdb
import pytest

from portal.batches import inspection
from portal.batches.source_file import SourceFile

HEADER = "patient_id,last_name,birth_date,updated_at"
ROW = "c1,Lovel,1970-05-05,2024-01-01T00:00:00Z"
PLAIN = f"{HEADER}\n{ROW}\n"
PACKED = gzip.compress(
    PLAIN.encode(), mtime=0
)  # the time would be part of the tests' ids, another in each process
SHARED = next((p / "shared" for p in Path(__file__).parents if (p / "shared" / "cases").is_dir()), None)
EXPORT = SHARED and SHARED / "data" / "synthea-export"


def look(content, name="patients.csv", **options):
    data = content.encode() if isinstance(content, str) else content
    return inspection.inspect(SourceFile.from_bytes(name, data), **options)


def folder(path):
    """By name what each file of a directory is."""
    given = inspection.files_of(path)
    found = (each if isinstance(each, inspection.Inspected) else inspection.inspect(each) for each in given)
    return {each.file.name: each for each in found}


@pytest.mark.parametrize(
    ("content", "rows", "not_data"),
    [
        (f'{HEADER}\nc1,"Lov\nel",1970-05-05,2024-01-01\n{ROW}\n   \n', 2, {"blank": 1}),
        (f"{HEADER}\n{ROW}\n{ROW}\n,,,\n,,,\n,,,\n", 2, {"comma_only": 3}),
        (f"{HEADER}\n{ROW}\n{ROW}\nTOTAL,,,2469.00\n", 2, {"footer": 1}),
        (f"{HEADER}\n{ROW}\n\n(1 rows affected)\n", 1, {"blank": 1, "footer": 1}),
        (f"sep=,\n{PLAIN}", 1, {"title": 1}),
        (f"Patients of March,,,\n\n{PLAIN}", 1, {"blank": 1, "title": 1}),
        (f"{PLAIN}{PLAIN}", 2, {"repeated_header": 1}),
        (f"{PLAIN}\x1a", 1, {"blank": 1}),
        (PLAIN, 1, {}),
        (f"{HEADER}\n", 0, {}),
    ],
)
def test_lines_that_are_not_data_are_counted_by_kind_and_are_no_rows(content, rows, not_data):
    found = look(content)
    assert (found.use, found.rows, found.not_data) == ("loaded", rows, not_data)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (PLAIN.encode("utf-32"), "is encoded in UTF-32"),
        (f"{ROW}\n{ROW}\n{PLAIN}", "has its header in line 3, below lines that look like rows"),
        (b"PK\x03\x04 and so on", "it is a ZIP archive or an Excel workbook"),
        (b"PAR1 and so on", "the Parquet file is damaged or cut off. Copy it again."),
        (b"\xd0\xcf\x11\xe0 and so on", "it is an Excel workbook"),
        ('[{"patient_id": 1}]', "it looks like JSON"),
        ("<html><table>", "it looks like XML or HTML"),
        (ROW, "is the header line missing?"),
        (f"{HEADER}\nc1,M\u00fcller,1970-05-05,2024\n".encode("cp1252"), "line 2: byte 0xFC is not UTF-8"),
        (f'{HEADER}\nc1,"Lovel,1970-05-05,2024-01-01\n', "line 2, column 4 (last_name): the quote"),
        (PACKED[:-12], "the gzip archive is damaged or cut off"),
    ],
)
def test_a_file_that_is_needed_and_not_understood_stops_the_import_with_its_true_cause(content, cause):
    found = look(content)
    assert (found.use, found.stops) == ("not understood", True)
    assert cause in found.reason
    assert "\n" not in found.reason
    assert not [value for value in ROW.split(",")[:2] if value in found.reason]


@pytest.mark.parametrize("content", ["", "\n\n", "  \n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_empty_and_stops_nothing(content):
    found = look(content)
    assert (found.use, found.stops) == ("empty", False)


@pytest.mark.parametrize(
    ("name", "content", "use", "stops"),
    [
        ("allergies.csv", "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n1,,2,3,4,5\n", "not needed", False),
        ("2024-02.csv", "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n1,,2,3,4,5\n", "not needed", False),
        ("allergies.csv", PLAIN.encode("utf-32"), "not understood", False),
        ("laboratory.csv", "test,result\n1,2\n", "not understood", False),
        ("patients_old.csv", "test,result\n1,2\n", "not understood", True),
        ("march.csv", "patient_id,born,updated_at\n1,2,3\n", "not understood", True),
        ("march.csv", PLAIN.encode("utf-32"), "not understood", True),
    ],
)
def test_a_file_that_is_not_needed_stops_nothing(name, content, use, stops):
    found = look(content, name)
    assert (found.use, found.stops) == (use, stops)


@pytest.mark.parametrize("name", ["conditions.csv", "2024_Conditions.csv.gz"])
@pytest.mark.parametrize("system", ["", "SYSTEM,"])
def test_conditions_of_synthea_are_diagnoses(name, system):
    found = look(
        f"START,STOP,PATIENT,ENCOUNTER,{system}CODE,DESCRIPTION\n2024-01-01,,2,{system}3,4,5\n", name
    )
    assert (found.use, found.match.table, found.match.ignored_columns) == ("loaded", "diagnoses", ())


def test_a_fault_in_a_file_that_is_not_needed_concerns_nobody():
    found = look('START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n1,"2\n', "allergies.csv")
    assert (found.use, found.rows) == ("not needed", None)


@pytest.mark.parametrize("content", [PLAIN, PACKED])
@pytest.mark.parametrize("name", ["patients.csv", "patients.csv.gz"])
def test_compression_is_recognized_by_content(content, name):
    assert look(content, name).rows == 1


def test_windows_1252_is_read_where_it_is_chosen_and_two_identifiers_stay_two():
    content = (
        f"{HEADER}\nc35\u00c4,M\u00fcller,1970-05-05,2024-01-01\nc35\u00d6,,1970-05-05,2024-01-01\n".encode(
            "cp1252"
        )
    )
    found = look(content, encoding="windows-1252")
    assert (found.use, found.rows, found.layout.encoding) == ("loaded", 2, "windows-1252")


@pytest.mark.parametrize("text", [PLAIN, PLAIN.replace("Lovel", "M\u00fcller")])
def test_a_file_that_is_utf_8_is_read_as_such_whatever_is_chosen(text):
    assert look(text, encoding="windows-1252").layout.encoding == "utf-8"


def test_directories_broken_links_and_pipes_named_csv_are_one_sentence_each(tmp_path):
    (tmp_path / "patients.csv").mkdir()
    (tmp_path / "patients.csv" / "part-00000.csv").write_text(PLAIN)
    (tmp_path / "encounters.csv").symlink_to(tmp_path / "gone.csv")
    os.mkfifo(tmp_path / "medications.csv")
    (tmp_path / "supplies.csv").mkdir()
    (tmp_path / "march.csv").write_text(PLAIN)
    (tmp_path / "patients.csv" / "march").mkdir()
    found = folder(tmp_path)
    assert "is a directory, not a file" in found["patients.csv"].reason
    assert "is a broken link" in found["encounters.csv"].reason
    assert "is not a regular file" in found["medications.csv"].reason
    assert {name for name, each in found.items() if not each.stops} == {"supplies.csv", "march.csv"}


def test_a_file_that_may_not_be_read_is_one_sentence():
    def refuse():
        raise PermissionError(13, "Permission denied")

    found = inspection.inspect(SourceFile("patients.csv", 10, refuse))
    assert found.stops
    assert "cannot be read (Permission denied)" in found.reason


@pytest.mark.skipif(not EXPORT, reason="the Synthea export is not there")
def test_every_file_of_a_synthea_export_is_named_and_counted():
    found = folder(EXPORT)
    rows = {}
    for path in EXPORT.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows[path.name] = sum(1 for _ in csv.reader(file)) - 1
    assert {name: each.rows for name, each in found.items()} == rows
    used = {name: each.rows for name, each in found.items() if each.use == "loaded"}
    assert used == {
        "patients.csv": 27,
        "encounters.csv": 604,
        "medications.csv": 663,
        "providers.csv": 166,
        "conditions.csv": 438,
        "organizations.csv": 63,
    }
    others = {each.match.table for each in found.values() if each.use == "not needed"}
    assert others == {name.removesuffix(".csv") for name in set(found) - set(used)}


@pytest.mark.skipif(not SHARED, reason="the shared cases are not there")
@pytest.mark.parametrize("kind", ["good", "bad"])
def test_the_shared_files_with_quotes_are_read_or_refused(kind):
    found = {path.name: folder(path) for path in SHARED.glob(f"cases/04_*/more/{kind}_*")}
    assert len(found) == 6
    assert {each["patients.csv"].use for each in found.values()} == {
        "loaded" if kind == "good" else "not understood"
    }


@pytest.mark.parametrize(
    ("content", "encoding", "delimiter"),
    [
        (PLAIN.encode("utf-16"), "utf-16-le", ","),
        (PLAIN.encode("utf-16-le"), "utf-16-le", ","),
        (PLAIN.encode("utf-16-be"), "utf-16-be", ","),
        (PLAIN.replace(",", ";"), "utf-8", ";"),
        (PLAIN.replace(",", "\t"), "utf-8", "\t"),
        (PLAIN.replace(",", "|"), "utf-8", "|"),
        (PLAIN.replace(",", "\x01"), "utf-8", "\x01"),
        ("sep=;\n" + PLAIN.replace(",", ";"), "utf-8", ";"),
        (PLAIN.replace(",", ";").encode("utf-16"), "utf-16-le", ";"),
        (HEADER.upper() + PLAIN.removeprefix(HEADER), "utf-8", ","),
        (PLAIN.replace("patient_id", "Patient ID"), "utf-8", ","),
    ],
)
def test_a_file_is_read_by_its_content_whatever_delimiter_encoding_or_case_it_has(
    content, encoding, delimiter
):
    found = look(content)
    assert (found.use, found.rows, found.layout.encoding) == ("loaded", 1, encoding)
    assert (found.layout.delimiter, found.layout.header) == (delimiter, tuple(HEADER.split(",")))


def test_bytes_that_are_not_utf_16_are_refused_with_a_sentence():
    found = look(PLAIN.encode("utf-16") + b"\x00\xd8")  # half of a surrogate pair
    assert found.stops
    assert found.reason == (
        "'patients.csv', the file contains bytes that are not UTF-16. Export the file as UTF-8."
    )


def test_a_line_tells_how_a_file_was_read_where_that_is_unusual():
    plain, unusual = look(PLAIN), look(PLAIN.replace(",", ";").encode("utf-16"))
    assert inspection.describe([plain.summary(), unusual.summary()]) == [
        "patients.csv: patients, 1 rows",
        "patients.csv: patients, 1 rows, read as UTF-16, separated by semicolons",
    ]


@pytest.mark.skipif(not SHARED, reason="the shared cases are not there")
@pytest.mark.parametrize(
    ("case", "delimiter", "encoding"),
    [
        ("02_utf16le_bom", ",", "utf-16-le"),
        ("08_header_upper", ",", "utf-8"),
        ("10_semicolon", ";", "utf-8"),
        ("11c_sep_line", ",", "utf-8"),
    ],
)
def test_the_shared_files_of_other_formats_are_read(case, delimiter, encoding):
    [path] = SHARED.glob(f"cases/13_*/{case}")
    for file in folder(path).values():
        assert (file.use, file.layout.delimiter, file.layout.encoding) == ("loaded", delimiter, encoding)
        text = (path / file.file.name).read_bytes().decode("utf-16" if "16" in encoding else encoding)
        lines = [line for line in text.splitlines() if line and not line.startswith("sep=")]
        assert file.rows == len(lines) - 1


def parquet(sql):
    """The rows of a query as a Parquet file, written by DuckDB."""
    with tempfile.TemporaryDirectory() as made, duckdb.connect() as db:
        path = Path(made) / "made"
        db.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
        return path.read_bytes()


PEOPLE = (
    "SELECT 'c' || i AS patient_id, DATE '1970-05-05' AS birth_date, now() AS updated_at FROM range(3) t(i)"
)


@pytest.mark.parametrize("name", ["patients.parquet", "patients.csv", "x"])
def test_a_parquet_file_is_read_whatever_it_is_called(name):
    found = look(parquet(PEOPLE), name)
    assert (found.use, found.match.table, found.rows) == ("loaded", "patients", 3)
    assert inspection.describe([found.summary()]) == [f"{name}: patients, 3 rows, read as Parquet"]


def test_a_parquet_file_of_no_known_table_is_listed_and_stops_nothing():
    found = look(parquet("SELECT 1 AS shoe_size"), "shoes.parquet")
    assert (found.use, found.stops) == ("not understood", False)
    assert "is not a table of a known format" in found.reason


def test_the_parts_of_a_table_that_spark_wrote_as_a_directory_are_files_of_the_table(tmp_path):
    (tmp_path / "patients.parquet").mkdir()
    (tmp_path / "patients.parquet" / "_SUCCESS").write_bytes(b"")
    for n in range(2):
        (tmp_path / "patients.parquet" / f"part-{n}.parquet").write_bytes(parquet(PEOPLE))
    found = folder(tmp_path)
    assert {name: (each.match.table, each.rows) for name, each in found.items()} == {
        "patients.parquet/part-0.parquet": ("patients", 3),
        "patients.parquet/part-1.parquet": ("patients", 3),
    }


def test_every_file_is_listed_and_only_tables_stop_the_import(tmp_path):
    (tmp_path / "patients").write_text(PLAIN)
    (tmp_path / "README.md").write_text("# The patients of March")
    (tmp_path / "data dictionary.pdf").write_bytes(b"%PDF-1.7")
    (tmp_path / "older").mkdir()
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "encounters.xlsx").write_bytes(b"\xd0\xcf\x11\xe0 a workbook")
    found = folder(tmp_path)
    assert {name: (each.use, each.stops) for name, each in found.items()} == {
        "patients": ("loaded", False),
        "README.md": ("not understood", False),
        "data dictionary.pdf": ("not understood", False),
        "older": ("not understood", False),
        "encounters.xlsx": ("not understood", True),
    }
