import io
import zipfile

import pytest

from pipeline.sources.identify import NotUnderstood
from portal.batches import archives, inspection
from portal.batches.source_file import SourceFile

PATIENTS = b"patient_id,last_name,birth_date,updated_at\nc1,Mayer,1970-05-05,2026-01-01T00:00:00Z\n"


def archive(files, name="extract.zip"):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for path, text in files.items():
            made.writestr(path, text)
    return SourceFile.from_bytes(name, content.getvalue())


def names(file):
    return [each.name for each in archives.members(file)]


def test_members_are_the_files_without_folders_hidden_files_and_what_macos_adds():
    file = archive(
        {"a/": b"", "a/patients.csv": PATIENTS, "__MACOSX/a/._patients.csv": b"x", "a/.DS_Store": b"x",
         "../../etc/encounters.csv": b"x", "readme.md": b"x"}
    )  # fmt: skip
    assert names(file) == ["patients.csv", "encounters.csv", "readme.md"]


def test_a_member_can_be_read_more_than_once():
    member = next(archives.members(archive({"patients.csv": PATIENTS})))
    assert [member.open().read() for _ in range(2)] == [PATIENTS, PATIENTS]
    assert member.size == len(PATIENTS)


@pytest.mark.parametrize("name", ["extract.zip", "patients.csv"])
def test_an_archive_is_known_by_its_content(name):
    assert archives.is_zip(archive({"patients.csv": PATIENTS}, name))
    assert not archives.is_zip(SourceFile.from_bytes(name, PATIENTS))
    assert not archives.is_zip(archive({"[Content_Types].xml": b"", "xl/workbook.xml": b""}, name))


def test_a_damaged_archive_is_one_sentence():
    whole = archive({"patients.csv": PATIENTS}).open().read()
    with pytest.raises(NotUnderstood, match=r"'extract\.zip' is a ZIP archive that is damaged, cut off"):
        names(SourceFile.from_bytes("extract.zip", whole[:-10]))


def test_an_archive_with_a_password_is_one_sentence():
    content = bytearray(archive({"patients.csv": PATIENTS}).open().read())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    with pytest.raises(NotUnderstood, match=r"'extract\.zip' is protected by a password"):
        names(SourceFile.from_bytes("extract.zip", bytes(content)))


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    content = bytearray(archive({"patients.csv": b"0" * 1000}).open().read())
    at = content.index(b"PK\x01\x02") + 24  # the uncompressed size in the central directory
    content[at : at + 4] = (4_000_000_000).to_bytes(4, "little")
    with pytest.raises(NotUnderstood, match=r"would unpack to 4\.0 GB"):
        names(SourceFile.from_bytes("extract.zip", bytes(content)))


def test_tables_of_an_archive_are_inspected_like_those_of_a_folder():
    file = archive({"patients.csv": PATIENTS, "notes.pdf": b"%PDF", "observations.csv": b"a,b\n1,2\n"})
    found = [inspection.inspect(each) for each in inspection.expanded(file)]
    assert [(each.file.name, each.use, each.stops) for each in found] == [
        ("patients.csv", "loaded", False),
        ("notes.pdf", "not understood", False),
        ("observations.csv", "not understood", False),
    ]


def test_a_damaged_archive_stops_the_import():
    [found] = inspection.expanded(SourceFile.from_bytes("extract.zip", b"PK\x03\x04 and so on"))
    assert found.stops
    assert "damaged, cut off or packed by an unknown method" in found.reason
