"""Runs over DataFrames instead of files, with the jobs' own transforms and without a cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.bronze_to_silver import diagnoses, encounters, lookups, medications, patients
from pipeline.glue_jobs.bronze_to_silver import load as loading
from pipeline.glue_jobs.runtime import SNAPSHOTS, Run
from pipeline.glue_jobs.silver_to_gold import (
    admission,
    bridge_encounter_diagnosis,
    charlson,
    dim_department,
    dim_diagnosis,
    dim_medication,
    dim_patient,
    dim_provider,
    dim_time,
    fact_encounter,
    fact_medication_admin,
    fact_medication_order,
)
from pipeline.rules import row_rules

AS_OF = "2025-04-01"
RECEIVED_AT = "2026-01-01T00:00:00Z"
JOBS = {
    "patients": patients,
    "encounters": encounters,
    "medications": medications,
    "diagnoses": diagnoses,
}


@dataclass(frozen=True)
class Star:
    """A release: its gold tables, and the rows that release rules were evaluated on, by silver table."""

    gold: dict[str, DataFrame]
    evaluated: dict[str, DataFrame]

    def admitted(self, table: str) -> DataFrame:
        return self.evaluated[table].where("not _is_refused")

    def refused(self, table: str) -> DataFrame:
        """Return the rows quarantined by release rules, like `Run.refused_in_release`."""
        ids = row_rules.failing_ids(row_rules.release_rules(load("silver", table))).alias("rule_ids")
        return self.evaluated[table].where("_is_refused").select("source_file", "source_line", ids)


class FramesRun(Run):
    """A run of batch b1 whose parent release contains batch b0."""

    def silver(self, table, batch_ids=None):
        wanted = self.plan["release_batch_ids"] if batch_ids is None else batch_ids
        return self.plan["silver"][table].where(F.col("batch_id").isin(*wanted))

    def gold(self, table):
        return self.star.gold[table]

    def refused_in_release(self, table):
        return self.star.refused(table)

    def released(self, table, release_id):
        return super().released(table, None) if release_id is None else self.star_before.gold[table]

    def reconciliation(self, run_id):
        return super().reconciliation(None) if run_id is None else self.plan["reconciliation"][run_id]

    @cached_property
    def star(self):
        return star_of({table: self.silver(table) for table in tables("silver")}, self.time_zone)

    @cached_property
    def star_before(self):
        return star_of({table: self.silver(table, ["b0"]) for table in tables("silver")}, self.time_zone)


def star_of(silver: Mapping[str, DataFrame], time_zone: str) -> Star:
    """Build a release from silver frames with the steps of the jobs."""
    visits, given = silver["encounters"], silver["medications"]
    evaluated: dict[str, DataFrame] = {}

    def admit(table, refer):
        evaluated[table] = admission.evaluate(silver[table], load("silver", table), refer).persist()
        return evaluated[table].where("not _is_refused")

    def snapshot(table, admitted):
        return admitted.select(*(each.split()[0] for each in SNAPSHOTS[table].split(", ")))

    people = admit("patients", lambda frame: frame)
    known = snapshot("patients", people)
    stays = admit("encounters", lambda frame: fact_encounter.refer(frame, known, time_zone))
    known_stays = snapshot("encounters", stays)
    doses = admit(
        "medications", lambda frame: fact_medication_admin.refer(frame, known_stays, known, time_zone)
    )
    coded = admit("diagnoses", lambda frame: bridge_encounter_diagnosis.refer(frame, known_stays, known))
    versions = dim_patient.admitted_versions(silver["patients"], people)
    dimensions = {
        "dim_patient": dim_patient.select(
            dim_patient.transform(versions, AS_OF, charlson.index(visits, silver["diagnoses"])), "r"
        ),
        "dim_provider": dim_provider.select(dim_provider.transform(visits, given), "r"),
        "dim_time": dim_time.select(dim_time.transform(visits, given, time_zone), "r"),
        "dim_diagnosis": dim_diagnosis.select(dim_diagnosis.transform(visits, silver["diagnoses"]), "r"),
        "dim_department": dim_department.select(dim_department.transform(visits), "r"),
        "dim_medication": dim_medication.select(dim_medication.transform(given), "r"),
    }
    gold = {
        table: frame.persist() for table, frame in dimensions.items()
    }  # keeps the plans of the facts short
    of_stays = fact_encounter.transform(stays, stay_dimensions(gold), time_zone)
    is_order = fact_medication_admin.IS_ORDER
    of_doses = fact_medication_admin.transform(
        doses.where(f"not {is_order}"), dose_dimensions(gold), time_zone
    )
    of_orders = fact_medication_order.transform(doses.where(is_order), dose_dimensions(gold), time_zone)
    gold["fact_encounter"] = fact_encounter.select(of_stays, "r").persist()
    gold["fact_medication_admin"] = fact_medication_admin.select(of_doses, "r").persist()
    gold["fact_medication_order"] = fact_medication_order.select(of_orders, "r").persist()
    of_codes = bridge_encounter_diagnosis.transform(coded, gold["dim_patient"], time_zone)
    gold["bridge_encounter_diagnosis"] = bridge_encounter_diagnosis.select(of_codes, "r").persist()
    return Star(gold, evaluated)


def stay_dimensions(gold: Mapping[str, DataFrame]) -> fact_encounter.Dimensions:
    names = ("patient", "time", "provider", "diagnosis", "department")
    return fact_encounter.Dimensions(*(gold[f"dim_{name}"] for name in names))


def dose_dimensions(gold: Mapping[str, DataFrame]) -> fact_medication_admin.Dimensions:
    names = ("patient", "time", "medication", "provider")
    return fact_medication_admin.Dimensions(*(gold[f"dim_{name}"] for name in names))


def silver_of(
    run: Run, table: str, received: Sequence[Mapping[str, object]], batch_id: str, time_zone: str
) -> DataFrame:
    """Return the silver rows of a received batch, loaded with the steps of the table's job."""
    contract = load("silver", table)
    if not received:
        return frames.of(run.spark, [], schema(contract))
    shape = schema(load("bronze", table), partitions=False)
    for name, type_ in (("_file", "string"), ("_malformed", "boolean"), ("_line", "long")):
        shape = shape.add(name, type_)
    lines = [
        {"_malformed": False, "_file": f"{batch_id}.csv", "_line": n, **row}
        for n, row in enumerate(received, 2)
    ]
    frame = frames.of(run.spark, lines, shape).withColumns(
        {
            "batch_id": F.lit(batch_id),
            "batch": F.struct(
                F.lit(RECEIVED_AT).cast("timestamp").alias("received_at"),
                F.lit("General").alias("facility"),
            ),
            "_as_read": F.lit(None).cast("array<string>"),
        }
    )
    typed = JOBS[table].transform(loading.as_raw(frame, table, "native"), time_zone)
    if table == "patients":
        typed = lookups.with_zip_states(run, typed)
    if table == "medications":
        typed = lookups.with_formulary(run, typed)
    rules = row_rules.row_rules(contract)
    kept = loading._kept(row_rules.evaluate(typed, rules), contract, contract.key[0]).persist()
    whole = row_rules.across(loading.with_duplicates(kept, rules), rules, loading.ROW)
    accepted = whole.where(loading._disposition(rules) == loading.LOADED)
    return conform(accepted, JOBS[table].CONTRACT)
