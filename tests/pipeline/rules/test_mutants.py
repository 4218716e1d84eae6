"""Mutants of the gold jobs must be detected; each changes an operator, boundary, NULL, unit or join.

A mutant is a source text with one substitution. It is detected if its facts differ from gold in plain Python.
"""

from __future__ import annotations

import importlib
import random
import sys
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from pipeline import frames
from pipeline.contracts.model import load, tables
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.runtime import SNAPSHOTS
from tests.support.frames_run import dose_dimensions, star_of, stay_dimensions
from tests.support.gold_by_key import found_encounters, found_medications
from tests.support.gold_model import KEYS, Model, at, differences, statuses
from tests.support.hospitals import hospital, placed
from tests.support.mutants import (
    OF_ADMINISTRATION,
    OF_CLOCK,
    OF_ENCOUNTER,
    OF_READMISSION,
    OF_VERSIONS,
)

pytestmark = pytest.mark.slow

PACKAGE = "pipeline.glue_jobs.silver_to_gold"
ZONE = "America/New_York"


def _listed(of):
    return [
        pytest.param(old, new, id=f"{measure}-{kind}-{n}")
        for measure, mutants in of.items()
        for n, (kind, old, new) in enumerate(mutants)
    ]


@contextmanager
def _mutated(name, old="", new=""):
    """The module of this name with the text `old` replaced, for those too that are loaded meanwhile."""
    full = f"{PACKAGE}.{name}"
    sound = importlib.import_module(full)
    text = Path(str(sound.__file__)).read_text(encoding="utf-8")
    assert old in text, "the text to change is no longer there"
    module = ModuleType(full)
    module.__file__ = sound.__file__
    sys.modules[full] = module  # dataclasses look their module up
    try:
        exec(compile(text.replace(old, new) if old else text, str(sound.__file__), "exec"), module.__dict__)
        yield module
    finally:
        sys.modules[full] = sound


def _edge(key, first, last, kind="IMP"):
    return {
        "encounter_id": key,
        "patient_id": key[:-1],
        "provider_npi": None,
        "encounter_class": kind,
        "admitted_at": at(f"2025-{first} 17:00"),
        "discharged_at": at(f"2025-{last} 18:00"),
        "diagnosis_code": None,
        "discharge_disposition": None,
        "total_cost": None,
        "updated_at": at("2025-11-01"),
    }


EDGES = [
    _edge("x1a", "05-01", "05-10"),  # comes back on the first day
    _edge("x1b", "05-11", "05-12"),
    _edge("x2a", "09-20", "10-01"),  # its thirty days were over two days before the newest admission
    _edge("x3a", "11-02", "11-02", "AMB"),
    _edge("x4a", "05-01", "05-10"),  # a transfer, then a readmission
    _edge("x4b", "05-10", "05-12"),
    _edge("x4c", "05-20", "05-21"),
    _edge("x5a", "05-01", "05-20"),  # two stays within a longer one
    _edge("x5b", "05-05", "05-06"),
    _edge("x5c", "05-12", "05-13"),
    _edge("x5d", "06-05", "06-06"),
    _edge("x6a", "05-01", "05-02"),  # comes back after 25 days
    _edge("x6b", "05-27", "05-28"),
]
LATE_DOSE = {
    "administration_id": "late",
    "encounter_id": "nowhere",
    "patient_id": "nobody",
    "provider_npi": None,
    "medication_code": "29046",
    "medication_code_system": "RxNorm",
    "dose": None,
    "ordered_at": None,
    "administered_at": at("2025-06-01 03:00"),  # 23:00 on 31 May in New York
    "updated_at": at("2025-11-01"),
}


@pytest.fixture(scope="module")
def sound(spark):
    """Random hospitals: silver, gold made by the sound jobs, and what the model expects."""
    rng = random.Random(16)
    made = [hospital(rng, number) for number in range(80)]
    made.append({"patients": [], "encounters": EDGES, "diagnoses": [], "medications": [LATE_DOSE]})
    rows = {table: placed(rng, [row for each in made for row in each[table]]) for table in tables("silver")}
    silver = {t: frames.of(spark, rows[t], schema(load("silver", t))).persist() for t in rows}
    star, model = star_of(silver, ZONE), Model(rows, ZONE)
    admitted = {t: star.admitted(t).select(*schema(load("silver", t)).names).persist() for t in rows}
    known = {
        t: admitted[t].select(*(each.split()[0] for each in SNAPSHOTS[t].split(", "))).persist()
        for t in SNAPSHOTS
    }
    return SimpleNamespace(
        silver=silver,
        rows=rows,
        gold=star.gold,
        admitted=admitted,
        known=known,
        encounters=model.encounters(),
        medications=model.medications(),
    )


def _stays(sound, job):
    referred = job.refer(sound.admitted["encounters"], sound.known["patients"], ZONE)
    fact = job.select(job.transform(referred, stay_dimensions(sound.gold), ZONE), "r")
    return differences(sound.encounters, found_encounters(fact, sound.gold, sound.silver))


def _doses(sound, job):
    known = sound.known
    doses = sound.admitted["medications"].where("coalesce(event_kind, '') NOT IN ('order', 'dispense')")
    referred = job.refer(doses, known["encounters"], known["patients"], ZONE)
    fact = job.select(job.transform(referred, dose_dimensions(sound.gold), ZONE), "r")
    return differences(sound.medications, found_medications(fact, sound.gold, sound.silver))


def test_the_jobs_as_they_are_agree_with_the_model(sound):
    with _mutated("local_time"), _mutated("readmission"), _mutated("fact_encounter") as job:
        assert _stays(sound, job) == []
    with _mutated("local_time"), _mutated("fact_medication_admin") as job:
        assert _doses(sound, job) == []
    with _mutated("versions") as job:
        assert _statuses_by(sound, job) == _statuses_by_model(sound)


@pytest.mark.parametrize(("old", "new"), _listed(OF_ENCOUNTER))
def test_a_mutant_of_fact_encounter_is_found_out(sound, old, new):
    with _mutated("fact_encounter", old, new) as job:
        assert _stays(sound, job) != []


@pytest.mark.parametrize(("old", "new"), _listed(OF_ADMINISTRATION))
def test_a_mutant_of_fact_medication_admin_is_found_out(sound, old, new):
    with _mutated("fact_medication_admin", old, new) as job:
        assert _doses(sound, job) != []


@pytest.mark.parametrize(("old", "new"), _listed(OF_READMISSION))
def test_a_mutant_of_readmission_is_found_out(sound, old, new):
    with _mutated("readmission", old, new), _mutated("fact_encounter") as job:
        assert _stays(sound, job) != []


@pytest.mark.parametrize(("old", "new"), _listed(OF_CLOCK))
def test_a_mutant_of_the_hospitals_clock_is_found_out(sound, old, new):
    with _mutated("local_time", old, new), _mutated("fact_encounter") as job:
        assert _stays(sound, job) != []


MOVED = [
    {"encounter_id": "moved", "provider_name": name, "provider_specialty": specialty,
     "updated_at": "2025-01-01 00:00:00", "batch_id": "b", "source_file": "f", "source_line": n}
    for n, (name, specialty) in enumerate([("Surgery", None), (None, "Surgery")])
]  # fmt: skip
MOVED.append({**MOVED[0], "updated_at": "2024-12-31 00:00:00", "source_line": 2})
"""Two versions of one time whose texts differ in their column alone, and one before them."""


@pytest.mark.parametrize(("old", "new"), _listed(OF_VERSIONS))
def test_a_mutant_of_versions_is_found_out(sound, old, new):
    with _mutated("versions", old, new) as job:
        assert _statuses_by(sound, job) != _statuses_by_model(sound)


def _statuses_by(sound, job):
    contract = load("silver", "encounters")
    moved = frames.of(sound.silver["encounters"].sparkSession, MOVED, schema(contract))
    silver = sound.silver["encounters"].unionByName(moved)
    found = job.with_status(silver, contract).select(
        "encounter_id", "updated_at", "is_conflicting", "is_newest"
    )
    return sorted((key, f"{then:%Y-%m-%d %H:%M:%S}", *flags) for key, then, *flags in found.collect())


def _statuses_by_model(sound):
    given = [
        {**row, "updated_at": f"{row['updated_at']:%Y-%m-%d %H:%M:%S}"} for row in sound.rows["encounters"]
    ]
    said = statuses([*given, *MOVED], KEYS["encounters"])
    return sorted(
        (row["encounter_id"], row["updated_at"], status == "conflicting", status == "newest")
        for row, status in said
    )
