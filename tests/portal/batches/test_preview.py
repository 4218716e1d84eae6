import io

import pytest

from portal.batches import preview
from portal.batches.inspection import Inspected
from portal.batches.preview import UndecodableValue
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings

HEADER = "patient_id,last_name,birth_date,updated_at"
ROW = "c1,Mayer,1970-05-05,2026-01-01T00:00:00Z"
PLAIN = f"{HEADER}\n{ROW}\n"


def person(name="eve"):
    settings = Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", name, "engineer")
    return Context(settings).sealed()


def supplied(content, by="eve"):
    return SourceFile("p.csv", 0, lambda: io.BytesIO(content), by)


def test_odd_values_are_shown_both_ways():
    content = f"{HEADER}\n{ROW}\nc\u00c4,M\u00fcller,1970-05-05,\u20ac\n".encode("cp1252")
    assert preview.undecodable_values(person(), supplied(content)) == [
        UndecodableValue(3, "patient_id", "c\ufffd", "c\u00c4"),
        UndecodableValue(3, "last_name", "M\ufffdller", "M\u00fcller"),
        UndecodableValue(3, "updated_at", "\ufffd", "\u20ac"),
    ]
    assert preview.undecodable_values(person(), supplied(PLAIN.encode())) == []


def test_a_preview_begins_at_the_header_and_shows_rows_to_who_supplied_the_file():
    file = supplied(f"sep=,\n{PLAIN}".encode())
    assert preview.preview(person(), file) == (HEADER.split(","), [ROW.split(",")])


@pytest.mark.parametrize("supplier", ["max", ""])
def test_nobody_else_sees_a_value_of_a_file(supplier):
    known = supplied(f"sep=,\n{PLAIN}".encode(), supplier)
    assert preview.preview(person(), known) == (HEADER.split(","), [])
    without_header = supplied(f"{ROW}\n{ROW}\n".encode(), supplier)
    assert preview.preview(person(), without_header) == ([f"column {n}" for n in range(1, 5)], [])
    with pytest.raises(ServiceError, match=r"Values of 'p.csv' are shown only to the person who supplied"):
        preview.undecodable_values(person(), supplied("M\u00fcller".encode("cp1252"), supplier))


def test_a_preview_has_the_columns_of_a_file_with_another_delimiter_or_encoding():
    file = supplied(PLAIN.replace(",", ";").encode("utf-16"))
    assert preview.preview(person(), file) == (HEADER.split(","), [ROW.split(",")])


def test_contents_tell_what_each_file_is_before_it_is_imported():
    damaged = SourceFile.from_bytes("a.zip", b"")
    files = [
        SourceFile.from_bytes("p.csv", PLAIN.replace("updated_at", "updated_at,shoe_size").encode()),
        SourceFile.from_bytes("claims.csv", b"Id,PATIENTID,PROVIDERID,DIAGNOSIS1\n"),
        SourceFile.from_bytes("e.csv", b""),
        SourceFile.from_bytes("labs.csv", b"test,result\n1,2\n"),
        Inspected(damaged, "not understood", reason="It is damaged.", stops=True),
    ]
    found = [preview.contents(person(), file) for file in files]
    assert [(each.file, each.contents, each.used, each.ignored) for each in found] == [
        ("p.csv", "Native patients", 4, 1),
        ("claims.csv", "Not needed: claims", None, None),
        ("e.csv", "Empty", None, None),
        ("labs.csv", "Not understood", None, None),
        ("a.zip", "Not understood", None, None),
    ]
    assert "lacks" in found[3].problem
    assert found[4].problem == "It is damaged."
