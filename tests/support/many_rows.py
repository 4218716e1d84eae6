"""A release's rows many times over as files of another release, and their partitions in the catalog."""

from __future__ import annotations

from pipeline.releases import model as release_model
from tests.support.chart_truth import Star

# the first run's few rows many times over, spread over departments, classes, medications and days
MANY = {
    "fact_encounter": """SELECT * EXCLUDE (admitted_month) REPLACE (
            timezone(time_zone, (admitted_at + i * INTERVAL 31 HOUR)::timestamptz)::date AS local_date,
            xor(encounter_key, i) AS encounter_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS
            patient_key, if(i = 1, NULL, ['Cardiology', 'Family medicine', 'Urology', 'Surgery', 'Oncology',
            'Neurology', 'Nephrology',
                'Pediatrics', 'Obstetrics', 'Psychiatry', 'Hematology', 'Dermatology', 'Orthopedics',
                'Radiology' ][1 + (i * i + abs(encounter_key % 5)) % 14]) AS department,
            ['AMB', 'AMB', 'EMER', 'IMP', 'ACUTE', 'OBSENC', 'VR'][1 + (i + abs(encounter_key % 3)) % 7] AS
            encounter_class, admitted_at + i * INTERVAL 31 HOUR AS admitted_at, hour(timezone(time_zone,
            (admitted_at + i * INTERVAL 31 HOUR)::timestamptz)) AS local_hour, (i % 5 * 9)::int AS
            length_of_stay_days, [true, false, false, NULL][1 + i % 4] AS is_readmitted_30d, provider_keys[1 +
            (i * 7 + abs(encounter_key % 11)) % len(provider_keys)] AS provider_key),
        strftime(timezone(time_zone, (admitted_at + i * INTERVAL 31 HOUR)::timestamptz), '%Y-%m')
            AS admitted_month""",
    "fact_medication_admin": """SELECT * EXCLUDE (administered_month) REPLACE (
            timezone(time_zone, (administered_at + i * INTERVAL 31 HOUR)::timestamptz)::date AS local_date,
            strftime(timezone(time_zone, (ordered_at + i * INTERVAL 31 HOUR)::timestamptz), '%Y%m%d')::int AS
            ordered_date_key, xor(administration_key, i) AS administration_key, xor(encounter_key, i) AS
            encounter_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS patient_key, ['PO', 'PO',
            'IV', 'IM', 'SC', NULL][1 + i % 6] AS route, medication_keys[1 + (i // 2 + abs(encounter_key % 3))
            % len(medication_keys)] AS medication_key, provider_keys[1 + (i * 7 + abs(encounter_key % 11)) %
            len(provider_keys)] AS provider_key, minutes_from_order + i % 4 * 17 AS minutes_from_order, if(i %
            5 = 0, 'not-done', status) AS status, ordered_at + i * INTERVAL 31 HOUR AS ordered_at,
            administered_at + i * INTERVAL 31 HOUR AS administered_at,
            due_at + i * INTERVAL 31 HOUR AS due_at,
            if(i % 5 = 0, ['refused', 'held', NULL][1 + i // 5 % 3], reason_not_given) AS reason_not_given,
            hour(timezone(time_zone,
            (administered_at + i * INTERVAL 31 HOUR)::timestamptz)) AS local_hour),
        strftime(timezone(time_zone,
            (coalesce(administered_at, ordered_at) + i * INTERVAL 31 HOUR)::timestamptz), '%Y-%m')
            AS administered_month""",
    "fact_medication_order": """SELECT * EXCLUDE (ordered_month) REPLACE (
            xor(order_key, i) AS order_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS patient_key,
            timezone(time_zone, (coalesce(dispensed_at, ordered_at)
                + i * INTERVAL 31 HOUR)::timestamptz)::date AS local_date,
            medication_keys[1 + (i // 2 + abs(order_key % 3)) % len(medication_keys)] AS medication_key,
            ['PO', 'IV', NULL][1 + i % 3] AS route, if(i % 9 = 0, 'stopped', status) AS status,
            ordered_at + i * INTERVAL 31 HOUR AS ordered_at,
            dispensed_at + i * INTERVAL 31 HOUR AS dispensed_at),
        strftime(timezone(time_zone, (coalesce(dispensed_at, ordered_at)
            + i * INTERVAL 31 HOUR)::timestamptz), '%Y-%m') AS ordered_month""",
    "dim_patient": """SELECT * REPLACE (xor(patient_key, i % 10) AS patient_key,
            xor(patient_durable_key, i // 2) AS patient_durable_key,  -- each of two versions
            printf('%03d', 100 + (i + abs(patient_key % 4)) % 20) AS zip3,
            ['M', 'F', 'F', 'X', 'U'][1 + i % 5] AS sex,
            if(i = 2, NULL, ['40-44', '45-49', '50-54', '90+'][1 + (i + abs(patient_key % 3)) % 4])
            AS age_band)""",
}


MONTHS = {
    "fact_encounter": "admitted_month",
    "fact_medication_admin": "administered_month",
    "fact_medication_order": "ordered_month",
}


def multiply(root, release_id, many_id, times):
    """The files of a release, its facts and patients so many times over, as files of another."""
    star = Star(root, release_id).sql
    held = {name for (name,) in star.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    for table in release_model.GOLD_TABLES:
        if table not in held:
            continue  # a table without rows
        folder = root / table / f"release_id={many_id}"
        folder.mkdir(parents=True)
        rows = f"SELECT * EXCLUDE (release_id) FROM {table}"
        if table == "dim_patient":
            many = f"{MANY[table]} FROM dim_patient, range({min(times, 10)}) n(i) WHERE patient_key <> -1"
            rows = (
                f"SELECT * EXCLUDE (i, release_id) FROM ({many}) "
                "UNION ALL SELECT * EXCLUDE (release_id) FROM dim_patient WHERE patient_key = -1"
            )
        elif table in MANY:
            keys = ", ".join(
                f"(SELECT list({d}_key ORDER BY {d}_key) FROM dim_{d}) AS {d}_keys"
                for d in ("provider", "medication")
            )
            many = f"{MANY[table]} FROM {table}, range({times}) n(i), (SELECT {keys})"
            rows = f"SELECT * EXCLUDE (i, release_id, provider_keys, medication_keys) FROM ({many})"
        month = MONTHS.get(table)
        if month:
            star.execute(
                f"COPY ({rows}) TO '{folder}' (FORMAT parquet, PARTITION_BY ({month}), OVERWRITE_OR_IGNORE)"
            )
        else:
            star.execute(f"COPY ({rows}) TO '{folder}/rows.parquet' (FORMAT parquet)")


def partitions(glue, database, table, release_id):
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    return [p for page in pages for p in page["Partitions"] if release_id in p["Values"]]


def register(glue, database, table, folder, like):
    """Add the folder's partitions to the catalog, as those of the release `like` are."""
    if not folder.is_dir():
        return
    known = partitions(glue, database, table, like)[0]
    storage, values = known["StorageDescriptor"], known["Values"]
    root = storage["Location"].split(f"release_id={like}")[0]
    for part in [*folder.glob("*_month=*")] or [folder]:
        own = [folder.name.split("=")[1], *([part.name.split("=")[1]] if part != folder else [])]
        assert len(own) == len(values)
        location = f"{root}{part.relative_to(folder.parent)}/"
        glue.create_partition(
            DatabaseName=database,
            TableName=table,
            PartitionInput={"Values": own, "StorageDescriptor": {**storage, "Location": location}},
        )
