"""The pages by AppTest: an empty lake, a bad address, a thousand rows."""

from __future__ import annotations

import time
from importlib.metadata import version

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.jobs import jobs
from portal.batches import samples
from portal.batches import service as batches
from portal.batches.source_file import SourceFile
from portal.runs import service as runs
from tests.support.links import PICTURE, assert_unlinked
from tests.support.page_drivers import PAGES, forget_caches


def open_page(name, **query):
    app = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60)
    for key, value in query.items():
        app.query_params[key] = value
    return app.run()


@pytest.mark.parametrize(
    "name",
    [
        "overview",
        "encounters",
        "medications",
        "orders",
        "patients",
        "quality",
        "data",
        "runs",
        "run",
        "sql",
        "alerts",
        "dictionary",
    ],
)
def test_an_empty_lake_is_told_in_words_not_in_errors(empty_lake, name):
    app = open_page(name)
    assert not app.exception
    assert not app.error
    assert app.success if name == "alerts" else app.info or name == "dictionary"


def test_a_run_that_does_not_exist_is_one_sentence(empty_lake):
    app = open_page("run", run="run-nowhere")
    assert [e.value for e in app.error] == ["There is no run 'run-nowhere'."]


@pytest.mark.parametrize(("page", "parameter"), [("run", "run"), ("runs", "like"), ("data", "job")])
def test_a_name_in_the_address_is_no_picture_in_what_is_said_of_it(empty_lake, page, parameter):
    app = open_page(page, **{parameter: PICTURE})
    assert not app.exception
    (said,) = [*app.error, *app.warning]
    assert "evil.example" in said.value
    assert_unlinked(said.value)


def test_a_run_is_not_held_against_itself(empty_lake):
    app = open_page("runs", compare=["run-1", "run-1"])
    assert not app.exception
    assert not app.error
    assert not any("against" in m.value for m in app.markdown)


def test_a_thousand_columns_are_found_by_a_word(empty_lake):
    app = open_page("dictionary")
    app.text_input[0].set_value("readmi").run()
    assert "is_readmitted_30d" in app.dataframe[0].value["column"].to_list()
    app.text_input[0].set_value("zzzz").run()
    assert app.info


def test_uploading_what_is_no_table_names_what_is_missing(empty_lake):
    source = SourceFile.from_bytes("labs.csv", b"patient_id,loinc,value\n1,2,3\n")
    with pytest.raises(batches.ServiceError, match="As native patients it lacks birth_date, updated_at"):
        batches.import_files(empty_lake, [source], uploader="tester")


def test_a_cloud_that_cannot_be_reached_is_one_sentence(empty_lake, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    forget_caches()
    app = AppTest.from_file(str(PAGES.parent / "app.py"), default_timeout=120).run()
    assert not app.exception
    assert "AWS could not be reached" in app.error[0].value
    assert f"Health data portal {version('health-data-portal')}" in [c.value for c in app.sidebar.caption]


def test_the_data_page_estimates_previews_and_says_its_limits(empty_lake):
    app = open_page("data")
    assert any("About 1,271 patients" in c.value for c in app.caption)
    app.number_input[0].set_value(250_000).run()
    assert any("by a Glue job" in c.value for c in app.caption)
    app.toggle[0].set_value(True).run()
    assert not app.exception
    assert len(app.dataframe[0].value) == 20


def test_data_are_generated_beside_the_page_and_offered_to_the_pipeline(empty_lake):
    app = open_page("data")
    app.number_input[0].set_value(30).run()
    next(b for b in app.button if b.label == "Generate").click().run()
    (task,) = samples._TASKS.values()
    while not task.is_over:
        time.sleep(0.05)
    app.run()
    assert any("imported" in s.value for s in app.success)
    assert [b.label for b in app.button if b.label.startswith("Run the")] == [
        "Run the pipeline on this batch"
    ]


def test_a_double_click_starts_one_run(empty_lake, monkeypatch):
    opened = []
    patients = b"patient_id,birth_date,updated_at\nP1,1980-01-02,2025-01-01T00:00:00Z\n"
    file = SourceFile.from_bytes("patients.csv", patients)
    batches.import_files(empty_lake, [file], uploader="tester")  # without a batch no run is started
    monkeypatch.setattr("streamlit.switch_page", lambda _, query_params: opened.append(query_params["run"]))
    for job in jobs():  # the list asks for the job runs of every run
        empty_lake.client("glue").create_job(
            Name=empty_lake.lake.job(job.name), Role="hdp-glue", Command={"Name": "glueetl"}
        )
    app = open_page("runs")
    run_id = app.session_state["next_run_id"]
    for _ in range(2):  # the second click was on its way before the first was answered
        app.session_state["next_run_id"] = run_id
        app.button(key=f"start-{run_id}").click().run()
        assert not app.exception
        assert not app.error
    assert opened == [run_id, run_id]
    assert [run.run_id for run in runs.list_runs(empty_lake)] == [run_id]
    app.run()
    assert app.session_state["next_run_id"] != run_id, "the next click is another run"


def test_the_launch_forms_choices_survive_a_reload(empty_lake):
    app = open_page("runs")
    app.checkbox(key="launch-auto_publish").uncheck().run()
    assert app.query_params["auto_publish"] == "false"
    again = open_page("runs", auto_publish="false")
    assert not again.checkbox(key="launch-auto_publish").value
    again.checkbox(key="launch-auto_publish").check().run()
    assert "auto_publish" not in again.query_params


def test_without_a_schedule_the_alerts_page_says_so_and_no_other_page_does(empty_lake):
    empty_lake.client("scheduler").delete_schedule(Name=f"{empty_lake.lake.prefix}-nightly")
    forget_caches()
    app = open_page("alerts")
    assert not app.exception
    assert [s.value for s in app.success][0].startswith("All clear")
    assert "Schedule" in app.error[0].value
    assert any(m.value == "#### Subscribers" for m in app.markdown)
    assert not AppTest.from_file(str(PAGES.parent / "app.py"), default_timeout=120).run().error
