"""The data page: what is in the making outlives a reload, is begun once, and is the engineer's alone."""

from __future__ import annotations

import threading
import time

import pytest

from pipeline.data_generator import BLOCK, Options
from portal.batches import imports, samples
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.core.auth import User
from portal.core.context import Context
from portal.core.settings import Settings
from portal.runs.job_runs import JOB_ENDED
from portal.ui import names
from tests.portal.ui.app_pages.conftest import parameter, press
from tests.support import lakes


@pytest.fixture
def slow(monkeypatch):
    """Sample generation that waits until released or cancelled.

    Yields the release and the number of starts.
    """
    begun, let_go = [], []
    real = samples.generate

    def generate(options, folder, *, progress, cancelled):
        begun.append(options)
        while not let_go and not cancelled():
            time.sleep(0.02)
        return real(options, folder, progress=progress, cancelled=cancelled)

    monkeypatch.setattr(samples, "generate", generate)
    yield begun, let_go
    let_go.append(True)
    while any(not task.is_over for task in samples._TASKS.values()):
        time.sleep(0.02)
    samples._TASKS.clear()


def _patients(app, number):
    return app.number_input[0].set_value(number).run()


def test_a_generation_is_begun_once_found_after_a_reload_and_told(empty_lake, as_role, slow):
    begun, let_go = slow
    app = press(_patients(as_role("data", "engineer"), 30), "Generate")
    assert next(b for b in app.button if b.label == "Generate").disabled
    again = as_role("data", "engineer")
    assert [b.label for b in again.button if b.label == "Cancel"] == ["Cancel"]
    assert next(b for b in again.button if b.label == "Generate").disabled
    let_go.append(True)
    (task,) = samples._TASKS.values()
    while not task.is_over:
        time.sleep(0.02)
    again.run()
    assert any("imported" in s.value for s in again.success)
    assert not any("No batches yet" in i.value for i in again.info), "the list has the new batch at once"
    assert len(begun) == 1
    assert samples._TASKS == {}


def test_a_generation_is_cancelled_from_a_page_that_was_reloaded(empty_lake, as_role, slow):
    press(_patients(as_role("data", "engineer"), 30), "Generate")
    again = press(as_role("data", "engineer"), "Cancel")
    (task,) = samples._TASKS.values() or [None]
    while not task.is_over:
        time.sleep(0.02)
    again.run()
    assert [w.value for w in again.warning] == ["Cancelled. No data was kept."]
    assert any("No batches yet" in i.value for i in again.info)


@pytest.fixture
def let_go(cloud):
    """Release the waiting job that generates a sample."""
    with lakes.held(cloud, "generate/sample") as go_on:
        yield go_on


def test_a_job_is_found_after_a_reload_by_who_began_it_and_by_its_address(filled_lake, as_role, let_go):
    eve = Context(Settings.from_environment()).on_behalf_of(User("engineer@tester", "engineer"))
    task = samples.start_job(eve, Options(patients=BLOCK + 5, seed=77))
    assert samples.start_job(eve, Options(patients=BLOCK + 5, seed=77)) == task
    app = as_role("data", "engineer")
    assert any("generates a batch" in i.value for i in app.info)
    assert parameter(app, "job") == task.job_run_id
    let_go()
    while (state := samples.job_state(eve, task))[0] not in JOB_ENDED:
        time.sleep(0.2)
    assert state == ("SUCCEEDED", None)
    over = as_role("data", "engineer", job=task.job_run_id)
    assert any(f"{names.batch(task.batch_id)} imported" in s.value for s in over.success)
    assert "job" not in over.query_params
    nowhere = as_role("data", "engineer", job="jr_nowhere")
    assert not nowhere.exception
    assert "There is no job run 'jr_nowhere'" in nowhere.warning[0].value


@pytest.mark.parametrize("role", ["viewer", "analyst", "clinician"])
def test_others_are_told_whose_task_it_is(filled_lake, as_role, role):
    app = as_role("data", role)
    assert not app.exception
    assert "Only engineers can import data" in app.info[0].value
    assert not app.button


def test_the_batches_are_listed_with_their_time_in_the_viewer_s_zone(filled_lake, as_role, monkeypatch):
    monkeypatch.setattr("portal.ui.formats.zone", lambda: "Asia/Tokyo")
    app = as_role("data", "engineer")
    frame = next(each for each in app.dataframe if "Received" in each.value)
    assert len(frame.value) >= 1
    assert '"timezone": "Asia/Tokyo"' in frame.proto.columns


def test_what_is_packed_is_offered_for_just_those_options(empty_lake, as_role):
    app = press(_patients(as_role("data", "engineer"), 30), "Download as zip")
    assert [b.label.partition(" (")[0] for b in app.get("download_button")] == ["Save the zip file"]
    assert not _patients(app, 31).get("download_button")
    assert _patients(app, 30).get("download_button")


def test_a_preset_fills_the_form_and_the_labels_are_those_of_the_field(empty_lake, as_role):
    app = as_role("data", "engineer")
    labels = {each.label for each in (*app.number_input, *app.selectbox)}
    assert labels == {"Patients", "Defect rate (%)", "Format", "Seed", "Locale", "Time zone"}
    app.pills(key="sample-preset").set_value("With defects").run()
    assert not app.exception
    assert [each.value for each in app.number_input] == [1000, 4, 7]
    assert [each.label for each in app.multiselect] == ["Kinds of defects"]


def test_an_import_goes_on_while_its_page_is_left_and_is_told_to_who_began_it(
    empty_lake, as_role, monkeypatch
):
    let_go, real = threading.Event(), batches.import_files
    monkeypatch.setattr(batches, "import_files", lambda *a, **k: let_go.wait(60) and real(*a, **k))
    eve = Context(Settings.from_environment()).on_behalf_of(User("engineer@tester", "engineer"))
    header = b"patient_id,birth_date,sex,updated_at\n"
    file = SourceFile.from_bytes("patients.csv", header + b"X1,1980-02-03,F,2025-01-01T00:00:00Z\n")
    task = imports.start(eve, [file])
    app = as_role("data", "engineer")
    assert not app.success
    assert app.get("progress")
    let_go.set()
    while not task.is_over:
        time.sleep(0.02)
    app.run()
    assert any("imported: 1 patients" in s.value for s in app.success)
    assert not any("No batches yet" in i.value for i in app.info), "the list has the new batch at once"
    assert not as_role("data", "engineer").success, "it was told"
    task = imports.start(eve, [SourceFile.from_bytes("empty.csv", b"")])
    while not task.is_over:
        time.sleep(0.02)
    app = as_role("data", "engineer")
    assert ["it needs a header line" in e.value for e in app.error] == [True]
