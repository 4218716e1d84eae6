-- One row per diagnosis of an encounter, the newest version of its record; count distinct encounter_key, because an encounter has several.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`bridge_encounter_diagnosis` (
  `diagnosis_record_key` bigint COMMENT 'xxhash64 of diagnosis_id.',
  `encounter_key` bigint COMMENT 'xxhash64 of encounter_id: joins fact_encounter; -1 where there is none.',
  `patient_key` bigint COMMENT 'The patient''s version when it was recorded; -1 where there is none.',
  `diagnosis_key` bigint COMMENT 'The diagnosis, key of dim_diagnosis.',
  `is_principal` boolean COMMENT 'True for the principal diagnosis of the encounter; false if it is another one or the source does not say.',
  `weight` double COMMENT 'Weighting factor: 1 divided by the number of diagnoses of the encounter, so that the rows of an encounter add up to 1; empty without an encounter.',
  `diagnosed_at` timestamp COMMENT 'When it was recorded or began (UTC).',
  `local_date` date COMMENT 'Day on which it was recorded or began by the hospital''s clock.',
  `time_zone` string COMMENT 'The hospital''s IANA time zone, of local_date.'
)
COMMENT 'One row per diagnosis of an encounter, the newest version of its record; count distinct encounter_key, because an encounter has several.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.',
  `diagnosis_month` string COMMENT 'Month (yyyy-MM) of the diagnosis; without a date that of the admission.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/bridge_encounter_diagnosis/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."bridge_encounter_diagnosis" AS SELECT * FROM "hdp_gold_releases"."bridge_encounter_diagnosis" WHERE release_id = '<release>';
