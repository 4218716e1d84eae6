"""Views that recompute gold from silver independently of the jobs, for rules GLD-C07 to GLD-C13.

Ages are computed from calendar dates and readmissions by self-joins; full joins show rows that exist on one
side only.
"""

from __future__ import annotations

from pyspark.sql import SparkSession

COMPARED_ENCOUNTERS = """
SELECT f.encounter_key, f.diagnosis_key, x.facility AS facility_is,
       if(x.department_key = -1, NULL, x.department) AS department_is, f.encounter_class, f.department,
       f.discharge_disposition,
       f.admitted_at,
       f.discharged_at, f.admitted_date_key, f.discharged_date_key, f.local_date, f.local_hour,
       f.discharged_local_date,
       f.admitted_month, f.length_of_stay_hours, f.length_of_stay_days, f.total_cost, f.age_at_admission,
       d.patient_durable_key AS patient_is, w.provider_durable_key AS provider_is,
       s.silver_admitted_at >= d.valid_from AND s.silver_admitted_at < d.valid_to
         AND s.silver_admitted_at >= w.valid_from AND s.silver_admitted_at < w.valid_to AS is_in_time,
       f.encounter_key IS NOT NULL AND s.silver_key IS NOT NULL AS is_in_both, s.*
FROM fact_encounter f
  LEFT JOIN dim_patient d ON d.patient_key = f.patient_key
  LEFT JOIN dim_provider w ON w.provider_key = f.provider_key
  LEFT JOIN dim_department x ON x.department_key = f.department_key
  FULL JOIN (
    SELECT xxhash64(e.encounter_id) AS silver_key, e.encounter_class AS silver_class,
           e.department AS silver_department, e.discharge_disposition AS silver_disposition,
           e.admitted_at AS silver_admitted_at, e.discharged_at AS silver_discharged_at,
           e.total_cost AS silver_cost,
           e.admitted_at_local, e.discharged_at_local,
           if(p.patient_id IS NULL, bigint(-1), xxhash64(p.patient_id)) AS silver_patient,
           if(e.provider_npi IS NULL, bigint(-1), xxhash64(e.provider_npi)) AS silver_provider,
           if(e.diagnosis_code IS NULL, bigint(-1), xxhash64(e.diagnosis_code_system, e.diagnosis_code))
             AS silver_diagnosis,
           e.facility AS silver_facility,
           year(e.admitted_at_local) - year(p.birth_date)
             - if(month(e.admitted_at_local) * 100 + day(e.admitted_at_local)
                  < month(p.birth_date) * 100 + day(p.birth_date), 1, 0) AS years
    FROM newest_encounters e LEFT JOIN newest_patients p ON p.patient_id = e.patient_id
  ) s ON f.encounter_key = s.silver_key
"""

_ADMINISTRATIONS = """
SELECT *, date_format(coalesce(administered_at_local, ordered_at_local, updated_at_local), 'yyyy-MM')
         AS administered_month
FROM newest_medications WHERE event_kind IS NULL OR event_kind NOT IN ('order', 'dispense')
"""

_ORDERS = """
SELECT *, coalesce(administered_at_local, ordered_at_local) AS recorded_at_local,
       date_format(coalesce(administered_at_local, ordered_at_local, updated_at_local), 'yyyy-MM')
         AS ordered_month
FROM newest_medications WHERE event_kind IN ('order', 'dispense')
"""

COMPARED_ADMINISTRATIONS = """
SELECT f.administration_key, f.encounter_key, f.medication_key, f.ordered_date_key, f.administered_date_key,
       f.local_date, f.local_hour, f.administered_month, f.minutes_from_order, f.minutes_from_due, f.dose,
       f.dose_unit, f.route, f.status, f.ordered_at, f.administered_at, f.due_at, f.reason_not_given,
       f.barcode_scanned,
       d.patient_durable_key AS patient_is, w.provider_durable_key AS provider_is,
       s.silver_moment >= d.valid_from AND s.silver_moment < d.valid_to
         AND s.silver_moment >= w.valid_from AND s.silver_moment < w.valid_to AS is_in_time,
       f.administration_key IS NOT NULL AND s.silver_key IS NOT NULL AS is_in_both, s.*
FROM fact_medication_admin f
  LEFT JOIN dim_patient d ON d.patient_key = f.patient_key
  LEFT JOIN dim_provider w ON w.provider_key = f.provider_key
  FULL JOIN (
    SELECT xxhash64(m.administration_id) AS silver_key, m.dose AS silver_dose, m.dose_unit AS silver_unit,
           m.route AS silver_route, m.status AS silver_status, m.administered_at AS silver_administered_at,
           m.ordered_at AS silver_ordered_at, m.due_at AS silver_due_at, m.barcode_scanned AS silver_scanned,
           CASE WHEN m.reason_not_given IN ('refused', 'asleep', 'away', 'vomiting', 'fasting', 'held',
                                            'unavailable', 'no access') THEN m.reason_not_given
                WHEN m.reason_not_given IS NOT NULL THEN 'other' END AS silver_reason,
           coalesce(m.administered_at, m.ordered_at, m.updated_at) AS silver_moment,
           m.administered_at_local, m.ordered_at_local, m.administered_month AS silver_month,
           if(p.patient_id IS NULL, bigint(-1), xxhash64(p.patient_id)) AS silver_patient,
           if(m.provider_npi IS NULL, bigint(-1), xxhash64(m.provider_npi)) AS silver_provider,
           if(e.encounter_id IS NULL, bigint(-1), xxhash64(e.encounter_id)) AS silver_encounter,
           xxhash64(m.medication_code_system, m.medication_code) AS silver_medication
    FROM newest_administrations m LEFT JOIN newest_patients p ON p.patient_id = m.patient_id
      LEFT JOIN newest_encounters e ON e.encounter_id = m.encounter_id
  ) s ON f.administration_key = s.silver_key
"""

COMPARED_ORDERS = """
SELECT f.order_key, f.event_kind, f.encounter_key, f.medication_key, f.ordered_date_key, f.dispensed_date_key,
       f.local_date, f.local_hour, f.ordered_month, f.dose, f.dose_unit, f.route, f.status, f.ordered_at,
       f.dispensed_at, d.patient_durable_key AS patient_is, w.provider_durable_key AS provider_is,
       s.silver_moment >= d.valid_from AND s.silver_moment < d.valid_to
         AND s.silver_moment >= w.valid_from AND s.silver_moment < w.valid_to AS is_in_time,
       f.order_key IS NOT NULL AND s.silver_key IS NOT NULL AS is_in_both, s.*
FROM fact_medication_order f
  LEFT JOIN dim_patient d ON d.patient_key = f.patient_key
  LEFT JOIN dim_provider w ON w.provider_key = f.provider_key
  FULL JOIN (
    SELECT xxhash64(m.event_kind, m.administration_id) AS silver_key, m.event_kind AS silver_kind,
           m.dose AS silver_dose, m.dose_unit AS silver_unit, m.route AS silver_route,
           m.status AS silver_status, m.ordered_at AS silver_ordered_at,
           m.administered_at AS silver_dispensed_at,
           coalesce(m.administered_at, m.ordered_at, m.updated_at) AS silver_moment,
           m.administered_at_local AS dispensed_at_local, m.ordered_at_local, m.recorded_at_local,
           m.ordered_month AS silver_month,
           if(p.patient_id IS NULL, bigint(-1), xxhash64(p.patient_id)) AS silver_patient,
           if(m.provider_npi IS NULL, bigint(-1), xxhash64(m.provider_npi)) AS silver_provider,
           if(e.encounter_id IS NULL, bigint(-1), xxhash64(e.encounter_id)) AS silver_encounter,
           xxhash64(m.medication_code_system, m.medication_code) AS silver_medication
    FROM newest_orders m LEFT JOIN newest_patients p ON p.patient_id = m.patient_id
      LEFT JOIN newest_encounters e ON e.encounter_id = m.encounter_id
  ) s ON f.order_key = s.silver_key
"""

_DATED_DIAGNOSES = """
SELECT d.*, coalesce(d.diagnosed_at, e.admitted_at, d.updated_at) AS moment,
       date_format(coalesce(d.diagnosed_at_local, e.admitted_at_local, d.updated_at_local), 'yyyy-MM')
         AS diagnosis_month,
       if(e.encounter_id IS NULL, bigint(-1), xxhash64(e.encounter_id)) AS silver_encounter
FROM newest_diagnoses d LEFT JOIN newest_encounters e ON e.encounter_id = d.encounter_id
"""

COMPARED_DIAGNOSES = """
SELECT f.diagnosis_record_key, f.encounter_key, f.diagnosis_key, f.is_principal, f.weight, f.diagnosed_at,
       f.local_date, f.diagnosis_month, p.patient_durable_key AS patient_is,
       s.moment >= p.valid_from AND s.moment < p.valid_to AS is_in_time,
       f.diagnosis_record_key IS NOT NULL AND s.silver_key IS NOT NULL AS is_in_both, s.*
FROM bridge_encounter_diagnosis f
  LEFT JOIN dim_patient p ON p.patient_key = f.patient_key
  FULL JOIN (
    SELECT xxhash64(d.diagnosis_id) AS silver_key, coalesce(d.is_principal, false) AS silver_principal,
           d.diagnosed_at AS silver_diagnosed_at, d.diagnosed_at_local, d.moment, d.silver_encounter,
           d.diagnosis_month AS silver_month,
           xxhash64(d.diagnosis_code_system, d.diagnosis_code) AS silver_diagnosis,
           if(p.patient_id IS NULL, bigint(-1), xxhash64(p.patient_id)) AS silver_patient,
           if(d.silver_encounter = -1, NULL, 1 / n.diagnoses) AS silver_weight
    FROM newest_dated_diagnoses d LEFT JOIN newest_patients p ON p.patient_id = d.patient_id
      LEFT JOIN (
        SELECT silver_encounter, count(*) AS diagnoses
        FROM newest_dated_diagnoses GROUP BY silver_encounter) n
        ON n.silver_encounter = d.silver_encounter
  ) s ON f.diagnosis_record_key = s.silver_key
"""

_INPATIENT = """
SELECT e.encounter_id, e.patient_id, cast(e.admitted_at_local AS date) AS first_day,
       coalesce(cast(e.discharged_at_local AS date), date '9000-01-01') AS last_day,
       e.discharged_at IS NULL AS is_open,
       coalesce(lower(e.discharge_disposition) = 'expired', false)
         OR coalesce(p.death_date <= cast(e.discharged_at_local AS date), false) AS died
FROM newest_encounters e LEFT JOIN newest_patients p ON p.patient_id = e.patient_id
WHERE e.encounter_class IN ('IMP', 'ACUTE') AND e.patient_id IS NOT NULL
"""

_EPISODE_ENDS = """
SELECT DISTINCT s.patient_id, s.last_day AS day
FROM inpatient_stays s LEFT ANTI JOIN inpatient_stays o
  ON o.patient_id = s.patient_id AND o.first_day <= s.last_day AND o.last_day > s.last_day
"""
"""Days on which an episode ends: a stay ends, and no other stay of the patient lasts beyond that day."""

_STAY_ENDS = """
SELECT s.encounter_id, s.patient_id, s.is_open, s.died, min(d.day) AS day
FROM inpatient_stays s JOIN episode_ends d ON d.patient_id = s.patient_id AND d.day >= s.first_day
GROUP BY s.encounter_id, s.patient_id, s.is_open, s.died
"""

_EPISODE_STATUS = """
SELECT x.patient_id, x.day,
       CASE WHEN max(x.died) THEN 'died' WHEN max(x.is_open) THEN 'in hospital'
            WHEN min(n.first_day) IS NOT NULL THEN 'readmitted'
            WHEN datediff(max(w.last_day), x.day) <= 30 THEN 'window open' ELSE 'not readmitted' END AS status
FROM stay_ends x
  LEFT JOIN inpatient_stays n
    ON n.patient_id = x.patient_id AND n.first_day BETWEEN date_add(x.day, 1) AND date_add(x.day, 30)
  CROSS JOIN (SELECT max(cast(admitted_at_local AS date)) AS last_day FROM newest_encounters) w
GROUP BY x.patient_id, x.day
"""

RECOMPUTED_READMISSIONS = """
SELECT xxhash64(s.encounter_id) AS encounter_key, t.status,
       CASE t.status WHEN 'readmitted' THEN true WHEN 'not readmitted' THEN false END AS readmitted
FROM stay_ends s JOIN episode_status t ON t.patient_id = s.patient_id AND t.day = s.day
"""

VIEWS = {
    "compared_encounters": COMPARED_ENCOUNTERS,
    "newest_administrations": _ADMINISTRATIONS,
    "newest_orders": _ORDERS,
    "newest_dated_diagnoses": _DATED_DIAGNOSES,
    "compared_administrations": COMPARED_ADMINISTRATIONS,
    "compared_orders": COMPARED_ORDERS,
    "compared_diagnoses": COMPARED_DIAGNOSES,
    "inpatient_stays": _INPATIENT,
    "episode_ends": _EPISODE_ENDS,
    "stay_ends": _STAY_ENDS,
    "episode_status": _EPISODE_STATUS,
    "recomputed_readmissions": RECOMPUTED_READMISSIONS,
}
"""SQL by view name in order of creation; a view reads only views above it."""


def create_views(spark: SparkSession) -> None:
    """Create the views. The gold tables and the ``newest_…`` views of silver must exist."""
    for name, sql in VIEWS.items():
        spark.sql(sql).createOrReplaceTempView(name)
