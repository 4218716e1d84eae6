"""Every row rule has rows that fail it, rows that pass it, and rows to which it does not apply."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import conform, schema
from pipeline.glue_jobs.bronze_to_silver import diagnoses, encounters, lookups, medications, patients
from pipeline.glue_jobs.bronze_to_silver import load as loading
from pipeline.glue_jobs.runtime import SNAPSHOTS
from pipeline.glue_jobs.silver_to_gold import (
    admission,
    bridge_encounter_diagnosis,
    fact_encounter,
    fact_medication_admin,
)
from pipeline.rules import row_rules
from tests.support.rule_cases import CASES, EMPTY
from tests.support.rule_cases.rows import PEOPLE, SOUND, STAYS

KEYS = {table: load("silver", table).key[0] for table in tables("silver")}
RECEIVED_AT = "2025-03-01T00:00:00Z"
RULES = [(table, kind) for table in tables("silver") for kind in ("batch", "release")]


def _rules(table, kind):
    contract = load("silver", table)
    return row_rules.row_rules(contract) if kind == "batch" else row_rules.release_rules(contract)


def _cases(table, kind):
    """By label (rule, group, row, answer) every row of the cases of these rules."""
    found = {"empty||": {KEYS[table]: "empty"}}
    for rule in _rules(table, kind):
        for answer, groups in zip(("fails", "passes", "spares"), CASES[table][rule.id], strict=True):
            for g, group in enumerate(groups):
                own = f"{rule.id}-{answer}-{g}"
                names = {"mrn": own, "last_name": own} if table == "patients" else {}
                sound = {**SOUND[table], KEYS[table]: own, **names}
                for r, row in enumerate(group if isinstance(group, list) else [group]):
                    given = row.get("_answer", True)
                    told = answer if given else "passes" if given is False else "gone"
                    found[f"{rule.id}|{answer}-{g}.{r}|{told}"] = {**sound, **row}
    return found


def _typed(run, table, given, time_zone):
    """Rows of a batch as its job types them; `_line` is the row's place among those given."""
    shape = schema(load("bronze", table), partitions=False)
    for name, type_ in (("_file", "string"), ("_malformed", "boolean"), ("_line", "long")):
        shape = shape.add(name, type_)
    found = [{"_malformed": False, "_file": "f", "_line": n, **row} for n, row in enumerate(given)]
    received = frames.of(run.spark, found, shape).withColumns(
        {
            "batch_id": F.lit("b"),
            "batch": F.struct(
                F.lit(RECEIVED_AT).cast("timestamp").alias("received_at"),
                F.lit("General").alias("facility"),
            ),
            "_as_read": F.lit(None).cast("array<string>"),
        }
    )
    typed = JOBS[table].transform(loading.as_raw(received, table, "native"), time_zone)
    if table == "patients":
        return lookups.with_zip_states(run, typed)
    return lookups.with_formulary(run, typed) if table == "medications" else typed


JOBS = {
    "patients": patients,
    "encounters": encounters,
    "medications": medications,
    "diagnoses": diagnoses,
}


def _of_batch(run, table, given, time_zone):
    contract = load("silver", table)
    rules = row_rules.row_rules(contract)
    evaluated = row_rules.evaluate(_typed(run, table, given, time_zone), rules)
    kept = loading._kept(evaluated, contract, KEYS[table]).persist()
    return row_rules.across(loading.with_duplicates(kept, rules), rules, loading.ROW)


def _of_release(run, table, given, time_zone):
    people = frames.of(
        run.spark,
        [
            dict(zip(("patient_id", "birth_date", "death_date", "sex"), person, strict=True))
            for person in PEOPLE
        ],
        SNAPSHOTS["patients"],
    )
    stays = frames.of(
        run.spark,
        [
            dict(zip(("encounter_id", "patient_id", "admitted_at", "discharged_at"), stay, strict=True))
            for stay in STAYS
        ],
        SNAPSHOTS["encounters"],
    )
    refer = {
        "patients": lambda frame: frame,
        "encounters": lambda frame: fact_encounter.refer(frame, people, time_zone),
        "medications": lambda frame: fact_medication_admin.refer(frame, stays, people, time_zone),
        "diagnoses": lambda frame: bridge_encounter_diagnosis.refer(frame, stays, people),
    }
    silver = conform(_typed(run, table, given, time_zone), JOBS[table].CONTRACT)
    return admission.evaluate(silver, load("silver", table), refer[table])


def _judge(run, table, kind, given, time_zone="UTC"):
    """Return failed and applicable rules by file and line; a superseded row has none."""
    work, line = (_of_batch, "_line") if kind == "batch" else (_of_release, "source_line")
    found = work(run, table, given, time_zone).select(line, row_rules.FAILING, row_rules.APPLYING).collect()
    rules = _rules(table, kind)
    return {row[0]: (_named(rules, row[1]), _named(rules, row[2])) for row in found}


def _named(rules, words):
    return {rule.id for n, rule in enumerate(rules) if words[n // 32] >> (n % 32) & 1}


@pytest.fixture(scope="module")
def run(frames_run):
    return frames_run({}, {})[0]


@pytest.fixture(scope="module", params=RULES, ids="-".join)
def judged(request, run):
    """Return table, level of the rules, and failed and applicable rules by row label."""
    table, kind = request.param
    cases = _cases(table, kind)
    found = _judge(run, table, kind, cases.values())
    return table, kind, {label: found.get(n) for n, label in enumerate(cases)}


def test_every_rule_has_rows_that_fail_and_rows_that_pass():
    for table in tables("silver"):
        assert set(CASES[table]) == {rule.id for kind in ("batch", "release") for rule in _rules(table, kind)}
        assert [rule for rule, (fails, passes, _) in CASES[table].items() if not fails or not passes] == []


def test_each_rule_says_of_each_row_what_it_should(judged):
    *_, found = judged
    wrong = {}
    for label, of_row in found.items():
        rule, _, expected = label.split("|")
        failing, applying = of_row or ((), ())
        said = (
            "fails" if rule in failing else "passes" if rule in applying else "spares" if of_row else "gone"
        )
        if rule != "empty" and said != expected:
            wrong[label] = said
    assert wrong == {}


def test_what_is_missing_fails_the_rules_on_what_is_missing_alone(judged):
    table, kind, found = judged
    failing, _ = found["empty||"]
    assert failing == (EMPTY[table] if kind == "batch" else set())


def test_no_row_fails_a_rule_that_does_not_apply_to_it(judged):
    *_, found = judged
    assert [label for label, both in found.items() if both and both[0] - both[1]] == []


# New York is five hours behind UTC: a batch received at 00:00 UTC has the previous local date
NIGHT = [
    ("encounters", "batch", "ENC-P03", {"admitted_at": "2025-02-01T23:00:00-05:00",
                                        "discharged_at": "2025-02-01"}, False),
    ("encounters", "batch", "ENC-P03", {"admitted_at": "2025-02-01T23:00:00-05:00",
                                        "discharged_at": "2025-01-31"}, True),
    ("encounters", "batch", "ENC-P16", {"discharged_at": "2025-03-01T23:00:00-05:00"}, False),
    ("encounters", "batch", "ENC-P16", {"discharged_at": "2025-03-02"}, True),
    ("encounters", "release", "ENC-P04", {"patient_id": "baby", "admitted_at": "2025-01-20T04:59:59Z"}, True),
    ("encounters", "release", "ENC-P04", {"patient_id": "baby", "admitted_at": "2025-01-20T05:00:00Z"},
     False),
    ("encounters", "release", "ENC-P15", {"patient_id": "dead", "admitted_at": "2025-01-12T04:59:59Z"},
     False),
    ("encounters", "release", "ENC-P15", {"patient_id": "dead", "admitted_at": "2025-01-12"}, True),
    ("patients", "batch", "PAT-P03", {"birth_date": "2025-02-28"}, False),
    ("patients", "batch", "PAT-P03", {"birth_date": "2025-03-01"}, True),
    ("patients", "batch", "PAT-P04", {"death_date": "2025-03-01"}, True),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01",
                                         "ordered_at": "2025-02-01T23:00:00-05:00"}, False),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01T00:00:00-05:00"}, False),
    ("medications", "batch", "MED-P07", {"administered_at": "2025-02-01",
                                         "ordered_at": "2025-02-02T01:00:00-05:00"}, True),
    ("medications", "release", "MED-P08", {"patient_id": "dead", "administered_at": "2025-01-12T04:59:59Z"},
     False),
    ("medications", "release", "MED-P08", {"patient_id": "dead", "administered_at": "2025-01-12T05:00:00Z"},
     True),
]  # fmt: skip


def test_days_are_those_of_the_hospitals_clock(run):
    said = []
    for table, kind in dict.fromkeys(case[:2] for case in NIGHT):
        of_table = [case for case in NIGHT if case[:2] == (table, kind)]
        given = [SOUND[table] | {KEYS[table]: str(n)} | case[3] for n, case in enumerate(of_table)]
        found = _judge(run, table, kind, given, "America/New_York")
        said += [(*case[:4], case[2] in found[n][0]) for n, case in enumerate(of_table)]
    assert said == NIGHT
