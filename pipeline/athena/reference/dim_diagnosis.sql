-- One row per diagnosis code, and the unknown member -1.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_diagnosis` (
  `diagnosis_key` bigint COMMENT 'Surrogate key: xxhash64 of diagnosis_code_system and diagnosis_code; -1 is the unknown member.',
  `diagnosis_code` string COMMENT 'Code of the diagnosis.',
  `diagnosis_code_system` string COMMENT 'ICD-10-CM or SNOMED-CT.',
  `diagnosis_description` string COMMENT 'Description of the diagnosis.',
  `icd10_chapter` int COMMENT 'Chapter of ICD-10-CM, 1 to 22; empty for other code systems.',
  `icd10_chapter_title` string COMMENT 'Title of the chapter.'
)
COMMENT 'One row per diagnosis code, and the unknown member -1.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_diagnosis/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_diagnosis" AS SELECT * FROM "hdp_gold_releases"."dim_diagnosis" WHERE release_id = '<release>';
