"""Admission to a release: reconciliation, findings on unknown references, quarantined rows."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.contracts.model import load
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.errors import JobError
from pipeline.glue_jobs.runtime import SNAPSHOTS, Run
from pipeline.glue_jobs.silver_to_gold import admission, fact_encounter, fact_medication_admin
from pipeline.lake.uris import Lake

UTC = "UTC"
CONTRACT = load("silver", "encounters")


class RecordingRun(Run):
    """A run over one silver frame that keeps what it would write."""

    def silver(self, table, batch_ids=None):
        return self.plan["silver"]

    def ended(self, contract):
        return None

    def write_results(self, results):
        self.plan["results"] = {result.rule.id: result for result in results}

    def write_quality(self, table, rows):
        self.plan["quality"][table] = rows

    def write(self, frame, address, partition_by=None):
        self.plan["written"][address] = frame.collect()

    def delete(self, address):
        self.plan["deleted"].append(address)

    def register(self, contract, partitions):
        pass


@pytest.fixture
def admit(spark):
    """Admits encounters of which one patient, P, born in 1980, is known; gives the run and the admission."""

    def admit_(rows):
        given = [
            {"updated_at": "2025-02-01 00:00:00", "admitted_at": "2025-01-01 08:00:00", "patient_id": "P",
             "batch_id": "b", "source_file": "encounters.csv", "source_line": n, **row}
            for n, row in enumerate(rows, 2)
        ]  # fmt: skip
        silver = frames.of(spark, given, schema(CONTRACT))
        patients = frames.of(spark, [{"patient_id": "P", "birth_date": "1980-02-03"}], SNAPSHOTS["patients"])
        plan = {"run_id": "r1", "silver": silver, "quality": {}, "written": {}, "deleted": []}
        run = RecordingRun(spark, Lake("t"), "silver_to_gold_fact_encounter", plan)
        made = admission.admit(run, "encounters", lambda frame: fact_encounter.refer(frame, patients, UTC))
        return run, made

    return admit_


def _stays(number, unknown):
    """So many encounters, the last of them of patients that nobody knows."""
    return [
        {"encounter_id": f"E{n}", "patient_id": "P" if n < number - unknown else f"nobody-{n}"}
        for n in range(number)
    ]


@pytest.mark.parametrize(
    ("number", "unknown", "warning", "block"),
    [
        (20, 0, "pass", "pass"),
        (2000, 1, "pass_with_failures", "pass_with_failures"),  # 1 in 2,000, of 1 in 1,000
        (200, 1, "fail", "pass_with_failures"),
        (20, 1, "fail", "pass_with_failures"),  # 5 in 100
        (19, 1, "fail", "fail"),
    ],
)
def test_encounters_of_unknown_patients_are_counted_and_block_above_5_in_100(
    admit, number, unknown, warning, block
):
    run, made = admit(_stays(number, unknown))
    results = run.plan["results"]
    for rule, status in (("ENC-C06", warning), ("ENC-C11", block)):
        assert (results[rule].checked, results[rule].failed) == (number, unknown)
        assert results[rule].status == status
        assert set(results[rule].sample_keys) == {f"E{n}" for n in range(number - unknown, number)}
    assert (made.admitted, made.quarantined) == (number, 0), "they stay, on the unknown patient"
    assert run.plan["written"] == {}


MIXED = [
    {"encounter_id": "sound"},
    {"encounter_id": "changed", "total_cost": 5},
    {"encounter_id": "changed", "total_cost": 7, "updated_at": "2025-02-02 00:00:00"},
    {"encounter_id": "unborn", "admitted_at": "1980-02-02 23:59:59"},
    {"encounter_id": "torn", "total_cost": 1},
    {"encounter_id": "torn", "total_cost": 2},
]


def test_rows_that_a_release_refuses_are_set_aside_with_their_reasons(admit):
    run, made = admit(MIXED)
    assert (made.admitted, made.quarantined) == (2, 3)
    assert {row.encounter_id: row.total_cost for row in made.rows.collect()} == {"sound": None, "changed": 7}
    ((address, refused),) = run.plan["written"].items()
    assert address.endswith("quarantine/encounters/run_id=r1/stage=release/")
    assert run.plan["deleted"] == [address], "a job that runs again replaces what it wrote"
    assert sorted((row.record_key, row.source_line, *row.rule_ids) for row in refused) == [
        ("torn", 6, "ENC-P02"),
        ("torn", 7, "ENC-P02"),
        ("unborn", 5, "ENC-P04"),
    ]
    assert {row.disposition for row in refused} == {admission.REFUSED}
    assert all(row.reasons and row.batch_id == "b" for row in refused)
    (unborn,) = (row.raw for row in refused if row.record_key == "unborn")
    assert '"admitted_at":"1980-02-02T23:59:59Z"' in unborn


def test_silver_rows_are_gold_rows_superseded_versions_and_quarantined_rows(admit):
    run, made = admit(MIXED)
    admission.reconcile(run, made, "fact_encounter", gold_rows=2)
    assert run.plan["quality"]["release_reconciliation"] == [
        {
            "table_name": "encounters",
            "gold_table": "fact_encounter",
            "silver_rows": 6,
            "gold_rows": 2,
            "superseded": 1,
            "quarantined": 3,
        }
    ]


@pytest.mark.parametrize("gold_rows", [1, 3])
def test_a_row_lost_or_invented_on_the_way_to_gold_ends_the_job(admit, gold_rows):
    run, made = admit(MIXED)
    with pytest.raises(
        JobError, match=f"do not reconcile: silver 6, gold {gold_rows}, superseded 1, quarantined 3"
    ):
        admission.reconcile(run, made, "fact_encounter", gold_rows)
    assert run.plan["quality"]["release_reconciliation"][0]["gold_rows"] == gold_rows, "the account is kept"


MEDICATIONS = [
    {"administration_id": "1", "event_kind": "administration"},
    {"administration_id": "1", "event_kind": "order"},
    {"administration_id": "1", "event_kind": "order", "updated_at": "2025-02-02 00:00:00"},
    {"administration_id": "1", "event_kind": "dispense"},
    {"administration_id": "2", "event_kind": "order", "dose": 1.0},
    {"administration_id": "2", "event_kind": "order", "dose": 2.0},
    {"administration_id": "3"},
]


class SharedRun(RecordingRun):
    """A run whose jobs see what an earlier one quarantined."""

    def refused_in_release(self, table):
        lines = [(row.source_file, row.source_line) for rows in self.plan["written"].values() for row in rows]
        shape = "source_file string, source_line bigint"
        return frames.of(self.spark, [{"source_file": f, "source_line": n} for f, n in lines], shape)


def test_two_facts_take_each_row_of_one_silver_table_once(spark):
    given = [
        {"updated_at": "2025-02-01 00:00:00", "patient_id": "P", "encounter_id": "E", "batch_id": "b",
         "source_file": "m.csv", "source_line": n, **row}
        for n, row in enumerate(MEDICATIONS, 2)
    ]  # fmt: skip
    silver = frames.of(spark, given, schema(load("silver", "medications")))
    nobody, nowhere = (frames.of(spark, [], SNAPSHOTS[table]) for table in ("patients", "encounters"))
    plan = {"run_id": "r1", "silver": silver, "quality": {}, "written": {}, "deleted": []}
    run = SharedRun(spark, Lake("t"), "silver_to_gold_fact_medication_admin", plan)
    refer = lambda frame: fact_medication_admin.refer(frame, nowhere, nobody, UTC)  # noqa: E731
    is_order = fact_medication_admin.IS_ORDER
    given_ = admission.admit(run, "medications", refer, part=f"not {is_order}")
    ordered = admission.admitted(run, "medications", refer, part=is_order)
    assert [(row.administration_id, row.source_line) for row in given_.rows.collect()] == [("1", 2), ("3", 8)]
    assert sorted((row.event_kind, row.source_line) for row in ordered.rows.collect()) == [
        ("dispense", 5),
        ("order", 4),
    ]
    assert (given_.admitted, given_.quarantined) == (2, 0)
    assert (ordered.admitted, ordered.quarantined) == (2, 2), "two orders of one identifier and time conflict"
    admission.reconcile(run, ordered, "fact_medication_order", gold_rows=2)
    assert run.plan["quality"]["release_reconciliation"] == [
        {
            "table_name": "medications",
            "gold_table": "fact_medication_order",
            "silver_rows": 5,
            "gold_rows": 2,
            "superseded": 1,
            "quarantined": 2,
        }
    ]
    with pytest.raises(
        JobError, match="fact_medication_admin in release r1 do not reconcile: silver 2, gold 1"
    ):
        admission.reconcile(run, given_, "fact_medication_admin", gold_rows=1)
