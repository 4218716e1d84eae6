"""Names of runs, releases and batches, and messages in which they stand for ids."""

from __future__ import annotations

import pytest

from portal.batches.service import Batch
from portal.ui import names

RUN, BATCH = "run-20261127T194008Z-b653", "20261127T194008-9d918b64"
NUMBERS = {("run", RUN): 12, ("release", RUN): 3, ("batch", BATCH): 5}


@pytest.fixture(autouse=True)
def numbered(monkeypatch):
    monkeypatch.setattr(names, "_number", lambda kind, name: NUMBERS.get((kind, name)))
    monkeypatch.setattr(names.formats, "short", lambda _: "27 Nov 19:40")


def test_a_name_has_the_number_and_without_one_the_id():
    assert [names.run(RUN), names.release(RUN), names.batch(BATCH)] == ["Run 12", "Release 3", "Batch 5"]
    assert names.release("r9") == "Release r9"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (f"Release {RUN} is held.", "Release 3 is held."),
        (f"Run {RUN} did not succeed. Analysts still see release {RUN}.",
         "Run 12 did not succeed. Analysts still see Release 3."),
        (f"There is no batch '{BATCH}'.", "There is no Batch 5."),
        (f"Compare {RUN}, then {BATCH}.", "Compare Run 12, then Batch 5."),
        ("Run run-20250101T000000Z-ffff failed.", "Run run-20250101T000000Z-ffff failed."),
        ("The disk is full.", "The disk is full."),
    ],
)  # fmt: skip
def test_ids_in_a_message_are_replaced_by_names(message, shown):
    assert names.in_text(message) == shown


def batch(rows, **fields):
    tables = {table: {"files": [{"rows": n, "bytes": 1}]} for table, n in rows.items()}
    known = {"source": "synthea", "received_at": "2026-11-27T19:40:08Z", "uploader": "kim", **fields}
    return Batch(batch_id=BATCH, content_sha256="", tables=tables, **known)


def test_a_batch_says_source_patients_and_time():
    assert names.batch_contents(batch({"encounters": 9, "patients": 1})) == (
        "Batch 5 · Synthea · 1 patient · 27 Nov 19:40"
    )
    assert names.batch_contents(batch({"encounters": 1200}, source="native", seed=7)) == (
        "Batch 5 · Generated · 1,200 encounters · 27 Nov 19:40"
    )
