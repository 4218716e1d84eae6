-- One row per department of a facility, and the unknown member -1.
-- Generated from its contract: hdp contracts render

CREATE EXTERNAL TABLE IF NOT EXISTS `hdp_gold_releases`.`dim_department` (
  `department_key` bigint COMMENT 'Surrogate key: xxhash64 of facility and department; -1 is the unknown member.',
  `facility` string COMMENT 'Hospital or site; empty if the source has only one.',
  `department` string COMMENT 'Department or service; empty if only the facility is known.'
)
COMMENT 'One row per department of a facility, and the unknown member -1.'
PARTITIONED BY (
  `release_id` string COMMENT 'The release, named after the run that made it; immutable.'
)
STORED AS PARQUET
LOCATION 's3://hdp-gold/dim_department/';

-- The view of the published release. Each publication replaces it.
CREATE OR REPLACE VIEW "hdp_gold"."dim_department" AS SELECT * FROM "hdp_gold_releases"."dim_department" WHERE release_id = '<release>';
