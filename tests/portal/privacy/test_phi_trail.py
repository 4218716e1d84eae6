"""The PHI trail: where the identifiers of a patient lie after everything that people do with a lake.

Names, numbers and addresses that occur nowhere else are imported, run, quarantined, reviewed, unmasked,
exported and refused. Then every file of the state directory and the temporary directory, every log line,
message, page and process output is searched for them.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from streamlit.testing.v1 import AppTest

from portal.athena import sql_queries
from portal.batches import service as batches
from portal.core.auth import User
from portal.core.errors import ServiceError
from portal.quality import report, report_pdf
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model
from portal.runs import job_runs
from portal.runs import service as runs
from portal.ui import exports
from portal.ui.quality import failing_rows_table
from tests.support import lakes, page_drivers
from tests.support.own_lake import own_lake

pytestmark = pytest.mark.slow

IDENTIFIERS = (
    "Zzyqua", "Quorvexson", "MRNQX90017", "17 Xylograph Alley", "zzyqua.quorvexson@example.org",
    "617-555-7731", "Brzwick", "Vhantrel", "MRNQX90018", "1931-07-29", "29/07/1931",
)  # fmt: skip
KEYS = ("PIDQX4711", "PIDQX4712", "PIDQX4713", "ENCQX881", "ENCQX882", "MEDQX551", "MEDQX552")

FILES = {
    "patients.csv": (
        "patient_id,mrn,first_name,last_name,birth_date,sex,street,city,state,postal_code,phone,email,updated_at\n"
        "PIDQX4711,MRNQX90017,Zzyqua,Quorvexson,1931-07-29,F,17 Xylograph Alley,Boston,MA,02115,617-555-7731,"
        "zzyqua.quorvexson@example.org,2025-01-01T00:00:00Z\n"
        "PIDQX4712,MRNQX90018,Brzwick,Vhantrel,29/07/1931,M,,,MA,02115,,,2025-01-01T00:00:00Z\n"
        ",MRNQX90018,Brzwick,Vhantrel,1980-01-02,M,,,MA,02115,,,2025-01-01T00:00:00Z\n"
        "PIDQX4713,MRNQX90018,Brzwick,Vhantrel,1980-01-02,M,,,MA,02115,,,2025-01-01T00:00:00Z,more,fields\n"
    ),
    "encounters.csv": (
        "encounter_id,patient_id,admitted_at,discharged_at,encounter_class,diagnosis_code,"
        "diagnosis_description,updated_at\n"
        "ENCQX881,PIDQX4711,2025-02-01T08:00:00Z,2025-02-01T09:00:00Z,AMB,I10,,2025-02-02T00:00:00Z\n"
        "ENCQX882,PIDQX4711,2025-02-05T08:00:00Z,2025-02-04T08:00:00Z,AMB,I10,,2025-02-05T00:00:00Z\n"
        "ENCQX881,PIDQX4711,2025-02-01T08:00:00Z,2025-02-01T09:00:00Z,AMB,I10,,2025-02-02T00:00:00Z\n"
    ),
    "medications.csv": (
        "administration_id,encounter_id,patient_id,medication_code,medication_name,dose,dose_unit,route,"
        "ordered_at,administered_at,status,updated_at\n"
        "MEDQX551,ENCQX881,PIDQX4711,860975,metformin,500000,mg,PO,2025-02-01T08:10:00Z,"
        "2025-02-01T08:20:00Z,completed,2025-02-02T00:00:00Z\n"
        "MEDQX552,ENCQX999,PIDQX4711,860975,metformin,abc,mg,PO,2025-02-01T08:10:00Z,"
        "2025-02-01T08:20:00Z,completed,2025-02-02T00:00:00Z\n"
    ),
}

MAY_HAVE_IDENTIFIERS = (
    "s3/hdp-bronze/",
    "s3/hdp-silver/",
    "s3/hdp-quality/quarantine/",
    "s3/hdp-results/review/",
)
MAY_HAVE_KEYS = (*MAY_HAVE_IDENTIFIERS, "s3/hdp-quality/results/", "s3/hdp-results/athena/")
"""Rule results hold the keys of up to 200 failing rows, in a column that no role can query.

The portal itself does, to name those rows by their pseudonyms; Athena's results expire after 7 days.
"""


@pytest.fixture(params=["sail", pytest.param("spark", marks=pytest.mark.parity)], scope="module")
def trail(request, tmp_path_factory):
    """Everything that people do with a lake; gives the folders to search and all that was shown."""
    folder = tmp_path_factory.mktemp("trail")
    temporary, files = folder / "tmp", folder / "files"
    temporary.mkdir()
    files.mkdir()
    for name, text in FILES.items():
        (files / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", None)
        patch.setenv("HDP_ROLE_CHOICE", "true")
        patch.setattr("streamlit.page_link", lambda *_, **__: None)
        patch.setattr("streamlit.delta_generator.DeltaGenerator.page_link", lambda *_, **__: None)
        with own_lake(folder / "state", request.param) as own, lakes.subscribed(own.aws) as messages:
            shown = dict(_use(own.aws, files, folder / "state"))
            shown["messages"] = json.dumps(messages)
            page_drivers.forget_caches()
        yield folder, shown


def _use(aws, files, state):
    """Yield what people and programs get to see, by its source."""
    yield "import", _hdp(state, "batches", "import", str(files))
    yield "import again", _hdp(state, "batches", "import", str(files), "--json")
    yield "refused import", _hdp(state, "batches", "import", str(files), "--format", "synthea", expect=None)
    held = runs.start(aws, run_id="run-held")
    ended = runs.wait(aws, held.run_id, seconds=600)
    yield "run", repr(ended)
    yield from _failed_run(aws, state)
    for run_id in ("run-held", "run-failed"):
        found = runs.get(aws, run_id)
        logs = [job_runs.log_lines(aws, job.job_run_id, job.log_group, limit=None) for job in found.jobs]
        yield f"CloudWatch of {run_id}", repr(logs)
        yield f"hdp runs show {run_id}", _hdp(state, "runs", "show", run_id, expect=None)
    yield from _reviewed(aws, state)
    for role in ("viewer", "analyst", "engineer"):
        yield from _pages(role)


_FAILS_WITH_ROWS = """
from pipeline.glue_jobs.entry_point import main


def work(run):
    raise KeyError(str(run.silver("patients").collect()))


main(work)
"""


def _failed_run(aws, state):
    """A job fails with rows in the message of its exception."""
    path = state / "s3" / "hdp-code" / "scripts" / "silver_to_gold" / "dim_time.py"
    sound = path.read_text()
    path.write_text(_FAILS_WITH_ROWS)
    runs.start(aws, run_id="run-failed", batch_ids=[b.batch_id for b in batches.list_batches(aws)])
    ended = runs.wait(aws, "run-failed", seconds=600)
    path.write_text(sound)
    yield "failed run", repr(ended)
    assert ended.status == "FAILED"


def _reviewed(aws, state):
    lee = aws.on_behalf_of(User("dr.lee", "clinician"))
    found = quality.results(aws, "run-held")
    failing = found[(found["failed"] > 0) & (found["zone"] == "silver")]
    assert {"PAT-C01", "PAT-M01"} <= set(failing["rule_id"])
    for table, rule in zip(failing["table_name"], failing["rule_id"], strict=True):
        rows = quality.failing_rows(aws, "run-held", table, rule)
        yield f"masked rows of {rule}", rows.to_csv()
        if len(rows):
            yield f"export of {rule}", failing_rows_table.export(rows, "run-held", (table, rule))
    for table in ("patients", "encounters", "medications"):
        yield f"quarantine {table}", quality.quarantined_rows(aws, "run-held", table).to_csv()
    record = reviews.unmask(lee, "run-held", "patients", "PAT-C01", 0, "the ward asks")
    assert record["last_name"] == "Vhantrel", "the trail begins with what the clinician sees"
    reviews.open_query(lee, "run-held", "patients", "PAT-C01", "Which year?", rows=["PIDQX4712"])
    yield "reviews", repr(read_model.of_run(aws, "run-held"))
    yield "hdp reviews list", _hdp(state, "reviews", "list", "--json")
    yield "hdp quality show", _hdp(state, "quality", "show", "run-held", "--all", "--json", expect=None)
    made = releases.get(aws, "run-held")
    review = read_model.of_run(aws, "run-held")
    said = report.content(made, found, ["new"] * len(found), review, is_published=False)
    yield "report", report.html(said)
    yield "text of the PDF report", repr(report_pdf.document(said))
    answer = sql_queries.run(aws, "SELECT * FROM dim_patient", "run-held")
    yield "SQL export", exports.csv(answer.frame, answer, "by SQL")
    for refused in ("SELECT last_name FROM hdp_silver.patients", "SELECT mrn FROM dim_patient"):
        with pytest.raises(ServiceError) as error:
            sql_queries.run(aws, refused, "run-held")
        yield f"refusal of {refused}", str(error.value)


def _pages(role):
    for page in sorted(page_drivers.PAGES.glob("*.py")):
        if page.stem == "__init__":
            continue
        page_drivers.forget_caches()
        app = AppTest.from_file(str(page), default_timeout=120)
        app.session_state["role"] = role
        app.query_params["run"] = "run-held"
        app.run()
        assert not app.exception, page.stem
        yield f"page {page.stem} as {role}", "\n".join(_drawn(app.main)) + repr(app.query_params)


def _drawn(block):
    """Yield what each element shows; a block of Streamlit's AppTest yields itself and all below it."""
    for element in block:
        value = getattr(element, "value", None)
        yield value.to_csv() if hasattr(value, "to_csv") else str(getattr(element, "proto", ""))


def _hdp(state, *arguments, expect=0):
    """Return the output and the error output of a command that shares the running cloud."""
    done = subprocess.run(
        [sys.executable, "-c", "from portal.cli.main import main; main()", "--state", str(state), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(lakes.PROJECT)},
    )
    assert expect in {None, done.returncode}, done.stderr
    return done.stdout + done.stderr


# searching


def _content(path):
    """Return a file's bytes, and what is compressed inside it."""
    body = path.read_bytes()
    if path.suffix == ".gz":
        body += gzip.decompress(body)
    if body[:4] == b"PAR1":
        body += repr(pq.read_table(io.BytesIO(body)).to_pydict()).encode()
    return body


def _having(folder, words):
    pattern = re.compile("|".join(map(re.escape, words)).encode())
    return {
        path.relative_to(folder).as_posix(): found[0].decode()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and (found := pattern.search(_content(path)))
    }


def test_identifiers_lie_where_they_belong_and_nowhere_else(trail):
    folder, _ = trail
    found = _having(folder / "state", IDENTIFIERS)
    for place in MAY_HAVE_IDENTIFIERS:
        assert any(name.startswith(place) for name in found), f"the search sees nothing in {place}"
    assert {n: word for n, word in found.items() if not n.startswith(MAY_HAVE_IDENTIFIERS)} == {}


def test_keys_of_records_lie_where_they_belong_and_nowhere_else(trail):
    folder, _ = trail
    found = _having(folder / "state", KEYS)
    assert {name: word for name, word in found.items() if not name.startswith(MAY_HAVE_KEYS)} == {}


def test_no_temporary_file_is_left_with_an_identifier(trail):
    folder, _ = trail
    assert _having(folder / "tmp", IDENTIFIERS + KEYS) == {}


def test_nothing_that_was_shown_logged_sent_or_exported_names_anybody(trail):
    _, shown = trail
    assert len(shown) > 60
    pattern = re.compile("|".join(map(re.escape, IDENTIFIERS + KEYS)))
    assert {source: found[0] for source, text in shown.items() if (found := pattern.search(text))} == {}


def test_paths_name_nobody(trail):
    """URLs of objects and names of files are logged by many programs."""
    folder, _ = trail
    names = [path.relative_to(folder).as_posix() for path in Path(folder).rglob("*")]
    assert [name for name in names for word in IDENTIFIERS + KEYS if word in name] == []
