"""The rows that fail a rule are looked up where they are kept, masked until a clinician asks."""

from __future__ import annotations

import hashlib
import re

import pytest

from pipeline.contracts.model import load
from portal.athena import client as athena_client
from portal.core import pseudonyms
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.quality import failing_sql, patient_timeline
from portal.quality import results as quality
from tests.support import quarantine


def test_refused_rows_are_masked_until_a_clinician_asks(portal, acting, held_run):
    masked = quality.failing_rows(portal, held_run.run_id, "patients", "PAT-C01")
    assert len(masked) == 1
    assert re.fullmatch("row [0-9a-f]{16}", masked["row"].iloc[0])
    assert masked["birth_date"].iloc[0] == "••/••/••••", "the form of a date is what has to be judged"
    assert not masked.astype(str).apply(lambda column: column.str.contains("Q2|1984")).any().any()
    with pytest.raises(ServiceError, match="cannot view patient identifiers"):
        quality.identified_rows(portal, held_run.run_id, "patients", "PAT-C01")
    clinician = acting("dr.lee", "clinician")
    whole = quality.identified_rows(clinician, held_run.run_id, "patients", "PAT-C01")
    assert (whole["row"].iloc[0], whole["birth_date"].iloc[0]) == ("Q2", "03/09/1984")


def test_the_rows_that_a_failed_run_refused_are_there_masked_with_the_rules(portal, failed_run, acting):
    rows = quality.quarantined_rows(portal, failed_run.run.run_id, "patients")
    assert len(rows) == 2  # Q2 with a date of the wrong form, and one without its key
    assert set(rows["birth_date"]) == {"••/••/••••", "••••-••-••"}, "how they are written, not the dates"
    assert "Q2" not in rows.to_csv()
    assert all(rows["refused by"])
    with pytest.raises(ServiceError, match="Viewers cannot"):
        quality.quarantined_rows(acting("v", "viewer"), failed_run.run.run_id, "patients")


def test_a_pseudonym_is_the_same_in_every_run_and_is_not_a_hash_of_run_and_key(portal, failed_run, held_run):
    [label] = pseudonyms.labels(portal, "patients", ["Q2"])
    failing = quality.failing_rows(portal, held_run.run_id, "patients", "PAT-C01")
    quarantined = quality.quarantined_rows(portal, failed_run.run.run_id, "patients")
    assert label in set(failing["row"])
    assert label in set(quarantined["row"])
    for text in (f"{held_run.run_id} Q2", "Q2", "patients Q2", "patients\0Q2"):
        assert hashlib.sha256(text.encode()).hexdigest()[:8] not in label


def test_loaded_rows_that_fail_a_warning_are_found_in_silver(acting, held_run, portal):
    results = quality.results(portal, held_run.run_id)
    found = results[(results["zone"] == "silver") & (results["failed"] > 0) & (results["level"] == "row")]
    row = found[~found["severity"].isin(["error", "block"])].iloc[0]
    keys = quarantine.stored_keys(portal, held_run.run_id)[row["table_name"], row["rule_id"]]
    clinician = acting("dr.lee", "clinician")
    rows = quality.identified_rows(clinician, held_run.run_id, row["table_name"], row["rule_id"])
    kept_apart = quarantine.raw_rows(portal, held_run.run_id, row["table_name"])
    refused = set(kept_apart[kept_apart["disposition"] == "refused"]["record_key"])
    assert set(rows["row"]) == set(keys) - refused
    assert len(rows)


@pytest.mark.parametrize(
    ("table", "rule", "expected"),
    [
        ("encounters", "ENC-M04", "'new'"),
        ("encounters", "ENC-C06", "'new', 'old'"),
        ("encounters", "ENC-C11", "'new', 'old'"),
        ("medications", "MED-P12", "'new', 'old'"),
        ("patients", "PAT-P06", "'new', 'old'"),
    ],
)
def test_failing_rows_of_a_rule_of_the_release_are_looked_up_in_all_its_batches(
    monkeypatch, table, rule, expected
):
    plan = {"batch_ids": ["new"], "release_batch_ids": ["new", "old"]}
    monkeypatch.setattr(quality, "read_json", lambda *_: (plan, "tag"))
    aws = Context(Settings("t", "t", "", "ann", "analyst"), Clients(_clients={"s3": None}))
    query = quality.failing_query(aws, "run-1", table, rule)
    assert f"silver.batch_id IN ({expected})" in query.sql


def test_rows_that_a_rule_of_the_release_refuses_are_looked_up_in_quarantine(monkeypatch):
    monkeypatch.setattr(
        quality, "read_json", lambda *_: ({"batch_ids": ["b"], "release_batch_ids": ["b"]}, "")
    )
    aws = Context(Settings("t", "t", "", "ann", "analyst"), Clients(_clients={"s3": None}))
    query = quality.failing_query(aws, "run-1", "encounters", "ENC-P02")
    assert '"quarantine_encounters"' in query.sql
    assert query.is_exact


def test_only_the_version_that_fails_is_shown_and_only_of_the_batches_of_the_run(portal, held_run):
    """R1 came without a provider.

    Beside it, what silver would hold had it come again: with one, and elsewhere.
    """
    query = quality.failing_query(portal, held_run.run_id, "encounters", "ENC-M04")
    assert query.is_exact
    names = [column.name for column in load("silver", "encounters").columns]
    silver = f'"{portal.lake.database("silver")}"."encounters"'
    mine = f"SELECT * FROM {silver} WHERE encounter_id = 'R1'"
    elsewhere = ", ".join("'elsewhere' AS batch_id" if name == "batch_id" else name for name in names)
    passing = ", ".join("'1234567893' AS provider_npi" if name == "provider_npi" else name for name in names)
    more = f"({mine} UNION ALL SELECT {elsewhere} FROM ({mine}) UNION ALL SELECT {passing} FROM ({mine}))"
    sql = query.sql.replace(silver, more)
    found = athena_client.run_query(
        portal.assume_review_role(), sql, database=portal.lake.database("quality")
    ).frame
    assert list(found["encounter_id"]) == ["R1"]
    assert found["provider_npi"].isna().all()
    assert set(found["batch_id"]) <= set(held_run.batch_ids)


def test_every_query_for_failing_rows_is_understood_by_athena(portal, held_run):
    reviewing = portal.assume_review_role()
    for table in ("patients", "encounters", "medications"):
        for rule in load("silver", table).rules:
            if query := quality.failing_query(portal, held_run.run_id, table, rule.id):
                athena_client.run_query(reviewing, query.sql, database=portal.lake.database("quality"))


def test_exact_repeats_are_found_where_they_were_kept(acting, held_run):
    rows = quality.identified_rows(acting("dr.lee", "clinician"), held_run.run_id, "encounters", "ENC-P01")
    assert list(rows["row"]) == ["R3"]


@pytest.mark.parametrize("rule_id", ["ENC-P01", "ENC-M04"])
def test_the_patient_s_other_records_are_found_by_the_line_of_a_refused_and_of_a_loaded_row(
    portal, acting, held_run, rule_id
):
    clinician, silver = acting("dr.lee", "clinician"), portal.lake.database("silver")
    rows = quality.identified_rows(clinician, held_run.run_id, "encounters", rule_id)
    found = patient_timeline.of_record(clinician, held_run.run_id, "encounters", rule_id, 0)
    mine = f"WHERE patient_id = '{rows['patient_id'].iloc[0]}'"
    expected = athena_client.run_query(
        portal.assume_review_role(),
        "SELECT DISTINCT encounter_class, admitted_at, diagnosis_code, diagnosis_description, "
        f'discharge_disposition FROM "{silver}"."encounters" {mine}',
    ).frame
    assert len(expected)
    classes = found[found["Record"] == "Encounter"]["Class or drug"]
    assert sorted(classes) == sorted(expected["encounter_class"])


@pytest.mark.parametrize(("rule_id", "key"), [("PAT-C01", "Q2"), ("PAT-M01", None), ("ENC-M04", None)])
def test_failing_rows_say_in_which_line_of_which_file_they_are(portal, acting, held_run, rule_id, key):
    table = "encounters" if rule_id.startswith("ENC") else "patients"
    masked = quality.failing_rows(portal, held_run.run_id, table, rule_id)
    whole = quality.identified_rows(acting("dr.lee", "clinician"), held_run.run_id, table, rule_id)
    for rows in (masked, whole):
        assert len(rows)
        assert all(file.startswith(f"{table}/batch_id=") for file in rows["source_file"])
    if rule_id == "PAT-C01":
        assert (key, 3) in set(zip(whole["row"], whole["source_line"].astype(int), strict=True)), (
            "the line of Q2"
        )


@pytest.mark.parametrize(
    ("table", "rule", "has_all"),
    [("encounters", "ENC-M04", True), ("encounters", "ENC-P01", True), ("encounters", "ENC-P07", False)],
)
def test_a_correction_list_has_more_rows_than_the_page_where_a_row_tells_that_it_fails(
    monkeypatch, table, rule, has_all
):
    plan = {"batch_ids": ["b"], "release_batch_ids": ["b"]}
    monkeypatch.setattr(quality, "read_json", lambda *_: (plan, ""))
    aws = Context(Settings("t", "t", "", "ann", "analyst"), Clients(_clients={"s3": None}))
    listed = quality.failing_query(aws, "run-1", table, rule, failing_sql.MOST_CORRECTIONS).sql
    assert listed.endswith("LIMIT 100000")
    assert ("sample_keys" not in listed) == has_all
    assert quality.failing_query(aws, "run-1", table, rule).sql.endswith("LIMIT 200")
