"""Expected values of every chart, from handwritten SQL over the gold files.

The SQL is written from the contracts; no code under test is used.
"""

from __future__ import annotations

import duckdb

# expected values

ADMITTED = "timezone(f.time_zone, admitted_at::timestamptz)"
DISCHARGED = "timezone(f.time_zone, discharged_at::timestamptz)"
GIVEN = "timezone(f.time_zone, administered_at::timestamptz)"
ORDERED = "timezone(f.time_zone, coalesce(dispensed_at, ordered_at)::timestamptz)"
GIVEN_OR_ORDERED = "timezone(f.time_zone, coalesce(administered_at, ordered_at)::timestamptz)"
"""Hospital time, derived from UTC by DuckDB, because the columns with local times are tested."""

ROWS = {
    "encounters": f"""
        SELECT f.*, coalesce(encounter_class, 'Not recorded') AS class,
            coalesce(f.department, 'Not recorded') AS dep,
            coalesce(payer, 'Not recorded') AS who_pays, nullif(patient_durable_key, -1) AS person,
            coalesce(icd10_chapter_title, diagnosis_description, 'Not recorded') AS chapter,
            coalesce(provider_specialty, 'Not recorded') AS specialty, strftime({ADMITTED}, '%Y-%m') AS month,
            isodow({ADMITTED}) AS weekday, hour({ADMITTED}) AS hour,
            strftime({DISCHARGED}, '%Y-%m') AS discharge_month,
            coalesce(diagnosis_description, 'Not recorded') AS diagnosis,
            nullif(patient_durable_key, -1) IS NOT NULL AND row_number() OVER (
                PARTITION BY patient_durable_key ORDER BY admitted_at, encounter_key) = 1 AS is_first,
            CASE WHEN length_of_stay_days > 30 THEN 30 ELSE length_of_stay_days END AS days
        FROM fact_encounter f LEFT JOIN dim_patient USING (patient_key)
        LEFT JOIN dim_diagnosis USING (diagnosis_key)
        LEFT JOIN dim_provider USING (provider_key)""",
    "medications": f"""
        SELECT f.*, coalesce(f.route, 'Not recorded') AS way, coalesce(status, 'Not recorded') AS state,
            coalesce(therapeutic_class, 'Not classified') AS therapeutic,
            coalesce(medication_name, 'Not recorded') AS medication,
            coalesce(provider_specialty, 'Not recorded') AS specialty,
            coalesce(provider_name || ' (' || provider_npi || ')', provider_npi, 'Not recorded') AS provider,
            greatest(-60, least(120, floor(date_diff('second', due_at, administered_at) / 600) * 10))
                AS delay,
            coalesce(reason_not_given, 'Not recorded') AS reason,
            coalesce(dose_unit, 'Not recorded') AS unit, usual_dose_low AS low,
            usual_dose_high AS high, usual_dose_unit,
            strftime({GIVEN_OR_ORDERED}, '%Y-%m') AS month, isodow({GIVEN}) AS weekday,
            hour({GIVEN}) AS hour, nullif(patient_durable_key, -1) AS person,
            CASE WHEN minutes_from_order >= 120 THEN 120
                ELSE (floor(minutes_from_order / 10) * 10)::int END AS wait,
            administered_at IS NOT NULL AND row_number() OVER (
                PARTITION BY encounter_key, medication_key, ordered_at
                ORDER BY administered_at NULLS LAST, administration_key) = 1 AS is_first
        FROM fact_medication_admin f LEFT JOIN dim_medication USING (medication_key)
        LEFT JOIN dim_patient USING (patient_key) LEFT JOIN dim_provider USING (provider_key)""",
    "orders": f"""
        SELECT f.*, coalesce(f.route, 'Not recorded') AS way, coalesce(status, 'Not recorded') AS state,
            coalesce(therapeutic_class, 'Not classified') AS therapeutic,
            coalesce(medication_name, 'Not recorded') AS medication,
            strftime({ORDERED}, '%Y-%m') AS month, nullif(patient_durable_key, -1) AS person
        FROM fact_medication_order f LEFT JOIN dim_medication USING (medication_key)
        LEFT JOIN dim_patient USING (patient_key) LEFT JOIN dim_provider USING (provider_key)""",
    "patients": """
        SELECT *, coalesce(sex, 'Not recorded') AS gender, coalesce(payer, 'Not recorded') AS who_pays,
            coalesce(state, 'Not recorded') AS home, coalesce(zip3, 'Not recorded') AS zip,
            coalesce(age_band, 'Not recorded') AS age, coalesce(race, 'Not recorded') AS origin,
            coalesce(language, 'Not recorded') AS speaks,
            if(charlson_index >= 5, '5 and more', coalesce(charlson_index::int::text, 'Not recorded'))
                AS points
        FROM dim_patient WHERE is_current AND patient_key <> -1""",
}

CHARTS = {
    "encounters-by-month": "SELECT class, month, count(*) FROM r GROUP BY ALL",
    "encounters-by-department": "SELECT dep, count(*) FROM r GROUP BY ALL",
    "case-mix": "SELECT chapter, count(*) FROM r GROUP BY ALL",
    "length-of-stay": """SELECT class, days, count(*) FROM r
        WHERE class IN ('IMP', 'ACUTE') AND days IS NOT NULL GROUP BY ALL""",
    "emergency-stay": """SELECT class, least(24, floor(length_of_stay_hours))::int AS hours, count(*) FROM r
        WHERE class IN ('EMER', 'OBSENC') AND length_of_stay_hours IS NOT NULL GROUP BY ALL""",
    "mortality": """SELECT month, count(*) FILTER (discharge_disposition ILIKE 'expired'), count(*) FROM r
        WHERE class IN ('IMP', 'ACUTE') AND discharge_disposition IS NOT NULL GROUP BY ALL""",
    "arrivals": "SELECT weekday, hour, count(*) FROM r GROUP BY ALL",
    "readmissions": """SELECT dep, count(*), count(*) FILTER (is_readmitted_30d) FROM r
        WHERE is_readmitted_30d IS NOT NULL GROUP BY ALL""",
    "emergency-arrivals": "SELECT class, hour, count(*) FROM r WHERE class = 'EMER' GROUP BY ALL",
    "admissions": "SELECT month, count(*) FROM r WHERE class IN ('IMP', 'ACUTE') GROUP BY ALL",
    "discharges": "SELECT discharge_month, count(*) FROM discharged GROUP BY ALL",
    "inpatient-days": "SELECT discharge_month, sum(length_of_stay_days)::int FROM discharged GROUP BY ALL",
    "mortality-by-department": """SELECT dep, count(*),
        count(*) FILTER (discharge_disposition ILIKE 'expired') FROM r
        WHERE class IN ('IMP', 'ACUTE') AND discharge_disposition IS NOT NULL GROUP BY ALL""",
    "cost-per-case": "SELECT dep, avg(total_cost)::double FROM r WHERE total_cost IS NOT NULL GROUP BY ALL",
    "active-patients": "SELECT month, count(DISTINCT person) FROM r WHERE person IS NOT NULL GROUP BY ALL",
    "new-patients": "SELECT month, count(*) FROM r WHERE is_first GROUP BY ALL",
    "patients-by-diagnosis": """SELECT diagnosis, count(DISTINCT person) FROM r
        WHERE person IS NOT NULL GROUP BY ALL""",
    "cost-by-class": "SELECT class, sum(total_cost)::double FROM r GROUP BY ALL",
    "payers": "SELECT who_pays, count(*) FROM r GROUP BY ALL",
    "administrations-by-month": "SELECT way, month, count(*) FROM r GROUP BY ALL",
    "by-class": "SELECT therapeutic, count(*) FROM r GROUP BY ALL",
    "by-medication": "SELECT medication, count(*) FROM r GROUP BY ALL",
    "dose-range": """SELECT medication, count(*) FILTER (dose < low),
        count(*) FILTER (dose >= low AND dose <= high),
        count(*) FILTER (dose > high) FROM r
        WHERE dose IS NOT NULL AND low IS NOT NULL AND dose_unit = usual_dose_unit GROUP BY ALL""",
    "dose-distribution": """SELECT medication || ', ' || unit, dose::double, count(*), min(low)::double,
        max(high)::double
        FROM r WHERE dose IS NOT NULL GROUP BY medication, unit, dose""",
    "by-status": "SELECT state, count(*) FROM r GROUP BY ALL",
    "not-given": "SELECT month, count(*) FILTER (status = 'not-done'), count(*) FROM r GROUP BY ALL",
    "not-given-by-class": """SELECT therapeutic, count(*), count(*) FILTER (status = 'not-done') FROM r
        GROUP BY ALL""",
    "order-to-dose-minutes": """SELECT way, wait, count(*) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "order-to-dose": """SELECT therapeutic, count(*), count(*) FILTER (minutes_from_order > 60) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "due-to-dose": """SELECT way, delay::int, count(*) FROM r
        WHERE due_at IS NOT NULL AND administered_at IS NOT NULL GROUP BY ALL""",
    "reasons-not-given": "SELECT reason, count(*) FROM r WHERE status = 'not-done' GROUP BY ALL",
    "barcode-scans": """SELECT month, count(*) FILTER (barcode_scanned), count(*) FROM r
        WHERE barcode_scanned IS NOT NULL GROUP BY ALL""",
    "orders-by-month": "SELECT event_kind, month, count(*) FROM r GROUP BY ALL",
    "orders-by-medication": "SELECT medication, count(*) FROM r GROUP BY ALL",
    "orders-by-class": "SELECT therapeutic, count(*) FROM r GROUP BY ALL",
    "orders-by-status": "SELECT state, count(*) FROM r GROUP BY ALL",
    "administrations-by-hour": """SELECT weekday, hour, count(*) FROM r
        WHERE administered_at IS NOT NULL GROUP BY ALL""",
    "by-specialty": "SELECT specialty, count(*) FROM r GROUP BY ALL",
    "by-provider": "SELECT provider, count(*) FROM r GROUP BY ALL",
    "cohort": "SELECT gender, age, count(*) FROM r GROUP BY ALL",
    "patients-by-payer": "SELECT who_pays, count(*) FROM r GROUP BY ALL",
    "patients-by-state": "SELECT home, count(*) FROM r GROUP BY ALL",
    "patients-by-zip3": "SELECT zip, count(*) FROM r GROUP BY ALL",
    "patients-by-comorbidity": "SELECT points, count(*) FROM r GROUP BY ALL",
    "patients-by-race": "SELECT origin, count(*) FROM r GROUP BY ALL",
    "patients-by-language": "SELECT speaks, count(*) FROM r GROUP BY ALL",
}

HEADLINES = {
    "encounters": """SELECT count(*), count(DISTINCT person), sum(total_cost)::double,
        count(is_readmitted_30d), count(*) FILTER (is_readmitted_30d),
        median(length_of_stay_hours) FILTER (encounter_class IN ('IMP', 'ACUTE')) / 24 FROM r""",
    "medications": """SELECT count(*), count(DISTINCT person), count(DISTINCT medication_key),
        count(*) FILTER (status = 'not-done') / nullif(count(*), 0),
        median(minutes_from_order) FILTER (is_first) FROM r""",
    "orders": """SELECT count(*), count(*) FILTER (event_kind = 'order'),
        count(*) FILTER (event_kind = 'dispense'), count(DISTINCT person), count(DISTINCT medication_key)
        FROM r""",
    "patients": "SELECT count(*), count(*) FILTER (is_deceased), count(*) FILTER (version > 1) FROM r",
}


class Star:
    """The gold files of one release, and the expected values of charts."""

    def __init__(self, root, release_id):
        self.sql = duckdb.connect()
        self.sql.execute("SET TimeZone = 'UTC'")
        for folder in (each for each in root.iterdir() if each.is_dir()):
            if not any((folder / f"release_id={release_id}").rglob("*.parquet")):
                continue  # a table without rows
            files = f"{folder}/release_id={release_id}/**/*.parquet"
            self.sql.execute(
                f"CREATE TABLE {folder.name} AS SELECT * FROM "
                f"read_parquet('{files}', hive_partitioning = true, hive_types_autocast = false)"
            )

    def ask(self, page, condition, query):
        """Return the rows of `query` over `r`, the filtered rows of the page; `is_first` ignores filters.

        Of encounters, `discharged` are the inpatient stays whose discharge lies in the period.
        """
        r = _fitting(page, condition)
        if page == "encounters":
            ended = condition.replace(f"{ADMITTED} ", f"{DISCHARGED} ")
            ended = ended.replace(f"{ADMITTED}::date", f"{DISCHARGED}::date")
            stays = "class IN ('IMP', 'ACUTE') AND discharged_at IS NOT NULL"
            r += f"), discharged AS (SELECT * FROM ({_fitting(page, ended)}) WHERE {stays}"
        return self.sql.execute(f"WITH r AS ({r}) {query}").fetchall()


def _fitting(page, condition):
    """Return SQL for the rows of a page that a condition keeps, with columns computed over all rows."""
    fits = f"{ROWS[page]} {'AND' if page == 'patients' else 'WHERE'} {condition}"
    keys = {"medications": "administration_key", "encounters": "encounter_key"}
    if page not in keys:
        return fits
    return f"SELECT * FROM ({ROWS[page]}) WHERE {keys[page]} IN (SELECT {keys[page]} FROM ({fits}))"
