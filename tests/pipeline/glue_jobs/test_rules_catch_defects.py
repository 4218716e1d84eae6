"""Every seeded defect is caught by the rule that the ground truth names; clean data raises no error."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load as load_contract
from pipeline.contracts.spark import conform, schema
from pipeline.data_generator import Options
from pipeline.data_generator.defects.kinds import KINDS
from pipeline.data_generator.writer import generate
from pipeline.glue_jobs.bronze_to_silver import encounters, load, lookups, medications, patients
from pipeline.glue_jobs.quality import audit
from pipeline.glue_jobs.runtime import Run
from pipeline.lake.uris import Lake
from pipeline.rules import row_rules as rows
from pipeline.sources import spark as sources
from tests.support.frames_run import star_of

JOBS = {"patients": patients, "encounters": encounters, "medications": medications}
SEEDS = (1, 2, 3)
ZONE = "America/New_York"
KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}


class FilesRun(Run):
    """A run over files on disk: no cloud is asked."""

    def manifests_of(self, batch_ids):
        return [self.plan["manifest"] for _ in batch_ids]


@pytest.fixture
def judge(spark, tmp_path):
    """Generates an extract and gives, by table, the rows with the rules that they fail."""
    root = os.environ["HDP_S3_ROOT"]

    def run(every, prefix):
        tables = {table: {"files": []} for table in JOBS}
        defects = []
        for options in every:
            folder = generate(options, tmp_path / f"{prefix}{options.seed}").folder
            for table in JOBS:
                target = Path(root) / f"{prefix}-bronze" / table
                target.mkdir(parents=True, exist_ok=True)
                content = (folder / f"{table}.csv").read_bytes()
                (target / f"{options.seed}.csv").write_bytes(content)
                tables[table]["files"].append(_entry(f"{table}/{options.seed}.csv", content))
            if (key := folder / "_defects.csv").is_file():
                defects += csv.DictReader(key.open())
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        manifest = {"batch_id": "b1", "source": "native", "received_at": now, "tables": tables}
        plan = {"run_id": "r", "batch_ids": ["b1"], "release_batch_ids": ["b1"], "manifest": manifest}
        plan["time_zone"] = ZONE
        job = FilesRun(spark, Lake(prefix), "test", plan)
        return _evaluated(job), defects

    return run


def _entry(key, content):
    """A file as the manifest lists it; the generator writes one row a line."""
    header, *rows = content.decode().splitlines()
    return {
        "key": key,
        "header": header.split(","),
        "header_lines": 1,
        "encoding": "utf-8",
        "delimiter": ",",
        "rows": len(rows),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def _evaluated(job):
    """By table: results of the rules on rows, rows as received with the rules that they fail, and silver.

    A row fails rules of its batch, or those of the release that it would be part of.
    """
    loaded = {table: _loaded(job, table) for table in JOBS}
    silver = {table: silver for table, (*_, silver) in loaded.items()} | _no_diagnoses(job.spark)
    star = star_of(silver, ZONE)
    found = {}
    for table, (results, failing, silver) in loaded.items():
        contract = load_contract("silver", table)
        rules = rows.release_rules(contract)
        judged = star.evaluated[table].withColumn("received", F.to_json(F.struct(KEYS[table])))
        of_release = rows.results_of(rows.Tally.of(judged), judged, rules, contract, KEYS[table])
        found[table] = (results + of_release, failing + _failing(judged, rules), silver)
    return found


def _no_diagnoses(spark):
    """The generator writes the diagnosis of an encounter in the encounter's row only."""
    return {"diagnoses": frames.of(spark, [], schema(load_contract("silver", "diagnoses")))}


def _loaded(job, table):
    contract = load_contract("silver", table)
    rules = rows.row_rules(contract)
    typed = JOBS[table].transform(load.received(job, table), ZONE)
    if table == "patients":
        typed = lookups.with_zip_states(job, typed)
    if table == "medications":
        typed = lookups.with_formulary(job, typed)
    typed = typed.withColumn("received", sources.received(sources.AS_READ, table))
    evaluated = load.with_duplicates(rows.evaluate(typed, rules).persist(), rules)
    whole = rows.across(evaluated, rules, load.ROW).persist()
    results = rows.results_of(rows.Tally.of(whole), whole, rules, contract, KEYS[table])
    accepted = whole.where(load._disposition(rules) == load.LOADED)
    return results, _failing(whole, rules), conform(accepted, JOBS[table].CONTRACT).persist()


def _failing(evaluated, rules):
    named = F.array_compact(
        F.array(*(F.when(rows._bit(rows.FAILING, n) == 1, F.lit(r.id)) for n, r in enumerate(rules)))
    )
    found = evaluated.where(F.size(named) > 0).select("received", named.alias("rules")).collect()
    return [(row["received"], set(row["rules"])) for row in found]


def test_each_defect_of_three_seeds_is_caught_by_its_rule(judge, recall):
    judged, defects = judge([Options(patients=1000, seed=seed, defect_rate=0.08) for seed in SEEDS], "dirty")
    tally = defaultdict(lambda: [0, 0])
    for table in JOBS:
        flagged = defaultdict(set)
        for received, failing in judged[table][1]:
            flagged[_key(received, KEYS[table])] |= failing
        seeded = [line for line in defects if line["table"] == table]
        for line in seeded if table != "patients" else _visible(seeded, judged[table][2]):
            caught = line["rule_id"] in flagged[line["key"]] or _in_any(line, judged[table][1])
            count = tally[line["kind"], line["rule_id"]]
            count[0] += 1
            count[1] += caught
    recall([(*name, *counts) for name, counts in sorted(tally.items())])
    assert {name: counts for name, counts in tally.items() if counts[0] != counts[1]} == {}
    assert {kind for kind, _ in tally} == {kind.name for kind in KINDS}


def _visible(seeded, silver):
    """Drop shared numbers of superseded versions, or whose other owner was quarantined."""
    found = silver.groupBy("patient_id").agg(F.max_by("mrn", "updated_at").alias("mrn")).collect()
    numbers = {row.patient_id: row.mrn for row in found}
    owners = Counter(number for number in numbers.values() if number)
    return [line for line in seeded if line["kind"] != "shared_mrn" or owners[numbers.get(line["key"])] > 1]


def _key(received, column):
    try:
        return json.loads(received).get(column, "")
    except ValueError:
        return received.split(",")[0]


def _in_any(line, found):
    """A row without its key is found by its rule and by being without it."""
    if line["kind"] != "missing_key":
        return False
    column = line["column"]
    return any(line["rule_id"] in rules and column not in _fields(received) for received, rules in found)


def _fields(received):
    try:
        return json.loads(received)
    except ValueError:
        return {}


def test_clean_data_of_three_seeds_raise_no_error(spark, judge, frames_run):
    judged, _ = judge([Options(patients=1000, seed=seed) for seed in SEEDS], "clean")
    results = [result for found, *_ in judged.values() for result in found]
    silver = {table: _in_two_batches(frame) for table, (*_, frame) in judged.items()}
    silver |= _no_diagnoses(spark)
    received = {table: found[0].checked for table, (found, *_) in judged.items()}
    audit.create_views(*frames_run(silver, {run: _account(spark, received) for run in ("r0", "r1")}))
    results += audit.measure(spark, has_parent=True, has_new=True)
    assert {r.rule.level for r in results if r.checked} == {"row", "release", "table", "run"}
    assert [r.rule.id for r in results if r.status == "error"] == []
    grave = [r for r in results if r.rule.severity in {"error", "block"}]
    assert [(r.table, r.rule.id, r.failed) for r in grave if r.failed or r.status == "fail"] == []


def _in_two_batches(frame):
    """A fifth of the patients, with all that is theirs, as the new batch."""
    return frame.withColumn("batch_id", F.expr("if(pmod(hash(patient_id), 5) < 4, 'b0', 'b1')"))


def _account(spark, received):
    lines = [
        {"table_name": t, "batch_id": "b1", "received": n, "loaded": n, "quarantined": 0, "duplicates": 0}
        for t, n in received.items()
    ]
    return frames.of(spark, lines, schema(load_contract("quality", "reconciliation"), partitions=False))
