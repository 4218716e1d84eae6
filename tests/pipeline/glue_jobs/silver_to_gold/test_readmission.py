"""Readmission by episode: cases by hand, and random stays computed in three independent ways."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.glue_jobs.quality import recomputed
from pipeline.glue_jobs.silver_to_gold.readmission import with_readmission
from tests.support.gold_model import readmissions

SHAPE = """encounter_id string, patient_id string, encounter_class string, local_date date,
    discharged_local_date date, discharge_disposition string, death_date date"""

# encounter (the patient is all but its last letter), class, first and last day, disposition, state
CASE_16 = [
    ("r1a", "IMP", "2024-01-01", "2024-01-20", "home", "readmitted"),  # with b inside; c ten days after
    ("r1b", "IMP", "2024-01-05", "2024-01-06", "home", "readmitted"),
    ("r1c", "IMP", "2024-01-30", "2024-02-01", "home", "not readmitted"),
    ("r2a", "IMP", "2024-01-01", "2024-01-10", "home", "readmitted"),  # a transfer an hour later
    ("r2b", "IMP", "2024-01-10", "2024-01-12", "home", "readmitted"),
    ("r2c", "IMP", "2024-01-20", "2024-01-22", "home", "not readmitted"),
    ("r3a", "IMP", "2024-01-01", "2024-01-10", "home", "readmitted"),  # on day 30
    ("r3b", "IMP", "2024-02-09", "2024-02-10", "home", "not readmitted"),
    ("r4a", "IMP", "2024-01-01", "2024-01-10", "home", "not readmitted"),  # on day 31
    ("r4b", "IMP", "2024-02-10", "2024-02-11", "home", "not readmitted"),
    ("r5a", "IMP", "2024-01-01", "2024-01-10", "expired", "died"),
    ("r5b", "IMP", "2024-01-15", "2024-01-16", "home", "not readmitted"),
    ("r6a", "IMP", "2024-01-01", "2024-01-10", "home", "not readmitted"),  # an emergency visit does not count
    ("r6b", "EMER", "2024-01-15", "2024-01-15", "home", "not an index stay"),
    ("r7a", "IMP", "2024-01-01", "2024-01-10", "home", "not readmitted"),
    ("r8a", "IMP", "2024-05-20", "2024-05-25", "home", "window open"),
    ("r9a", "IMP", "2024-05-30", None, "home", "in hospital"),
    ("r10a", "OBSENC", "2024-01-01", "2024-01-10", "home", "not an index stay"),
    ("r10b", "IMP", "2024-01-12", "2024-01-16", "home", "not readmitted"),
    ("r11a", "IMP", "2024-01-01", "2024-01-10", "home", "readmitted"),  # dates without a time
    ("r11b", "IMP", "2024-01-10", "2024-01-12", "home", "readmitted"),
    ("r11c", "IMP", "2024-01-13", "2024-01-15", "home", "not readmitted"),
    # more of the kind; the newest admission of the release is of 1 June
    ("s1a", "ACUTE", "2024-01-01", "2024-01-03", "home", "readmitted"),  # a chain of three and the next day
    ("s1b", "IMP", "2024-01-03", "2024-01-05", "home", "readmitted"),
    ("s1c", "ACUTE", "2024-01-04", "2024-01-09", "home", "readmitted"),
    ("s1d", "IMP", "2024-01-10", "2024-01-11", "home", "not readmitted"),
    ("s2a", "IMP", "2024-05-02", "2024-05-20", "home", "readmitted"),  # seen already in a window that is open
    ("s2b", "IMP", "2024-05-25", "2024-05-26", "home", "window open"),
    ("s3a", "IMP", "2024-04-01", "2024-05-02", "home", "window open"),  # day 30 is the newest day
    ("s4a", "IMP", "2024-04-01", "2024-05-01", "home", "not readmitted"),  # day 31
    ("s5a", "IMP", "2024-01-01", "2024-01-20", "home", "died"),  # a stay within the episode ended in death
    ("s5b", "IMP", "2024-01-18", "2024-01-20", "Expired", "died"),
    ("s6a", "IMP", "2024-01-01", "2024-01-04", "home", "readmitted"),  # the next stay is open
    ("s6b", "IMP", "2024-02-01", None, "home", "in hospital"),
    ("s6c", "IMP", "2024-03-01", "2024-03-04", "home", "in hospital"),
    ("s7a", "IMP", "2024-01-01", "2024-01-01", "home", "not readmitted"),  # two on one day, both over on it
    ("s7b", "IMP", "2024-01-01", "2024-01-01", None, "not readmitted"),
    ("t0a", "AMB", "2024-06-01", "2024-06-01", "home", "not an index stay"),
]  # fmt: skip

DEATHS = {"s8": "2024-01-10"}
DIED = [("s8a", "IMP", "2024-01-05", "2024-01-10", "home", "died")]


def _rows(cases):
    return [
        {"encounter_id": e, "patient_id": e[:-1], "encounter_class": c, "local_date": a,
         "discharged_local_date": d, "discharge_disposition": how, "death_date": DEATHS.get(e[:-1])}
        for e, c, a, d, how, _ in cases
    ]  # fmt: skip


def _by_job(spark, rows):
    stays = frames.of(spark, rows, SHAPE)
    last = stays.agg(F.max("local_date").alias("last_local_date"))
    found = with_readmission(stays.crossJoin(last)).collect()
    assert len(found) == len(rows)
    return {r.encounter_id: (r.readmission_status, r.is_readmitted_30d) for r in found}


def _by_audit(spark, rows):
    stays = frames.of(spark, rows, SHAPE)
    stays.selectExpr(
        "encounter_id", "patient_id", "encounter_class", "discharge_disposition",
        "cast(local_date as timestamp) as admitted_at_local",
        "cast(discharged_local_date as timestamp) as discharged_at",
        "cast(discharged_local_date as timestamp) as discharged_at_local",
    ).createOrReplaceTempView("newest_encounters")  # fmt: skip
    stays.groupBy("patient_id").agg(F.max("death_date").alias("death_date")).createOrReplaceTempView(
        "newest_patients"
    )
    for name, sql in recomputed.VIEWS.items():
        if not name.startswith(("compared", "newest")):  # those of facts and medications
            spark.sql(sql).createOrReplaceTempView(name)
    found = spark.sql(
        "select e.encounter_id, coalesce(r.status, 'not an index stay'), r.readmitted "
        "from newest_encounters e "
        "left join recomputed_readmissions r on r.encounter_key = xxhash64(e.encounter_id)"
    ).collect()
    assert len(found) == len(rows)
    return {encounter: (status, readmitted) for encounter, status, readmitted in found}


ANSWERS = {"readmitted": True, "not readmitted": False}


@pytest.mark.parametrize("path", [_by_job, _by_audit])
def test_every_patient_of_the_case_is_as_by_hand(spark, path):
    cases = CASE_16 + DIED
    expected = {case[0]: (case[-1], ANSWERS.get(case[-1])) for case in cases}
    assert path(spark, _rows(cases)) == expected


DAY_0 = date(2024, 1, 1)
STAYS = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P2"]),
        st.sampled_from(["IMP", "ACUTE", "IMP", "EMER"]),
        st.integers(0, 100),
        st.none() | st.integers(0, 12) | st.integers(0, 3),
        st.sampled_from(["home", "home", "home", None, "EXPIRED"]),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(STAYS, min_size=1, max_size=12))
def test_job_audit_and_model_agree_on_random_stays(spark, hospitals):
    rows = []
    for h, stays in enumerate(hospitals):
        for n, (patient, kind, first, days, how) in enumerate(stays):
            start = DAY_0 + timedelta(days=first)
            last = None if days is None else start + timedelta(days=days)
            death = DAY_0 + timedelta(days=70) if patient == "P2" and h % 2 else None
            rows.append(
                {"encounter_id": f"{h}-{n}", "patient_id": f"{h}-{patient}", "encounter_class": kind,
                 "local_date": start, "discharged_local_date": last, "discharge_disposition": how,
                 "death_date": death}
            )  # fmt: skip
    expected = {key: (state, ANSWERS.get(state)) for key, state in _by_model(rows).items()}
    assert _by_job(spark, rows) == expected
    assert _by_audit(spark, rows) == expected


def _died(row):
    death, discharge = row["death_date"], row["discharged_local_date"]
    is_expired = (row["discharge_disposition"] or "").lower() == "expired"
    return is_expired or bool(death and discharge and death <= discharge)


def _by_model(rows):
    stays = [
        {
            "encounter_id": row["encounter_id"],
            "patient_id": row["patient_id"],
            "first": row["local_date"],
            "last": row["discharged_local_date"],
            "died": _died(row),
        }
        for row in rows
        if row["encounter_class"] in {"IMP", "ACUTE"}
    ]  # fmt: skip
    states = readmissions(stays, max((row["local_date"] for row in rows), default=None))
    return {row["encounter_id"]: states.get(row["encounter_id"], "not an index stay") for row in rows}
