-- One row per version of a patient (Type 2 history), and the unknown member -1. No direct identifier: HIPAA Safe Harbor, 45 CFR 164.514(b)(2).
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_patient` (
  `patient_key` bigint COMMENT 'Surrogate key of this version: xxhash64 of patient_id and updated_at; -1 is the unknown member.',
  `patient_durable_key` bigint COMMENT 'The same for every version of a patient: xxhash64 of patient_id.',
  `birth_year` int COMMENT 'Year of birth; empty for ages over 89 (Safe Harbor).',
  `age_band` string COMMENT 'Age in completed years when the release''s newest data was received, in bands of five years (0-4 … 85-89), 90+ for 90 and over.',
  `sex` string COMMENT 'Administrative gender: F, M, X or U.',
  `race` string COMMENT 'Race as recorded.',
  `ethnicity` string COMMENT 'Ethnicity as recorded.',
  `marital_status` string COMMENT 'Marital status as recorded.',
  `language` string COMMENT 'Preferred language.',
  `state` string COMMENT 'State of residence, USPS code.',
  `zip3` string COMMENT 'First three digits of the ZIP code; 000 for the 17 areas of 20,000 people or fewer (Safe Harbor).',
  `payer` string COMMENT 'Who pays.',
  `is_deceased` boolean COMMENT 'True from the version that carries a date of death.',
  `charlson_index` int COMMENT 'Charlson comorbidity index without points for age, 0 to 29, from all ICD-10 diagnoses of the release; ICD-10 codes of Quan 2005 (doi:10.1097/01.mlr.0000182534.19832.83), weights of Charlson 1987. Empty without an ICD-10 diagnosis. The same in all versions of a patient.',
  `valid_from` timestamp COMMENT 'Start of validity of this version (inclusive).',
  `valid_to` timestamp COMMENT 'End of validity of this version (exclusive); 9999-12-31 for the current version.',
  `is_current` boolean COMMENT 'True for the newest version.',
  `version` int COMMENT '1 for the oldest version; 0 for the unknown member.'
)
COMMENT 'One row per version of a patient (Type 2 history), and the unknown member -1. No direct identifier: HIPAA Safe Harbor, 45 CFR 164.514(b)(2).'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_patient/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_patient" AS SELECT * FROM "hdp_gold_releases"."dim_patient" WHERE release_id = '<release>';
