"""Purging a batch or a patient: two people, nothing left, reviews provable, releases withdrawn or rebuilt."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

from pipeline.lake import pseudonyms
from pipeline.lake.uris import split
from pipeline.releases import model as release_model
from pipeline.reviews import log as review_log
from pipeline.reviews.events import new_event
from portal.audit import service as audit_log
from portal.audit.service import Search
from portal.core.errors import ServiceError
from portal.lake import derived, patient, purge, review_texts, verify
from tests.support import small_lake

PATIENT, OTHER = "PAT-0001", "PAT-0002"
HEADER = b"patient_id,mrn,first_name\n"
LINES = [b'PAT-0001,MRN-77,"Ada\nLovelace"\n', b"PAT-0002,MRN-78,Grace\n", b"PAT-0001,,bad\n"]
FILE = f"patients/batch_id={small_lake.BATCH}/patients.csv"


@pytest.fixture
def lake(monkeypatch):
    """The small lake with real keys: two rows of one patient, one of them quarantined, and a review."""
    monkeypatch.setattr(small_lake, "CSV", HEADER + b"".join(LINES))
    with small_lake.moto(monkeypatch) as context:
        small_lake.fill(context)
        names = context.lake
        row = {"source_file": FILE, "batch_id": small_lake.BATCH}
        silver = [
            {**row, "patient_id": PATIENT, "mrn": "MRN-77", "source_line": 2},
            {**row, "patient_id": OTHER, "mrn": "MRN-78", "source_line": 4},
        ]
        for each in silver:
            del each["batch_id"]
        small_lake.put(
            context, f"{names.silver_batch('patients', small_lake.BATCH)}a.parquet", parquet(silver)
        )
        raw = json.dumps({"patient_id": PATIENT})
        refused = [{**row, "record_key": PATIENT, "raw": raw, "source_line": 5}]
        uri = f"{names.quarantine('patients', small_lake.RUN)}stage=silver/a.parquet"
        small_lake.put(context, uri, parquet(refused))
        samples = [{"rule_id": "PAT-C02", "failed": 1, "sample_keys": [PATIENT]}]
        small_lake.put(context, f"{names.results(small_lake.RUN)}job=j/part-0.parquet", parquet(samples))
        small_lake.put(context, f"{names.query_results()}q.csv", b"PAT-0001,F\n")
        label = pseudonyms.label(b"of hdp", "patients", PATIENT)
        payload = {
            "text": "Is PAT-0001 the same as MRN-77?",
            "assignee": "ann",
            "due": "2026-02-01",
            "record_keys": [label, "row 0000000000000000"],
        }
        subject = {
            "run_id": small_lake.RUN,
            "query_id": "Q-1",
            "table_name": "patients",
            "rule_id": "PAT-C02",
        }
        log = review_log.read(context.client("s3"), names)
        event = new_event("lee", "clinician", "query_opened", subject, payload)
        review_log.append(context.client("s3"), names, log, event)
        monkeypatch.setattr(purge, "_rebuild", lambda _: "")
        yield context


parquet = small_lake.parquet


@pytest.fixture
def officer(lake):
    return small_lake.acting(lake, "pat", "privacy_officer")


def purged(lake, officer, **what):
    made = purge.request(lake, reason="court order", **what)
    purge.approve(officer, made.purge_id)
    return purge.run(lake, made.purge_id, patient_id=what.get("patient_id", ""))


def stored(lake):
    """Every object of the lake: its name, and its content with Parquet as text."""
    s3, found = lake.client("s3"), {}
    for bucket in (each["Name"] for each in s3.list_buckets()["Buckets"]):
        for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            text = (
                str(pq.read_table(io.BytesIO(body)).to_pylist())
                if body.startswith(b"PAR1")
                else body.decode()
            )
            found[f"{bucket}/{item['Key']}"] = text
    return found


def test_one_patient_is_removed_from_everything(lake, officer):
    certificate = purged(lake, officer, patient_id=PATIENT)
    left = stored(lake)
    assert [name for name, text in left.items() if PATIENT in text or "MRN-77" in text or "Ada" in text] == []
    assert left[f"hdp-bronze/{FILE}"].encode() == HEADER + LINES[1]
    file = json.loads(left[f"hdp-bronze/_manifests/{small_lake.BATCH}.json"])["tables"]["patients"]["files"][
        0
    ]
    assert (file["rows"], file["bytes"], "purging" in file) == (1, len(HEADER + LINES[1]), False)
    assert certificate["erased"]["rows in received files"] == 2
    assert certificate["withdrawn_releases"] == [small_lake.RUN]
    assert release_model.current(lake.client("s3"), lake.lake) is None
    found = verify.lake(lake)
    assert [problem for problem in found.problems if "manifest" not in problem] == []


def test_the_chain_of_reviews_stays_provable_and_says_what_was_redacted(lake, officer):
    before = {event.sequence: event.hash for event in review_log.read(lake.client("s3"), lake.lake).events}
    purged(lake, officer, patient_id=PATIENT)
    log = review_log.read(lake.client("s3"), lake.lake)
    assert log.problems == ()
    assert {event.sequence: event.hash for event in log.events if event.sequence in before} == before
    redacted = log.events[2]
    assert redacted.payload["text"] == review_texts.REMOVED
    assert redacted.payload["record_keys"] == ["row 0000000000000000"]
    assert [event.payload["event"] for event in log.events if event.kind == "text_redacted"] == [3]


def test_a_redacted_event_that_is_altered_again_is_found(lake, officer):
    purged(lake, officer, patient_id=PATIENT)
    bucket, key = split(lake.lake.review(3))
    s3 = lake.client("s3")
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    s3.put_object(Bucket=bucket, Key=key, Body=text.replace("ann", "eve").encode())
    assert "Event 3 was altered after it was written." in review_log.read(s3, lake.lake).problems


def test_a_batch_is_removed_with_its_manifest_and_stays_retired(lake, officer):
    certificate = purged(lake, officer, batch_id=small_lake.BATCH)
    left = stored(lake)
    assert [name for name in left if f"batch_id={small_lake.BATCH}" in name] == []
    assert f"hdp-bronze/_manifests/{small_lake.BATCH}.json" not in left
    assert f"hdp-bronze/_manifests/{small_lake.BATCH}.retired" in left
    assert [name for name, text in left.items() if PATIENT in text or OTHER in text] == []
    assert certificate["search"]["found"] == 0
    assert verify.lake(lake).problems == []


def test_a_purge_needs_two_people_and_the_same_patient(lake, officer):
    made = purge.request(lake, patient_id=PATIENT, reason="court order")
    both = small_lake.acting(lake, "eve", "privacy_officer")
    with pytest.raises(ServiceError, match="is not approved yet"):
        purge.run(lake, made.purge_id, patient_id=PATIENT)
    with pytest.raises(ServiceError, match="Another person must approve it"):
        purge.approve(both, made.purge_id)
    with pytest.raises(ServiceError, match="cannot approve a purge"):
        purge.approve(small_lake.acting(lake, "kim", "engineer"), made.purge_id)
    purge.approve(officer, made.purge_id)
    with pytest.raises(ServiceError, match="is about another patient"):
        purge.run(lake, made.purge_id, patient_id=OTHER)
    purge.run(lake, made.purge_id, patient_id=PATIENT)
    with pytest.raises(ServiceError, match="is done already"):
        purge.run(lake, made.purge_id, patient_id=PATIENT)


def test_each_step_is_in_the_audit_log_which_the_law_keeps(lake, officer):
    certificate = purged(lake, officer, patient_id=PATIENT)
    today = datetime.now(UTC).date()
    events = audit_log.search(officer, Search(today, today))
    done = {event.action: event for event in events}
    assert {"request_purge", "approve_purge", "purge"} <= done.keys()
    assert done["purge"].patients == (certificate["patient"],)
    kept = {name: until for name, until in certificate["kept_by_law"].items() if "audit_log" in name}
    assert len(kept) == 3
    assert {int(until[:4]) - today.year for until in kept.values()} == {6}


@pytest.mark.parametrize("step", ["withdraw", "remove"])
def test_an_interrupted_purge_is_finished_by_another_run(lake, officer, monkeypatch, step):
    made = purge.request(lake, patient_id=PATIENT, reason="court order")
    purge.approve(officer, made.purge_id)
    real = getattr(derived, step)

    def cut(*arguments):
        if step == "remove":
            real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(derived, step, cut)
    with pytest.raises(KeyboardInterrupt):
        purge.run(lake, made.purge_id, patient_id=PATIENT)
    monkeypatch.setattr(derived, step, real)
    purge.run(lake, made.purge_id, patient_id=PATIENT)
    assert [name for name, text in stored(lake).items() if PATIENT in text] == []


def test_what_still_has_an_identifier_is_no_certificate(lake, officer, monkeypatch):
    monkeypatch.setattr(derived, "remove", lambda *_: None)
    with pytest.raises(
        ServiceError, match=r"is not complete: \d objects of quality, results, silver still have"
    ):
        purged(lake, officer, patient_id=PATIENT)


def test_former_versions_go_too(monkeypatch):
    monkeypatch.setattr(small_lake, "CSV", HEADER + b"".join(LINES))
    with small_lake.moto(monkeypatch, versioned=True) as lake:
        small_lake.fill(lake)
        monkeypatch.setattr(purge, "_rebuild", lambda _: "")
        purged(lake, small_lake.acting(lake, "pat", "privacy_officer"), batch_id=small_lake.BATCH)
        listed = lake.client("s3").list_object_versions(Bucket="hdp-bronze")
        assert [each["Key"] for each in listed.get("Versions", [])] == [
            f"_manifests/{small_lake.BATCH}.retired"
        ]


@pytest.mark.parametrize(
    ("text", "lines", "kept"),
    [
        (b'h\na,K1\nb,"K1\nx"\nc,K2\n', {2, 3}, b"h\nc,K2\n"),
        (b"h\r\na,K1\r\nc,K2\r\n", {2}, b"h\r\nc,K2\r\n"),
        (b"h\na,K2\n", {2}, b"h\na,K2\n"),
        (b'{"id":"x","subject":{"reference":"Patient/K1"}}\n{"id":"y"}\n', {1}, b'{"id":"y"}\n'),
        (b"h\na,K10\n", {2}, b"h\na,K10\n"),
    ],
)
def test_only_records_on_the_lines_with_the_key_are_removed(text, lines, kept):
    assert patient.without(text, lines, {"K1"})[0] == kept
