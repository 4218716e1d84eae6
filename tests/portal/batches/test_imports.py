"""An import runs in the background of the page, once a person, and says how it ended."""

import threading
import time

import pytest

from portal.batches import imports
from portal.batches import service as batches
from portal.batches.source_file import SourceFile

PATIENTS = b"patient_id,birth_date,sex,updated_at\nX1,1980-02-03,F,2025-01-01T00:00:00Z\n"


@pytest.fixture
def lake(empty_lake):
    yield empty_lake
    imports.acknowledge(empty_lake)


def _ended(task):
    while not task.is_over:
        time.sleep(0.02)
    return task


def test_a_second_click_finds_the_first_import_and_its_batch(lake, monkeypatch):
    let_go, real = threading.Event(), batches.import_files
    monkeypatch.setattr(batches, "import_files", lambda *a, **k: let_go.wait(30) and real(*a, **k))
    task = imports.start(lake, [SourceFile.from_bytes("patients.csv", PATIENTS)])
    assert imports.start(lake, [SourceFile.from_bytes("patients.csv", PATIENTS)]) is task
    assert imports.current(lake) is task
    let_go.set()
    assert _ended(task).batch.rows == {"patients": 1}
    assert (task.progress, task.error) == (1.0, None)
    imports.acknowledge(lake)
    assert imports.current(lake) is None


def test_what_can_not_be_imported_is_said(lake):
    task = _ended(imports.start(lake, [SourceFile.from_bytes("empty.csv", b"")]))
    assert task.batch is None
    assert task.error == "'empty.csv' is empty: it needs a header line with the columns' names."


def test_what_nobody_expected_is_said_without_its_words(lake, monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("born 1980-02-03")

    monkeypatch.setattr(batches, "import_files", fails)
    said = _ended(imports.start(lake, [SourceFile.from_bytes("patients.csv", PATIENTS)])).error
    assert "RuntimeError" in said
    assert "1980" not in said
