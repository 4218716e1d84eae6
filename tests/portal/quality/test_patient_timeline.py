"""A patient's records stand side by side in days from the failing one, without identifiers and dates."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.contracts.model import load
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


def test_the_statement_reads_columns_that_silver_has_and_quotes_the_patient(lee):
    sql = patient_timeline._statement(lee, "P'1")
    assert "patient_id = 'P''1'" in sql
    for table, names in {
        "encounters": ("admitted_at", "encounter_class", "diagnosis_code", "discharge_disposition"),
        "medications": ("event_kind", "administered_at", "ordered_at", "medication_name", "dose", "route"),
    }.items():
        known = {column.name for column in load("silver", table).columns}
        assert set(names) <= known
        assert all(name in sql for name in names)
        assert f'"{lee.lake.database("silver")}"."{table}"' in sql


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
