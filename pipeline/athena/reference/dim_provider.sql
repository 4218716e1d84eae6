-- One row per version of a clinician (Type 2 history), and the unknown member -1.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_provider` (
  `provider_key` bigint COMMENT 'Surrogate key of this version: xxhash64 of provider_npi and the start of the version; -1 is the unknown member.',
  `provider_durable_key` bigint COMMENT 'The same for every version of a clinician: xxhash64 of provider_npi.',
  `provider_npi` string COMMENT 'National Provider Identifier, or the source''s own identifier where it has no NPI.',
  `provider_name` string COMMENT 'Name as recorded.',
  `provider_specialty` string COMMENT 'Specialty as recorded.',
  `is_npi_valid` boolean COMMENT 'Ten digits, the first 1 or 2, with the right check digit (Luhn over 80840 and the NPI; CMS).',
  `valid_from` timestamp COMMENT 'Start of validity of this version (inclusive).',
  `valid_to` timestamp COMMENT 'End of validity of this version (exclusive); 9999-12-31 for the current version.',
  `is_current` boolean COMMENT 'True for the newest version.',
  `version` int COMMENT '1 for the oldest version; 0 for the unknown member.'
)
COMMENT 'One row per version of a clinician (Type 2 history), and the unknown member -1.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_provider/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_provider" AS SELECT * FROM "hdp_gold_releases"."dim_provider" WHERE release_id = '<release>';
