-- One row per medication code, and the unknown member -1.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_medication` (
  `medication_key` bigint COMMENT 'Surrogate key: xxhash64 of medication_code_system and medication_code; -1 is the unknown member.',
  `medication_code` string COMMENT 'Code, usually the RxNorm RXCUI.',
  `medication_code_system` string COMMENT 'RxNorm or NDC.',
  `medication_name` string COMMENT 'Name, strength and form.',
  `therapeutic_class` string COMMENT 'Therapeutic class by the formulary; empty where the formulary does not have the code.',
  `dose_form` string COMMENT 'Dose form (tablet, capsule, injection, inhaler …), by the formulary or from the name.',
  `usual_dose_low` double COMMENT 'Lower end of the usual single dose, in usual_dose_unit.',
  `usual_dose_high` double COMMENT 'Upper end of the usual single dose, in usual_dose_unit.',
  `usual_dose_unit` string COMMENT 'UCUM unit of the usual dose.'
)
COMMENT 'One row per medication code, and the unknown member -1.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_medication/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_medication" AS SELECT * FROM "hdp_gold_releases"."dim_medication" WHERE release_id = '<release>';
