-- The silver and gold tables of a run as plain DuckDB: typed, newest version of each key, no rule, no quarantine.
-- Parameters of str.format: {files} folder of the CSV files, {out} folder of the Parquet files.
CREATE TABLE patients AS
SELECT * REPLACE (TRY_CAST(birth_date AS DATE) AS birth_date, TRY_CAST(death_date AS DATE) AS death_date,
                  TRY_CAST(updated_at AS TIMESTAMP) AS updated_at)
FROM read_csv('{files}/patients.csv', all_varchar = true, ignore_errors = true);

CREATE TABLE encounters AS
SELECT * REPLACE (TRY_CAST(admitted_at AS TIMESTAMP) AS admitted_at,
                  TRY_CAST(discharged_at AS TIMESTAMP) AS discharged_at,
                  TRY_CAST(total_cost AS DECIMAL(12, 2)) AS total_cost,
                  TRY_CAST(updated_at AS TIMESTAMP) AS updated_at)
FROM read_csv('{files}/encounters.csv', all_varchar = true, ignore_errors = true)
QUALIFY row_number() OVER (PARTITION BY encounter_id ORDER BY updated_at DESC) = 1;

CREATE TABLE medications AS
SELECT * REPLACE (TRY_CAST(dose AS DOUBLE) AS dose, TRY_CAST(ordered_at AS TIMESTAMP) AS ordered_at,
                  TRY_CAST(administered_at AS TIMESTAMP) AS administered_at,
                  TRY_CAST(updated_at AS TIMESTAMP) AS updated_at)
FROM read_csv('{files}/medications.csv', all_varchar = true, ignore_errors = true)
QUALIFY row_number() OVER (PARTITION BY administration_id ORDER BY updated_at DESC) = 1;

COPY patients TO '{out}/patients.parquet' (COMPRESSION zstd);
COPY (SELECT *, strftime(admitted_at, '%Y-%m') AS month FROM encounters)
TO '{out}/encounters' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month));
COPY (SELECT *, strftime(administered_at, '%Y-%m') AS month FROM medications)
TO '{out}/medications' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (month));

CREATE TABLE dim_patient AS
SELECT hash(patient_id, updated_at) AS patient_key, hash(patient_id) AS patient_durable_key, patient_id, birth_date,
       death_date, year(birth_date) AS birth_year, sex, race, ethnicity, marital_status, language, state,
       left(postal_code, 3) AS zip3, payer, updated_at AS valid_from,
       lead(updated_at) OVER versions AS valid_to, lead(updated_at) OVER versions IS NULL AS is_current,
       row_number() OVER versions AS version
FROM patients WINDOW versions AS (PARTITION BY patient_id ORDER BY updated_at);

CREATE TABLE dim_provider AS
SELECT hash(provider_npi) AS provider_key, provider_npi, arg_max(provider_name, updated_at) AS provider_name,
       arg_max(provider_specialty, updated_at) AS provider_specialty, min(admitted_at) AS valid_from
FROM encounters GROUP BY provider_npi;

CREATE TABLE dim_diagnosis AS
SELECT DISTINCT hash(diagnosis_code, diagnosis_code_system) AS diagnosis_key, diagnosis_code, diagnosis_code_system,
       diagnosis_description, left(diagnosis_code, 1) AS chapter
FROM encounters;

CREATE TABLE dim_medication AS
SELECT hash(medication_code, medication_code_system) AS medication_key, medication_code, medication_code_system,
       min(medication_name) AS medication_name
FROM medications GROUP BY ALL;

CREATE TABLE dim_time AS
SELECT CAST(strftime(day, '%Y%m%d') AS INTEGER) AS date_key, CAST(day AS DATE) AS date, year(day) AS year,
       quarter(day) AS quarter, month(day) AS month, week(day) AS week_of_year, dayofweek(day) AS day_of_week
FROM generate_series((SELECT min(admitted_at)::DATE FROM encounters),
                     (SELECT max(discharged_at)::DATE FROM encounters), INTERVAL 1 DAY) AS days(day);

CREATE TABLE fact_encounter AS
SELECT hash(e.encounter_id) AS encounter_key, coalesce(p.patient_key, 0) AS patient_key,
       coalesce(v.provider_key, 0) AS provider_key, coalesce(d.diagnosis_key, 0) AS diagnosis_key, encounter_class,
       department, admitted_at, discharged_at, admitted_at::DATE AS local_date, hour(admitted_at) AS local_hour,
       date_diff('second', admitted_at, discharged_at) / 3600 AS length_of_stay_hours,
       date_diff('day', admitted_at, discharged_at) AS length_of_stay_days, total_cost,
       encounter_class IN ('IMP', 'ACUTE') AND lead(admitted_at) OVER stays <= discharged_at + INTERVAL 30 DAY
           AS is_readmitted_30d,
       date_diff('year', p.birth_date, admitted_at) AS age_at_admission, discharge_disposition,
       strftime(admitted_at, '%Y-%m') AS admitted_month
FROM encounters AS e
ASOF LEFT JOIN dim_patient AS p ON e.patient_id = p.patient_id AND e.admitted_at >= p.valid_from
LEFT JOIN dim_provider AS v ON e.provider_npi = v.provider_npi
LEFT JOIN dim_diagnosis AS d
    ON e.diagnosis_code = d.diagnosis_code AND e.diagnosis_code_system = d.diagnosis_code_system
    AND e.diagnosis_description = d.diagnosis_description
WINDOW stays AS (PARTITION BY e.patient_id, encounter_class IN ('IMP', 'ACUTE') ORDER BY admitted_at);

CREATE TABLE fact_medication_admin AS
SELECT hash(administration_id) AS administration_key, coalesce(hash(e.encounter_id), 0) AS encounter_key,
       coalesce(p.patient_key, 0) AS patient_key, coalesce(d.medication_key, 0) AS medication_key,
       coalesce(v.provider_key, 0) AS provider_key, dose, dose_unit, route, status, ordered_at, administered_at,
       date_diff('second', ordered_at, administered_at) / 60 AS minutes_from_order,
       administered_at::DATE AS local_date, hour(administered_at) AS local_hour,
       strftime(administered_at, '%Y-%m') AS administered_month
FROM medications AS m
LEFT JOIN encounters AS e ON m.encounter_id = e.encounter_id
ASOF LEFT JOIN dim_patient AS p ON m.patient_id = p.patient_id AND m.administered_at >= p.valid_from
LEFT JOIN dim_provider AS v ON m.provider_npi = v.provider_npi
LEFT JOIN dim_medication AS d
    ON m.medication_code = d.medication_code AND m.medication_code_system = d.medication_code_system;

COPY (SELECT * EXCLUDE (patient_id, birth_date, death_date) FROM dim_patient)
TO '{out}/dim_patient.parquet' (COMPRESSION zstd);
COPY dim_provider TO '{out}/dim_provider.parquet' (COMPRESSION zstd);
COPY dim_diagnosis TO '{out}/dim_diagnosis.parquet' (COMPRESSION zstd);
COPY dim_medication TO '{out}/dim_medication.parquet' (COMPRESSION zstd);
COPY dim_time TO '{out}/dim_time.parquet' (COMPRESSION zstd);
COPY fact_encounter TO '{out}/fact_encounter' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (admitted_month));
COPY fact_medication_admin
TO '{out}/fact_medication_admin' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (administered_month));
