"""A random star schema as Parquet in the layout of a release, and a fake Athena over it, without a cloud.

Some departments, classes and months are rare, so that many counts are below 11.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import sqlglot

from portal.athena.client import QueryResult
from portal.core.context import Context
from portal.core.settings import Settings
from portal.dashboards.query_builder import QueryBuilder, with_source_rows

RELEASE = "run-by-hand"
ZONE = "America/New_York"
DEPARTMENTS = ["Emergency", "Family medicine", "Cardiology", "Surgery", "Oncology", "Urology", "Dermatology",
               "Nephrology",
    "Neurology", "Pediatrics", "Psychiatry", "Radiology", "Geriatrics", "Hematology", None]  # fmt: skip
CLASSES = ["AMB", "EMER", "IMP", "OBSENC", "VR", "ACUTE", None]


def _skewed(random, values, size):
    """Return random picks of `values`, each of which is about 0.6 times as frequent as the one before."""
    weights = 0.62 ** np.arange(len(values))
    return random.choice(np.array(values, dtype=object), size, p=weights / weights.sum())


def _gaps(random, values, share=0.05):
    return pd.Series(values, dtype=object).where(random.random(len(values)) > share, None)


def tables(patients, seed):
    """Return the tables of a star with an average of four encounters and six administrations per patient."""
    random = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "patient_key": np.arange(1, patients + 1),
            "patient_durable_key": np.arange(1, patients + 1) // 2 * 2 + 1,
            "sex": _skewed(random, ["F", "M", "X", "U"], patients),
            "state": _skewed(random, ["MA", "NH", "ME", "VT", None], patients),
            "zip3": _skewed(random, [f"{n:03}" for n in range(10, 30)], patients),
            "payer": _skewed(random, ["Medicare", "Aetna", "O'Hara's", "Medicaid", "None", None], patients),
            "age_band": random.choice([*(f"{n}-{n + 4}" for n in range(0, 90, 5)), "90+"], patients),
            "race": _skewed(random, ["white", "black", "asian", None], patients),
            "charlson_index": np.where(np.arange(patients) % 7 == 3, None, np.arange(patients) % 9 % 8),
            "language": _skewed(random, ["en", "es", "vi", "zh"], patients),
            "is_current": random.random(patients) > 0.1,
            "is_deceased": random.random(patients) < 0.03,
            "version": random.integers(1, 3, patients),
        }
    )
    unknown = dict.fromkeys(people.columns) | {
        "patient_key": -1,
        "patient_durable_key": -1,
        "is_current": True,
        "version": 1,
        "is_deceased": False,
    }
    people = pd.concat([people.astype(object), pd.DataFrame([unknown])], ignore_index=True)
    providers = pd.DataFrame(
        {"provider_key": range(1, 16), "provider_npi": [f"1{n:09}" for n in range(15)],
         "provider_name": ["Dr. A", "Dr. B", None] * 5,
         "provider_specialty": ["Cardiology", "Nursing", None, "Surgery", "Family"] * 3}
    )  # fmt: skip
    diagnoses = pd.DataFrame(
        {"diagnosis_key": range(1, 9), "diagnosis_description": [f"diagnosis {n}" for n in range(8)],
         "icd10_chapter_title": ["Circulatory", "Respiratory", None, "Injury", "Circulatory", "Eye", "Ear",
                                 "Skin"]}
    )  # fmt: skip
    medications = pd.DataFrame(
        {"medication_key": range(1, 15), "medication_name": [f"drug {n}" for n in range(14)],
         "therapeutic_class": ["Analgesic", "Antibacterial", None, "Antiemetic", "Sedative", "Diuretic",
                               "Rare"] * 2,
         "usual_dose_low": [100.0] * 12 + [None] * 2, "usual_dose_high": [500.0] * 12 + [None] * 2,
         "usual_dose_unit": ["mg"] * 12 + [None] * 2}
    )  # fmt: skip
    return {
        "dim_patient": people,
        "dim_provider": providers,
        "dim_diagnosis": diagnoses,
        "dim_medication": medications,
        "fact_encounter": _encounters(random, patients),
        "fact_medication_admin": _administrations(random, patients),
        "fact_medication_order": _orders(random, patients),
    }


def _timestamps(random, size):
    """Return timestamps of 2024 and 2025, few in the first months, and some of a month long before."""
    days = np.minimum(random.gamma(6, 70, size), 730).astype(int)
    days[: max(2, size // 900)] = -400
    return (
        pd.Timestamp("2024-01-01")
        + pd.to_timedelta(days, "D")
        + pd.to_timedelta(random.integers(0, 1440, size), "min")
    )


def _local(timestamps):
    """Convert UTC timestamps to hospital time."""
    return timestamps.dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)


def _encounters(random, patients):
    size = 4 * patients
    admitted = pd.Series(_timestamps(random, size))
    kind = _skewed(random, CLASSES, size)
    days = pd.Series(np.minimum(random.geometric(0.35, size) - 1, 45)).where(random.random(size) > 0.05, None)
    discharged = admitted + pd.to_timedelta(days.astype(float), "D")
    return pd.DataFrame(
        {
            "encounter_key": np.arange(size),
            "patient_key": random.integers(-1, patients + 1, size),
            "provider_key": random.integers(1, 17, size),
            "diagnosis_key": _skewed(random, [1, 2, 3, 4, 5, 6, 7, 8, -1], size).astype(int),
            "encounter_class": kind,
            "department": _skewed(random, DEPARTMENTS, size),
            "admitted_at": admitted,
            "discharged_at": discharged,
            "discharged_local_date": _local(discharged).dt.date,
            "local_date": _local(admitted).dt.date,
            "local_hour": _local(admitted).dt.hour,
            "time_zone": ZONE,
            "admitted_month": _local(admitted).dt.strftime("%Y-%m"),
            "length_of_stay_days": days.astype("Int64"),
            "length_of_stay_hours": days.astype(float) * 24,
            "total_cost": random.integers(100, 900_000, size) / 100,
            "is_readmitted_30d": pd.array(
                np.where(kind == "IMP", random.random(size) < 0.12, None), dtype="boolean"
            ),
            "age_at_admission": random.integers(0, 90, size),
            "discharge_disposition": "home",
        }
    )


def _administrations(random, patients):
    size = 6 * patients
    ordered = pd.Series(_timestamps(random, size))
    minutes = pd.Series(random.gamma(2, 18, size).round())
    status = pd.Series(_skewed(random, ["completed", "not-done", "stopped", "unknown"], size), dtype=object)
    given = (ordered + pd.to_timedelta(minutes, "min")).where(status != "not-done")
    at = given.fillna(ordered)
    return pd.DataFrame(
        {
            "administration_key": np.arange(size),
            "encounter_key": random.integers(0, 4 * patients, size),
            "patient_key": random.integers(1, patients + 1, size),
            "provider_key": random.integers(1, 17, size),
            "medication_key": _skewed(random, list(range(1, 15)), size).astype(int),
            "route": _skewed(random, ["PO", "IV", "IM", "SC", None], size),
            "status": status,
            "dose": pd.Series(
                random.choice([50.0, 100.0, 250.0, 500.0, 5000.0], size, p=[0.02, 0.3, 0.4, 0.26, 0.02])
            ),
            "dose_unit": _gaps(random, ["mg"] * size),
            "ordered_at": ordered,
            "administered_at": given,
            "ordered_date_key": _local(ordered).dt.strftime("%Y%m%d").astype(int),
            "local_date": _local(given).dt.date,
            "local_hour": _local(given).dt.hour.astype("Int64"),
            "time_zone": ZONE,
            "administered_month": _local(at).dt.strftime("%Y-%m"),
            "minutes_from_order": minutes.where(given.notna()),
            "due_at": given - pd.to_timedelta(minutes - 25, "min"),
            "minutes_from_due": (minutes - 25).where(given.notna()),
            "reason_not_given": pd.Series(_skewed(random, ["refused", "held", "asleep", None], size)).where(
                given.isna(), None
            ),
            "barcode_scanned": pd.array(
                np.where(given.notna(), random.random(size) < 0.93, None), dtype="boolean"
            ),
        }
    )


def _orders(random, patients):
    size = 6 * patients
    kind = pd.Series(_skewed(random, ["order", "dispense"], size))
    ordered = pd.Series(_timestamps(random, size))
    dispensed = (ordered + pd.to_timedelta(random.integers(0, 4000, size), "min")).where(kind == "dispense")
    local = _local(dispensed.fillna(ordered))
    return pd.DataFrame(
        {
            "order_key": np.arange(size),
            "event_kind": kind,
            "encounter_key": random.integers(-1, 4 * patients, size),
            "patient_key": random.integers(1, patients + 1, size),
            "provider_key": random.integers(1, 17, size),
            "medication_key": _skewed(random, list(range(1, 15)), size).astype(int),
            "route": _skewed(random, ["PO", "IV", None], size),
            "status": _skewed(random, ["completed", "active", "stopped", "cancelled"], size),
            "dose": 100.0,
            "dose_unit": "mg",
            "ordered_at": ordered,
            "dispensed_at": dispensed,
            "local_date": local.dt.date,
            "local_hour": local.dt.hour,
            "time_zone": ZONE,
            "ordered_month": local.dt.strftime("%Y-%m"),
        }
    )


def write(folder, patients, seed):
    """Write the star as Parquet files of a release below `folder`, and return `folder`."""
    sql = duckdb.connect()
    for name, frame in tables(patients, seed).items():
        target = folder / name / f"release_id={RELEASE}"
        target.mkdir(parents=True)
        sql.register("frame", frame)
        columns = "* REPLACE (total_cost::decimal(12, 2) AS total_cost)" if "total_cost" in frame else "*"
        sql.execute(f"COPY (SELECT {columns} FROM frame) TO '{target}/rows.parquet' (FORMAT parquet)")
    return folder


class Athena:
    """Fake Athena that runs the portal's SQL over the files of a star."""

    def __init__(self, folder):
        self.context = Context(Settings("hdp", "hdp", "", "ann", "analyst"))
        self.sql = duckdb.connect()
        database = self.context.lake.database("gold_releases")
        self.sql.execute(f'CREATE SCHEMA "{database}"')
        for table in folder.iterdir():
            self.sql.execute(
                f'CREATE TABLE "{database}"."{table.name}" AS SELECT * FROM '
                f"read_parquet('{table}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false)"
            )

    def ask(self, facts_sql):
        frame = self.sql.execute(sqlglot.transpile(facts_sql, read="athena", write="duckdb")[0]).df()
        return with_source_rows(QueryResult(frame, facts_sql, "", 0, 0.0, RELEASE))

    def chart_sql(self, chart, filters):
        return self.ask(QueryBuilder(self.context, RELEASE).chart_sql(chart, filters)).frame
