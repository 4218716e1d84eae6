-- One row per encounter, its newest version.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`fact_encounter` (
  `encounter_key` bigint COMMENT 'xxhash64 of encounter_id.',
  `patient_key` bigint COMMENT 'The patient''s version at admission; -1 where there is none.',
  `provider_key` bigint COMMENT 'The responsible clinician''s version at admission; -1 where there is none.',
  `diagnosis_key` bigint COMMENT 'The principal diagnosis; -1 where there is none.',
  `department_key` bigint COMMENT 'Department and facility, key of dim_department; -1 where there is none.',
  `admitted_date_key` int COMMENT 'Day of admission, key of dim_time.',
  `discharged_date_key` int COMMENT 'Day of discharge, key of dim_time; -1 while the encounter goes on.',
  `encounter_class` string COMMENT 'HL7 v3 ActCode: AMB, EMER, IMP, ACUTE, OBSENC, VR, HH.',
  `department` string COMMENT 'Department or service.',
  `admitted_at` timestamp COMMENT 'Start of the encounter (UTC).',
  `discharged_at` timestamp COMMENT 'End of the encounter (UTC).',
  `local_date` date COMMENT 'Day of admission by the hospital''s clock.',
  `local_hour` int COMMENT 'Hour of admission by the hospital''s clock, 0 to 23.',
  `discharged_local_date` date COMMENT 'Day of discharge by the hospital''s clock; empty while the encounter goes on.',
  `time_zone` string COMMENT 'The hospital''s IANA time zone, of the local columns.',
  `length_of_stay_hours` double COMMENT 'Hours from admission to discharge.',
  `length_of_stay_days` int COMMENT 'Midnights of the hospital''s clock between admission and discharge.',
  `total_cost` decimal(12,2) COMMENT 'Total claim cost in US dollars.',
  `is_readmitted_30d` boolean COMMENT 'Whether an inpatient admission follows 1 to 30 days after the discharge of the episode that the stay belongs to (after CMS''s hospital-wide measure); empty where readmission_status is neither readmitted nor not readmitted.',
  `readmission_status` string COMMENT 'readmitted, not readmitted, window open (30 days have not passed by the newest admission), died, in hospital, or not an index stay (no inpatient stay).',
  `age_at_admission` int COMMENT 'Age in completed years at admission; 90 means 90 and over (Safe Harbor).',
  `discharge_disposition` string COMMENT 'Where the patient went.'
)
COMMENT 'One row per encounter, its newest version.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.',
  `admitted_month` string COMMENT 'Month (yyyy-MM) of admission by the hospital''s clock.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/fact_encounter/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."fact_encounter" AS SELECT * FROM "hdp_gold_releases"."fact_encounter" WHERE release_id = '<release>';
