"""Gold beside what silver says by another path than the jobs take: views that the rules GLD-C07 to GLD-C13 read.

Ages are counted by calendar years, readmissions by self-joins, and full joins show rows that only one side has.
"""

from __future__ import annotations

from pyspark.sql import SparkSession

COMPARED_ENCOUNTERS = """
SELECT f.encounter_key, f.patient_key, f.provider_key, f.diagnosis_key, f.encounter_class, f.admitted_at, f.discharged_at,
       f.local_date, f.local_hour, f.discharged_local_date, f.admitted_month, f.length_of_stay_hours,
       f.length_of_stay_days, f.total_cost, f.age_at_admission, s.*
FROM fact_encounter f FULL JOIN (
  SELECT xxhash64(e.encounter_id) AS silver_key, e.encounter_class AS silver_class, e.admitted_at AS silver_admitted_at,
         e.discharged_at AS silver_discharged_at, e.total_cost AS silver_cost, e.admitted_at_local,
         e.discharged_at_local, e.provider_npi IS NOT NULL AS has_provider, e.diagnosis_code IS NOT NULL AS has_diagnosis,
         p.patient_id IS NOT NULL AS has_patient, p.birth_date,
         year(e.admitted_at_local) - year(p.birth_date)
           - if(month(e.admitted_at_local) * 100 + day(e.admitted_at_local)
                < month(p.birth_date) * 100 + day(p.birth_date), 1, 0) AS years
  FROM newest_encounters e LEFT JOIN newest_patients p ON p.patient_id = e.patient_id
) s ON f.encounter_key = s.silver_key
"""

COMPARED_ADMINISTRATIONS = """
SELECT f.administration_key, f.encounter_key, f.patient_key, f.provider_key, f.local_date, f.local_hour,
       f.administered_month, f.minutes_from_order, f.dose, f.dose_unit, f.route, f.status, s.*
FROM fact_medication_admin f FULL JOIN (
  SELECT xxhash64(m.administration_id) AS silver_key, m.dose AS silver_dose, m.dose_unit AS silver_unit,
         m.route AS silver_route, m.status AS silver_status, m.administered_at AS silver_administered_at,
         m.ordered_at AS silver_ordered_at, m.administered_at_local, m.administered_month AS silver_month,
         m.provider_npi IS NOT NULL AS has_provider, p.patient_id IS NOT NULL AS has_patient,
         e.encounter_id IS NOT NULL AS has_encounter
  FROM newest_medications m LEFT JOIN newest_patients p ON p.patient_id = m.patient_id
    LEFT JOIN newest_encounters e ON e.encounter_id = m.encounter_id
) s ON f.administration_key = s.silver_key
"""

_INPATIENT = """
SELECT e.encounter_id, e.patient_id, cast(e.admitted_at_local AS date) AS first_day,
       coalesce(cast(e.discharged_at_local AS date), cast(e.admitted_at_local AS date)) AS last_day,
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
"""Days on which a stay ends and no other stay of the patient, begun by then, goes on: where an episode ends."""

_STAY_ENDS = """
SELECT s.encounter_id, s.patient_id, s.is_open, s.died, min(d.day) AS day
FROM inpatient_stays s JOIN episode_ends d ON d.patient_id = s.patient_id AND d.day >= s.first_day
GROUP BY s.encounter_id, s.patient_id, s.is_open, s.died
"""

RECOMPUTED_READMISSIONS = """
SELECT xxhash64(s.encounter_id) AS encounter_key,
       if(t.died OR t.is_open, cast(null AS boolean),
          if(t.next_day IS NOT NULL, true,
             if(datediff(w.last_day, s.day) <= 30, cast(null AS boolean), false))) AS readmitted
FROM stay_ends s
  JOIN (SELECT x.patient_id, x.day, max(x.died) AS died, max(x.is_open) AS is_open, min(n.first_day) AS next_day
        FROM stay_ends x LEFT JOIN inpatient_stays n
          ON n.patient_id = x.patient_id AND n.first_day BETWEEN date_add(x.day, 1) AND date_add(x.day, 30)
        GROUP BY x.patient_id, x.day) t ON t.patient_id = s.patient_id AND t.day = s.day
  CROSS JOIN (SELECT max(cast(admitted_at_local AS date)) AS last_day FROM newest_encounters) w
"""

VIEWS = {
    "compared_encounters": COMPARED_ENCOUNTERS,
    "compared_administrations": COMPARED_ADMINISTRATIONS,
    "inpatient_stays": _INPATIENT,
    "episode_ends": _EPISODE_ENDS,
    "stay_ends": _STAY_ENDS,
    "recomputed_readmissions": RECOMPUTED_READMISSIONS,
}
"""By name, each after those that it reads."""


def name_views(spark: SparkSession) -> None:
    """Name the views; the gold tables and the ``newest_…`` of silver have their names already."""
    for name, sql in VIEWS.items():
        spark.sql(sql).createOrReplaceTempView(name)
