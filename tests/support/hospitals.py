"""Random hospitals: silver rows with unknown references, versions, conflicts, and times near DST changes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from tests.support.gold_model import at

NIGHTS = ("2025-03-09 04:00", "2025-11-02 03:00", "2025-02-01 03:00", "2024-02-29 04:00")
"""UTC times around DST changes and ends of months in New York and Chicago."""


def _timestamp(rng):
    if rng.random() < 0.3:
        return at(rng.choice(NIGHTS)) + timedelta(minutes=rng.randrange(0, 600, 30))
    return at("2025-01-01") + timedelta(minutes=rng.randrange(0, 150 * 24 * 60))


def _patient(rng, key, hospital):
    births = (date(2000, 2, 29), date(1930, 3, 9), date(2025, 3, 9), date(1980, 11, 2), None)
    return {
        "patient_id": key,
        "mrn": rng.choice([None, f"M{key}", f"M{key}", f"M{key}", f"shared-{hospital}"]),
        "birth_date": rng.choice(births),
        "death_date": rng.choice([None, None, None, date(2025, 6, rng.randrange(1, 29))]),
        "sex": rng.choice(["F", "M"]),
        "payer": rng.choice(["Medicare", "Aetna", None]),
        "postal_code": rng.choice(["02115", "02116", "10001", None]),
        "updated_at": _timestamp(rng),
    }


def _stay(rng, key, patients):
    start = _timestamp(rng)
    return {
        "encounter_id": key,
        "patient_id": rng.choice(patients),
        "provider_npi": rng.choice([None, "1234567893", "1992345672"]),
        "encounter_class": rng.choice(["IMP", "ACUTE", "AMB", "EMER"]),
        "admitted_at": start,
        "discharged_at": rng.choice([None, *(start + _up_to(rng, days) for days in (1, 3, 20))]),
        "diagnosis_code": rng.choice([None, "J18.9", "I10"]),
        "diagnosis_code_system": "ICD-10-CM",
        "discharge_disposition": rng.choice([None, "home", "home", "Expired"]),
        "total_cost": rng.choice([None, Decimal("0.00"), Decimal("1234.56")]),
        "updated_at": _timestamp(rng),
    }  # fmt: skip


def _dose(rng, key, patients, stays):
    stay = rng.choice(stays) if stays and rng.random() < 0.8 else None
    ordered = stay["admitted_at"] if stay else _timestamp(rng)
    given = rng.choice([None, ordered, ordered + timedelta(seconds=rng.randrange(-90_000, 200_000))])
    return {
        "administration_id": key,
        "encounter_id": stay["encounter_id"] if stay else f"lost-{key}",
        "patient_id": stay["patient_id"] if stay and rng.random() < 0.9 else rng.choice(patients),
        "provider_npi": rng.choice([None, "1234567893", "1003000126"]),
        "medication_code": rng.choice(["29046", "197361"]),
        "medication_code_system": "RxNorm",
        "dose": rng.choice([None, 10.0, 2.5]),
        "ordered_at": rng.choice([None, ordered]),
        "administered_at": given,
        "status": "completed" if given else "not-done",
        "event_kind": "administration",
        "due_at": rng.choice([None, ordered + timedelta(minutes=rng.randrange(0, 600))]),
        "updated_at": _timestamp(rng),
    }


def _order(rng, key, patients, stays):
    """An order or a dispense, some without an encounter or a time."""
    kind, ordered = rng.choice(["order", "order", "dispense"]), _timestamp(rng)
    stay = rng.choice(stays) if stays and rng.random() < 0.6 else None
    handed_over = rng.choice([None, ordered + _up_to(rng, 3)]) if kind == "dispense" else None
    return {
        "administration_id": key,
        "encounter_id": stay["encounter_id"] if stay else rng.choice([None, f"lost-{key}"]),
        "patient_id": stay["patient_id"] if stay else rng.choice(patients),
        "provider_npi": rng.choice([None, "1234567893", "1003000126"]),
        "medication_code": rng.choice(["29046", "197361"]),
        "medication_code_system": "RxNorm",
        "dose": rng.choice([None, 10.0]),
        "ordered_at": rng.choice([None, ordered, ordered]),
        "administered_at": handed_over,
        "status": rng.choice(["completed", "cancelled"]),
        "event_kind": kind,
        "updated_at": _timestamp(rng),
    }


def _up_to(rng, days):
    return timedelta(minutes=rng.randrange(0, days * 1440 + 1))


def _again(rng, rows, changed):
    """Add versions to some rows: unchanged, changed later, or changed at the same time (a conflict)."""
    more = []
    for row in rows:
        for other in rng.choices(("", "same", "later", "torn"), (12, 2, 2, 1), k=1):
            if other == "same":
                more.append(dict(row))
            elif other:
                update = row["updated_at"] + timedelta(days=rng.randrange(1, 90) if other == "later" else 0)
                more.append({**row, **changed(rng), "updated_at": update})
    return rows + more


def hospital(rng, number):
    keys = [f"{number}-P{n}" for n in range(rng.randrange(1, 4))]
    patients = [_patient(rng, key, number) for key in keys if rng.random() < 0.85]  # the others are unknown
    stays = [_stay(rng, f"{number}-E{n}", keys) for n in range(rng.randrange(7))]
    doses = [_dose(rng, f"{number}-A{n}", keys, stays) for n in range(rng.randrange(6))]
    doses += [_order(rng, f"{number}-A{n}", keys, stays) for n in range(rng.randrange(4))]  # with their ids
    return {
        "patients": _again(rng, patients, lambda r: {"payer": r.choice(["Cigna", "Medicaid"])}),
        "encounters": _again(rng, stays, lambda r: {"total_cost": Decimal(r.randrange(5, 99))}),
        "diagnoses": [],
        "medications": _again(rng, doses, lambda r: {"dose": float(r.randrange(20, 40))}),
    }


def placed(rng, rows):
    """Return the rows in random order, spread over batches and files."""
    shuffled = rng.sample(rows, len(rows))
    return [
        {
            **row,
            "batch_id": f"b{(batch := rng.randrange(3))}",
            "source_file": f"{batch}.csv",
            "source_line": n,
        }
        for n, row in enumerate(shuffled)
    ]
