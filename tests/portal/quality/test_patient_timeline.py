"""A patient's records stand side by side in days from the failing one, without identifiers and dates."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.athena.check import check
from pipeline.contracts.model import load
from pipeline.lake.uris import Lake
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.quality import patient_timeline
from portal.quality import results as quality

FOUND = pd.DataFrame(
    {
        "kind": ["Encounter", "administration", "order"],
        "at": ["2025-03-01 08:00:00", "2025-03-05 20:00:00", None],
        "class_or_drug": ["IMP", "Ceftriaxone", "Ceftriaxone"],
        "details": ["E11.9 Diabetes", "2 g IV", "2 g IV"],
        "status": ["home", "completed", "completed"],
    }
)


@pytest.fixture
def lee():
    base = Context(Settings("t", "t", "", "ann", "viewer"), Clients(_clients={"s3": None}))
    return base.on_behalf_of(User("dr.lee", "clinician"))


def test_times_are_days_from_the_failing_record():
    shown = patient_timeline.relative(FOUND, pd.Timestamp("2025-03-05T08:00:00Z"))
    assert shown["Days from this record"].tolist() == ["−4.0", "+0.5", ""]
    assert shown["Record"].tolist() == ["Encounter", "Administration", "Order"]
    assert "2025" not in shown.to_csv()
    assert patient_timeline.relative(FOUND, None)["Days from this record"].tolist() == ["", "", ""]


RECORD = {"patient_id": "P-4711", "source_file": "encounters/o'clock.csv", "source_line": 12}


@pytest.mark.parametrize(
    ("rule_id", "source"),
    [("ENC-C04", '"t_silver"."encounters"'), ("ENC-P01", '"t_quality"."quarantine_encounters"')],
)
def test_the_statement_reads_columns_that_silver_has_and_names_no_patient(rule_id, source):
    sql = patient_timeline._statement(Lake("t"), "run-1", "encounters", rule_id, RECORD)
    assert "P-4711" not in sql, "Athena and CloudTrail keep the text"
    assert f"FROM {source} WHERE" in sql
    assert sql.count("source_file = 'encounters/o''clock.csv' AND source_line = 12") == 2
    check(sql)
    for table, names in {
        "encounters": ("admitted_at", "encounter_class", "diagnosis_code", "discharge_disposition"),
        "medications": ("event_kind", "administered_at", "ordered_at", "medication_name", "dose", "route"),
    }.items():
        known = {column.name for column in load("silver", table).columns}
        assert set(names) <= known
        assert all(name in sql for name in names)


@pytest.mark.parametrize(
    ("position", "message"), [(0, "does not name its patient"), (3, "There is no record 4 among the 1")]
)
def test_a_record_without_its_patient_has_no_others(lee, monkeypatch, position, message):
    rows = pd.DataFrame({"row": ["E1"], "patient_id": [None]})
    monkeypatch.setattr(quality, "identified_rows", lambda *_: rows)
    with pytest.raises(ServiceError, match=message):
        patient_timeline.of_record(lee, "run-1", "encounters", "ENC-P03", position)
    with pytest.raises(ServiceError):
        analyst = lee.on_behalf_of(User("ana", "analyst"))
        patient_timeline.of_record(analyst, "run-1", "encounters", "ENC-P03", 0)
